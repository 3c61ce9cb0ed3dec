// SPDX-License-Identifier: GPL-2.0
/*
 * The high precision event timer: one counter of 64 bits at 100 MHz, and three
 * comparators, each one-shot or periodic, level or edge. Registers lie at
 * 0xfed00000 and are accessed in 32 or 64 bits, aligned; anything else reads 0.
 *
 * Nothing ticks: the counter is computed from TM_VIRTUAL_SYNC, and so is the
 * time of each comparator's next match. One timer is set to the first match
 * that interrupts; that clock waits for it, so no tick is lost to a late host.
 * Matches are brought up to date before any register is looked at, and deliver
 * their edge then. Interrupts of one periodic comparator come no oftener than
 * every GAP_NS, however short a period the guest asks for.
 *
 * With legacy replacement, comparators 0 and 1 take ISA lines 0 and 8 away from
 * PIT and RTC. Otherwise a comparator can have one of IOAPIC pins 20 to 23. A
 * one-shot comparator of 32 bits matches again each time the counter's low half
 * comes round; one set to a value that has passed waits for that, too. Left
 * out: delivery by messages (no comparator says that it can), and writes to
 * the counter while it runs, which are dropped. Guarded by the device's lock.
 *
 * Names are those of the "IA-PC HPET Specification".
 */
#include "pdm/pdm.h"

#define HPET_GPA	0xfed00000ULL
#define HPET_SIZE	0x400
#define COMPARATORS	3

#define TICK_NS		10ULL
#define TICK_FS		(TICK_NS * 1000000)
#define GAP_NS		125000
#define NEVER		UINT64_MAX
#define TICKS_MAX	(1ULL << 58)	/* further off is never */

enum { REG_CAPABILITIES = 0x00, REG_CONFIG = 0x10, REG_STATUS = 0x20, REG_COUNTER = 0xf0 };
#define COMPARATOR_BASE	0x100
#define COMPARATOR_SIZE	0x20
enum { COMPARATOR_CONFIG = 0x00, COMPARATOR_VALUE = 0x08 };

/* Revision 1, a counter of 64 bits, legacy replacement. */
#define CAPABILITIES	(0x01 | (COMPARATORS - 1) << 8 | BIT(13) | BIT(15) | \
			 0x8086ULL << 16 | TICK_FS << 32)

#define CONFIG_ENABLE	BIT(0)
#define CONFIG_LEGACY	BIT(1)

#define TN_LEVEL	BIT(1)
#define TN_INTERRUPT	BIT(2)
#define TN_PERIODIC	BIT(3)
#define TN_CAN_PERIODIC	BIT(4)
#define TN_IS_64	BIT(5)
#define TN_SET_VALUE	BIT(6)		/* reads 0 */
#define TN_32		BIT(8)
#define TN_ROUTE	(31 << 9)
#define TN_WRITABLE	(TN_LEVEL | TN_INTERRUPT | TN_PERIODIC | TN_SET_VALUE | TN_32 | TN_ROUTE)
#define ROUTES		0x00f00000ULL	/* lines that a comparator can have */

struct hpet_comparator {
	u32 config;		/* TN_WRITABLE */
	u64 value;		/* of the counter at the next match */
	u64 period;		/* TN_PERIODIC: what a match adds to it */
	u64 due;		/* when that match is, TM_VIRTUAL_SYNC ns, or NEVER */
	u64 earliest;		/* TN_PERIODIC: no interrupt before */
};

struct hpet {
	struct hpet_comparator comparators[COMPARATORS];
	u32 config;
	u32 status;		/* TN_LEVEL: who matched */
	u64 counter;		/* halted: its value; else that less the clock's ticks */
	/* Not saved. */
	u32 lines;		/* that are held up */
	bool legacy;		/* ISA lines are taken */
	struct pdm_timer *timer;
};

#define COMPARATOR_FIELDS(n)					\
	SSM_FIELD(struct hpet, comparators[n].config),		\
	SSM_FIELD(struct hpet, comparators[n].value),		\
	SSM_FIELD(struct hpet, comparators[n].period),		\
	SSM_FIELD(struct hpet, comparators[n].due),		\
	SSM_FIELD(struct hpet, comparators[n].earliest)

static const struct ssm_field hpet_fields[] = {
	COMPARATOR_FIELDS(0),
	COMPARATOR_FIELDS(1),
	COMPARATOR_FIELDS(2),
	SSM_FIELD(struct hpet, config),
	SSM_FIELD(struct hpet, status),
	SSM_FIELD(struct hpet, counter),
	SSM_END
};

static u64 hpet_now(struct pdm_device *dev)
{
	return pdm_now(dev, TM_VIRTUAL_SYNC);
}

static bool hpet_runs(const struct hpet *s)
{
	return s->config & CONFIG_ENABLE;
}

static bool hpet_is_legacy(const struct hpet *s)
{
	return hpet_runs(s) && (s->config & CONFIG_LEGACY);
}

static u64 hpet_counter(const struct hpet *s, u64 now)
{
	return hpet_runs(s) ? s->counter + now / TICK_NS : s->counter;
}

/* ---- comparators ------------------------------------------------------------- */

static u64 comparator_mask(const struct hpet_comparator *c)
{
	return c->config & TN_32 ? UINT32_MAX : UINT64_MAX;
}

/* Ticks from one match to the next; 0: there is no next one. */
static u64 comparator_step(const struct hpet_comparator *c)
{
	u64 period = c->period & comparator_mask(c);

	if ((c->config & TN_PERIODIC) && period)
		return period > TICKS_MAX ? 0 : period;
	return c->config & TN_32 ? 1ULL << 32 : 0;
}

/* Its value or how it compares has changed: when is it next? */
static void comparator_plan(const struct hpet *s, struct hpet_comparator *c, u64 now)
{
	u64 left = (c->value - hpet_counter(s, now)) & comparator_mask(c);

	c->due = NEVER;
	if (hpet_runs(s) && left <= TICKS_MAX && now / TICK_NS <= TICKS_MAX)
		c->due = (now / TICK_NS + left) * TICK_NS;
}

/* The line of comparator @n, or -1. */
static int hpet_line(const struct hpet *s, unsigned int n)
{
	u32 route = (s->comparators[n].config & TN_ROUTE) >> 9;

	if (hpet_is_legacy(s) && n < 2)
		return n ? 8 : 0;
	return ROUTES >> route & 1 ? (int)route : -1;
}

/* An edge, on a line that a comparator of the other kind may hold up. */
static void hpet_pulse(struct pdm_device *dev, const struct hpet *s, int line)
{
	pdm_irq_set(dev, line, true);
	pdm_irq_set(dev, line, s->lines & BIT(line));
}

static void comparator_interrupt(struct pdm_device *dev, struct hpet *s, unsigned int n, u64 now)
{
	struct hpet_comparator *c = &s->comparators[n];
	int line = hpet_line(s, n);

	if ((c->config & TN_PERIODIC) && now < c->earliest)
		return;
	c->earliest = now + GAP_NS;
	if (c->config & TN_LEVEL)
		s->status |= BIT(n);
	else if ((c->config & TN_INTERRUPT) && line >= 0)
		hpet_pulse(dev, s, line);
}

/* What has matched up to @now, several matches of one being one. True: something has. */
static bool hpet_sync(struct pdm_device *dev, struct hpet *s, u64 now)
{
	bool matched = false;

	for (unsigned int n = 0; n < COMPARATORS; n++) {
		struct hpet_comparator *c = &s->comparators[n];
		u64 step = comparator_step(c), times;

		if (c->due > now)
			continue;
		times = step ? (now - c->due) / (step * TICK_NS) + 1 : 0;
		c->due = step ? c->due + times * step * TICK_NS : NEVER;
		if (c->config & TN_PERIODIC)
			c->value = (c->value + times * step) & comparator_mask(c);
		comparator_interrupt(dev, s, n, now);
		matched = true;
	}
	return matched;
}

/* ---- lines and the timer -------------------------------------------------------- */

static u32 hpet_lines(const struct hpet *s)
{
	u32 lines = 0;

	for (unsigned int n = 0; n < COMPARATORS && hpet_runs(s); n++)
		if ((s->comparators[n].config & TN_INTERRUPT) && (s->status & BIT(n)) &&
		    hpet_line(s, n) >= 0)
			lines |= BIT(hpet_line(s, n));
	return lines;
}

static void hpet_set_lines(struct pdm_device *dev, struct hpet *s)
{
	u32 lines = hpet_lines(s), changed = lines ^ s->lines;

	s->lines = lines;
	for (unsigned int line = 0; changed; line++, changed >>= 1)
		if (changed & 1)
			pdm_irq_set(dev, line, lines & BIT(line));
}

static void hpet_set_timer(struct hpet *s)
{
	u64 first = NEVER;

	for (unsigned int n = 0; n < COMPARATORS; n++) {
		const struct hpet_comparator *c = &s->comparators[n];

		if (!(c->config & TN_INTERRUPT))
			continue;
		first = min(first, c->config & TN_PERIODIC ? max(c->due, c->earliest) : c->due);
	}
	if (first != NEVER)
		pdm_timer_arm(s->timer, first);
	else
		pdm_timer_cancel(s->timer);
}

static void hpet_update(struct pdm_device *dev, struct hpet *s)
{
	if (hpet_is_legacy(s) != s->legacy) {
		s->legacy = !s->legacy;
		pdm_irq_take(dev, 0, s->legacy);
		pdm_irq_take(dev, 8, s->legacy);
	}
	hpet_set_lines(dev, s);
	hpet_set_timer(s);
}

static void hpet_timer(struct pdm_device *dev)
{
	struct hpet *s = pdm_state(dev);

	hpet_sync(dev, s, hpet_now(dev));
	hpet_update(dev, s);
}

/* ---- registers, as 64 bits of which a write changes those in @mask ------------------ */

static u64 merge(u64 old, u64 value, u64 mask)
{
	return (old & ~mask) | (value & mask);
}

static void config_write(struct hpet *s, u64 value, u64 mask, u64 now)
{
	bool ran = hpet_runs(s);
	u64 counter = hpet_counter(s, now);

	s->config = merge(s->config, value, mask) & (CONFIG_ENABLE | CONFIG_LEGACY);
	if (hpet_runs(s) == ran)
		return;
	s->counter = ran ? counter : counter - now / TICK_NS;
	for (unsigned int n = 0; n < COMPARATORS; n++)
		comparator_plan(s, &s->comparators[n], now);
}

/* A route that does not exist is not taken, as reading it back shows. */
static void comparator_config_write(struct hpet *s, unsigned int n, u64 value, u64 mask, u64 now)
{
	struct hpet_comparator *c = &s->comparators[n];
	u32 config = merge(c->config, value, mask) & TN_WRITABLE, old = c->config;

	if (config & TN_ROUTE && !(ROUTES >> ((config & TN_ROUTE) >> 9) & 1))
		config = (config & ~TN_ROUTE) | (old & TN_ROUTE);
	c->config = config;
	c->value &= comparator_mask(c);
	c->period &= comparator_mask(c);
	if (!(config & TN_LEVEL))
		s->status &= ~BIT(n);
	if ((config ^ old) & (TN_PERIODIC | TN_32))
		comparator_plan(s, c, now);
}

/* "Timer n Value Set": once it goes to the accumulator itself, else to the period alone. */
static void comparator_value_write(struct hpet *s, struct hpet_comparator *c, u64 value, u64 mask,
				   u64 now)
{
	bool periodic = c->config & TN_PERIODIC;

	mask &= comparator_mask(c);
	if (periodic)
		c->period = merge(c->period, value, mask);
	if (periodic && !(c->config & TN_SET_VALUE))
		return;
	c->config &= ~TN_SET_VALUE;
	c->value = merge(c->value, value, mask);
	comparator_plan(s, c, now);
}

static u64 comparator_read(const struct hpet_comparator *c, u64 offset)
{
	switch (offset) {
	case COMPARATOR_CONFIG:
		return (c->config & ~TN_SET_VALUE) | TN_CAN_PERIODIC | TN_IS_64 | ROUTES << 32;
	case COMPARATOR_VALUE:
		return c->value;
	default:
		return 0;
	}
}

static u64 hpet_reg_read(const struct hpet *s, u64 reg, u64 now)
{
	u64 n = (reg - COMPARATOR_BASE) / COMPARATOR_SIZE;

	switch (reg) {
	case REG_CAPABILITIES:
		return CAPABILITIES;
	case REG_CONFIG:
		return s->config;
	case REG_STATUS:
		return s->status;
	case REG_COUNTER:
		return hpet_counter(s, now);
	}
	if (reg < COMPARATOR_BASE || n >= COMPARATORS)
		return 0;
	return comparator_read(&s->comparators[n], reg % COMPARATOR_SIZE);
}

static void hpet_reg_write(struct hpet *s, u64 reg, u64 value, u64 mask, u64 now)
{
	u64 n = (reg - COMPARATOR_BASE) / COMPARATOR_SIZE;

	if (reg == REG_CONFIG)
		config_write(s, value, mask, now);
	else if (reg == REG_STATUS)
		s->status &= ~(value & mask);
	else if (reg == REG_COUNTER && !hpet_runs(s))
		s->counter = merge(s->counter, value, mask);
	else if (reg < COMPARATOR_BASE || n >= COMPARATORS)
		return;
	else if (reg % COMPARATOR_SIZE == COMPARATOR_CONFIG)
		comparator_config_write(s, n, value, mask, now);
	else if (reg % COMPARATOR_SIZE == COMPARATOR_VALUE)
		comparator_value_write(s, &s->comparators[n], value, mask, now);
}

static u64 hpet_read(struct pdm_device *dev, u64 offset, u32 size)
{
	struct hpet *s = pdm_state(dev);
	u64 now = hpet_now(dev);

	if (offset % size)
		return 0;
	if (hpet_sync(dev, s, now))
		hpet_update(dev, s);
	return hpet_reg_read(s, offset & ~7ULL, now) >> 8 * (offset & 7);
}

static void hpet_write(struct pdm_device *dev, u64 offset, u32 size, u64 value)
{
	struct hpet *s = pdm_state(dev);
	u64 now = hpet_now(dev), mask = size == 8 ? UINT64_MAX : UINT32_MAX;
	u32 shift = 8 * (offset & 7);

	if (offset % size)
		return;
	hpet_sync(dev, s, now);
	hpet_reg_write(s, offset & ~7ULL, value << shift, mask << shift, now);
	hpet_update(dev, s);
}

static const struct pdm_io_ops hpet_ops = {
	.read = hpet_read, .write = hpet_write, .sizes = 4 | 8,
};

/* ---- life --------------------------------------------------------------------------- */

static int hpet_create(struct pdm_device *dev, struct error *err)
{
	struct hpet *s = pdm_state(dev);

	s->timer = pdm_timer_create(dev, TM_VIRTUAL_SYNC, "match", hpet_timer);
	return pdm_mmio_register(dev, HPET_GPA, HPET_SIZE, &hpet_ops, err);
}

static void hpet_reset(struct pdm_device *dev)
{
	struct hpet *s = pdm_state(dev);

	s->config = 0;
	s->status = 0;
	s->counter = 0;
	for (unsigned int n = 0; n < COMPARATORS; n++)
		s->comparators[n] = (struct hpet_comparator){ .value = UINT64_MAX, .due = NEVER };
	hpet_update(dev, s);
}

static int hpet_loaded(struct pdm_device *dev)
{
	struct hpet *s = pdm_state(dev);

	if ((s->config & ~(CONFIG_ENABLE | CONFIG_LEGACY)) || s->status >> COMPARATORS)
		return -EINVAL;
	for (unsigned int n = 0; n < COMPARATORS; n++) {
		const struct hpet_comparator *c = &s->comparators[n];

		if ((c->config & ~TN_WRITABLE) || (c->due != NEVER && !hpet_runs(s)))
			return -EINVAL;
	}
	hpet_timer(dev);
	return 0;
}

const struct pdm_device_type hpet_device = {
	.version = PDM_VERSION,
	.name = "hpet",
	.help = "high precision event timer",
	.chipset = true,
	.state_size = sizeof(struct hpet),
	.state_version = 1,
	.fields = hpet_fields,
	.create = hpet_create,
	.reset = hpet_reset,
	.loaded = hpet_loaded,
};
