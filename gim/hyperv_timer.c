// SPDX-License-Identifier: GPL-2.0
/* See hyperv_timer.h. Pure, and compiled for both rings. */
#include "gim/hyperv_timer.h"
#include "gim/hyperv_tlfs.h"

#define FOREVER		(~0ULL)
#define FIRST_VECTOR	16

bool hyperv_timer_is_direct(u64 config)
{
	return !(config & ~HV_STIMER_VALID) && (config & HV_STIMER_DIRECT) &&
	       HV_STIMER_VECTOR(config) >= FIRST_VECTOR;
}

/* The count is a time, or, of a periodic one, the time until then. */
static void timer_start(struct hyperv_timer *timer, u64 now)
{
	timer->expiry = 0;
	timer->deadline = 0;
	/* Source 0 is not a timer's. */
	if (!(timer->config & HV_STIMER_DIRECT) && !HV_STIMER_SINT(timer->config))
		timer->config &= ~HV_STIMER_ENABLE;
	if (!(timer->config & HV_STIMER_ENABLE) || !timer->count)
		return;
	timer->expiry = timer->count;
	if (timer->config & HV_STIMER_PERIODIC)
		timer->expiry = hyperv_time_add(now, timer->count);
	timer->deadline = timer->expiry;
}

void hyperv_timer_write_config(struct hyperv_timer *timer, u64 config, u64 now)
{
	timer->config = config;
	timer_start(timer, now);
}

void hyperv_timer_write_count(struct hyperv_timer *timer, u64 count, u64 now)
{
	timer->count = count;
	if (!count)
		timer->config &= ~HV_STIMER_ENABLE;
	else if (timer->config & HV_STIMER_AUTO_ENABLE)
		timer->config |= HV_STIMER_ENABLE;
	timer_start(timer, now);
}

void hyperv_timer_expire(struct hyperv_timer *timer, u64 now)
{
	struct hyperv_next next;

	if (!(timer->config & HV_STIMER_PERIODIC)) {
		timer->config &= ~HV_STIMER_ENABLE;
		timer->expiry = 0;
		timer->deadline = 0;
		return;
	}
	next = hyperv_period_next(timer->expiry, timer->count, now,
				  timer->config & HV_STIMER_LAZY);
	timer->expiry = next.expiry;
	timer->deadline = max(next.deadline, hyperv_time_add(now, HYPERV_TIMER_CLOSEST));
}

/* The product with 2^64 - 1 instead of 2^64 is short of less than a tick, rounding of another. */
u64 hyperv_ticks(u64 time, u64 scale)
{
	/* The quotient must fit, or the CPU's division faults. */
	if (time >= scale)
		return FOREVER;
	return hyperv_time_add(mul_u64_u64_div_u64(time, FOREVER, scale), 2);
}
