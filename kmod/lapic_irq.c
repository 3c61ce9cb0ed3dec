// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts in the local APIC: which are pending, in service and allowed; and
 * errors.
 *
 * Titles in quotes, here and in the other files, are those of the chapter
 * "Advanced Programmable Interrupt Controller (APIC)" of Intel's manual,
 * volume 3.
 *
 * Interrupts reach IRR from any context, under apic->lock. The vCPU's thread
 * alone empties IRR, and alone touches ISR and the priorities, so before an
 * entry it looks without the lock: at irr_pending, which is false where there
 * is nothing to do, then at IRR.
 *
 * Left out: nothing drives the LINT pins but the PIC's line into LINT0, which
 * bypasses the APIC (ExtINT); the thermal and performance-counter entries are
 * registers without an event.
 */
#include "lapic_internal.h"

/* ---- priorities ---------------------------------------------------------------------- */

void lapic_priority_update(struct lapic *apic)
{
	int isrv = lapic_vector_highest(lapic_reg(apic, LAPIC_ISR));

	apic->isrv = max(isrv, 0);
	WRITE_ONCE(apic->ppr, lapic_ppr(*lapic_reg(apic, LAPIC_TPR), apic->isrv));
}

void lapic_derive(struct lapic *apic)
{
	enum lapic_mode mode = lapic_mode_of(apic->vcpu->apic_base);

	WRITE_ONCE(apic->mode, mode);
	WRITE_ONCE(apic->irr_pending, mode != LAPIC_OFF &&
		   lapic_vector_highest(lapic_reg(apic, LAPIC_IRR)) >= 0);
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

int lapic_pending(struct vcpu *vcpu)
{
	struct lapic *apic = vcpu->apic;
	int vector;

	if (!READ_ONCE(apic->irr_pending))
		return -1;
	vector = lapic_vector_highest(lapic_reg(apic, LAPIC_IRR));
	return lapic_outranks(vector, apic->ppr) ? vector : -1;
}

bool lapic_blocked_by_tpr(struct vcpu *vcpu)
{
	struct lapic *apic = vcpu->apic;
	int vector;

	if (!READ_ONCE(apic->irr_pending))
		return false;
	vector = lapic_vector_highest(lapic_reg(apic, LAPIC_IRR));
	return lapic_outranks(vector, apic->isrv) && !lapic_outranks(vector, apic->ppr);
}

void lapic_accept(struct vcpu *vcpu, u8 vector)
{
	struct lapic *apic = vcpu->apic;
	u32 *irr = lapic_reg(apic, LAPIC_IRR);
	unsigned long flags;

	raw_spin_lock_irqsave(&apic->lock, flags);
	lapic_vector_assign(irr, vector, false);
	if (lapic_vector_highest(irr) < 0)
		WRITE_ONCE(apic->irr_pending, false);
	lapic_unlock(apic, flags, false);

	lapic_vector_assign(lapic_reg(apic, LAPIC_ISR), vector, true);
	lapic_priority_update(apic);
}

bool lapic_accepts_extint(struct vcpu *vcpu)
{
	u32 lint0 = *lapic_reg(vcpu->apic, LAPIC_LVT_LINT0);

	if (vcpu->apic->mode == LAPIC_OFF)
		return true;
	return !(lint0 & LAPIC_LVT_MASKED) && (lint0 >> 8 & 7) == LAPIC_EXTINT;
}

/*
 * "Signaling Interrupt Servicing Completion". User space hears of the vectors
 * it asked for, unless the guest took over with the IOAPIC's own EOI register.
 */
void lapic_eoi(struct lapic *apic)
{
	struct vcpu *vcpu = apic->vcpu;
	u8 vector = apic->isrv;
	bool level;

	if (!vector)
		return;
	lapic_vector_assign(lapic_reg(apic, LAPIC_ISR), vector, false);
	lapic_priority_update(apic);

	level = lapic_vector_test(lapic_reg(apic, LAPIC_TMR), vector);
	if (level && (*lapic_reg(apic, LAPIC_SVR) & LAPIC_SVR_NO_BROADCAST))
		return;
	if (READ_ONCE(vcpu->eoi_exits[vector / 64]) >> (vector % 64) & 1)
		vcpu->eoi_vector = vector;
}

/* ---- what arrives ------------------------------------------------------------------------ */

/*
 * "Interrupt Acceptance for Fixed Interrupts". A vector that is pending already
 * is merged with this one, and who made it pending has told the vCPU or will.
 */
bool lapic_irr_raise(struct lapic *apic, u8 vector, bool level)
{
	u32 *irr = lapic_reg(apic, LAPIC_IRR);

	if (apic->mode == LAPIC_OFF || !(*lapic_reg(apic, LAPIC_SVR) & LAPIC_SVR_ENABLE))
		return false;
	if (vector < 16)
		return lapic_error_raise(apic, LAPIC_ESR_RECV_VECTOR);
	lapic_vector_assign(lapic_reg(apic, LAPIC_TMR), vector, level);
	if (lapic_vector_test(irr, vector))
		return false;
	lapic_vector_assign(irr, vector, true);
	WRITE_ONCE(apic->irr_pending, true);
	return true;
}

/* At most once round: LVT error with a bad vector is one more error, and no first. */
bool lapic_error_raise(struct lapic *apic, u32 errors)
{
	bool first = !apic->esr_pending;

	apic->esr_pending |= errors;
	return first && lapic_lvt_raise(apic, LAPIC_LVT_ERROR);
}

bool lapic_lvt_raise(struct lapic *apic, u32 offset)
{
	u32 lvt = *lapic_reg(apic, offset);

	return !(lvt & LAPIC_LVT_MASKED) && lapic_irr_raise(apic, lvt & 0xff, false);
}
