// SPDX-License-Identifier: GPL-2.0
/*
 * "Timers", synthetic ones: four of a processor, in reference time, which tell
 * of themselves by a message or by an interrupt directly. What they do is in
 * hyperv_timer.c.
 *
 * One that interrupts directly is lent to the module, from the write that makes
 * it so to the one that ends that: in between, the guest's accesses do not come
 * here. A message that finds no slot waits for one; others of that timer
 * meanwhile are the same message.
 *
 * TM's timers follow the VM's time, which is not quite the reference: one that
 * finds itself early is armed again. They fire on TM's thread; vp->lock guards
 * all of it.
 */
#include "gim/hyperv.h"

/* How far ahead a timer is set in one go. */
#define FARTHEST	(1ULL << 50)

u64 hyperv_time(struct hyperv *hv)
{
	struct vmm_clock clock;

	if (hm_vm_clock_get(hv->gim->config.hm, &clock))
		return 0;
	return hv->scale ? mul_u64_u64_shr(clock.guest_tsc, hv->scale, 64) : clock.vm_ns / 100;
}

/* ---- the module's ---------------------------------------------------------------- */

static struct hm_vcpu *stimer_vcpu(struct hyperv_stimer *timer)
{
	return hm_vcpu(timer->vp->hv->gim->config.hm, timer->vp->index);
}

static int stimer_take_back(struct hyperv_stimer *timer)
{
	struct vmm_hv_timer lent = { .index = timer->index }, none = lent;
	int ret;

	if (!timer->lent)
		return 0;
	ret = hm_vcpu_hv_timer_get(stimer_vcpu(timer), &lent);
	if (!ret)
		ret = hm_vcpu_hv_timer_set(stimer_vcpu(timer), &none);
	if (ret)
		return ret;
	timer->lent = false;
	timer->now.config = lent.config;
	timer->now.count = lent.count;
	return 0;
}

/* It starts there, if it is to run. */
static int stimer_lend(struct hyperv_stimer *timer, u64 config)
{
	const struct vmm_hv_timer lent = {
		.index = timer->index,
		.flags = VMM_HV_TIMER_LENT,
		.config = config,
		.count = timer->now.count,
	};
	int ret = hm_vcpu_hv_timer_set(stimer_vcpu(timer), &lent);

	timer->lent = !ret;
	return ret;
}

/* ---- expiring ------------------------------------------------------------------- */

static void stimer_stop(struct hyperv_stimer *timer)
{
	if (timer->timer)
		tm_timer_cancel(timer->timer);
	timer->now.deadline = 0;
	timer->waiting = false;
}

/* True: the guest has been told. */
static bool stimer_tell(struct hyperv_stimer *timer, u64 expiry, u64 now)
{
	const struct hv_message message = {
		.type = HV_MESSAGE_TIMER_EXPIRED, .size = 24,
		.payload = { timer->index, expiry, now },
	};

	return hyperv_synic_post(timer->vp, HV_STIMER_SINT(timer->now.config), &message);
}

static void stimer_expire(struct hyperv_stimer *timer, u64 now)
{
	u64 expiry = timer->now.expiry;

	if (!timer->waiting && !stimer_tell(timer, expiry, now)) {
		timer->waiting = true;
		timer->waiting_since = expiry;
	}
	hyperv_timer_expire(&timer->now, now);
}

/* Tell what is due, and see to it that what comes next is heard of. */
static void stimer_look(struct hyperv_stimer *timer, u64 now)
{
	struct tm_vm *tm = timer->vp->hv->gim->config.tm;
	u64 ahead;

	if (hyperv_timer_is_due(&timer->now, now))
		stimer_expire(timer, now);
	if (!timer->now.deadline)
		return;
	ahead = timer->now.deadline > now ? timer->now.deadline - now : 0;
	tm_timer_arm(timer->timer, tm_now(tm, TM_VIRTUAL) + min(ahead, FARTHEST) * 100);
}

/* On TM's thread. It may have been stopped, or set anew, just before. */
static void stimer_fire(void *ctx)
{
	struct hyperv_stimer *timer = ctx;

	pthread_mutex_lock(&timer->vp->lock);
	if (timer->now.deadline)
		stimer_look(timer, hyperv_time(timer->vp->hv));
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
	*value = stimer_is_count(index) ? timer->now.count : timer->now.config;
	pthread_mutex_unlock(&vp->lock);
	return 0;
}

static bool stimer_config_is_valid(struct hyperv *hv, u64 config)
{
	if (!(config & HV_STIMER_DIRECT))
		return !(config & ~HV_STIMER_VALID);
	return hyperv_has(hv, HYPERV_DIRECT_TIMERS) && hyperv_timer_is_direct(config);
}

/* Ours, and stopped. 0; -ENOMEM. */
static int stimer_write(struct hyperv_stimer *timer, bool count, u64 value)
{
	u64 now = hyperv_time(timer->vp->hv);

	if (count)
		hyperv_timer_write_count(&timer->now, value, now);
	else
		hyperv_timer_write_config(&timer->now, value, now);
	if (timer->now.deadline && !timer->timer)
		timer->timer = tm_timer_create(timer->vp->hv->gim->config.tm, TM_VIRTUAL,
					       "Hyper-V", stimer_fire, timer);
	if (timer->now.deadline && !timer->timer)
		return -ENOMEM;
	stimer_look(timer, now);
	return 0;
}

int hyperv_stimer_write(struct hyperv_vp *vp, u32 index, u64 value)
{
	struct hyperv_stimer *timer = stimer_of(vp, index);
	bool count = stimer_is_count(index);
	int ret;

	if (!count && !stimer_config_is_valid(vp->hv, value))
		return -EINVAL;
	pthread_mutex_lock(&vp->lock);
	stimer_stop(timer);
	ret = stimer_take_back(timer);
	if (!ret && !count && (value & HV_STIMER_DIRECT))
		ret = stimer_lend(timer, value);
	else if (!ret)
		ret = stimer_write(timer, count, value);
	pthread_mutex_unlock(&vp->lock);
	return ret ? -EINVAL : 0;
}

/* ---- their life --------------------------------------------------------------------- */

void hyperv_stimers_create(struct hyperv_vp *vp)
{
	for (u32 i = 0; i < HV_STIMERS; i++) {
		vp->stimer[i].vp = vp;
		vp->stimer[i].index = i;
	}
}

/* The module has given up what it had when its vCPU was reset. */
void hyperv_stimers_reset(struct hyperv_vp *vp)
{
	pthread_mutex_lock(&vp->lock);
	for (u32 i = 0; i < HV_STIMERS; i++) {
		stimer_stop(&vp->stimer[i]);
		vp->stimer[i].lent = false;
		vp->stimer[i].now = (struct hyperv_timer){ 0 };
	}
	pthread_mutex_unlock(&vp->lock);
}

void hyperv_stimers_destroy(struct hyperv_vp *vp)
{
	hyperv_stimers_reset(vp);
	for (u32 i = 0; i < HV_STIMERS; i++)
		tm_timer_destroy(vp->stimer[i].timer);
}
