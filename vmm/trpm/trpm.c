// SPDX-License-Identifier: GPL-2.0
/*
 * Events in the shared page; trpm.h says whose they are. The rules of merging
 * are merge.c's.
 */
#include "vmm/trpm/trpm.h"

_Static_assert(TRPM_EVENT_NONE == VMM_EVENT_NONE && TRPM_EVENT_INTR == VMM_EVENT_INTR &&
	       TRPM_EVENT_NMI == VMM_EVENT_NMI && TRPM_EVENT_EXCEPTION == VMM_EVENT_EXCEPTION &&
	       TRPM_EVENT_SOFT_INTR == VMM_EVENT_SOFT_INTR &&
	       TRPM_EVENT_SOFT_EXC == VMM_EVENT_SOFT_EXC &&
	       TRPM_EVENT_PRIV_EXC == VMM_EVENT_PRIV_EXC, "one encoding for both");

#define RFLAGS_IF BIT_ULL(9)

void trpm_init(struct trpm *trpm, struct hm_vcpu *vcpu)
{
	*trpm = (struct trpm) { .vcpu = vcpu };
}

/* Have a group of the page filled, unless it is. */
static int trpm_need(struct hm_vcpu *vcpu, u32 groups)
{
	u32 missing = groups & ~vcpu->page->cached;

	return missing ? hm_vcpu_fetch(vcpu, missing) : 0;
}

static struct trpm_event trpm_get(const struct vmm_events *events)
{
	return (struct trpm_event) {
		.type = events->type, .vector = events->vector,
		.has_error = events->has_error, .length = events->length,
		.error = events->error, .payload = events->payload,
	};
}

static void trpm_put(struct hm_vcpu *vcpu, const struct trpm_event *event)
{
	struct vmm_events *events = &vcpu->page->events;

	events->type = event->type;
	events->vector = event->vector;
	events->has_error = event->has_error;
	events->length = event->length;
	events->error = event->error;
	events->payload = event->payload;
	vcpu->page->dirty |= VMM_GROUP_EVENTS;
}

int trpm_in_delivery(struct trpm *trpm)
{
	int ret = trpm_need(trpm->vcpu, VMM_GROUP_EVENTS);

	return ret ? ret : trpm->vcpu->page->events.type != VMM_EVENT_NONE;
}

int trpm_exception(struct trpm *trpm, u8 vector, u32 error, u64 payload)
{
	struct vmm_events *events = &trpm->vcpu->page->events;
	struct trpm_event pending, incoming = {
		.type = TRPM_EVENT_EXCEPTION,
		.vector = vector,
		.has_error = trpm_has_error(vector),
		.error = trpm_has_error(vector) ? error : 0,
		.payload = payload,
	};
	int ret = trpm_need(trpm->vcpu, VMM_GROUP_EVENTS);

	if (ret)
		return ret;
	pending = trpm_get(events);
	switch (trpm_merge(&pending, &incoming)) {
	case TRPM_MERGE_TRIPLE:
		return -EIO;
	case TRPM_MERGE_THEN_PENDING:
		if (pending.type == TRPM_EVENT_NMI) {
			events->nmi_pending = min(events->nmi_pending + 1, 2);
			events->nmi_masked = 0;
		} else {
			trpm->deferred = true;
			trpm->deferred_vector = pending.vector;
		}
		break;
	case TRPM_MERGE_ALONE:
	case TRPM_MERGE_DOUBLE:
		break;
	}
	trpm_put(trpm->vcpu, &incoming);
	return 0;
}

int trpm_interrupt(struct trpm *trpm, u8 vector)
{
	struct trpm_event event = { .type = TRPM_EVENT_INTR, .vector = vector };
	int ret = trpm_in_delivery(trpm);

	if (ret)
		return ret < 0 ? ret : -EBUSY;
	trpm_put(trpm->vcpu, &event);
	return 0;
}

int trpm_retry(struct trpm *trpm)
{
	struct vmm_page *page = trpm->vcpu->page;
	int ret = trpm_need(trpm->vcpu, VMM_GROUP_EVENTS | VMM_GROUP_GPRS);

	if (ret)
		return ret;
	if (page->events.type != VMM_EVENT_NONE || page->events.shadow ||
	    !(page->gprs.rflags & RFLAGS_IF))
		return 0;
	trpm->deferred = false;
	return trpm_interrupt(trpm, trpm->deferred_vector);
}
