// SPDX-License-Identifier: GPL-2.0
/*
 * The local APIC's timer: "APIC Timer", one-shot, periodic, TSC-deadline.
 *
 * The truth is a deadline, in the VM's nanoseconds or in TSC ticks. The host's
 * timer only says when to look; an early, late or left-over callback does no
 * harm, since whoever holds apic->lock compares the deadline with the clock.
 * So nothing is lost by stopping the VM's clock, setting it, or moving the
 * vCPU to another CPU, and a periodic timer neither drifts nor queues ticks.
 *
 * The host's timer runs in hard interrupt context, since a wake-up through the
 * softirq thread would be felt by each guest; what is done there is short. It
 * is not pinned: a running vCPU arms it on its own, busy CPU, where the
 * interrupt is also the exit; if the vCPU moves on, it costs one IPI.
 *
 * Where the CPU can leave a guest by a timer of its own
 * (VMM_FEATURE_PREEMPTION_TIMER), it says when to look while the vCPU runs or
 * is about to, and the host's timer only wakes it from HLT. A host's timer
 * left over from there is not worth cancelling.
 *
 * A masked timer counts, and needs no host timer for that.
 */
#include "compat.h"
#include "hw.h"
#include "lapic_internal.h"

/*
 * A guest may ask for a period of one nanosecond. Host time between two ticks
 * of a periodic timer is at least this, which bounds the share of a CPU that
 * callbacks take, and lets a guest get on; ticks in between are merged.
 */
#define TIMER_PERIOD_MIN_NS	20000
/* The clocks disagreed, and the callback came early: look again soon. */
#define TIMER_RETRY_NS		1000

enum timer_mode { TIMER_ONE_SHOT, TIMER_PERIODIC, TIMER_TSC_DEADLINE, TIMER_RESERVED };

static enum timer_mode timer_mode_of(u32 lvt)
{
	return lvt >> 17 & 3;
}

static enum timer_mode timer_mode(struct lapic *apic)
{
	return timer_mode_of(apic->timer_lvt);
}

static u64 timer_span(struct lapic *apic, u32 count)
{
	return lapic_timer_span(count, apic->timer_divide);
}

/* True: it expired, and the deadline is the next one, if any. */
static bool timer_advance(struct lapic *apic)
{
	u64 now;

	if (apic->tsc_deadline) {
		if (clock_guest_tsc(apic->vcpu) < apic->tsc_deadline)
			return false;
		apic->tsc_deadline = 0;
		return true;
	}
	if (!apic->deadline)
		return false;
	now = clock_vm_ns(apic->vcpu->vm);
	if (now < apic->deadline)
		return false;
	apic->deadline = timer_mode(apic) != TIMER_PERIODIC ? 0 :
		lapic_timer_next(apic->deadline,
				 timer_span(apic, apic->timer_initial), now);
	return true;
}

bool lapic_timer_settle(struct lapic *apic)
{
	return timer_advance(apic) && lapic_lvt_raise(apic, apic->timer_lvt);
}

/* When the host must look. False: never, as things stand. */
static bool timer_host_time(struct lapic *apic, ktime_t *host)
{
	if (apic->timer_lvt & LAPIC_LVT_MASKED || apic->mode == LAPIC_OFF)
		return false;
	if (apic->tsc_deadline)
		return clock_host_of_tsc(apic->vcpu, apic->tsc_deadline, host);
	return apic->deadline && clock_host_of_vm_ns(apic->vcpu->vm, apic->deadline, host);
}

/* The same, as the host's TSC. */
static bool timer_host_tsc(struct lapic *apic, u64 *host)
{
	if (apic->timer_lvt & LAPIC_LVT_MASKED || apic->mode == LAPIC_OFF)
		return false;
	if (apic->tsc_deadline)
		return clock_host_tsc_of_tsc(apic->vcpu, apic->tsc_deadline, host);
	return apic->deadline && clock_host_tsc_of_vm_ns(apic->vcpu->vm, apic->deadline, host);
}

static void timer_program_cpu(struct lapic *apic, u32 not_before_ns)
{
	u64 host;

	if (!timer_host_tsc(apic, &host))
		host = VCPU_NO_TIMER;
	else if (not_before_ns)
		host = max(host, clock_host_tsc_in(not_before_ns));
	WRITE_ONCE(apic->vcpu->timer_tsc, host);
}

/* A callback that is running waits for the lock, then finds nothing due. */
static void timer_program(struct lapic *apic, u32 not_before_ns)
{
	ktime_t host;

	if (!apic->host_timed) {
		timer_program_cpu(apic, not_before_ns);
		return;
	}
	if (!timer_host_time(apic, &host)) {
		hrtimer_try_to_cancel(&apic->timer);
		return;
	}
	if (not_before_ns)
		host = max(host, ktime_add_ns(ktime_get(), not_before_ns));
	hrtimer_start(&apic->timer, host, HRTIMER_MODE_ABS_HARD);
}

bool lapic_timer_arm(struct lapic *apic)
{
	bool notify = lapic_timer_settle(apic);

	timer_program(apic, 0);
	return notify;
}

void lapic_timer_stop(struct lapic *apic)
{
	apic->deadline = 0;
	apic->tsc_deadline = 0;
	WRITE_ONCE(apic->vcpu->timer_tsc, VCPU_NO_TIMER);
	hrtimer_try_to_cancel(&apic->timer);
}

/* After an expiry, or what should have been one. */
static u32 timer_pause_ns(struct lapic *apic)
{
	return timer_mode(apic) == TIMER_PERIODIC ? TIMER_PERIOD_MIN_NS : TIMER_RETRY_NS;
}

/*
 * Starts itself anew rather than asking for HRTIMER_RESTART: the vCPU may have
 * armed it in the meantime, and then its expiry must not be touched.
 */
static enum hrtimer_restart timer_callback(struct hrtimer *timer)
{
	struct lapic *apic = container_of(timer, struct lapic, timer);
	unsigned long flags;
	bool notify;

	raw_spin_lock_irqsave(&apic->lock, flags);
	notify = lapic_timer_settle(apic);
	timer_program(apic, timer_pause_ns(apic));
	lapic_unlock(apic, flags, notify);
	return HRTIMER_NORESTART;
}

/* ---- the CPU's timer and the host's ---------------------------------------------- */

static bool timer_is_cpus(void)
{
	return hw_info.features & VMM_FEATURE_PREEMPTION_TIMER;
}

/* Nobody is to be told: what is pending is looked at before the next entry. */
void lapic_timer_exit(struct vcpu *vcpu)
{
	struct lapic *apic = vcpu->apic;
	unsigned long flags;

	raw_spin_lock_irqsave(&apic->lock, flags);
	lapic_timer_settle(apic);
	timer_program(apic, timer_pause_ns(apic));
	raw_spin_unlock_irqrestore(&apic->lock, flags);
}

static void timer_hand_over(struct lapic *apic, bool to_host)
{
	unsigned long flags;

	if (!timer_is_cpus())
		return;
	raw_spin_lock_irqsave(&apic->lock, flags);
	apic->host_timed = to_host;
	WRITE_ONCE(apic->vcpu->timer_tsc, VCPU_NO_TIMER);
	lapic_unlock(apic, flags, lapic_timer_arm(apic));
}

void lapic_timer_sleep(struct vcpu *vcpu)
{
	timer_hand_over(vcpu->apic, true);
}

/* The CPU's goes by the host's TSC. */
void lapic_timer_wake(struct vcpu *vcpu)
{
	timer_hand_over(vcpu->apic, !clock_trusts_tsc());
}

void lapic_timer_create(struct lapic *apic)
{
	apic->host_timed = !timer_is_cpus();
	apic->vcpu->timer_tsc = VCPU_NO_TIMER;
	compat_hrtimer_setup(&apic->timer, timer_callback, CLOCK_MONOTONIC,
			     HRTIMER_MODE_ABS_HARD);
}

void lapic_timer_destroy(struct lapic *apic)
{
	unsigned long flags;

	/* A callback under way finds no deadline, so it does not start anew. */
	raw_spin_lock_irqsave(&apic->lock, flags);
	lapic_timer_stop(apic);
	lapic_unlock(apic, flags, false);
	hrtimer_cancel(&apic->timer);
}

void lapic_clock_changed(struct vcpu *vcpu)
{
	struct lapic *apic = vcpu->apic;
	unsigned long flags;

	raw_spin_lock_irqsave(&apic->lock, flags);
	if (!clock_trusts_tsc()) {
		apic->host_timed = true;
		WRITE_ONCE(vcpu->timer_tsc, VCPU_NO_TIMER);
	}
	lapic_unlock(apic, flags, lapic_timer_arm(apic));
}

/*
 * ---- registers --------------------------------------------------------------------
 *
 * Where the CPU writes registers for the guest, one holds the new value before
 * we hear of it, so it is put right even where the write has no effect.
 */

static void timer_set(struct lapic *apic, u32 offset, u32 *own, u32 value)
{
	*own = value;
	*lapic_reg(apic, offset) = value;
}

static void timer_set_lvt(struct lapic *apic, u32 value)
{
	timer_set(apic, LAPIC_LVT_TIMER, &apic->timer_lvt, value);
}

static void timer_set_initial(struct lapic *apic, u32 value)
{
	timer_set(apic, LAPIC_INITIAL, &apic->timer_initial, value);
}

void lapic_timer_adopt(struct lapic *apic)
{
	apic->timer_lvt = *lapic_reg(apic, LAPIC_LVT_TIMER);
	apic->timer_initial = *lapic_reg(apic, LAPIC_INITIAL);
	apic->timer_divide = *lapic_reg(apic, LAPIC_DIVIDE);
}

/* A change from or to TSC-deadline mode disarms; one-shot and periodic share the count. */
bool lapic_timer_write_lvt(struct lapic *apic, u32 value)
{
	bool notify = lapic_timer_settle(apic);
	enum timer_mode old = timer_mode(apic), new = timer_mode_of(value);

	timer_set_lvt(apic, value);
	if (old != new && max(old, new) >= TIMER_TSC_DEADLINE) {
		timer_set_initial(apic, 0);
		lapic_timer_stop(apic);
	}
	return lapic_timer_arm(apic) || notify;
}

bool lapic_timer_write_initial(struct lapic *apic, u32 value)
{
	bool notify = lapic_timer_settle(apic);

	if (timer_mode(apic) >= TIMER_TSC_DEADLINE) {
		timer_set_initial(apic, apic->timer_initial);
		return notify;
	}
	timer_set_initial(apic, value);
	apic->deadline = value ? clock_vm_ns(apic->vcpu->vm) + timer_span(apic, value) : 0;
	return lapic_timer_arm(apic) || notify;
}

/* What is left of the count goes on at the new speed. */
bool lapic_timer_write_divide(struct lapic *apic, u32 value)
{
	bool notify = lapic_timer_settle(apic);
	u64 now = clock_vm_ns(apic->vcpu->vm);
	u32 left = lapic_timer_count(apic->deadline, now, apic->timer_initial,
				     apic->timer_divide);

	timer_set(apic, LAPIC_DIVIDE, &apic->timer_divide, value);
	if (apic->deadline)
		apic->deadline = now + timer_span(apic, left);
	return lapic_timer_arm(apic) || notify;
}

bool lapic_timer_write_tsc(struct lapic *apic, u64 tsc)
{
	bool notify = lapic_timer_settle(apic);

	if (timer_mode(apic) != TIMER_TSC_DEADLINE)
		return notify;
	apic->tsc_deadline = tsc;
	return lapic_timer_arm(apic) || notify;
}

u32 lapic_timer_read_current(struct lapic *apic)
{
	return lapic_timer_count(apic->deadline, clock_vm_ns(apic->vcpu->vm),
				 apic->timer_initial, apic->timer_divide);
}

bool lapic_timer_valid(const u32 *reg, u64 deadline, u64 tsc_deadline)
{
	enum timer_mode mode = timer_mode_of(reg[LAPIC_LVT_TIMER / 4]);
	u32 initial = reg[LAPIC_INITIAL / 4];

	if (mode == TIMER_TSC_DEADLINE)
		return !initial && !deadline;
	if (mode == TIMER_RESERVED)
		return !initial && !deadline && !tsc_deadline;
	return !tsc_deadline && (!deadline || initial);
}
