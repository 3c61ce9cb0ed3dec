// SPDX-License-Identifier: GPL-2.0
/*
 * The MC146818 real-time clock with 128 bytes of CMOS memory, behind ports
 * 0x70 (index) and 0x71 (data), on ISA line 8. The century is byte 0x32.
 *
 * The date is TM_REAL plus an offset that changes when the guest sets its
 * clock. The ten time bytes are computed when read; while SET or the divider's
 * reset stops the clock they stand in the memory as the guest left them. Flags
 * are brought up to date when somebody looks. For alarm and update a timer runs
 * only while the flag is enabled and not yet set.
 *
 * The periodic interrupt goes by TM_VIRTUAL_SYNC, and its timer runs as long
 * as it is enabled, since it is what that clock waits for. A tick that comes
 * while register C still shows the one before is owed, for the guest may not
 * be to blame: it comes as soon as C is read. So no guest gets more interrupts
 * than it reads C. One that falls behind by more than OWED_MAX is owed nothing
 * any more, or it might never do anything but read C.
 *
 * The update takes no time: UIP is set ahead of it for as long as a real
 * chip would be busy, and the bytes change all at once at its end. Left out:
 * the square wave, daylight saving, a weekday that is not the date's, and the
 * NMI mask in bit 7 of port 0x70. Guarded by the device's lock.
 *
 * Names are those of Motorola's MC146818 data sheet.
 */
#include "pdm/pdm.h"

#define RTC_PORT	0x70
#define RTC_LINE	8
#define NS_PER_S	1000000000LL
#define DAY_S		86400

#define RTC_BYTES	128
enum {
	RTC_SECONDS, RTC_SECONDS_ALARM, RTC_MINUTES, RTC_MINUTES_ALARM, RTC_HOURS,
	RTC_HOURS_ALARM, RTC_WEEKDAY, RTC_DAY, RTC_MONTH, RTC_YEAR,
	RTC_A, RTC_B, RTC_C, RTC_D, RTC_CENTURY = 0x32,
};

#define A_RATE		0x0f
#define A_DIVIDER	0x70
#define A_DIVIDER_RUNS	0x20
#define A_UIP		BIT(7)
#define B_24H		BIT(1)
#define B_BINARY	BIT(2)
#define B_UIE		BIT(4)
#define B_AIE		BIT(5)
#define B_PIE		BIT(6)
#define B_SET		BIT(7)
#define C_UF		BIT(4)		/* each flag at the place of its enable in B */
#define C_AF		BIT(5)
#define C_PF		BIT(6)
#define C_IRQF		BIT(7)
#define C_FLAGS		(C_UF | C_AF | C_PF)
#define D_VALID		BIT(7)
#define HOUR_PM		BIT(7)		/* in 12-hour mode */
#define ALARM_ANY	0xc0		/* both bits: matches every value */

/* "Update Cycle": 244 us of warning, then 1984 us at 32 kHz. */
#define UIP_NS		(244000 + 1984000)
/* "Divider Control": the first update comes half a second after the reset ends. */
#define DIVIDER_START_NS 500000000LL
#define PERIOD_HZ	32768
#define OWED_MAX	32

struct mc146818 {
	u8 index;
	u8 bytes[RTC_BYTES];
	s64 offset;		/* guest's time less TM_REAL, ns */
	s64 second;		/* the last one whose update was seen */
	u64 period;		/* the last periodic tick that was seen */
	u8 owed;		/* periodic interrupts, beyond the one in C */
	/* Not saved. */
	struct pdm_timer *update, *periodic;
};

static const struct ssm_field mc146818_fields[] = {
	SSM_FIELD(struct mc146818, index),
	SSM_RAW(struct mc146818, bytes),
	SSM_FIELD(struct mc146818, offset),
	SSM_FIELD(struct mc146818, second),
	SSM_FIELD(struct mc146818, period),
	SSM_FIELD(struct mc146818, owed),
	SSM_END
};

/* ---- dates ------------------------------------------------------------------------ */

struct rtc_date {
	int year, month, day, weekday;	/* month and day from 1, weekday Sunday = 1 */
	int hour, minute, second;
};

static bool is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int month_days(int year, int month)
{
	static const u8 days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days from 1970 to the first of January, which the Gregorian rule gives for any year. */
static s64 year_start(int year)
{
	int y = year - 1;

	return 365LL * (year - 1970) + (y / 4 - y / 100 + y / 400) - 477;
}

static s64 date_to_seconds(const struct rtc_date *d)
{
	s64 days = year_start(d->year) + d->day - 1;

	for (int month = 1; month < d->month; month++)
		days += month_days(d->year, month);
	return ((days * 24 + d->hour) * 60 + d->minute) * 60 + d->second;
}

/* @seconds is within the years 0 to 9999, see rtc_seconds(). */
static struct rtc_date date_of_seconds(s64 seconds)
{
	s64 days = seconds / DAY_S - (seconds % DAY_S < 0);
	int rest = (int)(seconds - days * DAY_S);
	struct rtc_date d = {
		.year = (int)(1970 + days / 365), .month = 1,
		.weekday = (int)(((days + 4) % 7 + 7) % 7) + 1,
		.hour = rest / 3600, .minute = rest / 60 % 60, .second = rest % 60,
	};

	while (year_start(d.year) > days)
		d.year--;
	while (year_start(d.year + 1) <= days)
		d.year++;
	days -= year_start(d.year);
	for (; days >= month_days(d.year, d.month); d.month++)
		days -= month_days(d.year, d.month);
	d.day = (int)days + 1;
	return d;
}

/* ---- the time bytes ----------------------------------------------------------------- */

static u8 rtc_encode(const struct mc146818 *s, int value)
{
	return (u8)(s->bytes[RTC_B] & B_BINARY ? value : value / 10 << 4 | value % 10);
}

/* Nonsense of the guest's becomes some number within the limits. */
static int rtc_decode(const struct mc146818 *s, u8 byte, int lowest, int highest)
{
	int value = s->bytes[RTC_B] & B_BINARY ? byte : (byte >> 4) * 10 + (byte & 15);

	return clamp(value, lowest, highest);
}

static u8 rtc_encode_hour(const struct mc146818 *s, int hour)
{
	if (s->bytes[RTC_B] & B_24H)
		return rtc_encode(s, hour);
	return rtc_encode(s, (hour + 11) % 12 + 1) | (hour >= 12 ? HOUR_PM : 0);
}

static int rtc_decode_hour(const struct mc146818 *s, u8 byte)
{
	if (s->bytes[RTC_B] & B_24H)
		return rtc_decode(s, byte, 0, 23);
	return rtc_decode(s, byte & ~HOUR_PM, 1, 12) % 12 + (byte & HOUR_PM ? 12 : 0);
}

static void rtc_bytes_of_seconds(struct mc146818 *s, s64 seconds)
{
	struct rtc_date d = date_of_seconds(seconds);

	s->bytes[RTC_SECONDS] = rtc_encode(s, d.second);
	s->bytes[RTC_MINUTES] = rtc_encode(s, d.minute);
	s->bytes[RTC_HOURS] = rtc_encode_hour(s, d.hour);
	s->bytes[RTC_WEEKDAY] = rtc_encode(s, d.weekday);
	s->bytes[RTC_DAY] = rtc_encode(s, d.day);
	s->bytes[RTC_MONTH] = rtc_encode(s, d.month);
	s->bytes[RTC_YEAR] = rtc_encode(s, d.year % 100);
	s->bytes[RTC_CENTURY] = rtc_encode(s, d.year / 100);
}

static s64 rtc_seconds_of_bytes(const struct mc146818 *s)
{
	struct rtc_date d = {
		.second = rtc_decode(s, s->bytes[RTC_SECONDS], 0, 59),
		.minute = rtc_decode(s, s->bytes[RTC_MINUTES], 0, 59),
		.hour = rtc_decode_hour(s, s->bytes[RTC_HOURS]),
		.month = rtc_decode(s, s->bytes[RTC_MONTH], 1, 12),
		.year = rtc_decode(s, s->bytes[RTC_CENTURY], 1, 99) * 100 +
			rtc_decode(s, s->bytes[RTC_YEAR], 0, 99),
	};

	d.day = rtc_decode(s, s->bytes[RTC_DAY], 1, month_days(d.year, d.month));
	return date_to_seconds(&d);
}

/* ---- the running clock --------------------------------------------------------------- */

/* The periodic interrupt needs no more than this. */
static bool rtc_divides(const struct mc146818 *s)
{
	return (s->bytes[RTC_A] & A_DIVIDER) <= A_DIVIDER_RUNS;
}

static bool rtc_runs(const struct mc146818 *s)
{
	return !(s->bytes[RTC_B] & B_SET) && rtc_divides(s);
}

/*
 * The guest's time. Nanoseconds in 64 bits end in 2262 and 1677: what a guest
 * sets beyond is brought back in between by rtc_set().
 */
static s64 rtc_now(struct pdm_device *dev, const struct mc146818 *s)
{
	return (s64)(pdm_now(dev, TM_REAL) + (u64)s->offset);
}

static s64 rtc_second(s64 ns)
{
	return ns / NS_PER_S - (ns % NS_PER_S < 0);
}

/* Nanoseconds since the last update. */
static s64 rtc_phase(s64 ns)
{
	return ns - rtc_second(ns) * NS_PER_S;
}

/* From now on the time is what the bytes say, @phase after its update. */
static void rtc_set(struct pdm_device *dev, struct mc146818 *s, s64 phase)
{
	s64 seconds = clamp(rtc_seconds_of_bytes(s), -9000000000LL, 9000000000LL);

	s->offset = (s64)((u64)(seconds * NS_PER_S + phase) - pdm_now(dev, TM_REAL));
	s->second = seconds;
}

static bool alarm_matches(const struct mc146818 *s, u8 alarm, u8 now)
{
	return (alarm & ALARM_ANY) == ALARM_ANY || alarm == now;
}

static bool rtc_alarm_at(const struct mc146818 *s, int second_of_day)
{
	return alarm_matches(s, s->bytes[RTC_SECONDS_ALARM], rtc_encode(s, second_of_day % 60)) &&
	       alarm_matches(s, s->bytes[RTC_MINUTES_ALARM],
			     rtc_encode(s, second_of_day / 60 % 60)) &&
	       alarm_matches(s, s->bytes[RTC_HOURS_ALARM],
			     rtc_encode_hour(s, second_of_day / 3600));
}

/* Whether any second in (@from, @to] was the alarm's; a day holds them all. */
static bool rtc_alarm_within(const struct mc146818 *s, s64 from, s64 to)
{
	if (from > to || to - from > DAY_S)
		from = to - DAY_S;
	while (from++ < to)
		if (rtc_alarm_at(s, (int)((from % DAY_S + DAY_S) % DAY_S)))
			return true;
	return false;
}

/* Ticks of 32768 Hz in a period; 0: none. Rates 1 and 2 are 8 and 9 once more. */
static u32 rtc_period(const struct mc146818 *s)
{
	u8 rate = s->bytes[RTC_A] & A_RATE;

	if (!rate)
		return 0;
	return 1u << (rate <= 2 ? rate + 6 : rate - 1);
}

static u64 rtc_periods(struct pdm_device *dev, const struct mc146818 *s)
{
	u32 period = rtc_period(s);
	u128 ticks = (u128)pdm_now(dev, TM_VIRTUAL_SYNC) * PERIOD_HZ / NS_PER_S;

	return period ? (u64)ticks / period : 0;
}

static void rtc_sync_period(struct pdm_device *dev, struct mc146818 *s)
{
	u64 period = rtc_periods(dev, s), ticks = period - s->period;

	s->period = period;
	if (!ticks || !rtc_divides(s))
		return;
	if (s->bytes[RTC_B] & B_PIE) {
		ticks -= !(s->bytes[RTC_C] & C_PF);
		ticks += s->owed;
		s->owed = ticks > OWED_MAX ? 0 : (u8)ticks;
	}
	s->bytes[RTC_C] |= C_PF;
}

/* Flags for what has happened since the last look. */
static void rtc_sync(struct pdm_device *dev, struct mc146818 *s)
{
	s64 second = rtc_second(rtc_now(dev, s));

	if (rtc_runs(s) && second != s->second) {
		s->bytes[RTC_C] |= C_UF;
		if (!(s->bytes[RTC_C] & C_AF) && rtc_alarm_within(s, s->second, second))
			s->bytes[RTC_C] |= C_AF;
		s->second = second;
	}
	rtc_sync_period(dev, s);
}

/* When the next second begins, by TM_REAL. */
static u64 rtc_next_update(struct pdm_device *dev, const struct mc146818 *s)
{
	return pdm_now(dev, TM_REAL) + (u64)(NS_PER_S - rtc_phase(rtc_now(dev, s)));
}

/* The line, and the timers of what is enabled and has not happened. */
static void rtc_update(struct pdm_device *dev, struct mc146818 *s)
{
	u8 enabled = s->bytes[RTC_B] & C_FLAGS, flags = s->bytes[RTC_C] & C_FLAGS;
	u8 awaited = rtc_runs(s) ? enabled & ~flags : 0;
	u128 tick = (u128)(s->period + 1) * rtc_period(s);

	pdm_irq_set(dev, RTC_LINE, enabled & flags);
	if (awaited & (C_UF | C_AF))
		pdm_timer_arm(s->update, rtc_next_update(dev, s));
	else
		pdm_timer_cancel(s->update);
	if (rtc_divides(s) && (enabled & C_PF) && rtc_period(s))
		pdm_timer_arm(s->periodic, (u64)((tick * NS_PER_S + PERIOD_HZ - 1) / PERIOD_HZ));
	else
		pdm_timer_cancel(s->periodic);
}

static void rtc_timer(struct pdm_device *dev)
{
	struct mc146818 *s = pdm_state(dev);

	rtc_sync(dev, s);
	rtc_update(dev, s);
}

/* ---- registers ------------------------------------------------------------------------ */

static bool is_time(u8 index)
{
	return index == RTC_CENTURY || (index <= RTC_YEAR && index != RTC_SECONDS_ALARM &&
		index != RTC_MINUTES_ALARM && index != RTC_HOURS_ALARM);
}

static u8 rtc_read_a(struct pdm_device *dev, const struct mc146818 *s)
{
	bool uip = rtc_runs(s) && rtc_phase(rtc_now(dev, s)) >= NS_PER_S - UIP_NS;

	return s->bytes[RTC_A] | (uip ? A_UIP : 0);
}

/* Reading clears all flags, and the interrupt with them; what is owed is a new one. */
static u8 rtc_read_c(struct pdm_device *dev, struct mc146818 *s)
{
	u8 flags;

	rtc_sync(dev, s);
	flags = s->bytes[RTC_C] & C_FLAGS;
	s->bytes[RTC_C] = 0;
	if (s->owed) {
		s->owed--;
		s->bytes[RTC_C] = C_PF;
		pdm_irq_set(dev, RTC_LINE, false);
	}
	rtc_update(dev, s);
	return flags | (flags & s->bytes[RTC_B] ? C_IRQF : 0);
}

static u8 rtc_read_byte(struct pdm_device *dev, struct mc146818 *s, u8 index)
{
	switch (index) {
	case RTC_A:
		return rtc_read_a(dev, s);
	case RTC_C:
		return rtc_read_c(dev, s);
	case RTC_D:
		return D_VALID;
	}
	if (is_time(index) && rtc_runs(s))
		rtc_bytes_of_seconds(s, rtc_second(rtc_now(dev, s)));
	return s->bytes[index];
}

/* A and B: the clock may stop, with the bytes as they are, or start from them. */
static void rtc_write_control(struct pdm_device *dev, struct mc146818 *s, u8 index, u8 value)
{
	s64 now = rtc_now(dev, s), phase = rtc_phase(now);
	bool ran = rtc_runs(s);

	if (ran)
		rtc_bytes_of_seconds(s, rtc_second(now));
	if (index == RTC_A && (s->bytes[RTC_A] & A_DIVIDER) > A_DIVIDER_RUNS)
		phase = DIVIDER_START_NS;
	s->bytes[index] = index == RTC_A ? value & ~A_UIP : value;
	if (s->bytes[RTC_B] & B_SET)
		s->bytes[RTC_B] &= ~B_UIE;
	if (!ran && rtc_runs(s))
		rtc_set(dev, s, phase);
	s->period = rtc_periods(dev, s);
	s->owed = 0;
}

/* Setting a time byte of a clock that runs is allowed, if unwise. */
static void rtc_write_time(struct pdm_device *dev, struct mc146818 *s, u8 index, u8 value)
{
	s64 now = rtc_now(dev, s);

	if (rtc_runs(s))
		rtc_bytes_of_seconds(s, rtc_second(now));
	s->bytes[index] = value;
	if (rtc_runs(s))
		rtc_set(dev, s, rtc_phase(now));
}

static void rtc_write_byte(struct pdm_device *dev, struct mc146818 *s, u8 index, u8 value)
{
	rtc_sync(dev, s);
	if (index == RTC_A || index == RTC_B)
		rtc_write_control(dev, s, index, value);
	else if (is_time(index))
		rtc_write_time(dev, s, index, value);
	else if (index != RTC_C && index != RTC_D)
		s->bytes[index] = value;
	rtc_update(dev, s);
}

static u64 mc146818_read(struct pdm_device *dev, u64 offset, u32 size)
{
	struct mc146818 *s = pdm_state(dev);

	return offset == 0 ? 0xff : rtc_read_byte(dev, s, s->index % RTC_BYTES);
}

static void mc146818_write(struct pdm_device *dev, u64 offset, u32 size, u64 value)
{
	struct mc146818 *s = pdm_state(dev);

	if (offset == 0)
		s->index = value % RTC_BYTES;
	else
		rtc_write_byte(dev, s, s->index % RTC_BYTES, (u8)value);
}

static const struct pdm_io_ops mc146818_ops = {
	.read = mc146818_read, .write = mc146818_write, .sizes = 1,
};

/* ---- life ------------------------------------------------------------------------------- */

/* As firmware leaves it: running at 1024 Hz, 24 hours, BCD. */
static int mc146818_create(struct pdm_device *dev, struct error *err)
{
	struct mc146818 *s = pdm_state(dev);

	s->update = pdm_timer_create(dev, TM_REAL, "update", rtc_timer);
	s->periodic = pdm_timer_create(dev, TM_VIRTUAL_SYNC, "periodic", rtc_timer);
	s->bytes[RTC_A] = A_DIVIDER_RUNS | 6;
	s->bytes[RTC_B] = B_24H;
	s->second = rtc_second(rtc_now(dev, s));
	return pdm_port_register(dev, RTC_PORT, 2, &mc146818_ops, err);
}

/* The battery keeps time and memory; interrupts are off. */
static void mc146818_reset(struct pdm_device *dev)
{
	struct mc146818 *s = pdm_state(dev);

	rtc_sync(dev, s);
	s->index = 0;
	s->bytes[RTC_B] &= ~(B_UIE | B_AIE | B_PIE);
	s->bytes[RTC_C] = 0;
	s->owed = 0;
	rtc_update(dev, s);
}

static int mc146818_loaded(struct pdm_device *dev)
{
	struct mc146818 *s = pdm_state(dev);

	if (s->owed > OWED_MAX)
		return -EINVAL;
	rtc_timer(dev);
	return 0;
}

const struct pdm_device_type mc146818_device = {
	.version = PDM_VERSION,
	.name = "mc146818",
	.help = "real-time clock and CMOS memory",
	.chipset = true,
	.state_size = sizeof(struct mc146818),
	.state_version = 1,
	.fields = mc146818_fields,
	.create = mc146818_create,
	.reset = mc146818_reset,
	.loaded = mc146818_loaded,
};
