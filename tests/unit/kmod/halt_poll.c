// SPDX-License-Identifier: GPL-2.0
/* The window of polling in HLT: what waits of all lengths make of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "kmod/halt_poll.c"

#define MAX	200000U

/* The window after @count waits of that length. */
static u32 after(u32 window, u64 waited, int count)
{
	while (count--)
		window = halt_poll_next(window, MAX, waited);
	return window;
}

/* By doubling, until it covers the waits, and no further. */
static void test_grows(void **state)
{
	assert_int_equal(after(0, 70000, 1), HALT_POLL_START_NS);
	assert_int_equal(after(0, 70000, 2), 2 * HALT_POLL_START_NS);
	assert_int_equal(after(0, 70000, 4), 8 * HALT_POLL_START_NS);
	assert_int_equal(after(0, 70000, 100), 8 * HALT_POLL_START_NS);
	/* A wait that no poll was needed for, one that it just covered, one just not. */
	assert_int_equal(after(80000, 1, 100), 80000);
	assert_int_equal(after(80000, 80000, 100), 80000);
	assert_int_equal(after(80000, 80001, 1), 160000);
	assert_int_equal(after(0, 1, 1), HALT_POLL_START_NS);
}

static void test_is_bounded(void **state)
{
	assert_int_equal(after(0, MAX, 100), MAX);
	assert_int_equal(after(MAX, MAX, 1), MAX);
	assert_int_equal(halt_poll_next(0, 3000, 2000), 3000);
	/* One that was larger under the limit of before; the largest limit there is. */
	assert_int_equal(halt_poll_next(MAX, 50000, 1), 50000);
	assert_int_equal(halt_poll_next(0x80000001, UINT32_MAX, 0x80000002), UINT32_MAX);
}

static void test_ends(void **state)
{
	assert_int_equal(after(MAX, MAX + 1, 1), 0);
	assert_int_equal(after(MAX, 4000000, 1), 0);
	assert_int_equal(after(0, 4000000, 100), 0);
	assert_int_equal(after(MAX, UINT64_MAX, 1), 0);
}

static void test_off(void **state)
{
	assert_int_equal(halt_poll_next(0, 0, 0), 0);
	assert_int_equal(halt_poll_next(0, 0, 1), 0);
	assert_int_equal(halt_poll_next(MAX, 0, 1), 0);
	assert_int_equal(halt_poll_next(MAX, 0, 0), 0);
}

/* Among waits of all lengths up to some milliseconds, few of which a window may cover. */
static void test_costs_little(void **state)
{
	u64 polled = 0, waits = 0;
	u32 window = 0;

	srand(1);
	for (int i = 0; i < 100000; i++) {
		u64 waited = 1ULL << rand() % 24;

		waited += rand() % waited;
		polled += min((u64)window, waited);
		waits += waited;
		window = halt_poll_next(window, MAX, waited);
		assert_in_range(window, 0, MAX);
	}
	assert_in_range(polled, 1, waits / 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grows),
		cmocka_unit_test(test_is_bounded),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_costs_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
