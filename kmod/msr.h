/* SPDX-License-Identifier: GPL-2.0 */
/* Model-specific registers: one table of those the module keeps. */
#ifndef KMOD_MSR_H
#define KMOD_MSR_H

#include <asm/apicdef.h>
#include <asm/msr-index.h>

#include "hv.h"
#include "vmm.h"

/*
 * RDMSR and WRMSR. -ENOENT: not known here, user space decides; -EINVAL:
 * #GP. Own thread.
 */
int msr_read(struct vcpu *vcpu, u32 index, u64 *value);
int msr_write(struct vcpu *vcpu, u32 index, u64 value);

/* Whether msr_write() of it neither sleeps nor touches memory. */
static inline bool msr_write_is_quick(u32 index)
{
	return index == MSR_IA32_TSC_DEADLINE || index == MSR_IA32_CR_PAT ||
	       (index >= HV_MSR_EOI && index <= HV_MSR_TPR) ||
	       (index >= HV_MSR_STIMER0_CONFIG && index <= HV_MSR_STIMER3_COUNT) ||
	       (index >= APIC_BASE_MSR && index <= APIC_BASE_MSR + 0xff);
}

/* Power-up values. */
void msr_reset(struct vcpu *vcpu);

/* The MSRs that guest and host share and that only user space would notice. */
void msr_load(struct vcpu *vcpu);
/* Set one of them. Own thread. */
void msr_shared_set(struct vcpu *vcpu, enum msr_shared which, u64 value);
/* Give this CPU its own back at once; interrupts off. */
void msr_unload_cpu(void);

long msr_set_answers(struct vm *vm, const struct vmm_msr_answers *req);
long msr_list(struct vmm_msrs *req);
long msr_get_many(struct vcpu *vcpu, struct vmm_msrs *req);
long msr_set_many(struct vcpu *vcpu, struct vmm_msrs *req);

#endif
