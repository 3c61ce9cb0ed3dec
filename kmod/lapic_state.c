// SPDX-License-Identifier: GPL-2.0
/*
 * The local APIC's state as a whole, out and in. Owns nothing; runs on the
 * vCPU's thread and takes apic->lock.
 *
 * Registers that follow from others (ID, priorities, current count; LDR in
 * x2APIC mode) go out but are not looked at on the way in, so that this state
 * and IA32_APIC_BASE may be restored in either order.
 */
#include "lapic_internal.h"

void lapic_get(struct vcpu *vcpu, struct vmm_lapic *state)
{
	struct lapic *apic = vcpu->apic;
	unsigned long flags;
	bool notify;
	u32 offset;

	memset(state, 0, sizeof(*state));
	state->x2apic_id = vcpu->apic_id;
	for (offset = 0; offset < LAPIC_REGS_END; offset += 16) {
		if (!lapic_reg_is_state(offset))
			state->reg[offset / 4] = lapic_reg_read(apic, offset);
	}

	raw_spin_lock_irqsave(&apic->lock, flags);
	notify = lapic_timer_settle(apic);
	lapic_arrivals_take_locked(apic);
	state->timer_deadline = apic->deadline;
	state->tsc_deadline = apic->tsc_deadline;
	state->esr_pending = apic->esr_pending;
	for (offset = 0; offset < LAPIC_REGS_END; offset += 16) {
		if (lapic_reg_is_state(offset))
			state->reg[offset / 4] = *lapic_reg(apic, offset);
	}
	lapic_unlock(apic, flags, notify);
	state->reg[LAPIC_LDR / 4] = lapic_ldr(apic);
}

/* Bits that may be set in the register at @offset of a saved state. */
static u32 state_valid(struct lapic *apic, u32 offset)
{
	switch (offset) {
	case LAPIC_LDR:
		return 0xff000000 | lapic_x2apic_ldr(apic->vcpu->apic_id);
	case LAPIC_ICR2:
		return ~0U;
	case LAPIC_ESR:
		return LAPIC_ESR_ALL;
	case LAPIC_ISR:
	case LAPIC_TMR:
	case LAPIC_IRR:
		return 0xffff0000;
	default:
		return lapic_reg_valid(apic, offset);
	}
}

static bool registers_valid(struct lapic *apic, const u32 *reg)
{
	bool enabled = reg[LAPIC_SVR / 4] & LAPIC_SVR_ENABLE;
	u32 offset;

	for (offset = 0; offset < LAPIC_REGS_END; offset += 4) {
		u32 value = reg[offset / 4];

		if (lapic_reg_exists(offset) && !lapic_reg_is_state(offset))
			continue;
		if (value & ~state_valid(apic, offset))
			return false;
		if (offset >= LAPIC_LVT_TIMER && offset <= LAPIC_LVT_ERROR && !(offset & 15) &&
		    !enabled && !(value & LAPIC_LVT_MASKED))
			return false;
	}
	return (reg[LAPIC_DFR / 4] & 0x0fffffff) == 0x0fffffff &&
	       reg[LAPIC_VERSION / 4] == LAPIC_VERSION_VALUE;
}

int lapic_set(struct vcpu *vcpu, const struct vmm_lapic *state)
{
	struct lapic *apic = vcpu->apic;
	unsigned long flags;
	u32 offset;

	if (state->pad[0] || state->pad[1] || state->x2apic_id != vcpu->apic_id ||
	    (state->esr_pending & ~LAPIC_ESR_ALL) || !registers_valid(apic, state->reg) ||
	    !lapic_timer_valid(state->reg, state->timer_deadline, state->tsc_deadline))
		return -EINVAL;

	raw_spin_lock_irqsave(&apic->lock, flags);
	for (offset = 0; offset < LAPIC_REGS_END; offset += 16) {
		if (lapic_reg_is_state(offset))
			WRITE_ONCE(*lapic_reg(apic, offset), state->reg[offset / 4]);
	}
	memset(apic->arrived, 0, sizeof(apic->arrived));
	apic->arrived_any = false;
	lapic_timer_adopt(apic);
	apic->esr_pending = state->esr_pending;
	apic->deadline = state->timer_deadline;
	apic->tsc_deadline = state->tsc_deadline;
	lapic_derive(apic);
	lapic_timer_arm(apic);
	lapic_unlock(apic, flags, true);
	return 0;
}
