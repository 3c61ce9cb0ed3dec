// SPDX-License-Identifier: GPL-2.0
/*
 * "Timers", synthetic ones: four of a processor, in reference time, which tell
 * of themselves by a message or by an interrupt directly.
 *
 * Periodic ones that come too late catch up at half the period, unless they are
 * lazy, and then leave out what they have missed. A message that finds no slot
 * waits for one; others of that timer meanwhile are the same message.
 *
 * TM's timers follow the VM's time, which is not quite the reference: one that
 * finds itself early is armed again. They fire on TM's thread; vp->lock guards
 * all of it.
 */
#include "gim/hyperv.h"

/* No two expirations of a timer are closer, whatever it says: 50 us. */
#define CLOSEST		500
/* Or farther away, in one go. */
#define FARTHEST	(1ULL << 50)

u64 hyperv_time(struct hyperv *hv)
{
	struct vmm_clock clock;

	if (hm_vm_clock_get(hv->gim->config.hm, &clock))
		return 0;
	return hv->scale ? mul_u64_u64_shr(clock.guest_tsc, hv->scale, 64) : clock.vm_ns / 100;
}

static void stimer_stop(struct hyperv_stimer *timer)
{
	if (timer->timer)
		tm_timer_cancel(timer->timer);
	timer->deadline = 0;
	timer->waiting = false;
}

/* ---- expiring ------------------------------------------------------------------- */

/* True: the guest has been told. */
static bool stimer_tell(struct hyperv_stimer *timer, u64 expiry, u64 now)
{
	const struct hv_message message = {
		.type = HV_MESSAGE_TIMER_EXPIRED, .size = 24,
		.payload = { timer->index, expiry, now },
	};

	if (timer->config & HV_STIMER_DIRECT) {
		hyperv_vp_interrupt(timer->vp, HV_STIMER_VECTOR(timer->config));
		return true;
	}
	return hyperv_synic_post(timer->vp, HV_STIMER_SINT(timer->config), &message);
}

static void stimer_arm(struct hyperv_stimer *timer, u64 now)
{
	struct tm_vm *tm = timer->vp->hv->gim->config.tm;
	u64 ahead = timer->deadline > now ? timer->deadline - now : 0;

	tm_timer_arm(timer->timer, tm_now(tm, TM_VIRTUAL) + min(ahead, FARTHEST) * 100);
}

static void stimer_expire(struct hyperv_stimer *timer, u64 now)
{
	struct hyperv_next next;

	if (!timer->waiting && !stimer_tell(timer, timer->expiry, now)) {
		timer->waiting = true;
		timer->waiting_since = timer->expiry;
	}
	timer->deadline = 0;
	if (!(timer->config & HV_STIMER_PERIODIC)) {
		timer->config &= ~HV_STIMER_ENABLE;
		return;
	}
	next = hyperv_period_next(timer->expiry, timer->count, now,
				  timer->config & HV_STIMER_LAZY);
	timer->expiry = next.expiry;
	timer->deadline = max(next.deadline, now + CLOSEST);
	stimer_arm(timer, now);
}

/* On TM's thread. */
static void stimer_fire(void *ctx)
{
	struct hyperv_stimer *timer = ctx;
	u64 now;

	pthread_mutex_lock(&timer->vp->lock);
	/* It may have been stopped, or set anew, just before. */
	if (timer->deadline) {
		now = hyperv_time(timer->vp->hv);
		if (now < timer->deadline)
			stimer_arm(timer, now);
		else
			stimer_expire(timer, now);
	}
	pthread_mutex_unlock(&timer->vp->lock);
}

void hyperv_stimers_retry(struct hyperv_vp *vp)
{
	for (u32 i = 0; i < HV_STIMERS; i++) {
		struct hyperv_stimer *timer = &vp->stimer[i];

		if (timer->waiting)
			timer->waiting = !stimer_tell(timer, timer->waiting_since,
						      hyperv_time(vp->hv));
	}
}

/* ---- MSRs ------------------------------------------------------------------------- */

/* Begin, if it is enabled and has something to count to. 0; -EINVAL: out of memory. */
static int stimer_start(struct hyperv_stimer *timer)
{
	u64 now;

	/* Source 0 is not a timer's. */
	if (!(timer->config & HV_STIMER_DIRECT) && !HV_STIMER_SINT(timer->config))
		timer->config &= ~HV_STIMER_ENABLE;
	if (!(timer->config & HV_STIMER_ENABLE) || !timer->count)
		return 0;
	if (!timer->timer)
		timer->timer = tm_timer_create(timer->vp->hv->gim->config.tm, TM_VIRTUAL,
					       "Hyper-V", stimer_fire, timer);
	if (!timer->timer)
		return -EINVAL;
	now = hyperv_time(timer->vp->hv);
	timer->expiry = timer->count;
	if (timer->config & HV_STIMER_PERIODIC)
		timer->expiry = timer->count + now < now ? UINT64_MAX : timer->count + now;
	timer->deadline = timer->expiry;
	if (timer->deadline <= now)
		stimer_expire(timer, now);
	else
		stimer_arm(timer, now);
	return 0;
}

static struct hyperv_stimer *stimer_of(struct hyperv_vp *vp, u32 index)
{
	return &vp->stimer[(index - HV_MSR_STIMER0_CONFIG) / 2];
}

static bool stimer_is_count(u32 index)
{
	return (index - HV_MSR_STIMER0_CONFIG) & 1;
}

int hyperv_stimer_read(struct hyperv_vp *vp, u32 index, u64 *value)
{
	const struct hyperv_stimer *timer = stimer_of(vp, index);

	pthread_mutex_lock(&vp->lock);
	*value = stimer_is_count(index) ? timer->count : timer->config;
	pthread_mutex_unlock(&vp->lock);
	return 0;
}

static bool stimer_config_is_valid(struct hyperv *hv, u64 config)
{
	if (config & ~HV_STIMER_VALID)
		return false;
	if (!(config & HV_STIMER_DIRECT))
		return true;
	return hyperv_has(hv, HYPERV_DIRECT_TIMERS) && HV_STIMER_VECTOR(config) >= 16;
}

int hyperv_stimer_write(struct hyperv_vp *vp, u32 index, u64 value)
{
	struct hyperv_stimer *timer = stimer_of(vp, index);
	int ret;

	if (!stimer_is_count(index) && !stimer_config_is_valid(vp->hv, value))
		return -EINVAL;
	pthread_mutex_lock(&vp->lock);
	stimer_stop(timer);
	if (!stimer_is_count(index)) {
		timer->config = value;
	} else {
		timer->count = value;
		if (!value)
			timer->config &= ~HV_STIMER_ENABLE;
		else if (timer->config & HV_STIMER_AUTO_ENABLE)
			timer->config |= HV_STIMER_ENABLE;
	}
	ret = stimer_start(timer);
	pthread_mutex_unlock(&vp->lock);
	return ret;
}

/* ---- their life --------------------------------------------------------------------- */

void hyperv_stimers_create(struct hyperv_vp *vp)
{
	for (u32 i = 0; i < HV_STIMERS; i++) {
		vp->stimer[i].vp = vp;
		vp->stimer[i].index = i;
	}
}

void hyperv_stimers_reset(struct hyperv_vp *vp)
{
	pthread_mutex_lock(&vp->lock);
	for (u32 i = 0; i < HV_STIMERS; i++) {
		stimer_stop(&vp->stimer[i]);
		vp->stimer[i].config = 0;
		vp->stimer[i].count = 0;
	}
	pthread_mutex_unlock(&vp->lock);
}

void hyperv_stimers_destroy(struct hyperv_vp *vp)
{
	hyperv_stimers_reset(vp);
	for (u32 i = 0; i < HV_STIMERS; i++)
		tm_timer_destroy(vp->stimer[i].timer);
}
