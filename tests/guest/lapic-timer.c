// SPDX-License-Identifier: GPL-2.0
/*
 * The local APIC's timer in its three modes, and the APIC's own modes: xAPIC
 * by its page, x2APIC by MSRs, which ways lead from one to another, and which
 * registers are not there.
 */
#include "lib/apic.h"

#define TRIES	5	/* the machine under this one may be busy elsewhere */
#define VECTOR		0x50
#define DIVIDE_1	0xb
#define X2APIC(reg)	(0x800 + (reg) / 16)
#define MSR_DEADLINE	0x6e0
#define BASE_ENABLE	0x800UL
#define BASE_X2		0x400UL
#define MOVED_TO	0xd0000000UL	/* nothing else is there */

static volatile u32 ticks;
static bool x2;

static void timer_write(u32 reg, u32 v)
{
	if (x2)
		wrmsr(X2APIC(reg), v);
	else
		apic_write(reg, v);
}

static u32 timer_read(u32 reg)
{
	return x2 ? rdmsr(X2APIC(reg)) : apic_read(reg);
}

static void on_tick(struct trap *t)
{
	ticks++;
	timer_write(APIC_EOI, 0);
}

static void reset(void)
{
	x2 = rdmsr(MSR_APIC_BASE) & BASE_X2;
	trap_set(VECTOR, on_tick);
	timer_write(APIC_SVR, SVR_ENABLE | 0xff);
	timer_write(APIC_LVT_TIMER, LVT_MASKED | VECTOR);
	timer_write(APIC_TIMER_INIT, 0);
	timer_write(APIC_TIMER_DIV, DIVIDE_1);
	write_cr8(0);
	sti_nop_cli();
	ticks = 0;
}

static void wait_tsc(u64 n)
{
	u64 end = rdtsc() + n;

	while (rdtsc() < end)
		asm volatile("pause");
}

static void one_shot(void)
{
	reset();
	timer_write(APIC_LVT_TIMER, VECTOR);
	timer_write(APIC_TIMER_INIT, 200000);
	sti_hlt_cli();
	expect("interrupts", ticks, 1);
	expect("current count", timer_read(APIC_TIMER_NOW), 0);
	wait_tsc(30000000);
	sti_nop_cli();
	expect("no second one", ticks, 1);
}

static void periodic(void)
{
	reset();
	timer_write(APIC_LVT_TIMER, LVT_PERIODIC | VECTOR);
	timer_write(APIC_TIMER_INIT, 1000000);
	while (ticks < 5)
		sti_hlt_cli();
	expect_true("still counts", timer_read(APIC_TIMER_NOW) > 0);
	timer_write(APIC_TIMER_INIT, 0);
	sti_nop_cli();
	ticks = 0;
	wait_tsc(5000000);
	sti_nop_cli();
	expect("stopped", ticks, 0);
}

static void masked(void)
{
	reset();
	timer_write(APIC_TIMER_INIT, 10000);
	while (timer_read(APIC_TIMER_NOW))
		;
	sti_nop_cli();
	expect("interrupts", ticks, 0);
	/* What ran out while masked is gone. */
	timer_write(APIC_LVT_TIMER, VECTOR);
	sti_nop_cli();
	expect("after unmasking", ticks, 0);
	timer_write(APIC_TIMER_INIT, 10000);
	sti_hlt_cli();
	expect("new count", ticks, 1);
}

static void counts_down(void)
{
	u32 last = 0x10000000;

	reset();
	timer_write(APIC_TIMER_INIT, last);
	for (int i = 0; i < 200; i++) {
		u32 now = timer_read(APIC_TIMER_NOW);

		if (now > last) {
			expect("current count falls", now, last);
			break;
		}
		last = now;
	}
	expect_true("counts", last < 0x10000000);
	expect("initial count", timer_read(APIC_TIMER_INIT), 0x10000000);
	timer_write(APIC_TIMER_INIT, 0);
	expect("stopped by 0", timer_read(APIC_TIMER_NOW), 0);
}

/* In the same time, a count divided by 2^n is that of 1 over 2^n. */
static void dividers(void)
{
	static const u8 code[] = { 0xb, 0x0, 0x1, 0x2, 0x3, 0x8, 0x9, 0xa };
	u64 start, by_tsc;

	reset();
	for (size_t n = 0; n < ARRAY_SIZE(code); n++) {
		u64 t0, passed;

		timer_write(APIC_TIMER_DIV, code[n]);
		expect("divide register", timer_read(APIC_TIMER_DIV), code[n]);
		timer_write(APIC_TIMER_INIT, 0xffffffff);
		t0 = rdtsc();
		wait_tsc(20000000);
		passed = (u64)(0xffffffff - timer_read(APIC_TIMER_NOW)) << n;
		t0 = rdtsc() - t0;
		if (!n) {
			start = passed;
			by_tsc = t0;
			continue;
		}
		/* Scaled to the first round's time; within 10 %. */
		passed = passed * by_tsc / t0;
		expect_range("scaled count", passed, start * 9 / 10, start * 11 / 10);
	}
	timer_write(APIC_TIMER_INIT, 0);
}

static const char *no_deadline(void)
{
	return cpu_has_tsc_deadline() ? NULL : "no TSC-deadline";
}

static void deadline(void)
{
	u64 at;

	reset();
	timer_write(APIC_LVT_TIMER, LVT_DEADLINE | VECTOR);
	asm volatile("mfence" ::: "memory");
	at = rdtsc() + 50000000;
	wrmsr(MSR_DEADLINE, at);
	expect("armed", rdmsr(MSR_DEADLINE), at);
	sti_hlt_cli();
	expect("interrupts", ticks, 1);
	expect_true("not early", rdtsc() >= at);
	expect("disarmed", rdmsr(MSR_DEADLINE), 0);
	/* Already past: at once. */
	wrmsr(MSR_DEADLINE, 1);
	sti_nop_cli();
	wait_tsc(1000000);
	sti_nop_cli();
	expect("in the past", ticks, 2);
	/* Taken back. */
	wrmsr(MSR_DEADLINE, rdtsc() + 10000000);
	wrmsr(MSR_DEADLINE, 0);
	wait_tsc(30000000);
	sti_nop_cli();
	expect("taken back", ticks, 2);
	/* In this mode the counters are dead. */
	timer_write(APIC_TIMER_INIT, 1000);
	expect("current count", timer_read(APIC_TIMER_NOW), 0);
	reset();
}

static void deadline_mode_change(void)
{
	reset();
	timer_write(APIC_LVT_TIMER, LVT_DEADLINE | VECTOR);
	wrmsr(MSR_DEADLINE, rdtsc() + 10000000);
	timer_write(APIC_LVT_TIMER, VECTOR);
	wait_tsc(30000000);
	sti_nop_cli();
	expect("disarmed by the change", ticks, 0);
	expect("reads 0 in other modes", rdmsr(MSR_DEADLINE), 0);
}

/* With interrupts on: some emulators hold the host's back as well. */
static u64 loop_ticks(void)
{
	u64 start = rdtsc();

	sti();
	for (u32 i = 0; i < 1000000; i++)
		asm volatile("");
	cli();
	return rdtsc() - start;
}

/* One that the TSC will not reach costs nothing; least of all a look at it over and over. */
static void deadline_never(void)
{
	static const u64 deadlines[] = { ~0UL, BIT(63), BIT(62) };
	u64 without;

	reset();
	without = loop_ticks();
	timer_write(APIC_LVT_TIMER, LVT_DEADLINE | VECTOR);
	for (size_t i = 0; i < ARRAY_SIZE(deadlines); i++) {
		wrmsr(MSR_DEADLINE, deadlines[i]);
		expect_range("ticks of a loop", loop_ticks(), 0, without * 2);
	}
	expect("no tick", ticks, 0);
	reset();
}

/* --- x2APIC ------------------------------------------------------------------ */
static const char *no_x2apic(void)
{
	return cpu_has_x2apic() ? NULL : "no x2APIC";
}

static u64 base(void)
{
	return rdmsr(MSR_APIC_BASE) & ~(BASE_ENABLE | BASE_X2);
}

static void to_x2apic(void)
{
	wrmsr(MSR_APIC_BASE, base() | BASE_ENABLE | BASE_X2);
}

static void x2_registers(void)
{
	static const struct {
		u16 msr;
		u64 value;
		int read, write;
	} rows[] = {
		{ X2APIC(APIC_ID), 0, NO_TRAP, GP },
		{ X2APIC(APIC_VERSION), 0, NO_TRAP, GP },
		{ X2APIC(APIC_TPR), 0x20, NO_TRAP, NO_TRAP },
		{ X2APIC(APIC_TPR), 0x100, NO_TRAP, GP },
		{ X2APIC(APIC_PPR), 0, NO_TRAP, GP },
		{ X2APIC(APIC_EOI), 0, GP, NO_TRAP },
		{ X2APIC(APIC_EOI), 1, GP, GP },
		{ X2APIC(APIC_LDR), 0, NO_TRAP, GP },
		{ X2APIC(APIC_DFR), 0, GP, GP },
		{ X2APIC(APIC_SVR), 0x1ff, NO_TRAP, NO_TRAP },
		{ X2APIC(APIC_SVR), 0x100000000, NO_TRAP, GP },
		{ X2APIC(APIC_ISR), 0, NO_TRAP, GP },
		{ X2APIC(APIC_IRR + 0x70), 0, NO_TRAP, GP },
		{ X2APIC(APIC_ESR), 0, NO_TRAP, NO_TRAP },
		{ X2APIC(APIC_ESR), 1, NO_TRAP, GP },
		{ X2APIC(APIC_ICR_HIGH), 0, GP, GP },
		{ X2APIC(APIC_LVT_LINT0), LVT_MASKED, NO_TRAP, NO_TRAP },
		{ X2APIC(APIC_TIMER_NOW), 0, NO_TRAP, GP },
		{ X2APIC(APIC_TIMER_DIV), 0xb, NO_TRAP, NO_TRAP },
		{ 0x83f, 0x100, GP, GP },	/* SELF IPI: eight bits, write-only */
		{ 0x801, 0, GP, GP },
		{ 0x804, 0, GP, GP },
		{ 0x840, 0, GP, GP },
		{ 0x8ff, 0, GP, GP },
	};

	to_x2apic();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		u64 v;

		if (!expect("read", rdmsr_safe(rows[i].msr, &v), rows[i].read) ||
		    !expect("write", wrmsr_safe(rows[i].msr, rows[i].value), rows[i].write))
			printf("     of MSR 0x%x\n", rows[i].msr);
	}
	wrmsr(X2APIC(APIC_TPR), 0);
}

static void x2_ipi(void)
{
	u64 id;

	to_x2apic();
	reset();
	id = rdmsr(X2APIC(APIC_ID));
	expect("id", id, cpuid(0xb, 0).edx);
	expect("LDR", rdmsr(X2APIC(APIC_LDR)), (id >> 4) << 16 | BIT(id & 15));
	wrmsr(0x83f, VECTOR);
	sti_nop_cli();
	expect("SELF IPI", ticks, 1);
	wrmsr(X2APIC(APIC_ICR), id << 32 | ICR_ASSERT | VECTOR);
	sti_nop_cli();
	expect("ICR, physical", ticks, 2);
	wrmsr(X2APIC(APIC_ICR), ((id >> 4) << 16 | BIT(id & 15)) << 32 | ICR_LOGICAL |
	      ICR_ASSERT | VECTOR);
	sti_nop_cli();
	expect("ICR, logical", ticks, 3);
	write_cr8(5);
	expect("TPR", rdmsr(X2APIC(APIC_TPR)), 0x50);
	write_cr8(0);
}

static void x2_timer(void)
{
	to_x2apic();
	one_shot();
	periodic();
}

/* The page is plain memory space in x2APIC mode: nothing there answers. */
static void x2_page_is_gone(void)
{
	to_x2apic();
	wrmsr(X2APIC(APIC_TPR), 0x30);
	apic_write(APIC_TPR, 0x70);
	expect("TPR", rdmsr(X2APIC(APIC_TPR)), 0x30);
	wrmsr(X2APIC(APIC_TPR), 0);
}

static u32 x2_above;

static void on_above(struct trap *t)
{
	x2_above++;
}

/* What waits is taken at once, when the way is free. */
static void x2_priorities(void)
{
	to_x2apic();
	reset();
	wrmsr(X2APIC(APIC_TPR), VECTOR);
	wrmsr(0x83f, VECTOR);
	sti_nop_cli();
	expect("PPR", rdmsr(X2APIC(APIC_PPR)), VECTOR);
	expect("TPR holds it back", ticks, 0);
	sti();
	wrmsr(X2APIC(APIC_TPR), 0);
	asm volatile("nop; cli");
	expect("lower TPR", ticks, 1);

	trap_set(0x60, on_above);
	wrmsr(0x83f, 0x60);
	sti_nop_cli();
	expect("another above it", x2_above, 1);
	wrmsr(0x83f, VECTOR);
	sti_nop_cli();
	expect("PPR", rdmsr(X2APIC(APIC_PPR)), 0x60);
	expect("it is in service", ticks, 1);
	sti();
	wrmsr(X2APIC(APIC_EOI), 0);
	asm volatile("nop; cli");
	expect("its EOI", ticks, 2);
	expect("PPR", rdmsr(X2APIC(APIC_PPR)), 0);
}

/* Disabled by software it takes nothing, not from itself either. */
static void x2_soft_disabled(void)
{
	to_x2apic();
	reset();
	wrmsr(X2APIC(APIC_SVR), 0xff);
	wrmsr(0x83f, VECTOR);
	sti_nop_cli();
	wrmsr(X2APIC(APIC_SVR), SVR_ENABLE | 0xff);
	sti_nop_cli();
	expect("taken", ticks, 0);
	wrmsr(0x83f, VECTOR);
	sti_nop_cli();
	expect("taken", ticks, 1);
}

/* "x2APIC State Transitions": the steps drawn there, and between them the others. */
static void transitions(void)
{
	to_x2apic();
	expect("x2APIC to xAPIC", wrmsr_safe(MSR_APIC_BASE, base() | BASE_ENABLE), GP);
	expect("x2APIC to EXTD without EN", wrmsr_safe(MSR_APIC_BASE, base() | BASE_X2), GP);
	expect("x2APIC to off", wrmsr_safe(MSR_APIC_BASE, base()), NO_TRAP);
	expect("off to x2APIC", wrmsr_safe(MSR_APIC_BASE, base() | BASE_ENABLE | BASE_X2), GP);
	expect("off to EXTD without EN", wrmsr_safe(MSR_APIC_BASE, base() | BASE_X2), GP);
	expect("off to xAPIC", wrmsr_safe(MSR_APIC_BASE, base() | BASE_ENABLE), NO_TRAP);
	expect("xAPIC to EXTD without EN", wrmsr_safe(MSR_APIC_BASE, base() | BASE_X2), GP);
}

/* --- xAPIC ------------------------------------------------------------------- */
static void xapic_msrs_fault(void)
{
	u64 v;

	expect("read", rdmsr_safe(X2APIC(APIC_ID), &v), GP);
	expect("write", wrmsr_safe(X2APIC(APIC_TPR), 0), GP);
}

/* The page goes where IA32_APIC_BASE says, and is nowhere else. */
static void moved(void)
{
	u64 old = rdmsr(MSR_APIC_BASE);
	u32 version;

	reset();
	version = apic_read(APIC_VERSION);
	wrmsr(MSR_APIC_BASE, MOVED_TO | (old & 0xfff));
	expect("version there", mmio_read(MOVED_TO + APIC_VERSION), version);
	mmio_write(MOVED_TO + APIC_TPR, 0x30);
	apic_write(APIC_TPR, 0x70);
	expect("CR8", read_cr8(), 3);
	mmio_write(MOVED_TO + APIC_ICR, ICR_SELF | ICR_ASSERT | VECTOR);
	wrmsr(MSR_APIC_BASE, old);
	expect("version back", apic_read(APIC_VERSION), version);
	expect("TPR", apic_read(APIC_TPR), 0x30);
	sti_nop_cli();
	expect("IPI to itself", ticks, 1);
	apic_write(APIC_TPR, 0);
}

static void globally_off(void)
{
	u64 old = base() | BASE_ENABLE;

	wrmsr(MSR_APIC_BASE, base());
	expect("CPUID's APIC bit", cpuid(1, 0).edx >> 9 & 1, 0);
	wrmsr(MSR_APIC_BASE, old);
	if (expect("CPUID's APIC bit", cpuid(1, 0).edx >> 9 & 1, 1))
		one_shot();
}

static void base_reserved(void)
{
	u64 old = rdmsr(MSR_APIC_BASE);

	expect("BSP", old >> 8 & 1, 1);
	expect("address", old & 0xfffff000, LAPIC);
	expect("bit 0", wrmsr_safe(MSR_APIC_BASE, old | 1), GP);
	expect("bit 9", wrmsr_safe(MSR_APIC_BASE, old | 0x200), GP);
	expect("bit 63", wrmsr_safe(MSR_APIC_BASE, old | BIT(63)), GP);
	wrmsr(MSR_APIC_BASE, old);
}

static const struct guest_case cases[] = {
	{ "one-shot", one_shot, .tries = TRIES },
	{ "periodic", periodic, .tries = TRIES },
	{ "masked", masked, .tries = TRIES },
	{ "counts-down", counts_down, .tries = TRIES },
	{ "dividers", dividers, .tries = TRIES },
	{ "deadline", deadline, no_deadline, .tries = TRIES },
	{ "deadline-never", deadline_never, no_deadline, .tries = TRIES },
	{ "deadline-mode-change", deadline_mode_change, no_deadline, .tries = TRIES },
	{ "base-reserved", base_reserved },
	{ "moved", moved },
	{ "xapic-msrs-fault", xapic_msrs_fault },
	/* From here on in x2APIC mode, whose only way out is off. */
	{ "x2-registers", x2_registers, no_x2apic },
	{ "x2-ipi", x2_ipi, no_x2apic },
	{ "x2-timer", x2_timer, no_x2apic, .tries = TRIES },
	{ "x2-page-is-gone", x2_page_is_gone, no_x2apic },
	{ "x2-priorities", x2_priorities, no_x2apic },
	{ "x2-soft-disabled", x2_soft_disabled, no_x2apic },
	{ "x2-transitions", transitions, no_x2apic },
	/* Some emulators cannot come back from this. */
	{ "globally-off", globally_off },
};

GUEST(cases)
