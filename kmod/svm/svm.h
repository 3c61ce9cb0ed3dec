/* SPDX-License-Identifier: GPL-2.0 */
/* AMD-V: what svm/ shares among its files. */
#ifndef KMOD_SVM_H
#define KMOD_SVM_H

#include <asm/svm.h>

#include "../asid.h"
#include "../hw.h"

/* BT, BS, BD, B3-B0 of DR6 */
#define SVM_DR6_CAUSES	0xe00f

struct vcpu_svm {
	struct vmcb *vmcb;
	phys_addr_t vmcb_pa;
	struct asid_tag tag;
	u64 tsc_ratio;
	bool iret_watched;	/* IRET is intercepted */
	bool iret_pending;	/* an NMI handler's IRET is about to run at iret_rip */
	u64 iret_rip;
	bool stepping;		/* TF is ours, for this entry; see svm_step() */
	bool stepped;		/* the last exit is the end of that step */
	u64 step_dr6;		/* the guest's DR6 meanwhile */
	bool dr7_open;		/* until the next exit, a write of DR7 does not exit */
};

static inline struct vcpu_svm *to_svm(struct vcpu *vcpu)
{
	return vcpu->hw;
}

static inline struct vmcb *to_vmcb(struct vcpu *vcpu)
{
	return to_svm(vcpu)->vmcb;
}

/* switch.S: one trip into the guest. GIF is set and interrupts are off, before and after. */
void svm_switch(u64 *gprs, phys_addr_t guest_vmcb, phys_addr_t host_vmcb);

/* exit.c: read vmcb's exit into vcpu->exit and vcpu->events. */
void svm_exit_decode(struct vcpu *vcpu);

/* state.c */
void svm_sregs_get(struct vcpu *vcpu, struct vmm_sregs *sregs);
int svm_code_size(struct vcpu *vcpu);
int svm_cpl(struct vcpu *vcpu);
void svm_sregs_set(struct vcpu *vcpu, const struct vmm_sregs *sregs);
int svm_msr_get(struct vcpu *vcpu, u32 index, u64 *value);
int svm_msr_set(struct vcpu *vcpu, u32 index, u64 value);
void svm_dr7_set(struct vcpu *vcpu);

#endif
