/* SPDX-License-Identifier: GPL-2.0 */
/* CPUID: what can be offered, what the VM was given, and the instruction. */
#ifndef KMOD_CPUID_H
#define KMOD_CPUID_H

#include "vmm.h"

/* VMM_GET_CPUID. */
long cpuid_supported(struct vmm_cpuid *req);
/* VMM_VM_SET_CPUID; vm->lock held. */
long cpuid_set(struct vm *vm, const struct vmm_cpuid *req);
/* The instruction: EAX and ECX in, four registers out. */
void cpuid_execute(struct vcpu *vcpu);

#endif
