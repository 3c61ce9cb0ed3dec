/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Exceptions, interrupts and NMIs on their way into the guest, in the order
 * of "Priority Among Concurrent Events".
 */
#ifndef KMOD_EVENT_H
#define KMOD_EVENT_H

#include "vmm.h"

/*
 * Before an entry: choose what is delivered, hand it to the vendor, ask for
 * windows. RUN_GUEST, or RUN_USER where user space must act first.
 */
int event_prepare(struct vcpu *vcpu);

/* In HLT, or idle. Own thread. */
static inline bool event_is_halted(const struct vcpu *vcpu)
{
	return vcpu->events.run_state == VMM_STATE_HALTED ||
	       vcpu->events.run_state == VMM_STATE_IDLE;
}

/* Whether something would wake the vCPU from HLT, or its idling, now. Own thread. */
bool event_ends_halt(struct vcpu *vcpu);

/*
 * Raise an exception, merging it with what is in delivery. RUN_GUEST, or
 * RUN_USER with a triple fault.
 */
int event_exception(struct vcpu *vcpu, u8 vector);
int event_exception_error(struct vcpu *vcpu, u8 vector, u32 error);
int event_page_fault(struct vcpu *vcpu, u32 error, u64 cr2);
/* #DB with these bits new in DR6. */
int event_debug(struct vcpu *vcpu, u64 dr6);

#endif
