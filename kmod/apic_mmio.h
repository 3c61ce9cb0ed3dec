/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The xAPIC page: accesses that exit as nested faults, and a page in its
 * place for CPUs that make sense of accesses by themselves.
 *
 * Such a CPU knows the access by the page that the nested tables give for it,
 * and asks whether to look by a switch of each vCPU. The tables are the VM's,
 * so a vCPU whose xAPIC is off or somewhere else would find plain memory
 * there: the page is mapped only while all vCPUs have their xAPIC enabled at
 * the default address, and else accesses fault as without it.
 */
#ifndef KMOD_APIC_MMIO_H
#define KMOD_APIC_MMIO_H

#include "vmm.h"

/*
 * Do the access at @offset of the page if it is a plain 32-bit MOV. -ENOSYS:
 * it is something else, for the interpreter in user space.
 */
int apic_mmio(struct vcpu *vcpu, u32 offset);

/* With the VM. */
int apic_page_create(struct vm *vm);
void apic_page_destroy(struct vm *vm);
/* Put it in place if that is allowed now. Own thread. */
void apic_page_map(struct vcpu *vcpu);
/* IA32_APIC_BASE of a vCPU has changed: take it away if it must go. Own thread. */
void apic_page_check(struct vm *vm);

#endif
