// SPDX-License-Identifier: GPL-2.0
/* Reference time out of TSC ticks, against exact arithmetic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gim/hyperv.h"

static void test_known(void **state)
{
	/* Twice, four times as fast as the reference. */
	assert_true(hyperv_scale(20000) == 1ULL << 63);
	assert_true(hyperv_scale(40000) == 1ULL << 62);
	/* Not faster: there is no fraction. */
	assert_true(hyperv_scale(10000) == 0);
	assert_true(hyperv_scale(1) == 0);
	assert_true(hyperv_scale(0) == 0);
}

/* A month is one, or one unit less. */
static void test_a_month(void **state)
{
	static const u32 khz[] = { 10001, 999999, 1000000, 2596078, 4200123, UINT32_MAX };
	const u64 month_ms = 30 * 24 * 3600 * 1000ULL;

	for (unsigned int i = 0; i < ARRAY_SIZE(khz); i++) {
		u64 time = mul_u64_u64_shr(month_ms * khz[i], hyperv_scale(khz[i]), 64);

		assert_true(time <= month_ms * 10000 && time + 1 >= month_ms * 10000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_a_month),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
