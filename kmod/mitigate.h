/* SPDX-License-Identifier: GPL-2.0 */
/* Barriers around the guest, by the host's choice: what both vendors share. */
#ifndef KMOD_MITIGATE_H
#define KMOD_MITIGATE_H

#include "vmm.h"

/* At module load, after hw->setup(): which barriers run, into @info. */
void mitigate_setup(struct vmm_info *info);

/* The vCPU is to run on this CPU; preemption off. */
void mitigate_load(struct vcpu *vcpu);
/* It is about to be freed. */
void mitigate_forget(struct vcpu *vcpu);

/* It ran; interrupts have been off since. */
void mitigate_guest_ran(struct vcpu *vcpu);

/*
 * Its exit is about to be handled with the kernel whole, by code that may
 * read what no guest may. A host's interrupt marks that on its own.
 */
static inline void mitigate_handles(struct vcpu *vcpu)
{
	if (vcpu->exit.stat != VMM_STAT_INTR)
		vcpu->l1d_is_ours = true;
}

#endif
