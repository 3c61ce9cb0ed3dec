// SPDX-License-Identifier: GPL-2.0
/* Memory behind MMIO: the same as RAM, whatever the access. */
#include "tests/unit/pdm/dev/fake_pdm.h"

extern const struct pdm_device_type test_mmio_device;

#define BASE 0xfed80000ULL

static void test_memory(void **state)
{
	struct pdm_device *dev = fake_create(&test_mmio_device, NULL);

	fake_write(dev, BASE, 8, 0x8877665544332211ULL);
	for (int i = 0; i < 8; i++)
		assert_int_equal(fake_read(dev, BASE + i, 1), 0x11 * (i + 1));
	assert_int_equal(fake_read(dev, BASE + 3, 4), 0x77665544);
	fake_write(dev, BASE + 1, 2, 0xabcd);
	assert_int_equal(fake_read(dev, BASE, 4), 0x44abcd11);
	/* The last byte, and past it. */
	fake_write(dev, BASE + 4095, 8, 0x5a);
	assert_int_equal(fake_read(dev, BASE + 4095, 2), 0xff5a);
	dev->type->reset(dev);
	assert_int_equal(fake_read(dev, BASE, 8), 0);
	fake_destroy(dev);
}

static void test_address(void **state)
{
	struct pdm_device *dev = fake_create(&test_mmio_device,
					     FAKE_VALUES({ "address", 0x100000000 }));

	fake_write(dev, 0x100000000, 1, 1);
	assert_int_equal(fake_read(dev, 0x100000000, 1), 1);
	fake_destroy(dev);
	fake_create_fails(&test_mmio_device, FAKE_VALUES({ "address", 0x1001 }), EINVAL);
}

static void test_moved(void **state)
{
	struct pdm_device *dev = fake_create(&test_mmio_device, NULL);

	fake_write(dev, BASE + 100, 4, 0x12345678);
	dev = fake_move(dev);
	assert_int_equal(fake_read(dev, BASE + 100, 4), 0x12345678);
	fake_destroy(dev);
}

static void test_hostile(void **state)
{
	for (u32 seed = 1; seed <= 20; seed++)
		fake_fuzz(&test_mmio_device, seed, 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_address),
		cmocka_unit_test(test_moved),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
