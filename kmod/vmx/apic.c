// SPDX-License-Identifier: GPL-2.0
/*
 * The local APIC's work that a CPU with VT-x does by itself: "APIC
 * Virtualization and Virtual Interrupts" of Intel's manual.
 *
 * The virtual-APIC page is the local APIC's own page of registers, so there is
 * nothing to copy: before an entry the VMCS is told what follows from it, and
 * after an exit the local APIC looks at what has changed. All of it belongs to
 * the vCPU's thread.
 *
 * The TPR threshold is set in prepare() and holds for all trips that follow.
 * An interrupt that TPR does not hold back has a window open, or is injected;
 * one that it does ends the trip when TPR falls below the threshold. Whatever
 * else could let one through (EOI, an arrival) asks for a look at interrupts,
 * which leads to prepare() again.
 *
 * What is used follows from the mode, and whether software has enabled the
 * APIC: while it has not, a CPU would still take an IPI to itself. Registers
 * are read from the xAPIC's page without an exit only where the CPU keeps PPR
 * up to date, with virtual-interrupt delivery. The page itself (struct vm,
 * apic_page) is no memory of the guest: see apic_mmio.h.
 *
 * Leaves out posted interrupts: what arrives for a running vCPU takes it out
 * of the guest, and goes into the page before the next entry.
 */
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/percpu.h>

#include "../irqfd.h"
#include "../lapic.h"
#include "../lapic_logic.h"
#include "vmx.h"

#define VMX_XAPIC	SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES
#define VMX_X2APIC	SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE
#define VMX_REGISTERS	SECONDARY_EXEC_APIC_REGISTER_VIRT
#define VMX_INTERRUPTS	SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY
#define VMX_APIC_ALL	(VMX_XAPIC | VMX_X2APIC | VMX_REGISTERS | VMX_INTERRUPTS)

/* By mode, and whether software has enabled the APIC: of what the CPU offers. */
static const u32 vmx_apic_wanted[][2] = {
	[LAPIC_XAPIC] = { VMX_XAPIC, VMX_XAPIC | VMX_REGISTERS | VMX_INTERRUPTS },
	[LAPIC_X2APIC] = { 0, VMX_X2APIC | VMX_REGISTERS | VMX_INTERRUPTS },
};

static u32 vmx_apic_controls(struct vcpu *vcpu)
{
	u32 wanted = vmx_apic_wanted[lapic_mode_of(vcpu->apic_base)][lapic_enabled(vcpu)];
	u32 controls = wanted & vmx_caps.use.cpu2;

	return (controls & VMX_XAPIC) && !(controls & VMX_INTERRUPTS) ?
	       controls & ~VMX_REGISTERS : controls;
}

/* ---- x2APIC registers without an exit ------------------------------------------------------- */

/* The MSR bitmap of vCPUs in x2APIC mode. */
static void *vmx_x2apic_bitmap;

/* Offsets in the page, as ranges: the MSR is 0x800 + offset / 16. */
struct vmx_x2apic_range {
	u16 first, last;
	u32 need;			/* all of these controls */
	bool write;
};

/* Left out: what is not kept as it is read (current count, LDR) or not alone (ICR). */
static const struct vmx_x2apic_range vmx_x2apic_ranges[] = {
	{ 0x080, 0x080, 0 },				/* TPR */
	{ 0x080, 0x080, 0, true },
	{ 0x020, 0x030, VMX_REGISTERS },		/* ID, version */
	{ 0x0a0, 0x0a0, VMX_REGISTERS | VMX_INTERRUPTS },	/* PPR */
	{ 0x0b0, 0x0b0, VMX_INTERRUPTS, true },		/* EOI */
	{ 0x0f0, 0x0f0, VMX_REGISTERS },		/* SVR */
	{ 0x100, 0x280, VMX_REGISTERS },		/* ISR, TMR, IRR, ESR */
	{ 0x320, 0x380, VMX_REGISTERS },		/* LVT, initial count */
	{ 0x3e0, 0x3e0, VMX_REGISTERS },		/* divide configuration */
	{ 0x3f0, 0x3f0, VMX_INTERRUPTS, true },		/* self-IPI */
};

int vmx_apic_setup(const void *msr_bitmap)
{
	const struct vmx_x2apic_range *range;
	u16 offset;

	if (!(vmx_caps.use.cpu2 & VMX_X2APIC))
		return 0;
	vmx_x2apic_bitmap = (void *)__get_free_page(GFP_KERNEL);
	if (!vmx_x2apic_bitmap)
		return -ENOMEM;
	memcpy(vmx_x2apic_bitmap, msr_bitmap, PAGE_SIZE);
	for (range = vmx_x2apic_ranges; range < vmx_x2apic_ranges + ARRAY_SIZE(vmx_x2apic_ranges);
	     range++) {
		if (range->need & ~vmx_caps.use.cpu2)
			continue;
		for (offset = range->first; offset <= range->last; offset += 16)
			vmx_msr_allow(vmx_x2apic_bitmap, 0x800 + offset / 16, range->write);
	}
	return 0;
}

void vmx_apic_teardown(void)
{
	free_page((unsigned long)vmx_x2apic_bitmap);
	vmx_x2apic_bitmap = NULL;
}

/* ---- entry and exit ------------------------------------------------------------------- */

/* What the CPU knows of addresses may be of another mode: "Page Size and TLB Management". */
static void vmx_apic_mode(struct vcpu *vcpu, u32 controls)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	u32 others = vmcs_read(SECONDARY_VM_EXEC_CONTROL) & ~VMX_APIC_ALL;

	vmx->apic_controls = controls;
	vmcs_write(SECONDARY_VM_EXEC_CONTROL, others | controls);
	if (controls & VMX_X2APIC)
		vmcs_write(MSR_BITMAP, __pa(vmx_x2apic_bitmap));
	else
		vmcs_write(MSR_BITMAP, page_to_phys(vmx_msr_bitmap));
	/* Either holds only in its own way of delivery. */
	vmx->tpr_threshold = 0;
	vmcs_write(TPR_THRESHOLD, 0);
	vmx_flush(vcpu);
}

void vmx_apic_init(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	int i;

	to_vmx(vcpu)->apic_page = lapic_page(vcpu);
	if (!(vmx_caps.use.cpu & CPU_BASED_TPR_SHADOW))
		return;
	vmcs_write(VIRTUAL_APIC_PAGE_ADDR, __pa(lapic_page(vcpu)));
	vmcs_write(APIC_ACCESS_ADDR, __pa(vm->apic_page));
	if (vmx_caps.use.cpu2 & VMX_INTERRUPTS) {
		vmcs_write(GUEST_INTR_STATUS, 0);
		for (i = 0; i < ARRAY_SIZE(vcpu->eoi_exits); i++)
			vmcs_write(EOI_EXIT_BITMAP0 + 2 * i, 0);
	}
	vmx_apic_mode(vcpu, 0);
}

/* "Guest Interrupt Status": RVI in the low byte, SVI in the high one. */
void vmx_apic_set_status(struct vcpu *vcpu)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	struct lapic_vectors vectors = lapic_vectors(vcpu);
	u16 status = vectors.requested | vectors.served << 8;

	if (status == vmx->intr_status)
		return;
	vmx->intr_status = status;
	vmcs_write(GUEST_INTR_STATUS, status);
}

/* There are no vectors below 16. */
static void vmx_apic_set_eoi_exits(struct vcpu *vcpu)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	int i;

	for (i = 0; i < ARRAY_SIZE(vcpu->eoi_exits); i++) {
		u64 vectors = (READ_ONCE(vcpu->eoi_exits[i]) | irqfd_vectors(vcpu->vm, i)) &
			      (i ? ~0ULL : ~0xffffULL);

		if (likely(vectors == vmx->eoi_exits[i]))
			continue;
		vmx->eoi_exits[i] = vectors;
		vmcs_write(EOI_EXIT_BITMAP0 + 2 * i, vectors);
	}
}

/*
 * "TPR Virtualization": exit when the guest lets the interrupt through that
 * TPR alone holds back. The entry insists on a threshold not above TPR.
 */
static void vmx_apic_set_threshold(struct vcpu *vcpu)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	int vector = lapic_blocked_by_tpr(vcpu);
	u32 threshold = vector < 0 ? 0 : vector >> 4;

	if (threshold == vmx->tpr_threshold)
		return;
	vmx->tpr_threshold = threshold;
	vmcs_write(TPR_THRESHOLD, threshold);
}

void vmx_apic_prepare(struct vcpu *vcpu)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	u32 controls;

	if (!(vmx_caps.use.cpu & CPU_BASED_TPR_SHADOW))
		return;
	controls = vmx_apic_controls(vcpu);
	if (unlikely(controls != vmx->apic_controls))
		vmx_apic_mode(vcpu, controls);
	/* After the look at interrupts: who sends one that is to exit has said so before. */
	if (controls & VMX_INTERRUPTS)
		vmx_apic_set_eoi_exits(vcpu);
	else
		vmx_apic_set_threshold(vcpu);
}

/* What the CPU says of IRR and ISR is what is in them. */
static bool vmx_apic_is_coherent(const struct vcpu_vmx *vmx, u16 status)
{
	int irrv = lapic_vector_highest(vmx->apic_page + 0x200 / 4);
	int isrv = lapic_vector_highest(vmx->apic_page + 0x100 / 4);

	return status == (max(irrv, 0) | max(isrv, 0) << 8);
}

void vmx_apic_changed(struct vcpu *vcpu)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	u16 status = vmx->intr_status;

	if (vmx->apic_controls & VMX_INTERRUPTS) {
		status = vmcs_read(GUEST_INTR_STATUS);
		if (IS_ENABLED(CONFIG_HM_PARANOIA))
			WARN_ON_ONCE(!vmx_apic_is_coherent(vmx, status));
	}
	if (status != vmx->intr_status || vmx->tpr != vmx_apic_tpr(vmx)) {
		vmx->intr_status = status;
		lapic_reload(vcpu);
	}
}

/* ---- exits --------------------------------------------------------------------------------- */

/* "Exit Qualification for APIC-Access VM Exits": VMM_FAULT_* by access type. */
static const u8 vmx_apic_access[16] = {
	[1] = VMM_FAULT_WRITE,
	[2] = VMM_FAULT_FETCH,
	[10] = VMM_FAULT_WALK,
	[15] = VMM_FAULT_WALK,
};

void vmx_decode_apic_access(struct vcpu *vcpu, struct vcpu_exit *exit)
{
	exit->gpa = APIC_DEFAULT_BASE | (exit->info1 & ~PAGE_MASK);
	exit->cr3 = vmcs_read(GUEST_CR3);
	exit->fault = vmx_apic_access[exit->info1 >> 12 & 15];
}

/* Both come after the instruction. */
void vmx_decode_apic_write(struct vcpu *vcpu, struct vcpu_exit *exit)
{
	exit->apic_offset = exit->info1 & ~PAGE_MASK;
	exit->apic_eoi = 0;
}

void vmx_decode_apic_eoi(struct vcpu *vcpu, struct vcpu_exit *exit)
{
	exit->apic_eoi = exit->info1;
}
