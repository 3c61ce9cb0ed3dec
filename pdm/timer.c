// SPDX-License-Identifier: GPL-2.0
/*
 * A device's timers: TM's, with the device's lock around the callback.
 *
 * TM may be about to call while the device cancels or moves the timer; the
 * fields here, under the device's lock, decide whether that call still counts.
 * So once pdm_timer_cancel() returns, the callback does not run. A call that
 * comes too early, because the timer was moved, asks for another; by TM_REAL it
 * may, see tm/tm.h.
 */
#include <stdlib.h>

#include "pdm/internal.h"

struct pdm_timer {
	struct pdm_device *dev;
	enum tm_clock clock;
	struct tm_timer *timer;		/* NULL: stopped for good */
	void (*fire)(struct pdm_device *dev);
	u64 deadline;
	bool armed;
	struct pdm_timer *next;
};

static void pdm_timer_fire(void *ctx)
{
	struct pdm_timer *timer = ctx;
	struct pdm_device *dev = timer->dev;

	pthread_mutex_lock(&dev->lock);
	if (timer->armed && (timer->clock == TM_REAL ||
			     pdm_now(dev, timer->clock) >= timer->deadline)) {
		timer->armed = false;
		timer->fire(dev);
	} else if (timer->armed) {
		pdm_timer_arm(timer, timer->deadline);
	}
	pthread_mutex_unlock(&dev->lock);
}

struct pdm_timer *pdm_timer_create(struct pdm_device *dev, enum tm_clock clock,
				   const char *name, void (*fire)(struct pdm_device *dev))
{
	struct pdm_timer *timer = calloc(1, sizeof(*timer));

	if (!timer)
		return NULL;
	timer->dev = dev;
	timer->clock = clock;
	timer->fire = fire;
	timer->timer = tm_timer_create(dev->pdm->config.tm, clock, name, pdm_timer_fire, timer);
	if (!timer->timer) {
		free(timer);
		return NULL;
	}
	timer->next = dev->timers;
	dev->timers = timer;
	return timer;
}

void pdm_timer_arm(struct pdm_timer *timer, u64 deadline)
{
	timer->armed = true;
	timer->deadline = deadline;
	if (timer->timer)
		tm_timer_arm(timer->timer, deadline);
}

void pdm_timer_cancel(struct pdm_timer *timer)
{
	timer->armed = false;
	if (timer->timer)
		tm_timer_cancel(timer->timer);
}

void pdm_timers_stop(struct pdm_device *dev)
{
	for (struct pdm_timer *timer = dev->timers; timer; timer = timer->next) {
		tm_timer_destroy(timer->timer);
		timer->timer = NULL;
	}
}

void pdm_timers_destroy(struct pdm_device *dev)
{
	struct pdm_timer *timer;

	while ((timer = dev->timers)) {
		dev->timers = timer->next;
		tm_timer_destroy(timer->timer);
		free(timer);
	}
}
