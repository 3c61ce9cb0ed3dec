// SPDX-License-Identifier: GPL-2.0
/*
 * TM's timers: a list sorted by deadline, and the thread that serves it.
 *
 * A VM has a dozen timers, so a list is the fastest queue there is. Guarded by
 * tm->lock, which the thread drops around each callback; tm->firing names the
 * timer meanwhile, and tm_timer_destroy() waits for it to change.
 */
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "tm/internal.h"

static void tm_queue_remove(struct tm_vm *tm, struct tm_timer *timer)
{
	struct tm_timer **at = &tm->armed;

	if (!timer->armed)
		return;
	while (*at != timer)
		at = &(*at)->next;
	*at = timer->next;
	timer->armed = false;
}

static void tm_queue_insert(struct tm_vm *tm, struct tm_timer *timer)
{
	struct tm_timer **at = &tm->armed;

	while (*at && (*at)->deadline <= timer->deadline)
		at = &(*at)->next;
	timer->next = *at;
	timer->armed = true;
	*at = timer;
}

struct tm_timer *tm_timer_create(struct tm_vm *tm, const char *name, void (*fire)(void *ctx),
				 void *ctx)
{
	struct tm_timer *timer = calloc(1, sizeof(*timer));

	if (!timer)
		return NULL;
	timer->tm = tm;
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

	pthread_mutex_lock(&tm->lock);
	if (timer->dying)
		goto out;
	tm_queue_remove(tm, timer);
	timer->deadline = deadline;
	tm_queue_insert(tm, timer);
	/* Waking too early costs nothing later on, so moving it back needs no signal. */
	if (deadline < tm->wake) {
		tm->wake = deadline;
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

/* Sleep until the head is due, or something changes. */
static void tm_queue_wait(struct tm_vm *tm)
{
	struct timespec until;
	u64 host;

	tm->wake = tm->armed ? tm->armed->deadline : UINT64_MAX;
	if (!tm->running || !tm->armed) {
		pthread_cond_wait(&tm->changed, &tm->lock);
		return;
	}
	host = tm_host_of(tm, tm->armed->deadline);
	until.tv_sec = host / NSEC_PER_SEC;
	until.tv_nsec = host % NSEC_PER_SEC;
	pthread_cond_timedwait(&tm->changed, &tm->lock, &until);
}

static void *tm_queue_thread(void *arg)
{
	struct tm_vm *tm = arg;
	struct tm_timer *timer;

	pthread_mutex_lock(&tm->lock);
	while (!tm->stop) {
		timer = tm->armed;
		if (!tm->running || !timer || timer->deadline > tm_now_locked(tm)) {
			tm_queue_wait(tm);
			continue;
		}
		tm_queue_remove(tm, timer);
		tm->firing = timer;
		pthread_mutex_unlock(&tm->lock);
		timer->fire(timer->ctx);	/* may destroy the timer */
		pthread_mutex_lock(&tm->lock);
		tm->firing = NULL;
		pthread_cond_broadcast(&tm->fired);
	}
	pthread_mutex_unlock(&tm->lock);
	return NULL;
}

int tm_queue_start(struct tm_vm *tm)
{
	pthread_condattr_t attr;
	sigset_t all, old;
	int ret;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&tm->changed, &attr);
	pthread_condattr_destroy(&attr);
	pthread_cond_init(&tm->fired, NULL);

	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = pthread_create(&tm->thread, NULL, tm_queue_thread, tm);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (ret) {
		pthread_cond_destroy(&tm->changed);
		pthread_cond_destroy(&tm->fired);
		return -ret;
	}
	pthread_setname_np(tm->thread, "timers");
	return 0;
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
