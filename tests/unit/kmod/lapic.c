// SPDX-License-Identifier: GPL-2.0
/*
 * The local APIC with its state, in user space: what it needs of the kernel
 * and of the module is played by the few things below. The lock is checked
 * for pairing; time stands where the test puts it. The tests of the timer run
 * twice: with a host's timer alone, and with one of the CPU's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base.h"
#include "kmod/uapi/vmm.h"

/* ---- in place of the kernel and kmod/vmm.h ----------------------------------- */

#define KMOD_VMM_H
#define KMOD_COMPAT_H
#define KMOD_HW_H
#define KMOD_APIC_MMIO_H
#define VMM_MAX_VCPUS	255
#define CLOCK_MONOTONIC	1
#define smp_load_acquire(p)	READ_ONCE(*(p))

struct fake_lock { bool held; };
#define raw_spinlock_t struct fake_lock
typedef s64 ktime_t;

#define raw_spin_lock_irqsave(l, flags)	do {		\
	assert_false((l)->held);			\
	(l)->held = true;				\
	(flags) = 1;					\
} while (0)
#define raw_spin_unlock_irqrestore(l, flags) do {	\
	assert_true((l)->held && (flags) == 1);		\
	(l)->held = false;				\
} while (0)

enum hrtimer_mode { HRTIMER_MODE_ABS_HARD };
enum hrtimer_restart { HRTIMER_NORESTART, HRTIMER_RESTART };

struct hrtimer {
	enum hrtimer_restart (*function)(struct hrtimer *timer);
	bool armed;
	ktime_t expires;
};

static inline void compat_hrtimer_setup(struct hrtimer *timer,
					enum hrtimer_restart (*function)(struct hrtimer *),
					int clock, enum hrtimer_mode mode)
{
	timer->function = function;
}

static inline void hrtimer_start(struct hrtimer *timer, ktime_t expires, enum hrtimer_mode mode)
{
	timer->armed = true;
	timer->expires = expires;
}

static inline int hrtimer_try_to_cancel(struct hrtimer *timer)
{
	timer->armed = false;
	return 0;
}

#define hrtimer_cancel hrtimer_try_to_cancel

enum vcpu_request { VCPU_REQ_EVENT };

#define VCPU_NO_TIMER	(~0ULL)

static struct vmm_info hw_info;

struct lapic;
struct vcpu;

struct vm {
	u32 vcpu_count;
	struct vcpu *vcpu[VMM_MAX_VCPUS];
};

struct vcpu {
	struct vm *vm;
	u32 apic_id;
	bool bsp;
	struct lapic *apic;
	u64 apic_base;
	u64 eoi_exits[4];
	int eoi_vector;
	u64 timer_tsc;
	int events, nmis, inits, sipis, sipi_vector;	/* what was signalled */
};

#define vm_for_each_vcpu(_i, _v, _vm) \
	for ((_i) = 0; (_i) < (_vm)->vcpu_count && ((_v) = (_vm)->vcpu[_i], true); (_i)++)

static s64 host_now;
static bool clock_stopped;
static s64 tsc_lag;		/* how far the TSC is behind the host's time */

static inline ktime_t ktime_get(void)
{
	return host_now;
}

#define ktime_add_ns(t, ns) ((t) + (ns))

static inline u64 clock_vm_ns(struct vm *vm)
{
	return host_now;
}

static inline u64 clock_guest_tsc(struct vcpu *vcpu)
{
	return (host_now - tsc_lag) * 2;
}

static inline bool clock_host_of_vm_ns(struct vm *vm, u64 vm_ns, ktime_t *host)
{
	*host = vm_ns;
	return !clock_stopped;
}

static inline bool clock_host_of_tsc(struct vcpu *vcpu, u64 tsc, ktime_t *host)
{
	*host = tsc / 2;
	return !clock_stopped;
}

/* The host's TSC runs at 3 GHz. */
#define TSC_PER_NS	3

static inline u64 clock_host_tsc_in(u64 ns)
{
	return (host_now + ns) * TSC_PER_NS;
}

static inline bool clock_host_tsc_of_vm_ns(struct vm *vm, u64 vm_ns, u64 *host)
{
	*host = vm_ns * TSC_PER_NS;
	return !clock_stopped;
}

static inline bool clock_host_tsc_of_tsc(struct vcpu *vcpu, u64 tsc, u64 *host)
{
	*host = tsc / 2 * TSC_PER_NS;
	return !clock_stopped;
}

static inline void vcpu_request(struct vcpu *vcpu, enum vcpu_request request)
{
	vcpu->events++;
}

static inline void apic_page_check(struct vm *vm)
{
}

static inline void vcpu_signal_nmi(struct vcpu *vcpu)
{
	vcpu->nmis++;
}

static inline void vcpu_signal_init(struct vcpu *vcpu)
{
	vcpu->inits++;
}

static inline void vcpu_signal_sipi(struct vcpu *vcpu, u8 vector)
{
	vcpu->sipis++;
	vcpu->sipi_vector = vector;
}

/* One program of them all, so that nothing else need stand in for the kernel. */
#include "kmod/lapic_logic.c"
#include "kmod/lapic_irq.c"
#include "kmod/lapic_timer.c"
#include "kmod/lapic_ipi.c"
#include "kmod/lapic_reg.c"
#include "kmod/lapic_state.c"

/* ---- fixture: four vCPUs, the last with an ID out of order --------------------- */

#define CPUS	4

static struct vm vm;
static struct vcpu cpus[CPUS];
static struct lapic apics[CPUS];
static u32 pages[CPUS][1024];

static int setup_with(u64 features)
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
		lapic_timer_create(&apics[i]);
		lapic_reset(&cpus[i], false);
	}
	return 0;
}

static int setup(void **state)
{
	return setup_with(0);
}

static int setup_cpu_timer(void **state)
{
	return setup_with(VMM_FEATURE_PREEMPTION_TIMER);
}

static void enable(int cpu)
{
	lapic_write(&cpus[cpu], LAPIC_SVR, 0x1ff);
}

static void to_x2apic(int cpu)
{
	assert_int_equal(lapic_msr_write(&cpus[cpu], 0x1b, cpus[cpu].apic_base | BIT(10)), 0);
}

static const s64 never = INT64_MAX;

/* When the host's timer, and when the CPU's, will be heard of. */
static s64 host_timer(int cpu)
{
	return apics[cpu].timer.armed ? apics[cpu].timer.expires : never;
}

static s64 cpu_timer(int cpu)
{
	u64 tsc = cpus[cpu].timer_tsc;

	return tsc == VCPU_NO_TIMER ? never : (tsc + TSC_PER_NS - 1) / TSC_PER_NS;
}

static s64 any_timer(int cpu)
{
	return min(host_timer(cpu), cpu_timer(cpu));
}

static void timer_goes_off(int cpu)
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
static int pass(s64 ns)
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
static int serve(int cpu)
{
	int vector = lapic_pending(&cpus[cpu]);

	if (vector >= 0) {
		lapic_accept(&cpus[cpu], vector);
		lapic_write(&cpus[cpu], LAPIC_EOI, 0);
	}
	return vector;
}

static u32 esr(int cpu)
{
	lapic_write(&cpus[cpu], LAPIC_ESR, 0);
	return lapic_read(&cpus[cpu], LAPIC_ESR);
}

/* ---- registers --------------------------------------------------------------------- */

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

/* ---- priorities, EOI ------------------------------------------------------------------ */

static void test_nesting(void **state)
{
	struct vcpu *cpu = &cpus[0];

	enable(0);
	assert_int_equal(lapic_pending(cpu), -1);
	cpu->events = 0;
	lapic_msi(&vm, 0xfee00000, 0x41);
	lapic_msi(&vm, 0xfee00000, 0x41);
	assert_int_equal(cpu->events, 1);
	lapic_accept(cpu, lapic_pending(cpu));
	assert_int_equal(lapic_read(cpu, LAPIC_PPR), 0x40);
	lapic_msi(&vm, 0xfee00000, 0x4f);
	assert_int_equal(lapic_pending(cpu), -1);
	assert_int_equal(lapic_blocked_by_tpr(cpu), -1);
	lapic_msi(&vm, 0xfee00000, 0x51);
	assert_int_equal(lapic_pending(cpu), 0x51);
	lapic_accept(cpu, 0x51);
	assert_int_equal(lapic_read(cpu, LAPIC_ISR + 0x20), BIT(1) | BIT(17));
	lapic_write(cpu, LAPIC_EOI, 0);
	assert_int_equal(lapic_pending(cpu), -1);
	lapic_write(cpu, LAPIC_EOI, 0);
	assert_int_equal(serve(0), 0x4f);
	assert_int_equal(lapic_pending(cpu), -1);
	assert_false(cpu->apic->irr_pending);
	/* One EOI too many. */
	lapic_write(cpu, LAPIC_EOI, 0);
	assert_int_equal(cpu->eoi_vector, -1);
}

static void test_tpr(void **state)
{
	struct vcpu *cpu = &cpus[0];

	enable(0);
	lapic_cr8_set(cpu, 4);
	assert_int_equal(lapic_read(cpu, LAPIC_TPR), 0x40);
	lapic_msi(&vm, 0xfee00000, 0x41);
	assert_int_equal(lapic_pending(cpu), -1);
	assert_int_equal(lapic_blocked_by_tpr(cpu), 0x41);
	lapic_cr8_set(cpu, 3);
	assert_int_equal(lapic_cr8(cpu), 3);
	assert_int_equal(lapic_pending(cpu), 0x41);
	assert_int_equal(lapic_blocked_by_tpr(cpu), -1);
}

static void test_eoi_exits(void **state)
{
	struct vcpu *cpu = &cpus[0];

	enable(0);
	cpu->eoi_exits[1] = BIT_ULL(0x41 - 64);
	lapic_msi(&vm, 0xfee00000, 0xc042);
	assert_int_equal(serve(0), 0x42);
	assert_int_equal(cpu->eoi_vector, -1);
	lapic_msi(&vm, 0xfee00000, 0xc041);
	assert_int_equal(serve(0), 0x41);
	assert_int_equal(cpu->eoi_vector, 0x41);

	/* The guest uses the IOAPIC's EOI register: level vectors stay silent. */
	cpu->eoi_vector = -1;
	lapic_write(cpu, LAPIC_SVR, 0x11ff);
	lapic_msi(&vm, 0xfee00000, 0xc041);
	assert_int_equal(serve(0), 0x41);
	assert_int_equal(cpu->eoi_vector, -1);
}

/* ---- messages ------------------------------------------------------------------------------ */

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

/* ---- x2APIC ---------------------------------------------------------------------------------- */

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

/* ---- timer -------------------------------------------------------------------------------- */

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

/* ---- saved state -------------------------------------------------------------------------- */

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

/* ---- a CPU that works on the page by itself ------------------------------------------ */

/* What arrives does not change IRR under the CPU. */
static void test_arrivals_wait(void **state)
{
	struct vcpu *cpu = &cpus[0];
	const u32 *irr = lapic_page(cpu) + (LAPIC_IRR + 0x20) / 4;
	struct vmm_lapic saved;

	enable(0);
	lapic_msi(&vm, 0xfee00000, 0x41);
	assert_int_equal(*irr, 0);
	assert_int_equal(lapic_vectors(cpu).requested, 0);
	assert_int_equal(lapic_pending(cpu), 0x41);
	assert_int_equal(*irr, BIT(1));
	assert_int_equal(lapic_vectors(cpu).requested, 0x41);
	lapic_msi(&vm, 0xfee00000, 0x42);
	assert_int_equal(*irr, BIT(1));
	lapic_get(cpu, &saved);
	assert_int_equal(saved.reg[(LAPIC_IRR + 0x20) / 4], BIT(1) | BIT(2));
	/* A state that is set replaces what was on its way, too. */
	saved.reg[(LAPIC_IRR + 0x20) / 4] = BIT(3);
	lapic_msi(&vm, 0xfee00000, 0x51);
	assert_int_equal(lapic_set(cpu, &saved), 0);
	assert_int_equal(serve(0), 0x43);
	assert_int_equal(serve(0), -1);
}

/* The CPU took 0x41 and raised TPR. */
static void test_reload(void **state)
{
	struct vcpu *cpu = &cpus[0];
	u32 *page = lapic_page(cpu);

	enable(0);
	lapic_msi(&vm, 0xfee00000, 0x41);
	assert_int_equal(lapic_pending(cpu), 0x41);
	page[(LAPIC_IRR + 0x20) / 4] = 0;
	page[(LAPIC_ISR + 0x20) / 4] = BIT(1);
	page[LAPIC_TPR / 4] = 0x62;
	lapic_reload(cpu);
	assert_int_equal(lapic_vectors(cpu).requested, 0);
	assert_int_equal(lapic_vectors(cpu).served, 0x41);
	assert_int_equal(lapic_read(cpu, LAPIC_PPR), 0x62);
	assert_int_equal(lapic_pending(cpu), -1);
	lapic_msi(&vm, 0xfee00000, 0x61);
	assert_int_equal(lapic_blocked_by_tpr(cpu), 0x61);
	page[LAPIC_TPR / 4] = 0;
	lapic_reload(cpu);
	assert_int_equal(lapic_pending(cpu), 0x61);

	cpu->eoi_exits[1] = BIT_ULL(0x41 - 64);
	lapic_eoi_done(cpu, 0x42);
	assert_int_equal(cpu->eoi_vector, -1);
	lapic_eoi_done(cpu, 0x41);
	assert_int_equal(cpu->eoi_vector, 0x41);
}

static u32 written(struct vcpu *cpu, u32 offset, u32 value)
{
	lapic_page(cpu)[offset / 4] = value;
	lapic_written(cpu, offset);
	return lapic_page(cpu)[offset / 4];
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

#define TEST(t) cmocka_unit_test_setup(t, setup)
#define TEST_CPU_TIMER(t) cmocka_unit_test_setup(t, setup_cpu_timer)
#define TEST_BOTH(t) TEST(t), TEST_CPU_TIMER(t)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_reset_values),
		TEST(test_reserved_bits),
		TEST(test_software_disable_masks),
		TEST(test_errors),
		TEST(test_error_of_error),
		TEST(test_every_offset),
		TEST(test_nesting),
		TEST(test_tpr),
		TEST(test_eoi_exits),
		TEST(test_ipis),
		TEST(test_startup),
		TEST(test_lowest_priority),
		TEST(test_x2apic_faults),
		TEST(test_x2apic_messages),
		TEST(test_base),
		TEST_BOTH(test_one_shot),
		TEST_BOTH(test_periodic),
		TEST_BOTH(test_storm),
		TEST_BOTH(test_tsc_deadline),
		TEST_BOTH(test_clock_stops),
		TEST_CPU_TIMER(test_hand_over),
		TEST_CPU_TIMER(test_early_exit),
		TEST_BOTH(test_state_moves),
		TEST_BOTH(test_state_refused),
		TEST(test_arrivals_wait),
		TEST(test_reload),
		TEST(test_written),
		TEST(test_written_timer),
		TEST(test_init_keeps_mode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
