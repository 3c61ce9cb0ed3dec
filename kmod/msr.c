// SPDX-License-Identifier: GPL-2.0
/*
 * Model-specific registers.
 *
 * One table: who keeps the MSR and what values it takes. Those in the control
 * block are the vendor's, the local APIC's are its own, those a VM has a
 * fixed answer for come from user space's table, and every other one is user
 * space's to decide.
 */
#include <linux/bsearch.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/user-return-notifier.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/mtrr.h>
#include <asm/processor-flags.h>

#include "clock.h"
#include "hv.h"
#include "hw.h"
#include "lapic.h"
#include "msr.h"
#include "pv.h"
#include "state.h"
#include "vcpu.h"

struct msr_row {
	u32 first, last;
	bool saved;		/* part of a vCPU's state */
	int (*get)(struct vcpu *vcpu, u32 index, u64 *value);
	int (*set)(struct vcpu *vcpu, u32 index, u64 value);	/* NULL: #GP */
};

/* ---- getters and setters -------------------------------------------------------- */

static int msr_tsc_get(struct vcpu *vcpu, u32 index, u64 *value)
{
	*value = clock_guest_tsc(vcpu);
	return 0;
}

/* "IA32_TSC_ADJUST": a write to either register moves both. */
static int msr_tsc_move(struct vcpu *vcpu, s64 delta)
{
	vcpu->tsc_offset += delta;
	vcpu->tsc_adjust += delta;
	clock_tell(vcpu);
	lapic_clock_changed(vcpu);
	pv_tsc_moved(vcpu);
	hv_tsc_moved(vcpu->vm);
	return 0;
}

static int msr_tsc_set(struct vcpu *vcpu, u32 index, u64 value)
{
	return msr_tsc_move(vcpu, value - clock_guest_tsc(vcpu));
}

static int msr_tsc_adjust_get(struct vcpu *vcpu, u32 index, u64 *value)
{
	*value = vcpu->tsc_adjust;
	return 0;
}

static int msr_tsc_adjust_set(struct vcpu *vcpu, u32 index, u64 value)
{
	return msr_tsc_move(vcpu, value - vcpu->tsc_adjust);
}

static int msr_lapic_get(struct vcpu *vcpu, u32 index, u64 *value)
{
	return lapic_msr_read(vcpu, index, value);
}

static int msr_lapic_set(struct vcpu *vcpu, u32 index, u64 value)
{
	return lapic_msr_write(vcpu, index, value);
}

static int msr_hw_get(struct vcpu *vcpu, u32 index, u64 *value)
{
	return hw->msr_get(vcpu, index, value);
}

static bool msr_is_canonical(u64 address)
{
	int shift = 64 - (boot_cpu_has(X86_FEATURE_LA57) ? 57 : 48);

	return (u64)((s64)(address << shift) >> shift) == address;
}

static int msr_address_set(struct vcpu *vcpu, u32 index, u64 value)
{
	return msr_is_canonical(value) ? hw->msr_set(vcpu, index, value) : -EINVAL;
}

static int msr_hw_set(struct vcpu *vcpu, u32 index, u64 value)
{
	return hw->msr_set(vcpu, index, value);
}

static int msr_efer_get(struct vcpu *vcpu, u32 index, u64 *value)
{
	struct vmm_sregs sregs;

	hw->sregs_get(vcpu, &sregs);
	*value = sregs.efer;
	return 0;
}

/* "Extended Feature Enable Register": LMA follows, LME is fixed under paging. */
static int msr_efer_set(struct vcpu *vcpu, u32 index, u64 value)
{
	struct vmm_sregs sregs;

	hw->sregs_get(vcpu, &sregs);
	if (value & ~state_efer_allowed())
		return -EINVAL;
	if ((sregs.cr0 & X86_CR0_PG) && ((sregs.efer ^ value) & EFER_LME))
		return -EINVAL;
	sregs.efer = (value & ~(u64)EFER_LMA) | (sregs.efer & EFER_LMA);
	hw->sregs_set(vcpu, &sregs);
	hw->flush(vcpu);
	return 0;
}

/* Eight memory types, a byte each: 2, 3 and what is above 7 are none, and 7 is for PAT alone. */
static bool msr_memory_types_valid(u64 types, bool pat)
{
	const u64 bit0 = 0x0101010101010101ULL, bit1 = bit0 << 1, bit2 = bit0 << 2;

	if (types & ~(bit0 | bit1 | bit2) || ((types & bit1) << 1) & ~types)
		return false;
	return pat || !(types & types >> 1 & types >> 2 & bit0);
}

static int msr_pat_get(struct vcpu *vcpu, u32 index, u64 *value)
{
	*value = vcpu->pat;
	return 0;
}

static int msr_pat_set(struct vcpu *vcpu, u32 index, u64 value)
{
	if (!msr_memory_types_valid(value, true))
		return -EINVAL;
	vcpu->pat = value;
	return hw->msr_set(vcpu, index, value);
}

static int msr_tsc_aux_get(struct vcpu *vcpu, u32 index, u64 *value)
{
	*value = vcpu->shared_msr[MSR_SHARED_TSC_AUX];
	return 0;
}

static int msr_tsc_aux_set(struct vcpu *vcpu, u32 index, u64 value)
{
	if (value >> 32)
		return -EINVAL;
	msr_shared_set(vcpu, MSR_SHARED_TSC_AUX, value);
	return 0;
}

#define MSR_MISC_ENABLE_ALLOWED (MSR_IA32_MISC_ENABLE_FAST_STRING | MSR_IA32_MISC_ENABLE_XD_DISABLE)

static int msr_misc_enable_get(struct vcpu *vcpu, u32 index, u64 *value)
{
	*value = vcpu->misc_enable | MSR_IA32_MISC_ENABLE_BTS_UNAVAIL |
		 MSR_IA32_MISC_ENABLE_PEBS_UNAVAIL;
	return 0;
}

static int msr_misc_enable_set(struct vcpu *vcpu, u32 index, u64 value)
{
	vcpu->misc_enable = value & MSR_MISC_ENABLE_ALLOWED;
	return 0;
}

/* MTRRs are kept and given back; nested paging decides about memory types. */
static u64 *msr_mtrr(struct vcpu *vcpu, u32 index)
{
	switch (index) {
	case MSR_MTRRdefType:
		return &vcpu->mtrr_def;
	case MSR_MTRRfix64K_00000:
		return &vcpu->mtrr_fixed[0];
	case MSR_MTRRfix16K_80000 ... MSR_MTRRfix16K_A0000:
		return &vcpu->mtrr_fixed[1 + index - MSR_MTRRfix16K_80000];
	case MSR_MTRRfix4K_C0000 ... MSR_MTRRfix4K_F8000:
		return &vcpu->mtrr_fixed[3 + index - MSR_MTRRfix4K_C0000];
	}
	return &vcpu->mtrr_var[index - MTRRphysBase_MSR(0)];
}

static int msr_mtrr_get(struct vcpu *vcpu, u32 index, u64 *value)
{
	*value = *msr_mtrr(vcpu, index);
	return 0;
}

static bool msr_mtrr_valid(u32 index, u64 value)
{
	u64 address = GENMASK_ULL(boot_cpu_data.x86_phys_bits - 1, 12);

	if (index == MSR_MTRRdefType)
		return !(value & ~0xcffULL) && msr_memory_types_valid(value & 0xff, false);
	if (index < MTRRphysBase_MSR(0) || index > MTRRphysMask_MSR(7))
		return msr_memory_types_valid(value, false);
	if (index & 1)
		return !(value & ~(address | BIT(11)));
	return !(value & ~(address | 0xff)) && msr_memory_types_valid(value & 0xff, false);
}

static int msr_mtrr_set(struct vcpu *vcpu, u32 index, u64 value)
{
	if (!msr_mtrr_valid(index, value))
		return -EINVAL;
	*msr_mtrr(vcpu, index) = value;
	return 0;
}

/* 8 variable ranges, fixed ranges, write-combining. */
static int msr_mtrr_cap_get(struct vcpu *vcpu, u32 index, u64 *value)
{
	*value = 0x508;
	return 0;
}

/* No machine-check banks; no microcode of the guest's own. */
static int msr_zero_get(struct vcpu *vcpu, u32 index, u64 *value)
{
	*value = 0;
	return 0;
}

static int msr_zero_set(struct vcpu *vcpu, u32 index, u64 value)
{
	return value ? -EINVAL : 0;
}

static int msr_drop_set(struct vcpu *vcpu, u32 index, u64 value)
{
	return 0;
}

static int msr_ucode_get(struct vcpu *vcpu, u32 index, u64 *value)
{
	*value = (u64)boot_cpu_data.microcode << 32;
	return 0;
}

/* No supervisor state is offered: IA32_XSS is there with XSAVES, and 0. */
static bool msr_exists(u32 index)
{
	return index != MSR_IA32_XSS || hw_passes.xsaves;
}

/* ---- the table ------------------------------------------------------------------- */

/* In the order of their numbers, by which msr_find() looks. */
static const struct msr_row msr_rows[] = {
	{ MSR_IA32_TSC, MSR_IA32_TSC, true, msr_tsc_get, msr_tsc_set },
	{ MSR_IA32_APICBASE, MSR_IA32_APICBASE, false, msr_lapic_get, msr_lapic_set },
	{ MSR_IA32_TSC_ADJUST, MSR_IA32_TSC_ADJUST, true, msr_tsc_adjust_get, msr_tsc_adjust_set },
	{ MSR_IA32_UCODE_REV, MSR_IA32_UCODE_REV, false, msr_ucode_get, msr_drop_set },
	{ MSR_MTRRcap, MSR_MTRRcap, false, msr_mtrr_cap_get, NULL },
	{ MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_CS, true, msr_hw_get, msr_hw_set },
	{ MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP, true, msr_hw_get, msr_address_set },
	{ MSR_IA32_MCG_CAP, MSR_IA32_MCG_CAP, false, msr_zero_get, NULL },
	{ MSR_IA32_MCG_STATUS, MSR_IA32_MCG_STATUS, false, msr_zero_get, msr_zero_set },
	{ MSR_IA32_MISC_ENABLE, MSR_IA32_MISC_ENABLE, true, msr_misc_enable_get,
	  msr_misc_enable_set },
	{ MSR_IA32_DEBUGCTLMSR, MSR_IA32_DEBUGCTLMSR, false, msr_zero_get, msr_zero_set },
	{ MTRRphysBase_MSR(0), MTRRphysMask_MSR(7), true, msr_mtrr_get, msr_mtrr_set },
	{ MSR_MTRRfix64K_00000, MSR_MTRRfix64K_00000, true, msr_mtrr_get, msr_mtrr_set },
	{ MSR_MTRRfix16K_80000, MSR_MTRRfix16K_A0000, true, msr_mtrr_get, msr_mtrr_set },
	{ MSR_MTRRfix4K_C0000, MSR_MTRRfix4K_F8000, true, msr_mtrr_get, msr_mtrr_set },
	{ MSR_IA32_CR_PAT, MSR_IA32_CR_PAT, true, msr_pat_get, msr_pat_set },
	{ MSR_MTRRdefType, MSR_MTRRdefType, true, msr_mtrr_get, msr_mtrr_set },
	{ MSR_IA32_TSC_DEADLINE, MSR_IA32_TSC_DEADLINE, false, msr_lapic_get, msr_lapic_set },
	{ 0x800, 0x8ff, false, msr_lapic_get, msr_lapic_set },
	{ MSR_IA32_XSS, MSR_IA32_XSS, false, msr_zero_get, msr_zero_set },
	{ MSR_EFER, MSR_EFER, false, msr_efer_get, msr_efer_set },
	{ MSR_STAR, MSR_STAR, true, msr_hw_get, msr_hw_set },
	{ MSR_LSTAR, MSR_CSTAR, true, msr_hw_get, msr_address_set },
	{ MSR_SYSCALL_MASK, MSR_SYSCALL_MASK, true, msr_hw_get, msr_hw_set },
	{ MSR_FS_BASE, MSR_GS_BASE, false, msr_hw_get, msr_address_set },
	{ MSR_KERNEL_GS_BASE, MSR_KERNEL_GS_BASE, true, msr_hw_get, msr_address_set },
	{ MSR_TSC_AUX, MSR_TSC_AUX, true, msr_tsc_aux_get, msr_tsc_aux_set },
};

static int msr_compare(const void *key, const void *element)
{
	const u32 *index = key;
	const struct msr_row *row = element;

	return *index < row->first ? -1 : *index > row->last;
}

static const struct msr_row *msr_find(u32 index)
{
	if (!msr_exists(index))
		return NULL;
	return __inline_bsearch(&index, msr_rows, ARRAY_SIZE(msr_rows), sizeof(*msr_rows),
				msr_compare);
}

/* A guest's next is often its last. */
static const struct msr_row *msr_find_again(struct vcpu *vcpu, u32 index)
{
	const struct msr_row *row = vcpu->msr_row;

	if (row && index >= row->first && index <= row->last)
		return row;
	row = msr_find(index);
	if (row)
		vcpu->msr_row = row;
	return row;
}

/* vm->msr is fixed once a vCPU exists. */
static const struct vmm_msr_answer *msr_answer(struct vm *vm, u32 index)
{
	u32 i;

	for (i = 0; i < vm->msr_count; i++) {
		if (vm->msr[i].index == index)
			return &vm->msr[i];
	}
	return NULL;
}

int msr_read(struct vcpu *vcpu, u32 index, u64 *value)
{
	const struct vmm_msr_answer *answer;
	const struct msr_row *row;

	if (hv_owns_msr(index))
		return hv_msr_read(vcpu, index, value);
	row = msr_find_again(vcpu, index);
	if (row)
		return row->get(vcpu, index, value);
	answer = msr_answer(vcpu->vm, index);
	if (!answer)
		return -ENOENT;
	*value = answer->value;
	return 0;
}

int msr_write(struct vcpu *vcpu, u32 index, u64 value)
{
	const struct vmm_msr_answer *answer;
	const struct msr_row *row;

	/* Between an idle guest and its timer stands this one write. */
	if (index == MSR_IA32_TSC_DEADLINE)
		return lapic_msr_write(vcpu, index, value);
	if (hv_owns_msr(index))
		return hv_msr_write(vcpu, index, value);
	row = msr_find_again(vcpu, index);
	if (row)
		return row->set ? row->set(vcpu, index, value) : -EINVAL;
	answer = msr_answer(vcpu->vm, index);
	return answer && (answer->flags & VMM_MSR_WRITE_IGNORED) ? 0 : -ENOENT;
}

#define MSR_PAT_RESET		0x0007040600070406ULL

void msr_reset(struct vcpu *vcpu)
{
	memset(vcpu->shared_msr, 0, sizeof(vcpu->shared_msr));
	vcpu->tsc_offset = 0;
	vcpu->tsc_adjust = 0;
	vcpu->misc_enable = MSR_IA32_MISC_ENABLE_FAST_STRING;
	vcpu->mtrr_def = 0;
	memset(vcpu->mtrr_fixed, 0, sizeof(vcpu->mtrr_fixed));
	memset(vcpu->mtrr_var, 0, sizeof(vcpu->mtrr_var));
	vcpu->pat = MSR_PAT_RESET;
	hw->msr_set(vcpu, MSR_IA32_CR_PAT, MSR_PAT_RESET);
	vcpu_request(vcpu, VCPU_REQ_CLOCK);
}

/* ---- shared with user space ----------------------------------------------------------- */

/*
 * The kernel itself uses none of these, so the guest's values stay until this
 * CPU returns to user space. The host's are read once: they are set at boot.
 */
static const u32 msr_shared_index[MSR_SHARED_COUNT] = {
	[MSR_SHARED_TSC_AUX] = MSR_TSC_AUX,
	[MSR_SHARED_STAR] = MSR_STAR,
	[MSR_SHARED_LSTAR] = MSR_LSTAR,
	[MSR_SHARED_SFMASK] = MSR_SYSCALL_MASK,
};

struct msr_cpu {
	struct user_return_notifier notifier;
	bool registered, known;
	u64 host[MSR_SHARED_COUNT], now[MSR_SHARED_COUNT];
};

static DEFINE_PER_CPU(struct msr_cpu, msr_cpus);

static bool msr_is_shared(int i)
{
	if (i == MSR_SHARED_TSC_AUX)
		return boot_cpu_has(X86_FEATURE_RDTSCP);
	return hw->shared_msrs & BIT(i);
}

static void msr_unload(struct msr_cpu *mc)
{
	int i;

	for (i = 0; i < MSR_SHARED_COUNT; i++) {
		if (mc->now[i] == mc->host[i])
			continue;
		wrmsrl(msr_shared_index[i], mc->host[i]);
		mc->now[i] = mc->host[i];
	}
	mc->registered = false;
	user_return_notifier_unregister(&mc->notifier);
}

static void msr_user_return(struct user_return_notifier *notifier)
{
	unsigned long flags;

	/* The IPI that turns virtualisation off unloads as well. */
	local_irq_save(flags);
	if (this_cpu_ptr(&msr_cpus)->registered)
		msr_unload(this_cpu_ptr(&msr_cpus));
	local_irq_restore(flags);
}

void msr_unload_cpu(void)
{
	struct msr_cpu *mc = this_cpu_ptr(&msr_cpus);

	if (mc->registered)
		msr_unload(mc);
	/* The CPU may come back with other values. */
	mc->known = false;
}

static void msr_learn(struct msr_cpu *mc)
{
	int i;

	for (i = 0; i < MSR_SHARED_COUNT; i++) {
		if (msr_is_shared(i))
			rdmsrl(msr_shared_index[i], mc->host[i]);
		mc->now[i] = mc->host[i];
	}
	mc->known = true;
}

static bool msr_is_loaded(struct msr_cpu *mc, struct vcpu *vcpu)
{
	u64 differ = 0;
	int i;

	for (i = 0; i < MSR_SHARED_COUNT; i++)
		differ |= mc->now[i] ^ vcpu->shared_msr[i];
	return mc->known && !differ;
}

/* Preemption off. */
void msr_load(struct vcpu *vcpu)
{
	struct msr_cpu *mc = this_cpu_ptr(&msr_cpus);
	unsigned long flags;
	int i;

	/* Where the host's values are the guest's as well, nothing waits for user space. */
	if (likely(msr_is_loaded(mc, vcpu)))
		return;
	local_irq_save(flags);
	if (!mc->known)
		msr_learn(mc);
	if (!mc->registered) {
		mc->notifier.on_user_return = msr_user_return;
		user_return_notifier_register(&mc->notifier);
		mc->registered = true;
	}
	for (i = 0; i < MSR_SHARED_COUNT; i++) {
		if (mc->now[i] == vcpu->shared_msr[i] || !msr_is_shared(i))
			continue;
		wrmsrl(msr_shared_index[i], vcpu->shared_msr[i]);
		mc->now[i] = vcpu->shared_msr[i];
	}
	local_irq_restore(flags);
}

void msr_shared_set(struct vcpu *vcpu, enum msr_shared which, u64 value)
{
	preempt_disable();
	vcpu->shared_msr[which] = value;
	msr_load(vcpu);
	preempt_enable();
}

/* ---- ioctls --------------------------------------------------------------------------- */

long msr_set_answers(struct vm *vm, const struct vmm_msr_answers *req)
{
	struct vmm_msr_answer *answers;
	u32 i;

	if (vm->vcpu_count)
		return -EBUSY;
	if (!req->count || req->count > VMM_MSR_ANSWERS_MAX)
		return -EINVAL;
	answers = vmemdup_user((void __user *)req->entries,
			       array_size(req->count, sizeof(*answers)));
	if (IS_ERR(answers))
		return PTR_ERR(answers);
	for (i = 0; i < req->count; i++) {
		if ((answers[i].flags & ~VMM_MSR_WRITE_IGNORED) || msr_find(answers[i].index) ||
		    hv_owns_msr(answers[i].index)) {
			kvfree(answers);
			return -EINVAL;
		}
	}
	kvfree(vm->msr);
	vm->msr = answers;
	vm->msr_count = req->count;
	return 0;
}

long msr_list(struct vmm_msrs *req)
{
	struct vmm_msr __user *user = (void __user *)req->entries;
	const struct msr_row *row;
	u32 index, n = 0;

	for (row = msr_rows; row < msr_rows + ARRAY_SIZE(msr_rows); row++) {
		for (index = row->first; row->saved && index <= row->last; index++, n++) {
			struct vmm_msr msr = { .index = index };

			if (n >= req->count)
				return -E2BIG;
			if (copy_to_user(user + n, &msr, sizeof(msr)))
				return -EFAULT;
		}
	}
	req->count = n;
	return 0;
}

static long msr_many(struct vcpu *vcpu, struct vmm_msrs *req, bool set)
{
	struct vmm_msr __user *user = (void __user *)req->entries;
	struct vmm_msr msr;
	long err = 0;
	u32 i;

	if (req->count > VMM_MSRS_MAX)
		return -EINVAL;
	for (i = 0; i < req->count && !err; i++) {
		const struct msr_row *row;

		if (copy_from_user(&msr, user + i, sizeof(msr)))
			return -EFAULT;
		row = msr_find(msr.index);
		if (msr.pad || !row || (set && !row->set))
			return -EINVAL;
		if (set) {
			err = row->set(vcpu, msr.index, msr.value);
			continue;
		}
		err = row->get(vcpu, msr.index, &msr.value);
		if (!err && copy_to_user(user + i, &msr, sizeof(msr)))
			return -EFAULT;
	}
	req->count = i;
	return err;
}

long msr_get_many(struct vcpu *vcpu, struct vmm_msrs *req)
{
	return msr_many(vcpu, req, false);
}

long msr_set_many(struct vcpu *vcpu, struct vmm_msrs *req)
{
	return msr_many(vcpu, req, true);
}
