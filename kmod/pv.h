/* SPDX-License-Identifier: GPL-2.0 */
/* The module's part of a paravirtual interface: see pv.c. */
#ifndef KMOD_PV_H
#define KMOD_PV_H

#include "decode.h"
#include "vmm.h"

/* Calls; vm->lock, or vcpu->lock held. */
long pv_set(struct vm *vm, const struct vmm_pv *req);
long pv_vcpu_set(struct vcpu *vcpu, const struct vmm_vcpu_pv *req);
long pv_vcpu_get(struct vcpu *vcpu, struct vmm_vcpu_pv *req);

/* All pages are given up. Own thread or its creator's. */
void pv_reset(struct vcpu *vcpu);

/* VMCALL or VMMCALL. */
bool pv_is_hypercall(const struct decode_insn *insn);
/* The guest's call is one of the module's, and was made. Own thread. */
bool pv_hypercall(struct vcpu *vcpu);
/* A kick that came becomes part of vcpu->events. Under vcpu->lock. */
void pv_take_kick(struct vcpu *vcpu);
/* It halts with interrupts off, and there is another vCPU that can end that. Own thread. */
bool pv_may_be_kicked(struct vcpu *vcpu);

/* What the clock's page says is not so any more. Own thread; may sleep. */
void pv_clock_changed(struct vcpu *vcpu);
/* This vCPU's TSC was set: its own page changes, and others' may. Own thread. */
void pv_tsc_moved(struct vcpu *vcpu);

/*
 * pv_steal.c. What this thread waits from here on counts; it begins to run the
 * vCPU; the scheduler takes its CPU, and gives one back.
 */
void pv_steal_begin(struct vcpu *vcpu);
void pv_run_begin(struct vcpu *vcpu);
void pv_sched_out(struct vcpu *vcpu);
void pv_sched_in(struct vcpu *vcpu);
/* Before an entry. Own thread; may sleep. */
void pv_steal_update(struct vcpu *vcpu);

/* pv_eoi.c. Before an entry, and after it or what came instead. Own thread; may sleep. */
void pv_eoi_offer(struct vcpu *vcpu);
void pv_eoi_take_back(struct vcpu *vcpu);

static inline bool pv_has(const struct vcpu *vcpu, enum vmm_pv_page what)
{
	return vcpu->pv.enabled & BIT(what);
}

#endif
