// SPDX-License-Identifier: GPL-2.0
/* The keyboard controller with nothing plugged in, and the ways to reset. */
#include "tests/unit/pdm/dev/fake_pdm.h"

extern const struct pdm_device_type i8042_device;

static u8 answer(struct pdm_device *dev, u8 command)
{
	outb(dev, 0x64, command);
	assert_true(inb(dev, 0x64) & 0x01);
	return inb(dev, 0x60);
}

static void test_commands(void **state)
{
	struct pdm_device *dev = fake_create(&i8042_device, NULL);

	assert_int_equal(inb(dev, 0x64) & 0x01, 0);
	assert_int_equal(answer(dev, 0xaa), 0x55);
	assert_int_equal(inb(dev, 0x64) & 0x05, 0x04);
	assert_int_equal(answer(dev, 0xab), 0x00);
	assert_int_equal(answer(dev, 0xa9), 0x00);
	assert_int_equal(answer(dev, 0x20), 0x34);
	outb(dev, 0x64, 0x60);
	outb(dev, 0x60, 0x47);
	assert_int_equal(answer(dev, 0x20), 0x47);
	outb(dev, 0x64, 0xad);
	outb(dev, 0x64, 0xa7);
	assert_int_equal(answer(dev, 0x20), 0x77);
	outb(dev, 0x64, 0xae);
	outb(dev, 0x64, 0xa8);
	assert_int_equal(answer(dev, 0x20), 0x47);
	assert_int_equal(dev->request_count, 0);
	fake_destroy(dev);
}

/* Who looks for a keyboard or a mouse hears at once that there is none. */
static void test_no_devices(void **state)
{
	struct pdm_device *dev = fake_create(&i8042_device, NULL);

	outb(dev, 0x64, 0x60);
	outb(dev, 0x60, 0x03);
	outb(dev, 0x60, 0xf2);
	assert_int_equal(inb(dev, 0x64) & 0x61, 0x41);
	assert_true(dev->lines[1]);
	assert_int_equal(inb(dev, 0x60), 0xfe);
	assert_false(dev->lines[1]);
	outb(dev, 0x64, 0xd4);
	outb(dev, 0x60, 0xf2);
	assert_int_equal(inb(dev, 0x64) & 0x61, 0x61);
	assert_true(dev->lines[12]);
	assert_false(dev->lines[1]);
	assert_int_equal(inb(dev, 0x60), 0xfe);
	outb(dev, 0x64, 0xd3);
	outb(dev, 0x60, 0x5a);
	assert_int_equal(inb(dev, 0x64) & 0x61, 0x21);
	assert_int_equal(inb(dev, 0x60), 0x5a);
	assert_int_equal(inb(dev, 0x64) & 0x61, 0);
	fake_destroy(dev);
}

static void test_a20(void **state)
{
	struct pdm_device *dev = fake_create(&i8042_device, NULL);

	assert_int_equal(inb(dev, 0x92), 0x02);
	outb(dev, 0x64, 0xdd);
	assert_int_equal(inb(dev, 0x92), 0x00);
	outb(dev, 0x92, 0x02);
	assert_int_equal(answer(dev, 0xd0) & 0x03, 0x03);
	outb(dev, 0x64, 0xd1);
	outb(dev, 0x60, 0x01);
	assert_int_equal(inb(dev, 0x92), 0x00);
	assert_int_equal(dev->request_count, 0);
	fake_destroy(dev);
}

static void resets(u16 port, u8 first, int second, bool expected)
{
	struct pdm_device *dev = fake_create(&i8042_device, NULL);

	outb(dev, port, first);
	if (second >= 0)
		outb(dev, port == 0x64 ? 0x60 : port, second);
	assert_int_equal(dev->request_count, expected);
	if (expected)
		assert_int_equal(dev->requests[0].request, PDM_RESET);
	fake_destroy(dev);
}

static void test_resets(void **state)
{
	resets(0x64, 0xfe, -1, true);
	resets(0x64, 0xff, -1, false);
	resets(0x64, 0xd1, 0x02, true);
	resets(0x92, 0x01, -1, true);
	resets(0x92, 0x02, -1, false);
	resets(0xcf9, 0x02, 0x06, true);
	resets(0xcf9, 0x06, -1, true);
	resets(0xcf9, 0x0e, -1, true);
	resets(0xcf9, 0x06, 0x06, true);	/* once: it did not rise again */
	resets(0xcf9, 0x02, 0x0a, false);
}

/* A kernel that looks for PCI writes such dwords, with the reset bit in byte 1. */
static void test_pci_address(void **state)
{
	struct pdm_device *dev = fake_create(&i8042_device, NULL);

	fake_out(dev, 0xcf8, 4, 0x80003400);
	assert_int_equal(dev->request_count, 0);
	assert_int_equal(fake_in(dev, 0xcf8, 4), 0xffffffff);
	fake_destroy(dev);
}

static void test_moved(void **state)
{
	struct pdm_device *dev = fake_create(&i8042_device, NULL);

	outb(dev, 0x64, 0x60);
	outb(dev, 0x60, 0x01);
	outb(dev, 0x64, 0xd2);
	dev = fake_move(dev);
	outb(dev, 0x60, 0x1c);
	dev = fake_move(dev);
	assert_true(dev->lines[1]);
	assert_int_equal(inb(dev, 0x60), 0x1c);
	fake_destroy(dev);
}

static void test_hostile(void **state)
{
	for (u32 seed = 1; seed <= 20; seed++)
		fake_fuzz(&i8042_device, seed, 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_no_devices),
		cmocka_unit_test(test_a20),
		cmocka_unit_test(test_resets),
		cmocka_unit_test(test_pci_address),
		cmocka_unit_test(test_moved),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
