// SPDX-License-Identifier: GPL-2.0
/*
 * Hypercalls that the module has not done: what is wrong with them, and those
 * that are rare. Each call has its own rules for input and status.
 *
 * Calls are made by ring 0 in protected mode, once the guest has said who it
 * is and has enabled the page to call through; until then, and from elsewhere,
 * there is no such instruction.
 */
#include "gim/hyperv.h"

struct hyperv_row {
	struct hyperv_form form;
	u64 feature;			/* without it: access denied, */
	bool hidden;			/* or no such call */
	hyperv_call_fn *call;
};

/* "HvExtCallQueryCapabilities": there are no further extended calls. */
static u16 hyperv_query_capabilities(struct hyperv_vp *vp, const struct hyperv_call *call)
{
	u64 none = 0;

	return pgm_write(vp->hv->gim->config.pgm, call->out, &none, sizeof(none)) ?
	       HV_STATUS_INVALID_ALIGNMENT : HV_STATUS_SUCCESS;
}

/* Known, and nobody's. */
#define NOT_OFFERED	BIT_ULL(63)

static const struct hyperv_row hyperv_rows[] = {
	/* The module has done them if they are offered. */
	{ { .code = HV_CALL_FLUSH_SPACE }, .feature = NOT_OFFERED },
	{ { .code = HV_CALL_FLUSH_LIST }, .feature = NOT_OFFERED },
	{ { .code = HV_CALL_LONG_SPIN_WAIT }, .feature = NOT_OFFERED },
	{ { .code = HV_CALL_SEND_IPI }, .feature = NOT_OFFERED },
	{ { .code = HV_CALL_FLUSH_SPACE_EX }, .feature = NOT_OFFERED },
	{ { .code = HV_CALL_FLUSH_LIST_EX }, .feature = NOT_OFFERED },
	{ { .code = HV_CALL_SEND_IPI_EX }, .feature = NOT_OFFERED },
	{ { .code = HV_CALL_POST_MESSAGE }, .feature = NOT_OFFERED },
	{ { .code = HV_CALL_SIGNAL_EVENT }, .feature = NOT_OFFERED },
	{ { .code = HV_CALL_POST_DEBUG_DATA, .in = sizeof(struct hv_post_debug_in),
	    .out = sizeof(u32) },
	  .feature = HYPERV_DEBUG, .call = hyperv_debug_post, .hidden = true },
	{ { .code = HV_CALL_RETRIEVE_DEBUG_DATA, .in = sizeof(struct hv_retrieve_debug_in),
	    .out = sizeof(struct hv_retrieve_debug_out) },
	  .feature = HYPERV_DEBUG, .call = hyperv_debug_retrieve, .hidden = true },
	{ { .code = HV_CALL_RESET_DEBUG_SESSION, .in = sizeof(u32) },
	  .feature = HYPERV_DEBUG, .call = hyperv_debug_reset_session, .hidden = true },
	{ { .code = HV_EXT_CALL_QUERY_CAPABILITIES, .out = 8 }, .feature = HYPERV_EXTENDED,
	  .call = hyperv_query_capabilities },
};

static u16 hyperv_call_do(struct hyperv_vp *vp, const struct hyperv_call *call)
{
	const struct hyperv_row *row = hyperv_rows;
	u16 status;

	while (row < hyperv_rows + ARRAY_SIZE(hyperv_rows) && row->form.code != call->code)
		row++;
	if (row == hyperv_rows + ARRAY_SIZE(hyperv_rows))
		return HV_STATUS_INVALID_HYPERCALL_CODE;
	if (!hyperv_has(vp->hv, row->feature))
		return row->hidden ? HV_STATUS_INVALID_HYPERCALL_CODE : HV_STATUS_ACCESS_DENIED;
	status = hyperv_call_check(call, &row->form);
	return status ? status : row->call(vp, call);
}

int hyperv_hypercall(struct gim *gim, struct hm_vcpu *vcpu, const struct gim_call *call)
{
	struct hyperv *hv = hyperv_of(gim);
	struct hyperv_call decoded;
	u64 r[VMM_GPR_COUNT];
	u16 status;

	if (call->cpl || !call->is_protected || !hyperv_calls_are_on(hv))
		return -ENOSYS;
	for (int i = 0; i < VMM_GPR_COUNT; i++)
		r[i] = call->gprs->r[i];
	hyperv_call_decode(&decoded, r, call->wide);
	status = hyperv_call_do(&hv->vp[vcpu->index], &decoded);
	hyperv_call_result(r, call->wide, status, 0);
	call->gprs->r[VMM_RAX] = r[VMM_RAX];
	call->gprs->r[VMM_RDX] = r[VMM_RDX];
	return 0;
}
