// SPDX-License-Identifier: GPL-2.0
/*
 * The VMCS of a vCPU: where it is loaded, what it starts with, and the host's
 * state in it.
 *
 * A CPU that has loaded a VMCS may hold parts of it until VMCLEAR, so it is
 * active on one CPU at most: vcpu_vmx.cpu, whose vmx_cpu.active lists it. Both
 * are written by that CPU alone, with interrupts off. Every CPU also has a
 * current VMCS, the one that VMREAD and VMWRITE mean.
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/smp.h>
#include <asm/cpu_entry_area.h>
#include <asm/debugreg.h>
#include <asm/msr.h>
#include <asm/special_insns.h>
#include <asm/tlbflush.h>
#include <asm/trapnr.h>

#include "../cpu.h"
#include "../shared/tm/scale.h"
#include "countdown.h"
#include "vmx.h"

void vmx_write_failed(u64 field, u64 value)
{
	/* Behind VMXOFF the flags are those of no VMWRITE. */
	if (cpu_is_enabled())
		WARN_ONCE(1, "VMWRITE of %#llx to field %#llx failed: error %llu\n", value, field,
			  vmcs_read(VM_INSTRUCTION_ERROR));
}

static void vmx_vmclear(u64 pa)
{
	asm volatile("1: vmclear %0\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : : "m" (pa) : "cc", "memory");
}

static void vmx_vmptrld(u64 pa)
{
	bool failed;

	asm volatile("1: vmptrld %1\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : "=@ccbe" (failed) : "m" (pa) : "memory");
	WARN_ON_ONCE(failed && cpu_is_enabled());
}

/* ---- where it is ---------------------------------------------------------------------- */

static void vmx_vmcs_clear_here(void *arg)
{
	struct vmx_cpu *vc = this_cpu_ptr(&vmx_cpus);
	struct vcpu_vmx *vmx = arg;

	/* It may have been cleared with all of this CPU's meanwhile. */
	if (vmx->cpu != smp_processor_id())
		return;
	vmx_vmclear(vmx->vmcs_pa);
	if (vc->current_vmcs == vmx)
		vc->current_vmcs = NULL;
	list_del(&vmx->active);
	vmx->launched = false;
	WRITE_ONCE(vmx->cpu, -1);
}

void vmx_vmcs_clear(struct vcpu_vmx *vmx)
{
	int cpu = READ_ONCE(vmx->cpu);

	if (cpu >= 0)
		smp_call_function_single(cpu, vmx_vmcs_clear_here, vmx, 1);
}

void vmx_vmcs_clear_cpu(void)
{
	struct vmx_cpu *vc = this_cpu_ptr(&vmx_cpus);
	struct vcpu_vmx *vmx, *next;

	list_for_each_entry_safe(vmx, next, &vc->active, active)
		vmx_vmcs_clear_here(vmx);
}

/* "Host-State Area": what differs between CPUs and never changes on one. */
static void vmx_host_set_cpu(void)
{
	struct vmx_cpu *vc = this_cpu_ptr(&vmx_cpus);
	u64 value;

	store_idt(&vc->idt);
	vmcs_write(HOST_IDTR_BASE, vc->idt.address);
	vmcs_write(HOST_GDTR_BASE, (unsigned long)get_current_gdt_ro());
	vmcs_write(HOST_TR_BASE, (unsigned long)
		   &get_cpu_entry_area(smp_processor_id())->tss.x86_tss);
	rdmsrl(MSR_GS_BASE, value);
	vmcs_write(HOST_GS_BASE, value);
	rdmsrl(MSR_IA32_SYSENTER_CS, value);
	vmcs_write(HOST_IA32_SYSENTER_CS, value);
	rdmsrl(MSR_IA32_SYSENTER_ESP, value);
	vmcs_write(HOST_IA32_SYSENTER_ESP, value);
	rdmsrl(MSR_IA32_SYSENTER_EIP, value);
	vmcs_write(HOST_IA32_SYSENTER_EIP, value);
	vmcs_write(HOST_CR0, read_cr0());
}

/* It is another one, so far. */
static noinline void vmx_vmcs_switch(struct vcpu_vmx *vmx)
{
	struct vmx_cpu *vc = this_cpu_ptr(&vmx_cpus);
	int cpu = smp_processor_id();
	unsigned long flags;

	if (unlikely(!cpu_is_enabled()))
		return;
	if (vmx->cpu == cpu) {
		vc->current_vmcs = vmx;
		vmx_vmptrld(vmx->vmcs_pa);
		return;
	}
	vmx_vmcs_clear(vmx);
	local_irq_save(flags);
	vmx_vmptrld(vmx->vmcs_pa);
	list_add(&vmx->active, &vc->active);
	vmx->cpu = cpu;
	vc->current_vmcs = vmx;
	local_irq_restore(flags);
	vmx_host_set_cpu();
	/* What this CPU knows of the nested tables may be of long ago. */
	vmx->invept = true;
}

void vmx_vmcs_load(struct vcpu_vmx *vmx)
{
	if (unlikely(this_cpu_read(vmx_cpus.current_vmcs) != vmx))
		vmx_vmcs_switch(vmx);
}

void vmx_vmcs_borrow(struct vcpu *vcpu)
{
	preempt_disable();
	vmx_vmcs_load(to_vmx(vcpu));
}

void vmx_vmcs_return(void)
{
	preempt_enable();
}

/* ---- the host's state ---------------------------------------------------------------------- */

/* The same on every CPU. */
static void vmx_host_set_constant(void)
{
	u64 value;

	/* Selectors must be of privilege 0; user space's DS and ES are usually null. */
	vmcs_write(HOST_CS_SELECTOR, __KERNEL_CS);
	vmcs_write(HOST_SS_SELECTOR, __KERNEL_DS);
	vmcs_write(HOST_DS_SELECTOR, 0);
	vmcs_write(HOST_ES_SELECTOR, 0);
	vmcs_write(HOST_FS_SELECTOR, 0);
	vmcs_write(HOST_GS_SELECTOR, 0);
	vmcs_write(HOST_TR_SELECTOR, GDT_ENTRY_TSS * 8);
	vmcs_write(HOST_FS_BASE, 0);
	vmcs_write(HOST_CR3, 0);
	vmcs_write(HOST_CR4, 0);
	vmcs_write(HOST_RSP, 0);
	vmcs_write(HOST_RIP, (unsigned long)vmx_switch_exit);
	rdmsrl(MSR_EFER, value);
	vmcs_write(HOST_IA32_EFER, value);
	rdmsrl(MSR_IA32_CR_PAT, value);
	vmcs_write(HOST_IA32_PAT, value);
}

/* An exit can load a selector of privilege 0 in the GDT; others wait for put(). */
static void vmx_host_set_selector(u64 field, u16 *now, u16 selector)
{
	if (selector & 7)
		selector = 0;
	if (*now == selector)
		return;
	*now = selector;
	vmcs_write(field, selector);
}

void vmx_host_save(struct vcpu_vmx *vmx)
{
	struct vmx_host *host = &vmx->host;

	current_save_fsgs();
	savesegment(fs, host->fs);
	savesegment(gs, host->gs);
	savesegment(ds, host->ds);
	savesegment(es, host->es);
	host->fs_base = current->thread.fsbase;
	host->kernel_gs_base = current->thread.gsbase;
	host->debugctl = get_debugctlmsr();

	vmx_host_set_selector(HOST_FS_SELECTOR, &vmx->host_fs, host->fs);
	vmx_host_set_selector(HOST_GS_SELECTOR, &vmx->host_gs, host->gs);
	if (vmx->host_fs_base != host->fs_base) {
		vmx->host_fs_base = host->fs_base;
		vmcs_write(HOST_FS_BASE, host->fs_base);
	}
	wrmsrl(MSR_KERNEL_GS_BASE, vmx->kernel_gs_base);
	host->aside = true;
}

void vmx_host_restore(struct vcpu_vmx *vmx)
{
	struct vmx_cpu *vc = this_cpu_ptr(&vmx_cpus);
	struct vmx_host *host = &vmx->host;

	if (!host->aside)
		return;
	host->aside = false;
	rdmsrl(MSR_KERNEL_GS_BASE, vmx->kernel_gs_base);
	if (unlikely(host->fs & 7)) {
		loadsegment(fs, host->fs);
		wrmsrl(MSR_FS_BASE, host->fs_base);
	}
	if (unlikely(host->gs & 7))
		load_gs_index(host->gs);
	if (unlikely(host->ds | host->es)) {
		loadsegment(ds, host->ds);
		loadsegment(es, host->es);
	}
	wrmsrl(MSR_KERNEL_GS_BASE, host->kernel_gs_base);
	/* "Loading Host Segment and Descriptor-Table Registers": limits are now others. */
	invalidate_tss_limit();
	load_fixmap_gdt(smp_processor_id());
	load_idt(&vc->idt);
}

/* ---- first contents -------------------------------------------------------------------------- */

struct vmx_field {
	u16 field;
	u64 value;
};

/* What stays as it is, or is only ever changed by the CPU. */
static const struct vmx_field vmx_fields[] = {
	{ VMCS_LINK_POINTER, ~0ULL },
	{ PAGE_FAULT_ERROR_CODE_MASK, 0 },
	{ PAGE_FAULT_ERROR_CODE_MATCH, 0 },
	{ CR3_TARGET_COUNT, 0 },
	{ VM_EXIT_MSR_STORE_COUNT, 0 },
	{ VM_ENTRY_INTR_INFO_FIELD, 0 },
	{ VM_ENTRY_EXCEPTION_ERROR_CODE, 0 },
	{ VM_ENTRY_INSTRUCTION_LEN, 0 },
	{ TSC_OFFSET, 0 },
	{ CR0_GUEST_HOST_MASK, ~(u64)VMX_CR0_GUEST },
	{ CR4_GUEST_HOST_MASK, ~(u64)VMX_CR4_GUEST },
	{ GUEST_IA32_DEBUGCTL, 0 },
	{ GUEST_SYSENTER_CS, 0 },
	{ GUEST_SYSENTER_ESP, 0 },
	{ GUEST_SYSENTER_EIP, 0 },
	{ GUEST_INTERRUPTIBILITY_INFO, 0 },
	{ GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_ACTIVE },
	{ GUEST_PENDING_DBG_EXCEPTIONS, 0 },
	{ GUEST_PDPTR0, 0 }, { GUEST_PDPTR1, 0 }, { GUEST_PDPTR2, 0 }, { GUEST_PDPTR3, 0 },
	{ GUEST_RIP, 0 }, { GUEST_RSP, 0 }, { GUEST_RFLAGS, 2 }, { GUEST_DR7, 0 },
};

#define VMX_PLE_GAP	128		/* ticks between PAUSEs of one loop */
#define VMX_PLE_WINDOW	4096		/* ticks in a loop until it exits */

void vmx_vmcs_init(struct vcpu *vcpu)
{
	const struct vmx_controls *use = &vmx_caps.use;
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	int i;

	for (i = 0; i < ARRAY_SIZE(vmx_fields); i++)
		vmcs_write(vmx_fields[i].field, vmx_fields[i].value);
	/* VMMCALL is not known here. */
	vmcs_write(EXCEPTION_BITMAP, BIT(X86_TRAP_DB) | BIT(X86_TRAP_AC) | BIT(X86_TRAP_MC) |
		   (vcpu->vm->pv.flags & VMM_PV_HYPERCALLS ? BIT(X86_TRAP_UD) : 0));
	vmx_host_set_constant();
	vmx->rflags = 2;
	vmx->tsc_ratio = TM_RATIO_ONE;
	vmx->want_tsc_ratio = TM_RATIO_ONE;
	vmx->cpu_controls = use->cpu;
	vmcs_write(PIN_BASED_VM_EXEC_CONTROL, use->pin);
	vmcs_write(CPU_BASED_VM_EXEC_CONTROL, use->cpu);
	vmcs_write(SECONDARY_VM_EXEC_CONTROL, use->cpu2);
	vmcs_write(VM_EXIT_CONTROLS, use->exit);
	vmcs_write(VM_ENTRY_CONTROLS, use->entry);
	vmcs_write(EPT_POINTER, vmx->eptp);
	vmx_perf_init(vmx);
	vmx->countdown = VMX_COUNTDOWN_MAX;
	if (use->pin & PIN_BASED_VMX_PREEMPTION_TIMER)
		vmcs_write(VMX_PREEMPTION_TIMER_VALUE, vmx->countdown);
	if (use->cpu2 & SECONDARY_EXEC_TSC_SCALING)
		vmcs_write(TSC_MULTIPLIER, vmx->tsc_ratio << VMX_TSC_RATIO_SHIFT);
	if (use->cpu2 & VMX_CPU2_XSAVES)
		vmcs_write(XSS_EXIT_BITMAP, ~0ULL);
	if (use->cpu2 & SECONDARY_EXEC_ENCLS_EXITING)
		vmcs_write(ENCLS_EXITING_BITMAP, ~0ULL);
	if (use->cpu2 & SECONDARY_EXEC_PAUSE_LOOP_EXITING) {
		vmcs_write(PLE_GAP, VMX_PLE_GAP);
		vmcs_write(PLE_WINDOW, VMX_PLE_WINDOW);
	}
}
