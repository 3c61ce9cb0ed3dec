// SPDX-License-Identifier: GPL-2.0
/* The debug console. */
#include "tests/unit/pdm/dev/fake_pdm.h"

extern const struct pdm_device_type debug_console_device;

static void test_console(void **state)
{
	struct pdm_device *dev = fake_create(&debug_console_device, NULL);

	assert_int_equal(inb(dev, 0xe9), 0xe9);
	outb(dev, 0xe9, 'h');
	fake_out(dev, 0xe9, 2, 'i' | 'x' << 8);	/* the second byte is port 0xea's */
	assert_int_equal(dev->output_len, 2);
	assert_memory_equal(dev->output, "hi", 2);
	fake_destroy(dev);
}

static void test_hostile(void **state)
{
	for (u32 seed = 1; seed <= 20; seed++)
		fake_fuzz(&debug_console_device, seed, 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_console),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
