// SPDX-License-Identifier: GPL-2.0
/* The port that ends the run. */
#include "tests/unit/pdm/dev/fake_pdm.h"

extern const struct pdm_device_type debug_exit_device;

static void test_exits(void **state)
{
	struct pdm_device *dev = fake_create(&debug_exit_device, NULL);

	fake_out(dev, 0xf4, 1, 7);
	fake_out(dev, 0xf4, 2, 0x1234);
	fake_out(dev, 0xf4, 4, 0xfedcba98);
	fake_out(dev, 0xf5, 1, 9);		/* beside it */
	assert_int_equal(dev->request_count, 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(dev->requests[i].request, PDM_EXIT);
	assert_int_equal(dev->requests[0].arg, 7);
	assert_int_equal(dev->requests[1].arg, 0x1234);
	assert_int_equal(dev->requests[2].arg, 0xfedcba98);
	assert_int_equal(inb(dev, 0xf4), 0xff);
	fake_destroy(dev);
}

static void test_port(void **state)
{
	struct pdm_device *dev = fake_create(&debug_exit_device, FAKE_VALUES({ "port", 0x501 }));

	outb(dev, 0xf4, 1);
	assert_int_equal(dev->request_count, 0);
	outb(dev, 0x501, 1);
	assert_int_equal(dev->request_count, 1);
	fake_destroy(dev);
}

static void test_hostile(void **state)
{
	for (u32 seed = 1; seed <= 20; seed++)
		fake_fuzz(&debug_exit_device, seed, 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exits),
		cmocka_unit_test(test_port),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
