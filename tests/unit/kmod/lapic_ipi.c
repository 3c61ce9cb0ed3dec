// SPDX-License-Identifier: GPL-2.0
/* Messages between local APICs, and from devices. */
#include "lapic_fixture.h"

static void test_ipis(void **state)
{
	for (int i = 0; i < CPUS; i++)
		enable(i);
	lapic_write(&cpus[0], LAPIC_ICR2, 0x21000000);
	lapic_write(&cpus[0], LAPIC_ICR, 0x4050);
	assert_int_equal(serve(3), 0x50);
	lapic_write(&cpus[0], LAPIC_ICR, 0xc4051);
	assert_int_equal(serve(0), -1);
	for (int i = 1; i < CPUS; i++)
		assert_int_equal(serve(i), 0x51);
	lapic_write(&cpus[1], LAPIC_ICR, 0x80052);
	for (int i = 0; i < CPUS; i++)
		assert_int_equal(serve(i), 0x52);
	lapic_write(&cpus[1], LAPIC_ICR, 0x40053);
	assert_int_equal(serve(1), 0x53);
	assert_int_equal(serve(0), -1);
	/* Nobody has this ID: lost, and no harm. */
	lapic_write(&cpus[0], LAPIC_ICR2, 0x77000000);
	lapic_write(&cpus[0], LAPIC_ICR, 0x50);
	for (int i = 0; i < CPUS; i++)
		assert_int_equal(serve(i), -1);
}

static void test_startup(void **state)
{
	enable(0);
	lapic_write(&cpus[0], LAPIC_ICR2, 0x01000000);
	lapic_write(&cpus[0], LAPIC_ICR, 0xc500);
	lapic_write(&cpus[0], LAPIC_ICR, 0x8500);
	lapic_write(&cpus[0], LAPIC_ICR, 0x69a);
	assert_int_equal(cpus[1].inits, 1);
	assert_int_equal(cpus[1].sipis, 1);
	assert_int_equal(cpus[1].sipi_vector, 0x9a);
	lapic_write(&cpus[0], LAPIC_ICR, 0xc0400);
	assert_int_equal(cpus[0].nmis + cpus[1].nmis + cpus[2].nmis + cpus[3].nmis, 3);
	/* An APIC that is off hears nothing. */
	assert_int_equal(lapic_msr_write(&cpus[2], 0x1b, 0xfee00000), 0);
	lapic_write(&cpus[0], LAPIC_ICR, 0xc0400);
	assert_int_equal(cpus[2].nmis, 1);
	assert_true(lapic_accepts_extint(&cpus[2]));
}

static void test_lowest_priority(void **state)
{
	int won[CPUS] = { 0 };

	for (int i = 0; i < 3; i++) {
		enable(i);
		lapic_write(&cpus[i], LAPIC_LDR, 0x01000000U << i);
	}
	/* The fourth is addressed too, but software-disabled. */
	lapic_write(&cpus[3], LAPIC_LDR, 0x08000000);
	for (int round = 0; round < 30; round++) {
		lapic_msi(&vm, 0xfee0f004, 0x160);
		for (int i = 0; i < CPUS; i++)
			won[i] += serve(i) == 0x60;
	}
	assert_true(won[0] == 10 && won[1] == 10 && won[2] == 10 && won[3] == 0);
	lapic_cr8_set(&cpus[0], 2);
	lapic_cr8_set(&cpus[1], 5);
	lapic_cr8_set(&cpus[2], 3);
	lapic_msi(&vm, 0xfee0f004, 0x160);
	assert_int_equal(serve(0), 0x60);
}

static void test_x2apic_messages(void **state)
{
	u64 value;

	for (int i = 0; i < CPUS; i++) {
		enable(i);
		to_x2apic(i);
	}
	assert_int_equal(lapic_msr_read(&cpus[3], 0x80d, &value), 0);
	assert_int_equal(value, 0x20002);
	assert_int_equal(lapic_msr_write(&cpus[0], 0x830, 0x0002000200000850), 0);
	assert_int_equal(lapic_msr_read(&cpus[0], 0x830, &value), 0);
	assert_true(value == 0x0002000200000850);
	assert_int_equal(lapic_pending(&cpus[3]), 0x50);
	assert_int_equal(lapic_pending(&cpus[0]), -1);
	assert_int_equal(lapic_msr_write(&cpus[0], 0x830, 0xffffffff00000061), 0);
	for (int i = 0; i < CPUS; i++)
		assert_int_equal(lapic_pending(&cpus[i]), 0x61);
	assert_int_equal(lapic_msr_write(&cpus[1], 0x83f, 0x72), 0);
	assert_int_equal(lapic_pending(&cpus[1]), 0x72);
}

/* Nobody's ID and nobody's cluster, up to the ends of both. */
static void test_x2apic_nobody(void **state)
{
	static const u64 icrs[] = {
		0x0000000300000050, 0x0000002200000050, 0x000000ff00000050, 0x0000010000000050,
		0xfffffffe00000050, 0x0000fff000000850, 0x0002fffd00000850, 0x0003000100000850,
		0x0010000200000850, 0xffff000100000850,
	};

	for (int i = 0; i < CPUS; i++) {
		enable(i);
		to_x2apic(i);
	}
	for (size_t n = 0; n < ARRAY_SIZE(icrs); n++) {
		assert_int_equal(lapic_msr_write(&cpus[0], 0x830, icrs[n]), 0);
		for (int i = 0; i < CPUS; i++)
			assert_int_equal(lapic_pending(&cpus[i]), -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ipis),
		TEST(test_startup),
		TEST(test_lowest_priority),
		TEST(test_x2apic_messages),
		TEST(test_x2apic_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
