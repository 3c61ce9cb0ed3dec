// SPDX-License-Identifier: GPL-2.0
/* Vectors within the local APIC: priorities, EOI, and a CPU that works on its page. */
#include "lapic_fixture.h"

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

/* One that raises it again is told if the last one is not over yet. */
static void test_raise(void **state)
{
	struct vcpu *cpu = &cpus[0];

	assert_false(lapic_raise(cpu, 0x41));		/* it takes none */
	enable(0);
	cpu->events = 0;
	assert_true(lapic_raise(cpu, 0x41));
	assert_int_equal(cpu->events, 1);
	assert_false(lapic_raise(cpu, 0x41));
	assert_int_equal(cpu->events, 1);
	assert_true(lapic_raise(cpu, 0x51));
	assert_int_equal(lapic_pending(cpu), 0x51);
	assert_false(lapic_raise(cpu, 0x41));		/* in IRR by now */
	assert_int_equal(serve(0), 0x51);
	lapic_accept(cpu, 0x41);
	assert_false(lapic_raise(cpu, 0x41));		/* in service */
	lapic_write(cpu, LAPIC_EOI, 0);
	assert_int_equal(serve(0), 0x41);
	assert_true(lapic_raise(cpu, 0x41));
}

/* From when it is raised until it is in service, wherever it waits meanwhile. */
static void test_waits(void **state)
{
	struct vcpu *cpu = &cpus[0];

	assert_int_equal(lapic_msi_waits(&vm, 0xfee00000, 0x41), 0);
	enable(0);
	lapic_msi(&vm, 0xfee00000, 0x41);
	assert_int_equal(lapic_msi_waits(&vm, 0xfee00000, 0x41), 1);
	assert_int_equal(lapic_msi_waits(&vm, 0xfee00000, 0x42), 0);
	assert_int_equal(lapic_msi_waits(&vm, 0xfee01000, 0x41), 0);
	assert_int_equal(lapic_msi_waits(&vm, 0xfee00000, 0x441), 0);	/* NMI */
	assert_int_equal(lapic_msi_waits(&vm, 0x1000, 0x41), -EINVAL);
	assert_int_equal(lapic_pending(cpu), 0x41);
	assert_int_equal(lapic_msi_waits(&vm, 0xfee00000, 0x41), 1);
	lapic_accept(cpu, 0x41);
	assert_int_equal(lapic_msi_waits(&vm, 0xfee00000, 0x41), 0);
	lapic_msi(&vm, 0xfee00000, 0x41);
	assert_int_equal(lapic_msi_waits(&vm, 0xfee00000, 0x141), 1);	/* lowest priority */
	lapic_write(cpu, LAPIC_SVR, 0xff);
	assert_int_equal(lapic_msi_waits(&vm, 0xfee00000, 0x41), 0);
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

	/* The same vector as an edge has nothing to do with the IOAPIC. */
	cpu->eoi_vector = -1;
	lapic_msi(&vm, 0xfee00000, 0x41);
	assert_int_equal(serve(0), 0x41);
	assert_int_equal(cpu->eoi_vector, -1);

	/* The guest uses the IOAPIC's EOI register: level vectors stay silent. */
	cpu->eoi_vector = -1;
	lapic_write(cpu, LAPIC_SVR, 0x11ff);
	lapic_msi(&vm, 0xfee00000, 0xc041);
	assert_int_equal(serve(0), 0x41);
	assert_int_equal(cpu->eoi_vector, -1);
}

/* Eventfds that wait for an EOI hear of it like user space, and besides it. */
static void test_eoi_irqfds(void **state)
{
	struct vcpu *cpu = &cpus[0];

	enable(0);
	vm.irqfd_vectors[1] = BIT_ULL(0x41 - 64);
	lapic_msi(&vm, 0xfee00000, 0xc042);
	assert_int_equal(serve(0), 0x42);
	assert_int_equal(vm.irqfd_eois, 0);
	lapic_msi(&vm, 0xfee00000, 0xc041);
	assert_int_equal(serve(0), 0x41);
	assert_int_equal(vm.irqfd_eois, 1);
	assert_int_equal(vm.irqfd_eoi, 0x41);
	assert_int_equal(cpu->eoi_vector, -1);
	cpu->eoi_exits[1] = BIT_ULL(0x41 - 64);
	lapic_msi(&vm, 0xfee00000, 0xc041);
	assert_int_equal(serve(0), 0x41);
	assert_int_equal(vm.irqfd_eois, 2);
	assert_int_equal(cpu->eoi_vector, 0x41);

	lapic_write(cpu, LAPIC_SVR, 0x11ff);
	lapic_msi(&vm, 0xfee00000, 0xc041);
	assert_int_equal(serve(0), 0x41);
	assert_int_equal(vm.irqfd_eois, 2);
}

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
	lapic_msi(&vm, 0xfee00000, 0xc041);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nesting),
		TEST(test_raise),
		TEST(test_waits),
		TEST(test_tpr),
		TEST(test_eoi_exits),
		TEST(test_eoi_irqfds),
		TEST(test_arrivals_wait),
		TEST(test_reload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
