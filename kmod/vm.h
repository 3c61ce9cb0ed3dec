/* SPDX-License-Identifier: GPL-2.0 */
/* The VM object and its fd. */
#ifndef KMOD_VM_H
#define KMOD_VM_H

#include "vmm.h"

/* A new VM for the caller's address space: its fd, or -errno. */
long vm_create(void);

/* Every vCPU holds its VM. The last put tears it down; may sleep. */
void vm_get(struct vm *vm);
void vm_put(struct vm *vm);

/* True if the caller lives in the address space that made @vm. */
bool vm_is_callers(struct vm *vm);

#endif
