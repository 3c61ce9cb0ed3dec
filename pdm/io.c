// SPDX-License-Identifier: GPL-2.0
/*
 * PDM's dispatch of port and memory accesses to devices.
 *
 * A table of bytes says whose a port is; ranges of memory are PGM's. Both are
 * fixed before the first access. The device's lock is taken here, around each
 * call. An access that a device does not take in this size is split, or reads
 * ones, as pdm.h says.
 */
#include "pdm/internal.h"
#include "pgm/pgm.h"

/* ---- one device's range ------------------------------------------------------ */

/* The size in which @ops takes an access of @size: 0 if it takes none. */
static u32 pdm_io_size(const struct pdm_io_ops *ops, u32 size)
{
	u32 sizes = ops->sizes ? ops->sizes : 0xf;

	while (size && !(sizes & size))
		size >>= 1;
	return size;
}

static u64 pdm_range_read(struct pdm_range *range, u64 offset, u32 size)
{
	u32 step = pdm_io_size(range->ops, size);
	u64 value = 0, part, mask;

	if (!step || !range->ops->read)
		return ~0ULL;
	mask = ~0ULL >> (64 - 8 * step);
	pthread_mutex_lock(&range->dev->lock);
	for (u32 at = 0; at < size; at += step) {
		part = range->ops->read(range->dev, offset + at, step);
		value |= (part & mask) << (8 * at);
	}
	pthread_mutex_unlock(&range->dev->lock);
	return value;
}

static void pdm_range_write(struct pdm_range *range, u64 offset, u32 size, u64 value)
{
	u32 step = pdm_io_size(range->ops, size);
	u64 mask;

	if (!step || !range->ops->write)
		return;
	mask = ~0ULL >> (64 - 8 * step);
	pthread_mutex_lock(&range->dev->lock);
	for (u32 at = 0; at < size; at += step)
		range->ops->write(range->dev, offset + at, step, value >> (8 * at) & mask);
	pthread_mutex_unlock(&range->dev->lock);
}

static struct pdm_range *pdm_range_add(struct pdm_device *dev, u64 base,
				       const struct pdm_io_ops *ops, struct error *err)
{
	struct pdm *pdm = dev->pdm;
	struct pdm_range *range;

	if (pdm->range_count == PDM_MAX_RANGES) {
		error_set(err, ENOSPC, "%s: the VM has too many ranges of ports and memory",
			  dev->name);
		return NULL;
	}
	range = &pdm->range[++pdm->range_count];
	*range = (struct pdm_range) { .dev = dev, .ops = ops, .base = base };
	return range;
}

/* ---- ports -------------------------------------------------------------------- */

int pdm_port_register(struct pdm_device *dev, u16 port, u16 count,
		      const struct pdm_io_ops *ops, struct error *err)
{
	struct pdm *pdm = dev->pdm;

	if (!count || port + count > 0x10000)
		return error_set(err, EINVAL, "%s: %u ports at 0x%x", dev->name, count, port);
	for (u32 i = port; i < port + count; i++)
		if (pdm->port[i])
			return error_set(err, EBUSY, "%s: port 0x%x is taken by %s", dev->name, i,
					 pdm->range[pdm->port[i]].dev->name);
	if (!pdm_range_add(dev, port, ops, err))
		return -ENOSPC;
	memset(&pdm->port[port], pdm->range_count, count);
	return 0;
}

/* Bytes from @port on that belong together, as 4, 2 or 1. Beyond 0xffff is nobody. */
static u32 pdm_port_span(struct pdm *pdm, u32 port, u32 size, struct pdm_range **range)
{
	u8 index = port < 0x10000 ? pdm->port[port] : 0;
	u32 span = 1;

	*range = index ? &pdm->range[index] : NULL;
	while (span < size && port + span < 0x10000 && pdm->port[port + span] == index)
		span++;
	return span >= 4 ? 4 : span >= 2 ? 2 : 1;
}

void pdm_port_read(struct pdm *pdm, u16 port, void *buf, u32 size)
{
	struct pdm_range *range;
	u32 at = port, span;
	u8 *to = buf;
	u64 value;

	for (; size; at += span, to += span, size -= span) {
		span = pdm_port_span(pdm, at, size, &range);
		value = range ? pdm_range_read(range, at - range->base, span) : ~0ULL;
		memcpy(to, &value, span);
	}
}

void pdm_port_write(struct pdm *pdm, u16 port, const void *buf, u32 size)
{
	struct pdm_range *range;
	const u8 *from = buf;
	u32 at = port, span;
	u64 value;

	for (; size; at += span, from += span, size -= span) {
		span = pdm_port_span(pdm, at, size, &range);
		value = 0;
		memcpy(&value, from, span);
		if (range)
			pdm_range_write(range, at - range->base, span, value);
	}
}

/* ---- memory -------------------------------------------------------------------- */

static u64 pdm_mmio_read(void *ctx, u64 offset, u32 len)
{
	return pdm_range_read(ctx, offset, len);
}

static void pdm_mmio_write(void *ctx, u64 offset, u32 len, u64 value)
{
	pdm_range_write(ctx, offset, len, value);
}

int pdm_mmio_register(struct pdm_device *dev, u64 gpa, u64 size,
		      const struct pdm_io_ops *ops, struct error *err)
{
	static const struct pgm_mmio_ops mmio = { pdm_mmio_read, pdm_mmio_write };
	struct pdm_range *range = pdm_range_add(dev, gpa, ops, err);
	int ret;

	if (!range)
		return -ENOSPC;
	ret = pgm_mmio_add(dev->pdm->config.pgm, gpa, size, dev->name, &mmio, range, err);
	return ret == -EEXIST ? -EBUSY : ret;
}
