// SPDX-License-Identifier: GPL-2.0
/* The registers of the local APIC, by its page and by MSRs, and the mode it is in. */
#include "lapic_fixture.h"

static void test_reset_values(void **state)
{
	assert_int_equal(lapic_read(&cpus[3], LAPIC_ID), 0x21000000);
	assert_int_equal(lapic_read(&cpus[0], LAPIC_VERSION), 0x01050014);
	assert_int_equal(lapic_read(&cpus[0], LAPIC_SVR), 0xff);
	assert_int_equal(lapic_read(&cpus[0], LAPIC_DFR), ~0U);
	for (u32 lvt = LAPIC_LVT_TIMER; lvt <= LAPIC_LVT_ERROR; lvt += 16)
		assert_int_equal(lapic_read(&cpus[0], lvt), 0x10000);
	assert_int_equal(cpus[0].apic_base, 0xfee00900);
	assert_int_equal(cpus[1].apic_base, 0xfee00800);
	assert_true(lapic_claims(&cpus[0], 0xfee00ff0));
	assert_false(lapic_claims(&cpus[0], 0xfee01000));
	assert_false(lapic_claims(&cpus[0], 0x1fee00000));
}

static void test_reserved_bits(void **state)
{
	struct vcpu *cpu = &cpus[0];

	enable(0);
	lapic_write(cpu, LAPIC_ID, 0x55000000);
	assert_int_equal(lapic_read(cpu, LAPIC_ID), 0);
	lapic_write(cpu, LAPIC_TPR, 0xffffff31);
	assert_int_equal(lapic_read(cpu, LAPIC_TPR), 0x31);
	lapic_write(cpu, LAPIC_LDR, ~0U);
	assert_int_equal(lapic_read(cpu, LAPIC_LDR), 0xff000000);
	lapic_write(cpu, LAPIC_DFR, 0);
	assert_int_equal(lapic_read(cpu, LAPIC_DFR), 0x0fffffff);
	lapic_write(cpu, LAPIC_LVT_LINT0, ~0U);
	assert_int_equal(lapic_read(cpu, LAPIC_LVT_LINT0), 0x1a7ff);
	lapic_write(cpu, LAPIC_DIVIDE, ~0U);
	assert_int_equal(lapic_read(cpu, LAPIC_DIVIDE), 0xb);
	assert_int_equal(esr(0), 0);
}

static void test_software_disable_masks(void **state)
{
	struct vcpu *cpu = &cpus[0];

	lapic_write(cpu, LAPIC_LVT_LINT0, 0x700);
	assert_int_equal(lapic_read(cpu, LAPIC_LVT_LINT0), 0x10700);
	assert_false(lapic_accepts_extint(cpu));
	enable(0);
	lapic_write(cpu, LAPIC_LVT_LINT0, 0x700);
	assert_true(lapic_accepts_extint(cpu));
	lapic_write(cpu, LAPIC_SVR, 0xff);
	assert_int_equal(lapic_read(cpu, LAPIC_LVT_LINT0), 0x10700);
	assert_int_equal(lapic_msi(&vm, 0xfee00000, 0x41), 0);
	assert_int_equal(lapic_pending(cpu), -1);
}

static void test_errors(void **state)
{
	struct vcpu *cpu = &cpus[0];

	enable(0);
	lapic_write(cpu, LAPIC_LVT_ERROR, 0xfe);
	assert_int_equal(lapic_read(cpu, 0x40), 0);
	assert_int_equal(serve(0), 0xfe);
	lapic_write(cpu, 0x3f0, 0x55);
	/* Armed again only by a write to ESR. */
	assert_int_equal(lapic_pending(cpu), -1);
	assert_int_equal(lapic_read(cpu, LAPIC_ESR), 0);
	assert_int_equal(esr(0), LAPIC_ESR_REGISTER);
	assert_int_equal(esr(0), 0);

	lapic_write(cpu, LAPIC_ICR, 0x0f);
	assert_int_equal(serve(0), 0xfe);
	assert_int_equal(esr(0), LAPIC_ESR_SEND_VECTOR);
	lapic_write(cpu, LAPIC_ICR, 0x4000f);
	assert_int_equal(esr(0), LAPIC_ESR_SEND_VECTOR | LAPIC_ESR_RECV_VECTOR);
	assert_int_equal(lapic_msi(&vm, 0xfee00000, 0x05), 0);
	assert_int_equal(esr(0), LAPIC_ESR_RECV_VECTOR);
}

/* An error interrupt that is an error itself must come to an end. */
static void test_error_of_error(void **state)
{
	enable(0);
	lapic_write(&cpus[0], LAPIC_LVT_ERROR, 0x03);
	lapic_read(&cpus[0], 0x40);
	assert_int_equal(esr(0), LAPIC_ESR_REGISTER | LAPIC_ESR_RECV_VECTOR);
	assert_int_equal(lapic_pending(&cpus[0]), -1);
}

static void test_every_offset(void **state)
{
	enable(0);
	for (u32 offset = 0; offset < 4096; offset += 4) {
		lapic_read(&cpus[0], offset);
		lapic_write(&cpus[0], offset, ~0U);
		lapic_write(&cpus[0], offset, 0);
	}
	for (int i = 0; i < CPUS; i++)
		assert_false(apics[i].lock.held);
}

static void test_x2apic_faults(void **state)
{
	struct vcpu *cpu = &cpus[0];
	u64 value;

	assert_int_equal(lapic_msr_read(cpu, 0x802, &value), -EINVAL);
	to_x2apic(0);
	assert_false(lapic_claims(cpu, 0xfee00000));
	assert_int_equal(lapic_msr_read(cpu, 0x802, &value), 0);
	static const u32 unreadable[] = { 0x800, 0x809, 0x80b, 0x80c, 0x80e, 0x831, 0x83f, 0x8ff };
	for (size_t i = 0; i < ARRAY_SIZE(unreadable); i++)
		assert_int_equal(lapic_msr_read(cpu, unreadable[i], &value), -EINVAL);
	static const struct {
		u32 index;
		u64 value;
		int ret;
	} writes[] = {
		{ 0x802, 0, -EINVAL }, { 0x803, 0, -EINVAL }, { 0x80a, 0, -EINVAL },
		{ 0x80d, 0, -EINVAL }, { 0x810, 0, -EINVAL }, { 0x839, 0, -EINVAL },
		{ 0x831, 0, -EINVAL }, { 0x80e, 0, -EINVAL }, { 0x8ff, 0, -EINVAL },
		{ 0x808, 0xff, 0 }, { 0x808, 0x100, -EINVAL }, { 0x808, BIT_ULL(32), -EINVAL },
		{ 0x80b, 0, 0 }, { 0x80b, 1, -EINVAL }, { 0x828, 0, 0 }, { 0x828, 1, -EINVAL },
		{ 0x80f, 0x1ff, 0 }, { 0x80f, 0x2000, -EINVAL },
		{ 0x832, 0x400ff, 0 }, { 0x832, 0x80000, -EINVAL },
		{ 0x83e, 0xb, 0 }, { 0x83e, 0x10, -EINVAL },
		{ 0x83f, 0x55, 0 }, { 0x83f, 0x155, -EINVAL },
		{ 0x830, 0x41, 0 }, { 0x830, 0x100041, -EINVAL },
	};
	for (size_t i = 0; i < ARRAY_SIZE(writes); i++)
		assert_int_equal(lapic_msr_write(cpu, writes[i].index, writes[i].value),
				 writes[i].ret);
}

static void test_base(void **state)
{
	struct vcpu *cpu = &cpus[0];

	assert_int_equal(lapic_msr_write(cpu, 0x1b, 0xfee00500), -EINVAL);
	assert_int_equal(lapic_msr_write(cpu, 0x1b, 0xfee00a00), -EINVAL);
	assert_int_equal(lapic_msr_write(cpu, 0x1b, 0xfee00801), -EINVAL);
	assert_int_equal(lapic_msr_write(cpu, 0x1b, BIT_ULL(40) | 0x900), -EINVAL);
	assert_int_equal(lapic_msr_write(cpu, 0x1b, 0xfd000900), 0);
	assert_true(lapic_claims(cpu, 0xfd000030));
	enable(0);
	lapic_msi(&vm, 0xfee00000, 0x41);
	to_x2apic(0);
	assert_int_equal(lapic_pending(cpu), 0x41);
	assert_int_equal(lapic_msr_write(cpu, 0x1b, 0xfee00900), -EINVAL);
	assert_int_equal(lapic_msr_write(cpu, 0x1b, 0xfee00100), 0);
	assert_int_equal(lapic_pending(cpu), -1);
	assert_int_equal(lapic_msr_write(cpu, 0x1b, 0xfee00d00), -EINVAL);
	assert_int_equal(lapic_msr_write(cpu, 0x1b, 0xfee00900), 0);
	assert_int_equal(lapic_read(cpu, LAPIC_SVR), 0xff);
	cpu->apic->has_x2apic = false;
	assert_int_equal(lapic_msr_write(cpu, 0x1b, 0xfee00d00), -EINVAL);
}

/* What the CPU has put into a register goes the way of any other write. */
static void test_written(void **state)
{
	struct vcpu *cpu = &cpus[3];

	assert_int_equal(written(cpu, LAPIC_LVT_LINT0, 0x700), 0x10700);
	assert_int_equal(written(cpu, LAPIC_SVR, ~0U), 0x13ff);
	assert_int_equal(written(cpu, LAPIC_ID, ~0U), 0x21000000);
	assert_int_equal(written(cpu, LAPIC_LDR, ~0U), 0xff000000);
	assert_int_equal(written(cpu, LAPIC_DFR, 0), 0x0fffffff);
	assert_int_equal(written(cpu, LAPIC_LVT_LINT0, ~0U), 0x1a7ff);
	assert_int_equal(written(cpu, LAPIC_DIVIDE, ~0U), 0xb);
	assert_int_equal(written(cpu, LAPIC_ESR, ~0U), 0);
	assert_int_equal(written(cpu, LAPIC_ICR, 0x40055), 0x40055);
	assert_int_equal(serve(3), 0x55);
	/* Bytes within a register, and what is none. */
	lapic_written(cpu, LAPIC_SVR + 1);
	lapic_written(cpu, LAPIC_REGS_END);
	lapic_written(cpu, 0xfff);
	assert_int_equal(esr(3), 0);
	to_x2apic(3);
	assert_int_equal(written(cpu, LAPIC_ID, ~0U), 0x21);
	lapic_page(cpu)[LAPIC_SELF_IPI / 4] = 5;
	lapic_written(cpu, LAPIC_SELF_IPI);
	assert_int_equal(lapic_msr_write(cpu, 0x828, 0), 0);
	assert_int_equal(lapic_page(cpu)[LAPIC_ESR / 4],
			 LAPIC_ESR_SEND_VECTOR | LAPIC_ESR_RECV_VECTOR);
}

static void test_init_keeps_mode(void **state)
{
	u64 value;

	enable(3);
	to_x2apic(3);
	lapic_reset(&cpus[3], true);
	assert_int_equal(lapic_msr_read(&cpus[3], 0x802, &value), 0);
	assert_int_equal(value, 0x21);
	assert_int_equal(lapic_msr_read(&cpus[3], 0x80f, &value), 0);
	assert_int_equal(value, 0xff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_reset_values),
		TEST(test_reserved_bits),
		TEST(test_software_disable_masks),
		TEST(test_errors),
		TEST(test_error_of_error),
		TEST(test_every_offset),
		TEST(test_x2apic_faults),
		TEST(test_base),
		TEST(test_written),
		TEST(test_init_keeps_mode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
