// SPDX-License-Identifier: GPL-2.0
/*
 * Every clock of a PC against the host's, which the device test-clock shows:
 * over `seconds=N`, 2 if absent, none of them gains or loses more than 200 ppm,
 * at the speed that `warp=PERCENT` says, and none runs backwards. Both numbers
 * are hexadecimal.
 *
 * A guest may be held up anywhere, and then the host's time, taken last, is
 * too late for the clock that was read before; it is never too early. So of
 * all pairs taken within two seconds the one counts whose clock is furthest ahead,
 * at the beginning and at the end.
 */
#include "lib/apic.h"
#include "lib/clock.h"

#define PIT_DIVISOR	59659		/* 20 Hz: one that nobody takes for a whole tick is lost */
#define RTC_HZ		64
#define HOST_PORT	0xce10
#define LEAF_TIMING	0x40000010
#define APIC_DIVIDE	128

#define NS		1000000000UL
#define LIMIT_PPM	200
#define SLACK_NS	1000000		/* of the best pair; a lag this small is not made up for */

static u16 seconds = 2, warp = 100;

struct pair {
	u64 clock, host;	/* ns since the start; the clock's as the host counts them */
};

struct clock {
	const char *name;
	u64 (*read)(void);		/* NULL: counted by interrupts */
	u64 (*hz)(void);
	u64 mask;			/* where it wraps */
	u64 last, ticks;
	bool went_back;
	struct pair best[2];		/* of the beginning, of the end */
};

static int phase = -1;			/* of best[] that is looked for, -1: none */
static u64 host_start;

static u64 host_ns(void)
{
	u32 low = inl(HOST_PORT);

	return low | (u64)inl(HOST_PORT + 4) << 32;
}

/* ---- the clocks ----------------------------------------------------------------- */

static u64 pm_read(void) { return inl(PM_PORT); }
static u64 hpet_count(void) { return hpet_read(HPET_COUNTER); }
static u64 apic_read_timer(void) { return ~apic_read(APIC_TIMER_NOW); }

static u64 pm_hz(void) { return PM_HZ; }
static u64 apic_hz(void) { return cpuid(LEAF_TIMING, 0).ebx * 1000UL / APIC_DIVIDE; }
static u64 tsc_hz(void) { return cpuid(LEAF_TIMING, 0).eax * 1000UL; }
static u64 pit_hz(void) { return PIT_HZ; }
static u64 rtc_hz(void) { return RTC_HZ; }

enum { PIT, RTC, PM, HPET_0, APIC, TSC, CLOCKS };

static struct clock clocks[CLOCKS] = {
	[PIT]		= { "PIT", NULL, pit_hz },
	[RTC]		= { "RTC", NULL, rtc_hz },
	[PM]		= { "PM timer", pm_read, pm_hz, 0xffffff },
	[HPET_0]	= { "HPET", hpet_count, hpet_hz, UINT32_MAX },
	[APIC]		= { "APIC timer", apic_read_timer, apic_hz, UINT32_MAX },
	[TSC]		= { "TSC", rdtsc, tsc_hz, UINT64_MAX },
};

static u64 clock_ns(struct clock *c)
{
	u64 hz = c->hz(), ns = c->ticks / hz * NS + c->ticks % hz * NS / hz;

	return ns / warp * 100 + ns % warp * 100 / warp;
}

/* The clock has been read, and now the host's is. */
static void take_pair(struct clock *c)
{
	struct pair now = { clock_ns(c), host_ns() - host_start };
	struct pair *best;

	if (phase < 0)
		return;
	best = &c->best[phase];
	if (!best->host || now.host - now.clock + NS < best->host - best->clock + NS)
		*best = now;
}

static void look(struct clock *c)
{
	u64 now = c->read(), step = (now - c->last) & c->mask;

	/* More than half the range is one backwards. */
	if (step > c->mask / 2)
		c->went_back = true;
	else
		c->ticks += step;
	c->last = now;
	take_pair(c);
}

static void tick(struct clock *c, u32 ticks)
{
	c->ticks += ticks;
	take_pair(c);
	apic_eoi();
}

static void on_pit(struct trap *t)
{
	tick(&clocks[PIT], PIT_DIVISOR);
}

static void on_rtc(struct trap *t)
{
	tick(&clocks[RTC], cmos_read(0x0c) & 0x40 ? 1 : 0);
}

/* ---- the run -------------------------------------------------------------------- */

static void start(void)
{
	apic_write(APIC_SVR, SVR_ENABLE | 0xff);
	trap_set(0x70, on_pit);
	trap_set(0x71, on_rtc);
	ioapic_set(2, 0x70);
	ioapic_set(8, 0x71);
	hpet_write(HPET_CONFIG, HPET_RUN);
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
	apic_write(APIC_TIMER_DIV, 0xa);
	apic_write(APIC_TIMER_INIT, UINT32_MAX);
	host_start = host_ns();
	for (int i = PM; i < CLOCKS; i++)
		clocks[i].last = clocks[i].read();
	cmos_write(0x0a, 0x2a);
	cmos_write(0x0b, cmos_read(0x0b) | 0x40);
	cmos_read(0x0c);
	pit_start(PIT_DIVISOR);
}

static void stop(void)
{
	pit_stop();
	cmos_write(0x0b, cmos_read(0x0b) & ~0x40);
	ioapic_set(2, LVT_MASKED | 0x70);
	ioapic_set(8, LVT_MASKED | 0x71);
}

/* So many host seconds, asleep between ticks. */
static void wait(u64 host_seconds)
{
	u64 end = host_ns() + host_seconds * NS;

	while (host_ns() < end) {
		sti_hlt_cli();
		for (int i = PM; i < CLOCKS; i++)
			look(&clocks[i]);
	}
}

static void run(void)
{
	start();
	phase = 0;
	wait(2);
	phase = -1;
	wait(seconds);
	phase = 1;
	wait(2);
	stop();
}

static void judge(struct clock *c)
{
	long clock = c->best[1].clock - c->best[0].clock, host = c->best[1].host - c->best[0].host;
	long off = clock - host;

	printf("     %s: %ld ppm, %ld us in %lu ms\n", c->name, off * 1000 / (host / 1000 + 1),
	       off / 1000, host / 1000000);
	expect_range(c->name, (off < 0 ? -off : off) / 1000, 0,
		     (host / 1000 * LIMIT_PPM / 1000 + SLACK_NS) / 1000);
	expect(c->name, c->went_back, false);
}

static void drift(void)
{
	run();
	for (int i = 0; i < CLOCKS; i++)
		judge(&clocks[i]);
}

static const char *no_host_clock(void)
{
	u64 now = host_ns();

	return host_ns() > now ? NULL : "no test-clock device";
}

static const struct guest_case cases[] = {
	{ "drift", drift, no_host_clock },
};

void guest_main(void)
{
	cmdline_get_hex("seconds=", &seconds);
	cmdline_get_hex("warp=", &warp);
	cases_run(cases, ARRAY_SIZE(cases));
}
