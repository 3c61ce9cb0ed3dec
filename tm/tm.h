/* SPDX-License-Identifier: GPL-2.0 */
/*
 * TM, the time manager: the VM's clocks and the timers that follow them.
 *
 * TM_VIRTUAL counts nanoseconds while the VM runs and stops with it; it
 * starts at 0. The guest's TSC is the same clock in other units: the module
 * computes it from the pair that tm_resume() sets. Either the CPU makes it of
 * the host's TSC, which needs one that can be trusted, and a CPU that scales
 * it where the speeds differ; or the module does, at an exit for each RDTSC.
 *
 * TM_VIRTUAL_SYNC is TM_VIRTUAL as devices see it: it never passes the
 * deadline of a timer of its own that has not run. If the host held the timer
 * thread up, the clock lags behind, and then goes faster until the lag is
 * made up for, so that the ticks of a device all come, one after the other,
 * and its registers agree with the ticks that have come. A lag beyond a minute
 * is dropped: the guest has lost that time. It never goes back.
 *
 * TM_REAL is the host's CLOCK_REALTIME and an offset. It may jump either way,
 * and then all its timers fire, early or not, for who goes by it to look anew.
 * They are looked after only while the VM runs.
 *
 * Which one a device takes:
 *   TM_VIRTUAL_SYNC  for what interrupts with a rhythm, or shows the guest a
 *                    counter: PIT, RTC's periodic interrupt, HPET, ACPI's timer.
 *   TM_VIRTUAL       for its own timeouts, where nobody counts: a FIFO's, a
 *                    transfer's. What the module emulates, TSC and local APIC
 *                    timers, goes by it too.
 *   TM_REAL          for the date, and the alarm set by it.
 *
 * One thread serves all timers. A callback runs on it with no lock of TM
 * held, may arm or cancel any timer, its own included, and must not block.
 * Lock: tm->lock, a leaf; nothing is called with it held.
 */
#ifndef TM_TM_H
#define TM_TM_H

#include "base/base.h"
#include "base/error.h"

struct tm_vm;
struct tm_timer;
struct hm_vm;

#define NSEC_PER_SEC 1000000000ULL

enum tm_clock { TM_VIRTUAL, TM_VIRTUAL_SYNC, TM_REAL, TM_CLOCKS };

/* @hm may be NULL (unit tests): then there is no TSC to keep in step. */
int tm_create(struct tm_vm **out, struct hm_vm *hm, struct error *err);
void tm_destroy(struct tm_vm *tm);

#define TM_WARP_MIN	2
#define TM_WARP_MAX	20000
#define TM_TSC_KHZ_MIN	1000
#define TM_TSC_KHZ_MAX	20000000

struct tm_speed {
	u32 warp;		/* of the VM's time and TSC in percent of the host's; 0: 100 */
	u32 tsc_khz;		/* of the guest's TSC in the VM's time; 0: the host's */
	bool tsc_emulated;	/* rather than by the CPU */
};

/*
 * Once, before the first tm_resume(). What of it the host cannot do by the CPU
 * is emulated, and that is said.
 */
int tm_speed_set(struct tm_vm *tm, const struct tm_speed *speed, struct error *err);

/* TM_REAL less the host's wall clock; 0 unless set. */
#define TM_UTC_OFFSET_MAX 1000000000	/* seconds either way */
int tm_utc_offset_set(struct tm_vm *tm, s64 seconds, struct error *err);

/* The VM's time goes on, or stands still. Both from any thread; idempotent. */
void tm_resume(struct tm_vm *tm);
void tm_pause(struct tm_vm *tm);

/* Back to 0, TSC included, for a reset of the VM. Only while paused. */
void tm_reset(struct tm_vm *tm);

/* Nanoseconds. Any thread. */
u64 tm_now(struct tm_vm *tm, enum tm_clock clock);

/* Of the guest's TSC in the VM's time; 0: not known. */
u32 tm_tsc_khz(const struct tm_vm *tm);

/* A timer of @clock. @name must outlive it. */
struct tm_timer *tm_timer_create(struct tm_vm *tm, enum tm_clock clock, const char *name,
				 void (*fire)(void *ctx), void *ctx);
/* On return the callback is not running, unless the caller is the callback. */
void tm_timer_destroy(struct tm_timer *timer);
/* Fire once at @deadline (ns of its clock); one in the past fires at once. */
void tm_timer_arm(struct tm_timer *timer, u64 deadline);
/* May return while the callback is running. */
void tm_timer_cancel(struct tm_timer *timer);

#endif
