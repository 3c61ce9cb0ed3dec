/* SPDX-License-Identifier: GPL-2.0 */
/* The VM's clock, as user space sets it; the readers are in vmm.h. */
#ifndef KMOD_CLOCK_H
#define KMOD_CLOCK_H

#include "vmm.h"

void clock_init(struct vm *vm);
/* vm->lock held. */
long clock_set(struct vm *vm, const struct vmm_clock *set);
void clock_get(struct vm *vm, struct vmm_clock *now);
/* What to add to the host's TSC for this vCPU's. */
s64 clock_tsc_offset(struct vcpu *vcpu);

#endif
