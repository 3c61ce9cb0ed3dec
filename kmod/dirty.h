/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which pages of a slot were written.
 */
#ifndef KMOD_DIRTY_H
#define KMOD_DIRTY_H

#include "vmm.h"

/* ioctls; vm->lock held. */
long dirty_get(struct vm *vm, const struct vmm_dirty *req);
long dirty_clear(struct vm *vm, const struct vmm_dirty *req);

/* @gfn of @slot was, or is about to be, written. slots_lock or mmu_lock held. */
static inline void dirty_mark(struct slot *slot, u64 gfn)
{
	if (slot->dirty)
		set_bit(gfn - slot->gfn, slot->dirty);
}

/* The vCPU's log, where the CPU keeps one. */
int dirty_log_create(struct vcpu *vcpu);
void dirty_log_destroy(struct vcpu *vcpu);
/* It is full, and the CPU begins again at its end. The vCPU's own thread, in RUN. */
void dirty_log_full(struct vcpu *vcpu);
/* A slot goes or changes: nobody writes to it any more. mmu_lock held. */
void dirty_log_empty(struct vm *vm);

#endif
