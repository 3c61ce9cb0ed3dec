/* SPDX-License-Identifier: GPL-2.0 */
/* Accesses to the xAPIC page that exit as nested faults. */
#ifndef KMOD_APIC_MMIO_H
#define KMOD_APIC_MMIO_H

#include "vmm.h"

/*
 * Do the access at @offset of the page if it is a plain 32-bit MOV. -ENOSYS:
 * it is something else, for the interpreter in user space.
 */
int apic_mmio(struct vcpu *vcpu, u32 offset);

#endif
