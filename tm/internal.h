/* SPDX-License-Identifier: GPL-2.0 */
/* What tm.c (clocks) and queue.c (timers) share. */
#ifndef TM_INTERNAL_H
#define TM_INTERNAL_H

#include <pthread.h>

#include "tm/scale.h"
#include "tm/sync.h"
#include "tm/tm.h"

struct tm_timer {
	struct tm_vm *tm;
	enum tm_clock clock;
	const char *name;
	void (*fire)(void *ctx);
	void *ctx;
	u64 deadline;			/* while armed */
	struct tm_timer *next;		/* in tm->armed[clock], while armed */
	bool armed;
	bool dying;			/* cannot be armed any more */
};

struct tm_vm {
	struct hm_vm *hm;
	u32 tsc_khz;
	bool tsc_emulated;
	u64 ratio;			/* VM ns per host ns, 32 bits of fraction */
	u64 tsc_ratio;			/* guest ticks per host tick, likewise */

	pthread_mutex_t lock;		/* guards what follows, timers included */
	bool running;
	u64 host_base;			/* CLOCK_MONOTONIC ns ... */
	u64 vm_base;			/* ... at which the VM's time was this */
	s64 utc_offset;			/* seconds */
	s64 real_ahead;			/* TM_REAL less CLOCK_MONOTONIC, as last seen */
	u64 tsc_base;			/* while paused: the guest's TSC */

	struct tm_sync sync;		/* TM_VIRTUAL_SYNC */

	/* The queues. */
	struct tm_timer *armed[TM_CLOCKS]; /* each by deadline */
	u64 wake;			/* when the thread will look, CLOCK_MONOTONIC ns */
	struct tm_timer *firing;	/* its callback runs now */
	bool sync_held;			/* and TM_VIRTUAL_SYNC waits for it */
	pthread_cond_t changed;		/* the head of a queue, or a clock; stop */
	pthread_cond_t fired;		/* firing went back to NULL */
	pthread_t thread;
	bool stop;
};

/* With tm->lock held, these four. */
u64 tm_now_locked(struct tm_vm *tm, enum tm_clock clock);
/* The host's CLOCK_MONOTONIC time at which @clock gets to @ns, while running. */
u64 tm_host_of(struct tm_vm *tm, enum tm_clock clock, u64 ns);
/* Whether TM_REAL has jumped since the last call. */
bool tm_real_jumped(struct tm_vm *tm);
/* The first timer of TM_VIRTUAL_SYNC is another. */
void tm_sync_update(struct tm_vm *tm);

int tm_queue_start(struct tm_vm *tm);
void tm_queue_stop(struct tm_vm *tm);

#endif
