// SPDX-License-Identifier: GPL-2.0
/*
 * INIT and SIPI of a second vCPU, one by one: what is kept until it runs, in
 * which order it counts, and what user space hears of it.
 */
#include <unistd.h>

#include "lib.h"

#define ICR_INIT	0x4500
#define ICR_SIPI	0x4600

static struct machine m, ap;

GUEST16(g_out, "mov %cs, %ax; out %ax, $0x77; 1: hlt; jmp 1b");

static void send(u32 low)
{
	apic_write(&m, 0x310, 1 << 24);
	apic_write(&m, 0x300, low);
}

static void expect_pending(bool init, bool sipi, u8 vector)
{
	fetch(&ap, VMM_GROUP_EVENTS);
	CHECK(ap.page->events.init_pending == init && ap.page->events.sipi_pending == sipi &&
	      (!sipi || ap.page->events.sipi_vector == vector), "INIT %u, SIPI %u, vector %#x",
	      ap.page->events.init_pending, ap.page->events.sipi_pending,
	      ap.page->events.sipi_vector);
}

static void expect_state(u8 state)
{
	fetch(&ap, VMM_GROUP_EVENTS);
	CHECK(ap.page->events.run_state == state, "run state %u", ap.page->events.run_state);
}

/* It runs @vector's page, which says where it is. */
static void expect_start(u8 vector)
{
	if (!RUN_TO(&ap, VMM_EXIT_IO))
		return;
	fetch(&ap, VMM_GROUP_GPRS);
	CHECK((u16)ap.page->gprs.r[VMM_RAX] == vector << 8, "CS %#llx",
	      (unsigned long long)ap.page->gprs.r[VMM_RAX]);
}

/* As after power-up, with the same code where vectors 1 and 2 point to. */
static void reset(void)
{
	EXPECT(call(ap.vcpu, VMM_VCPU_RESET, NULL), 0);
	LOAD16(&m, g_out);
	__builtin_memcpy(m.ram + 0x2000, g_out, g_out_end - g_out);
}

static void power_up(void)
{
	reset();
	expect_state(VMM_STATE_WAIT_SIPI);
	expect_pending(false, false, 0);
	send(ICR_SIPI | 1);
	expect_pending(false, true, 1);
	expect_start(1);
}

/* However long the vCPU takes to look. */
static void both(void)
{
	reset();
	send(ICR_INIT);
	send(ICR_SIPI | 1);
	expect_pending(true, true, 1);
	expect_start(1);
	send(ICR_INIT);
	send(ICR_SIPI | 2);
	expect_start(2);
}

static void first_sipi_counts(void)
{
	reset();
	send(ICR_INIT);
	send(ICR_SIPI | 2);
	send(ICR_SIPI | 1);
	expect_pending(true, true, 2);
	expect_start(2);
}

static void init_forgets_sipi(void)
{
	reset();
	send(ICR_SIPI | 1);
	send(ICR_INIT);
	expect_pending(true, false, 0);
	send(ICR_SIPI | 2);
	expect_start(2);
	/* To a running one it means nothing, and is not kept either. */
	send(ICR_SIPI | 1);
	EXPECT(call(ap.vcpu, VMM_VCPU_KICK, NULL), 0);
	RUN_TO(&ap, VMM_EXIT_KICK);
	expect_pending(false, false, 0);
	expect_state(VMM_STATE_RUNNING);
}

/* User space hears of the INIT that stops a vCPU, once. */
static void told_of_init(void)
{
	reset();
	send(ICR_SIPI | 1);
	expect_start(1);
	send(ICR_INIT);
	RUN_TO(&ap, VMM_EXIT_HALTED);
	expect_state(VMM_STATE_WAIT_SIPI);
	send(ICR_INIT);
	EXPECT(call(ap.vcpu, VMM_VCPU_KICK, NULL), 0);
	RUN_TO(&ap, VMM_EXIT_KICK);
	expect_state(VMM_STATE_WAIT_SIPI);
	send(ICR_SIPI | 2);
	expect_start(2);
}

/* What came after they were fetched is not lost when events are stored. */
static void stored_late(void)
{
	reset();
	send(ICR_INIT);
	fetch(&ap, VMM_GROUP_EVENTS);
	send(ICR_SIPI | 1);
	EXPECT(store(&ap, VMM_GROUP_EVENTS), 0);
	expect_pending(true, true, 1);
	expect_start(1);
}

static const struct test tests[] = {
	{ "power-up", power_up },
	{ "both", both },
	{ "first-sipi-counts", first_sipi_counts },
	{ "init-forgets-sipi", init_forgets_sipi },
	{ "told-of-init", told_of_init },
	{ "stored-late", stored_late },
};

int main(int argc, char **argv)
{
	machine_open(&m, 2 * MIB);
	ap = m;
	ap.vcpu = vcpu_create(m.vm, 1, 0);
	ap.page = vcpu_map(ap.vcpu);
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests));
}
