// SPDX-License-Identifier: GPL-2.0
/* ACPI's fixed hardware: the timer and its carry, the SCI, powering off. */
#include "tests/unit/pdm/dev/fake_pdm.h"

extern const struct pdm_device_type acpi_pm_device;

static void test_timer(void **state)
{
	struct pdm_device *dev = fake_create(&acpi_pm_device, NULL);

	fake_advance(dev, 1000000000);
	assert_int_equal(fake_in(dev, 0x608, 4), 3579545);
	assert_int_equal(fake_in(dev, 0x608, 2), 3579545 & 0xffff);
	assert_int_equal(fake_in(dev, 0x60a, 1), 3579545 >> 16);
	fake_out(dev, 0x608, 4, 0);
	assert_int_equal(fake_in(dev, 0x608, 4), 3579545);
	/* It wraps at 32 bits, 1199.86 s. */
	fake_advance(dev, 1200000000000ULL);
	assert_int_equal(fake_in(dev, 0x608, 4), (u32)(3579545ULL * 1201));
	fake_destroy(dev);
}

static void test_carry(void **state)
{
	struct pdm_device *dev = fake_create(&acpi_pm_device, NULL);

	fake_out(dev, 0x602, 2, 0x0001);
	fake_advance(dev, 599000000000ULL);
	assert_int_equal(fake_in(dev, 0x600, 2), 0);
	assert_false(dev->lines[9]);
	fake_advance(dev, 2000000000ULL);
	assert_true(dev->lines[9]);
	assert_int_equal(fake_in(dev, 0x600, 4), 0x00010001);
	fake_out(dev, 0x600, 2, 0x0001);
	assert_false(dev->lines[9]);
	assert_int_equal(fake_in(dev, 0x600, 2), 0);
	fake_advance(dev, 600000000000ULL);
	assert_true(dev->lines[9]);
	assert_int_equal(dev->fires, 2);
	fake_destroy(dev);
}

/* Without the enable bit the status is found at the next look, and no timer runs. */
static void test_carry_polled(void **state)
{
	struct pdm_device *dev = fake_create(&acpi_pm_device, NULL);

	fake_advance(dev, 5000000000000ULL);
	assert_int_equal(dev->fires, 0);
	assert_int_equal(fake_in(dev, 0x600, 2), 1);
	assert_false(dev->lines[9]);
	fake_out(dev, 0x602, 2, 1);
	assert_true(dev->lines[9]);
	fake_destroy(dev);
}

static void test_power_off(void **state)
{
	struct pdm_device *dev = fake_create(&acpi_pm_device, NULL);

	assert_int_equal(fake_in(dev, 0x604, 2), 0x0001);
	fake_out(dev, 0x604, 2, 5 << 10);
	assert_int_equal(dev->request_count, 0);
	assert_int_equal(fake_in(dev, 0x604, 2), 5 << 10 | 1);
	fake_out(dev, 0x604, 2, 3 << 10 | BIT(13));
	assert_int_equal(dev->request_count, 0);
	fake_out(dev, 0x604, 2, 5 << 10 | BIT(13));
	assert_int_equal(dev->request_count, 1);
	assert_int_equal(dev->requests[0].request, PDM_POWEROFF);
	assert_int_equal(fake_in(dev, 0x604, 2), 5 << 10 | 1);
	/* By bytes. */
	outb(dev, 0x605, 5 << 2 | 1 << 5);
	assert_int_equal(dev->request_count, 2);
	fake_destroy(dev);
}

static void test_reserved_bits(void **state)
{
	struct pdm_device *dev = fake_create(&acpi_pm_device, NULL);

	fake_out(dev, 0x602, 2, 0xffff);
	assert_int_equal(fake_in(dev, 0x602, 2), 0x0721);
	fake_out(dev, 0x620, 4, 0xffffffff);
	assert_int_equal(fake_in(dev, 0x620, 4), 0xffff0000);
	outb(dev, 0x623, 0);
	assert_int_equal(fake_in(dev, 0x620, 4), 0x00ff0000);
	assert_false(dev->lines[9]);
	fake_destroy(dev);
}

static void test_moved(void **state)
{
	struct pdm_device *dev = fake_create(&acpi_pm_device, NULL);

	fake_out(dev, 0x602, 2, 0x0001);
	fake_advance(dev, 601000000000ULL);
	dev = fake_move(dev);
	assert_true(dev->lines[9]);
	fake_out(dev, 0x600, 2, 0x0001);
	dev = fake_move(dev);
	assert_false(dev->lines[9]);
	fake_advance(dev, 600000000000ULL);
	assert_true(dev->lines[9]);
	fake_destroy(dev);
}

static void test_hostile(void **state)
{
	for (u32 seed = 1; seed <= 20; seed++)
		fake_fuzz(&acpi_pm_device, seed, 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timer),
		cmocka_unit_test(test_carry),
		cmocka_unit_test(test_carry_polled),
		cmocka_unit_test(test_power_off),
		cmocka_unit_test(test_reserved_bits),
		cmocka_unit_test(test_moved),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
