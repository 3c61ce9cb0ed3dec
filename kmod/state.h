/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The groups of a vCPU's state, in and out of the shared page, and the check
 * that keeps what no CPU can enter from ever reaching one.
 */
#ifndef KMOD_STATE_H
#define KMOD_STATE_H

#include "state_check.h"
#include "vmm.h"

/* Copy groups to the page and name them in page->cached. Own thread. */
void state_fetch(struct vcpu *vcpu, u32 groups);

/*
 * Take the groups named in page->dirty. -EINVAL: one of them, or the state as
 * a whole, cannot be; nothing was taken. Own thread.
 */
int state_store(struct vcpu *vcpu);

/* Begin in real mode at @vector << 12, as by SIPI. */
void state_start_at(struct vcpu *vcpu, u8 vector);

/* CR4 and EFER bits a guest of this host may set. */
u64 state_cr4_allowed(void);
u64 state_efer_allowed(void);

/* What state_check.h wants to know of this host. */
const struct state_limits *state_limits(void);

#endif
