// SPDX-License-Identifier: GPL-2.0
/*
 * The timer of the local APIC. Most tests run twice: with a host's timer alone,
 * and with one of the CPU's own.
 */
#include "lapic_fixture.h"

static void test_one_shot(void **state)
{
	struct vcpu *cpu = &cpus[0];

	enable(0);
	lapic_write(cpu, LAPIC_LVT_TIMER, 0xec);
	lapic_write(cpu, LAPIC_DIVIDE, 3);
	lapic_write(cpu, LAPIC_INITIAL, 1000);
	pass(8000);
	assert_int_equal(lapic_read(cpu, LAPIC_CURRENT), 500);
	assert_int_equal(serve(0), -1);
	/* Half the speed from here on. */
	lapic_write(cpu, LAPIC_DIVIDE, 8);
	pass(15999);
	assert_int_equal(serve(0), -1);
	assert_int_equal(pass(1), 1);
	assert_int_equal(serve(0), 0xec);
	assert_int_equal(lapic_read(cpu, LAPIC_CURRENT), 0);
	assert_int_equal(pass(1000000), 0);
	assert_int_equal(serve(0), -1);
	lapic_write(cpu, LAPIC_INITIAL, 1000);
	lapic_write(cpu, LAPIC_INITIAL, 0);
	assert_int_equal(pass(1000000), 0);
}

static void test_periodic(void **state)
{
	struct vcpu *cpu = &cpus[0];
	s64 start = host_now;

	enable(0);
	lapic_write(cpu, LAPIC_LVT_TIMER, 0x200ec);
	lapic_write(cpu, LAPIC_DIVIDE, 0xb);
	lapic_write(cpu, LAPIC_INITIAL, 100000);
	for (int i = 1; i <= 50; i++) {
		assert_int_equal(pass(100000), 1);
		assert_int_equal(serve(0), 0xec);
		assert_true(apics[0].deadline == start + (i + 1) * 100000);
	}
	/* The host slept: one tick, no drift. */
	host_now += 1050000;
	pass(0);
	assert_int_equal(serve(0), 0xec);
	assert_int_equal(serve(0), -1);
	assert_true(apics[0].deadline == start + 61 * 100000);
	/* Masked, it counts on without the host. */
	lapic_write(cpu, LAPIC_LVT_TIMER, 0x300ec);
	assert_int_equal(pass(10000000), 0);
	lapic_write(cpu, LAPIC_LVT_TIMER, 0x200ec);
	assert_int_equal(serve(0), -1);
	assert_true((apics[0].deadline - start) % 100000 == 0);
	pass(100000);
	assert_int_equal(serve(0), 0xec);
}

static void test_storm(void **state)
{
	enable(0);
	lapic_write(&cpus[0], LAPIC_LVT_TIMER, 0x200ec);
	lapic_write(&cpus[0], LAPIC_DIVIDE, 0xb);
	lapic_write(&cpus[0], LAPIC_INITIAL, 1);
	assert_in_range(pass(1000000), 1, 1000000 / TIMER_PERIOD_MIN_NS + 1);
	assert_int_equal(serve(0), 0xec);
}

static void test_tsc_deadline(void **state)
{
	struct vcpu *cpu = &cpus[0];
	u64 value;

	enable(0);
	/* In other modes the MSR is deaf. */
	assert_int_equal(lapic_msr_write(cpu, 0x6e0, 12345), 0);
	assert_int_equal(lapic_msr_read(cpu, 0x6e0, &value), 0);
	assert_int_equal(value, 0);
	lapic_write(cpu, LAPIC_INITIAL, 1000);
	lapic_write(cpu, LAPIC_LVT_TIMER, 0x400ec);
	assert_int_equal(lapic_read(cpu, LAPIC_INITIAL), 0);
	lapic_write(cpu, LAPIC_INITIAL, 1000);
	assert_int_equal(lapic_read(cpu, LAPIC_CURRENT), 0);
	assert_int_equal(pass(1000000), 0);

	assert_int_equal(lapic_msr_write(cpu, 0x6e0, host_now * 2 + 2000), 0);
	pass(999);
	assert_int_equal(serve(0), -1);
	/* The TSC is not there yet when the host's timer goes off. */
	tsc_lag = 500;
	assert_int_equal(pass(1), 1);
	assert_int_equal(serve(0), -1);
	pass(1000);
	assert_int_equal(serve(0), 0xec);
	assert_int_equal(lapic_msr_read(cpu, 0x6e0, &value), 0);
	assert_int_equal(value, 0);
	/* In the past: at once. Zero disarms; so does another mode. */
	assert_int_equal(lapic_msr_write(cpu, 0x6e0, 1), 0);
	assert_int_equal(serve(0), 0xec);
	assert_int_equal(lapic_msr_write(cpu, 0x6e0, host_now * 2 + 2000), 0);
	assert_int_equal(lapic_msr_write(cpu, 0x6e0, 0), 0);
	assert_int_equal(pass(10000), 0);
	assert_int_equal(lapic_msr_write(cpu, 0x6e0, host_now * 2 + 2000), 0);
	lapic_write(cpu, LAPIC_LVT_TIMER, 0xec);
	assert_int_equal(pass(10000), 0);

	cpu->apic->has_tsc_deadline = false;
	assert_int_equal(lapic_msr_write(cpu, 0x6e0, 1), -EINVAL);
	assert_int_equal(lapic_msr_read(cpu, 0x6e0, &value), -EINVAL);
	lapic_write(cpu, LAPIC_LVT_TIMER, 0x400ec);
	assert_int_equal(lapic_read(cpu, LAPIC_LVT_TIMER), 0xec);
}

static void test_clock_stops(void **state)
{
	enable(0);
	lapic_write(&cpus[0], LAPIC_LVT_TIMER, 0xec);
	lapic_write(&cpus[0], LAPIC_DIVIDE, 0xb);
	lapic_write(&cpus[0], LAPIC_INITIAL, 1000);
	clock_stopped = true;
	lapic_clock_changed(&cpus[0]);
	assert_true(any_timer(0) == never);
	clock_stopped = false;
	lapic_clock_changed(&cpus[0]);
	assert_int_equal(pass(1000), 1);
	assert_int_equal(serve(0), 0xec);
}

/* While the vCPU sleeps the host's timer stands in for the CPU's, and only then. */
static void test_hand_over(void **state)
{
	struct vcpu *cpu = &cpus[0];
	s64 due = host_now + 1000;

	enable(0);
	lapic_write(cpu, LAPIC_LVT_TIMER, 0xec);
	lapic_write(cpu, LAPIC_DIVIDE, 0xb);
	lapic_write(cpu, LAPIC_INITIAL, 1000);
	assert_true(cpu_timer(0) == due && host_timer(0) == never);
	lapic_timer_sleep(cpu);
	assert_true(host_timer(0) == due);
	/* Woken by something else, and armed for later: what the host has is out of date. */
	pass(500);
	lapic_timer_wake(cpu);
	assert_true(cpu_timer(0) == due);
	lapic_write(cpu, LAPIC_INITIAL, 2000);
	assert_true(cpu_timer(0) == due + 1500);
	assert_int_equal(pass(500), 1);
	assert_int_equal(serve(0), -1);
	assert_true(host_timer(0) == never && cpu_timer(0) == due + 1500);
	/* It comes while the vCPU sleeps, and is told. */
	lapic_timer_sleep(cpu);
	cpu->events = 0;
	assert_int_equal(pass(1500), 1);
	assert_int_equal(cpu->events, 1);
	lapic_timer_wake(cpu);
	assert_int_equal(serve(0), 0xec);
	assert_true(any_timer(0) == never);
	/* It came between the exit and the sleep. */
	lapic_write(cpu, LAPIC_INITIAL, 1000);
	host_now += 1000;
	lapic_timer_sleep(cpu);
	assert_int_equal(cpu->events, 2);
	assert_int_equal(serve(0), 0xec);
}

/* The CPU's timer goes by the host's TSC: with the trust in that its use ends. */
static void test_tsc_untrusted(void **state)
{
	struct vcpu *cpu = &cpus[0];
	s64 due = host_now + 1000;

	enable(0);
	lapic_write(cpu, LAPIC_LVT_TIMER, 0xec);
	lapic_write(cpu, LAPIC_DIVIDE, 0xb);
	lapic_write(cpu, LAPIC_INITIAL, 1000);
	assert_true(cpu_timer(0) == due && host_timer(0) == never);
	tsc_untrusted = true;
	lapic_clock_changed(cpu);
	assert_true(cpu_timer(0) == never && host_timer(0) == due);
	lapic_timer_sleep(cpu);
	lapic_timer_wake(cpu);
	assert_true(cpu_timer(0) == never && host_timer(0) == due);
	assert_int_equal(pass(1000), 1);
	assert_int_equal(serve(0), 0xec);
}

/* An exit that comes too early, as one for a deadline beyond what the CPU counts. */
static void test_early_exit(void **state)
{
	struct vcpu *cpu = &cpus[0];

	enable(0);
	lapic_write(cpu, LAPIC_LVT_TIMER, 0x400ec);
	assert_int_equal(lapic_msr_write(cpu, 0x6e0, (host_now + 100000) * 2), 0);
	lapic_timer_exit(cpu);
	assert_int_equal(serve(0), -1);
	assert_true(cpu_timer(0) == host_now + 100000);
	/* The clocks disagree: not at once again. */
	tsc_lag = 500;
	assert_int_equal(pass(100000), 1);
	assert_int_equal(serve(0), -1);
	assert_true(cpu_timer(0) == host_now + TIMER_RETRY_NS);
	assert_int_equal(pass(TIMER_RETRY_NS), 1);
	assert_int_equal(serve(0), 0xec);
	assert_true(any_timer(0) == never);
}

/* The timer hears of a write late, and goes by the old value until then. */
static void test_written_timer(void **state)
{
	struct vcpu *cpu = &cpus[0];

	enable(0);
	lapic_write(cpu, LAPIC_DIVIDE, 0xb);
	lapic_write(cpu, LAPIC_LVT_TIMER, 0x200ec);
	assert_int_equal(written(cpu, LAPIC_INITIAL, 1000), 1000);
	assert_true(apics[0].timer.armed);
	host_now += 1500;
	assert_int_equal(written(cpu, LAPIC_LVT_TIMER, 0x100ec), 0x100ec);
	assert_int_equal(serve(0), 0xec);
	assert_false(apics[0].timer.armed);
	/* In deadline mode the count cannot be set. */
	assert_int_equal(written(cpu, LAPIC_LVT_TIMER, 0x400ec), 0x400ec);
	assert_int_equal(lapic_page(cpu)[LAPIC_INITIAL / 4], 0);
	assert_int_equal(written(cpu, LAPIC_INITIAL, 77), 0);
	assert_false(apics[0].timer.armed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_BOTH(test_one_shot),
		TEST_BOTH(test_periodic),
		TEST_BOTH(test_storm),
		TEST_BOTH(test_tsc_deadline),
		TEST_BOTH(test_clock_stops),
		TEST_CPU_TIMER(test_hand_over),
		TEST_CPU_TIMER(test_tsc_untrusted),
		TEST_CPU_TIMER(test_early_exit),
		TEST(test_written_timer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
