// SPDX-License-Identifier: GPL-2.0
/* TM_VIRTUAL_SYNC's arithmetic: where it waits, how fast it makes up for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tm/sync.h"

#define US	1000ULL
#define MS	1000000ULL
#define SEC	1000000000ULL
#define NONE	UINT64_MAX

/* A clock that waited at @at until it was @lag behind, and may go on now. */
static struct tm_sync behind(u64 at, u64 lag)
{
	struct tm_sync s = TM_SYNC_START;

	tm_sync_limit(&s, 0, at);
	assert_int_equal(tm_sync_now(&s, at + lag), at);
	tm_sync_limit(&s, at + lag, NONE);
	return s;
}

/* Percent above TM_VIRTUAL's speed, @virt after it was let go, over a microsecond. */
static u64 speed(const struct tm_sync *s, u64 virt)
{
	u64 from = tm_sync_now(s, s->virt + virt), to = tm_sync_now(s, s->virt + virt + 100 * US);

	return (to - from - 100 * US) / US;
}

static void test_runs_with_virtual(void **state)
{
	struct tm_sync s = TM_SYNC_START;
	static const u64 times[] = { 0, 1, 12345, SEC, 86400 * 365 * SEC, UINT64_MAX };

	for (unsigned int i = 0; i < ARRAY_SIZE(times); i++) {
		assert_int_equal(tm_sync_now(&s, times[i]), times[i]);
		assert_int_equal(tm_sync_virt_of(&s, times[i]), times[i]);
	}
}

static void test_waits_for_its_timer(void **state)
{
	struct tm_sync s = TM_SYNC_START;

	tm_sync_limit(&s, 5 * MS, 7 * MS);
	assert_int_equal(tm_sync_now(&s, 7 * MS - 1), 7 * MS - 1);
	assert_int_equal(tm_sync_now(&s, 7 * MS), 7 * MS);
	assert_int_equal(tm_sync_now(&s, 3600 * SEC), 7 * MS);
	/* Another later one changes nothing; one in the past does not turn it back. */
	tm_sync_limit(&s, 8 * MS, 7 * MS);
	assert_int_equal(tm_sync_now(&s, 9 * MS), 7 * MS);
	tm_sync_limit(&s, 9 * MS, 2 * MS);
	assert_int_equal(tm_sync_now(&s, 10 * MS), 7 * MS);
	tm_sync_limit(&s, 10 * MS, NONE);
	assert_int_equal(tm_sync_now(&s, 10 * MS), 7 * MS);
	assert_true(tm_sync_now(&s, 11 * MS) > 8 * MS);
}

/* Too little to be made up for: it stays, and does not grow by itself. */
static void test_small_lag_stays(void **state)
{
	struct tm_sync s = behind(MS, 750 * US - 1);

	assert_int_equal(speed(&s, 0), 0);
	assert_int_equal(tm_sync_now(&s, 3600 * SEC), 3600 * SEC - 750 * US + 1);
	assert_int_equal(tm_sync_virt_of(&s, 3600 * SEC), 3600 * SEC + 750 * US - 1);
}

/* Until half a millisecond is left. */
static void test_smallest_tier(void **state)
{
	struct tm_sync s = behind(MS, 750 * US);
	u64 done = s.virt + 250 * US * 100 / 5;

	assert_int_equal(speed(&s, 0), 5);
	assert_int_equal(speed(&s, 4 * MS), 5);
	assert_int_equal(done - tm_sync_now(&s, done), 500 * US);
	assert_true(done - 100 - tm_sync_now(&s, done - 100) > 500 * US);
	assert_int_equal(speed(&s, done - s.virt), 0);
	assert_int_equal(tm_sync_now(&s, 3600 * SEC), 3600 * SEC - 500 * US);
	/* Done means done: the next limit starts nothing. */
	tm_sync_limit(&s, 60 * SEC, 61 * SEC);
	assert_false(s.catching_up);
}

static void test_tiers(void **state)
{
	static const struct { u64 lag; u32 percent; } rows[] = {
		{ 1500 * US, 5 }, { 1500 * US + 20 * US, 10 }, { 8 * MS, 10 },
		{ 9 * MS, 25 }, { 31 * MS, 50 }, { 76 * MS, 75 }, { 176 * MS, 100 },
		{ 501 * MS, 200 }, { 3001 * MS, 300 }, { 30001 * MS, 400 },
		{ 55001 * MS, 500 }, { 60 * SEC, 500 },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		struct tm_sync s = behind(SEC, rows[i].lag);

		assert_int_equal(speed(&s, 0), rows[i].percent);
	}
}

/* The five seconds of a process that was stopped: through seven tiers, exactly. */
static void test_a_long_stall(void **state)
{
	static const struct { u64 from, to; u32 percent; } legs[] = {
		{ 5 * SEC, 3 * SEC, 300 }, { 3 * SEC, 500 * MS, 200 },
		{ 500 * MS, 175 * MS, 100 }, { 175 * MS, 75 * MS, 75 },
		{ 75 * MS, 30 * MS, 50 }, { 30 * MS, 8 * MS, 25 },
		{ 8 * MS, 1500 * US, 10 }, { 1500 * US, 500 * US, 5 },
	};
	struct tm_sync s = behind(SEC, 5 * SEC);
	u64 virt = s.virt;

	for (unsigned int i = 0; i < ARRAY_SIZE(legs); i++) {
		assert_int_equal(virt - tm_sync_now(&s, virt), legs[i].from);
		virt += ((legs[i].from - legs[i].to) * 100 + legs[i].percent - 1) /
			legs[i].percent;
		assert_int_equal(virt - tm_sync_now(&s, virt), legs[i].to);
	}
	assert_in_range(virt - s.virt, 2 * SEC, 3 * SEC);
	assert_int_equal(s.dropped, 0);
}

/* Beyond a minute the guest has lost the time, and the clock does not jump. */
static void test_gives_up(void **state)
{
	struct tm_sync s = behind(SEC, 60 * SEC + 1);

	assert_int_equal(s.dropped, 60 * SEC + 1);
	assert_false(s.catching_up);
	assert_int_equal(tm_sync_now(&s, s.virt), SEC);
	assert_int_equal(tm_sync_now(&s, s.virt + 5 * SEC), 6 * SEC);
	assert_int_equal(tm_sync_virt_of(&s, 6 * SEC), s.virt + 5 * SEC);
	/* What was dropped is not a lag any more. */
	tm_sync_limit(&s, s.virt + 5 * SEC, 7 * SEC);
	assert_int_equal(tm_sync_now(&s, s.virt + 3 * SEC), 7 * SEC);
	tm_sync_limit(&s, s.virt + 3 * SEC, NONE);
	assert_int_equal(speed(&s, 0), 200);
	assert_int_equal(s.dropped, 60 * SEC + 1);
}

/* The first time at which the clock is there, whatever the tier. */
static void test_inverse(void **state)
{
	static const u64 lags[] = { 0, 800 * US, 40 * MS, 5 * SEC, 59 * SEC };
	u32 seed = 1;

	for (unsigned int i = 0; i < ARRAY_SIZE(lags); i++) {
		struct tm_sync s = behind(SEC, lags[i]);

		for (int n = 0; n < 2000; n++) {
			u64 ns = SEC + (seed = seed * 1664525 + 1013904223) * 20ULL, virt;

			virt = tm_sync_virt_of(&s, ns);
			assert_true(tm_sync_now(&s, virt) >= ns);
			assert_true(virt == s.virt || tm_sync_now(&s, virt - 1) < ns);
		}
	}
	assert_int_equal(tm_sync_virt_of(&TM_SYNC_START, NONE), NONE);
}

/*
 * A timer thread that is late now and then, by a little or a lot, serves a
 * tick of 1 ms. No tick is skipped or doubled, none comes sooner than a sixth
 * of its period, the clock never goes back nor past TM_VIRTUAL, and when the
 * host behaves again it is where it should be.
 */
static void test_every_tick_comes(void **state)
{
	static const u64 late[] = { 0, 20 * US, 300 * US, 5 * MS, 200 * MS, 4 * SEC };
	struct tm_sync s = TM_SYNC_START;
	u64 virt = 0, seen = 0, last = 0;
	u32 seed = 7;

	for (u64 tick = 1; tick <= 100000; tick++) {
		u64 due, at;

		tm_sync_limit(&s, virt, tick * MS);
		due = tm_sync_virt_of(&s, tick * MS);
		assert_true(due >= virt);
		at = tm_sync_now(&s, virt + (due - virt) / 2);
		assert_true(at >= seen && at <= tick * MS);
		assert_true(tick == 1 || due - last >= MS / 6);
		seed = seed * 1664525 + 1013904223;
		virt = due;
		if (tick < 60000 && seed >> 19 < ARRAY_SIZE(late))
			virt += late[seed >> 19];
		seen = tm_sync_now(&s, virt);
		assert_int_equal(seen, tick * MS);
		assert_true(seen <= virt);
		last = due;
	}
	assert_int_equal(s.dropped, 0);
	assert_in_range(virt - seen, 0, 750 * US);
}

/* Changing the limit all the time costs no more than a nanosecond each time. */
static void test_no_drift(void **state)
{
	struct tm_sync s = behind(SEC, 800 * US);
	u64 virt = s.virt;

	for (int i = 0; i < 100000; i++)
		tm_sync_limit(&s, virt += US, NONE);
	assert_int_equal(virt - s.now, 500 * US);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runs_with_virtual),
		cmocka_unit_test(test_waits_for_its_timer),
		cmocka_unit_test(test_small_lag_stays),
		cmocka_unit_test(test_smallest_tier),
		cmocka_unit_test(test_tiers),
		cmocka_unit_test(test_a_long_stall),
		cmocka_unit_test(test_gives_up),
		cmocka_unit_test(test_inverse),
		cmocka_unit_test(test_every_tick_comes),
		cmocka_unit_test(test_no_drift),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
