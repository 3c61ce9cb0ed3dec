// SPDX-License-Identifier: GPL-2.0
/*
 * TM's clocks: the VM's virtual time, and the pair that ties the guest's TSC
 * and local APIC timers to it in the module.
 *
 * While the VM runs, its time is vm_base plus what CLOCK_MONOTONIC has gone on
 * since host_base, times the ratio. The module is told the same pair, so both
 * rings compute the same time. TM_VIRTUAL_SYNC follows from it by sync.c.
 * Guarded by tm->lock. Left out: a host that loses its trust in its TSC while
 * the VM runs.
 */
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "tm/internal.h"
#include "vmm/hm.h"

/* The wall clock may be set while the thread sleeps: so long it may go unseen. */
#define TM_REAL_LOOK_NS (1 * NSEC_PER_SEC)
/* More than any slewing makes of that. */
#define TM_REAL_JUMP_NS (NSEC_PER_SEC / 100)

static u64 tm_host_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (u64)ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

static u64 tm_virtual_now(struct tm_vm *tm)
{
	if (!tm->running)
		return tm->vm_base;
	return tm->vm_base + tm_scale(tm_host_ns(CLOCK_MONOTONIC) - tm->host_base, tm->ratio);
}

/* Not before 1970, wherever the host's clock is. */
static u64 tm_real_now(struct tm_vm *tm)
{
	s64 now = (s64)tm_host_ns(CLOCK_REALTIME) + tm->utc_offset * (s64)NSEC_PER_SEC;

	return (u64)max(now, (s64)0);
}

u64 tm_now_locked(struct tm_vm *tm, enum tm_clock clock)
{
	switch (clock) {
	case TM_VIRTUAL:
		return tm_virtual_now(tm);
	case TM_VIRTUAL_SYNC:
		return tm_sync_now(&tm->sync, tm_virtual_now(tm));
	default:
		return tm_real_now(tm);
	}
}

static u64 tm_host_of_virtual(struct tm_vm *tm, u64 vm_ns)
{
	u64 ahead;

	if (vm_ns <= tm->vm_base)
		return tm->host_base;
	/* Rounded up: waking early would only mean to wait again. */
	ahead = tm_unscale(vm_ns - tm->vm_base, tm->ratio);
	return ahead > INT64_MAX - tm->host_base ? INT64_MAX : tm->host_base + ahead;
}

/* As the wall clock stands now; the thread looks again if it is set meanwhile. */
static u64 tm_host_of_real(struct tm_vm *tm, u64 ns)
{
	u64 real = tm_real_now(tm), host = tm_host_ns(CLOCK_MONOTONIC);
	u64 ahead = ns > real ? ns - real : 0;

	return host + min(ahead, TM_REAL_LOOK_NS);
}

bool tm_real_jumped(struct tm_vm *tm)
{
	s64 ahead = (s64)(tm_real_now(tm) - tm_host_ns(CLOCK_MONOTONIC));
	s64 jump = ahead - tm->real_ahead;

	tm->real_ahead = ahead;
	return (u64)(jump < 0 ? -jump : jump) > TM_REAL_JUMP_NS;
}

u64 tm_host_of(struct tm_vm *tm, enum tm_clock clock, u64 ns)
{
	switch (clock) {
	case TM_VIRTUAL:
		return tm_host_of_virtual(tm, ns);
	case TM_VIRTUAL_SYNC:
		return tm_host_of_virtual(tm, tm_sync_virt_of(&tm->sync, ns));
	default:
		return tm_host_of_real(tm, ns);
	}
}

u64 tm_now(struct tm_vm *tm, enum tm_clock clock)
{
	u64 now;

	pthread_mutex_lock(&tm->lock);
	now = tm_now_locked(tm, clock);
	pthread_mutex_unlock(&tm->lock);
	return now;
}

void tm_sync_update(struct tm_vm *tm)
{
	struct tm_timer *first = tm->armed[TM_VIRTUAL_SYNC];
	u64 dropped = tm->sync.dropped;

	if (tm->sync_held)
		return;
	tm_sync_limit(&tm->sync, tm_virtual_now(tm), first ? first->deadline : UINT64_MAX);
	if (tm->sync.dropped != dropped)
		log_info("the VM's timers were held up for %llu s, which the guest has lost",
			 (unsigned long long)((tm->sync.dropped - dropped) / NSEC_PER_SEC));
}

/* Hand the module the pair (host_base, vm_base). Lock held. */
static void tm_clock_tell(struct tm_vm *tm)
{
	struct vmm_clock clock = {
		.flags = (tm->running ? VMM_CLOCK_RUNNING : 0) |
			 (tm->tsc_emulated ? VMM_CLOCK_TSC_EMULATED : 0),
		.host_ns = tm->host_base,
		.vm_ns = tm->vm_base,
		.guest_tsc = tm->tsc_base,
		.ns_ratio = tm->ratio,
		.tsc_ratio = tm->tsc_ratio,
	};
	int ret;

	if (!tm->hm)
		return;
	ret = hm_vm_clock_set(tm->hm, &clock);
	if (ret < 0)
		log_error("the VM's clock cannot be set: %s", strerror(-ret));
}

void tm_resume(struct tm_vm *tm)
{
	pthread_mutex_lock(&tm->lock);
	if (!tm->running) {
		tm->host_base = tm_host_ns(CLOCK_MONOTONIC);
		tm->running = true;
		tm_clock_tell(tm);
		pthread_cond_broadcast(&tm->changed);
	}
	pthread_mutex_unlock(&tm->lock);
}

void tm_pause(struct tm_vm *tm)
{
	struct vmm_clock clock = { 0 };

	pthread_mutex_lock(&tm->lock);
	if (tm->running) {
		tm->vm_base = tm_virtual_now(tm);
		/* The TSC stops where the module has it, so that it never goes back. */
		if (tm->hm && hm_vm_clock_get(tm->hm, &clock) == 0) {
			tm->vm_base = max(tm->vm_base, clock.vm_ns);
			tm->tsc_base = clock.guest_tsc;
		}
		tm->running = false;
		tm->host_base = tm_host_ns(CLOCK_MONOTONIC);
		tm_clock_tell(tm);
		pthread_cond_broadcast(&tm->changed);
	}
	pthread_mutex_unlock(&tm->lock);
}

void tm_reset(struct tm_vm *tm)
{
	pthread_mutex_lock(&tm->lock);
	assert(!tm->running);
	tm->vm_base = 0;
	tm->tsc_base = 0;
	tm->sync = TM_SYNC_START;
	tm_sync_update(tm);
	tm_clock_tell(tm);
	pthread_mutex_unlock(&tm->lock);
}

int tm_utc_offset_set(struct tm_vm *tm, s64 seconds, struct error *err)
{
	if (seconds < -TM_UTC_OFFSET_MAX || seconds > TM_UTC_OFFSET_MAX)
		return error_set(err, ERANGE, "tm.utc_offset: %lld is not between -%d and %d",
				 (long long)seconds, TM_UTC_OFFSET_MAX, TM_UTC_OFFSET_MAX);
	pthread_mutex_lock(&tm->lock);
	tm->utc_offset = seconds;
	pthread_mutex_unlock(&tm->lock);
	return 0;
}

int tm_create(struct tm_vm **out, struct hm_vm *hm, struct error *err)
{
	struct tm_vm *tm = calloc(1, sizeof(*tm));
	int ret;

	if (!tm)
		return error_errno(err, ENOMEM, "tm");
	tm->hm = hm;
	tm->tsc_khz = hm ? hm_vm_info(hm)->tsc_khz : 0;
	tm->ratio = tm->tsc_ratio = TM_RATIO_ONE;
	tm->sync = TM_SYNC_START;
	pthread_mutex_init(&tm->lock, NULL);
	ret = tm_queue_start(tm);
	if (ret) {
		pthread_mutex_destroy(&tm->lock);
		free(tm);
		return error_errno(err, -ret, "tm: the timer thread");
	}
	*out = tm;
	return 0;
}

void tm_destroy(struct tm_vm *tm)
{
	if (!tm)
		return;
	tm_queue_stop(tm);
	pthread_mutex_destroy(&tm->lock);
	free(tm);
}
