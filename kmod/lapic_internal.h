/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the local APIC's files share. "Locked": apic->lock is held.
 *
 * Locked functions that may make an interrupt pending return true if the vCPU
 * must look at it; the caller unlocks and then calls vcpu_request(), see
 * lapic_unlock().
 */
#ifndef KMOD_LAPIC_INTERNAL_H
#define KMOD_LAPIC_INTERNAL_H

#include "lapic.h"
#include "lapic_logic.h"

/* Offsets in the xAPIC page; the x2APIC's MSR is 0x800 + offset / 16. */
enum lapic_offset {
	LAPIC_ID = 0x020, LAPIC_VERSION = 0x030,
	LAPIC_TPR = 0x080, LAPIC_APR = 0x090, LAPIC_PPR = 0x0a0, LAPIC_EOI = 0x0b0,
	LAPIC_LDR = 0x0d0, LAPIC_DFR = 0x0e0, LAPIC_SVR = 0x0f0,
	LAPIC_ISR = 0x100, LAPIC_TMR = 0x180, LAPIC_IRR = 0x200,
	LAPIC_ESR = 0x280, LAPIC_ICR = 0x300, LAPIC_ICR2 = 0x310,
	LAPIC_LVT_TIMER = 0x320, LAPIC_LVT_THERMAL = 0x330, LAPIC_LVT_PERF = 0x340,
	LAPIC_LVT_LINT0 = 0x350, LAPIC_LVT_LINT1 = 0x360, LAPIC_LVT_ERROR = 0x370,
	LAPIC_INITIAL = 0x380, LAPIC_CURRENT = 0x390, LAPIC_DIVIDE = 0x3e0,
	LAPIC_SELF_IPI = 0x3f0,
	LAPIC_REGS_END = 0x400		/* nothing is in the rest of the page */
};

/* 0x14, LVT entries 0 to 5, EOI broadcasts can be suppressed: "Local APIC Version Register" */
#define LAPIC_VERSION_VALUE	(0x14 | 5 << 16 | 1 << 24)

#define LAPIC_SVR_ENABLE	BIT(8)
#define LAPIC_SVR_NO_BROADCAST	BIT(12)
#define LAPIC_LVT_MASKED	BIT(16)

#define LAPIC_ESR_SEND_VECTOR	BIT(5)
#define LAPIC_ESR_RECV_VECTOR	BIT(6)
#define LAPIC_ESR_REGISTER	BIT(7)
#define LAPIC_ESR_ALL		(BIT(5) | BIT(6) | BIT(7))

struct lapic {
	struct vcpu *vcpu;

	/*
	 * The page of registers at their offsets, the one copy of each, as
	 * large as a CPU with APIC virtualisation wants it. In the guest such
	 * a CPU changes what is the own thread's.
	 */
	u32 *reg;

	/* Looked at before each entry; own thread's. */
	bool irr_pending;		/* IRR is not empty, and the APIC not off */
	u8 isrv;			/* highest vector in ISR, 0: none */
	enum lapic_mode mode;		/* own thread's; others glance */

	/* From CPUID, for good. */
	bool has_x2apic, has_tsc_deadline;
	u8 phys_bits;

	/*
	 * Guards what others than the own thread touch: arrivals, TMR, errors,
	 * the timer, and the writing of what they look at (SVR, LVT). IRR, ISR,
	 * priorities, LDR, DFR and the mode are the own thread's, and glanced
	 * at without.
	 */
	raw_spinlock_t lock;
	bool arrived_any;
	u32 arrived[8 * 4];		/* vectors on their way to IRR, laid out like it */
	u32 esr_pending;		/* errors since ESR was written */
	u64 deadline;			/* VM ns of the next expiry, 0: stopped */
	u64 tsc_deadline;		/* IA32_TSC_DEADLINE */
	/* What the timer goes by; its registers may hold a later word of the guest. */
	u32 timer_lvt, timer_initial, timer_divide;
	u64 turn;			/* when it was last chosen, for lowest priority */
	struct hrtimer timer;
	bool host_timed;		/* by the host's timer; else the CPU leaves the guest */
};

static inline u32 *lapic_reg(struct lapic *apic, u32 offset)
{
	return &apic->reg[offset / 4];
}

/* Any thread may glance. */
static inline u8 lapic_ppr_now(struct lapic *apic)
{
	return READ_ONCE(*lapic_reg(apic, LAPIC_PPR));
}

/* On, and enabled by software. Any thread may glance. */
static inline bool lapic_takes_fixed(struct lapic *apic)
{
	return READ_ONCE(apic->mode) != LAPIC_OFF &&
	       (READ_ONCE(*lapic_reg(apic, LAPIC_SVR)) & LAPIC_SVR_ENABLE);
}

/* In x2APIC mode it follows from the ID. */
static inline u32 lapic_ldr(struct lapic *apic)
{
	if (READ_ONCE(apic->mode) == LAPIC_X2APIC)
		return lapic_x2apic_ldr(apic->vcpu->apic_id);
	return READ_ONCE(*lapic_reg(apic, LAPIC_LDR)) & 0xff000000;
}

/* Unlock, and make the vCPU look if @notify. */
static inline void lapic_unlock(struct lapic *apic, unsigned long flags, bool notify)
{
	raw_spin_unlock_irqrestore(&apic->lock, flags);
	if (notify)
		vcpu_request(apic->vcpu, VCPU_REQ_EVENT);
}

/* ---- lapic_irq.c ------------------------------------------------------------------ */

/* Locked. @vector is to become pending, if the APIC takes interrupts at all. */
bool lapic_irr_raise(struct lapic *apic, u8 vector, bool level);
/* Not locked, any thread. @vector is pending: it was raised, and is not in service yet. */
bool lapic_irr_waits(struct lapic *apic, u8 vector);
/* Locked. Log errors (LAPIC_ESR_*); the first since ESR was written interrupts. */
bool lapic_error_raise(struct lapic *apic, u32 errors);
/* Locked. The interrupt of a fixed LVT entry (timer, error), if not masked. */
bool lapic_lvt_raise(struct lapic *apic, u32 lvt);
/* Own thread: what has arrived is pending from now on; locked or not. */
void lapic_arrivals_take_locked(struct lapic *apic);
void lapic_arrivals_take(struct lapic *apic);
/* Own thread. */
void lapic_eoi(struct lapic *apic);
/* Own thread, after TPR or ISR changed; the second asks for a look at interrupts. */
void lapic_priority_update(struct lapic *apic);
void lapic_priority_lowered(struct lapic *apic);
/* Own thread, locked. All that follows from registers and mode anew. */
void lapic_derive(struct lapic *apic);
/* Own thread. The registers that are always what they are. */
void lapic_identify(struct lapic *apic);

/* ---- lapic_reg.c ---------------------------------------------------------------- */

/* Bits that can be set in the register; 0 for one that cannot be written. */
u32 lapic_reg_valid(const struct lapic *apic, u32 offset);
/* The register as the guest reads it in the present mode. Own thread. */
u32 lapic_reg_read(struct lapic *apic, u32 offset);
bool lapic_reg_exists(u32 offset);
/* It exists, and keeps what is written. */
bool lapic_reg_is_state(u32 offset);

/* ---- lapic_ipi.c ---------------------------------------------------------------- */

void lapic_icr_send(struct lapic *apic, u32 low, u32 high);
void lapic_self_ipi(struct lapic *apic, u8 vector);

/* ---- lapic_timer.c -------------------------------------------------------------- */

void lapic_timer_create(struct lapic *apic);
void lapic_timer_destroy(struct lapic *apic);
/* Locked. Catch up with the clock; to be called before what the timer depends on changes. */
bool lapic_timer_settle(struct lapic *apic);
/* Locked. Catch up and set the host's timer; to be called after a change. */
bool lapic_timer_arm(struct lapic *apic);
/* Locked. */
void lapic_timer_stop(struct lapic *apic);
/* Locked. A value as the register takes it, bits already checked. */
bool lapic_timer_write_lvt(struct lapic *apic, u32 value);
bool lapic_timer_write_initial(struct lapic *apic, u32 value);
bool lapic_timer_write_divide(struct lapic *apic, u32 value);
bool lapic_timer_write_tsc(struct lapic *apic, u64 tsc);
/* Locked. Go by what the registers hold now. */
void lapic_timer_adopt(struct lapic *apic);
/* Locked, settled. */
u32 lapic_timer_read_current(struct lapic *apic);
/* Locked. A saved pair of deadlines that fits the registers. */
bool lapic_timer_valid(const u32 *reg, u64 deadline, u64 tsc_deadline);

#endif
