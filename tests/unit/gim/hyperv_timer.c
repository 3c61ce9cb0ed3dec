// SPDX-License-Identifier: GPL-2.0
/* What a synthetic timer does by what is written to its MSRs, and by the clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gim/hyperv_timer.h"
#include "gim/hyperv_tlfs.h"

#define ON		HV_STIMER_ENABLE
#define PERIODIC	HV_STIMER_PERIODIC
#define AUTO		HV_STIMER_AUTO_ENABLE
#define DIRECT		(HV_STIMER_DIRECT | 0x60 << 4)
#define SINT		(2 << 16)

static void test_direct(void **state)
{
	static const struct { u64 config; bool direct; } rows[] = {
		{ 0, false }, { ON | SINT, false }, { DIRECT, true }, { DIRECT | ON | AUTO, true },
		{ DIRECT | PERIODIC | HV_STIMER_LAZY | SINT, true },
		{ HV_STIMER_DIRECT | 15 << 4, false }, { HV_STIMER_DIRECT | 16 << 4, true },
		{ HV_STIMER_DIRECT | 255 << 4, true }, { DIRECT | BIT(13), false },
		{ DIRECT | BIT(15), false }, { DIRECT | BIT(20), false },
		{ DIRECT | BIT_ULL(63), false }, { DIRECT & ~HV_STIMER_DIRECT, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(hyperv_timer_is_direct(rows[i].config), rows[i].direct);
}

static void expect(const struct hyperv_timer *timer, u64 config, u64 count, u64 expiry,
		   u64 deadline)
{
	assert_true(timer->config == config);
	assert_true(timer->count == count);
	assert_true(timer->expiry == expiry);
	assert_true(timer->deadline == deadline);
}

static void test_one_shot(void **state)
{
	struct hyperv_timer timer = { 0 };

	/* A count alone does not start it, nor does the word that it is on. */
	hyperv_timer_write_count(&timer, 200, 100);
	expect(&timer, 0, 200, 0, 0);
	hyperv_timer_write_config(&timer, DIRECT | ON, 100);
	expect(&timer, DIRECT | ON, 200, 200, 200);
	assert_false(hyperv_timer_is_due(&timer, 199));
	assert_true(hyperv_timer_is_due(&timer, 200));
	hyperv_timer_expire(&timer, 205);
	expect(&timer, DIRECT, 200, 0, 0);
	assert_false(hyperv_timer_is_due(&timer, ~0ULL));
	/* It is not on any more, so a count does not start it. */
	hyperv_timer_write_count(&timer, 300, 210);
	expect(&timer, DIRECT, 300, 0, 0);
	hyperv_timer_write_config(&timer, DIRECT | ON, 400);
	assert_true(hyperv_timer_is_due(&timer, 400));
	hyperv_timer_write_config(&timer, DIRECT, 400);
	expect(&timer, DIRECT, 300, 0, 0);
}

static void test_auto_enable(void **state)
{
	struct hyperv_timer timer = { 0 };

	hyperv_timer_write_config(&timer, DIRECT | AUTO, 100);
	expect(&timer, DIRECT | AUTO, 0, 0, 0);
	hyperv_timer_write_count(&timer, 200, 100);
	expect(&timer, DIRECT | AUTO | ON, 200, 200, 200);
	hyperv_timer_expire(&timer, 200);
	expect(&timer, DIRECT | AUTO, 200, 0, 0);
	hyperv_timer_write_count(&timer, 300, 200);
	hyperv_timer_write_count(&timer, 0, 250);
	expect(&timer, DIRECT | AUTO, 0, 0, 0);
	/* On, and waits for a count. */
	hyperv_timer_write_config(&timer, DIRECT | ON, 250);
	expect(&timer, DIRECT | ON, 0, 0, 0);
	hyperv_timer_write_count(&timer, 300, 250);
	expect(&timer, DIRECT | ON, 300, 300, 300);
}

static void test_periodic(void **state)
{
	struct hyperv_timer timer = { .count = 1000 };

	hyperv_timer_write_config(&timer, DIRECT | PERIODIC | ON, 100);
	expect(&timer, DIRECT | PERIODIC | ON, 1000, 1100, 1100);
	hyperv_timer_expire(&timer, 1100);
	expect(&timer, DIRECT | PERIODIC | ON, 1000, 2100, 2100);
	/* Behind: half the period from now. Lazy: the next of its beat. */
	hyperv_timer_expire(&timer, 10000);
	expect(&timer, DIRECT | PERIODIC | ON, 1000, 3100, 10500);
	timer.config |= HV_STIMER_LAZY;
	hyperv_timer_expire(&timer, 10500);
	assert_true(timer.expiry == 11100 && timer.deadline == 11100);
	/* Written anew, it begins anew. */
	hyperv_timer_write_count(&timer, 2000, 20000);
	assert_true(timer.expiry == 22000 && timer.deadline == 22000);
}

/* However short its period, and whatever the time. */
static void test_not_too_close(void **state)
{
	static const u64 periods[] = { 1, 2, 499, 500, 1000, ~0ULL };
	static const u64 times[] = { 0, 1, 12345678, ~0ULL - 501, ~0ULL - 500, ~0ULL };

	for (size_t i = 0; i < ARRAY_SIZE(periods) * ARRAY_SIZE(times) * 2; i++) {
		u64 now = times[i / 2 % ARRAY_SIZE(times)];
		struct hyperv_timer timer = { .count = periods[i / 2 / ARRAY_SIZE(times)] };

		hyperv_timer_write_config(&timer, DIRECT | PERIODIC | ON |
					  (i & 1 ? HV_STIMER_LAZY : 0), now);
		assert_true(timer.deadline > now || now == ~0ULL);
		timer.expiry = min(timer.expiry, now);
		hyperv_timer_expire(&timer, now);
		assert_true(timer.deadline - now >= HYPERV_TIMER_CLOSEST ||
			    timer.deadline == ~0ULL);
	}
}

static void test_no_source(void **state)
{
	struct hyperv_timer timer = { .count = 100 };

	hyperv_timer_write_config(&timer, ON, 0);
	expect(&timer, 0, 100, 0, 0);
	hyperv_timer_write_config(&timer, ON | SINT, 0);
	expect(&timer, ON | SINT, 100, 100, 100);
	hyperv_timer_write_config(&timer, AUTO, 0);
	hyperv_timer_write_count(&timer, 200, 0);
	expect(&timer, AUTO, 200, 0, 0);
}

/* The first tick of a time, and not much later; for a time that never comes, the last. */
static void test_ticks(void **state)
{
	static const u64 scales[] = {
		1, 2, 3, 1000, 0x00a3d70a3d70a3d7, 0x0147ae147ae147ae, 1ULL << 63, ~0ULL,
	};
	static const u64 values[] = {
		0, 1, 2, 999, 10000000, 0x00a3d70a3d70a3d6, 0x0123456789abcdef, 1ULL << 62,
		(1ULL << 63) - 1, ~0ULL - 1, ~0ULL,
	};

	for (size_t i = 0; i < ARRAY_SIZE(scales) * ARRAY_SIZE(values); i++) {
		u64 scale = scales[i / ARRAY_SIZE(values)], time = values[i % ARRAY_SIZE(values)];
		u64 ticks = hyperv_ticks(time, scale);

		if (time >= scale) {
			assert_true(ticks == ~0ULL);
			continue;
		}
		assert_true(ticks == ~0ULL || mul_u64_u64_shr(ticks, scale, 64) >= time);
		assert_true(ticks < 3 || !time || mul_u64_u64_shr(ticks - 3, scale, 64) < time);
	}
	assert_true(hyperv_ticks(5, 1ULL << 63) - 10 <= 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_direct),
		cmocka_unit_test(test_one_shot),
		cmocka_unit_test(test_auto_enable),
		cmocka_unit_test(test_periodic),
		cmocka_unit_test(test_not_too_close),
		cmocka_unit_test(test_no_source),
		cmocka_unit_test(test_ticks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
