/* SPDX-License-Identifier: GPL-2.0 */
/* Eventfds that send interrupt messages, and those that an EOI signals. */
#ifndef KMOD_IRQFD_H
#define KMOD_IRQFD_H

#include "vmm.h"

void irqfd_init(struct vm *vm);
/* The VM's fd goes: none is left, none comes to work any more. */
void irqfd_release(struct vm *vm);

/* An ioctl; vm->lock held. */
long irqfd_set(struct vm *vm, const struct vmm_irqfd *req);

/* The vectors 64 * @i to 64 * @i + 63 whose EOI is to be told of here. Any context. */
static inline u64 irqfd_vectors(const struct vm *vm, unsigned int i)
{
	return READ_ONCE(vm->irqfd_vectors[i]);
}

/* The EOI of @vector, one of those. The vCPU's own thread, even with interrupts off. */
void irqfd_eoi(struct vm *vm, u8 vector);

#endif
