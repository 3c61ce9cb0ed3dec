/* SPDX-License-Identifier: GPL-2.0 */
/* The VM's clock, as user space sets it; the readers are in vmm.h. */
#ifndef KMOD_CLOCK_H
#define KMOD_CLOCK_H

#include "vmm.h"

void clock_init(struct vm *vm);
/* vm->lock held. */
long clock_set(struct vm *vm, const struct vmm_clock *set);
void clock_get(struct vm *vm, struct vmm_clock *now);
/* Tell the vendor what makes this vCPU's TSC of the host's. Own thread. */
void clock_tell(struct vcpu *vcpu);

/* A TSC that is made of one that the host does not trust any more is emulated now. Any context. */
void clock_check_host(struct vm *vm);

/* Module parameter: let the CPU scale guests' TSCs, where it can. */
extern bool clock_param_tsc_scaling;

#endif
