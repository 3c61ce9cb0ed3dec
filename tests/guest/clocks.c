// SPDX-License-Identifier: GPL-2.0
/*
 * The clocks of a PC against each other: TSC, PIT, ACPI PM timer, local APIC
 * timer, HPET and RTC. None runs backwards, and over a window of at least 200 ms
 * their rates agree. `pm=PORT`, in hexadecimal, says where the PM timer is, if
 * not at 0x608.
 */
#include "lib/apic.h"
#include "lib/clock.h"

#define WINDOW_MS	200
/* The machine under this one may be busy elsewhere, and ticks that nobody takes are lost. */
#define TRIES		5

static u16 pm_port = PM_PORT;

static u32 pm_read(void)
{
	return inl(pm_port) & 0xffffff;
}

/* Runs until the PM timer says that WINDOW_MS are over; its true ticks. */
static u64 wait_window(void)
{
	u32 start = pm_read();
	u32 passed;

	do {
		for (int i = 0; i < 2000; i++)
			asm volatile("pause");
		passed = (pm_read() - start) & 0xffffff;
	} while (passed < PM_HZ / 1000 * WINDOW_MS);
	return passed;
}

/* @ticks of a clock of @hz take as long as @pm ticks of the PM timer. */
static void expect_rate(const char *what, u64 ticks, u64 hz, u64 pm)
{
	u64 want = pm * hz / PM_HZ;

	expect_range(what, ticks, want - want / 100, want + want / 100);
}

static const char *no_pm_timer(void)
{
	u32 a = inl(pm_port);

	for (int i = 0; i < 1000; i++) {
		if (inl(pm_port) != a)
			return NULL;
	}
	return "no PM timer where it should be";
}

static void tsc_monotone(void)
{
	u64 last = rdtsc();

	for (int i = 0; i < 20000; i++) {
		u64 now = rdtsc();

		if (now < last) {
			expect("went back to", now, last);
			return;
		}
		last = now;
		if (i % 100 == 0)
			outb(0x80, 0);
	}
}

static void pm_monotone(void)
{
	u32 last = pm_read();

	for (int i = 0; i < 500; i++) {
		u32 now = pm_read();

		/* A step of more than half the range is one backwards. */
		if (((now - last) & 0xffffff) > 0x800000) {
			expect("went back to", now, last);
			return;
		}
		last = now;
	}
}

static u16 pit_latch(u8 channel)
{
	u8 lo;

	outb(0x43, channel << 6);
	lo = inb(0x40 + channel);
	return lo | inb(0x40 + channel) << 8;
}

/* Channel 2 counts down from 65535 while its gate is open. */
static void pit_counts(void)
{
	u16 last, now;
	u32 falls = 0;

	outb(0x61, (inb(0x61) & ~2) | 1);
	outb(0x43, 0xb0);
	outb(0x42, 0xff);
	outb(0x42, 0xff);
	last = pit_latch(2);
	for (int i = 0; i < 200; i++) {
		now = pit_latch(2);
		/* It goes around in 55 ms. */
		falls += (u16)(last - now) < 0x8000;
		last = now;
	}
	expect("falls or stays", falls, 200);
	outb(0x61, inb(0x61) & ~3);
}

/* The latch holds until it is read, and the counter goes on. */
static void pit_latch_holds(void)
{
	u16 first, second;

	pit_start(0);
	outb(0x43, 0x00);
	for (int i = 0; i < 20; i++)
		outb(0x80, 0);
	outb(0x43, 0x00);			/* ignored, one is held */
	first = inb(0x40);
	first |= inb(0x40) << 8;
	second = pit_latch(0);
	expect_true("moved on", first != second);
	/* Read-back: status of channel 0, mode 2, both bytes. */
	outb(0x43, 0xe2);
	expect("status", inb(0x40) & 0x3f, 0x34);
	pit_stop();
}

/* Port 0x61: OUT of channel 2 in mode 0 rises when the count is over. */
static void pit_out(void)
{
	u32 turns = 0;

	outb(0x61, (inb(0x61) & ~2) | 1);
	outb(0x43, 0xb0);
	outb(0x42, 0x00);
	outb(0x42, 0x20);
	expect("low while counting", inb(0x61) & 0x20, 0);
	while (!(inb(0x61) & 0x20) && turns < 1000000)
		turns++;
	expect("high when done", inb(0x61) & 0x20, 0x20);
	outb(0x61, inb(0x61) & ~1);
}

static void pit_rate(void)
{
	u64 pm_start, pm, ticks = 0;
	u16 last, now;

	pit_start(0);				/* 65536 */
	last = pit_latch(0);
	pm_start = pm_read();
	do {
		now = pit_latch(0);
		ticks += (u16)(last - now);
		last = now;
		pm = (pm_read() - pm_start) & 0xffffff;
	} while (pm < PM_HZ / 1000 * WINDOW_MS);
	pit_stop();
	expect_rate("ticks", ticks, PIT_HZ, pm);
}

static volatile u32 irqs;

static void on_irq(struct trap *t)
{
	irqs++;
	apic_eoi();
}

/* Interrupts at 500 Hz: as many as the time has room for, give or take two. */
static void pit_irq_rate(void)
{
	u64 pm;

	apic_write(APIC_SVR, SVR_ENABLE | 0xff);
	trap_set(0x70, on_irq);
	pit_start(PIT_HZ / 500);
	ioapic_set(2, 0x70);
	irqs = 0;
	sti();
	pm = wait_window();
	cli();
	ioapic_set(2, LVT_MASKED | 0x70);
	pit_stop();
	sti_nop_cli();
	expect_range("interrupts", irqs, pm * 500 / PM_HZ - 2, pm * 500 / PM_HZ + 2);
}

static void rtc_irq_rate(void)
{
	u64 pm;
	u8 b = cmos_read(0x0b);

	apic_write(APIC_SVR, SVR_ENABLE | 0xff);
	trap_set(0x70, on_irq);
	cmos_write(0x0a, 0x28);			/* 256 Hz */
	cmos_write(0x0b, b | 0x40);
	ioapic_set(8, 0x70);
	/* Only now: an edge while the pin is masked is lost, and none comes after it. */
	cmos_read(0x0c);
	irqs = 0;
	pm = pm_read();
	while (irqs < 52) {
		sti_hlt_cli();
		expect("periodic flag", cmos_read(0x0c) & 0xc0, 0xc0);
	}
	pm = (pm_read() - pm) & 0xffffff;
	ioapic_set(8, LVT_MASKED | 0x70);
	cmos_write(0x0b, b);
	expect_range("52 interrupts, in PM ticks", pm, PM_HZ * 50 / 256, PM_HZ * 54 / 256);
}

/* Twice the window gives twice the ticks. */
static void tsc_rate(void)
{
	u64 t0, t1, t2, pm1, pm2;

	t0 = rdtsc();
	pm1 = wait_window();
	t1 = rdtsc();
	pm2 = wait_window();
	t2 = rdtsc();
	printf("     tsc: %lu kHz\n", (t2 - t0) * (PM_HZ / 1000) / (pm1 + pm2));
	t1 -= t0;
	t2 -= t0 + t1;
	/* Both scaled to the first window. */
	t2 = t2 * pm1 / pm2;
	expect_range("second window", t2, t1 - t1 / 50, t1 + t1 / 50);
}

static void apic_timer_rate(void)
{
	u64 pm1, pm2, a, b;

	apic_write(APIC_SVR, SVR_ENABLE | 0xff);
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
	apic_write(APIC_TIMER_DIV, 0x3);
	apic_write(APIC_TIMER_INIT, 0xffffffff);
	pm1 = wait_window();
	a = 0xffffffff - apic_read(APIC_TIMER_NOW);
	apic_write(APIC_TIMER_INIT, 0xffffffff);
	pm2 = wait_window();
	b = 0xffffffff - apic_read(APIC_TIMER_NOW);
	apic_write(APIC_TIMER_INIT, 0);
	printf("     local APIC timer: %lu kHz\n", a * 16 * (PM_HZ / 1000) / pm1);
	b = b * pm1 / pm2;
	expect_range("second window", b, a - a / 50, a + a / 50);
}

/* --- the HPET -------------------------------------------------------------------- */

static const char *no_hpet_or_pm(void)
{
	const char *why = no_hpet();

	return why ? why : no_pm_timer();
}

static void hpet_monotone(void)
{
	u32 last;

	hpet_write(HPET_CONFIG, HPET_RUN);
	last = hpet_read(HPET_COUNTER);
	for (int i = 0; i < 500; i++) {
		u32 now = hpet_read(HPET_COUNTER);

		if (now - last > 0x80000000) {
			expect("went back to", now, last);
			break;
		}
		last = now;
	}
	hpet_write(HPET_CONFIG, 0);
	last = hpet_read(HPET_COUNTER);
	expect("halted", hpet_read(HPET_COUNTER), last);
}

static void hpet_rate(void)
{
	u64 pm;
	u32 start;

	hpet_write(HPET_CONFIG, HPET_RUN);
	start = hpet_read(HPET_COUNTER);
	pm = wait_window();
	expect_rate("ticks", hpet_read(HPET_COUNTER) - start, hpet_hz(), pm);
	hpet_write(HPET_CONFIG, 0);
}

/* Comparator 0 has the PIT's place, whose own interrupts, twice as many, are not seen. */
static void hpet_irq_rate(void)
{
	u32 period = hpet_hz() / 500;
	u64 pm;

	apic_write(APIC_SVR, SVR_ENABLE | 0xff);
	trap_set(0x70, on_irq);
	hpet_write(HPET_TN(0), HPET_INTERRUPT | HPET_PERIODIC | HPET_SET_VALUE | HPET_32);
	hpet_write(HPET_TN(0) + 8, hpet_read(HPET_COUNTER) + period);
	hpet_write(HPET_TN(0) + 8, period);
	hpet_write(HPET_CONFIG, HPET_RUN | HPET_LEGACY);
	pit_start(PIT_HZ / 1000);
	ioapic_set(2, 0x70);
	irqs = 0;
	sti();
	pm = wait_window();
	cli();
	ioapic_set(2, LVT_MASKED | 0x70);
	pit_stop();
	hpet_write(HPET_TN(0), 0);
	hpet_write(HPET_CONFIG, 0);
	sti_nop_cli();
	expect_range("interrupts", irqs, pm * 500 / PM_HZ - 2, pm * 500 / PM_HZ + 2);
}

/* Comparator 2 by the highest pin that it can have: once, after 20 ms. */
static void hpet_one_shot(void)
{
	u32 pins = hpet_read(HPET_TN(2) + 4), pin = 23;
	u64 pm;

	while (pin > 16 && !(pins >> pin & 1))
		pin--;
	apic_write(APIC_SVR, SVR_ENABLE | 0xff);
	trap_set(0x70, on_irq);
	hpet_write(HPET_CONFIG, HPET_RUN);
	hpet_write(HPET_TN(2), HPET_INTERRUPT | HPET_32 | pin << 9);
	expect("pin", hpet_read(HPET_TN(2)) >> 9 & 31, pin);
	ioapic_set(pin, 0x70);
	irqs = 0;
	pm = pm_read();
	hpet_write(HPET_TN(2) + 8, hpet_read(HPET_COUNTER) + hpet_hz() / 50);
	sti_hlt_cli();
	pm = (pm_read() - pm) & 0xffffff;
	expect_range("20 ms, in PM ticks", pm, PM_HZ / 50 - PM_HZ / 5000, PM_HZ / 25);
	sti();
	wait_window();
	cli();
	expect("interrupts", irqs, 1);
	ioapic_set(pin, LVT_MASKED | 0x70);
	hpet_write(HPET_TN(2), 0);
	hpet_write(HPET_CONFIG, 0);
}

static u32 bcd(u8 v)
{
	return (v >> 4) * 10 + (v & 15);
}

static void rtc_date(void)
{
	u8 b = cmos_read(0x0b);
	bool binary = b & 4;
	u32 v[10];

	while (cmos_read(0x0a) & 0x80)
		;
	for (u8 i = 0; i < 10; i++)
		v[i] = binary ? cmos_read(i) : bcd(cmos_read(i));
	expect_range("second", v[0], 0, 59);
	expect_range("minute", v[2], 0, 59);
	expect("24 hours", b & 2, 2);
	expect_range("hour", v[4], 0, 23);
	expect_range("weekday", v[6], 1, 7);
	expect_range("day", v[7], 1, 31);
	expect_range("month", v[8], 1, 12);
	expect_range("year", v[9], 20, 99);
	expect("battery", cmos_read(0x0d), 0x80);
}

static void cmos_ram(void)
{
	u8 old = cmos_read(0x40);

	cmos_write(0x40, 0x5a);
	cmos_write(0x41, 0xa5);
	expect("byte", cmos_read(0x40), 0x5a);
	expect("next byte", cmos_read(0x41), 0xa5);
	cmos_write(0x40, old);
}

/* HLT until the timer: the time asleep counts like any other. */
static void sleep_counts(void)
{
	u64 t0, busy, asleep, pm1, pm2;
	u32 start;

	t0 = rdtsc();
	pm1 = wait_window();
	busy = rdtsc() - t0;

	apic_write(APIC_SVR, SVR_ENABLE | 0xff);
	trap_set(0x70, on_irq);
	pit_start(PIT_HZ / 20);
	ioapic_set(2, 0x70);
	irqs = 0;
	sti_hlt_cli();
	t0 = rdtsc();
	start = pm_read();
	while (irqs < 5)
		sti_hlt_cli();
	asleep = rdtsc() - t0;
	pm2 = (pm_read() - start) & 0xffffff;
	ioapic_set(2, LVT_MASKED | 0x70);
	pit_stop();
	expect_range("4 ticks of 20 Hz, in PM ticks", pm2, PM_HZ / 5 - PM_HZ / 50,
		     PM_HZ / 5 + PM_HZ / 50);
	asleep = asleep * pm1 / pm2;
	expect_range("tsc", asleep, busy - busy / 50, busy + busy / 50);
}

static const struct guest_case cases[] = {
	{ "tsc-monotone", tsc_monotone },
	{ "pm-monotone", pm_monotone, no_pm_timer },
	{ "pit-counts", pit_counts, .tries = TRIES },
	{ "pit-latch-holds", pit_latch_holds, .tries = TRIES },
	{ "pit-out", pit_out, .tries = TRIES },
	{ "pit-rate", pit_rate, no_pm_timer, .tries = TRIES },
	{ "pit-irq-rate", pit_irq_rate, no_pm_timer, .tries = TRIES },
	{ "rtc-irq-rate", rtc_irq_rate, no_pm_timer, .tries = TRIES },
	{ "tsc-rate", tsc_rate, no_pm_timer, .tries = TRIES },
	{ "apic-timer-rate", apic_timer_rate, no_pm_timer, .tries = TRIES },
	{ "sleep-counts", sleep_counts, no_pm_timer, .tries = TRIES },
	{ "hpet-monotone", hpet_monotone, no_hpet },
	{ "hpet-rate", hpet_rate, no_hpet_or_pm, .tries = TRIES },
	{ "hpet-irq-rate", hpet_irq_rate, no_hpet_or_pm, .tries = TRIES },
	{ "hpet-one-shot", hpet_one_shot, no_hpet_or_pm, .tries = TRIES },
	{ "rtc-date", rtc_date },
	{ "cmos-ram", cmos_ram },
};

void guest_main(void)
{
	cmdline_get_hex("pm=", &pm_port);
	cases_run(cases, ARRAY_SIZE(cases));
}
