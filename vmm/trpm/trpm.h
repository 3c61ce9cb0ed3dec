/* SPDX-License-Identifier: GPL-2.0 */
/*
 * TRPM, the trap manager: which event a vCPU meets before its next instruction.
 *
 * The module owns what is in delivery; TRPM reads and writes it in the shared
 * page, between two runs, on the vCPU's own thread. At most one event is in
 * delivery; what must wait for its turn is kept in struct trpm.
 */
#ifndef TRPM_TRPM_H
#define TRPM_TRPM_H

#include "base/base.h"
#include "vmm/hm.h"
#include "vmm/trpm/merge.h"

struct trpm {
	struct hm_vcpu *vcpu;
	bool deferred;			/* an interrupt whose delivery raised a fault */
	u8 deferred_vector;
};

void trpm_init(struct trpm *trpm, struct hm_vcpu *vcpu);

/* True if the exit interrupted the delivery of an event. 0, 1 or -errno. */
int trpm_in_delivery(struct trpm *trpm);

/*
 * Raise a hardware exception. @error is used where the exception has one.
 * @payload: CR2 of #PF, new DR6 bits of #DB. -EIO: that is a triple fault.
 */
int trpm_exception(struct trpm *trpm, u8 vector, u32 error, u64 payload);

/* Deliver an interrupt that was acknowledged. -EBUSY: something is in delivery. */
int trpm_interrupt(struct trpm *trpm, u8 vector);

/* Before a run, while trpm->deferred: deliver it if the guest can take it. */
int trpm_retry(struct trpm *trpm);

#endif
