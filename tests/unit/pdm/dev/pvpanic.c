// SPDX-License-Identifier: GPL-2.0
/* pvpanic. */
#include "tests/unit/pdm/dev/fake_pdm.h"

extern const struct pdm_device_type pvpanic_device;

static void test_panic(void **state)
{
	struct pdm_device *dev = fake_create(&pvpanic_device, NULL);

	assert_int_equal(inb(dev, 0x505), 3);
	outb(dev, 0x505, 2);
	assert_int_equal(dev->request_count, 0);
	outb(dev, 0x505, 1);
	assert_int_equal(dev->request_count, 1);
	assert_int_equal(dev->requests[0].request, PDM_PANIC);
	fake_destroy(dev);
}

static void test_hostile(void **state)
{
	for (u32 seed = 1; seed <= 20; seed++)
		fake_fuzz(&pvpanic_device, seed, 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_panic),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
