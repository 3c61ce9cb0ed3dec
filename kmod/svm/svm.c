// SPDX-License-Identifier: GPL-2.0
/*
 * AMD-V: turning it on, the control block of a vCPU, entry.
 *
 * References are to the AMD64 Architecture Programmer's Manual, volume 2,
 * "Secure Virtual Machine". What every CPU needs (host save area, host
 * state for VMLOAD, ASIDs) is in struct svm_cpu, used with preemption off.
 */
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/percpu.h>
#include <linux/io.h>
#include <linux/slab.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>

#include "../asid.h"
#include "../clock.h"
#include "../compat.h"
#include "../dr.h"
#include "../npt.h"
#include "../shared/tm/scale.h"
#include "../vcpu.h"
#include "svm.h"

struct svm_cpu {
	struct page *hsave;		/* VM_HSAVE_PA */
	struct page *host;		/* VMSAVE and VMLOAD of the host's state */
	struct asid_pool asids;
	u64 tsc_ratio;			/* MSR_AMD64_TSC_RATIO, which scales for guests alone */
};

static DEFINE_PER_CPU(struct svm_cpu, svm_cpus);

/* "I/O Permissions Map", "MSR Permissions Map": one for all VMs. */
#define SVM_IOPM_ORDER	2		/* 12 KiB */
#define SVM_MSRPM_ORDER	1
static struct page *svm_iopm, *svm_msrpm;

/* MSRs in the save area that a guest reads and writes without an exit. */
static const u32 svm_msrs_direct[] = { MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE };

/* ---- finding it ------------------------------------------------------------------- */

static bool svm_is_usable(void)
{
	u64 vm_cr;

	if (!boot_cpu_has(X86_FEATURE_SVM)) {
		/* Linux hides the feature where firmware has locked it away. */
		if (boot_cpu_data.x86_vendor == X86_VENDOR_AMD ||
		    boot_cpu_data.x86_vendor == X86_VENDOR_HYGON)
			pr_err("AMD-V is not offered by this CPU, or off in firmware\n");
		return false;
	}
	rdmsrl(MSR_VM_CR, vm_cr);
	if (vm_cr & BIT(4)) {
		pr_err("AMD-V is off in firmware (VM_CR.SVMDIS): turn on SVM in its setup\n");
		return false;
	}
	if (!boot_cpu_has(X86_FEATURE_NPT)) {
		pr_err("AMD-V without nested paging is not supported\n");
		return false;
	}
	return true;
}

static bool svm_param_pause_exits;
module_param_named(pause_exits, svm_param_pause_exits, bool, 0444);
MODULE_PARM_DESC(pause_exits, "AMD-V: exit from each PAUSE where the CPU does not count them");

struct svm_feature {
	int cpu;
	u64 feature;
};

static const struct svm_feature svm_features[] = {
	{ X86_FEATURE_NRIPS,		VMM_FEATURE_NEXT_RIP },
	{ X86_FEATURE_DECODEASSISTS,	VMM_FEATURE_DECODE },
	{ X86_FEATURE_FLUSHBYASID,	VMM_FEATURE_FLUSH_ASID },
	{ X86_FEATURE_PAUSEFILTER,	VMM_FEATURE_PAUSE_FILTER },
	{ X86_FEATURE_GBPAGES,		VMM_FEATURE_NESTED_1G },
};

static void svm_describe(struct vmm_info *info)
{
	int i;

	info->features |= VMM_FEATURE_NESTED_2M | VMM_FEATURE_ASID;
	for (i = 0; i < ARRAY_SIZE(svm_features); i++) {
		if (boot_cpu_has(svm_features[i].cpu))
			info->features |= svm_features[i].feature;
	}
	if (svm_param_pause_exits)
		info->features |= VMM_FEATURE_PAUSE_FILTER;
	/* Nested tables are walked in the host's own paging mode. */
	if (pgtable_l5_enabled())
		info->features |= VMM_FEATURE_LEVEL5;
	if (clock_param_tsc_scaling && boot_cpu_has(X86_FEATURE_TSCRATEMSR))
		info->features |= VMM_FEATURE_TSC_SCALING;
	info->asids = cpuid_ebx(0x8000000a) - 1;
	/* With nested paging, what the CPU can execute needs no leave. */
	hw_passes = (struct hw_passes){
		.rdtscp = true, .invpcid = true, .xsaves = boot_cpu_has(X86_FEATURE_XSAVES),
	};
	if (hw_passes.xsaves)
		info->features |= VMM_FEATURE_XSAVES;
}

/* ---- memory for all CPUs ------------------------------------------------------------- */

static void svm_msrpm_allow(u8 *map, u32 index)
{
	/* Two bits an MSR; three ranges of 2 KiB: 0, C0000000, C0010000. */
	u32 base = index >= 0xc0010000 ? 0x1000 : index >= 0xc0000000 ? 0x800 : 0;
	u32 bit = (index & 0x1fff) * 2;

	map[base + bit / 8] &= ~(3 << (bit % 8));
}

static int svm_alloc_maps(void)
{
	int i;

	svm_iopm = alloc_pages(GFP_KERNEL, SVM_IOPM_ORDER);
	svm_msrpm = alloc_pages(GFP_KERNEL, SVM_MSRPM_ORDER);
	if (!svm_iopm || !svm_msrpm)
		return -ENOMEM;
	memset(page_address(svm_iopm), 0xff, PAGE_SIZE << SVM_IOPM_ORDER);
	memset(page_address(svm_msrpm), 0xff, PAGE_SIZE << SVM_MSRPM_ORDER);
	for (i = 0; i < ARRAY_SIZE(svm_msrs_direct); i++)
		svm_msrpm_allow(page_address(svm_msrpm), svm_msrs_direct[i]);
	return 0;
}

static void svm_teardown(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct svm_cpu *sc = per_cpu_ptr(&svm_cpus, cpu);

		if (sc->hsave)
			__free_page(sc->hsave);
		if (sc->host)
			__free_page(sc->host);
	}
	if (svm_iopm)
		__free_pages(svm_iopm, SVM_IOPM_ORDER);
	if (svm_msrpm)
		__free_pages(svm_msrpm, SVM_MSRPM_ORDER);
}

static int svm_setup(struct vmm_info *info)
{
	int cpu, err;

	if (!svm_is_usable())
		return -ENODEV;
	svm_describe(info);
	err = svm_alloc_maps();
	for_each_possible_cpu(cpu) {
		struct svm_cpu *sc = per_cpu_ptr(&svm_cpus, cpu);

		sc->hsave = alloc_page(GFP_KERNEL | __GFP_ZERO);
		sc->host = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (!sc->hsave || !sc->host)
			err = -ENOMEM;
	}
	if (err)
		svm_teardown();
	return err;
}

/* "TSC Ratio MSR": 32 bits of fraction, as ours, and no more than 8 before them. */
static void svm_tsc_ratio(struct svm_cpu *sc, u64 ratio)
{
	sc->tsc_ratio = ratio;
	if (hw_info.features & VMM_FEATURE_TSC_SCALING)
		wrmsrl(MSR_AMD64_TSC_RATIO, ratio);
}

/* ---- on and off ------------------------------------------------------------------------ */

static int svm_cpu_enable(void)
{
	struct svm_cpu *sc = this_cpu_ptr(&svm_cpus);
	u64 efer;

	rdmsrl(MSR_EFER, efer);
	if (efer & EFER_SVME) {
		pr_err_once("AMD-V is in use by another hypervisor: try `modprobe -r kvm_amd`\n");
		return -EBUSY;
	}
	wrmsrl(MSR_EFER, efer | EFER_SVME);
	wrmsrl(MSR_VM_HSAVE_PA, page_to_phys(sc->hsave));
	compat_bp_reduce(true);
	asid_pool_init(&sc->asids, 1, hw_info.asids);
	svm_tsc_ratio(sc, TM_RATIO_ONE);
	return 0;
}

static void svm_cpu_disable(void)
{
	u64 efer;

	compat_bp_reduce(false);
	svm_tsc_ratio(this_cpu_ptr(&svm_cpus), TM_RATIO_ONE);
	wrmsrl(MSR_VM_HSAVE_PA, 0);
	rdmsrl(MSR_EFER, efer);
	wrmsrl(MSR_EFER, efer & ~EFER_SVME);
}

/* ---- a vCPU ------------------------------------------------------------------------------ */

static const u8 svm_intercepts[] = {
	INTERCEPT_INTR, INTERCEPT_NMI, INTERCEPT_SMI, INTERCEPT_INIT,
	INTERCEPT_CR4_WRITE, INTERCEPT_CR8_READ, INTERCEPT_CR8_WRITE,
	INTERCEPT_DR0_READ, INTERCEPT_DR1_READ, INTERCEPT_DR2_READ, INTERCEPT_DR3_READ,
	INTERCEPT_DR4_READ, INTERCEPT_DR5_READ, INTERCEPT_DR6_READ, INTERCEPT_DR7_READ,
	INTERCEPT_DR0_WRITE, INTERCEPT_DR1_WRITE, INTERCEPT_DR2_WRITE, INTERCEPT_DR3_WRITE,
	INTERCEPT_DR4_WRITE, INTERCEPT_DR5_WRITE, INTERCEPT_DR6_WRITE, INTERCEPT_DR7_WRITE,
	INTERCEPT_EXCEPTION_OFFSET + DB_VECTOR, INTERCEPT_EXCEPTION_OFFSET + AC_VECTOR,
	INTERCEPT_EXCEPTION_OFFSET + MC_VECTOR,
	INTERCEPT_RDPMC, INTERCEPT_CPUID, INTERCEPT_RSM, INTERCEPT_INVD, INTERCEPT_HLT,
	INTERCEPT_INVLPGA, INTERCEPT_IOIO_PROT, INTERCEPT_MSR_PROT, INTERCEPT_SHUTDOWN,
	INTERCEPT_VMRUN, INTERCEPT_VMMCALL, INTERCEPT_VMLOAD, INTERCEPT_VMSAVE,
	INTERCEPT_STGI, INTERCEPT_CLGI, INTERCEPT_SKINIT, INTERCEPT_WBINVD,
	INTERCEPT_MONITOR, INTERCEPT_MWAIT, INTERCEPT_XSETBV, INTERCEPT_RDPRU,
};

static void svm_init_vmcb(struct vcpu *vcpu)
{
	struct vmcb_control_area *c = &to_vmcb(vcpu)->control;
	int i;

	for (i = 0; i < ARRAY_SIZE(svm_intercepts); i++)
		__set_bit(svm_intercepts[i], (unsigned long *)c->intercepts);
	/* VMCALL is not known here. */
	if (vcpu->vm->pv.flags & VMM_PV_HYPERCALLS)
		__set_bit(INTERCEPT_EXCEPTION_OFFSET + UD_VECTOR, (unsigned long *)c->intercepts);
	if (hw_info.features & VMM_FEATURE_PAUSE_FILTER) {
		__set_bit(INTERCEPT_PAUSE, (unsigned long *)c->intercepts);
		c->pause_filter_count = 3000;
	}
	c->iopm_base_pa = page_to_phys(svm_iopm);
	c->msrpm_base_pa = page_to_phys(svm_msrpm);
	c->int_ctl = V_INTR_MASKING_MASK;
	c->nested_ctl = SVM_NESTED_CTL_NP_ENABLE;
	c->nested_cr3 = __pa(vcpu->vm->npt.root);
}

static int svm_vcpu_create(struct vcpu *vcpu)
{
	struct vcpu_svm *svm = kzalloc(sizeof(*svm), GFP_KERNEL_ACCOUNT);

	if (!svm)
		return -ENOMEM;
	svm->vmcb = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!svm->vmcb) {
		kfree(svm);
		return -ENOMEM;
	}
	svm->vmcb_pa = __pa(svm->vmcb);
	svm->tsc_ratio = TM_RATIO_ONE;
	vcpu->hw = svm;
	svm_init_vmcb(vcpu);
	return 0;
}

static void svm_vcpu_destroy(struct vcpu *vcpu)
{
	free_page((unsigned long)to_vmcb(vcpu));
	kfree(vcpu->hw);
}

static void svm_load(struct vcpu *vcpu)
{
	struct svm_cpu *sc = this_cpu_ptr(&svm_cpus);

	asm volatile("vmsave %0" : : "a" (page_to_phys(sc->host)) : "memory");
}

static void svm_put(struct vcpu *vcpu)
{
	/* The host's state is back after each exit. */
}

/* ---- entry --------------------------------------------------------------------------------- */

/* VMM_EVENT_* in EVENTINJ's terms. Software events are executed again instead. */
static const u8 svm_event_types[] = {
	[VMM_EVENT_INTR] = 0,
	[VMM_EVENT_NMI] = 2,
	[VMM_EVENT_EXCEPTION] = 3,
	[VMM_EVENT_SOFT_INTR] = 4,
	[VMM_EVENT_SOFT_EXC] = 3,
	[VMM_EVENT_PRIV_EXC] = 3,
};

static void svm_inject(struct vcpu *vcpu)
{
	struct vmcb *vmcb = to_vmcb(vcpu);
	struct vmm_events *ev = &vcpu->events;

	vmcb->control.event_inj = ev->vector | svm_event_types[ev->type] << SVM_EVTINJ_TYPE_SHIFT |
				  SVM_EVTINJ_VALID;
	if (ev->has_error) {
		vmcb->control.event_inj |= SVM_EVTINJ_VALID_ERR;
		vmcb->control.event_inj_err = ev->error;
	}
	if (ev->type != VMM_EVENT_EXCEPTION)
		return;
	if (ev->vector == PF_VECTOR) {
		vcpu->cr2 = ev->payload;
	} else if (ev->vector == DB_VECTOR) {
		vcpu->dregs.dr6 |= ev->payload;
		vcpu->dregs.dr7 &= ~(u64)DR7_GENERAL_DETECT;
		svm_dr7_set(vcpu);
	}
}

static void svm_window(struct vcpu *vcpu, bool intr, bool nmi)
{
	struct vmcb_control_area *c = &to_vmcb(vcpu)->control;

	/* A virtual interrupt that is never delivered: its intercept comes first. */
	if (intr) {
		c->int_ctl |= V_IRQ_MASK | V_INTR_PRIO_MASK | V_IGN_TPR_MASK;
		__set_bit(INTERCEPT_VINTR, (unsigned long *)c->intercepts);
	} else {
		c->int_ctl &= ~V_IRQ_INJECTION_BITS_MASK;
		__clear_bit(INTERCEPT_VINTR, (unsigned long *)c->intercepts);
	}
	/* For NMIs see svm_watch_iret(). */
}

static void svm_flush(struct vcpu *vcpu)
{
	asid_drop(&to_svm(vcpu)->tag);
}

static void svm_tsc(struct vcpu *vcpu, bool exits, u64 ratio, s64 offset)
{
	unsigned long *intercepts = (unsigned long *)to_vmcb(vcpu)->control.intercepts;

	__assign_bit(INTERCEPT_RDTSC, intercepts, exits);
	__assign_bit(INTERCEPT_RDTSCP, intercepts, exits);
	to_svm(vcpu)->tsc_ratio = ratio;
	to_vmcb(vcpu)->control.tsc_offset = offset;
}

/* An IRET that switches tasks would leave the TF of a step in the old task's TSS. */
static bool svm_iret_ends_task(struct vcpu *vcpu)
{
	return (vcpu->gprs.rflags & X86_EFLAGS_NT) &&
	       !(to_vmcb(vcpu)->save.efer & EFER_LMA);
}

/*
 * While NMIs are masked, wait for the handler's IRET. It exits before it
 * executes, so the mask ends one instruction later: when RIP has moved on, or,
 * if an NMI waits, by stepping over it. Where that cannot be, it waits for the
 * next exit, whatever that is.
 */
static void svm_watch_iret(struct vcpu *vcpu)
{
	struct vcpu_svm *svm = to_svm(vcpu);
	unsigned long *intercepts = (unsigned long *)svm->vmcb->control.intercepts;

	if (!vcpu->events.nmi_masked)
		svm->iret_pending = false;
	svm->iret_watched = vcpu->events.nmi_masked && !svm->iret_pending;
	__assign_bit(INTERCEPT_IRET, intercepts, svm->iret_watched);
}

/*
 * Whether this CPU was seen to enter without the interrupt shadow it was told
 * of, as an emulator does. STI; HLT then takes its interrupt before the HLT,
 * and sleeps for good.
 */
static bool svm_loses_shadow;

/* After the exit: the instruction is still to come, and so is its shadow. */
static void svm_shadow_stays(struct vcpu *vcpu, u8 shadow)
{
	if (to_vmcb(vcpu)->control.exit_code == SVM_EXIT_VINTR)
		WRITE_ONCE(svm_loses_shadow, true);
	vcpu->events.shadow = shadow;
}

/* What waits for the end of an instruction, and has no window that opens behind it. */
static bool svm_wants_step(struct vcpu *vcpu)
{
	struct vmm_events *ev = &vcpu->events;

	if (ev->type != VMM_EVENT_NONE || (vcpu->gprs.rflags & X86_EFLAGS_TF))
		return false;
	if (ev->nmi_pending && !ev->nmi_masked && ev->shadow)
		return true;
	if (ev->nmi_pending && to_svm(vcpu)->iret_pending && !svm_iret_ends_task(vcpu))
		return true;
	if (!ev->shadow || !vcpu->window_intr || !READ_ONCE(svm_loses_shadow))
		return false;
	/* The window would open before the instruction that the shadow is for. */
	svm_window(vcpu, false, vcpu->window_nmi);
	vcpu->window_intr = false;
	return true;
}

/*
 * Get past the next instruction by TF, which svm_exit_decode() takes away
 * again. The guest sees it only if that instruction stores RFLAGS or faults.
 */
static void svm_step(struct vcpu *vcpu)
{
	struct vcpu_svm *svm = to_svm(vcpu);

	svm->stepping = svm_wants_step(vcpu);
	if (!svm->stepping)
		return;
	svm->step_dr6 = vcpu->dregs.dr6;
	svm->vmcb->save.dr6 &= ~(u64)SVM_DR6_CAUSES;
	svm->vmcb->save.rflags |= X86_EFLAGS_TF;
}

static void svm_prepare(struct vcpu *vcpu)
{
	struct svm_cpu *sc = this_cpu_ptr(&svm_cpus);
	struct vcpu_svm *svm = to_svm(vcpu);
	struct vmcb *vmcb = svm->vmcb;

	/* An event may have been withdrawn since inject(): by INIT, by user space. */
	if (vcpu->events.type == VMM_EVENT_NONE)
		vmcb->control.event_inj = 0;
	vmcb->control.tlb_ctl = TLB_CONTROL_DO_NOTHING;
	if (unlikely(!asid_is_good(&sc->asids, &svm->tag))) {
		if (asid_get(&sc->asids, &svm->tag))
			vmcb->control.tlb_ctl = TLB_CONTROL_FLUSH_ALL_ASID;
		vmcb->control.asid = svm->tag.asid;
	}
	if (unlikely(sc->tsc_ratio != svm->tsc_ratio))
		svm_tsc_ratio(sc, svm->tsc_ratio);
	vmcb->control.clean = 0;
	vmcb->save.cr2 = vcpu->cr2;
}

static void svm_enter(struct vcpu *vcpu)
{
	struct svm_cpu *sc = this_cpu_ptr(&svm_cpus);
	struct vcpu_svm *svm = to_svm(vcpu);
	struct vmcb *vmcb = svm->vmcb;
	u8 shadow = vcpu->events.shadow;
	u64 rip = vcpu->gprs.rip;

	vmcb->control.int_state = shadow ? SVM_INTERRUPT_SHADOW_MASK : 0;
	vmcb->save.rax = vcpu->gprs.r[VMM_RAX];
	vmcb->save.rsp = vcpu->gprs.r[VMM_RSP];
	vmcb->save.rip = vcpu->gprs.rip;
	vmcb->save.rflags = vcpu->gprs.rflags;
	/* The mask may have gone without an IRET: by INIT, by user space. */
	if (unlikely(vcpu->events.nmi_masked || svm->iret_pending || svm->iret_watched))
		svm_watch_iret(vcpu);
	if (unlikely(shadow || svm->iret_pending || svm->stepping))
		svm_step(vcpu);
	if (unlikely(svm->dr7_open))
		dr_load(vcpu);

	svm_switch(vcpu->gprs.r, svm->vmcb_pa, page_to_phys(sc->host));

	vmcb->control.tlb_ctl = TLB_CONTROL_DO_NOTHING;
	vcpu->gprs.r[VMM_RAX] = vmcb->save.rax;
	vcpu->gprs.r[VMM_RSP] = vmcb->save.rsp;
	vcpu->gprs.rip = vmcb->save.rip;
	vcpu->gprs.rflags = vmcb->save.rflags;
	vcpu->cr2 = vmcb->save.cr2;
	svm_exit_decode(vcpu);
	if (unlikely(shadow) && vcpu->gprs.rip == rip)
		svm_shadow_stays(vcpu, shadow);
}

static const struct npt_format svm_npt = {
	.table = 7,		/* present, writable, user */
	.leaf = 5 | BIT_ULL(5) | BIT_ULL(6),	/* present, user, accessed, dirty */
	.write = 2,
	.dirty = BIT_ULL(6),
};

const struct vmm_hw_ops svm_ops = {
	.name		= "AMD-V",
	.vendor		= VMM_VENDOR_SVM,
	.npt		= &svm_npt,
	.setup		= svm_setup,
	.teardown	= svm_teardown,
	.cpu_enable	= svm_cpu_enable,
	.cpu_disable	= svm_cpu_disable,
	.vcpu_create	= svm_vcpu_create,
	.vcpu_destroy	= svm_vcpu_destroy,
	.load		= svm_load,
	.put		= svm_put,
	.prepare	= svm_prepare,
	.enter		= svm_enter,
	.inject		= svm_inject,
	.window		= svm_window,
	.flush		= svm_flush,
	.tsc		= svm_tsc,
	.sregs_get	= svm_sregs_get,
	.sregs_set	= svm_sregs_set,
	.code_size	= svm_code_size,
	.cpl		= svm_cpl,
	.dr7_set	= svm_dr7_set,
	.msr_get	= svm_msr_get,
	.msr_set	= svm_msr_set,
};
