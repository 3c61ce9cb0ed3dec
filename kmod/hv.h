/* SPDX-License-Identifier: GPL-2.0 */
/* The module's part of Hyper-V's interface: see hv.c. */
#ifndef KMOD_HV_H
#define KMOD_HV_H

#include "shared/gim/hyperv_tlfs.h"
#include "vmm.h"

/* Calls; vm->lock held. */
long hv_set(struct vm *vm, const struct vmm_hv *req);
long hv_set_state(struct vm *vm, const struct vmm_hv_state *req);

/* HV_MSR_FIRST to HV_MSR_LAST. -ENOENT: not the module's; -EINVAL: #GP. Own thread. */
int hv_msr_read(struct vcpu *vcpu, u32 index, u64 *value);
int hv_msr_write(struct vcpu *vcpu, u32 index, u64 value);

/* A vCPU's TSC was set. Own thread; may sleep. */
void hv_tsc_moved(struct vm *vm);

#endif
