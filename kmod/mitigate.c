// SPDX-License-Identifier: GPL-2.0
/*
 * Barriers between the host and its guests, and between guests, against leaks
 * through what a CPU keeps out of sight: buffers, caches, predictors. Whether
 * one is needed the kernel has found out, and the host's administrator has
 * decided (mitigations=); here and in the world switches it is done.
 *
 * Those of every entry and exit stand in switch.S, as alternatives that are
 * patched by the same features as the table below reads; the L1 data cache is
 * vmx/l1d.c's. Here are those of the time between, and the list of all.
 *
 * Leaves out VERW for guests with devices of the host (MMIO Stale Data on CPUs
 * that have no other need of it): none can be mapped, mem.c has pages only.
 * A guest is not offered SPEC_CTRL or PRED_CMD: it runs under the host's own
 * SPEC_CTRL, so nothing of it is to be switched.
 */
#include <linux/cpu.h>
#include <linux/percpu.h>
#include <asm/cpufeature.h>
#include <asm/nospec-branch.h>

#include "compat.h"
#include "hw.h"
#include "mitigate.h"
#include "vcpu.h"

/* The vCPU that this CPU's branch predictor knows: written by its CPU, cleared by any. */
static DEFINE_PER_CPU(struct vcpu *, mitigate_last);

struct mitigate_row {
	u32 barrier;			/* VMM_BARRIER_* */
	u32 vendor;			/* VMM_VENDOR_*, 0: both */
	int features[2];		/* any of them demands it; 0: none */
};

static const struct mitigate_row mitigate_rows[] = {
	{ VMM_BARRIER_VERW,	 VMM_VENDOR_VMX, { X86_FEATURE_CLEAR_CPU_BUF } },
	{ VMM_BARRIER_VERW,	 VMM_VENDOR_SVM, { COMPAT_FEATURE_VERW_SVM } },
	{ VMM_BARRIER_DIVIDER,	 VMM_VENDOR_SVM, { X86_BUG_DIV0 } },
	{ VMM_BARRIER_RSB,	 0,		 { X86_FEATURE_RSB_VMEXIT } },
	{ VMM_BARRIER_RSB_ONE,	 VMM_VENDOR_VMX, { X86_FEATURE_RSB_VMEXIT_LITE } },
	{ VMM_BARRIER_IBRS,	 VMM_VENDOR_VMX, { X86_FEATURE_KERNEL_IBRS } },
	{ VMM_BARRIER_BHB,	 VMM_VENDOR_VMX, { X86_FEATURE_CLEAR_BHB_LOOP_ON_VMEXIT } },
	{ VMM_BARRIER_UNTRAIN,	 VMM_VENDOR_SVM, { X86_FEATURE_UNRET, X86_FEATURE_SRSO_ALIAS } },
	{ VMM_BARRIER_IBPB_EXIT, 0,		 { X86_FEATURE_IBPB_ON_VMEXIT } },
	{ VMM_BARRIER_IBPB_VCPU, 0,		 { X86_FEATURE_USE_IBPB } },
	{ VMM_BARRIER_IBPB_USER, 0,		 { COMPAT_FEATURE_IBPB_USER } },
	{ VMM_BARRIER_BP_REDUCE, VMM_VENDOR_SVM, { COMPAT_FEATURE_BP_REDUCE } },
};

static bool mitigate_is_due(const struct mitigate_row *row, u32 vendor)
{
	int i;

	if (row->vendor && row->vendor != vendor)
		return false;
	for (i = 0; i < ARRAY_SIZE(row->features); i++) {
		if (row->features[i] && boot_cpu_has(row->features[i]))
			return true;
	}
	return false;
}

void mitigate_setup(struct vmm_info *info)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(mitigate_rows); i++) {
		if (mitigate_is_due(&mitigate_rows[i], info->vendor))
			info->barriers |= mitigate_rows[i].barrier;
	}
	if (boot_cpu_has_bug(X86_BUG_ITLB_MULTIHIT) && !cpu_mitigations_off())
		info->barriers |= VMM_BARRIER_NX_LARGE;
	/* Who forgets at each exit has nothing left to forget. */
	if (info->barriers & VMM_BARRIER_IBPB_EXIT)
		info->barriers &= ~VMM_BARRIER_IBPB_VCPU;
}

void mitigate_load(struct vcpu *vcpu)
{
	vcpu->l1d_is_ours = true;
	if (__this_cpu_read(mitigate_last) == vcpu)
		return;
	__this_cpu_write(mitigate_last, vcpu);
	if (!(hw_info.barriers & VMM_BARRIER_IBPB_VCPU))
		return;
	/* One guest must not train the branches of another. */
	indirect_branch_prediction_barrier();
	vcpu_count(vcpu, VMM_STAT_IBPB_VCPU);
}

/* No CPU may take a later vCPU at the same address for this one. */
void mitigate_forget(struct vcpu *vcpu)
{
	int cpu;

	for_each_possible_cpu(cpu)
		cmpxchg(per_cpu_ptr(&mitigate_last, cpu), vcpu, NULL);
}

void mitigate_guest_ran(struct vcpu *vcpu)
{
	if (compat_ibpb_before_user())
		vcpu_count(vcpu, VMM_STAT_IBPB_USER);
}
