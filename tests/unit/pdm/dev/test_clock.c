// SPDX-License-Identifier: GPL-2.0
/* The host's clock by ports: both halves of one time, whatever is done to it. */
#include <time.h>

#include "tests/unit/pdm/dev/fake_pdm.h"

extern const struct pdm_device_type test_clock_device;

#define PORT 0xce10

static u64 host(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec;
}

static void test_halves(void **state)
{
	struct pdm_device *dev = fake_create(&test_clock_device, NULL);
	u64 before = host(), low = fake_in(dev, PORT, 4), after = host(), taken;

	taken = fake_in(dev, PORT + 4, 4) << 32 | low;
	assert_true(taken >= before && taken <= after);
	assert_int_equal(fake_in(dev, PORT + 4, 4), taken >> 32);
	assert_int_equal(fake_in(dev, PORT + 1, 1), taken >> 8 & 0xff);
	fake_out(dev, PORT + 4, 4, 0);
	dev = fake_move(dev);
	assert_int_equal(fake_in(dev, PORT + 4, 4), taken >> 32);
	dev->type->reset(dev);
	assert_int_equal(fake_in(dev, PORT + 4, 4), 0);
	fake_destroy(dev);
}

static void test_hostile(void **state)
{
	for (u32 seed = 1; seed <= 20; seed++)
		fake_fuzz(&test_clock_device, seed, 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_halves),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
