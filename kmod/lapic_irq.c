// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts in the local APIC: which are pending, in service and allowed; and
 * errors.
 *
 * Titles in quotes, here and in the other files, are those of the chapter
 * "Advanced Programmable Interrupt Controller (APIC)" of Intel's manual,
 * volume 3.
 *
 * Interrupts arrive from any context, under apic->lock, and stay in "arrived"
 * until the vCPU's thread takes them over into IRR: in the guest, a CPU that
 * delivers interrupts by itself changes IRR, and would not notice others doing
 * so. IRR, ISR and the priorities are touched by that thread alone. Before an
 * entry it looks without the lock: at arrived_any and irr_pending, which are
 * false where there is nothing to do, then at IRR.
 *
 * Left out: nothing drives the LINT pins but the PIC's line into LINT0, which
 * bypasses the APIC (ExtINT); the thermal and performance-counter entries are
 * registers without an event.
 */
#include "irqfd.h"
#include "lapic_internal.h"

/* ---- priorities ---------------------------------------------------------------------- */

void lapic_priority_update(struct lapic *apic)
{
	int isrv = lapic_vector_highest(lapic_reg(apic, LAPIC_ISR));

	apic->isrv = max(isrv, 0);
	WRITE_ONCE(*lapic_reg(apic, LAPIC_PPR),
		   lapic_ppr(*lapic_reg(apic, LAPIC_TPR), apic->isrv));
}

/* What waited may be due now, even where the exit leads straight back into the guest. */
void lapic_priority_lowered(struct lapic *apic)
{
	lapic_priority_update(apic);
	if (apic->irr_pending)
		vcpu_request(apic->vcpu, VCPU_REQ_EVENT);
}

static bool irr_is_empty(struct lapic *apic)
{
	return lapic_vector_highest(lapic_reg(apic, LAPIC_IRR)) < 0;
}

void lapic_identify(struct lapic *apic)
{
	u32 id = apic->vcpu->apic_id;

	*lapic_reg(apic, LAPIC_ID) = apic->mode == LAPIC_X2APIC ? id : id << 24;
	*lapic_reg(apic, LAPIC_VERSION) = LAPIC_VERSION_VALUE;
}

void lapic_derive(struct lapic *apic)
{
	enum lapic_mode mode = lapic_mode_of(apic->vcpu->apic_base);

	WRITE_ONCE(apic->mode, mode);
	lapic_arrivals_take_locked(apic);
	apic->irr_pending = mode != LAPIC_OFF && !irr_is_empty(apic);
	lapic_identify(apic);
	lapic_priority_update(apic);
}

u64 lapic_cr8(struct vcpu *vcpu)
{
	return *lapic_reg(vcpu->apic, LAPIC_TPR) >> 4;
}

void lapic_cr8_set(struct vcpu *vcpu, u64 cr8)
{
	struct lapic *apic = vcpu->apic;
	u32 *tpr = lapic_reg(apic, LAPIC_TPR);

	if (*tpr >> 4 == (cr8 & 15))
		return;
	WRITE_ONCE(*tpr, (cr8 & 15) << 4);
	lapic_priority_update(apic);
}

/* ---- pending, accepted, ended --------------------------------------------------------- */

void lapic_arrivals_take_locked(struct lapic *apic)
{
	u32 *irr = lapic_reg(apic, LAPIC_IRR);
	int i;

	if (!apic->arrived_any)
		return;
	WRITE_ONCE(apic->arrived_any, false);
	for (i = 0; i < ARRAY_SIZE(apic->arrived); i += 4) {
		irr[i] |= apic->arrived[i];
		apic->arrived[i] = 0;
	}
	apic->irr_pending = true;
}

void lapic_arrivals_take(struct lapic *apic)
{
	unsigned long flags;

	if (!READ_ONCE(apic->arrived_any))
		return;
	raw_spin_lock_irqsave(&apic->lock, flags);
	lapic_arrivals_take_locked(apic);
	lapic_unlock(apic, flags, false);
}

/* The highest vector in IRR, else -1. */
static int irr_highest(struct lapic *apic)
{
	lapic_arrivals_take(apic);
	return apic->irr_pending ? lapic_vector_highest(lapic_reg(apic, LAPIC_IRR)) : -1;
}

int lapic_pending(struct vcpu *vcpu)
{
	int vector = irr_highest(vcpu->apic);

	return vector >= 0 && lapic_outranks(vector, lapic_ppr_now(vcpu->apic)) ? vector : -1;
}

int lapic_blocked_by_tpr(struct vcpu *vcpu)
{
	struct lapic *apic = vcpu->apic;
	int vector = irr_highest(apic);

	if (vector < 0 || !lapic_outranks(vector, apic->isrv) ||
	    lapic_outranks(vector, lapic_ppr_now(apic)))
		return -1;
	return vector;
}

void lapic_accept(struct vcpu *vcpu, u8 vector)
{
	struct lapic *apic = vcpu->apic;

	lapic_vector_assign(lapic_reg(apic, LAPIC_IRR), vector, false);
	apic->irr_pending = !irr_is_empty(apic);
	if (unlikely(vcpu->auto_eoi_any) && vcpu->auto_eoi[vector / 64] >> (vector % 64) & 1)
		return;
	lapic_vector_assign(lapic_reg(apic, LAPIC_ISR), vector, true);
	lapic_priority_update(apic);
}

bool lapic_enabled(struct vcpu *vcpu)
{
	return lapic_takes_fixed(vcpu->apic);
}

bool lapic_accepts_extint(struct vcpu *vcpu)
{
	u32 lint0 = *lapic_reg(vcpu->apic, LAPIC_LVT_LINT0);

	if (vcpu->apic->mode == LAPIC_OFF)
		return true;
	return !(lint0 & LAPIC_LVT_MASKED) && (lint0 >> 8 & 7) == LAPIC_EXTINT;
}

/*
 * "Signaling Interrupt Servicing Completion": IOAPICs are told of levels, not
 * of edges, which may share a vector with another CPU's level. User space and
 * eventfds hear of the vectors they asked for, unless the guest took over with
 * the IOAPIC's own EOI register.
 */
void lapic_eoi_done(struct vcpu *vcpu, u8 vector)
{
	struct lapic *apic = vcpu->apic;

	if (!lapic_vector_test(lapic_reg(apic, LAPIC_TMR), vector) ||
	    (*lapic_reg(apic, LAPIC_SVR) & LAPIC_SVR_NO_BROADCAST))
		return;
	if (irqfd_vectors(vcpu->vm, vector / 64) >> (vector % 64) & 1)
		irqfd_eoi(vcpu->vm, vector);
	if (READ_ONCE(vcpu->eoi_exits[vector / 64]) >> (vector % 64) & 1)
		vcpu->eoi_vector = vector;
}

void lapic_eoi(struct lapic *apic)
{
	u8 vector = apic->isrv;

	if (!vector)
		return;
	lapic_vector_assign(lapic_reg(apic, LAPIC_ISR), vector, false);
	lapic_priority_lowered(apic);
	lapic_eoi_done(apic->vcpu, vector);
}

bool lapic_eoi_is_silent(struct vcpu *vcpu)
{
	struct lapic *apic = vcpu->apic;

	return apic->isrv && !apic->irr_pending && !READ_ONCE(apic->arrived_any) &&
	       !lapic_vector_test(lapic_reg(apic, LAPIC_TMR), apic->isrv);
}

void lapic_eoi_do(struct vcpu *vcpu)
{
	lapic_eoi(vcpu->apic);
}

/* ---- a CPU that does some of it by itself ------------------------------------------------ */

u32 *lapic_page(struct vcpu *vcpu)
{
	return vcpu->apic->reg;
}

/* Without arrivals: those come with the next look at interrupts. */
struct lapic_vectors lapic_vectors(struct vcpu *vcpu)
{
	const struct lapic *apic = vcpu->apic;
	struct lapic_vectors vectors = { .served = apic->isrv };

	if (unlikely(apic->irr_pending))
		vectors.requested = lapic_vector_highest(&apic->reg[LAPIC_IRR / 4]);
	return vectors;
}

void lapic_reload(struct vcpu *vcpu)
{
	struct lapic *apic = vcpu->apic;

	apic->irr_pending = apic->mode != LAPIC_OFF && !irr_is_empty(apic);
	lapic_priority_update(apic);
}

/* ---- what arrives ------------------------------------------------------------------------ */

/*
 * "Interrupt Acceptance for Fixed Interrupts". A vector that has arrived already
 * is merged with this one, and who sent that has told the vCPU or will.
 */
bool lapic_irr_raise(struct lapic *apic, u8 vector, bool level)
{
	if (!lapic_takes_fixed(apic))
		return false;
	if (vector < 16)
		return lapic_error_raise(apic, LAPIC_ESR_RECV_VECTOR);
	lapic_vector_assign(lapic_reg(apic, LAPIC_TMR), vector, level);
	if (lapic_vector_test(apic->arrived, vector))
		return false;
	lapic_vector_assign(apic->arrived, vector, true);
	WRITE_ONCE(apic->arrived_any, true);
	return true;
}

bool lapic_raise(struct vcpu *vcpu, u8 vector)
{
	struct lapic *apic = vcpu->apic;
	bool done = !lapic_vector_test(lapic_reg(apic, LAPIC_IRR), vector) &&
		    !lapic_vector_test(lapic_reg(apic, LAPIC_ISR), vector);
	unsigned long flags;
	bool notify;

	raw_spin_lock_irqsave(&apic->lock, flags);
	notify = lapic_irr_raise(apic, vector, false);
	lapic_unlock(apic, flags, notify);
	return notify && done;
}

/* Under the lock nothing is on its way from one to the other. */
bool lapic_irr_waits(struct lapic *apic, u8 vector)
{
	unsigned long flags;
	bool waits;

	raw_spin_lock_irqsave(&apic->lock, flags);
	waits = lapic_takes_fixed(apic) &&
		(lapic_vector_test(apic->arrived, vector) ||
		 lapic_vector_test(lapic_reg(apic, LAPIC_IRR), vector));
	raw_spin_unlock_irqrestore(&apic->lock, flags);
	return waits;
}

/* At most once round: LVT error with a bad vector is one more error, and no first. */
bool lapic_error_raise(struct lapic *apic, u32 errors)
{
	bool first = !apic->esr_pending;

	apic->esr_pending |= errors;
	return first && lapic_lvt_raise(apic, READ_ONCE(*lapic_reg(apic, LAPIC_LVT_ERROR)));
}

bool lapic_lvt_raise(struct lapic *apic, u32 lvt)
{
	return !(lvt & LAPIC_LVT_MASKED) && lapic_irr_raise(apic, lvt & 0xff, false);
}
