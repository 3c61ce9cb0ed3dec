// SPDX-License-Identifier: GPL-2.0
/*
 * VT-x: turning it on, the life of a vCPU, entry.
 *
 * References are to Intel's Software Developer's Manual, volume 3, the
 * chapters on VMX. What every CPU needs (VMXON region, VPIDs, the list of
 * VMCSs it may cache) is in struct vmx_cpu, used with preemption off.
 *
 * Leaves out CPUs without EPT or unrestricted guest.
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <asm/cpufeature.h>
#include <asm/debugreg.h>
#include <asm/msr.h>
#include <asm/perf_event.h>
#include <asm/special_insns.h>
#include <asm/tlbflush.h>
#include <asm/trapnr.h>

#include "../npt.h"
#include "../msr.h"
#include "../vcpu.h"
#include "countdown.h"
#include "vmx.h"

DEFINE_PER_CPU(struct vmx_cpu, vmx_cpus);
struct vmx_caps vmx_caps;

struct page *vmx_msr_bitmap;

/* MSRs in the VMCS, or switched with it, that a guest reads and writes without an exit. */
static const u32 vmx_msrs_direct[] = { MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE };

/* ---- finding it ------------------------------------------------------------------------ */

static const struct npt_format vmx_npt;

#define VMX_FEAT_CTL_NEEDED (FEAT_CTL_LOCKED | FEAT_CTL_VMX_ENABLED_OUTSIDE_SMX)

/* "Enabling and Entering VMX Operation": firmware may have locked it away. */
static bool vmx_is_locked_off(void)
{
	u64 control;

	if (rdmsrl_safe(MSR_IA32_FEAT_CTL, &control))
		return false;
	return (control & VMX_FEAT_CTL_NEEDED) == FEAT_CTL_LOCKED;
}

static bool vmx_is_usable(void)
{
	/* Asked of the CPU: Linux hides the feature where firmware has locked it away. */
	if (!(cpuid_ecx(1) & BIT(5))) {
		if (boot_cpu_data.x86_vendor == X86_VENDOR_INTEL)
			pr_err("VT-x is not offered by this CPU, or by the hypervisor under it\n");
		return false;
	}
	if (vmx_is_locked_off()) {
		pr_err("VT-x is off in firmware (IA32_FEATURE_CONTROL is locked): "
		       "turn it on in its setup\n");
		return false;
	}
	return !vmx_caps_read(&vmx_caps, true);
}

static u64 vmx_describe_ept(u64 caps)
{
	u64 features = 0;

	if (caps & VMX_EPT_2MB_PAGE_BIT)
		features |= VMM_FEATURE_NESTED_2M;
	if (caps & VMX_EPT_1GB_PAGE_BIT)
		features |= VMM_FEATURE_NESTED_1G;
	if (caps & VMX_EPT_AD_BIT)
		features |= VMM_FEATURE_NESTED_AD;
	if (caps & VMX_EPT_EXECUTE_ONLY_BIT)
		features |= VMM_FEATURE_EXEC_ONLY;
	return features;
}

static void vmx_describe(struct vmm_info *info)
{
	const struct vmx_controls *use = &vmx_caps.use;

	hw_passes.rdtscp = use->cpu2 & SECONDARY_EXEC_ENABLE_RDTSCP;
	hw_passes.invpcid = use->cpu2 & SECONDARY_EXEC_ENABLE_INVPCID;
	hw_passes.xsaves = use->cpu2 & VMX_CPU2_XSAVES;
	if (hw_passes.xsaves)
		info->features |= VMM_FEATURE_XSAVES;
	info->features |= VMM_FEATURE_NEXT_RIP | vmx_describe_ept(vmx_caps.ept_vpid);
	if (use->cpu2 & SECONDARY_EXEC_ENABLE_PML)
		info->features |= VMM_FEATURE_PML;
	if (use->cpu2 & SECONDARY_EXEC_PAUSE_LOOP_EXITING)
		info->features |= VMM_FEATURE_PAUSE_FILTER;
	if (use->cpu2 & SECONDARY_EXEC_TSC_SCALING)
		info->features |= VMM_FEATURE_TSC_SCALING;
	/* A vCPU may be moved to another CPU between arming and entry. */
	if ((info->features & VMM_FEATURE_TSC_STABLE) &&
	    (use->pin & PIN_BASED_VMX_PREEMPTION_TIMER))
		info->features |= VMM_FEATURE_PREEMPTION_TIMER;
	if (use->cpu & CPU_BASED_TPR_SHADOW)
		info->features |= VMM_FEATURE_TPR_SHADOW;
	if (use->cpu2 & SECONDARY_EXEC_APIC_REGISTER_VIRT)
		info->features |= VMM_FEATURE_APIC_REGISTERS;
	if (use->cpu2 & SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY)
		info->features |= VMM_FEATURE_VIRTUAL_INTR;
	if (use->cpu2 & SECONDARY_EXEC_ENABLE_VPID) {
		info->features |= VMM_FEATURE_ASID;
		info->asids = VMX_NR_VPIDS - 1;
	}
	/* Four levels reach 48 bits: the fifth costs time, so only where it is needed. */
	if (info->phys_bits > 48 && (vmx_caps.ept_vpid & VMX_EPT_PAGE_WALK_5_BIT))
		info->features |= VMM_FEATURE_LEVEL5;
	else
		info->phys_bits = min(info->phys_bits, 48U);
}

/* ---- memory for all CPUs ------------------------------------------------------------------ */

void vmx_msr_allow(u8 *map, u32 index, bool write)
{
	/* Reads of 0-1FFF and C0000000-C0001FFF, then writes: 1 KiB each. */
	u32 base = (index >= 0xc0000000 ? 0x400 : 0) + (write ? 0x800 : 0);

	index &= 0x1fff;
	map[base + index / 8] &= ~BIT(index % 8);
}

static int vmx_alloc_msr_bitmap(void)
{
	int i;

	vmx_msr_bitmap = alloc_page(GFP_KERNEL);
	if (!vmx_msr_bitmap)
		return -ENOMEM;
	memset(page_address(vmx_msr_bitmap), 0xff, PAGE_SIZE);
	for (i = 0; i < ARRAY_SIZE(vmx_msrs_direct); i++) {
		vmx_msr_allow(page_address(vmx_msr_bitmap), vmx_msrs_direct[i], false);
		vmx_msr_allow(page_address(vmx_msr_bitmap), vmx_msrs_direct[i], true);
	}
	return vmx_apic_setup(page_address(vmx_msr_bitmap));
}

static void vmx_teardown(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct vmx_cpu *vc = per_cpu_ptr(&vmx_cpus, cpu);

		if (vc->vmxon)
			__free_page(vc->vmxon);
		vc->vmxon = NULL;
	}
	if (vmx_msr_bitmap)
		__free_page(vmx_msr_bitmap);
	vmx_apic_teardown();
	vmx_l1d_teardown();
}

/* A VMXON region or VMCS begins with the CPU's revision of it. */
static void *vmx_alloc_region(gfp_t gfp)
{
	u32 *region = (void *)get_zeroed_page(gfp);

	if (region)
		*region = vmx_caps.basic & GENMASK(30, 0);
	return region;
}

static int vmx_setup(struct vmm_info *info)
{
	int cpu, err;

	if (!vmx_is_usable())
		return -ENODEV;
	vmx_describe(info);
	err = vmx_alloc_msr_bitmap();
	err = vmx_l1d_setup(info) ?: err;
	for_each_possible_cpu(cpu) {
		struct vmx_cpu *vc = per_cpu_ptr(&vmx_cpus, cpu);
		void *region = vmx_alloc_region(GFP_KERNEL);

		INIT_LIST_HEAD(&vc->active);
		vc->vmxon = region ? virt_to_page(region) : NULL;
		if (!region)
			err = -ENOMEM;
	}
	if (err)
		vmx_teardown();
	return err;
}

/* ---- on and off ------------------------------------------------------------------------------ */

static int vmx_vmxon(u64 pa)
{
	int err = -EIO;

	asm volatile("1: vmxon %1\n"
		     "	jbe 2f\n"
		     "	xor %0, %0\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : "+r" (err) : "m" (pa) : "cc", "memory");
	return err;
}

static void vmx_vmxoff(void)
{
	asm volatile("1: vmxoff\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : : : "cc", "memory");
}

/* -EIO: this CPU is not like the first one, or its firmware has treated it otherwise. */
static int vmx_cpu_check(void)
{
	struct vmx_caps caps;
	u64 control;

	if (vmx_caps_read(&caps, false) || memcmp(&caps, &vmx_caps, sizeof(caps))) {
		pr_err("VT-x of CPU %u is not that of the first CPU\n", smp_processor_id());
		return -EIO;
	}
	if (rdmsrl_safe(MSR_IA32_FEAT_CTL, &control))
		return 0;
	if (!(control & FEAT_CTL_LOCKED))
		wrmsrl(MSR_IA32_FEAT_CTL, control | VMX_FEAT_CTL_NEEDED);
	else if (vmx_is_locked_off()) {
		pr_err("VT-x is off in firmware on CPU %u\n", smp_processor_id());
		return -EIO;
	}
	return 0;
}

static int vmx_cpu_enable(void)
{
	struct vmx_cpu *vc = this_cpu_ptr(&vmx_cpus);
	int err;

	if (cr4_read_shadow() & X86_CR4_VMXE) {
		pr_err_once("VT-x is in use by another hypervisor: try `modprobe -r kvm_intel`\n");
		return -EBUSY;
	}
	err = vmx_cpu_check();
	if (err)
		return err;
	intel_pt_handle_vmx(1);
	cr4_update_irqsoff(X86_CR4_VMXE, 0);
	err = vmx_vmxon(page_to_phys(vc->vmxon));
	if (err) {
		cr4_update_irqsoff(0, X86_CR4_VMXE);
		intel_pt_handle_vmx(0);
		pr_err("VMXON failed on CPU %u\n", smp_processor_id());
		return err;
	}
	asid_pool_init(&vc->vpids, 1, hw_info.asids);
	vc->current_vmcs = NULL;
	return 0;
}

/* Also from NMI in a crash: the memory that a dump shows is that of the VMCSs. */
static void vmx_cpu_disable(void)
{
	vmx_vmcs_clear_cpu();
	vmx_vmxoff();
	cr4_update_irqsoff(0, X86_CR4_VMXE);
	intel_pt_handle_vmx(0);
}

/* ---- a vCPU -------------------------------------------------------------------------- */

/* "Extended-Page-Table Pointer (EPTP)" */
static u64 vmx_eptp(const struct npt *npt)
{
	u64 eptp = __pa(npt->root) | VMX_EPTP_MT_WB |
		   (npt->levels == 5 ? VMX_EPTP_PWL_5 : VMX_EPTP_PWL_4);

	if (vmx_caps.ept_vpid & VMX_EPT_AD_BIT)
		eptp |= VMX_EPTP_AD_ENABLE_BIT;
	return eptp;
}

static int vmx_vcpu_create(struct vcpu *vcpu)
{
	struct vcpu_vmx *vmx = kzalloc(sizeof(*vmx), GFP_KERNEL_ACCOUNT);

	if (!vmx)
		return -ENOMEM;
	vmx->vmcs = vmx_alloc_region(GFP_KERNEL_ACCOUNT);
	if (!vmx->vmcs || vmx_perf_create(vmx)) {
		free_page((unsigned long)vmx->vmcs);
		kfree(vmx);
		return -ENOMEM;
	}
	vmx->vmcs_pa = __pa(vmx->vmcs);
	vmx->cpu = -1;
	vmx->eptp = vmx_eptp(&vcpu->vm->npt);
	vcpu->hw = vmx;
	vmx_vmcs_borrow(vcpu);
	vmx_vmcs_init(vcpu);
	vmx_pml_init(vcpu);
	vmcs_write(MSR_BITMAP, page_to_phys(vmx_msr_bitmap));
	vmx_apic_init(vcpu);
	vmx_vmcs_return();
	return 0;
}

static void vmx_vcpu_destroy(struct vcpu *vcpu)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);

	vmx_vmcs_clear(vmx);
	free_page((unsigned long)vmx->vmcs);
	kfree(vmx->perf);
	kfree(vmx);
}

static void vmx_load(struct vcpu *vcpu)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);

	vmx_vmcs_load(vmx);
	vmx_host_save(vmx);
}

static void vmx_put(struct vcpu *vcpu)
{
	vmx_host_restore(to_vmx(vcpu));
}

/* ---- what the next entry does -------------------------------------------------------- */

/* VMM_EVENT_* as interruption types, "VM-Entry Controls for Event Injection". */
static const u16 vmx_event_types[] = {
	[VMM_EVENT_INTR] = INTR_TYPE_EXT_INTR,
	[VMM_EVENT_NMI] = INTR_TYPE_NMI_INTR,
	[VMM_EVENT_EXCEPTION] = INTR_TYPE_HARD_EXCEPTION,
	[VMM_EVENT_SOFT_INTR] = INTR_TYPE_SOFT_INTR,
	[VMM_EVENT_SOFT_EXC] = INTR_TYPE_SOFT_EXCEPTION,
	[VMM_EVENT_PRIV_EXC] = INTR_TYPE_PRIV_SW_EXCEPTION,
};

#define VMX_VECTORS_WITH_ERROR (BIT(X86_TRAP_DF) | BIT(X86_TRAP_TS) | BIT(X86_TRAP_NP) | \
				BIT(X86_TRAP_SS) | BIT(X86_TRAP_GP) | BIT(X86_TRAP_PF) | \
				BIT(X86_TRAP_AC))

static void vmx_inject(struct vcpu *vcpu)
{
	struct vmm_events *ev = &vcpu->events;
	struct vcpu_vmx *vmx = to_vmx(vcpu);

	vmx->event = ev->vector | vmx_event_types[ev->type] | INTR_INFO_VALID_MASK;
	vmx->event_error = ev->has_error ? ev->error : 0;
	vmx->event_length = ev->length;
	if (ev->type != VMM_EVENT_EXCEPTION)
		return;
	/* The entry insists on an error code just where the CPU would push one. */
	if ((BIT(ev->vector) & VMX_VECTORS_WITH_ERROR) && (vmcs_read(GUEST_CR0) & X86_CR0_PE))
		vmx->event |= INTR_INFO_DELIVER_CODE_MASK;
	if (ev->vector == X86_TRAP_PF) {
		vcpu->cr2 = ev->payload;
	} else if (ev->vector == X86_TRAP_DB) {
		vcpu->dregs.dr6 |= ev->payload;
		vcpu->dregs.dr7 &= ~(u64)BIT(13);	/* GD */
	}
}

static void vmx_window(struct vcpu *vcpu, bool intr, bool nmi)
{
	to_vmx(vcpu)->window_intr = intr;
	to_vmx(vcpu)->window_nmi = nmi;
}

/*
 * A new tag leaves behind what the guest's own tables gave. What came from
 * the nested tables alone has no tag but their address, and is dropped by it.
 */
void vmx_flush(struct vcpu *vcpu)
{
	asid_drop(&to_vmx(vcpu)->tag);
	to_vmx(vcpu)->invept = true;
}

static void vmx_tsc(struct vcpu *vcpu, bool exits, u64 ratio, s64 offset)
{
	to_vmx(vcpu)->tsc_exits = exits;
	to_vmx(vcpu)->want_tsc_ratio = ratio;
	to_vmx(vcpu)->want_tsc_offset = offset;
}

/* ---- entry --------------------------------------------------------------------------- */

struct vmx_invalidate {
	u64 which;			/* VPID or EPTP */
	u64 address;
};

/* These two apart, since they need memory on the stack, and are rare. */
static noinline void vmx_invept(u64 eptp)
{
	struct vmx_invalidate what = { .which = eptp };
	u64 type = vmx_caps.ept_vpid & VMX_EPT_EXTENT_CONTEXT_BIT ? VMX_EPT_EXTENT_CONTEXT :
								     VMX_EPT_EXTENT_GLOBAL;

	asm volatile("invept %0, %1" : : "m" (what), "r" (type) : "cc", "memory");
}

static noinline void vmx_invvpid_all(void)
{
	struct vmx_invalidate what = { 0 };
	u64 type = VMX_VPID_EXTENT_ALL_CONTEXT;

	asm volatile("invvpid %0, %1" : : "m" (what), "r" (type) : "cc", "memory");
}

static void vmx_enter_tlb(struct vmx_cpu *vc, struct vcpu_vmx *vmx)
{
	if ((hw_info.features & VMM_FEATURE_ASID) && !asid_is_good(&vc->vpids, &vmx->tag)) {
		if (asid_get(&vc->vpids, &vmx->tag))
			vmx_invvpid_all();
		vmcs_write(VIRTUAL_PROCESSOR_ID, vmx->tag.asid);
	}
	if (vmx->invept) {
		vmx->invept = false;
		vmx_invept(vmx->eptp);
	}
}

static void vmx_enter_host(struct vcpu_vmx *vmx)
{
	unsigned long cr3 = __read_cr3(), cr4 = cr4_read_shadow();

	if (unlikely(vmx->host_cr3 != cr3)) {
		vmx->host_cr3 = cr3;
		vmcs_write(HOST_CR3, cr3);
	}
	if (unlikely(vmx->host_cr4 != cr4)) {
		vmx->host_cr4 = cr4;
		vmcs_write(HOST_CR4, cr4);
	}
}

static void vmx_enter_event(struct vcpu_vmx *vmx)
{
	vmcs_write(VM_ENTRY_INTR_INFO_FIELD, vmx->event);
	if (vmx->event & INTR_INFO_DELIVER_CODE_MASK)
		vmcs_write(VM_ENTRY_EXCEPTION_ERROR_CODE, vmx->event_error);
	vmcs_write(VM_ENTRY_INSTRUCTION_LEN, vmx->event_length);
}

static u32 vmx_interruptibility(const struct vmm_events *ev)
{
	u32 state = 0;

	if (ev->shadow & VMM_SHADOW_STI)
		state |= GUEST_INTR_STATE_STI;
	if (ev->shadow & VMM_SHADOW_MOV_SS)
		state |= GUEST_INTR_STATE_MOV_SS;
	/* An NMI blocks others by being delivered; it cannot be while they are blocked. */
	if (ev->nmi_masked && ev->type != VMM_EVENT_NMI)
		state |= GUEST_INTR_STATE_NMI;
	return state;
}

static noinline void vmx_enter_interruptibility(struct vcpu *vcpu)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	u32 state = vmx_interruptibility(&vcpu->events);

	if (state != vmx->interruptibility)
		vmcs_write(GUEST_INTERRUPTIBILITY_INFO, state);
	/* "Checks on Guest Non-Register State": a trap that the shadow holds back is pending. */
	if (unlikely(vcpu->events.shadow && (vcpu->gprs.rflags & X86_EFLAGS_TF)))
		vmcs_write(GUEST_PENDING_DBG_EXCEPTIONS,
			   vmcs_read(GUEST_PENDING_DBG_EXCEPTIONS) | DR_STEP);
}

static void vmx_enter_controls(struct vcpu *vcpu)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	u32 controls = vmx_caps.use.cpu;

	if (unlikely(vmx->tsc_exits))
		controls |= CPU_BASED_RDTSC_EXITING;
	if (vmx->window_intr)
		controls |= CPU_BASED_INTR_WINDOW_EXITING;
	/* The window for NMIs does not wait for the shadow of STI; that for interrupts does. */
	if (vmx->window_nmi)
		controls |= vcpu->events.shadow & VMM_SHADOW_STI ?
			    CPU_BASED_INTR_WINDOW_EXITING : CPU_BASED_NMI_WINDOW_EXITING;
	if (unlikely(controls != vmx->cpu_controls)) {
		vmx->cpu_controls = controls;
		vmcs_write(CPU_BASED_VM_EXEC_CONTROL, controls);
	}
	if (unlikely(vmx->tsc_offset != vmx->want_tsc_offset)) {
		vmx->tsc_offset = vmx->want_tsc_offset;
		vmcs_write(TSC_OFFSET, vmx->tsc_offset);
	}
	if (unlikely(vmx->tsc_ratio != vmx->want_tsc_ratio)) {
		vmx->tsc_ratio = vmx->want_tsc_ratio;
		vmcs_write(TSC_MULTIPLIER, vmx->tsc_ratio << VMX_TSC_RATIO_SHIFT);
	}
	if (unlikely(vmx->dr7 != vcpu->dregs.dr7)) {
		vmx->dr7 = vcpu->dregs.dr7;
		vmcs_write(GUEST_DR7, vmx->dr7);
	}
}

/* The field is loaded by each entry, and the time outside the guest counts as well. */
static void vmx_enter_timer(struct vcpu *vcpu, struct vcpu_vmx *vmx)
{
	u64 at = min(READ_ONCE(vcpu->timer_tsc), vcpu->hv_timer_tsc);
	u32 countdown = VMX_COUNTDOWN_MAX;

	if (at != VCPU_NO_TIMER)
		countdown = vmx_countdown(rdtsc(), at, vmx_caps.timer_rate);
	if (vmx->countdown != countdown) {
		vmx->countdown = countdown;
		vmcs_write(VMX_PREEMPTION_TIMER_VALUE, countdown);
	}
}

static void vmx_enter_registers(const struct vcpu *vcpu, const struct vcpu_vmx *vmx)
{
	vmcs_write(GUEST_RIP, vcpu->gprs.rip);
	if (unlikely(vmx->rsp != vcpu->gprs.r[VMM_RSP]))
		vmcs_write(GUEST_RSP, vcpu->gprs.r[VMM_RSP]);
	if (unlikely(vmx->rflags != vcpu->gprs.rflags))
		vmcs_write(GUEST_RFLAGS, vcpu->gprs.rflags);
}

static void vmx_leave_registers(struct vcpu *vcpu, struct vcpu_vmx *vmx)
{
	vcpu->cr2 = native_read_cr2();
	vcpu->gprs.rip = vmcs_read(GUEST_RIP);
	vmx->rsp = vcpu->gprs.r[VMM_RSP] = vmcs_read(GUEST_RSP);
	vmx->rflags = vcpu->gprs.rflags = vmcs_read(GUEST_RFLAGS);
	if (unlikely(vmx->host.debugctl))
		update_debugctlmsr(vmx->host.debugctl);
}

static void vmx_prepare(struct vcpu *vcpu)
{
	struct vmx_cpu *vc = this_cpu_ptr(&vmx_cpus);
	struct vcpu_vmx *vmx = to_vmx(vcpu);

	if (IS_ENABLED(CONFIG_HM_PARANOIA))
		WARN_ON_ONCE(vc->current_vmcs != vmx || vmx->cpu != smp_processor_id() ||
			     !vmx->host.aside);
	vmx_apic_prepare(vcpu);
	vmx_enter_tlb(vc, vmx);
	vmx_enter_host(vmx);
	vmx_enter_controls(vcpu);
	vmx_perf_prepare(vmx);
	if (vcpu->events.type != VMM_EVENT_NONE)
		vmx_enter_event(vmx);
	if (unlikely(native_read_cr2() != vcpu->cr2))
		native_write_cr2(vcpu->cr2);
	vmx_l1d_prepare(vcpu);
}

static void vmx_enter(struct vcpu *vcpu)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);

	if (unlikely(vmx->interruptibility | vcpu->events.shadow | vcpu->events.nmi_masked))
		vmx_enter_interruptibility(vcpu);
	vmx_enter_registers(vcpu, vmx);
	vmx_apic_enter(vcpu, vmx);
	vmx_enter_timer(vcpu, vmx);
	if (unlikely(vmx->pebs))
		vmx_perf_quiet();
	if (unlikely(hw_info.barriers & VMM_BARRIER_L1D))
		vmx_l1d_flush(vcpu);

	if (unlikely(vmx_switch(vcpu->gprs.r, &vmx->host_rsp, vmx->launched))) {
		vmx_exit_refused(vcpu);
		return;
	}
	vmx->launched = true;
	vmx_leave_registers(vcpu, vmx);
	vmx_apic_leave(vcpu, vmx);
	vmx_exit_decode(vcpu);
}

/* "Format of an EPT Entry": accessed and dirty are set at once, save where writes are noted. */
static const struct npt_format vmx_npt = {
	.table = VMX_EPT_RWX_MASK | VMX_EPT_ACCESS_BIT,
	.leaf = VMX_EPT_READABLE_MASK | VMX_EPT_EXECUTABLE_MASK | VMX_EPT_ACCESS_BIT |
		VMX_EPT_DIRTY_BIT | VMX_EPTP_MT_WB << VMX_EPT_MT_EPTE_SHIFT | VMX_EPT_IPAT_BIT,
	.write = VMX_EPT_WRITABLE_MASK,
	.dirty = VMX_EPT_DIRTY_BIT,
	.exec = VMX_EPT_EXECUTABLE_MASK,
};

const struct vmm_hw_ops vmx_ops = {
	.name		= "VT-x",
	.vendor		= VMM_VENDOR_VMX,
	.npt		= &vmx_npt,
	.shared_msrs	= BIT(MSR_SHARED_STAR) | BIT(MSR_SHARED_LSTAR) | BIT(MSR_SHARED_SFMASK),
	.setup		= vmx_setup,
	.teardown	= vmx_teardown,
	.cpu_enable	= vmx_cpu_enable,
	.cpu_disable	= vmx_cpu_disable,
	.vcpu_create	= vmx_vcpu_create,
	.vcpu_destroy	= vmx_vcpu_destroy,
	.load		= vmx_load,
	.put		= vmx_put,
	.prepare	= vmx_prepare,
	.enter		= vmx_enter,
	.inject		= vmx_inject,
	.window		= vmx_window,
	.flush		= vmx_flush,
	.tsc		= vmx_tsc,
	.sregs_get	= vmx_sregs_get,
	.sregs_set	= vmx_sregs_set,
	.code_size	= vmx_code_size,
	.cpl		= vmx_cpl,
	.dr7_set	= vmx_dr7_set,
	.msr_get	= vmx_msr_get,
	.msr_set	= vmx_msr_set,
};
