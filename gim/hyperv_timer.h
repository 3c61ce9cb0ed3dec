/* SPDX-License-Identifier: GPL-2.0 */
/*
 * "Timers", synthetic ones: what they do, without how anybody hears of it. The
 * monitor has those that tell by messages, the module those that interrupt
 * directly. Pure; times are reference times.
 */
#ifndef GIM_HYPERV_TIMER_H
#define GIM_HYPERV_TIMER_H

#include "base.h"

/* No two expirations of a periodic one are closer, whatever it says: 50 us. */
#define HYPERV_TIMER_CLOSEST	500

/* It runs while it is enabled and has a count. */
struct hyperv_timer {
	u64 config, count;		/* the MSRs */
	u64 expiry;			/* the next by what the guest wants, */
	u64 deadline;			/* and when that comes; 0: stopped */
};

/* Reference times end at the last that there is. */
static inline u64 hyperv_time_add(u64 a, u64 b)
{
	return a + b < a ? ~0ULL : a + b;
}

/* The config is one of direct mode, with a vector; its other bits are those there are. */
bool hyperv_timer_is_direct(u64 config);

/* The MSRs are written: it stops, and starts anew if it is to run. */
void hyperv_timer_write_config(struct hyperv_timer *timer, u64 config, u64 now);
void hyperv_timer_write_count(struct hyperv_timer *timer, u64 count, u64 now);

static inline bool hyperv_timer_is_due(const struct hyperv_timer *timer, u64 now)
{
	return timer->deadline && timer->deadline <= now;
}

/* It is due, and was told of: what comes next. */
void hyperv_timer_expire(struct hyperv_timer *timer, u64 now);

/*
 * hyperv_period.c: the next expiry of a periodic timer, and when it is to come:
 * later, if the timer is behind.
 */
struct hyperv_next { u64 expiry, deadline; };
struct hyperv_next hyperv_period_next(u64 expiry, u64 period, u64 now, bool lazy);

/* The first tick that makes @time or more by @scale, see struct vmm_hv; or one or two later. */
u64 hyperv_ticks(u64 time, u64 scale);

#endif
