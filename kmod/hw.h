/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a vendor implements. Everything it reports is neutral; everything it
 * is told has been checked.
 *
 * A row is added only when both vendors can implement it.
 */
#ifndef KMOD_HW_H
#define KMOD_HW_H

#include <linux/static_call.h>

#include "vmm.h"

struct npt_format;

void hw_enter_fn(struct vcpu *vcpu);	/* a type, never defined */

struct vmm_hw_ops {
	const char *name;		/* "AMD-V" */
	u32 vendor;			/* VMM_VENDOR_* */
	const struct npt_format *npt;
	u32 shared_msrs;		/* bits by enum msr_shared: not switched by the CPU */

	/*
	 * At module load: find out what is there, allocate what every CPU
	 * needs. -ENODEV: cannot be used here, the reason has been logged.
	 */
	int (*setup)(struct vmm_info *info);
	void (*teardown)(void);

	/* This CPU, preemption off. -EBUSY: somebody else has it. */
	int (*cpu_enable)(void);
	void (*cpu_disable)(void);

	int (*vcpu_create)(struct vcpu *vcpu);
	void (*vcpu_destroy)(struct vcpu *vcpu);

	/* Bind to this CPU before entries, preemption off; let go of it. */
	void (*load)(struct vcpu *vcpu);
	void (*put)(struct vcpu *vcpu);

	/*
	 * Interrupts off from here to the last of some entries: what inject()
	 * and the other operations below were told takes effect, and so do
	 * the host's own changes since.
	 */
	void (*prepare)(struct vcpu *vcpu);
	/*
	 * Enter the guest, and come back with vcpu->gprs, ->events and ->exit
	 * filled. What inject() was given is used up. Until prepare() is called
	 * again only vcpu->gprs, the shadow and MSRs may change.
	 */
	void (*enter)(struct vcpu *vcpu);

	/* The event of vcpu->events for the next entry. */
	void (*inject)(struct vcpu *vcpu);
	/* Exit as soon as an interrupt, an NMI could be taken; or no longer. */
	void (*window)(struct vcpu *vcpu, bool intr, bool nmi);
	/* Drop this vCPU's TLB entries before the next entry. */
	void (*flush)(struct vcpu *vcpu);
	/* Guest TSC = tm_scale(host TSC, @ratio) + @offset; @exits: RDTSC and RDTSCP do. */
	void (*tsc)(struct vcpu *vcpu, bool exits, u64 ratio, s64 offset);

	void (*sregs_get)(struct vcpu *vcpu, struct vmm_sregs *sregs);
	void (*sregs_set)(struct vcpu *vcpu, const struct vmm_sregs *sregs);
	/* 2, 4 or 8: of the code at RIP. In RUN. */
	int (*code_size)(struct vcpu *vcpu);
	/* The ring that the guest is in. In RUN. */
	int (*cpl)(struct vcpu *vcpu);
	/* DR7 as armed, at every entry that has vcpu->dregs changed. */
	void (*dr7_set)(struct vcpu *vcpu);

	/* MSRs that live in the control block. -ENOENT: not one of them. */
	int (*msr_get)(struct vcpu *vcpu, u32 index, u64 *value);
	int (*msr_set)(struct vcpu *vcpu, u32 index, u64 value);
};

/*
 * Instructions that the CPU has and yet a guest can execute only if the
 * vendor lets it. What is not passed raises #UD, and CPUID hides it.
 */
struct hw_passes {
	bool rdtscp;			/* RDPID too */
	bool invpcid;
	bool xsaves;			/* with IA32_XSS, which stays 0 */
};

/* The one in use, and what it found. Fixed from module load to unload. */
extern const struct vmm_hw_ops *hw;
/* hw->enter(), without the indirect call. */
DECLARE_STATIC_CALL(hw_enter, hw_enter_fn);
extern struct vmm_info hw_info;
extern struct hw_passes hw_passes;

extern const struct vmm_hw_ops svm_ops;
extern const struct vmm_hw_ops vmx_ops;

#endif
