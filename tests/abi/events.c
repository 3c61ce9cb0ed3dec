// SPDX-License-Identifier: GPL-2.0
/*
 * Events: interrupts from all sides, the clock, and a vCPU that moves into a
 * fresh VM while one is being delivered.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib.h"

static struct machine m;

GUEST64(g_sti_hlt, "1: sti; hlt; jmp 1b");
GUEST64(g_hlt, "hlt; hlt");
GUEST64(g_ud, "ud2; hlt");
GUEST64(g_div, "xor %ecx, %ecx; div %ecx; hlt");
GUEST64(g_int, "int $0x55; hlt");
GUEST64(g_rdtsc, "1: rdtsc; out %eax, $0x77; jmp 1b");
/* With TSC_ADJUST at 10. */
GUEST64(g_rdmsr_tsc, "mov $0x3b, %ecx; mov $0x10, %eax; xor %edx, %edx; wrmsr;"
	"1: mov $0x10, %ecx; rdmsr; out %eax, $0x77; jmp 1b");
GUEST64(g_rdtscp, "mov $0xc0000103, %ecx; mov $0x4321, %eax; xor %edx, %edx; wrmsr;"
	"rdtscp; out %eax, $0x77; hlt");
GUEST64(g_spin, SPIN);
GUEST64(g_sti_spin, "sti; 1: jmp 1b");
/* A shadow of STI over an OUT, then the interrupt. */
GUEST64(g_shadow, "sti; out %al, $0x77; out %al, $0x78; hlt");

/* The handler of @vector speaks; see GUEST_HANDLERS. */
static void expect_handler(struct machine *m, u8 vector)
{
	if (RUN_TO(m, VMM_EXIT_IO))
		CHECK(m->page->u.io.port == vector, "the handler of %#x, not of %#x",
		      m->page->u.io.port, vector);
}

static void load_with_apic(struct machine *m, const u8 *code, const u8 *end)
{
	guest_load64(m, code, end);
	apic_write(m, APIC_SVR, 0x1ff);
}

static void msi(void)
{
	load_with_apic(&m, g_sti_hlt, g_sti_hlt_end);
	EXPECT(send_msi(m.vm, 0, 0x41), 0);
	EXPECT(send_msi(m.vm, 0, 0x41), 0);
	EXPECT(send_msi(m.vm, 0, 0x42), 0);
	expect_handler(&m, 0x42);
	CHECK(apic_read(&m, APIC_ISR + 0x20) == 4 && apic_read(&m, APIC_IRR + 0x20) == 2,
	      "ISR %#x, IRR %#x", apic_read(&m, APIC_ISR + 0x20), apic_read(&m, APIC_IRR + 0x20));
	/* Another vCPU's, nobody's, one that is no vector. */
	EXPECT(send_msi(m.vm, 3, 0x50), 0);
	EXPECT(send_msi(m.vm, 0xff, 0x10), 0);
	send_msi(m.vm, 0, 3);
}

/* Masked by IF: it waits, and comes with the instruction after STI's shadow. */
static void window(void)
{
	load_with_apic(&m, g_shadow, g_shadow_end);
	EXPECT(send_msi(m.vm, 0, 0x41), 0);
	RUN_TO(&m, VMM_EXIT_IO);
	CHECK(m.page->u.io.port == 0x77, "port %#x before the shadow's end", m.page->u.io.port);
	expect_handler(&m, 0x41);
}

static void nmi(void)
{
	struct vmm_msi msi = { .address = 0xfee00000, .data = 4 << 8 };

	load_with_apic(&m, g_hlt, g_hlt_end);
	EXPECT(call(m.vm, VMM_VM_SEND_MSI, &msi), 0);
	expect_handler(&m, 2);
	fetch(&m, VMM_GROUP_EVENTS);
	CHECK(m.page->events.nmi_masked == 1, "NMIs are not masked in the handler");
}

static void extint(void)
{
	struct vmm_level level = { .level = 1 };

	load_with_apic(&m, g_sti_hlt, g_sti_hlt_end);
	apic_write(&m, 0x350, 0x700);	/* LVT LINT0: ExtINT */
	EXPECT(call(m.vcpu, VMM_VCPU_SET_EXTINT, &level), 0);
	RUN_TO(&m, VMM_EXIT_EXTINT);
	CHECK(m.page->cached & VMM_GROUP_EVENTS, "cached %#x", m.page->cached);
	/* The level stays until user space takes it back. */
	RUN_TO(&m, VMM_EXIT_EXTINT);
	level.level = 0;
	EXPECT(call(m.vcpu, VMM_VCPU_SET_EXTINT, &level), 0);
	m.page->events.type = VMM_EVENT_INTR;
	m.page->events.vector = 0x31;
	m.page->dirty = VMM_GROUP_EVENTS;
	expect_handler(&m, 0x31);
}

static void eoi_exit(void)
{
	struct vmm_eoi_exits eois = { { 0, 1ULL << (0x61 - 64) } };
	struct vmm_msi level = { .address = 0xfee00000, .data = 0xc061 };

	load_with_apic(&m, g_sti_hlt, g_sti_hlt_end);
	EXPECT(call(m.vcpu, VMM_VCPU_SET_EOI_EXITS, &eois), 0);
	EXPECT(call(m.vm, VMM_VM_SEND_MSI, &level), 0);
	expect_handler(&m, 0x61);
	apic_write(&m, 0xb0, 0);
	RUN_TO(&m, VMM_EXIT_EOI);
	CHECK(m.page->u.eoi_vector == 0x61, "vector %#x", m.page->u.eoi_vector);
	eois.vectors[1] = 0;
	EXPECT(call(m.vcpu, VMM_VCPU_SET_EOI_EXITS, &eois), 0);
}

/* ---- the clock ------------------------------------------------------------------------------ */

#define ONE	(1ULL << 32)
#define SLACK	200			/* of rounding, at the highest ratio */

static u64 guest_tsc(void)
{
	RUN_TO(&m, VMM_EXIT_IO);
	fetch(&m, VMM_GROUP_GPRS);
	return (u32)m.page->gprs.r[VMM_RAX] | m.page->gprs.r[VMM_RDX] << 32;
}

static void clock_pause(void)
{
	struct vmm_clock clock = { .ns_ratio = ONE, .tsc_ratio = ONE, .vm_ns = 5000 }, then;
	u64 tsc;

	EXPECT(call(m.vm, VMM_VM_SET_CLOCK, &clock), 0);
	usleep(20000);
	EXPECT(call(m.vm, VMM_VM_GET_CLOCK, &then), 0);
	CHECK(then.vm_ns == 5000 && !then.flags, "paused at %llu", then.vm_ns);
	clock.flags = VMM_CLOCK_RUNNING;
	clock.guest_tsc = 1000;
	EXPECT(call(m.vm, VMM_VM_SET_CLOCK, &clock), 0);
	usleep(20000);
	EXPECT(call(m.vm, VMM_VM_GET_CLOCK, &then), 0);
	CHECK(then.vm_ns > 15000000 && then.guest_tsc > 1000, "resumed: %llu", then.vm_ns);
	CHECK(then.host_ns <= now_ns(), "host_ns is ahead");
	LOAD64(&m, g_rdtsc);
	tsc = guest_tsc();
	CHECK(tsc > then.guest_tsc && tsc < then.guest_tsc + (1ULL << 36), "the guest's TSC %#lx",
	      tsc);
	/* Any moment of the past or near future will do. */
	clock.host_ns = 1;
	EXPECT(call(m.vm, VMM_VM_SET_CLOCK, &clock), 0);
	clock.host_ns = now_ns() + 3600000000000;
	EXPECT(call(m.vm, VMM_VM_SET_CLOCK, &clock), 0);
	EXPECT(call(m.vm, VMM_VM_GET_CLOCK, &then), 0);
	CHECK(then.vm_ns == 5000, "before its time: %llu", then.vm_ns);
	clock.vm_ns = ~0ULL;
	clock.guest_tsc = ~0ULL;
	clock.ns_ratio = ONE * 200;
	EXPECT(call(m.vm, VMM_VM_SET_CLOCK, &clock), 0);
	guest_tsc();
}

/* The guest's TSC at another speed than the host's, if that can be done. */
static void clock_scales(u32 flags, bool scales)
{
	static const u64 ratios[] = { ONE / 50, ONE / 3, ONE - 1, ONE * 3 / 2, ONE * 200 };
	struct vmm_clock clock = { .flags = VMM_CLOCK_RUNNING | flags, .ns_ratio = ONE };
	struct vmm_clock before, after;
	u64 tsc, khz = dev_info().tsc_khz;

	LOAD64(&m, g_rdtsc);
	for (unsigned int i = 0; i < ARRAY_SIZE(ratios); i++) {
		clock.tsc_ratio = ratios[i];
		clock.guest_tsc = 5000 + i;
		EXPECT(call(m.vm, VMM_VM_SET_CLOCK, &clock), scales ? 0 : -EINVAL);
		if (!scales)
			continue;
		EXPECT(call(m.vm, VMM_VM_GET_CLOCK, &before), 0);
		tsc = guest_tsc();
		EXPECT(call(m.vm, VMM_VM_GET_CLOCK, &after), 0);
		CHECK(before.tsc_ratio == ratios[i] && before.guest_tsc >= 5000 + i,
		      "%llu at first", before.guest_tsc);
		CHECK(tsc >= before.guest_tsc && tsc <= after.guest_tsc,
		      "ratio %#lx: the guest reads %lu, between %llu and %llu", ratios[i], tsc,
		      before.guest_tsc, after.guest_tsc);
		tsc = flags ? (after.host_ns - before.host_ns) * khz / 1000000 :
			      after.host_tsc - before.host_tsc;
		tsc = (unsigned __int128)tsc * ratios[i] >> 32;
		CHECK(after.guest_tsc - before.guest_tsc - tsc + SLACK <= 2 * SLACK,
		      "ratio %#lx: %llu for %lu",
		      ratios[i], after.guest_tsc - before.guest_tsc, tsc);
	}
}

static void clock_scaled(void)
{
	clock_scales(0, dev_info().features & VMM_FEATURE_TSC_SCALING);
}

/* RDTSC, RDTSCP and RDMSR agree on a clock that stands still, and on one that goes. */
static void clock_emulated(void)
{
	struct vmm_clock clock = {
		.flags = VMM_CLOCK_TSC_EMULATED, .ns_ratio = ONE, .tsc_ratio = ONE,
		.guest_tsc = 0x123456789abcdef0,
	};
	u64 exits = m.history->stat[VMM_STAT_RDTSC];

	EXPECT(call(m.vm, VMM_VM_SET_CLOCK, &clock), 0);
	LOAD64(&m, g_rdtsc);
	CHECK(guest_tsc() == clock.guest_tsc, "RDTSC reads %#lx", guest_tsc());
	LOAD64(&m, g_rdmsr_tsc);
	CHECK(guest_tsc() == clock.guest_tsc + 0x10, "RDMSR reads %#lx", guest_tsc());
	LOAD64(&m, g_rdtscp);
	CHECK(m.history->stat[VMM_STAT_RDTSC] > exits, "no exits");
	RUN_TO(&m, VMM_EXIT_IO);
	if (m.page->u.io.port == 6)	/* #UD, where the module was told not to have it */
		return;
	fetch(&m, VMM_GROUP_GPRS);
	CHECK(m.page->gprs.r[VMM_RCX] == 0x4321, "RDTSCP: ECX %#llx", m.page->gprs.r[VMM_RCX]);
	CHECK(m.page->gprs.r[VMM_RAX] == 0x9abcdef0 && m.page->gprs.r[VMM_RDX] == 0x12345678,
	      "RDTSCP: %#llx, %#llx", m.page->gprs.r[VMM_RAX], m.page->gprs.r[VMM_RDX]);
	clock_scales(VMM_CLOCK_TSC_EMULATED, true);
	/* And back: the CPU reads its own again, without exits. */
	clock.flags = VMM_CLOCK_RUNNING;
	EXPECT(call(m.vm, VMM_VM_SET_CLOCK, &clock), 0);
	exits = m.history->stat[VMM_STAT_RDTSC];
	CHECK(guest_tsc() > clock.guest_tsc, "RDTSC has gone back");
	CHECK(m.history->stat[VMM_STAT_RDTSC] == exits, "exits still");
}

/* A timer of the local APIC waits while the clock stands, and comes when it goes on. */
static void clock_and_timer(void)
{
	struct vmm_clock clock = { .ns_ratio = ONE, .tsc_ratio = ONE };

	must(call(m.vm, VMM_VM_SET_CLOCK, &clock), "SET_CLOCK");
	load_with_apic(&m, g_sti_spin, g_sti_spin_end);
	apic_write(&m, 0x320, 0x45);		/* one-shot, vector 45 */
	apic_write(&m, 0x3e0, 0xb);		/* divide by 1 */
	apic_write(&m, 0x380, 1000);
	usleep(50000);
	CHECK(apic_read(&m, 0x390) > 0, "the timer ran with the clock stopped");
	clock.flags = VMM_CLOCK_RUNNING;
	EXPECT(call(m.vm, VMM_VM_SET_CLOCK, &clock), 0);
	expect_handler(&m, 0x45);
}

/* ---- a move in the middle of a delivery ---------------------------------------------- */

/*
 * All of a vCPU into another VM that has the same memory; what is compared on
 * the way is in state.c.
 */
static void move(struct machine *from, struct machine *to)
{
	static struct vmm_msr list[VMM_MSRS_MAX];
	static u8 image[8192] __attribute__((aligned(64)));
	struct vmm_msrs msrs = { .count = VMM_MSRS_MAX, .entries = (u64)list };
	struct vmm_xsave xsave = { .size = dev_info().xsave_size, .data = (u64)image };
	static struct vmm_lapic lapic;
	struct vmm_clock clock;

	must(call(from->vm, VMM_VM_GET_CLOCK, &clock), "GET_CLOCK");
	must(call(from->vcpu, VMM_VCPU_GET_LAPIC, &lapic), "GET_LAPIC");
	must(call(from->vcpu, VMM_VCPU_LIST_MSRS, &msrs), "LIST_MSRS");
	must(call(from->vcpu, VMM_VCPU_GET_MSRS, &msrs), "GET_MSRS");
	must(call(from->vcpu, VMM_VCPU_GET_XSAVE, &xsave), "GET_XSAVE");
	fetch(from, VMM_GROUP_ALL);

	machine_open(to, from->size);
	memcpy(to->ram, from->ram, from->size);
	clock.host_tsc = 0;
	must(call(to->vm, VMM_VM_SET_CLOCK, &clock), "SET_CLOCK");
	to->page->gprs = from->page->gprs;
	to->page->sregs = from->page->sregs;
	to->page->dregs = from->page->dregs;
	to->page->events = from->page->events;
	must(store(to, VMM_GROUP_ALL), "STORE");
	must(call(to->vcpu, VMM_VCPU_SET_LAPIC, &lapic), "SET_LAPIC");
	must(call(to->vcpu, VMM_VCPU_SET_MSRS, &msrs), "SET_MSRS");
	must(call(to->vcpu, VMM_VCPU_SET_XSAVE, &xsave), "SET_XSAVE");
	machine_close(from);
}

struct delivery {
	const char *what;
	const u8 *code, *end;
	u8 msi;			/* 0: none */
	u8 type, vector;	/* that the exit finds in delivery */
	u8 handler;
};

static const struct delivery deliveries[] = {
	{ "an interrupt", g_sti_spin, g_sti_spin_end, 0x41, VMM_EVENT_INTR, 0x41, 0x41 },
	{ "#UD", g_ud, g_ud_end, 0, VMM_EVENT_EXCEPTION, 6, 6 },
	{ "#DE", g_div, g_div_end, 0, VMM_EVENT_EXCEPTION, 0, 0 },
};

/* The stack is where no memory is: the CPU cannot push, and exits within the delivery. */
static void move_in_delivery(void)
{
	const struct delivery *d;

	for (d = deliveries; d < deliveries + ARRAY_SIZE(deliveries); d++) {
		struct machine from, to;

		machine_open(&from, 2 * MIB);
		load_with_apic(&from, d->code, d->end);
		from.page->gprs.r[VMM_RSP] = 0x20000800;
		from.page->dirty = VMM_GROUP_GPRS;
		if (d->msi)
			EXPECT(send_msi(from.vm, 0, d->msi), 0);
		RUN_TO(&from, VMM_EXIT_MMIO);
		CHECK(from.page->u.mmio.gpa >> 12 == 0x20000, "gpa %#llx", from.page->u.mmio.gpa);
		CHECK(from.page->events.type == d->type && from.page->events.vector == d->vector,
		      "%s: type %u, vector %#x in delivery", d->what, from.page->events.type,
		      from.page->events.vector);
		move(&from, &to);
		/* There is no memory here either... */
		RUN_TO(&to, VMM_EXIT_MMIO);
		CHECK(to.page->events.type == d->type && to.page->events.vector == d->vector,
		      "%s: type %u, vector %#x after the move", d->what, to.page->events.type,
		      to.page->events.vector);
		/* ...until now. */
		must(set_slot(to.vm, 1, 0, 0x20000000, PAGE, to.ram + GUEST_FREE), "SET_SLOT");
		expect_handler(&to, d->handler);
		machine_close(&to);
	}
}

/* An interrupt that waits in the local APIC moves along. */
static void move_pending(void)
{
	struct machine from, to;

	machine_open(&from, 2 * MIB);
	load_with_apic(&from, g_hlt, g_hlt_end);
	EXPECT(send_msi(from.vm, 0, 0x41), 0);
	RUN_TO(&from, VMM_EXIT_HALTED);
	move(&from, &to);
	to.page->gprs.rflags |= 0x200;
	to.page->dirty = VMM_GROUP_GPRS;
	expect_handler(&to, 0x41);
	machine_close(&to);
}

/* ---- events that user space gives ---------------------------------------------------- */

static void injected(void)
{
	static const struct { u8 type, vector, has_error; } rows[] = {
		{ VMM_EVENT_INTR, 0x80, 0 }, { VMM_EVENT_INTR, 0xff, 0 },
		{ VMM_EVENT_NMI, 2, 0 }, { VMM_EVENT_EXCEPTION, 0, 0 },
		{ VMM_EVENT_EXCEPTION, 6, 0 }, { VMM_EVENT_EXCEPTION, 13, 1 },
		{ VMM_EVENT_EXCEPTION, 14, 1 }, { VMM_EVENT_EXCEPTION, 17, 1 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		LOAD64(&m, g_spin);
		m.page->events = (struct vmm_events){
			.type = rows[i].type, .vector = rows[i].vector,
			.has_error = rows[i].has_error, .payload = 0x1000,
		};
		/* VT-x enters with an interrupt only where it can be taken. */
		if (rows[i].type == VMM_EVENT_INTR)
			m.page->gprs.rflags |= 0x200;
		m.page->dirty = VMM_GROUP_EVENTS | VMM_GROUP_GPRS;
		expect_handler(&m, rows[i].vector);
		fetch(&m, VMM_GROUP_EVENTS | VMM_GROUP_SREGS);
		CHECK(m.page->events.type == VMM_EVENT_NONE, "it is in delivery still");
		if (rows[i].type == VMM_EVENT_EXCEPTION && rows[i].vector == 14)
			CHECK(m.page->sregs.cr2 == 0x1000, "CR2 %#llx", m.page->sregs.cr2);
	}
	LOAD64(&m, g_int);
	expect_handler(&m, 0x55);
}

static const struct test tests[] = {
	{ "msi", msi },
	{ "window", window },
	{ "nmi", nmi },
	{ "extint", extint },
	{ "eoi-exit", eoi_exit },
	{ "injected", injected },
	{ "move-in-delivery", move_in_delivery },
	{ "move-pending", move_pending },
	{ "clock-and-timer", clock_and_timer },
	{ "clock-pause", clock_pause },
	{ "clock-scaled", clock_scaled },
	{ "clock-emulated", clock_emulated },
};

int main(int argc, char **argv)
{
	machine_open(&m, 2 * MIB);
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests));
}
