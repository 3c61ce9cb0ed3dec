// SPDX-License-Identifier: GPL-2.0
/*
 * What the vCPU is told next.
 *
 * vcpu->events.type is what is in delivery: raised by a handler, given by
 * user space, chosen here, or reported by the vendor because an exit cut its
 * delivery off. It stays there until an entry has used it up, so an entry
 * that does not take place loses nothing.
 */
#include <linux/kernel.h>
#include <linux/percpu.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "event.h"
#include "exit.h"
#include "hw.h"
#include "lapic.h"
#include "run.h"
#include "shared/vmm/trpm/merge.h"
#include "vcpu.h"

static bool event_shadowed(struct vcpu *vcpu)
{
	return vcpu->events.shadow != 0;
}

static bool event_can_take_intr(struct vcpu *vcpu)
{
	return (vcpu->gprs.rflags & X86_EFLAGS_IF) && !event_shadowed(vcpu);
}

static bool event_can_take_nmi(struct vcpu *vcpu)
{
	return !vcpu->events.nmi_masked && !event_shadowed(vcpu);
}

static bool event_has_extint(struct vcpu *vcpu)
{
	return READ_ONCE(vcpu->extint) && lapic_accepts_extint(vcpu);
}

/* The vector that is to be injected for the local APIC, -1: none, or the CPU delivers it. */
static int event_lapic_vector(struct vcpu *vcpu)
{
	int vector = lapic_pending(vcpu);

	if ((hw_info.features & VMM_FEATURE_VIRTUAL_INTR) && lapic_enabled(vcpu))
		return -1;
	return vector;
}

bool event_ends_halt(struct vcpu *vcpu)
{
	struct vmm_events *ev = &vcpu->events;

	if (ev->type != VMM_EVENT_NONE || (ev->nmi_pending && !ev->nmi_masked) || ev->kicked)
		return true;
	if (ev->run_state != VMM_STATE_IDLE && !(vcpu->gprs.rflags & X86_EFLAGS_IF))
		return false;
	return lapic_pending(vcpu) >= 0 || event_has_extint(vcpu);
}

static void event_set(struct vcpu *vcpu, u8 type, u8 vector)
{
	struct vmm_events *ev = &vcpu->events;

	ev->type = type;
	ev->vector = vector;
	ev->has_error = 0;
	ev->length = 0;
	ev->error = 0;
	ev->payload = 0;
}

int event_prepare(struct vcpu *vcpu)
{
	struct vmm_events *ev = &vcpu->events;
	bool intr_window = false, nmi_window = false;
	int vector;

	if (ev->nmi_pending) {
		if (ev->type == VMM_EVENT_NONE && event_can_take_nmi(vcpu)) {
			event_set(vcpu, VMM_EVENT_NMI, X86_TRAP_NMI);
			ev->nmi_pending--;
			ev->nmi_masked = 1;
		}
		nmi_window = ev->nmi_pending;
	}
	vector = event_lapic_vector(vcpu);
	if (vector >= 0 || event_has_extint(vcpu)) {
		if (ev->type != VMM_EVENT_NONE || !event_can_take_intr(vcpu)) {
			intr_window = true;
		} else if (event_has_extint(vcpu)) {
			/* User space asks the PIC for the vector. */
			return run_exit_to_user(vcpu, VMM_EXIT_EXTINT, VMM_GROUP_EVENTS);
		} else {
			lapic_accept(vcpu, vector);
			event_set(vcpu, VMM_EVENT_INTR, vector);
			intr_window = lapic_pending(vcpu) >= 0;
		}
	}
	if (ev->type != VMM_EVENT_NONE) {
		hw->inject(vcpu);
		vcpu_count(vcpu, VMM_STAT_INJECTED);
	}
	if (intr_window != vcpu->window_intr || nmi_window != vcpu->window_nmi) {
		vcpu->window_intr = intr_window;
		vcpu->window_nmi = nmi_window;
		hw->window(vcpu, intr_window, nmi_window);
	}
	return RUN_GUEST;
}

static int event_raise(struct vcpu *vcpu, struct trpm_event *incoming)
{
	struct vmm_events *ev = &vcpu->events;
	struct trpm_event pending = {
		.type = ev->type, .vector = ev->vector, .has_error = ev->has_error,
		.length = ev->length, .error = ev->error, .payload = ev->payload,
	};

	if (trpm_merge(&pending, incoming) == TRPM_MERGE_TRIPLE) {
		ev->run_state = VMM_STATE_SHUTDOWN;
		return run_exit_to_user(vcpu, VMM_EXIT_TRIPLE_FAULT, VMM_GROUP_ALL);
	}
	/*
	 * An interrupt whose delivery raised this is gone, as on the CPU: it
	 * was acknowledged, and the handler returns to the code it broke into.
	 */
	ev->type = incoming->type;
	ev->vector = incoming->vector;
	ev->has_error = incoming->has_error;
	ev->length = incoming->length;
	ev->error = incoming->error;
	ev->payload = incoming->payload;
	return RUN_GUEST;
}

int event_exception(struct vcpu *vcpu, u8 vector)
{
	struct trpm_event event = { .type = TRPM_EVENT_EXCEPTION, .vector = vector };

	return event_raise(vcpu, &event);
}

int event_exception_error(struct vcpu *vcpu, u8 vector, u32 error)
{
	struct trpm_event event = {
		.type = TRPM_EVENT_EXCEPTION, .vector = vector, .has_error = 1, .error = error,
	};

	return event_raise(vcpu, &event);
}

int event_page_fault(struct vcpu *vcpu, u32 error, u64 cr2)
{
	struct trpm_event event = {
		.type = TRPM_EVENT_EXCEPTION, .vector = X86_TRAP_PF, .has_error = 1,
		.error = error, .payload = cr2,
	};

	return event_raise(vcpu, &event);
}

int event_debug(struct vcpu *vcpu, u64 dr6)
{
	struct trpm_event event = {
		.type = TRPM_EVENT_EXCEPTION, .vector = X86_TRAP_DB, .payload = dr6,
	};

	return event_raise(vcpu, &event);
}
