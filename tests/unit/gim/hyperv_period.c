// SPDX-License-Identifier: GPL-2.0
/* When periodic synthetic timers expire next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gim/hyperv.h"

static void expect(u64 expiry, u64 period, u64 now, bool lazy, u64 next, u64 deadline)
{
	struct hyperv_next got = hyperv_period_next(expiry, period, now, lazy);

	assert_true(got.expiry == next);
	assert_true(got.deadline == deadline);
}

static void test_in_time(void **state)
{
	for (int lazy = 0; lazy < 2; lazy++) {
		expect(100, 10, 100, lazy, 110, 110);
		expect(100, 10, 109, lazy, 110, 110);
		expect(100, 1, 100, lazy, 101, 101);
	}
}

/* Behind: nothing is left out, and comes twice as fast. */
static void test_behind(void **state)
{
	u64 expiry = 100, now = 200;
	int count = 0;

	expect(100, 10, 110, false, 110, 115);
	expect(100, 10, 200, false, 110, 205);
	expect(100, 1, 200, false, 101, 201);
	while (expiry + 10 <= now) {
		struct hyperv_next next = hyperv_period_next(expiry, 10, now, false);

		expiry = next.expiry;
		now = next.deadline;
		count++;
	}
	/* It has caught up after as many as were due. */
	assert_int_equal(expiry, 100 + 10 * count);
	assert_in_range(count, 19, 21);
}

/* Lazy: what was missed is left out, and the beat stays. */
static void test_lazy(void **state)
{
	expect(100, 10, 110, true, 120, 120);
	expect(100, 10, 119, true, 120, 120);
	expect(100, 10, 12345, true, 12350, 12350);
	expect(100, 1, 12345, true, 12346, 12346);
}

static void test_for_ever(void **state)
{
	for (int lazy = 0; lazy < 2; lazy++) {
		expect(100, UINT64_MAX, 200, lazy, UINT64_MAX, UINT64_MAX);
		expect(UINT64_MAX - 1, 10, 5, lazy, UINT64_MAX, UINT64_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_time),
		cmocka_unit_test(test_behind),
		cmocka_unit_test(test_lazy),
		cmocka_unit_test(test_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
