// SPDX-License-Identifier: GPL-2.0
/* Scaling against plain 128-bit arithmetic, against what the CPUs do, and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tm/scale.h"

static const u64 ratios[] = {
	TM_RATIO_ONE / 50, TM_RATIO_ONE / 50 + 1, TM_RATIO_ONE / 3, TM_RATIO_ONE / 2,
	TM_RATIO_ONE - 1, TM_RATIO_ONE, TM_RATIO_ONE + 1, TM_RATIO_ONE * 3 / 2,
	TM_RATIO_ONE * 7 + 12345, TM_RATIO_ONE * 200,
};

static const u64 values[] = {
	0, 1, 2, 49, 50, 51, 99, 1000, 0xffffffff, 0x100000000, 0x100000001, 123456789012345,
	1ULL << 54, 1ULL << 62, (1ULL << 63) - 1, 1ULL << 63, (1ULL << 63) + 1, ~0ULL - 1, ~0ULL,
};

#define for_each_pair(r, v)								\
	for (const u64 *r = ratios; r < ratios + ARRAY_SIZE(ratios); r++)		\
		for (const u64 *v = values; v < values + ARRAY_SIZE(values); v++)

static void test_scale(void **state)
{
	assert_int_equal(tm_scale(100, TM_RATIO_ONE), 100);
	assert_int_equal(tm_scale(100, TM_RATIO_ONE / 2), 50);
	assert_int_equal(tm_scale(101, TM_RATIO_ONE / 2), 50);
	assert_int_equal(tm_scale(100, TM_RATIO_ONE * 200), 20000);
	assert_int_equal(tm_scale(~0ULL, TM_RATIO_ONE), ~0ULL);
	/* A counter that wraps: twice 2^63 + 1 is 2. */
	assert_int_equal(tm_scale((1ULL << 63) + 1, TM_RATIO_ONE * 2), 2);
}

/* What VT-x and AMD-V compute from the register made of a ratio. */
static void test_like_the_cpu(void **state)
{
	for_each_pair(r, v) {
		u64 intel = *r << 16;

		assert_int_equal(intel >> 16, *r);
		assert_int_equal((u64)((u128)*v * intel >> 48), tm_scale(*v, *r));
		/* 8 bits before the point. */
		assert_true(*r >> 40 == 0);
		assert_int_equal((u64)((u128)*v * *r >> 32), tm_scale(*v, *r));
	}
}

static void test_signed(void **state)
{
	assert_int_equal(tm_scale_signed(-100, TM_RATIO_ONE / 2), -50);
	assert_int_equal(tm_scale_signed(-101, TM_RATIO_ONE / 2), -50);
	assert_int_equal(tm_scale_signed(101, TM_RATIO_ONE / 2), 50);
	assert_int_equal(tm_scale_signed(INT64_MIN, TM_RATIO_ONE), INT64_MIN);
	assert_int_equal(tm_scale_signed(INT64_MIN, TM_RATIO_ONE / 2), INT64_MIN / 2);
	assert_int_equal(tm_scale_signed(INT64_MAX, TM_RATIO_ONE), INT64_MAX);
	assert_int_equal(tm_scale_signed(0, TM_RATIO_ONE * 200), 0);
}

/* Enough ticks, and not one more. */
static void test_unscale(void **state)
{
	for_each_pair(r, v) {
		u64 ticks = tm_unscale(*v, *r);

		if (ticks == ~0ULL) {
			assert_true((u128)ticks * *r >> 32 <= *v);
			continue;
		}
		assert_true((u128)ticks * *r >> 32 >= *v);
		assert_true(ticks == 0 || (u128)(ticks - 1) * *r >> 32 < *v);
	}
}

/* The division must not fault: the quotient just fits, and just does not. */
static void test_unscale_edges(void **state)
{
	u64 half = TM_RATIO_ONE / 2, last = 0x7fffffffffffffff;

	assert_int_equal(tm_unscale(last, half), last * 2);
	assert_int_equal(tm_unscale(last + 1, half), ~0ULL);
	assert_int_equal(tm_unscale(0, 1), 0);
	assert_int_equal(tm_unscale(1, 1), TM_RATIO_ONE);
	assert_int_equal(tm_unscale(0xffffffff, 1), 0xffffffff00000000);
	assert_int_equal(tm_unscale(TM_RATIO_ONE, 1), ~0ULL);
	assert_int_equal(tm_unscale(~0ULL, ~0ULL), TM_RATIO_ONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scale),
		cmocka_unit_test(test_like_the_cpu),
		cmocka_unit_test(test_signed),
		cmocka_unit_test(test_unscale),
		cmocka_unit_test(test_unscale_edges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
