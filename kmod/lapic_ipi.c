// SPDX-License-Identifier: GPL-2.0
/*
 * Messages between local APICs and from devices: who takes them.
 *
 * The bus is a function call on the sender's thread. Receivers' addresses are
 * glanced at without a lock, as a message crosses a real bus while addresses
 * change; what a message does to a receiver is done under that one's lock
 * alone, so no two are ever held. The sender holds none.
 *
 * Left out: SMI, and ExtINT as a message; both are dropped.
 */
#include "lapic_internal.h"

static bool message_is_for(const struct lapic_message *msg, struct vcpu *sender,
			   struct vcpu *vcpu)
{
	struct lapic *apic = vcpu->apic;
	struct lapic_address own = {
		.x2apic = READ_ONCE(apic->mode) == LAPIC_X2APIC,
		.id = vcpu->apic_id,
		.ldr = lapic_ldr(apic),
		.dfr = READ_ONCE(*lapic_reg(apic, LAPIC_DFR)),
	};

	switch (msg->shorthand) {
	case LAPIC_ALL:
		return true;
	case LAPIC_OTHERS:
		return vcpu != sender;
	default:
		return lapic_message_matches(msg, &own);
	}
}

/* Whom a message may be for, by APIC ID. */
struct candidates {
	u32 id, end;
};

static struct candidates message_candidates(struct vm *vm, const struct lapic_message *msg)
{
	struct candidates all = { 0, READ_ONCE(vm->apic_id_end) }, some = all;

	if (msg->shorthand != LAPIC_BY_DEST || msg->broadcast)
		return all;
	if (!msg->logical) {
		some.id = min(msg->dest, all.end);
		some.end = min(some.id + 1, all.end);
	} else if (msg->dest > 0xff) {
		/* More than xAPICs have: the 16 of an x2APIC's cluster. */
		some.id = msg->dest >> 16 << 4;
		some.end = min(some.id + 16, all.end);
	}
	return some;
}

/* The next that it is for, or NULL. */
static struct vcpu *message_receiver(struct vm *vm, struct vcpu *sender,
				     const struct lapic_message *msg, struct candidates *some)
{
	while (some->id < some->end) {
		struct vcpu *vcpu = smp_load_acquire(&vm->by_apic_id[some->id++]);

		if (vcpu && message_is_for(msg, sender, vcpu))
			return vcpu;
	}
	return NULL;
}

/* A globally disabled APIC is not on the bus; one disabled by SVR takes NMI, INIT, SIPI. */
static void message_deliver(const struct lapic_message *msg, struct vcpu *vcpu)
{
	struct lapic *apic = vcpu->apic;
	unsigned long flags;

	if (READ_ONCE(apic->mode) == LAPIC_OFF)
		return;
	switch (msg->mode) {
	case LAPIC_FIXED:
		raw_spin_lock_irqsave(&apic->lock, flags);
		lapic_unlock(apic, flags, lapic_irr_raise(apic, msg->vector, msg->level));
		break;
	case LAPIC_NMI:
		vcpu_signal_nmi(vcpu);
		break;
	case LAPIC_INIT:
		vcpu_signal_init(vcpu);
		break;
	case LAPIC_SIPI:
		vcpu_signal_sipi(vcpu, msg->vector);
		break;
	default:
		break;
	}
}

/* @a goes before @b: less urgent work, else longer since its turn. */
static bool goes_before(struct lapic *a, struct lapic *b)
{
	u8 class_a = lapic_ppr_now(a) >> 4, class_b = lapic_ppr_now(b) >> 4;

	if (class_a != class_b)
		return class_a < class_b;
	return READ_ONCE(a->turn) < READ_ONCE(b->turn);
}

/*
 * "Lowest Priority Delivery Mode". Among equals it goes round: the chosen one
 * gets a later turn than all candidates. Two senders at once may choose alike.
 */
static void message_arbitrate(struct vm *vm, struct vcpu *sender,
			      const struct lapic_message *msg)
{
	struct candidates some = message_candidates(vm, msg);
	struct vcpu *vcpu, *best = NULL;
	u64 last = 0;

	while ((vcpu = message_receiver(vm, sender, msg, &some))) {
		if (!lapic_takes_fixed(vcpu->apic))
			continue;
		last = max(last, READ_ONCE(vcpu->apic->turn));
		if (!best || goes_before(vcpu->apic, best->apic))
			best = vcpu;
	}
	if (!best)
		return;
	WRITE_ONCE(best->apic->turn, last + 1);
	message_deliver(msg, best);
}

static void message_send(struct vm *vm, struct vcpu *sender, const struct lapic_message *msg)
{
	struct candidates some;
	struct vcpu *vcpu;

	if (msg->mode == LAPIC_NOTHING)
		return;
	if (msg->shorthand == LAPIC_SELF) {
		message_deliver(msg, sender);
		return;
	}
	if (msg->lowest) {
		message_arbitrate(vm, sender, msg);
		return;
	}
	some = message_candidates(vm, msg);
	while ((vcpu = message_receiver(vm, sender, msg, &some)))
		message_deliver(msg, vcpu);
}

int lapic_msi(struct vm *vm, u64 address, u32 data)
{
	struct lapic_message msg;
	int err;

	err = lapic_message_from_msi(address, data, &msg);
	if (err)
		return err;
	message_send(vm, NULL, &msg);
	return 0;
}

int lapic_msi_waits(struct vm *vm, u64 address, u32 data)
{
	struct candidates some;
	struct lapic_message msg;
	struct vcpu *vcpu;
	int err;

	err = lapic_message_from_msi(address, data, &msg);
	if (err || msg.mode != LAPIC_FIXED)
		return err;
	some = message_candidates(vm, &msg);
	while ((vcpu = message_receiver(vm, NULL, &msg, &some))) {
		if (lapic_irr_waits(vcpu->apic, msg.vector))
			return 1;
	}
	return 0;
}

/* "Error Handling": a message with a bad vector is not sent; to oneself, it is both errors. */
static bool send_refused(struct lapic *apic, const struct lapic_message *msg)
{
	unsigned long flags;
	u32 errors = LAPIC_ESR_SEND_VECTOR;

	if (msg->mode != LAPIC_FIXED || msg->vector >= 16)
		return false;
	if (msg->shorthand == LAPIC_SELF)
		errors |= LAPIC_ESR_RECV_VECTOR;
	raw_spin_lock_irqsave(&apic->lock, flags);
	lapic_unlock(apic, flags, lapic_error_raise(apic, errors));
	return true;
}

void lapic_icr_send(struct lapic *apic, u32 low, u32 high)
{
	struct lapic_message msg;

	lapic_message_from_icr(low, high, apic->mode == LAPIC_X2APIC, &msg);
	if (!send_refused(apic, &msg))
		message_send(apic->vcpu->vm, apic->vcpu, &msg);
}

void lapic_self_ipi(struct lapic *apic, u8 vector)
{
	struct lapic_message msg = {
		.mode = LAPIC_FIXED, .shorthand = LAPIC_SELF, .vector = vector,
	};

	if (!send_refused(apic, &msg))
		message_deliver(&msg, apic->vcpu);
}

int lapic_send_set(struct vm *vm, u32 icr, u64 first, const u64 set[2])
{
	u32 end = READ_ONCE(vm->apic_id_end), i;
	struct lapic_message msg;
	int count = 0;

	lapic_message_from_icr(icr, 0, true, &msg);
	if (msg.logical || msg.lowest || msg.shorthand != LAPIC_BY_DEST)
		return -EINVAL;
	if (msg.mode != LAPIC_NMI && (msg.mode != LAPIC_FIXED || msg.vector < 16))
		return -EINVAL;
	for (i = 0; i < 128 && first + i < end && first + i >= first; i++) {
		struct vcpu *vcpu = smp_load_acquire(&vm->by_apic_id[first + i]);

		if (!vcpu || !(set[i / 64] >> (i % 64) & 1))
			continue;
		message_deliver(&msg, vcpu);
		count++;
	}
	return count;
}
