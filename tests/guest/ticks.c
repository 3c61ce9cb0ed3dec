// SPDX-License-Identifier: GPL-2.0
/*
 * The ticks of PIT, RTC and HPET, counted side by side against the ACPI PM timer
 * for `seconds=N` (in hexadecimal, 1 if absent) of it: none is lost, none comes
 * twice. tests/guest/stop-vmm stops the whole VM's process meanwhile.
 */
#include "lib/apic.h"
#include "lib/clock.h"

#define PIT_DIVISOR	4772		/* 250 Hz */
#define RTC_HZ		256
#define HPET_HZ		250

#define HPET_PIN	23

enum { PIT, RTC, HPET_2, SOURCES };

static volatile u32 ticks[SOURCES];
static u16 seconds = 1;

static void on_pit(struct trap *t)
{
	ticks[PIT]++;
	apic_eoi();
}

static void on_rtc(struct trap *t)
{
	if (cmos_read(0x0c) & 0x40)
		ticks[RTC]++;
	apic_eoi();
}

static void on_hpet(struct trap *t)
{
	ticks[HPET_2]++;
	apic_eoi();
}

static void start(void)
{
	u32 period = hpet_hz() / HPET_HZ;

	apic_write(APIC_SVR, SVR_ENABLE | 0xff);
	trap_set(0x70, on_pit);
	trap_set(0x71, on_rtc);
	trap_set(0x72, on_hpet);
	ioapic_set(2, 0x70);
	ioapic_set(8, 0x71);
	ioapic_set(HPET_PIN, 0x72);
	hpet_write(HPET_TN(2), HPET_INTERRUPT | HPET_PERIODIC | HPET_SET_VALUE | HPET_32 |
		   HPET_PIN << 9);
	hpet_write(HPET_TN(2) + 8, hpet_read(HPET_COUNTER) + period);
	hpet_write(HPET_TN(2) + 8, period);
	cmos_write(0x0a, 0x28);
	cmos_write(0x0b, cmos_read(0x0b) | 0x40);
	cmos_read(0x0c);
	pit_start(PIT_DIVISOR);
	hpet_write(HPET_CONFIG, HPET_RUN);
}

static void stop(void)
{
	pit_stop();
	cmos_write(0x0b, cmos_read(0x0b) & ~0x40);
	hpet_write(HPET_CONFIG, 0);
	ioapic_set(2, LVT_MASKED | 0x70);
	ioapic_set(8, LVT_MASKED | 0x71);
	ioapic_set(HPET_PIN, LVT_MASKED | 0x72);
}

/* Give or take those at the window's ends. */
static void expect_ticks(const char *what, u32 got, u64 want)
{
	expect_range(what, got, want - 1, want + 1);
}

static void ticks_kept(void)
{
	u64 pm = 0;
	u32 last, now;

	printf("counting\n");
	start();
	sti_nop_cli();			/* what came meanwhile does not count */
	memset((void *)ticks, 0, sizeof(ticks));
	last = inl(PM_PORT);
	while (pm < seconds * PM_HZ) {
		sti_hlt_cli();
		now = inl(PM_PORT);
		pm += (u32)(now - last);
		last = now;
	}
	stop();
	expect_ticks("PIT", ticks[PIT], pm * PIT_HZ / PIT_DIVISOR / PM_HZ);
	expect_ticks("RTC", ticks[RTC], pm * RTC_HZ / PM_HZ);
	expect_ticks("HPET", ticks[HPET_2], pm * HPET_HZ / PM_HZ);
}

static const struct guest_case cases[] = {
	{ "ticks-kept", ticks_kept, no_hpet },
};

void guest_main(void)
{
	cmdline_get_hex("seconds=", &seconds);
	cases_run(cases, ARRAY_SIZE(cases));
}
