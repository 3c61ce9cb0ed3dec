// SPDX-License-Identifier: GPL-2.0
/* System registers and MSRs that live in the VMCB's save area. */
#include <linux/kernel.h>
#include <linux/percpu.h>
#include <asm/debugreg.h>
#include <asm/msr-index.h>

#include "svm.h"

/* The VMCB packs a segment's attributes into 12 bits; ours have a hole at 8-11. */
static u32 svm_attr_unpack(u16 attrib)
{
	u32 attr = (attrib & 0xff) | (attrib & 0xf00) << 4;

	return attrib & SVM_SELECTOR_P_MASK ? attr : attr | VMM_SEG_UNUSABLE;
}

static u16 svm_attr_pack(u32 attr)
{
	return attr & VMM_SEG_UNUSABLE ? 0 : (attr & 0xff) | (attr >> 4 & 0xf00);
}

/* In the order of enum vmm_seg. */
static const u16 svm_seg_offset[VMM_SEG_COUNT] = {
	[VMM_ES] = offsetof(struct vmcb_save_area, es),
	[VMM_CS] = offsetof(struct vmcb_save_area, cs),
	[VMM_SS] = offsetof(struct vmcb_save_area, ss),
	[VMM_DS] = offsetof(struct vmcb_save_area, ds),
	[VMM_FS] = offsetof(struct vmcb_save_area, fs),
	[VMM_GS] = offsetof(struct vmcb_save_area, gs),
	[VMM_LDTR] = offsetof(struct vmcb_save_area, ldtr),
	[VMM_TR] = offsetof(struct vmcb_save_area, tr),
};

static struct vmcb_seg *svm_seg(struct vmcb *vmcb, int i)
{
	return (void *)&vmcb->save + svm_seg_offset[i];
}

void svm_sregs_get(struct vcpu *vcpu, struct vmm_sregs *sregs)
{
	struct vmcb *vmcb = to_vmcb(vcpu);
	int i;

	for (i = 0; i < VMM_SEG_COUNT; i++) {
		const struct vmcb_seg *seg = svm_seg(vmcb, i);

		sregs->seg[i].base = seg->base;
		sregs->seg[i].limit = seg->limit;
		sregs->seg[i].selector = seg->selector;
		sregs->seg[i].pad0 = 0;
		sregs->seg[i].pad1 = 0;
		sregs->seg[i].attr = svm_attr_unpack(seg->attrib);
	}
	/* The CPL has a field of its own; ours is SS.DPL. */
	sregs->seg[VMM_SS].attr &= ~0x60U;
	sregs->seg[VMM_SS].attr |= vmcb->save.cpl << 5;
	sregs->gdtr.base = vmcb->save.gdtr.base;
	sregs->gdtr.limit = vmcb->save.gdtr.limit;
	sregs->idtr.base = vmcb->save.idtr.base;
	sregs->idtr.limit = vmcb->save.idtr.limit;
	sregs->cr0 = vmcb->save.cr0;
	sregs->cr3 = vmcb->save.cr3;
	sregs->cr4 = vmcb->save.cr4;
	sregs->efer = vmcb->save.efer & ~(u64)EFER_SVME;
}

void svm_sregs_set(struct vcpu *vcpu, const struct vmm_sregs *sregs)
{
	struct vmcb *vmcb = to_vmcb(vcpu);
	int i;

	for (i = 0; i < VMM_SEG_COUNT; i++) {
		struct vmcb_seg *seg = svm_seg(vmcb, i);

		seg->base = sregs->seg[i].base;
		seg->limit = sregs->seg[i].limit;
		seg->selector = sregs->seg[i].selector;
		seg->attrib = svm_attr_pack(sregs->seg[i].attr);
	}
	vmcb->save.cpl = (sregs->seg[VMM_SS].attr >> 5) & 3;
	vmcb->save.gdtr.base = sregs->gdtr.base;
	vmcb->save.gdtr.limit = sregs->gdtr.limit;
	vmcb->save.idtr.base = sregs->idtr.base;
	vmcb->save.idtr.limit = sregs->idtr.limit;
	vmcb->save.cr0 = sregs->cr0;
	vmcb->save.cr3 = sregs->cr3;
	vmcb->save.cr4 = sregs->cr4;
	vmcb->save.efer = sregs->efer | EFER_SVME;
}

int svm_code_size(struct vcpu *vcpu)
{
	struct vmcb *vmcb = to_vmcb(vcpu);

	if ((vmcb->save.efer & EFER_LMA) && (vmcb->save.cs.attrib & SVM_SELECTOR_L_MASK))
		return 8;
	return vmcb->save.cs.attrib & SVM_SELECTOR_DB_MASK ? 4 : 2;
}

int svm_cpl(struct vcpu *vcpu)
{
	return to_vmcb(vcpu)->save.cpl;
}

void svm_dr7_set(struct vcpu *vcpu)
{
	struct vmcb *vmcb = to_vmcb(vcpu);

	vmcb->save.dr6 = vcpu->dregs.dr6;
	vmcb->save.dr7 = vcpu->dregs.dr7;
}

struct svm_msr {
	u32 index;
	u32 offset;		/* in the save area */
};

static const struct svm_msr svm_msrs[] = {
	{ MSR_IA32_SYSENTER_CS,	 offsetof(struct vmcb_save_area, sysenter_cs) },
	{ MSR_IA32_SYSENTER_ESP, offsetof(struct vmcb_save_area, sysenter_esp) },
	{ MSR_IA32_SYSENTER_EIP, offsetof(struct vmcb_save_area, sysenter_eip) },
	{ MSR_IA32_CR_PAT,	 offsetof(struct vmcb_save_area, g_pat) },
	{ MSR_STAR,		 offsetof(struct vmcb_save_area, star) },
	{ MSR_LSTAR,		 offsetof(struct vmcb_save_area, lstar) },
	{ MSR_CSTAR,		 offsetof(struct vmcb_save_area, cstar) },
	{ MSR_SYSCALL_MASK,	 offsetof(struct vmcb_save_area, sfmask) },
	{ MSR_FS_BASE,		 offsetof(struct vmcb_save_area, fs.base) },
	{ MSR_GS_BASE,		 offsetof(struct vmcb_save_area, gs.base) },
	{ MSR_KERNEL_GS_BASE,	 offsetof(struct vmcb_save_area, kernel_gs_base) },
};

static u64 *svm_msr_field(struct vcpu *vcpu, u32 index)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(svm_msrs); i++) {
		if (svm_msrs[i].index == index)
			return (void *)&to_vmcb(vcpu)->save + svm_msrs[i].offset;
	}
	return NULL;
}

int svm_msr_get(struct vcpu *vcpu, u32 index, u64 *value)
{
	u64 *field = svm_msr_field(vcpu, index);

	if (!field)
		return -ENOENT;
	*value = *field;
	return 0;
}

int svm_msr_set(struct vcpu *vcpu, u32 index, u64 value)
{
	u64 *field = svm_msr_field(vcpu, index);

	if (!field)
		return -ENOENT;
	*field = value;
	return 0;
}
