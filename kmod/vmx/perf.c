// SPDX-License-Identifier: GPL-2.0
/*
 * The host's performance counters while a guest runs. perf tells which of its
 * MSRs must be others then: counters that exclude guests stop, and PEBS does,
 * which would write its records through the guest's mappings. The CPU switches
 * them by the VMCS's MSR areas; mostly there are none. Own thread, interrupts
 * off. A guest has no counters of its own.
 */
#include <linux/slab.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/perf_event.h>

#include "vmx.h"

/* IA32_PERF_GLOBAL_CTRL and IA32_PEBS_ENABLE, or the selectors of a plain old PMU. */
#define VMX_PERF_MAX 16

struct vmx_perf {
	struct vmx_msr_entry guest[VMX_PERF_MAX], host[VMX_PERF_MAX];
	u32 count;			/* in the VMCS */
};

int vmx_perf_create(struct vcpu_vmx *vmx)
{
	/* So that the areas are aligned: kmalloc() aligns by powers of two. */
	vmx->perf = kzalloc(roundup_pow_of_two(sizeof(*vmx->perf)), GFP_KERNEL_ACCOUNT);
	return vmx->perf ? 0 : -ENOMEM;
}

void vmx_perf_init(struct vcpu_vmx *vmx)
{
	vmcs_write(VM_ENTRY_MSR_LOAD_ADDR, __pa(vmx->perf->guest));
	vmcs_write(VM_EXIT_MSR_LOAD_ADDR, __pa(vmx->perf->host));
	vmcs_write(VM_ENTRY_MSR_LOAD_COUNT, 0);
	vmcs_write(VM_EXIT_MSR_LOAD_COUNT, 0);
}

/* It writes a record some time after it was turned off: that must not be in the guest. */
void vmx_perf_quiet(void)
{
	wrmsrl(MSR_IA32_PEBS_ENABLE, 0);
}

static void vmx_perf_switch(struct vcpu_vmx *vmx, const struct perf_guest_switch_msr *msr,
			    u32 *count)
{
	struct vmx_perf *perf = vmx->perf;

	if (msr->guest == msr->host || WARN_ON_ONCE(*count == VMX_PERF_MAX))
		return;
	vmx->pebs |= msr->msr == MSR_IA32_PEBS_ENABLE;
	perf->guest[*count].index = msr->msr;
	perf->guest[*count].value = msr->guest;
	perf->host[*count].index = msr->msr;
	perf->host[*count].value = msr->host;
	++*count;
}

void vmx_perf_prepare(struct vcpu_vmx *vmx)
{
	struct vmx_perf *perf = vmx->perf;
	struct perf_guest_switch_msr *msrs;
	u32 count = 0;
	int i, found;

	if (!static_cpu_has(X86_FEATURE_ARCH_PERFMON))
		return;
	vmx->pebs = false;
	msrs = perf_guest_get_msrs(&found, NULL);
	for (i = 0; msrs && i < found; i++)
		vmx_perf_switch(vmx, &msrs[i], &count);
	if (likely(perf->count == count))
		return;
	perf->count = count;
	vmcs_write(VM_ENTRY_MSR_LOAD_COUNT, count);
	vmcs_write(VM_EXIT_MSR_LOAD_COUNT, count);
}
