/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The local APIC with its state, in user space: four vCPUs, the last with an
 * ID out of order. All its files are in each test, so that nothing else need
 * stand in for the kernel.
 */
#ifndef TESTS_KMOD_LAPIC_FIXTURE_H
#define TESTS_KMOD_LAPIC_FIXTURE_H

#include "lapic_fake.h"
#include "kmod/irqfd.h"
#include "kmod/lapic_logic.c"
#include "kmod/lapic_irq.c"
#include "kmod/lapic_timer.c"
#include "kmod/lapic_ipi.c"
#include "kmod/lapic_reg.c"
#include "kmod/lapic_state.c"

#define CPUS	4

void irqfd_eoi(struct vm *vm, u8 vector)
{
	vm->irqfd_eois++;
	vm->irqfd_eoi = vector;
}

static struct vm vm;
static struct vcpu cpus[CPUS];
static struct lapic apics[CPUS];
static u32 pages[CPUS][1024];

static inline int setup_with(u64 features)
{
	hw_info.features = features;
	memset(&vm, 0, sizeof(vm));
	memset(cpus, 0, sizeof(cpus));
	memset(apics, 0, sizeof(apics));
	host_now = 1000000;
	clock_stopped = false;
	tsc_lag = 0;
	for (int i = 0; i < CPUS; i++) {
		vm.vcpu[vm.vcpu_count++] = &cpus[i];
		cpus[i] = (struct vcpu) { .vm = &vm, .apic = &apics[i], .bsp = !i,
					  .apic_id = i == 3 ? 0x21 : i, .eoi_vector = -1 };
		apics[i] = (struct lapic) { .vcpu = &cpus[i], .reg = pages[i], .has_x2apic = true,
					    .has_tsc_deadline = true, .phys_bits = 40 };
		vm.by_apic_id[cpus[i].apic_id] = &cpus[i];
		vm.apic_id_end = cpus[i].apic_id + 1;
		lapic_timer_create(&apics[i]);
		lapic_reset(&cpus[i], false);
	}
	return 0;
}

static inline int setup(void **state)
{
	return setup_with(0);
}

static inline int setup_cpu_timer(void **state)
{
	return setup_with(VMM_FEATURE_PREEMPTION_TIMER);
}

static inline void enable(int cpu)
{
	lapic_write(&cpus[cpu], LAPIC_SVR, 0x1ff);
}

static inline void to_x2apic(int cpu)
{
	assert_int_equal(lapic_msr_write(&cpus[cpu], 0x1b, cpus[cpu].apic_base | BIT(10)), 0);
}

static const s64 never = INT64_MAX;

/* When the host's timer, and when the CPU's, will be heard of. */
static inline s64 host_timer(int cpu)
{
	return apics[cpu].timer.armed ? apics[cpu].timer.expires : never;
}

static inline s64 cpu_timer(int cpu)
{
	u64 tsc = cpus[cpu].timer_tsc;

	return tsc == VCPU_NO_TIMER ? never : (tsc + TSC_PER_NS - 1) / TSC_PER_NS;
}

static inline s64 any_timer(int cpu)
{
	return min(host_timer(cpu), cpu_timer(cpu));
}

static inline void timer_goes_off(int cpu)
{
	struct hrtimer *timer = &apics[cpu].timer;

	host_now = max(host_now, any_timer(cpu));
	if (cpu_timer(cpu) <= host_timer(cpu)) {
		lapic_timer_exit(&cpus[cpu]);
		return;
	}
	timer->armed = false;
	timer->function(timer);
}

/* Time passes; timers go off on the way. Returns how often. */
static inline int pass(s64 ns)
{
	s64 until = host_now + ns;
	int count = 0;

	for (;;) {
		int next = 0;

		for (int i = 1; i < CPUS; i++) {
			if (any_timer(i) < any_timer(next))
				next = i;
		}
		if (any_timer(next) > until)
			break;
		timer_goes_off(next);
		count++;
	}
	host_now = until;
	return count;
}

/* Take and end what is pending; returns its vector. */
static inline int serve(int cpu)
{
	int vector = lapic_pending(&cpus[cpu]);

	if (vector >= 0) {
		lapic_accept(&cpus[cpu], vector);
		lapic_write(&cpus[cpu], LAPIC_EOI, 0);
	}
	return vector;
}

static inline u32 esr(int cpu)
{
	lapic_write(&cpus[cpu], LAPIC_ESR, 0);
	return lapic_read(&cpus[cpu], LAPIC_ESR);
}

/* What the CPU put into its page by itself, and what comes of it. */
static inline u32 written(struct vcpu *cpu, u32 offset, u32 value)
{
	lapic_page(cpu)[offset / 4] = value;
	lapic_written(cpu, offset);
	return lapic_page(cpu)[offset / 4];
}

#define TEST(t) cmocka_unit_test_setup(t, setup)
#define TEST_CPU_TIMER(t) cmocka_unit_test_setup(t, setup_cpu_timer)
#define TEST_BOTH(t) TEST(t), TEST_CPU_TIMER(t)

#endif
