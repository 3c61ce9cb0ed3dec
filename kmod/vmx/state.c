// SPDX-License-Identifier: GPL-2.0
/*
 * System registers and MSRs that live in the VMCS. Outside RUN the VMCS is
 * loaded for the occasion.
 */
#include <linux/kernel.h>
#include <linux/percpu.h>
#include <asm/msr.h>
#include <asm/processor-flags.h>

#include "../mem.h"
#include "../msr.h"
#include "vmx.h"

/* In the order of enum vmm_seg, two apart. */
#define SEG_SELECTOR(i)	(GUEST_ES_SELECTOR + 2 * (i))
#define SEG_LIMIT(i)	(GUEST_ES_LIMIT + 2 * (i))
#define SEG_ATTR(i)	(GUEST_ES_AR_BYTES + 2 * (i))
#define SEG_BASE(i)	(GUEST_ES_BASE + 2 * (i))

#define ATTR_TYPE	0xfU
#define ATTR_CODE_DATA	BIT(4)		/* S */
#define ATTR_PRESENT	BIT(7)

static u64 vmx_cr0_get(void)
{
	return (vmcs_read(GUEST_CR0) & VMX_CR0_GUEST) |
	       (vmcs_read(CR0_READ_SHADOW) & ~(u64)VMX_CR0_GUEST);
}

static u64 vmx_cr4_get(void)
{
	return (vmcs_read(GUEST_CR4) & VMX_CR4_GUEST) |
	       (vmcs_read(CR4_READ_SHADOW) & ~(u64)VMX_CR4_GUEST);
}

void vmx_sregs_get(struct vcpu *vcpu, struct vmm_sregs *sregs)
{
	int i;

	vmx_vmcs_borrow(vcpu);
	for (i = 0; i < VMM_SEG_COUNT; i++) {
		sregs->seg[i].base = vmcs_read(SEG_BASE(i));
		sregs->seg[i].limit = vmcs_read(SEG_LIMIT(i));
		sregs->seg[i].selector = vmcs_read(SEG_SELECTOR(i));
		sregs->seg[i].pad0 = 0;
		sregs->seg[i].pad1 = 0;
		sregs->seg[i].attr = vmcs_read(SEG_ATTR(i)) & (VMM_SEG_UNUSABLE | 0xf0ff);
	}
	sregs->gdtr.base = vmcs_read(GUEST_GDTR_BASE);
	sregs->gdtr.limit = vmcs_read(GUEST_GDTR_LIMIT);
	sregs->idtr.base = vmcs_read(GUEST_IDTR_BASE);
	sregs->idtr.limit = vmcs_read(GUEST_IDTR_LIMIT);
	sregs->cr0 = vmx_cr0_get();
	sregs->cr3 = vmcs_read(GUEST_CR3);
	sregs->cr4 = vmx_cr4_get();
	sregs->efer = vmcs_read(GUEST_IA32_EFER);
	vmx_vmcs_return();
}

/*
 * "Checks on Guest Segment Registers" want what loading the register would
 * have made of it: code and data accessed, TR busy, absent segments unusable.
 */
static u32 vmx_attr(int i, u32 attr, bool long_mode)
{
	if (!(attr & ATTR_PRESENT))
		attr |= VMM_SEG_UNUSABLE;
	if (i == VMM_TR) {
		if ((attr & ATTR_TYPE) == 1 || (attr & ATTR_TYPE) == 9)
			attr |= 2;
		return long_mode ? attr | 0xb : attr;
	}
	if (i != VMM_LDTR && !(attr & VMM_SEG_UNUSABLE) && (attr & ATTR_CODE_DATA))
		attr |= 1;
	return attr;
}

static bool vmx_is_pae(u64 cr0, u64 cr4, u64 efer)
{
	return (cr0 & X86_CR0_PG) && (cr4 & X86_CR4_PAE) && !(efer & EFER_LMA);
}

/*
 * With EPT an entry takes the PDPTEs from the VMCS, and only the guest's own
 * MOV to CR3 puts them there. What cannot be read is not present.
 */
static void vmx_load_pdptes(struct vcpu *vcpu, const struct vmm_sregs *sregs)
{
	u64 pdpte[4];
	int i;

	if (mem_read(vcpu->vm, sregs->cr3 & 0xffffffe0, pdpte, sizeof(pdpte)))
		memset(pdpte, 0, sizeof(pdpte));
	vmx_vmcs_borrow(vcpu);
	for (i = 0; i < 4; i++)
		vmcs_write(GUEST_PDPTR0 + 2 * i, pdpte[i]);
	vmx_vmcs_return();
}

static void vmx_segments_set(const struct vmm_sregs *sregs)
{
	bool long_mode = sregs->efer & EFER_LMA;
	int i;

	for (i = 0; i < VMM_SEG_COUNT; i++) {
		vmcs_write(SEG_BASE(i), sregs->seg[i].base);
		vmcs_write(SEG_LIMIT(i), sregs->seg[i].limit);
		vmcs_write(SEG_SELECTOR(i), sregs->seg[i].selector);
		vmcs_write(SEG_ATTR(i), vmx_attr(i, sregs->seg[i].attr, long_mode));
	}
	vmcs_write(GUEST_GDTR_BASE, sregs->gdtr.base);
	vmcs_write(GUEST_GDTR_LIMIT, sregs->gdtr.limit);
	vmcs_write(GUEST_IDTR_BASE, sregs->idtr.base);
	vmcs_write(GUEST_IDTR_LIMIT, sregs->idtr.limit);
}

/* "Guest/Host Masks and Read Shadows for CR0 and CR4": the guest reads what it wrote. */
static void vmx_control_registers_set(const struct vmm_sregs *sregs)
{
	/* The caches stay on: memory is write-back for the host. */
	u64 cr0 = sregs->cr0 & ~(u64)(X86_CR0_CD | X86_CR0_NW);
	u32 entry = vmx_caps.use.entry;

	/* An unrestricted guest may have PE and PG clear. */
	cr0 |= vmx_caps.cr0_fixed0 & ~(u64)(X86_CR0_PE | X86_CR0_PG);
	vmcs_write(GUEST_CR0, cr0);
	vmcs_write(CR0_READ_SHADOW, sregs->cr0);
	vmcs_write(GUEST_CR3, sregs->cr3);
	vmcs_write(GUEST_CR4, sregs->cr4 | vmx_caps.cr4_fixed0);
	vmcs_write(CR4_READ_SHADOW, sregs->cr4);
	vmcs_write(GUEST_IA32_EFER, sregs->efer);
	if (sregs->efer & EFER_LMA)
		entry |= VM_ENTRY_IA32E_MODE;
	vmcs_write(VM_ENTRY_CONTROLS, entry);
}

void vmx_sregs_set(struct vcpu *vcpu, const struct vmm_sregs *sregs)
{
	bool paging_changed;

	vmx_vmcs_borrow(vcpu);
	paging_changed = sregs->cr0 != vmx_cr0_get() || sregs->cr4 != vmx_cr4_get() ||
			 sregs->cr3 != vmcs_read(GUEST_CR3) ||
			 sregs->efer != vmcs_read(GUEST_IA32_EFER);
	vmx_segments_set(sregs);
	/* A trap that was due belongs to what has gone: INIT must not take it along. */
	vmcs_write(GUEST_PENDING_DBG_EXCEPTIONS, 0);
	if (paging_changed)
		vmx_control_registers_set(sregs);
	vmx_vmcs_return();
	if (paging_changed && vmx_is_pae(sregs->cr0, sregs->cr4, sregs->efer))
		vmx_load_pdptes(vcpu, sregs);
}

int vmx_code_size(struct vcpu *vcpu)
{
	u32 attr = vmcs_read(GUEST_CS_AR_BYTES);

	if ((attr & VMX_AR_L_MASK) && (vmcs_read(GUEST_IA32_EFER) & EFER_LMA))
		return 8;
	return attr & VMX_AR_DB_MASK ? 4 : 2;
}

int vmx_cpl(struct vcpu *vcpu)
{
	/* "Guest Register State": the DPL of SS is the CPL. */
	return (vmcs_read(GUEST_SS_AR_BYTES) >> 5) & 3;
}

/* DR6 never reaches the CPU: whatever would change it exits. DR7 waits for the entry. */
void vmx_dr7_set(struct vcpu *vcpu)
{
}

/* ---- MSRs ---------------------------------------------------------------------------- */

struct vmx_msr {
	u32 index;
	u16 field;			/* of the VMCS */
};

static const struct vmx_msr vmx_msrs[] = {
	{ MSR_IA32_SYSENTER_CS,	 GUEST_SYSENTER_CS },
	{ MSR_IA32_SYSENTER_ESP, GUEST_SYSENTER_ESP },
	{ MSR_IA32_SYSENTER_EIP, GUEST_SYSENTER_EIP },
	{ MSR_IA32_CR_PAT,	 GUEST_IA32_PAT },
	{ MSR_FS_BASE,		 GUEST_FS_BASE },
	{ MSR_GS_BASE,		 GUEST_GS_BASE },
};

static int vmx_msr_field(u32 index)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(vmx_msrs); i++) {
		if (vmx_msrs[i].index == index)
			return vmx_msrs[i].field;
	}
	return -1;
}

/* Where an MSR that this CPU shares with user space is kept, -1: it is not one. */
static int vmx_msr_shared(u32 index)
{
	switch (index) {
	case MSR_STAR:
		return MSR_SHARED_STAR;
	case MSR_LSTAR:
		return MSR_SHARED_LSTAR;
	case MSR_SYSCALL_MASK:
		return MSR_SHARED_SFMASK;
	}
	return -1;
}

/* In RUN the MSR itself has the guest's value. */
static void vmx_kernel_gs_base(struct vcpu_vmx *vmx, u64 *value, bool set)
{
	preempt_disable();
	if (set) {
		vmx->kernel_gs_base = *value;
		if (vmx->host.aside)
			wrmsrl(MSR_KERNEL_GS_BASE, *value);
	} else {
		if (vmx->host.aside)
			rdmsrl(MSR_KERNEL_GS_BASE, vmx->kernel_gs_base);
		*value = vmx->kernel_gs_base;
	}
	preempt_enable();
}

int vmx_msr_get(struct vcpu *vcpu, u32 index, u64 *value)
{
	int field = vmx_msr_field(index), shared = vmx_msr_shared(index);

	if (index == MSR_KERNEL_GS_BASE) {
		vmx_kernel_gs_base(to_vmx(vcpu), value, false);
	} else if (index == MSR_CSTAR) {
		*value = to_vmx(vcpu)->cstar;
	} else if (shared >= 0) {
		*value = vcpu->shared_msr[shared];
	} else if (field >= 0) {
		vmx_vmcs_borrow(vcpu);
		*value = vmcs_read(field);
		vmx_vmcs_return();
	} else {
		return -ENOENT;
	}
	return 0;
}

int vmx_msr_set(struct vcpu *vcpu, u32 index, u64 value)
{
	int field = vmx_msr_field(index), shared = vmx_msr_shared(index);

	if (index == MSR_KERNEL_GS_BASE) {
		vmx_kernel_gs_base(to_vmx(vcpu), &value, true);
	} else if (index == MSR_CSTAR) {
		to_vmx(vcpu)->cstar = value;
	} else if (shared >= 0) {
		msr_shared_set(vcpu, shared, value);
	} else if (field >= 0) {
		vmx_vmcs_borrow(vcpu);
		vmcs_write(field, value);
		vmx_vmcs_return();
	} else {
		return -ENOENT;
	}
	return 0;
}
