// SPDX-License-Identifier: GPL-2.0
/*
 * Which VMX controls there are and which are used: "VMX Capability Reporting
 * Facility". What a table names as MUST and a CPU lacks is refused by name.
 */
#include <linux/moduleparam.h>
#include <asm/msr.h>

#include "../clock.h"
#include "vmx.h"

bool vmx_param_vpid = true;
module_param_named(vpid, vmx_param_vpid, bool, 0444);
MODULE_PARM_DESC(vpid, "VT-x: tag the TLB (VPID)");

bool vmx_param_ept_ad = true;
module_param_named(ept_ad, vmx_param_ept_ad, bool, 0444);
MODULE_PARM_DESC(ept_ad, "VT-x: accessed and dirty bits in nested page tables");

static bool vmx_param_ept_2m = true;
module_param_named(ept_2m, vmx_param_ept_2m, bool, 0444);
MODULE_PARM_DESC(ept_2m, "VT-x: nested pages of 2 MiB, and larger ones");

static bool vmx_param_ept_1g = true;
module_param_named(ept_1g, vmx_param_ept_1g, bool, 0444);
MODULE_PARM_DESC(ept_1g, "VT-x: nested pages of 1 GiB");

static bool vmx_param_pml = true;
module_param_named(pml, vmx_param_pml, bool, 0444);
MODULE_PARM_DESC(pml, "VT-x: have the CPU note which pages are written");

bool vmx_param_ple = true;
module_param_named(ple, vmx_param_ple, bool, 0444);
MODULE_PARM_DESC(ple, "VT-x: exit from loops of PAUSE");

static bool vmx_param_rdtscp = true;
module_param_named(rdtscp, vmx_param_rdtscp, bool, 0444);
MODULE_PARM_DESC(rdtscp, "VT-x: let guests execute RDTSCP and RDPID");

static bool vmx_param_invpcid = true;
module_param_named(invpcid, vmx_param_invpcid, bool, 0444);
MODULE_PARM_DESC(invpcid, "VT-x: let guests execute INVPCID");

static bool vmx_param_preemption_timer = true;
module_param_named(preemption_timer, vmx_param_preemption_timer, bool, 0444);
MODULE_PARM_DESC(preemption_timer, "VT-x: exit by the CPU's timer when the local APIC's is due");

static bool vmx_param_xsaves = true;
module_param_named(xsaves, vmx_param_xsaves, bool, 0444);
MODULE_PARM_DESC(xsaves, "VT-x: let guests execute XSAVES and XRSTORS");

static bool vmx_param_tpr_shadow = true;
module_param_named(tpr_shadow, vmx_param_tpr_shadow, bool, 0444);
MODULE_PARM_DESC(tpr_shadow, "VT-x: the local APIC's TPR without exits");

static bool vmx_param_apic_registers = true;
module_param_named(apic_registers, vmx_param_apic_registers, bool, 0444);
MODULE_PARM_DESC(apic_registers, "VT-x: reads of the local APIC's registers without exits");

/*
 * Off, as it is not proven: Bochs delivers what is pending with IF clear, too,
 * when an interrupt of the host comes in at that moment.
 */
static bool vmx_param_virtual_interrupts = false;
module_param_named(virtual_interrupts, vmx_param_virtual_interrupts, bool, 0444);
MODULE_PARM_DESC(virtual_interrupts, "VT-x: let the CPU deliver the local APIC's interrupts");

/* LATER: must exist, and is turned on and off. */
enum vmx_need { MUST, WANT, NEVER, LATER };

struct vmx_control {
	u32 bit;
	enum vmx_need need;
	const char *name;		/* the manual's */
	const bool *param;		/* WANT: unless switched off */
};

static const struct vmx_control vmx_pin[] = {
	{ PIN_BASED_EXT_INTR_MASK,		MUST, "external-interrupt exiting" },
	{ PIN_BASED_NMI_EXITING,		MUST, "NMI exiting" },
	{ PIN_BASED_VIRTUAL_NMIS,		MUST, "virtual NMIs" },
	{ PIN_BASED_VMX_PREEMPTION_TIMER,	WANT, "VMX-preemption timer",
	  &vmx_param_preemption_timer },
	{ }
};

static const struct vmx_control vmx_cpu[] = {
	{ CPU_BASED_ACTIVATE_SECONDARY_CONTROLS, MUST, "secondary controls" },
	{ CPU_BASED_HLT_EXITING,		MUST, "HLT exiting" },
	{ CPU_BASED_MWAIT_EXITING,		MUST, "MWAIT exiting" },
	{ CPU_BASED_MONITOR_EXITING,		MUST, "MONITOR exiting" },
	{ CPU_BASED_RDPMC_EXITING,		MUST, "RDPMC exiting" },
	{ CPU_BASED_TPR_SHADOW,			WANT, "use TPR shadow", &vmx_param_tpr_shadow },
	{ CPU_BASED_MOV_DR_EXITING,		MUST, "MOV-DR exiting" },
	{ CPU_BASED_UNCOND_IO_EXITING,		MUST, "unconditional I/O exiting" },
	{ CPU_BASED_USE_MSR_BITMAPS,		MUST, "MSR bitmaps" },
	{ CPU_BASED_USE_TSC_OFFSETTING,		MUST, "TSC offsetting" },
	{ CPU_BASED_RDTSC_EXITING,		LATER, "RDTSC exiting" },
	{ CPU_BASED_CR3_LOAD_EXITING,		NEVER, "CR3-load exiting" },
	{ CPU_BASED_CR3_STORE_EXITING,		NEVER, "CR3-store exiting" },
	{ CPU_BASED_INVLPG_EXITING,		NEVER, "INVLPG exiting" },
	{ }
};

static const struct vmx_control vmx_cpu2[] = {
	{ SECONDARY_EXEC_ENABLE_EPT,		MUST, "EPT" },
	{ SECONDARY_EXEC_UNRESTRICTED_GUEST,	MUST, "unrestricted guest" },
	{ SECONDARY_EXEC_ENABLE_VPID,		WANT, "VPID", &vmx_param_vpid },
	{ SECONDARY_EXEC_ENABLE_RDTSCP,		WANT, "RDTSCP", &vmx_param_rdtscp },
	{ SECONDARY_EXEC_ENABLE_INVPCID,	WANT, "INVPCID", &vmx_param_invpcid },
	{ VMX_CPU2_XSAVES,			WANT, "XSAVES", &vmx_param_xsaves },
	/* Enclaves of the host's SGX are none of the guest's business. */
	{ SECONDARY_EXEC_ENCLS_EXITING,		WANT, "ENCLS exiting" },
	{ SECONDARY_EXEC_TSC_SCALING,		WANT, "TSC scaling", &clock_param_tsc_scaling },
	{ SECONDARY_EXEC_WBINVD_EXITING,	WANT, "WBINVD exiting" },
	{ SECONDARY_EXEC_ENABLE_PML,		WANT, "page-modification logging", &vmx_param_pml },
	{ SECONDARY_EXEC_PAUSE_LOOP_EXITING,	WANT, "PAUSE-loop exiting", &vmx_param_ple },
	{ SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES, WANT, "virtualize APIC accesses" },
	{ SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE, WANT, "virtualize x2APIC mode" },
	{ SECONDARY_EXEC_APIC_REGISTER_VIRT,	WANT, "APIC-register virtualization",
	  &vmx_param_apic_registers },
	{ SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY,	WANT, "virtual-interrupt delivery",
	  &vmx_param_virtual_interrupts },
	{ }
};

/* Without TPR shadow CR8 would be the host's. */
static const struct vmx_control vmx_cpu_cr8[] = {
	{ CPU_BASED_CR8_LOAD_EXITING,		MUST, "CR8-load exiting" },
	{ CPU_BASED_CR8_STORE_EXITING,		MUST, "CR8-store exiting" },
	{ }
};

#define VMX_CPU2_APIC	(SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES |	\
			 SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE |	\
			 SECONDARY_EXEC_APIC_REGISTER_VIRT |		\
			 SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY)

static const struct vmx_control vmx_exit[] = {
	{ VM_EXIT_HOST_ADDR_SPACE_SIZE,		MUST, "host address-space size" },
	{ VM_EXIT_SAVE_DEBUG_CONTROLS,		MUST, "save debug controls" },
	{ VM_EXIT_LOAD_IA32_EFER,		MUST, "load IA32_EFER at exit" },
	{ VM_EXIT_LOAD_IA32_PAT,		MUST, "load IA32_PAT at exit" },
	{ }
};

static const struct vmx_control vmx_entry[] = {
	{ VM_ENTRY_LOAD_DEBUG_CONTROLS,		MUST, "load debug controls" },
	{ VM_ENTRY_LOAD_IA32_EFER,		MUST, "load IA32_EFER at entry" },
	{ VM_ENTRY_LOAD_IA32_PAT,		MUST, "load IA32_PAT at entry" },
	{ }
};

/* Low half: bits that must be 1; high half: bits that may be. */
static int vmx_caps_controls(u32 msr, const struct vmx_control *rows, u32 *use, bool say)
{
	const struct vmx_control *row;
	u32 fixed, allowed;
	int err = 0;

	rdmsr(msr, fixed, allowed);
	*use = fixed;
	for (row = rows; row->bit; row++) {
		bool there = allowed & row->bit, insists = fixed & row->bit;

		if (row->need == WANT ? false : row->need == NEVER ? insists : !there) {
			if (say)
				pr_err("VT-x %s \"%s\" is not supported\n",
				       row->need == NEVER ? "that insists on" : "without",
				       row->name);
			err = -ENODEV;
		}
		if (row->need <= WANT && there && (!row->param || *row->param))
			*use |= row->bit;
	}
	return err;
}

static const struct vmx_control vmx_ept[] = {
	{ VMX_EPT_PAGE_WALK_4_BIT,		MUST, "EPT of 4 levels" },
	{ VMX_EPTP_WB_BIT,			MUST, "write-back EPT tables" },
	{ VMX_EPT_INVEPT_BIT,			MUST, "INVEPT" },
	{ VMX_EPT_EXTENT_GLOBAL_BIT,		MUST, "INVEPT of all contexts" },
	{ VMX_EPT_2MB_PAGE_BIT,			WANT, "EPT pages of 2 MiB", &vmx_param_ept_2m },
	{ VMX_EPT_1GB_PAGE_BIT,			WANT, "EPT pages of 1 GiB", &vmx_param_ept_1g },
	{ VMX_EPT_AD_BIT,			WANT, "EPT with A/D bits", &vmx_param_ept_ad },
	{ }
};

static int vmx_caps_ept(struct vmx_caps *caps, bool say)
{
	const u64 vpid = (u64)(VMX_VPID_INVVPID_BIT | VMX_VPID_EXTENT_GLOBAL_CONTEXT_BIT) << 32;
	const struct vmx_control *row;
	int err = 0;

	rdmsrl(MSR_IA32_VMX_EPT_VPID_CAP, caps->ept_vpid);
	for (row = vmx_ept; row->bit; row++) {
		if (row->param && !*row->param)
			caps->ept_vpid &= ~(u64)row->bit;
		if (row->need != MUST || (caps->ept_vpid & row->bit))
			continue;
		if (say)
			pr_err("VT-x without \"%s\" is not supported\n", row->name);
		err = -ENODEV;
	}
	/* Sizes go from the smallest up, without a gap. */
	if (!(caps->ept_vpid & VMX_EPT_2MB_PAGE_BIT))
		caps->ept_vpid &= ~(u64)VMX_EPT_1GB_PAGE_BIT;
	/* "Page-Modification Logging": it is the dirty bits that are logged. */
	if (!(caps->ept_vpid & VMX_EPT_AD_BIT))
		caps->use.cpu2 &= ~SECONDARY_EXEC_ENABLE_PML;
	/* A tag that cannot be flushed is of no use. */
	if ((caps->ept_vpid & vpid) != vpid)
		caps->use.cpu2 &= ~SECONDARY_EXEC_ENABLE_VPID;
	return err;
}

/*
 * CPUID.1:EAX of those whose preemption timer does not keep the rate that they
 * name, by the errata of their specification updates.
 */
static const u32 vmx_bad_timer[] = {
	0x000106a0, 0x000106a1, 0x000106a4, 0x000106a5, 0x000106e5,	/* Nehalem */
	0x000206e6, 0x00020652, 0x00020655,				/* its heirs */
	0x000306a8,							/* Ivy Bridge, early */
};

/* "VMX-Preemption Timer"; IA32_VMX_MISC has its rate. */
static void vmx_caps_timer(struct vmx_caps *caps)
{
	u32 signature = cpuid_eax(1);
	u64 misc;
	int i;

	rdmsrl(MSR_IA32_VMX_MISC, misc);
	caps->timer_rate = misc & GENMASK(4, 0);
	for (i = 0; i < ARRAY_SIZE(vmx_bad_timer); i++) {
		if (vmx_bad_timer[i] == signature)
			caps->use.pin &= ~PIN_BASED_VMX_PREEMPTION_TIMER;
	}
}

/*
 * "VM-Execution Control Fields": all of it needs TPR shadow. That goes with
 * the page of the xAPIC, so that TPR is either shadowed in each way to it or not.
 */
static int vmx_caps_apic(struct vmx_controls *use, u32 msr, bool say)
{
	u32 cr8 = 0;
	int err;

	if (!(use->cpu2 & SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES))
		use->cpu &= ~CPU_BASED_TPR_SHADOW;
	if (use->cpu & CPU_BASED_TPR_SHADOW)
		return 0;
	use->cpu2 &= ~VMX_CPU2_APIC;
	err = vmx_caps_controls(msr, vmx_cpu_cr8, &cr8, say);
	use->cpu |= cr8;
	return err;
}

int vmx_caps_read(struct vmx_caps *caps, bool say)
{
	struct vmx_controls *use = &caps->use;
	bool exact;
	u32 msr_cpu;
	int err;

	memset(caps, 0, sizeof(*caps));
	rdmsrl(MSR_IA32_VMX_BASIC, caps->basic);
	rdmsrl(MSR_IA32_VMX_CR0_FIXED0, caps->cr0_fixed0);
	rdmsrl(MSR_IA32_VMX_CR4_FIXED0, caps->cr4_fixed0);
	exact = caps->basic & BIT_ULL(55);	/* the TRUE MSRs are there */
	err = vmx_caps_controls(exact ? MSR_IA32_VMX_TRUE_PINBASED_CTLS :
				MSR_IA32_VMX_PINBASED_CTLS, vmx_pin, &use->pin, say);
	vmx_caps_timer(caps);
	msr_cpu = exact ? MSR_IA32_VMX_TRUE_PROCBASED_CTLS : MSR_IA32_VMX_PROCBASED_CTLS;
	err = vmx_caps_controls(msr_cpu, vmx_cpu, &use->cpu, say) ?: err;
	err = vmx_caps_controls(exact ? MSR_IA32_VMX_TRUE_EXIT_CTLS :
				MSR_IA32_VMX_EXIT_CTLS, vmx_exit, &use->exit, say) ?: err;
	err = vmx_caps_controls(exact ? MSR_IA32_VMX_TRUE_ENTRY_CTLS :
				MSR_IA32_VMX_ENTRY_CTLS, vmx_entry, &use->entry, say) ?: err;
	/* These MSRs exist only where the controls do. */
	if (!(use->cpu & CPU_BASED_ACTIVATE_SECONDARY_CONTROLS))
		return -ENODEV;
	err = vmx_caps_controls(MSR_IA32_VMX_PROCBASED_CTLS2, vmx_cpu2, &use->cpu2, say) ?: err;
	if (!(use->cpu2 & SECONDARY_EXEC_ENABLE_EPT))
		return -ENODEV;
	/* IA32_XSS is the host's to know. */
	if (!boot_cpu_has(X86_FEATURE_XSAVES))
		use->cpu2 &= ~VMX_CPU2_XSAVES;
	err = vmx_caps_apic(use, msr_cpu, say) ?: err;
	return vmx_caps_ept(caps, say) ?: err;
}
