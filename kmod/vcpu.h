/* SPDX-License-Identifier: GPL-2.0 */
/* The vCPU object, its fd and its calls. */
#ifndef KMOD_VCPU_H
#define KMOD_VCPU_H

#include "vmm.h"

/* vm->lock held: a new vCPU's fd, or -errno. */
long vcpu_create(struct vm *vm, const struct vmm_vcpu_create *req);
void vcpu_destroy(struct vcpu *vcpu);

/* Architectural state after power-up, or INIT. Own thread. */
void vcpu_reset(struct vcpu *vcpu, bool init);

/* VMM_VCPU_RUN; vcpu->lock held (run.c). */
long vcpu_run(struct vcpu *vcpu);

static inline bool vcpu_has_request(struct vcpu *vcpu, enum vcpu_request request)
{
	return test_bit(request, &vcpu->requests);
}

/* True once per request. */
static inline bool vcpu_take_request(struct vcpu *vcpu, enum vcpu_request request)
{
	return vcpu_has_request(vcpu, request) && test_and_clear_bit(request, &vcpu->requests);
}

static inline void vcpu_count(struct vcpu *vcpu, enum vmm_stat stat)
{
	vcpu->history->stat[stat]++;
}

#endif
