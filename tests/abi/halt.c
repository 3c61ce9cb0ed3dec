// SPDX-License-Identifier: GPL-2.0
/*
 * HLT, with waits of several lengths: short ones end while the vCPU polls,
 * long ones find it asleep and not polling, and halt_poll_ns has its way.
 * Short is what the emulator thinks it is: wants a host whose clock goes by
 * the instructions it executes.
 */
#include <stdlib.h>
#include <string.h>

#include "lib.h"

#define LIMIT	"/sys/module/vmm/parameters/halt_poll_ns"

/*
 * RBX waits for the timer of the local APIC, each from a count of RCX. What
 * its vector 0x40 finds there is g_tick.
 */
GUEST64(g_waits, "mov $0xfee00000, %edi; 1: mov %ecx, 0x380(%rdi); sti; hlt; cli;"
	"dec %rbx; jnz 1b; out %al, $0x77; hlt");
GUEST64(g_tick, "movl $0, 0xb0(%rdi); iretq");

#define ROUNDS	200

struct counts {
	u64 polled, vain, slept;
};

static struct counts counts_of(const struct machine *m)
{
	const __u64 *stat = m->history->stat;

	return (struct counts){
		stat[VMM_STAT_HALT_POLLED], stat[VMM_STAT_HALT_POLL_VAIN],
		stat[VMM_STAT_HALT_WAIT],
	};
}

/* The guest's tables do not reach the local APIC: one page of 1 GiB more. */
static void map_apic(struct machine *m)
{
	((u64 *)(m->ram + GUEST_TABLES + PAGE))[3] = 0xc0000083;
}

static struct counts waits(const char *limit, u32 ns, u64 rounds)
{
	struct vmm_clock clock = {
		.flags = VMM_CLOCK_RUNNING, .ns_ratio = 1ULL << 32, .tsc_ratio = 1ULL << 32,
	};
	struct counts counts;
	struct machine m;

	must(file_write(LIMIT, limit), LIMIT);
	machine_open(&m, 2 * MIB);
	must(call(m.vm, VMM_VM_SET_CLOCK, &clock), "SET_CLOCK");
	LOAD64(&m, g_waits);
	map_apic(&m);
	memcpy(m.ram + GUEST_HANDLERS + 16 * 0x40, g_tick, g_tick_end - g_tick);
	apic_write(&m, APIC_SVR, 0x1ff);
	apic_write(&m, 0x320, 0x40);		/* one-shot */
	apic_write(&m, 0x3e0, 0xb);		/* divide by 1: nanoseconds */
	m.page->gprs.r[VMM_RBX] = rounds;
	m.page->gprs.r[VMM_RCX] = ns;
	m.page->dirty = VMM_GROUP_GPRS;
	RUN_TO(&m, VMM_EXIT_IO);
	counts = counts_of(&m);
	printf("# up to %s ns, %u each: %lu waits, %lu polled, %lu in vain, %lu slept\n", limit, ns,
	       rounds, counts.polled, counts.vain, counts.slept);
	machine_close(&m);
	return counts;
}

static void short_waits(void)
{
	struct counts c = waits("1000000", 500000, ROUNDS);

	CHECK(c.polled >= 10, "%lu polled", c.polled);
	CHECK(c.polled + c.slept <= ROUNDS + 10, "%lu and %lu", c.polled, c.slept);
	CHECK(c.vain <= c.slept, "%lu in vain, %lu slept", c.vain, c.slept);
}

static void long_waits(void)
{
	struct counts c = waits("1000000", 20000000, 20);

	CHECK(c.slept >= 15, "%lu slept", c.slept);
	CHECK(c.polled <= 1 && c.vain <= 2, "%lu polled, %lu in vain", c.polled, c.vain);
}

static void off(void)
{
	struct counts c = waits("0", 500000, ROUNDS);

	CHECK(c.slept >= 10, "%lu slept", c.slept);
	CHECK(!c.polled && !c.vain, "%lu polled, %lu in vain", c.polled, c.vain);
}

/* The limit is one: waits beyond it are slept. */
static void limited(void)
{
	struct counts c = waits("20000", 500000, ROUNDS);

	CHECK(c.slept >= 10, "%lu slept", c.slept);
	EXPECT(file_write(LIMIT, "-1"), -EINVAL);
	EXPECT(file_write(LIMIT, "x"), -EINVAL);
	/* More than is ever polled: not refused, and of no effect on long waits. */
	c = waits("4294967295", 20000000, 10);
	CHECK(c.slept >= 7 && !c.polled, "%lu slept, %lu polled", c.slept, c.polled);
}

static const struct test tests[] = {
	{ "short-waits", short_waits },
	{ "long-waits", long_waits },
	{ "off", off },
	{ "limited", limited },
};

int main(int argc, char **argv)
{
	char before[32];
	int ret;

	if (!file_read(LIMIT, before, sizeof(before)))
		must(-ENOENT, LIMIT);
	ret = tests_main(argc, argv, tests, ARRAY_SIZE(tests));
	must(file_write(LIMIT, before), LIMIT);
	return ret;
}
