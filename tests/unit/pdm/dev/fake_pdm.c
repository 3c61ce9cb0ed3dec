// SPDX-License-Identifier: GPL-2.0
/* One device without PDM around it: see fake_pdm.h. */
#include <stdlib.h>

#include "tests/unit/pdm/dev/fake_pdm.h"

#define FAKE_EPOCH_NS	1700000000000000000ULL

/* ---- what a device calls --------------------------------------------------- */

void *pdm_state(struct pdm_device *dev)
{
	return dev->state;
}

const struct cfgm_node *pdm_config(struct pdm_device *dev)
{
	return dev->type->chipset ? NULL : &dev->config;
}

const char *pdm_name(struct pdm_device *dev)
{
	return dev->type->name;
}

static int fake_register(struct pdm_device *dev, struct fake_range range)
{
	assert_true(dev->range_count < FAKE_RANGES);
	assert_non_null(range.ops->read);
	assert_non_null(range.ops->write);
	dev->ranges[dev->range_count++] = range;
	return 0;
}

int pdm_port_register(struct pdm_device *dev, u16 port, u16 count,
		      const struct pdm_io_ops *ops, struct error *err)
{
	return fake_register(dev, (struct fake_range){ false, port, count, ops });
}

int pdm_mmio_register(struct pdm_device *dev, u64 gpa, u64 size,
		      const struct pdm_io_ops *ops, struct error *err)
{
	return fake_register(dev, (struct fake_range){ true, gpa, size, ops });
}

void pdm_irq_set(struct pdm_device *dev, u32 line, bool level)
{
	assert_true(line < FAKE_LINES);
	dev->line_calls++;
	if (level && !dev->lines[line])
		dev->raises[line]++;
	dev->lines[line] = level;
}

void pdm_irq_take(struct pdm_device *dev, u32 line, bool take)
{
	assert_true(line < FAKE_LINES);
	assert_int_not_equal(dev->taken[line], take);
	dev->taken[line] = take;
}

void pdm_msi_send(struct pdm_device *dev, u64 address, u32 data)
{
	if (dev->message_count < FAKE_LOG)
		dev->messages[dev->message_count] = (struct fake_message){ address, data };
	dev->message_count++;
}

void pdm_extint_set(struct pdm_device *dev, bool level)
{
	dev->extint = level;
}

void pdm_eoi_exits_set(struct pdm_device *dev, const u64 vectors[4])
{
	memcpy(dev->eoi_exits, vectors, sizeof(dev->eoi_exits));
}

void pdm_irqchip_register(struct pdm_device *dev, const struct pdm_irqchip_ops *ops)
{
	dev->irqchip = ops;
}

u64 pdm_now(struct pdm_device *dev, enum tm_clock clock)
{
	if (clock == TM_VIRTUAL_SYNC)
		return dev->now;
	return dev->now + dev->lag + (clock == TM_REAL ? dev->real_offset : 0);
}

struct pdm_timer *pdm_timer_create(struct pdm_device *dev, enum tm_clock clock,
				   const char *name, void (*fire)(struct pdm_device *dev))
{
	struct pdm_timer *timer = &dev->timers[dev->timer_count];

	assert_true(dev->timer_count < FAKE_TIMERS);
	dev->timer_count++;
	timer->dev = dev;
	timer->clock = clock;
	timer->fire = fire;
	return timer;
}

void pdm_timer_arm(struct pdm_timer *timer, u64 deadline)
{
	timer->armed = true;
	timer->deadline = deadline;
}

void pdm_timer_cancel(struct pdm_timer *timer)
{
	timer->armed = false;
}

int pdm_mem_read(struct pdm_device *dev, u64 gpa, void *buf, u32 len)
{
	if (gpa > FAKE_MEMORY || len > FAKE_MEMORY - gpa)
		return -EFAULT;
	memcpy(buf, dev->memory + gpa, len);
	return 0;
}

int pdm_mem_write(struct pdm_device *dev, u64 gpa, const void *buf, u32 len)
{
	if (gpa > FAKE_MEMORY || len > FAKE_MEMORY - gpa)
		return -EFAULT;
	memcpy(dev->memory + gpa, buf, len);
	return 0;
}

int pdm_chr_attach(struct pdm_device *dev, struct error *err)
{
	dev->chr_attached = true;
	return 0;
}

void pdm_chr_write(struct pdm_device *dev, const u8 *data, u32 len)
{
	u32 n = min(len, (u32)(sizeof(dev->output) - dev->output_len));

	assert_true(dev->chr_attached);
	memcpy(dev->output + dev->output_len, data, n);
	dev->output_len += n;
}

/* As it may happen in PDM: the input comes from within this call. */
void pdm_chr_room_changed(struct pdm_device *dev)
{
	while (dev->input_len) {
		const u8 *data = dev->input;
		u32 n = min(dev->type->chr_room(dev), dev->input_len);

		if (!n)
			return;
		dev->input += n;
		dev->input_len -= n;
		dev->type->chr_input(dev, data, n);
	}
}

const struct cfgm_key *pdm_chr_variant(const char *type, const char **why)
{
	return NULL;
}

const char *const *pdm_chr_variants(void)
{
	return NULL;
}

void pdm_vm_request(struct pdm_device *dev, enum pdm_request request, u64 arg)
{
	if (dev->request_count < FAKE_LOG)
		dev->requests[dev->request_count] = (struct fake_request){ request, arg };
	dev->request_count++;
}

/* ---- its configuration ------------------------------------------------------ */

static const struct fake_value *fake_value(const struct cfgm_node *node, const char *key)
{
	const struct fake_value *v;

	for (v = node->values; v && v->name; v++)
		if (!strcmp(v->name, key))
			return v;
	return NULL;
}

/* A key that the device did not declare fails, as cfgm would abort. */
static const struct cfgm_key *fake_key(const struct cfgm_node *node, const char *key)
{
	const struct cfgm_key *k;

	for (k = node->keys; k && k->name; k++)
		if (!strcmp(k->name, key))
			return k;
	fail_msg("no such key: %s", key);
	return NULL;
}

bool cfgm_has(const struct cfgm_node *node, const char *key)
{
	return fake_key(node, key)->def || fake_value(node, key);
}

s64 cfgm_int(const struct cfgm_node *node, const char *key)
{
	const struct cfgm_key *k = fake_key(node, key);
	const struct fake_value *v = fake_value(node, key);

	if (v)
		return v->value;
	assert_non_null(k->def);
	return strtoll(k->def, NULL, 0);
}

u64 cfgm_size(const struct cfgm_node *node, const char *key)
{
	return (u64)cfgm_int(node, key);
}

/* ---- the device's life ------------------------------------------------------ */

static struct pdm_device *fake_new(const struct pdm_device_type *type,
				   const struct fake_value *values)
{
	struct pdm_device *dev = calloc(1, sizeof(*dev));

	assert_non_null(dev);
	assert_int_equal(type->version, PDM_VERSION);
	assert_non_null(type->fields);
	dev->type = type;
	/* Of just this size, so that the sanitizer sees the first byte past it. */
	dev->state = calloc(1, type->state_size ? type->state_size : 1);
	assert_non_null(dev->state);
	dev->config.keys = type->keys;
	dev->config.values = values;
	dev->real_offset = FAKE_EPOCH_NS;
	return dev;
}

struct pdm_device *fake_create(const struct pdm_device_type *type,
			       const struct fake_value *values)
{
	struct pdm_device *dev = fake_new(type, values);
	struct error err = { 0 };
	int ret = type->create(dev, &err);

	if (ret)
		fail_msg("create: %s", err.text);
	if (type->reset)
		type->reset(dev);
	return dev;
}

void fake_create_fails(const struct pdm_device_type *type, const struct fake_value *values,
		       int code)
{
	struct pdm_device *dev = fake_new(type, values);
	struct error err = { 0 };

	assert_int_equal(type->create(dev, &err), -code);
	assert_int_equal(err.code, code);
	assert_true(err.text[0]);
	free(dev->state);
	free(dev);
}

void fake_destroy(struct pdm_device *dev)
{
	if (dev->type->destroy)
		dev->type->destroy(dev);
	free(dev->state);
	free(dev);
}

struct pdm_device *fake_move(struct pdm_device *dev)
{
	struct pdm_device *to = fake_create(dev->type, dev->config.values);
	const struct ssm_field *f;

	to->now = dev->now;
	to->real_offset = dev->real_offset;
	for (f = dev->type->fields; f->name; f++) {
		assert_true(f->offset + f->size * f->count <= dev->type->state_size);
		memcpy((u8 *)to->state + f->offset, (u8 *)dev->state + f->offset,
		       f->size * f->count);
	}
	memset(to->lines, 0, sizeof(to->lines));
	to->message_count = 0;
	if (to->type->loaded)
		assert_int_equal(to->type->loaded(to), 0);
	fake_destroy(dev);
	return to;
}

/* ---- the guest -------------------------------------------------------------- */

static const struct fake_range *fake_find(struct pdm_device *dev, bool mmio, u64 addr)
{
	for (unsigned int i = 0; i < dev->range_count; i++) {
		const struct fake_range *r = &dev->ranges[i];

		if (r->mmio == mmio && addr >= r->base && addr - r->base < r->size)
			return r;
	}
	return NULL;
}

static u64 fake_mask(u32 size)
{
	return size == 8 ? ~0ULL : (1ULL << size * 8) - 1;
}

static u8 fake_sizes(const struct fake_range *r)
{
	return r->ops->sizes ? r->ops->sizes : 15;
}

/* How much of an access at @addr goes to one call, or to nobody. */
static u32 fake_piece(const struct fake_range *r, u64 addr, u32 left)
{
	u32 size = 8;

	if (!r)
		return 1;
	while (size > left || size > r->base + r->size - addr)
		size >>= 1;
	while (size > 1 && !(fake_sizes(r) & size) && (fake_sizes(r) & (size - 1)))
		size >>= 1;
	return size;
}

static u64 fake_load(struct pdm_device *dev, bool mmio, u64 addr, u32 size)
{
	u64 value = 0;
	u32 done, n;

	for (done = 0; done < size; done += n) {
		const struct fake_range *r = fake_find(dev, mmio, addr + done);
		u64 part = ~0ULL;

		n = fake_piece(r, addr + done, size - done);
		if (r && (fake_sizes(r) & n))
			part = r->ops->read(dev, addr + done - r->base, n);
		value |= (part & fake_mask(n)) << done * 8;
	}
	return value;
}

static void fake_store(struct pdm_device *dev, bool mmio, u64 addr, u32 size, u64 value)
{
	u32 done, n;

	for (done = 0; done < size; done += n) {
		const struct fake_range *r = fake_find(dev, mmio, addr + done);

		n = fake_piece(r, addr + done, size - done);
		if (r && (fake_sizes(r) & n))
			r->ops->write(dev, addr + done - r->base, n,
				      value >> done * 8 & fake_mask(n));
	}
}

u64 fake_in(struct pdm_device *dev, u16 port, u32 size)
{
	return fake_load(dev, false, port, size);
}

void fake_out(struct pdm_device *dev, u16 port, u32 size, u64 value)
{
	fake_store(dev, false, port, size, value);
}

u64 fake_read(struct pdm_device *dev, u64 gpa, u32 size)
{
	return fake_load(dev, true, gpa, size);
}

void fake_write(struct pdm_device *dev, u64 gpa, u32 size, u64 value)
{
	fake_store(dev, true, gpa, size, value);
}

/* ---- time ------------------------------------------------------------------- */

/* How long until it fires. */
static u64 fake_left(const struct pdm_timer *t)
{
	u64 now = pdm_now(t->dev, t->clock);

	return t->deadline > now ? t->deadline - now : 0;
}

static struct pdm_timer *fake_due(struct pdm_device *dev, u64 ns)
{
	struct pdm_timer *first = NULL;

	for (unsigned int i = 0; i < dev->timer_count; i++) {
		struct pdm_timer *t = &dev->timers[i];

		if (t->armed && fake_left(t) <= ns && (!first || fake_left(t) < fake_left(first)))
			first = t;
	}
	return first;
}

static void fake_fire(struct pdm_device *dev, struct pdm_timer *t)
{
	t->armed = false;
	dev->fires++;
	t->fire(dev);
}

void fake_advance(struct pdm_device *dev, u64 ns)
{
	struct pdm_timer *t;

	while ((t = fake_due(dev, ns))) {
		ns -= fake_left(t);
		dev->now += fake_left(t);
		fake_fire(dev, t);
	}
	dev->now += ns;
}

void fake_stall(struct pdm_device *dev, u64 ns)
{
	struct pdm_timer *t;

	dev->lag = ns;
	while ((t = fake_due(dev, dev->lag))) {
		u64 left = fake_left(t);

		dev->now += left;
		dev->lag -= left;
		fake_fire(dev, t);
	}
	dev->now += dev->lag;
	dev->lag = 0;
}

void fake_wall_jump(struct pdm_device *dev, s64 ns)
{
	dev->real_offset += (u64)ns;
	for (unsigned int i = 0; i < dev->timer_count; i++)
		if (dev->timers[i].clock == TM_REAL && dev->timers[i].armed)
			fake_fire(dev, &dev->timers[i]);
}

void fake_input(struct pdm_device *dev, const void *data, unsigned int len)
{
	dev->input = data;
	dev->input_len = len;
	pdm_chr_room_changed(dev);
}

/* ---- hostile guests --------------------------------------------------------- */

static u32 fake_random(u32 *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

static void fake_fuzz_access(struct pdm_device *dev, u32 *seed)
{
	const struct fake_range *r = &dev->ranges[fake_random(seed) % dev->range_count];
	u32 size = 1u << fake_random(seed) % (r->mmio ? 4 : 3);
	u64 addr = r->base + fake_random(seed) % min(r->size, (u64)0x180);
	u64 value = (u64)fake_random(seed) << 32 | fake_random(seed);

	if (fake_random(seed) & 1)
		fake_load(dev, r->mmio, addr, size);
	else
		fake_store(dev, r->mmio, addr, size, value);
}

/* No device may fire oftener than 25000 times a second, give or take a few. */
static void fake_fuzz_time(struct pdm_device *dev, u32 *seed)
{
	u64 ns = 1ULL << fake_random(seed) % 28;
	unsigned int before = dev->fires;

	if (fake_random(seed) % 4) {
		fake_advance(dev, ns);
	} else {
		ns <<= fake_random(seed) % 7;
		fake_stall(dev, ns);
	}
	assert_true(dev->fires - before <= ns / 40000 + 8);
}

static void fake_fuzz_chip(struct pdm_device *dev, u32 *seed)
{
	const struct pdm_irqchip_ops *ops = dev->irqchip;

	if (ops && ops->line)
		ops->line(dev, fake_random(seed) % (2 * FAKE_LINES), fake_random(seed) & 1);
	if (ops && ops->acknowledge && fake_random(seed) & 1)
		ops->acknowledge(dev);
	if (ops && ops->eoi)
		ops->eoi(dev, (u8)fake_random(seed));
}

void fake_fuzz(const struct pdm_device_type *type, u32 seed, unsigned int rounds)
{
	struct pdm_device *dev = fake_create(type, NULL);
	static const u8 input[40] = "hostile";

	dev->now = (u64)fake_random(&seed) << 20;
	if (type->reset)
		type->reset(dev);
	while (rounds--) {
		u32 what = fake_random(&seed) % 64;

		if (what < 48)
			fake_fuzz_access(dev, &seed);
		else if (what < 56)
			fake_fuzz_chip(dev, &seed);
		else if (what < 61)
			fake_fuzz_time(dev, &seed);
		else if (what < 63 && type->chr_input)
			fake_input(dev, input, fake_random(&seed) % sizeof(input));
		else if (!(fake_random(&seed) % 16))
			dev = fake_move(dev);
		else if (!(fake_random(&seed) % 16) && type->reset)
			type->reset(dev);
	}
	fake_destroy(dev);
}
