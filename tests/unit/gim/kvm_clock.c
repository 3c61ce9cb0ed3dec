// SPDX-License-Identifier: GPL-2.0
/* Ticks to nanoseconds as KVM's guests do it, against exact arithmetic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gim/kvm_clock.h"

static const u32 khz[] = {
	1, 2, 999, 1000, 50000, 499999, 500000, 500001, 999999, 1000000, 1000001, 1999999,
	2000000, 2000001, 2596078, 3499999, 4200123, 10000000, UINT32_MAX - 1, UINT32_MAX,
};

static void test_known(void **state)
{
	/* One tick a nanosecond: half of twice as many. */
	struct kvm_rate rate = kvm_clock_rate(1000000);

	assert_int_equal(rate.mul, 0x80000000);
	assert_int_equal(rate.shift, 1);
	rate = kvm_clock_rate(2000000);
	assert_int_equal(rate.mul, 0x80000000);
	assert_int_equal(rate.shift, 0);
	rate = kvm_clock_rate(4000000);
	assert_int_equal(rate.mul, 0x80000000);
	assert_int_equal(rate.shift, -1);
	rate = kvm_clock_rate(3000000);
	assert_int_equal(rate.mul, 0xaaaaaaaa);
	assert_int_equal(rate.shift, -1);
}

static void test_full_precision(void **state)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(khz); i++)
		assert_true(kvm_clock_rate(khz[i]).mul >> 31);
}

/* An hour's ticks are an hour, not more, and less by the rate's error and a step's. */
static void test_an_hour(void **state)
{
	const u64 hour = 3600 * 1000000000ULL;

	for (unsigned int i = 0; i < ARRAY_SIZE(khz); i++) {
		struct kvm_rate rate = kvm_clock_rate(khz[i]);
		u64 ns = kvm_clock_ns(&rate, 3600 * 1000ULL * khz[i]);

		assert_true(ns <= hour);
		assert_true(hour - ns <= (hour >> 31) + 2);
	}
}

static void test_never_backwards(void **state)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(khz); i++) {
		struct kvm_rate rate = kvm_clock_rate(khz[i]);
		u64 last = 0;

		for (u64 ticks = 0; ticks < 1000; ticks++) {
			u64 ns = kvm_clock_ns(&rate, 123456789 + ticks);

			assert_true(ns >= last);
			last = ns;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_full_precision),
		cmocka_unit_test(test_an_hour),
		cmocka_unit_test(test_never_backwards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
