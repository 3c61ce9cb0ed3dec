/* SPDX-License-Identifier: GPL-2.0 */
/* The loop of a running vCPU: what exit handlers and the makers of vCPUs need of it. */
#ifndef KMOD_RUN_H
#define KMOD_RUN_H

#include "vmm.h"

void run_vcpu_init(struct vcpu *vcpu);
/* NMIs that arrived become part of vcpu->events. Under vcpu->lock. */
void run_take_nmis(struct vcpu *vcpu);

/* What an exit handler returns, or a negative errno for the caller of RUN. */
enum run_next {
	RUN_USER = 0,		/* to user space: page->reason is set */
	RUN_GUEST = 1,		/* enter again */
	RUN_SLOW = 2,		/* not handled: only with interrupts on, see exit_handle_quick() */
};

/* Fill page->reason and what user space needs to handle the exit. Returns RUN_USER. */
int run_exit_to_user(struct vcpu *vcpu, enum vmm_exit_reason reason, u32 groups);
/* The same as VMM_EXIT_CRASH with a text for a person. */
int run_crash(struct vcpu *vcpu, u32 why, u32 detail, const char *fmt, ...)
	__printf(4, 5);

#endif
