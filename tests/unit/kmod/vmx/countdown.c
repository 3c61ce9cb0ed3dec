// SPDX-License-Identifier: GPL-2.0
/* The VMX-preemption timer against a model of it, at every rate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kmod/vmx/countdown.h"

/* The TSC at which a timer exits that an entry at @now loads with @value. */
static u64 model(u64 now, u32 value, unsigned int rate)
{
	return value ? ((now >> rate) + value) << rate : now;
}

static void test_never_early(void **state)
{
	static const u64 ahead[] = { 1, 2, 31, 32, 33, 1000, 123456789 };

	for (unsigned int rate = 0; rate < 24; rate++) {
		for (u64 now = 0xfffff0; now < 0x1000010; now++) {
			for (size_t i = 0; i < ARRAY_SIZE(ahead); i++) {
				u64 at = now + ahead[i];
				u64 then = model(now, vmx_countdown(now, at, rate), rate);

				assert_true(then >= at);
				assert_true(then - at <= 2ULL << rate);
			}
		}
	}
}

static void test_past(void **state)
{
	assert_int_equal(vmx_countdown(1000, 1000, 5), 0);
	assert_int_equal(vmx_countdown(1000, 999, 5), 0);
	assert_int_equal(vmx_countdown(~0ULL - 1, 0, 0), 0);
}

/* What does not fit in 32 bits is an exit too early, as late as can be. */
static void test_far(void **state)
{
	assert_int_equal(vmx_countdown(0, 0xfffffffdULL, 0), 0xffffffff);
	assert_int_equal(vmx_countdown(0, 0xfffffffcULL, 0), 0xfffffffe);
	assert_int_equal(vmx_countdown(0, 0xfffffffeULL, 0), 0xffffffff);
	assert_int_equal(vmx_countdown(0, 1ULL << 32, 0), 0xffffffff);
	assert_int_equal(vmx_countdown(0, 1ULL << 32, 5), (1U << 27) + 2);
	assert_int_equal(vmx_countdown(0, ~0ULL, 31), 0xffffffff);
	assert_int_equal(vmx_countdown(0, 1ULL << 62, 31), 0x80000002);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_never_early),
		cmocka_unit_test(test_past),
		cmocka_unit_test(test_far),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
