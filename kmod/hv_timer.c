// SPDX-License-Identifier: GPL-2.0
/*
 * Hyper-V's synthetic timers that interrupt directly, of which Linux makes its
 * clock event. User space lends them one by one: see struct vmm_hv_timer. What
 * they do is in gim/hyperv_timer.c.
 *
 * All of it belongs to the vCPU's own thread. The host's timer only asks that
 * thread to look at the clock, and is set again by it alone; an early or
 * left-over callback does no harm. As with the local APIC's timer, where the
 * CPU can leave a guest by a timer of its own, the host's is for HLT alone.
 *
 * A guest may ask for a period of nothing, and the host may be slow. So it is
 * left alone for a while after an expiry, and the longer the longer it is not
 * done with what has come: it gets on, interrupted or not.
 *
 * Messages are user space's.
 */
#include <linux/slab.h>

#include "compat.h"
#include "hv.h"
#include "hw.h"
#include "lapic.h"
#include "shared/gim/hyperv_timer.h"
#include "vcpu.h"

/* Host time from an expiry to the next look, whatever the speed of the guest's clock; */
#define TIMERS_PAUSE_MIN_NS	20000
#define TIMERS_PAUSE_MAX_NS	10000000
/* and after a look that came too early, the clocks disagreeing. */
#define TIMERS_RETRY_NS		1000

struct hv_timers {
	struct vcpu *vcpu;
	struct hrtimer host;
	struct hyperv_timer timer[HV_STIMERS];
	bool lent[HV_STIMERS];
	u32 pause_ns;
};

/* ---- expiring --------------------------------------------------------------------- */

/* True: some were due, and pause_ns says for how long to leave the guest alone. */
static bool timers_expire(struct hv_timers *timers, u64 now)
{
	struct hyperv_timer *timer;
	bool any = false, done = true;

	for (timer = timers->timer; timer < timers->timer + HV_STIMERS; timer++) {
		if (!hyperv_timer_is_due(timer, now))
			continue;
		done &= lapic_raise(timers->vcpu, HV_STIMER_VECTOR(timer->config));
		hyperv_timer_expire(timer, now);
		any = true;
	}
	if (any)
		timers->pause_ns = done ? TIMERS_PAUSE_MIN_NS :
				   min(timers->pause_ns * 2, TIMERS_PAUSE_MAX_NS);
	return any;
}

/* The earliest, or 0: none runs. */
static u64 timers_deadline(const struct hv_timers *timers)
{
	const struct hyperv_timer *timer;
	u64 first = U64_MAX;

	/* One that is stopped is as far away as can be. */
	for (timer = timers->timer; timer < timers->timer + HV_STIMERS; timer++)
		first = min(first, timer->deadline - 1);
	return first + 1;
}

static void timers_program_host(struct hv_timers *timers, u32 not_before_ns)
{
	u64 deadline = timers_deadline(timers);
	ktime_t host;

	timers->vcpu->hv_timer_tsc = VCPU_NO_TIMER;
	if (!deadline || !hv_host_of_ref(timers->vcpu->vm, deadline, &host)) {
		hrtimer_try_to_cancel(&timers->host);
		return;
	}
	if (not_before_ns)
		host = max(host, ktime_add_ns(ktime_get(), not_before_ns));
	hrtimer_start(&timers->host, host, HRTIMER_MODE_ABS_HARD);
}

static void timers_program_cpu(struct hv_timers *timers, u32 not_before_ns)
{
	u64 deadline = timers_deadline(timers), host;

	if (!deadline || !hv_host_tsc_of_ref(timers->vcpu->vm, deadline, &host))
		host = VCPU_NO_TIMER;
	else if (not_before_ns)
		host = max(host, clock_host_tsc_in(not_before_ns));
	timers->vcpu->hv_timer_tsc = host;
}

static bool cpu_has_timer(void)
{
	return hw_info.features & VMM_FEATURE_PREEMPTION_TIMER;
}

/* The CPU's timer goes by the host's TSC. */
static void timers_program(struct hv_timers *timers, u32 not_before_ns)
{
	if (cpu_has_timer() && clock_trusts_tsc())
		timers_program_cpu(timers, not_before_ns);
	else
		timers_program_host(timers, not_before_ns);
}

/* What is due expires. For how long it is to be left at that. */
static u32 timers_look(struct hv_timers *timers)
{
	bool any = timers_expire(timers, hv_ref_count(timers->vcpu->vm));

	return any ? timers->pause_ns : TIMERS_RETRY_NS;
}

void hv_timers_look(struct vcpu *vcpu)
{
	struct hv_timers *timers = vcpu->hv_timers;

	if (timers)
		timers_program(timers, timers_look(timers));
}

/* Woken by something else, it leaves the host's timer at that until the next look. */
void hv_timers_sleep(struct vcpu *vcpu)
{
	struct hv_timers *timers = vcpu->hv_timers;

	if (timers && cpu_has_timer())
		timers_program_host(timers, timers_look(timers));
}

/* ---- MSRs --------------------------------------------------------------------------- */

/* NULL: it is not the module's. */
static struct hyperv_timer *timer_find(struct vcpu *vcpu, u32 number)
{
	struct hv_timers *timers = vcpu->hv_timers;

	return timers && timers->lent[number] ? &timers->timer[number] : NULL;
}

static bool timer_is_count(u32 index)
{
	return (index - HV_MSR_STIMER0_CONFIG) & 1;
}

int hv_timer_read(struct vcpu *vcpu, u32 index, u64 *value)
{
	const struct hyperv_timer *timer = timer_find(vcpu, (index - HV_MSR_STIMER0_CONFIG) / 2);

	if (!timer)
		return -ENOENT;
	*value = timer_is_count(index) ? timer->count : timer->config;
	return 0;
}

int hv_timer_write(struct vcpu *vcpu, u32 index, u64 value)
{
	struct hyperv_timer *timer = timer_find(vcpu, (index - HV_MSR_STIMER0_CONFIG) / 2);
	struct hv_timers *timers = vcpu->hv_timers;
	u64 now;

	if (!timer || (!timer_is_count(index) && !hyperv_timer_is_direct(value)))
		return -ENOENT;
	now = hv_ref_count(vcpu->vm);
	if (timer_is_count(index))
		hyperv_timer_write_count(timer, value, now);
	else
		hyperv_timer_write_config(timer, value, now);
	timers_program(timers, timers_expire(timers, now) ? timers->pause_ns : 0);
	return 0;
}

/* ---- lending -------------------------------------------------------------------------- */

static bool timer_lent_validly(const struct vmm_hv_timer *req)
{
	if (!hyperv_timer_is_direct(req->config))
		return false;
	if (!req->expiry)
		return true;
	if (!(req->config & HV_STIMER_ENABLE) || !req->count)
		return false;
	return (req->config & HV_STIMER_PERIODIC) || req->expiry == req->count;
}

static bool timer_is_valid(struct vcpu *vcpu, const struct vmm_hv_timer *req)
{
	if (!(vcpu->vm->hv.set.flags & VMM_HV_DIRECT_TIMERS) || req->index >= HV_STIMERS)
		return false;
	if (req->flags == VMM_HV_TIMER_LENT)
		return timer_lent_validly(req);
	return !req->flags && !req->config && !req->count && !req->expiry;
}

static enum hrtimer_restart timers_callback(struct hrtimer *host)
{
	vcpu_request(container_of(host, struct hv_timers, host)->vcpu, VCPU_REQ_HV_TIMER);
	return HRTIMER_NORESTART;
}

static struct hv_timers *timers_create(struct vcpu *vcpu)
{
	struct hv_timers *timers = kzalloc(sizeof(*timers), GFP_KERNEL_ACCOUNT);

	if (!timers)
		return NULL;
	timers->vcpu = vcpu;
	timers->pause_ns = TIMERS_PAUSE_MIN_NS;
	compat_hrtimer_setup(&timers->host, timers_callback, CLOCK_MONOTONIC,
			     HRTIMER_MODE_ABS_HARD);
	return timers;
}

long hv_timer_set(struct vcpu *vcpu, const struct vmm_hv_timer *req)
{
	struct hyperv_timer timer = { .count = req->count };

	if (!timer_is_valid(vcpu, req))
		return -EINVAL;
	if (!vcpu->hv_timers)
		vcpu->hv_timers = timers_create(vcpu);
	if (!vcpu->hv_timers)
		return -ENOMEM;
	if (req->flags)
		hyperv_timer_write_config(&timer, req->config, hv_ref_count(vcpu->vm));
	if (req->expiry)
		timer.expiry = timer.deadline = req->expiry;
	vcpu->hv_timers->timer[req->index] = timer;
	vcpu->hv_timers->lent[req->index] = req->flags;
	hv_timers_look(vcpu);
	return 0;
}

long hv_timer_get(struct vcpu *vcpu, struct vmm_hv_timer *req)
{
	const struct hyperv_timer *timer;

	if (req->index >= HV_STIMERS || req->flags || req->config || req->count || req->expiry)
		return -EINVAL;
	timer = timer_find(vcpu, req->index);
	if (!timer)
		return 0;
	req->flags = VMM_HV_TIMER_LENT;
	req->config = timer->config;
	req->count = timer->count;
	req->expiry = timer->expiry;
	return 0;
}

void hv_timers_reset(struct vcpu *vcpu)
{
	struct hv_timers *timers = vcpu->hv_timers;

	if (!timers)
		return;
	memset(timers->timer, 0, sizeof(timers->timer));
	memset(timers->lent, 0, sizeof(timers->lent));
	timers_program_host(timers, 0);
}

void hv_timers_destroy(struct vcpu *vcpu)
{
	if (!vcpu->hv_timers)
		return;
	hrtimer_cancel(&vcpu->hv_timers->host);
	kfree(vcpu->hv_timers);
}
