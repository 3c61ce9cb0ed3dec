/* SPDX-License-Identifier: GPL-2.0 */
/* Whom a vCPU that waits for another may give its CPU to. See yield.c. */
#ifndef KMOD_YIELD_H
#define KMOD_YIELD_H

#include "vmm.h"

void yield_init(struct vcpu *vcpu);
void yield_destroy(struct vcpu *vcpu);
/* This thread is about to run the vCPU. vcpu->lock held. */
void yield_set_thread(struct vcpu *vcpu);

/* The scheduler takes the CPU from the vCPU's thread, and gives it one again. */
void yield_sched_out(struct vcpu *vcpu);
void yield_sched_in(struct vcpu *vcpu);

/* The guest spins: let another vCPU run that was kept from it, if there is one. Own thread. */
void yield_to_preempted(struct vcpu *vcpu);
/* The guest names the one that it waits for: let that run, if it was kept from it. Own thread. */
void yield_to_preempted_one(struct vcpu *vcpu, struct vcpu *other);

#endif
