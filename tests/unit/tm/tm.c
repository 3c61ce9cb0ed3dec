// SPDX-License-Identifier: GPL-2.0
/* The VM's clock, and timers that fire, move, are cancelled and destroyed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tm/tm.h"

#define MS 1000000ULL

struct seen {
	struct tm_vm *tm;
	struct tm_timer *timer;
	unsigned int fired;		/* atomic */
	u64 at;
	u64 again;			/* re-arm so much later, as often as left */
	unsigned int left;
	unsigned int slow_us;
	enum tm_clock clock;		/* of at */
};

static void fire(void *ctx)
{
	struct seen *seen = ctx;

	seen->at = tm_now(seen->tm, seen->clock);
	if (seen->slow_us)
		usleep(seen->slow_us);
	if (seen->left) {
		seen->left--;
		tm_timer_arm(seen->timer, seen->at + seen->again);
	}
	__atomic_add_fetch(&seen->fired, 1, __ATOMIC_SEQ_CST);
}

static unsigned int fired(struct seen *seen)
{
	return __atomic_load_n(&seen->fired, __ATOMIC_SEQ_CST);
}

/* A loaded machine may be late, but not for ever. */
static void wait_for(struct seen *seen, unsigned int count)
{
	for (int i = 0; i < 5000 && fired(seen) < count; i++)
		usleep(1000);
	assert_int_equal(fired(seen), count);
}

static struct tm_vm *make_with(struct seen *seen, enum tm_clock clock)
{
	struct tm_vm *tm;

	assert_int_equal(tm_create(&tm, NULL, NULL), 0);
	*seen = (struct seen) { .tm = tm, .clock = clock };
	seen->timer = tm_timer_create(tm, clock, "test", fire, seen);
	assert_non_null(seen->timer);
	return tm;
}

static struct tm_vm *make(struct seen *seen)
{
	return make_with(seen, TM_VIRTUAL);
}

static void unmake(struct seen *seen)
{
	tm_timer_destroy(seen->timer);
	tm_destroy(seen->tm);
}

static void test_clock_stops_and_goes_on(void **state)
{
	struct seen seen;
	struct tm_vm *tm = make(&seen);
	u64 stopped;

	assert_int_equal(tm_now(tm, TM_VIRTUAL), 0);
	usleep(2000);
	assert_int_equal(tm_now(tm, TM_VIRTUAL), 0);
	tm_resume(tm);
	tm_resume(tm);
	usleep(2000);
	assert_true(tm_now(tm, TM_VIRTUAL) >= 2 * MS);
	tm_pause(tm);
	tm_pause(tm);
	stopped = tm_now(tm, TM_VIRTUAL);
	usleep(2000);
	assert_int_equal(tm_now(tm, TM_VIRTUAL), stopped);
	tm_resume(tm);
	assert_true(tm_now(tm, TM_VIRTUAL) >= stopped);
	tm_pause(tm);
	tm_reset(tm);
	assert_int_equal(tm_now(tm, TM_VIRTUAL), 0);
	assert_true(tm_now(tm, TM_REAL) > 1600000000 * NSEC_PER_SEC);
	unmake(&seen);
}

static void test_utc_offset(void **state)
{
	struct seen seen;
	struct tm_vm *tm = make_with(&seen, TM_REAL);
	struct error err = { 0 };
	u64 host = tm_now(tm, TM_REAL);

	assert_int_equal(tm_utc_offset_set(tm, 1000000001, &err), -ERANGE);
	assert_int_equal(tm_utc_offset_set(tm, -1000000001, &err), -ERANGE);
	assert_int_equal(tm_utc_offset_set(tm, -7200, &err), 0);
	assert_in_range(tm_now(tm, TM_REAL), host - 7200 * NSEC_PER_SEC,
			host - 7100 * NSEC_PER_SEC);
	tm_timer_arm(seen.timer, tm_now(tm, TM_REAL) + 5 * MS);
	tm_resume(tm);
	wait_for(&seen, 1);
	/* A clock that jumps, either way, has its timers fire to look anew. */
	tm_timer_arm(seen.timer, tm_now(tm, TM_REAL) + 3600 * NSEC_PER_SEC);
	usleep(20000);
	assert_int_equal(fired(&seen), 1);
	assert_int_equal(tm_utc_offset_set(tm, -10000, &err), 0);
	wait_for(&seen, 2);
	tm_timer_arm(seen.timer, tm_now(tm, TM_REAL) + 3600 * NSEC_PER_SEC);
	assert_int_equal(tm_utc_offset_set(tm, 0, &err), 0);
	wait_for(&seen, 3);
	unmake(&seen);
}

static void test_warp(void **state)
{
	struct seen seen;
	struct tm_vm *tm = make(&seen);

	assert_int_equal(tm_speed_set(tm, &(struct tm_speed){ .warp = 20000 }, NULL), 0);
	tm_resume(tm);
	/* Two VM seconds are 10 ms of the host. */
	tm_timer_arm(seen.timer, 2 * NSEC_PER_SEC);
	wait_for(&seen, 1);
	assert_true(seen.at >= 2 * NSEC_PER_SEC);
	unmake(&seen);
}

static void test_fires_once_and_not_early(void **state)
{
	struct seen seen;
	struct tm_vm *tm = make(&seen);

	tm_timer_arm(seen.timer, 3 * MS);
	usleep(6000);
	assert_int_equal(fired(&seen), 0);	/* the VM's time stands still */
	tm_resume(tm);
	wait_for(&seen, 1);
	assert_true(seen.at >= 3 * MS);
	usleep(5000);
	assert_int_equal(fired(&seen), 1);
	tm_timer_arm(seen.timer, 0);		/* in the past: at once */
	wait_for(&seen, 2);
	unmake(&seen);
}

static void test_order_and_moving(void **state)
{
	struct seen a, b;
	struct tm_vm *tm = make(&a);

	b = (struct seen) { .tm = tm };
	b.timer = tm_timer_create(tm, TM_VIRTUAL, "other", fire, &b);
	tm_timer_arm(a.timer, 2 * MS);
	tm_timer_arm(b.timer, 4 * MS);
	tm_timer_arm(a.timer, 8 * MS);		/* now behind b */
	tm_resume(tm);
	wait_for(&a, 1);
	wait_for(&b, 1);
	assert_true(b.at <= a.at && a.at >= 8 * MS);
	/* To an earlier time, while the thread waits for the later. */
	tm_timer_arm(a.timer, tm_now(tm, TM_VIRTUAL) + 3600 * NSEC_PER_SEC);
	usleep(2000);
	tm_timer_arm(a.timer, tm_now(tm, TM_VIRTUAL) + MS);
	wait_for(&a, 2);
	tm_timer_destroy(b.timer);
	unmake(&a);
}

static void test_cancel(void **state)
{
	struct seen seen;
	struct tm_vm *tm = make(&seen);

	tm_resume(tm);
	tm_timer_cancel(seen.timer);		/* not armed */
	tm_timer_arm(seen.timer, tm_now(tm, TM_VIRTUAL) + 20 * MS);
	tm_timer_cancel(seen.timer);
	usleep(30000);
	assert_int_equal(fired(&seen), 0);
	unmake(&seen);
}

static void test_callback_rearms(void **state)
{
	struct seen seen;
	struct tm_vm *tm = make(&seen);

	seen.left = 3;
	seen.again = MS;
	tm_resume(tm);
	tm_timer_arm(seen.timer, MS);
	wait_for(&seen, 4);
	unmake(&seen);
}

static void test_destroy_waits_for_the_callback(void **state)
{
	struct seen seen;
	struct tm_vm *tm = make(&seen);

	seen.slow_us = 20000;
	seen.left = 1;				/* and it arms itself meanwhile */
	tm_resume(tm);
	tm_timer_arm(seen.timer, 0);
	while (!READ_ONCE(seen.at))
		usleep(100);
	tm_timer_destroy(seen.timer);
	assert_int_equal(fired(&seen), 1);
	tm_destroy(tm);
}

static void test_far_deadline(void **state)
{
	struct seen seen;
	struct tm_vm *tm = make(&seen);

	tm_resume(tm);
	tm_timer_arm(seen.timer, UINT64_MAX);
	usleep(3000);
	assert_int_equal(fired(&seen), 0);
	unmake(&seen);
}

/* The callback, however late, sees the very time it asked for, and all the while it runs. */
static void test_sync_waits(void **state)
{
	struct seen seen;
	struct tm_vm *tm = make_with(&seen, TM_VIRTUAL_SYNC);

	seen.slow_us = 20000;
	tm_timer_arm(seen.timer, 3 * MS);
	tm_resume(tm);
	while (!READ_ONCE(seen.at))
		usleep(100);
	assert_int_equal(seen.at, 3 * MS);
	while (tm_now(tm, TM_VIRTUAL) < 10 * MS)
		usleep(100);
	if (!fired(&seen))
		assert_int_equal(tm_now(tm, TM_VIRTUAL_SYNC), 3 * MS);
	wait_for(&seen, 1);
	usleep(2000);
	assert_true(tm_now(tm, TM_VIRTUAL_SYNC) > 3 * MS);
	unmake(&seen);
}

/* A late thread catches up with what it owes, and then the clocks are together again. */
static void test_sync_catches_up(void **state)
{
	struct seen seen;
	struct tm_vm *tm = make_with(&seen, TM_VIRTUAL_SYNC);
	u64 sync = 0, virt = 0;

	seen.slow_us = 30000;
	tm_timer_arm(seen.timer, MS);
	tm_resume(tm);
	wait_for(&seen, 1);
	for (int i = 0; i < 5000; i++) {
		u64 now = tm_now(tm, TM_VIRTUAL_SYNC);

		virt = tm_now(tm, TM_VIRTUAL);
		assert_true(now >= sync && now <= virt);
		sync = now;
		if (virt - sync < MS)
			break;
		usleep(1000);
	}
	assert_true(virt - sync < MS);
	unmake(&seen);
}

static void test_sync_stops_and_starts_over(void **state)
{
	struct seen seen;
	struct tm_vm *tm = make_with(&seen, TM_VIRTUAL_SYNC);
	u64 stopped;

	tm_timer_arm(seen.timer, MS);
	tm_resume(tm);
	wait_for(&seen, 1);
	tm_timer_arm(seen.timer, tm_now(tm, TM_VIRTUAL_SYNC) + 3600 * NSEC_PER_SEC);
	tm_pause(tm);
	stopped = tm_now(tm, TM_VIRTUAL_SYNC);
	usleep(5000);
	assert_int_equal(tm_now(tm, TM_VIRTUAL_SYNC), stopped);
	tm_reset(tm);
	assert_int_equal(tm_now(tm, TM_VIRTUAL_SYNC), 0);
	tm_timer_arm(seen.timer, 2 * MS);
	tm_resume(tm);
	wait_for(&seen, 2);
	assert_int_equal(seen.at, 2 * MS);
	unmake(&seen);
}

/* Cancelled while its clock waits for it, or moved: the clock goes on. */
static void test_sync_lets_go(void **state)
{
	struct seen slow, seen;
	struct tm_vm *tm = make(&slow);

	slow.slow_us = 20000;
	seen = (struct seen) { .tm = tm, .clock = TM_VIRTUAL_SYNC };
	seen.timer = tm_timer_create(tm, TM_VIRTUAL_SYNC, "held", fire, &seen);
	tm_timer_arm(slow.timer, MS);		/* keeps the thread busy */
	tm_timer_arm(seen.timer, 2 * MS);
	tm_resume(tm);
	while (tm_now(tm, TM_VIRTUAL) < 3 * MS)
		usleep(100);
	tm_timer_cancel(seen.timer);
	usleep(30000);
	assert_true(tm_now(tm, TM_VIRTUAL_SYNC) > 4 * MS);
	tm_timer_destroy(seen.timer);
	unmake(&slow);
}

/* ---- a process that is stopped ------------------------------------------------ */

#define STOPPED_TICKS 3000

/* A tick of 1 ms, each armed by the one before. */
static void stopped_tick(void *ctx)
{
	struct seen *seen = ctx;

	/* Neither early nor late by its own clock, whatever the host does. */
	if (tm_now(seen->tm, TM_VIRTUAL_SYNC) != (fired(seen) + 1) * MS)
		_exit(1);
	__atomic_add_fetch(&seen->fired, 1, __ATOMIC_SEQ_CST);
	if (fired(seen) < STOPPED_TICKS)
		tm_timer_arm(seen->timer, (fired(seen) + 1) * MS);
}

/* Exits with 0 if all ticks came, and the clock with them is where it should be. */
static void stopped_child(void)
{
	struct seen seen = { 0 };
	u64 lag = UINT64_MAX;

	if (tm_create(&seen.tm, NULL, NULL))
		_exit(2);
	seen.timer = tm_timer_create(seen.tm, TM_VIRTUAL_SYNC, "tick", stopped_tick, &seen);
	tm_timer_arm(seen.timer, MS);
	tm_resume(seen.tm);
	for (int i = 0; i < 60000 && (fired(&seen) < STOPPED_TICKS || lag > MS); i++) {
		usleep(1000);
		lag = tm_now(seen.tm, TM_VIRTUAL_SYNC);
		lag = tm_now(seen.tm, TM_VIRTUAL) - lag;
	}
	_exit(fired(&seen) < STOPPED_TICKS ? 3 : lag > MS ? 4 : 0);
}

static void test_stopped_process(void **state)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (!child)
		stopped_child();
	for (int i = 0; i < 3; i++) {
		usleep(200000);
		assert_int_equal(kill(child, SIGSTOP), 0);
		usleep(300000);
		assert_int_equal(kill(child, SIGCONT), 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_real_timer(void **state)
{
	struct seen seen;
	struct tm_vm *tm = make_with(&seen, TM_REAL);
	u64 deadline = tm_now(tm, TM_REAL) + 5 * MS;

	tm_timer_arm(seen.timer, deadline);
	usleep(10000);
	assert_int_equal(fired(&seen), 0);	/* the VM stands still */
	tm_resume(tm);
	wait_for(&seen, 1);
	assert_true(seen.at >= deadline);
	unmake(&seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clock_stops_and_goes_on),
		cmocka_unit_test(test_utc_offset),
		cmocka_unit_test(test_warp),
		cmocka_unit_test(test_fires_once_and_not_early),
		cmocka_unit_test(test_order_and_moving),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_callback_rearms),
		cmocka_unit_test(test_destroy_waits_for_the_callback),
		cmocka_unit_test(test_far_deadline),
		cmocka_unit_test(test_sync_waits),
		cmocka_unit_test(test_sync_catches_up),
		cmocka_unit_test(test_sync_stops_and_starts_over),
		cmocka_unit_test(test_sync_lets_go),
		cmocka_unit_test(test_stopped_process),
		cmocka_unit_test(test_real_timer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
