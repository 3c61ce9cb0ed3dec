// SPDX-License-Identifier: GPL-2.0
/* The saved state of the local APIC. */
#include "lapic_fixture.h"

static void test_state_moves(void **state)
{
	struct vmm_lapic saved, again;

	enable(0);
	lapic_write(&cpus[0], LAPIC_TPR, 0x20);
	lapic_write(&cpus[0], LAPIC_LVT_TIMER, 0x200ec);
	lapic_write(&cpus[0], LAPIC_INITIAL, 100000);
	lapic_write(&cpus[0], LAPIC_LVT_ERROR, 0xfe);
	lapic_read(&cpus[0], 0x40);
	lapic_accept(&cpus[0], lapic_pending(&cpus[0]));
	lapic_msi(&vm, 0xfee00000, 0xc041);
	to_x2apic(0);
	assert_int_equal(lapic_msr_write(&cpus[0], 0x830, 0x1234567800000050), 0);
	lapic_get(&cpus[0], &saved);
	assert_int_equal(saved.esr_pending, LAPIC_ESR_REGISTER);

	for (int order = 0; order < 2; order++) {
		lapic_reset(&cpus[0], false);
		if (order)
			assert_int_equal(lapic_base_restore(&cpus[0], 0xfee00d00), 0);
		assert_int_equal(lapic_set(&cpus[0], &saved), 0);
		if (!order)
			assert_int_equal(lapic_base_restore(&cpus[0], 0xfee00d00), 0);
		lapic_get(&cpus[0], &again);
		assert_memory_equal(&saved, &again, sizeof(saved));
		assert_true(any_timer(0) != never);
		assert_int_equal(lapic_pending(&cpus[0]), -1);
		assert_int_equal(lapic_msr_write(&cpus[0], 0x80b, 0), 0);
		assert_int_equal(lapic_pending(&cpus[0]), 0x41);
	}
}

static void test_state_refused(void **state)
{
	struct vmm_lapic good, bad, now;
	static const struct {
		u32 offset, value;
	} rows[] = {
		{ 0x000, 1 }, { 0x024, 1 }, { 0x2f0, 1 }, { 0x3fc, 1 },
		{ LAPIC_VERSION, 0x50014 }, { LAPIC_TPR, 0x100 }, { LAPIC_LDR, 0x100 },
		{ LAPIC_DFR, 0xf0000000 }, { LAPIC_SVR, 0x2ff }, { LAPIC_ISR, 0x8000 },
		{ LAPIC_IRR, 1 }, { LAPIC_TMR, 2 }, { LAPIC_ESR, 1 }, { LAPIC_ICR, 0x100000 },
		{ LAPIC_LVT_TIMER, 0xec }, { LAPIC_LVT_ERROR, 0x10100 }, { LAPIC_DIVIDE, 4 },
	};

	lapic_get(&cpus[0], &good);
	assert_int_equal(lapic_set(&cpus[0], &good), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		bad = good;
		bad.reg[rows[i].offset / 4] = rows[i].value;
		if (rows[i].offset == LAPIC_SVR)
			bad.reg[LAPIC_SVR / 4] = 0x2000;
		assert_int_equal(lapic_set(&cpus[0], &bad), -EINVAL);
	}
	bad = good;
	bad.pad[1] = 1;
	assert_int_equal(lapic_set(&cpus[0], &bad), -EINVAL);
	bad = good;
	bad.x2apic_id = 1;
	assert_int_equal(lapic_set(&cpus[0], &bad), -EINVAL);
	bad = good;
	bad.esr_pending = 1;
	assert_int_equal(lapic_set(&cpus[0], &bad), -EINVAL);
	bad = good;
	bad.timer_deadline = 1;
	assert_int_equal(lapic_set(&cpus[0], &bad), -EINVAL);
	bad = good;
	bad.tsc_deadline = 1;
	assert_int_equal(lapic_set(&cpus[0], &bad), -EINVAL);
	lapic_get(&cpus[0], &now);
	assert_memory_equal(&good, &now, sizeof(good));

	assert_int_equal(lapic_base_restore(&cpus[0], 0xfee00400), -EINVAL);
	assert_int_equal(lapic_base_restore(&cpus[0], BIT_ULL(40)), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_BOTH(test_state_moves),
		TEST_BOTH(test_state_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
