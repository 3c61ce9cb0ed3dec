// SPDX-License-Identifier: GPL-2.0
/*
 * Hyper-V's synthetic timers as they change hands: from telling by a message to
 * interrupting directly and back, at rest and armed; asleep, idle, and while
 * the guest moves its TSC.
 */
#include "lib/hyperv.h"
#include "lib/smp.h"

#define ON		BIT(0)
#define PERIODIC	BIT(1)
#define LAZY		BIT(2)
#define AUTO		BIT(3)
#define DIRECT_TO(v)	(BIT(12) | (u64)(v) << 4)
#define MESSAGE_TO(n)	((u64)(n) << 16)
#define FAR		(100000000 * MS)
#define SOON		(300 * MS)		/* and yet not before a busy host goes on */

#define DIRECT_VECTOR	0x60
#define MESSAGE_VECTOR	0x61
#define DIRECT		DIRECT_TO(DIRECT_VECTOR)
#define MESSAGE		MESSAGE_TO(2)

static struct message messages[16] __attribute__((aligned(PAGE_SIZE)));
static volatile u32 direct, told;

static void on_direct(struct trap *t)
{
	direct++;
	lapic_end();
}

static void on_message(struct trap *t)
{
	told++;
	lapic_end();
}

static u64 now(void) { return rdmsr(MSR_REF_COUNT); }

static void begin(void)
{
	direct = told = 0;
	messages[2].type = 0;
	wrmsr(MSR_SIMP, (u64)messages | 1);
	wrmsr(MSR_SCONTROL, 1);
	wrmsr(MSR_SINT(2), MESSAGE_VECTOR);
}

static void end(void)
{
	for (u32 i = 0; i < 4; i++) {
		wrmsr(MSR_CONFIG(i), 0);
		wrmsr(MSR_COUNT(i), 0);
	}
	sti_nop_cli();
	wrmsr(MSR_SINT(2), SINT_MASKED);
	wrmsr(MSR_SCONTROL, 0);
	wrmsr(MSR_SIMP, 0);
}

/* Ten seconds, for so many of both. */
static bool wait_taken(u32 want_direct, u32 want_told)
{
	u64 until = now() + 10000 * MS;

	while ((direct < want_direct || told < want_told) && now() < until)
		sti_nop_cli();
	return expect("direct", direct, want_direct) & expect("by messages", told, want_told);
}

static void wait_ms(u64 ms)
{
	u64 until = now() + ms * MS;

	while (now() < until)
		sti_nop_cli();
}

static void expect_timer(u32 i, u64 config, u64 count)
{
	expect("config", rdmsr(MSR_CONFIG(i)), config);
	expect("count", rdmsr(MSR_COUNT(i)), count);
}

/* What a timer has is its own whoever keeps it, and what is refused changes nothing. */
static void values(void)
{
	static const u64 configs[] = {
		DIRECT, MESSAGE, DIRECT | AUTO, DIRECT_TO(255) | LAZY, 0,
		DIRECT | PERIODIC | MESSAGE, DIRECT_TO(16), MESSAGE | AUTO | PERIODIC,
	};
	static const u64 refused[] = { DIRECT_TO(15), DIRECT | BIT(13), BIT(20), DIRECT | BIT(63) };

	begin();
	for (u32 i = 0; i < 4; i++) {
		for (size_t j = 0; j < ARRAY_SIZE(configs); j++) {
			wrmsr(MSR_CONFIG(i), configs[j]);
			wrmsr(MSR_COUNT(i), FAR + j);
			expect_timer(i, configs[j] | (configs[j] & AUTO ? ON : 0), FAR + j);
			for (size_t k = 0; k < ARRAY_SIZE(refused); k++)
				expect("refused", wrmsr_safe(MSR_CONFIG(i), refused[k]), GP);
			expect_timer(i, configs[j] | (configs[j] & AUTO ? ON : 0), FAR + j);
			/* The count goes along. */
			wrmsr(MSR_CONFIG(i), configs[(j + 1) % ARRAY_SIZE(configs)]);
			expect_timer(i, configs[(j + 1) % ARRAY_SIZE(configs)], FAR + j);
		}
		expect_timer((i + 1) % 4, 0, 0);
		wrmsr(MSR_CONFIG(i), 0);
		wrmsr(MSR_COUNT(i), 0);
	}
	end();
}

static void auto_enable(void)
{
	begin();
	wrmsr(MSR_CONFIG(1), DIRECT | AUTO);
	wrmsr(MSR_COUNT(1), now() + 2 * MS);
	wait_taken(1, 0);
	expect("off", rdmsr(MSR_CONFIG(1)), DIRECT | AUTO);
	wrmsr(MSR_COUNT(1), 1);
	wait_taken(2, 0);
	/* Without the bit, a count alone is none. */
	wrmsr(MSR_CONFIG(1), DIRECT);
	wrmsr(MSR_COUNT(1), 1);
	wait_ms(2);
	expect("none", direct, 2);
	wrmsr(MSR_CONFIG(1), DIRECT | ON);
	wait_taken(3, 0);
	end();
}

/* Armed, it becomes one of the other kind, and tells once and in that way. */
static void changes_hands(void)
{
	u64 then;

	begin();
	for (u32 i = 0; i < 4; i++) {
		u32 before = told;

		then = now() + SOON;
		wrmsr(MSR_COUNT(i), then);
		wrmsr(MSR_CONFIG(i), DIRECT | ON);
		wrmsr(MSR_CONFIG(i), MESSAGE | ON);
		wait_taken(direct, before + 1);
		expect_true("not too soon", now() >= then);
		expect("timer", messages[2].timer, i);
		expect("expiry", messages[2].expiry, then);
		messages[2].type = 0;
		expect_timer(i, MESSAGE, then);
		before = direct;
		then = now() + SOON;
		wrmsr(MSR_COUNT(i), then);
		wrmsr(MSR_CONFIG(i), MESSAGE | ON);
		wrmsr(MSR_CONFIG(i), DIRECT | ON);
		wait_taken(before + 1, told);
		expect_true("not too soon", now() >= then);
		expect_timer(i, DIRECT, then);
	}
	wait_ms(SOON / MS + 20);
	wait_taken(4, 4);
	end();
}

static void periodic_changes_hands(void)
{
	begin();
	wrmsr(MSR_CONFIG(0), DIRECT | PERIODIC | AUTO);
	wrmsr(MSR_COUNT(0), 5 * MS);
	while (direct < 3)
		sti_nop_cli();
	wrmsr(MSR_CONFIG(0), MESSAGE | PERIODIC | ON);
	direct = 0;
	for (u32 i = 1; i <= 3; i++) {
		while (told < i)
			sti_nop_cli();
		messages[2].type = 0;
	}
	expect("no more directly", direct, 0);
	wrmsr(MSR_CONFIG(0), DIRECT | PERIODIC | ON);
	sti_nop_cli();
	told = 0;
	while (direct < 3)
		sti_nop_cli();
	expect("no more messages", told, 0);
	expect_timer(0, DIRECT | PERIODIC | ON, 5 * MS);
	end();
}

static void stops(void)
{
	static const struct { u32 msr; u64 value; } rows[] = {
		{ MSR_COUNT(3), 0 }, { MSR_CONFIG(3), DIRECT }, { MSR_CONFIG(3), 0 },
		{ MSR_CONFIG(3), MESSAGE }, { MSR_COUNT(3), FAR },
	};

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		wrmsr(MSR_CONFIG(3), DIRECT | AUTO);
		wrmsr(MSR_COUNT(3), now() + SOON);
		wrmsr(rows[i].msr, rows[i].value);
		wait_ms(SOON / MS + 20);
		expect("stopped", direct + told, 0);
	}
	end();
}

/* From HLT, and idle with interrupts off. */
static void asleep(void)
{
	u64 then;

	begin();
	wrmsr(MSR_CONFIG(0), DIRECT | AUTO);
	for (u32 i = 1; i <= 5; i++) {
		then = now() + i * MS;
		wrmsr(MSR_COUNT(0), then);
		while (direct < i)
			asm volatile("sti; hlt; cli" ::: "memory");
		expect_true("not too soon", now() >= then);
	}
	if (has(IDLE)) {
		then = now() + 3 * MS;
		wrmsr(MSR_COUNT(0), then);
		rdmsr(MSR_IDLE);
		expect_true("not too soon", now() >= then);
		expect("not taken", direct, 5);
		wait_taken(6, 0);
	}
	end();
}

/* Reference time does not move with it, not even when it wraps meanwhile. */
static void tsc_moves(void)
{
	u64 adjust = rdmsr(MSR_TSC_ADJUST), then;
	const u64 to[] = {
		adjust + BIT(40), adjust - rdtsc(), adjust - rdtsc() - 1000 * 1000, BIT(63), adjust,
	};

	begin();
	wrmsr(MSR_CONFIG(2), DIRECT | AUTO);
	for (u32 i = 0; i < ARRAY_SIZE(to); i++) {
		/* Moved while it is armed, and armed afterwards. */
		for (u32 j = 0; j < 2; j++) {
			if (j)
				wrmsr(MSR_TSC_ADJUST, to[i]);
			then = now() + 20 * MS;
			wrmsr(MSR_COUNT(2), then);
			if (!j)
				wrmsr(MSR_TSC_ADJUST, to[i]);
			wait_taken(2 * i + j + 1, 0);
			expect_true("not too soon", now() >= then);
			expect_true("in time", now() < then + 5000 * MS);
		}
	}
	wrmsr(MSR_TSC_ADJUST, adjust);
	end();
}

static const struct guest_case cases[] = {
	{ "values", values },
	{ "auto-enable", auto_enable },
	{ "changes-hands", changes_hands },
	{ "periodic-changes-hands", periodic_changes_hands },
	{ "stops", stops },
	{ "asleep", asleep },
	{ "tsc-moves", tsc_moves },
};

void guest_main(void)
{
	smp_init();
	trap_set(DIRECT_VECTOR, on_direct);
	trap_set(MESSAGE_VECTOR, on_message);
	cases_run(cases, ARRAY_SIZE(cases));
}
