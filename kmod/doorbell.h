/* SPDX-License-Identifier: GPL-2.0 */
/* Writes by a guest that signal an eventfd instead of exiting to user space. */
#ifndef KMOD_DOORBELL_H
#define KMOD_DOORBELL_H

#include "vmm.h"

/* An ioctl; vm->lock held. */
long doorbell_set(struct vm *vm, const struct vmm_doorbell *req);
/* The VM's fd goes, and all doorbells with it. */
void doorbell_release(struct vm *vm);

/* There may be one. Any context. */
static inline bool doorbell_any(const struct vm *vm, enum doorbell_space space)
{
	return unlikely(rcu_access_pointer(vm->doorbells[space]));
}

/*
 * The OUT in vcpu->exit.io has signalled one, and there is nothing more to do
 * than to go on. Own thread, even with interrupts off.
 */
bool doorbell_port(struct vcpu *vcpu);

/*
 * The nested fault in vcpu->exit, where no slot is. RUN_*; -ENOSYS: it rings
 * none, or by an instruction that is not for the kernel. Own thread.
 */
int doorbell_memory(struct vcpu *vcpu);

#endif
