// SPDX-License-Identifier: GPL-2.0
/*
 * Calls of Hyper-V's interface that many vCPUs make often: flushes of TLBs,
 * interrupts to several, and the word that one spins. They are made by ring 0
 * in protected mode; from elsewhere, and while the guest has them off, they are
 * user space's to refuse.
 *
 * What is flushed is always all that the TLB has. When the call returns each of
 * the processors has left the guest since, and flushes before it enters again.
 * An instruction that is just being emulated for one of them may still use
 * what it has looked up before.
 */
#include <linux/kernel.h>
#include <linux/preempt.h>
#include <asm/processor-flags.h>

#include "hv.h"
#include "hw.h"
#include "insn.h"
#include "lapic.h"
#include "mem.h"
#include "npt.h"
#include "shared/gim/hyperv_call.h"
#include "vcpu.h"
#include "yield.h"

/* ---- input ------------------------------------------------------------------------- */

static u16 hv_input(struct vcpu *vcpu, const struct hyperv_call *call, u64 *words, u32 count)
{
	if (call->fast) {
		words[0] = call->in;
		words[1] = call->out;
		return HV_STATUS_SUCCESS;
	}
	return mem_read(vcpu->vm, call->in, words, count * sizeof(*words)) ?
	       HV_STATUS_INVALID_ALIGNMENT : HV_STATUS_SUCCESS;
}

/* A set whose two words are given, and its banks behind @at bytes of input. */
static u16 hv_input_set(struct vcpu *vcpu, const struct hyperv_call *call, const u64 *words,
			u32 at, struct hyperv_set *set)
{
	u64 banks[HYPERV_BANKS];
	u32 count = min_t(u32, call->header, HYPERV_BANKS);

	if (count && mem_read(vcpu->vm, call->in + at, banks, count * sizeof(banks[0])))
		return HV_STATUS_INVALID_ALIGNMENT;
	return hyperv_set_expand(set, words[0], words[1], banks, call->header);
}

/* ---- "HvCallFlushVirtualAddressSpace" and its like ---------------------------------- */

#define FLUSH_ALL_PROCESSORS	BIT_ULL(0)
/* All address spaces, what is not global, lists in another format: it is all one. */
#define FLUSH_FLAGS		GENMASK_ULL(3, 0)

static void hv_flush_set(struct vm *vm, const struct hyperv_set *set)
{
	struct vcpu *vcpu;
	u32 i;

	vm_for_each_vcpu(i, vcpu, vm) {
		if (set->bank[vcpu->apic_id / 64] >> (vcpu->apic_id % 64) & 1)
			set_bit(VCPU_REQ_FLUSH, &vcpu->requests);
	}
	preempt_disable();
	npt_interrupt(vm, BIT(VCPU_REQ_FLUSH));
	preempt_enable();
}

/* Input: address space, flags, a mask. */
static u16 hv_flush(struct vcpu *vcpu, const struct hyperv_call *call)
{
	struct hyperv_set set = { 0 };
	u64 words[3];
	u16 status = hv_input(vcpu, call, words, ARRAY_SIZE(words));

	if (status)
		return status;
	if (words[1] & ~FLUSH_FLAGS)
		return HV_STATUS_INVALID_PARAMETER;
	set.bank[0] = words[2];
	/* There are guests that mean all by none. */
	if ((words[1] & FLUSH_ALL_PROCESSORS) || !words[2])
		memset(&set, 0xff, sizeof(set));
	hv_flush_set(vcpu->vm, &set);
	return HV_STATUS_SUCCESS;
}

/* Address space, flags, a set. */
static u16 hv_flush_ex(struct vcpu *vcpu, const struct hyperv_call *call)
{
	struct hyperv_set set;
	u64 words[4];
	u16 status = hv_input(vcpu, call, words, ARRAY_SIZE(words));

	if (!status)
		status = hv_input_set(vcpu, call, words + 2, sizeof(words), &set);
	if (status)
		return status;
	if (words[1] & ~FLUSH_FLAGS)
		return HV_STATUS_INVALID_PARAMETER;
	if (words[1] & FLUSH_ALL_PROCESSORS)
		memset(&set, 0xff, sizeof(set));
	hv_flush_set(vcpu->vm, &set);
	return HV_STATUS_SUCCESS;
}

/* ---- "HvCallSendSyntheticClusterIpi" ------------------------------------------------- */

/* @word: the vector; above it nothing. */
static u16 hv_send_set(struct vcpu *vcpu, u64 word, const struct hyperv_set *set)
{
	u32 i;

	if (word < 16 || word > 255)
		return HV_STATUS_INVALID_PARAMETER;
	for (i = 0; i < HYPERV_BANKS; i += 2)
		lapic_send_set(vcpu->vm, word, i * 64, set->bank + i);
	return HV_STATUS_SUCCESS;
}

static u16 hv_send_ipi(struct vcpu *vcpu, const struct hyperv_call *call)
{
	struct hyperv_set set = { 0 };
	u64 words[2];
	u16 status = hv_input(vcpu, call, words, ARRAY_SIZE(words));

	if (status)
		return status;
	set.bank[0] = words[1];
	return hv_send_set(vcpu, words[0], &set);
}

static u16 hv_send_ipi_ex(struct vcpu *vcpu, const struct hyperv_call *call)
{
	struct hyperv_set set;
	u64 words[3];
	u16 status = hv_input(vcpu, call, words, ARRAY_SIZE(words));

	if (!status)
		status = hv_input_set(vcpu, call, words + 1, sizeof(words), &set);
	return status ? status : hv_send_set(vcpu, words[0], &set);
}

/* ---- "HvCallNotifyLongSpinWait" -------------------------------------------------------- */

static u16 hv_long_spin(struct vcpu *vcpu, const struct hyperv_call *call)
{
	yield_to_preempted(vcpu);
	return HV_STATUS_SUCCESS;
}

/* ---- the table ----------------------------------------------------------------------------- */

struct hv_row {
	struct hyperv_form form;
	u32 flags;
	u16 (*call)(struct vcpu *vcpu, const struct hyperv_call *call);
};

static const struct hv_row hv_rows[] = {
	{ { .code = HV_CALL_SEND_IPI, .in = 16 }, VMM_HV_SEND_IPI, hv_send_ipi },
	{ { .code = HV_CALL_SEND_IPI_EX, .in = 24, .set = true },
	  VMM_HV_SEND_IPI | VMM_HV_EX_MASKS, hv_send_ipi_ex },
	{ { .code = HV_CALL_FLUSH_LIST, .in = 24, .list = true }, VMM_HV_FLUSH, hv_flush },
	{ { .code = HV_CALL_FLUSH_SPACE, .in = 24 }, VMM_HV_FLUSH, hv_flush },
	{ { .code = HV_CALL_FLUSH_LIST_EX, .in = 32, .set = true, .list = true },
	  VMM_HV_FLUSH | VMM_HV_EX_MASKS, hv_flush_ex },
	{ { .code = HV_CALL_FLUSH_SPACE_EX, .in = 32, .set = true },
	  VMM_HV_FLUSH | VMM_HV_EX_MASKS, hv_flush_ex },
	{ { .code = HV_CALL_LONG_SPIN_WAIT, .in = 8 }, VMM_HV_LONG_SPIN, hv_long_spin },
};

static const struct hv_row *hv_row_find(struct vm *vm, u16 code)
{
	const struct hv_row *row;

	for (row = hv_rows; row < hv_rows + ARRAY_SIZE(hv_rows); row++) {
		if (row->form.code == code && !(row->flags & ~vm->hv.set.flags))
			return row;
	}
	return NULL;
}

static bool hv_may_call(struct vcpu *vcpu, bool wide)
{
	struct vmm_sregs sregs;

	if (!(READ_ONCE(vcpu->vm->hv.on.flags) & VMM_HV_ON_CALLS) || insn_cpl(vcpu))
		return false;
	if (wide)
		return true;
	hw->sregs_get(vcpu, &sregs);
	return sregs.cr0 & X86_CR0_PE;
}

bool hv_hypercall(struct vcpu *vcpu)
{
	bool wide = insn_code_size(vcpu) == 8;
	u64 *r = vcpu->gprs.r;
	const struct hv_row *row;
	struct hyperv_call call;
	u16 status, done = 0;

	if (!hv_may_call(vcpu, wide))
		return false;
	hyperv_call_decode(&call, r, wide);
	row = hv_row_find(vcpu->vm, call.code);
	if (!row)
		return false;
	status = hyperv_call_check(&call, &row->form);
	if (!status)
		status = row->call(vcpu, &call);
	if (!status)
		done = call.count;
	hyperv_call_result(r, wide, status, done);
	return true;
}
