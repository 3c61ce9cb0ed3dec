// SPDX-License-Identifier: GPL-2.0
/*
 * Microsoft's hypervisor interface: the synthetic interrupt controller, its
 * messages and the synthetic timers, as "Virtual Interrupt Controller" and
 * "Timers" of the "Hypervisor Top-Level Functional Specification" have them.
 */
#include "lib/hyperv.h"
#include "lib/smp.h"

#define VECTOR		0x60		/* and 0x70, which outranks it */

PAGE_OF(message_page);
PAGE_OF(event_page);

static const char *no_direct(void) { return has_edx(DIRECT_TIMERS) ? NULL : "no direct timers"; }
static const char *alone(void) { return cpus < 2 ? "it takes two CPUs" : NULL; }
static const char *no_auto_eoi(void)
{
	return hinted(HINT_APIC) ? NULL : "the CPU does EOIs";
}


/* --- interrupts ------------------------------------------------------------------------------ */
static volatile u32 taken;
static trap_fn old_handler[2];

static void on_interrupt(struct trap *t)
{
	taken++;
	lapic_end();
}

static void interrupts_begin(void)
{
	taken = 0;
	old_handler[0] = trap_set(VECTOR, on_interrupt);
	old_handler[1] = trap_set(VECTOR + 0x10, on_interrupt);
}

static void interrupts_end(void)
{
	trap_set(VECTOR, old_handler[0]);
	trap_set(VECTOR + 0x10, old_handler[1]);
	expect("in service at the end", lapic_bit(APIC_ISR, VECTOR), 0);
	expect("and the other", lapic_bit(APIC_ISR, VECTOR + 0x10), 0);
}

/* --- synthetic interrupts ------------------------------------------------------------------- */
static struct message *message(u32 sint) { return (struct message *)message_page + sint; }

static void announced(void) { expect_true("both", has(SYNIC | TIMERS)); }

static void synic_on(void)
{
	wrmsr(MSR_SIMP, (u64)message_page | ENABLED);
	wrmsr(MSR_SCONTROL, 1);
	wrmsr(MSR_SINT(2), VECTOR);
}

static void synic_off(void)
{
	for (u32 i = 0; i < 16; i++)
		wrmsr(MSR_SINT(i), SINT_MASKED);
	wrmsr(MSR_SCONTROL, 0);
	wrmsr(MSR_SIMP, 0);
}

static void synic_values(void)
{
	expect("version", rdmsr(MSR_SVERSION), 1);
	expect("off", rdmsr(MSR_SCONTROL), 0);
	wrmsr(MSR_SCONTROL, 1);
	expect("on", rdmsr(MSR_SCONTROL), 1);
	wrmsr(MSR_SCONTROL, 0);
	expect("EOM", rdmsr(MSR_EOM), 0);
	for (u32 i = 0; i < 16; i++) {
		expect("masked", rdmsr(MSR_SINT(i)), SINT_MASKED);
		expect("vector 15", wrmsr_safe(MSR_SINT(i), 15), GP);
		expect("vector 0, masked", wrmsr_safe(MSR_SINT(i), SINT_MASKED), NO_TRAP);
		wrmsr(MSR_SINT(i), SINT_MASKED | (VECTOR + i));
		expect("reads back", rdmsr(MSR_SINT(i)), SINT_MASKED | (VECTOR + i));
	}
	memset(event_page, 0x33, PAGE_SIZE);
	wrmsr(MSR_SIEFP, (u64)event_page | ENABLED);
	expect_true("no events", is_filled(event_page, 0));
	wrmsr(MSR_SIEFP, 0);
	expect_true("uncovered", is_filled(event_page, 0x33));
	synic_off();
}

/* --- synthetic timers ------------------------------------------------------------------------ */
#define T_ENABLE	BIT(0)
#define T_PERIODIC	BIT(1)
#define T_LAZY		BIT(2)
#define T_AUTO		BIT(3)
#define T_DIRECT	BIT(12)
#define T_VECTOR(v)	((u64)(v) << 4)
#define T_SINT(n)	((u64)(n) << 16)

/* Begin anew: a count that is left from before would count. */
static void timer_set(u32 i, u64 config, u64 count)
{
	wrmsr(MSR_COUNT(i), 0);
	wrmsr(MSR_CONFIG(i), config);
	wrmsr(MSR_COUNT(i), count);
}

/* Ten seconds, with a look at interrupts, for so many to be taken. */
static bool wait_taken(u32 want)
{
	u64 end = rdtsc() + 10000 * tsc_ms;

	while (taken < want && rdtsc() < end) {
		sti_nop_cli();
		asm volatile("pause");
	}
	return taken >= want;
}

static void wait_ms(u64 ms)
{
	u64 end = rdmsr(MSR_REF_COUNT) + ms * MS;

	while (rdmsr(MSR_REF_COUNT) < end)
		sti_nop_cli();
}

static void timer_values(void)
{
	u64 config = T_PERIODIC | T_LAZY | T_AUTO | T_SINT(7);

	for (u32 i = 0; i < 4; i++) {
		expect("config", rdmsr(MSR_CONFIG(i)), 0);
		expect("count", rdmsr(MSR_COUNT(i)), 0);
		wrmsr(MSR_CONFIG(i), config);
		expect("reads back", rdmsr(MSR_CONFIG(i)), config);
		wrmsr(MSR_COUNT(i), 0x123456789abcdef0 + i);
		expect("counts", rdmsr(MSR_COUNT(i)), 0x123456789abcdef0 + i);
		expect("by itself", rdmsr(MSR_CONFIG(i)), config | T_ENABLE);
		wrmsr(MSR_COUNT(i), 0);
		expect("stopped", rdmsr(MSR_CONFIG(i)), config);
		wrmsr(MSR_CONFIG(i), T_ENABLE);
		wrmsr(MSR_COUNT(i), ~0UL);
		expect("no source", rdmsr(MSR_CONFIG(i)), 0);
		for (u32 bit = 13; bit < 64; bit += bit == 15 ? 5 : 1)
			expect("reserved", wrmsr_safe(MSR_CONFIG(i), BIT(bit)), GP);
		expect("vector 15", wrmsr_safe(MSR_CONFIG(i), T_DIRECT | T_VECTOR(15)), GP);
		expect("vector 16", wrmsr_safe(MSR_CONFIG(i), T_DIRECT | T_VECTOR(16)),
		       has_edx(DIRECT_TIMERS) ? NO_TRAP : GP);
		wrmsr(MSR_CONFIG(i), 0);
		wrmsr(MSR_COUNT(i), 0);
	}
}

static void timer_message(void)
{
	struct message *m = message(2);
	u64 then = rdmsr(MSR_REF_COUNT) + 5 * MS;
	u32 early;

	synic_on();
	interrupts_begin();
	timer_set(1, T_ENABLE | T_SINT(2), then);
	early = m->type;
	/* A host that was busy meanwhile may have let the time pass. */
	if (rdmsr(MSR_REF_COUNT) < then)
		expect("not yet", early, 0);
	expect_true("taken", wait_taken(1));
	expect("type", m->type, TIMER_EXPIRED);
	expect("size", m->size, 24);
	expect("flags", m->flags, 0);
	expect("sender", m->sender, 0);
	expect("timer", m->timer, 1);
	expect("expiry", m->expiry, then);
	expect_true("delivery", m->delivery >= then && m->delivery <= rdmsr(MSR_REF_COUNT));
	expect("once", rdmsr(MSR_CONFIG(1)), T_SINT(2));
	/* The slot is taken: the next is marked in it, and waits for EOM. */
	timer_set(3, T_AUTO | T_SINT(2), 1);
	wait_ms(2);
	expect("no second", taken, 1);
	expect("marked", m->flags, PENDING);
	expect("still the first", m->timer, 1);
	m->type = 0;
	wrmsr(MSR_EOM, 0);
	expect_true("taken", wait_taken(2));
	expect("the second", m->timer, 3);
	expect("when it was due", m->expiry, 1);
	expect("not marked", m->flags, 0);
	m->type = 0;
	wrmsr(MSR_EOM, 0);
	interrupts_end();
	synic_off();
}

/* What keeps a message back, and how it comes after all. */
static void timer_message_waits(void)
{
	static const struct { u32 msr; u64 off, on; } rows[] = {
		{ MSR_SCONTROL, 0, 1 },
		{ MSR_SIMP, 0, (u64)message_page + ENABLED },
		{ MSR_SINT(2), SINT_MASKED | VECTOR, VECTOR },
	};

	interrupts_begin();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		synic_on();
		wrmsr(rows[i].msr, rows[i].off);
		timer_set(0, T_ENABLE | T_SINT(2), 1);
		wait_ms(1);
		expect("kept back", taken, i);
		wrmsr(rows[i].msr, rows[i].on);
		expect_true("taken", wait_taken(i + 1));
		expect("there", message(2)->type, TIMER_EXPIRED);
		message(2)->type = 0;
		synic_off();
	}
	/* One that is stopped takes its message along. */
	timer_set(0, T_ENABLE | T_SINT(2), 1);
	wait_ms(1);
	wrmsr(MSR_CONFIG(0), 0);
	synic_on();
	wait_ms(1);
	expect("none", taken, ARRAY_SIZE(rows));
	/* Nobody is interrupted who looks for himself. */
	wrmsr(MSR_SINT(2), SINT_POLLING | VECTOR);
	timer_set(0, T_ENABLE | T_SINT(2), 1);
	wait_ms(1);
	expect("no interrupt", taken, ARRAY_SIZE(rows));
	expect("a message", message(2)->type, TIMER_EXPIRED);
	interrupts_end();
	synic_off();
}

static void timer_direct(void)
{
	interrupts_begin();
	for (u32 i = 0; i < 3; i++)
		wrmsr(MSR_COUNT(i), 0);
	wrmsr(MSR_CONFIG(0), T_ENABLE | T_AUTO | T_DIRECT | T_VECTOR(VECTOR));
	for (u32 i = 1; i <= 3; i++) {
		u64 then = rdmsr(MSR_REF_COUNT) + 2 * MS;

		wrmsr(MSR_COUNT(0), then);
		expect_true("taken", wait_taken(i));
		expect_true("not too soon", rdmsr(MSR_REF_COUNT) >= then);
		expect("once", rdmsr(MSR_CONFIG(0)) & T_ENABLE, 0);
	}
	/* Two at once, and one that is stopped in time. */
	wrmsr(MSR_CONFIG(1), T_ENABLE | T_AUTO | T_DIRECT | T_VECTOR(VECTOR + 0x10));
	wrmsr(MSR_CONFIG(2), T_ENABLE | T_AUTO | T_DIRECT | T_VECTOR(VECTOR));
	wrmsr(MSR_COUNT(1), rdmsr(MSR_REF_COUNT) + 2 * MS);
	wrmsr(MSR_COUNT(0), rdmsr(MSR_REF_COUNT) + 2 * MS);
	wrmsr(MSR_COUNT(2), rdmsr(MSR_REF_COUNT) + 3000 * MS);
	wrmsr(MSR_COUNT(2), 0);
	expect_true("both", wait_taken(5));
	wait_ms(5);
	expect("no more", taken, 5);
	for (u32 i = 0; i < 3; i++)
		wrmsr(MSR_CONFIG(i), 0);
	interrupts_end();
}

static void timer_periodic_of(u64 lazy)
{
	u64 begin = rdmsr(MSR_REF_COUNT), end;

	interrupts_begin();
	timer_set(0, T_PERIODIC | T_AUTO | lazy | T_DIRECT | T_VECTOR(VECTOR), 20 * MS);
	expect_true("taken", wait_taken(5));
	end = rdmsr(MSR_REF_COUNT);
	expect("still on", rdmsr(MSR_CONFIG(0)) & T_ENABLE, T_ENABLE);
	wrmsr(MSR_CONFIG(0), 0);
	expect_range("five periods", end - begin, 100 * MS, 10000 * MS);
	sti_nop_cli();
	taken = 0;
	wait_ms(50);
	expect("off", taken, 0);
	interrupts_end();
}

static void timer_periodic(void)
{
	timer_periodic_of(0);
	timer_periodic_of(T_LAZY);
	/* As fast as it may: the machine lives on. */
	interrupts_begin();
	timer_set(0, T_PERIODIC | T_AUTO | T_DIRECT | T_VECTOR(VECTOR), 1);
	expect_true("taken", wait_taken(3));
	wrmsr(MSR_COUNT(0), ~0UL);
	wrmsr(MSR_COUNT(0), 0);
	sti_nop_cli();
	interrupts_end();
}

/* An interrupt that is over at once: nobody has to end it. */
static u32 not_ended;

static void on_auto_eoi(struct trap *t)
{
	not_ended += lapic_bit(APIC_ISR, VECTOR);
	taken++;
}

static void auto_eoi(void)
{
	trap_fn old = trap_set(VECTOR, on_auto_eoi);

	taken = not_ended = 0;
	synic_on();
	wrmsr(MSR_SINT(2), SINT_AUTO_EOI | VECTOR);
	for (u32 i = 1; i <= 3; i++) {
		timer_set(0, T_ENABLE | T_SINT(2), 1);
		expect_true("taken", wait_taken(i));
		message(2)->type = 0;
	}
	expect("in service", not_ended, 0);
	/* Another source with that vector wants its EOI. */
	wrmsr(MSR_SINT(3), VECTOR);
	timer_set(0, T_ENABLE | T_SINT(2), 1);
	expect_true("taken", wait_taken(4));
	expect("in service now", not_ended, 1);
	lapic_end();
	synic_off();
	trap_set(VECTOR, old);
}

static void timer_on(void *arg)
{
	u64 then = rdmsr(MSR_REF_COUNT) + 2 * MS;

	timer_set(0, T_ENABLE | T_AUTO | T_DIRECT | T_VECTOR(VECTOR), then);
	while (rdmsr(MSR_CONFIG(0)) & T_ENABLE)
		sti_nop_cli();
	sti_nop_cli();
}

/* Each has its own. */
static void timers_of_all(void)
{
	cpus_forget_hits();
	for (u32 i = 1; i < cpus; i++)
		cpu_post(i, timer_on, NULL);
	for (u32 i = 1; i < cpus; i++)
		expect_true("done", cpu_wait(i));
	expect_true("settled", cpus_settle());
	for (u32 i = 1; i < cpus; i++)
		expect("taken", cpu_at(i)->hits[VECTOR], 1);
	expect("not here", cpu_at(0)->hits[VECTOR], 0);
}

/* --- the table ----------------------------------------------------------------------------- */
static const struct guest_case cases[] = {
	{ "announced", announced },
	{ "synic-values", synic_values },
	{ "timer-values", timer_values },
	{ "timer-message", timer_message },
	{ "timer-message-waits", timer_message_waits },
	{ "timer-direct", timer_direct, no_direct },
	{ "timer-periodic", timer_periodic, no_direct },
	{ "auto-eoi", auto_eoi, no_auto_eoi },
	{ "all-start", smp_start, alone },
	{ "timers-of-all", timers_of_all, alone },
};

void guest_main(void)
{
	smp_init();
	printf("%u CPUs, %lu ticks in a millisecond\n", cpus, tsc_ms);
	cases_run(cases, ARRAY_SIZE(cases));
}
