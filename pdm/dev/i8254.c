// SPDX-License-Identifier: GPL-2.0
/*
 * The 8254 interval timer of a PC and port 0x61, which holds channel 2's gate
 * and shows its output. Channel 0 drives ISA line 0; channel 1 (once memory
 * refresh) only counts.
 *
 * Nothing ticks. A channel keeps the tick at which its count was loaded, and
 * its count and output are computed from TM_VIRTUAL_SYNC when somebody looks.
 * Only channel 0 has a timer, set to the next rising edge of its output, for
 * which that clock waits. As far as interrupts go no period is shorter than
 * EDGE_GAP_NS, however short the guest's count is: edges between are dropped.
 *
 * Simplified: a count is loaded with no clock of delay, and a new count in
 * mode 3 waits for the end of the whole period, as in mode 2. The speaker is
 * silent. Guarded by the device's lock.
 *
 * Names are those of Intel's 8254 data sheet.
 */
#include "pdm/pdm.h"

#define PIT_HZ		1193182ULL
#define NS_PER_S	1000000000ULL

#define EDGE_GAP_NS	100000ULL

#define CONTROL_BCD	BIT(0)
#define ACCESS_LOW	1
#define ACCESS_HIGH	2
#define ACCESS_BOTH	3

#define READBACK	3	/* the channel number that means the command */
#define READBACK_NO_COUNT	BIT(5)
#define READBACK_NO_STATUS	BIT(4)

#define STATUS_OUT	BIT(7)
#define STATUS_NULL	BIT(6)

#define PORT61_GATE2	BIT(0)
#define PORT61_KEPT	0x0f
#define PORT61_REFRESH	BIT(4)
#define PORT61_OUT2	BIT(5)
#define REFRESH_NS	15085

/* IDLE: no count yet, or none triggered. HELD: stopped by the gate. */
enum pit_state { PIT_IDLE, PIT_RUNS, PIT_HELD };

struct pit_channel {
	u8 mode;		/* 0 to 5 */
	u8 access;		/* ACCESS_*, as in the control word */
	bool bcd, gate;
	u8 state;		/* enum pit_state */
	bool write_high, read_high;	/* the next byte of two is the high one */
	u8 write_low;		/* the low byte, while the high one is awaited */
	u8 latched;		/* bytes of the latched count still to be read */
	u16 latch;
	bool status_latched;
	u8 status;
	u32 count;		/* initial count in use, 1 to 65536 */
	u32 next;		/* one that waits for its trigger or period's end; 0: none */
	u64 next_at;		/* the tick of that end */
	u64 start;		/* RUNS: the tick at which it was loaded */
	u64 held;		/* HELD: ticks that had passed */
};

struct i8254 {
	struct pit_channel channels[3];
	u8 port61;
	u64 edges;		/* of channel 0 since its start, delivered or given up */
	u64 deadline;		/* of the timer, 0: not armed */
	/* Not saved. */
	struct pdm_timer *timer;
};

#define CHANNEL_FIELDS(n)						\
	SSM_FIELD(struct i8254, channels[n].mode),			\
	SSM_FIELD(struct i8254, channels[n].access),			\
	SSM_FIELD(struct i8254, channels[n].bcd),			\
	SSM_FIELD(struct i8254, channels[n].gate),			\
	SSM_FIELD(struct i8254, channels[n].state),			\
	SSM_FIELD(struct i8254, channels[n].write_high),		\
	SSM_FIELD(struct i8254, channels[n].read_high),			\
	SSM_FIELD(struct i8254, channels[n].write_low),			\
	SSM_FIELD(struct i8254, channels[n].latched),			\
	SSM_FIELD(struct i8254, channels[n].latch),			\
	SSM_FIELD(struct i8254, channels[n].status_latched),		\
	SSM_FIELD(struct i8254, channels[n].status),			\
	SSM_FIELD(struct i8254, channels[n].count),			\
	SSM_FIELD(struct i8254, channels[n].next),			\
	SSM_FIELD(struct i8254, channels[n].next_at),			\
	SSM_FIELD(struct i8254, channels[n].start),			\
	SSM_FIELD(struct i8254, channels[n].held)

static const struct ssm_field i8254_fields[] = {
	CHANNEL_FIELDS(0),
	CHANNEL_FIELDS(1),
	CHANNEL_FIELDS(2),
	SSM_FIELD(struct i8254, port61),
	SSM_FIELD(struct i8254, edges),
	SSM_FIELD(struct i8254, deadline),
	SSM_END
};

/* What tells the modes apart. */
static const struct pit_mode {
	bool periodic;		/* begins anew by itself; the gate stops and restarts it */
	bool triggered;		/* begins at a rising edge of the gate, not at a count */
	bool starts_low;	/* output after the control word */
} pit_modes[6] = {
	[0] = { .starts_low = true },
	[1] = { .triggered = true },
	[2] = { .periodic = true },
	[3] = { .periodic = true },
	[4] = { },
	[5] = { .triggered = true },
};

/* ---- counting --------------------------------------------------------------------- */

static u64 ticks_of_ns(u64 ns)
{
	return (u64)((u128)ns * PIT_HZ / NS_PER_S);
}

/* The first nanosecond at which @ticks have passed. */
static u64 ns_of_ticks(u64 ticks)
{
	return (u64)(((u128)ticks * NS_PER_S + PIT_HZ - 1) / PIT_HZ);
}

static const struct pit_mode *channel_mode(const struct pit_channel *c)
{
	return &pit_modes[c->mode];
}

static u32 channel_modulus(const struct pit_channel *c)
{
	return c->bcd ? 10000 : 65536;
}

static u64 channel_elapsed(const struct pit_channel *c, u64 now)
{
	return c->state == PIT_HELD ? c->held : now - c->start;
}

/* A count that waited is loaded when the period it came in is over. */
static void channel_sync(struct pit_channel *c, u64 now)
{
	if (c->state == PIT_RUNS && c->next && channel_mode(c)->periodic && now >= c->next_at) {
		c->start = c->next_at;
		c->count = c->next;
		c->next = 0;
	}
}

static bool channel_out(const struct pit_channel *c, u64 now)
{
	u64 elapsed = channel_elapsed(c, now);

	if (c->state == PIT_IDLE)
		return !channel_mode(c)->starts_low;
	switch (c->mode) {
	case 0:
	case 1:
		return elapsed >= c->count;
	case 2:
		return c->state == PIT_HELD || elapsed % c->count != c->count - 1;
	case 3:
		return c->state == PIT_HELD || elapsed % c->count < (c->count + 1) / 2;
	default:
		return elapsed != c->count;
	}
}

/* What the counting element holds, as a number. */
static u32 channel_value(const struct pit_channel *c, u64 now)
{
	u32 modulus = channel_modulus(c), half = (c->count + 1) / 2, phase;
	u64 elapsed = channel_elapsed(c, now);

	if (c->state == PIT_IDLE)
		return c->count % modulus;
	if (!channel_mode(c)->periodic)
		return (c->count % modulus + modulus - elapsed % modulus) % modulus;
	phase = elapsed % c->count;
	if (c->mode == 2)
		return (c->count - phase) % modulus;
	/* Mode 3 counts an even number down by two, twice. */
	return ((c->count & ~1u) - 2 * (phase < half ? phase : phase - half)) % modulus;
}

/* As the guest reads it. */
static u16 channel_read_value(const struct pit_channel *c, u64 now)
{
	u32 v = channel_value(c, now);

	if (!c->bcd)
		return (u16)v;
	return (u16)(v / 1000 % 10 << 12 | v / 100 % 10 << 8 | v / 10 % 10 << 4 | v % 10);
}

/* As the guest wrote it: 0 is the greatest, digits over 9 are taken for their worth. */
static u32 channel_written_value(const struct pit_channel *c, u16 v)
{
	u32 count = v;

	if (c->bcd)
		count = (v >> 12) * 1000 + (v >> 8 & 15) * 100 + (v >> 4 & 15) * 10 + (v & 15);
	return count ? count : channel_modulus(c);
}

/* ---- starting and stopping ---------------------------------------------------------- */

static void channel_start(struct pit_channel *c, u64 now)
{
	if (c->next)
		c->count = c->next;
	c->next = 0;
	c->start = now;
	c->held = 0;
	c->state = c->gate || channel_mode(c)->triggered ? PIT_RUNS : PIT_HELD;
}

/* A whole count has come. True: it is in use at once. */
static bool channel_load(struct pit_channel *c, u32 count, u64 now)
{
	const struct pit_mode *mode = channel_mode(c);

	c->next = count;
	if (mode->triggered || (mode->periodic && c->state == PIT_HELD))
		return false;
	if (mode->periodic && c->state == PIT_RUNS) {
		c->next_at = c->start + ((now - c->start) / c->count + 1) * c->count;
		return false;
	}
	channel_start(c, now);
	return true;
}

/* "Gate Pin Operations Summary". */
static void channel_gate(struct pit_channel *c, bool gate, u64 now)
{
	const struct pit_mode *mode = channel_mode(c);
	bool rises = gate && !c->gate, has_count = c->next || c->state != PIT_IDLE;

	c->gate = gate;
	if (rises && has_count && (mode->triggered || mode->periodic)) {
		channel_start(c, now);
	} else if (rises && c->state == PIT_HELD) {
		c->start = now - c->held;
		c->state = PIT_RUNS;
	} else if (!gate && c->state == PIT_RUNS && !mode->triggered) {
		c->held = now - c->start;
		c->state = PIT_HELD;
	}
}

/* ---- channel 0's interrupt ------------------------------------------------------------ */

/* Rising edges of the output since the start, up to @now. */
static u64 channel_edges(const struct pit_channel *c, u64 now)
{
	u64 elapsed = now - c->start;

	if (c->state != PIT_RUNS)
		return 0;
	switch (c->mode) {
	case 2:
	case 3:
		return elapsed / c->count;
	case 0:
	case 1:
		return elapsed >= c->count;
	default:
		return elapsed > c->count;
	}
}

/* The tick of edge number @n, counted from 1; 0: there is none. */
static u64 channel_edge_tick(const struct pit_channel *c, u64 n)
{
	if (c->state != PIT_RUNS)
		return 0;
	if (channel_mode(c)->periodic)
		return c->start + n * c->count;
	if (n > 1)
		return 0;
	return c->start + c->count + (c->mode >= 4);
}

/* Set the timer for the edge after those delivered. */
static void i8254_arm(struct pdm_device *dev, struct i8254 *s, u64 earliest)
{
	const struct pit_channel *c = &s->channels[0];
	u64 tick = channel_edge_tick(c, s->edges + 1);

	s->deadline = 0;
	if (!tick) {
		pdm_timer_cancel(s->timer);
		return;
	}
	s->deadline = max(ns_of_ticks(tick), earliest);
	pdm_timer_arm(s->timer, s->deadline);
}

/* The guest changed channel 0: its output now, and its edges from here on. */
static void i8254_restart(struct pdm_device *dev, struct i8254 *s, u64 now)
{
	const struct pit_channel *c = &s->channels[0];

	s->edges = channel_edges(c, now);
	pdm_irq_set(dev, 0, channel_out(c, now));
	i8254_arm(dev, s, 0);
}

/*
 * One edge per run. A new count's period begins with the edge that ended the
 * old one, so the edges start over with it.
 */
static void i8254_timer(struct pdm_device *dev)
{
	struct i8254 *s = pdm_state(dev);
	struct pit_channel *c = &s->channels[0];
	u64 ns = pdm_now(dev, TM_VIRTUAL_SYNC), now = ticks_of_ns(ns), start = c->start;

	if (!s->deadline || ns < s->deadline)
		return;
	channel_sync(c, now);
	if (c->start != start)
		s->edges = 0;
	else
		s->edges++;
	s->edges = max(s->edges, channel_edges(c, now));
	pdm_irq_set(dev, 0, false);
	pdm_irq_set(dev, 0, true);
	i8254_arm(dev, s, ns + EDGE_GAP_NS);
}

/* ---- registers -------------------------------------------------------------------------- */

static void channel_latch_count(struct pit_channel *c, u64 now)
{
	if (c->latched)
		return;
	c->latch = channel_read_value(c, now);
	c->latched = c->access == ACCESS_BOTH ? 2 : 1;
}

static void channel_latch_status(struct pit_channel *c, u64 now)
{
	if (c->status_latched)
		return;
	c->status_latched = true;
	c->status = (channel_out(c, now) ? STATUS_OUT : 0) |
		    (c->next || c->state == PIT_IDLE ? STATUS_NULL : 0) |
		    c->access << 4 | c->mode << 1 | c->bcd;
}

static u8 channel_read_latch(struct pit_channel *c)
{
	bool high = c->access == ACCESS_HIGH || (c->access == ACCESS_BOTH && c->latched == 1);

	c->latched--;
	return high ? c->latch >> 8 : (u8)c->latch;
}

static u8 channel_read(struct pit_channel *c, u64 now)
{
	u16 value;
	bool high;

	if (c->status_latched) {
		c->status_latched = false;
		return c->status;
	}
	if (c->latched)
		return channel_read_latch(c);
	value = channel_read_value(c, now);
	high = c->access == ACCESS_HIGH || (c->access == ACCESS_BOTH && c->read_high);
	if (c->access == ACCESS_BOTH)
		c->read_high = !c->read_high;
	return high ? value >> 8 : (u8)value;
}

/*
 * Of two bytes the first stops mode 0, "Mode 0: Interrupt on Terminal Count".
 * True, here and below: the counting began anew, or ended.
 */
static bool channel_write(struct pit_channel *c, u8 value, u64 now)
{
	u16 count = c->access == ACCESS_HIGH ? value << 8 : value;

	if (c->access == ACCESS_BOTH && !c->write_high) {
		c->write_low = value;
		c->write_high = true;
		if (c->mode == 0)
			c->state = PIT_IDLE;
		return c->mode == 0;
	}
	if (c->access == ACCESS_BOTH) {
		c->write_high = false;
		count = value << 8 | c->write_low;
	}
	return channel_load(c, channel_written_value(c, count), now);
}

static bool channel_control(struct pit_channel *c, u8 value, u64 now)
{
	u8 mode = value >> 1 & 7;

	if (!(value >> 4 & 3)) {
		channel_latch_count(c, now);
		return false;
	}
	*c = (struct pit_channel){
		.mode = mode > 5 ? mode - 4 : mode,	/* 6 and 7 are 2 and 3 */
		.access = value >> 4 & 3,
		.bcd = value & CONTROL_BCD,
		.gate = c->gate,
		.count = c->count,
	};
	return true;
}

/* Channel 0 is kept in step with the edges it delivers, by its timer. */
static void i8254_sync(struct i8254 *s, u8 channel, u64 now)
{
	if (channel)
		channel_sync(&s->channels[channel], now);
}

static void i8254_readback(struct i8254 *s, u8 value, u64 now)
{
	for (int i = 0; i < 3; i++) {
		struct pit_channel *c = &s->channels[i];

		if (!(value & BIT(i + 1)))
			continue;
		i8254_sync(s, i, now);
		if (!(value & READBACK_NO_COUNT))
			channel_latch_count(c, now);
		if (!(value & READBACK_NO_STATUS))
			channel_latch_status(c, now);
	}
}

static u64 i8254_read(struct pdm_device *dev, u64 offset, u32 size)
{
	struct i8254 *s = pdm_state(dev);
	u64 now = ticks_of_ns(pdm_now(dev, TM_VIRTUAL_SYNC));

	if (offset >= ARRAY_SIZE(s->channels))
		return ~0ULL;
	i8254_sync(s, offset, now);
	return channel_read(&s->channels[offset], now);
}

static void i8254_write(struct pdm_device *dev, u64 offset, u32 size, u64 value)
{
	struct i8254 *s = pdm_state(dev);
	u64 now = ticks_of_ns(pdm_now(dev, TM_VIRTUAL_SYNC));
	u8 channel = offset == 3 ? (u8)value >> 6 : offset;
	bool restarted;

	if (channel == READBACK) {
		i8254_readback(s, (u8)value, now);
		return;
	}
	i8254_sync(s, channel, now);
	if (offset == 3)
		restarted = channel_control(&s->channels[channel], (u8)value, now);
	else
		restarted = channel_write(&s->channels[channel], (u8)value, now);
	if (restarted && channel == 0)
		i8254_restart(dev, s, now);
}

static u64 port61_read(struct pdm_device *dev, u64 offset, u32 size)
{
	struct i8254 *s = pdm_state(dev);
	u64 ns = pdm_now(dev, TM_VIRTUAL_SYNC), now = ticks_of_ns(ns);
	u8 value = s->port61;

	channel_sync(&s->channels[2], now);
	if (channel_out(&s->channels[2], now))
		value |= PORT61_OUT2;
	if (ns / REFRESH_NS & 1)
		value |= PORT61_REFRESH;
	return value;
}

static void port61_write(struct pdm_device *dev, u64 offset, u32 size, u64 value)
{
	struct i8254 *s = pdm_state(dev);
	u64 now = ticks_of_ns(pdm_now(dev, TM_VIRTUAL_SYNC));

	channel_sync(&s->channels[2], now);
	s->port61 = (u8)value & PORT61_KEPT;
	channel_gate(&s->channels[2], s->port61 & PORT61_GATE2, now);
}

static const struct pdm_io_ops i8254_ops = {
	.read = i8254_read, .write = i8254_write, .sizes = 1,
};

static const struct pdm_io_ops port61_ops = {
	.read = port61_read, .write = port61_write, .sizes = 1,
};

/* ---- life -------------------------------------------------------------------------------- */

static int i8254_create(struct pdm_device *dev, struct error *err)
{
	struct i8254 *s = pdm_state(dev);
	int ret;

	s->timer = pdm_timer_create(dev, TM_VIRTUAL_SYNC, "channel 0", i8254_timer);
	ret = pdm_port_register(dev, 0x40, 4, &i8254_ops, err);
	return ret ? ret : pdm_port_register(dev, 0x61, 1, &port61_ops, err);
}

/* The chip comes up undefined; ours comes up counting nothing. */
static void i8254_reset(struct pdm_device *dev)
{
	struct i8254 *s = pdm_state(dev);

	pdm_timer_cancel(s->timer);
	*s = (struct i8254){ .timer = s->timer };
	for (int i = 0; i < 3; i++)
		s->channels[i] = (struct pit_channel){
			.mode = 3, .access = ACCESS_BOTH, .count = 65536, .gate = i != 2,
		};
	pdm_irq_set(dev, 0, false);
}

static int i8254_loaded(struct pdm_device *dev)
{
	struct i8254 *s = pdm_state(dev);
	u64 now = ticks_of_ns(pdm_now(dev, TM_VIRTUAL_SYNC));

	for (int i = 0; i < 3; i++) {
		const struct pit_channel *c = &s->channels[i];

		if (c->mode > 5 || c->access < ACCESS_LOW || c->access > ACCESS_BOTH ||
		    c->state > PIT_HELD || !c->count || c->count > 65536 || c->next > 65536 ||
		    c->latched > 2 || c->start > now)
			return -EINVAL;
	}
	pdm_irq_set(dev, 0, channel_out(&s->channels[0], now));
	if (s->deadline)
		pdm_timer_arm(s->timer, s->deadline);
	return 0;
}

const struct pdm_device_type i8254_device = {
	.version = PDM_VERSION,
	.name = "i8254",
	.help = "8254 interval timer and port 0x61",
	.chipset = true,
	.state_size = sizeof(struct i8254),
	.state_version = 1,
	.fields = i8254_fields,
	.create = i8254_create,
	.reset = i8254_reset,
	.loaded = i8254_loaded,
};
