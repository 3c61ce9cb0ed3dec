// SPDX-License-Identifier: GPL-2.0
/*
 * TM's timers: for each clock a list sorted by deadline, and the thread that
 * serves them.
 *
 * A VM has a dozen timers, so a list is the fastest queue there is. Guarded by
 * tm->lock, which the thread drops around each callback; tm->firing names the
 * timer meanwhile, and tm_timer_destroy() waits for it to change.
 */
#include <stdlib.h>
#include <time.h>

#include "base/thread.h"
#include "tm/internal.h"

static void tm_queue_remove(struct tm_vm *tm, struct tm_timer *timer)
{
	struct tm_timer **at = &tm->armed[timer->clock];

	if (!timer->armed)
		return;
	while (*at != timer)
		at = &(*at)->next;
	*at = timer->next;
	timer->armed = false;
	if (timer->clock == TM_VIRTUAL_SYNC)
		tm_sync_update(tm);
}

static void tm_queue_insert(struct tm_vm *tm, struct tm_timer *timer)
{
	struct tm_timer **at = &tm->armed[timer->clock];

	while (*at && (*at)->deadline <= timer->deadline)
		at = &(*at)->next;
	timer->next = *at;
	timer->armed = true;
	*at = timer;
	if (timer->clock == TM_VIRTUAL_SYNC)
		tm_sync_update(tm);
}

struct tm_timer *tm_timer_create(struct tm_vm *tm, enum tm_clock clock, const char *name,
				 void (*fire)(void *ctx), void *ctx)
{
	struct tm_timer *timer = calloc(1, sizeof(*timer));

	if (!timer)
		return NULL;
	timer->tm = tm;
	timer->clock = clock;
	timer->name = name;
	timer->fire = fire;
	timer->ctx = ctx;
	return timer;
}

void tm_timer_destroy(struct tm_timer *timer)
{
	struct tm_vm *tm;

	if (!timer)
		return;
	tm = timer->tm;
	pthread_mutex_lock(&tm->lock);
	/* A callback that is running may want to arm it again. */
	timer->dying = true;
	tm_queue_remove(tm, timer);
	while (tm->firing == timer && !pthread_equal(pthread_self(), tm->thread))
		pthread_cond_wait(&tm->fired, &tm->lock);
	pthread_mutex_unlock(&tm->lock);
	free(timer);
}

void tm_timer_arm(struct tm_timer *timer, u64 deadline)
{
	struct tm_vm *tm = timer->tm;
	u64 host;

	pthread_mutex_lock(&tm->lock);
	if (timer->dying)
		goto out;
	tm_queue_remove(tm, timer);
	timer->deadline = deadline;
	tm_queue_insert(tm, timer);
	if (timer->clock == TM_REAL && !timer->next && tm->armed[TM_REAL] == timer)
		tm_real_jumped(tm);	/* nobody has looked while there was none */
	host = tm->running ? tm_host_of(tm, timer->clock, deadline) : UINT64_MAX;
	/* Waking too early costs nothing later on, so moving it back needs no signal. */
	if (host < tm->wake) {
		tm->wake = host;
		pthread_cond_signal(&tm->changed);
	}
out:
	pthread_mutex_unlock(&tm->lock);
}

void tm_timer_cancel(struct tm_timer *timer)
{
	struct tm_vm *tm = timer->tm;

	pthread_mutex_lock(&tm->lock);
	tm_queue_remove(tm, timer);
	pthread_mutex_unlock(&tm->lock);
}

/* Sleep until the head of a queue is due, or something changes. */
static void tm_queue_wait(struct tm_vm *tm)
{
	struct timespec until;

	tm->wake = UINT64_MAX;
	for (int clock = 0; clock < TM_CLOCKS && tm->running; clock++)
		if (tm->armed[clock])
			tm->wake = min(tm->wake, tm_host_of(tm, clock, tm->armed[clock]->deadline));
	if (tm->wake == UINT64_MAX) {
		pthread_cond_wait(&tm->changed, &tm->lock);
		return;
	}
	until.tv_sec = tm->wake / NSEC_PER_SEC;
	until.tv_nsec = tm->wake % NSEC_PER_SEC;
	pthread_cond_timedwait(&tm->changed, &tm->lock, &until);
}

/* In 1970, that is: at once. Their order stays. */
static void tm_queue_hurry(struct tm_vm *tm, enum tm_clock clock)
{
	for (struct tm_timer *timer = tm->armed[clock]; timer; timer = timer->next)
		timer->deadline = 0;
}

/* One that is to run now, or NULL. First those for which their clock waits. */
static struct tm_timer *tm_queue_due(struct tm_vm *tm)
{
	static const enum tm_clock order[] = { TM_VIRTUAL_SYNC, TM_VIRTUAL, TM_REAL };

	if (tm->armed[TM_REAL] && tm_real_jumped(tm))
		tm_queue_hurry(tm, TM_REAL);
	for (unsigned int i = 0; i < ARRAY_SIZE(order) && tm->running; i++) {
		struct tm_timer *timer = tm->armed[order[i]];

		if (timer && timer->deadline <= tm_now_locked(tm, order[i]))
			return timer;
	}
	return NULL;
}

static void tm_queue_run(struct tm_vm *tm, struct tm_timer *timer)
{
	tm->firing = timer;
	tm->sync_held = timer->clock == TM_VIRTUAL_SYNC;
	tm_queue_remove(tm, timer);
	pthread_mutex_unlock(&tm->lock);
	timer->fire(timer->ctx);	/* may destroy the timer */
	pthread_mutex_lock(&tm->lock);
	tm->firing = NULL;
	if (tm->sync_held) {
		tm->sync_held = false;
		tm_sync_update(tm);
	}
	pthread_cond_broadcast(&tm->fired);
}

static void *tm_queue_thread(void *arg)
{
	struct tm_vm *tm = arg;
	struct tm_timer *timer;

	pthread_mutex_lock(&tm->lock);
	while (!tm->stop) {
		timer = tm_queue_due(tm);
		if (timer)
			tm_queue_run(tm, timer);
		else
			tm_queue_wait(tm);
	}
	pthread_mutex_unlock(&tm->lock);
	return NULL;
}

int tm_queue_start(struct tm_vm *tm)
{
	pthread_condattr_t attr;
	int ret;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&tm->changed, &attr);
	pthread_condattr_destroy(&attr);
	pthread_cond_init(&tm->fired, NULL);

	ret = thread_start(&tm->thread, "timers", tm_queue_thread, tm);
	if (ret) {
		pthread_cond_destroy(&tm->changed);
		pthread_cond_destroy(&tm->fired);
	}
	return ret;
}

void tm_queue_stop(struct tm_vm *tm)
{
	pthread_mutex_lock(&tm->lock);
	tm->stop = true;
	pthread_cond_signal(&tm->changed);
	pthread_mutex_unlock(&tm->lock);
	pthread_join(tm->thread, NULL);
	pthread_cond_destroy(&tm->changed);
	pthread_cond_destroy(&tm->fired);
}
