/* SPDX-License-Identifier: GPL-2.0 */
/* The module's part of Hyper-V's interface: see hv.c. */
#ifndef KMOD_HV_H
#define KMOD_HV_H

#include "shared/gim/hyperv_tlfs.h"
#include "vmm.h"

/* Calls; vm->lock held. */
long hv_set(struct vm *vm, const struct vmm_hv *req);
long hv_set_state(struct vm *vm, const struct vmm_hv_state *req);

/* vcpu->lock held. */
long hv_vcpu_set(struct vcpu *vcpu, const struct vmm_hv_vcpu *req);

/* CPUID does not tell of the invariant TSC: the guest has not asked for it. */
static inline bool hv_hides_invariant_tsc(struct vm *vm)
{
	return (vm->hv.set.flags & VMM_HV_TSC_INVARIANT) &&
	       !(READ_ONCE(vm->hv.on.flags) & VMM_HV_ON_TSC_INVARIANT);
}

/* The interface's MSRs. -ENOENT: not the module's; -EINVAL: #GP. Own thread. */
static inline bool hv_owns_msr(u32 index)
{
	return index >= HV_MSR_FIRST && index <= HV_MSR_LAST;
}

int hv_msr_read(struct vcpu *vcpu, u32 index, u64 *value);
int hv_msr_write(struct vcpu *vcpu, u32 index, u64 value);

/*
 * Reference time, and when it will be @time, by CLOCK_MONOTONIC or the host's
 * TSC. False: it stands still. Any context.
 */
u64 hv_ref_count(struct vm *vm);
bool hv_host_of_ref(struct vm *vm, u64 time, ktime_t *host);
bool hv_host_tsc_of_ref(struct vm *vm, u64 time, u64 *host);

/*
 * hv_timer.c. Calls, vcpu->lock held; MSRs of a timer, -ENOENT: it is not the
 * module's, or not with that config. What is due expires, and the next is seen
 * to; the vCPU goes to sleep, and the next must wake it. Own thread, all of it.
 */
long hv_timer_set(struct vcpu *vcpu, const struct vmm_hv_timer *req);
long hv_timer_get(struct vcpu *vcpu, struct vmm_hv_timer *req);
int hv_timer_read(struct vcpu *vcpu, u32 index, u64 *value);
int hv_timer_write(struct vcpu *vcpu, u32 index, u64 value);
void hv_timers_look(struct vcpu *vcpu);
void hv_timers_sleep(struct vcpu *vcpu);
/* None is the module's any more. The second: the vCPU ends. */
void hv_timers_reset(struct vcpu *vcpu);
void hv_timers_destroy(struct vcpu *vcpu);

/* hv_call.c. The guest's call is one of the module's, and was made. Own thread; may sleep. */
bool hv_hypercall(struct vcpu *vcpu);

/* A vCPU's TSC was set. Own thread; may sleep. */
void hv_tsc_moved(struct vm *vm);

#endif
