// SPDX-License-Identifier: GPL-2.0
/* See hyperv_call.h. Pure, and compiled for both rings. */
#include "gim/hyperv_call.h"
#include "gim/hyperv_tlfs.h"

enum { RAX, RCX, RDX, RBX, RSI = 6, RDI, R8 };

/* "Hypercall Input Value" */
#define INPUT_FAST	BIT_ULL(16)
#define INPUT_RESERVED	(GENMASK_ULL(31, 27) | GENMASK_ULL(47, 44) | GENMASK_ULL(63, 60))

static u64 pair(u64 high, u64 low)
{
	return high << 32 | (u32)low;
}

void hyperv_call_decode(struct hyperv_call *call, const u64 *r, bool wide)
{
	u64 input = wide ? r[RCX] : pair(r[RDX], r[RAX]);

	*call = (struct hyperv_call){
		.code = input & 0xffff,
		.fast = input & INPUT_FAST,
		.reserved = input & INPUT_RESERVED,
		.header = input >> 17 & 0x3ff,
		.count = input >> 32 & 0xfff,
		.start = input >> 48 & 0xfff,
		.in = wide ? r[RDX] : pair(r[RBX], r[RCX]),
		.out = wide ? r[R8] : pair(r[RDI], r[RSI]),
	};
}

void hyperv_call_result(u64 *r, bool wide, u16 status, u16 done)
{
	u64 result = status | (u64)done << 32;

	r[RAX] = wide ? result : (u32)result;
	if (!wide)
		r[RDX] = result >> 32;
}

/* In one page, and aligned. */
static bool is_placed(u64 gpa, u32 size)
{
	return IS_ALIGNED(gpa, 8) && (gpa & (HV_PAGE_SIZE - 1)) + size <= HV_PAGE_SIZE;
}

u16 hyperv_call_check(const struct hyperv_call *call, const struct hyperv_form *form)
{
	u32 in = form->in + call->header * 8 + call->count * 8;

	if (call->reserved || (call->header && !form->set))
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	if (form->list ? call->start >= call->count : call->start || call->count)
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	/* Two registers of input are all there is, and none of output. */
	if (call->fast)
		return in > 16 || form->out ? HV_STATUS_INVALID_HYPERCALL_INPUT :
					      HV_STATUS_SUCCESS;
	if ((in && !is_placed(call->in, in)) || (form->out && !is_placed(call->out, form->out)))
		return HV_STATUS_INVALID_ALIGNMENT;
	return HV_STATUS_SUCCESS;
}

u16 hyperv_set_expand(struct hyperv_set *set, u64 format, u64 valid, const u64 *banks, u16 count)
{
	u16 given = 0;
	int i;

	if (format > HYPERV_SET_ALL)
		return HV_STATUS_INVALID_PARAMETER;
	for (i = 0; i < 64; i++) {
		bool is_valid = valid >> i & 1;

		if (i < HYPERV_BANKS)
			set->bank[i] = format == HYPERV_SET_ALL ? ~0ULL :
				       is_valid && given < count ? banks[given] : 0;
		given += is_valid;
	}
	return given == count ? HV_STATUS_SUCCESS : HV_STATUS_INVALID_HYPERCALL_INPUT;
}
