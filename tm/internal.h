/* SPDX-License-Identifier: GPL-2.0 */
/* What tm.c (clocks) and queue.c (timers) share. */
#ifndef TM_INTERNAL_H
#define TM_INTERNAL_H

#include <pthread.h>

#include "tm/scale.h"
#include "tm/tm.h"

struct tm_timer {
	struct tm_vm *tm;
	const char *name;
	void (*fire)(void *ctx);
	void *ctx;
	u64 deadline;			/* VM ns, while armed */
	struct tm_timer *next;		/* in tm->armed, while armed */
	bool armed;
	bool dying;			/* cannot be armed any more */
};

struct tm_vm {
	struct hm_vm *hm;
	u32 tsc_khz;
	u64 ratio;			/* VM ns per host ns, 32 bits of fraction */

	pthread_mutex_t lock;		/* guards what follows, timers included */
	bool running;
	u64 host_base;			/* CLOCK_MONOTONIC ns ... */
	u64 vm_base;			/* ... at which the VM's time was this */
	u64 tsc_base;			/* while paused: the guest's TSC */

	/* The queue. */
	struct tm_timer *armed;		/* by deadline */
	u64 wake;			/* when the thread will look, VM ns */
	struct tm_timer *firing;	/* its callback runs now */
	pthread_cond_t changed;		/* the head of the queue, or the clock; stop */
	pthread_cond_t fired;		/* firing went back to NULL */
	pthread_t thread;
	bool stop;
};

/* With tm->lock held. */
u64 tm_now_locked(struct tm_vm *tm);
/* The host's CLOCK_MONOTONIC time of a VM time, while running. Lock held. */
u64 tm_host_of(struct tm_vm *tm, u64 vm_ns);

int tm_queue_start(struct tm_vm *tm);
void tm_queue_stop(struct tm_vm *tm);

#endif
