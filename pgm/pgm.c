// SPDX-License-Identifier: GPL-2.0
/*
 * PGM's map: ranges of guest-physical space, sorted by address, never
 * overlapping. It owns the memory behind RAM and ROM and the slots the module
 * knows of it. No lock: the map is complete before the first vCPU runs.
 *
 * All of RAM is one private anonymous mapping that is laid out like the guest's
 * space, hole included, so that a huge page in one is a huge page in the other;
 * what is never touched costs nothing.
 *
 * Left out: memory shared with other processes, hugetlb, dirty tracking,
 * ballooning, and ranges that change while the guest runs.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "pgm/pgm.h"
#include "vmm/hm.h"

#define PGM_MAX_RANGES	64
#define PAGE_SIZE	4096ULL
#define HUGE_SIZE	(2ULL << 20)

struct pgm_range {
	gpa_t start, last;		/* both included, so that nothing wraps */
	enum pgm_type type;
	const char *name;
	u8 *host;			/* RAM and ROM */
	const struct pgm_mmio_ops *ops;	/* MMIO */
	void *ctx;
	bool mapped;			/* @host is a mapping of its own */
};

struct pgm {
	struct hm_vm *hm;
	u32 slots;			/* given to the module so far */
	void *ram;			/* the mapping of all RAM */
	u64 ram_span;			/* its size, the hole included */
	u32 count;
	struct pgm_range range[PGM_MAX_RANGES];
};

/* ---- the map ----------------------------------------------------------------- */

/* The first range that ends at or behind @gpa; may be one past the last. */
static u32 pgm_index(const struct pgm *pgm, gpa_t gpa)
{
	u32 low = 0, high = pgm->count;

	while (low < high) {
		u32 mid = (low + high) / 2;

		if (pgm->range[mid].last < gpa)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct pgm_range *pgm_find(struct pgm *pgm, gpa_t gpa)
{
	u32 i = pgm_index(pgm, gpa);

	return i < pgm->count && pgm->range[i].start <= gpa ? &pgm->range[i] : NULL;
}

static int pgm_insert(struct pgm *pgm, const struct pgm_range *range, struct error *err)
{
	u32 i = pgm_index(pgm, range->start);

	if (range->last < range->start)
		return error_set(err, EINVAL, "%s: 0x%llx-0x%llx is not a range", range->name,
				 (unsigned long long)range->start, (unsigned long long)range->last);
	if (i < pgm->count && pgm->range[i].start <= range->last)
		return error_set(err, EEXIST, "%s: 0x%llx-0x%llx overlaps %s", range->name,
				 (unsigned long long)range->start, (unsigned long long)range->last,
				 pgm->range[i].name);
	if (pgm->count == PGM_MAX_RANGES)
		return error_set(err, ENOSPC, "%s: the VM has too many ranges of memory",
				 range->name);
	memmove(&pgm->range[i + 1], &pgm->range[i], (pgm->count - i) * sizeof(*range));
	pgm->range[i] = *range;
	pgm->count++;
	return 0;
}

/* Give a range of RAM or ROM to the module. */
static int pgm_slot_add(struct pgm *pgm, const struct pgm_range *range, struct error *err)
{
	struct vmm_slot slot = {
		.slot = pgm->slots,
		.flags = range->type == PGM_ROM ? VMM_SLOT_READONLY : 0,
		.gpa = range->start,
		.size = range->last - range->start + 1,
		.hva = (uintptr_t)range->host,
	};
	int ret;

	if (!pgm->hm)
		return 0;
	ret = hm_vm_slot_set(pgm->hm, &slot);
	if (ret < 0)
		return error_errno(err, -ret, "%s: the module refuses memory at 0x%llx",
				   range->name, (unsigned long long)range->start);
	pgm->slots++;
	return 0;
}

static int pgm_backed_add(struct pgm *pgm, const struct pgm_range *range, struct error *err)
{
	int ret = pgm_insert(pgm, range, err);

	return ret ? ret : pgm_slot_add(pgm, range, err);
}

/* ---- building it ---------------------------------------------------------------- */

/* A mapping of @size bytes at an address aligned to @align. */
static void *pgm_map_aligned(u64 size, u64 align)
{
	u64 room = size + align;
	u8 *map = mmap(NULL, room, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	u8 *start;

	if (map == MAP_FAILED)
		return NULL;
	start = (u8 *)ALIGN_UP((uintptr_t)map, align);
	if (start > map)
		munmap(map, start - map);
	if (map + room > start + size)
		munmap(start + size, map + room - (start + size));
	return start;
}

static int pgm_ram_add(struct pgm *pgm, gpa_t start, gpa_t end, const char *name,
		       struct error *err)
{
	struct pgm_range range = {
		.start = start, .last = end - 1, .type = PGM_RAM, .name = name,
		.host = (u8 *)pgm->ram + start,
	};

	return end > start ? pgm_backed_add(pgm, &range, err) : 0;
}

/* Put pages of the host's pool, reserved here and now, at [@start, @end) of RAM. */
static int pgm_hugetlb_map(struct pgm *pgm, gpa_t start, gpa_t end, u64 size, struct error *err)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_HUGETLB |
		    __builtin_ctzll(size) << MAP_HUGE_SHIFT;

	if (start >= end)
		return 0;
	if (mmap((u8 *)pgm->ram + start, end - start, PROT_READ | PROT_WRITE, flags, -1, 0) !=
	    MAP_FAILED)
		return 0;
	return error_errno(err, errno, "hm.hugetlb: %llu pages of %llu MiB, "
			   "see nr_hugepages in /sys/kernel/mm/hugepages",
			   (unsigned long long)((end - start) / size),
			   (unsigned long long)(size >> 20));
}

static int pgm_ram_map(struct pgm *pgm, const struct pgm_config *config, gpa_t low, gpa_t high,
		       struct error *err)
{
	int ret;

	pgm->ram_span = max(low, high);
	pgm->ram = pgm_map_aligned(pgm->ram_span, max(config->hugetlb, HUGE_SIZE));
	if (!pgm->ram)
		return error_errno(err, errno, "memory: %llu MiB for the guest",
				   (unsigned long long)(config->ram_bytes >> 20));
	if (config->hugetlb) {
		ret = pgm_hugetlb_map(pgm, 0, low, config->hugetlb, err);
		return ret ? ret : pgm_hugetlb_map(pgm, PGM_HOLE_END, high, config->hugetlb, err);
	}
	/* Advice only: a host without huge pages is slower, not wrong. */
	madvise(pgm->ram, pgm->ram_span,
		config->large_pages ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	return 0;
}

static int pgm_ram_create(struct pgm *pgm, const struct pgm_config *config, struct error *err)
{
	u64 bytes = config->ram_bytes, low = min(bytes, PGM_HOLE_START);
	u64 high = bytes > PGM_HOLE_START ? PGM_HOLE_END + (bytes - PGM_HOLE_START) : 0;
	int ret;

	ret = pgm_ram_map(pgm, config, low, high, err);
	if (ret)
		return ret;
	/* Guest memory is no help in a core file, and huge. */
	madvise(pgm->ram, pgm->ram_span, MADV_DONTDUMP);

	ret = pgm_ram_add(pgm, 0, min(low, PGM_LOW_RAM_END), "low memory", err);
	if (!ret)
		ret = pgm_ram_add(pgm, PGM_HIGH_RAM_START, low, "memory", err);
	if (!ret)
		ret = pgm_ram_add(pgm, PGM_HOLE_END, high, "memory above 4 GiB", err);
	return ret;
}

int pgm_create(struct pgm **out, struct hm_vm *hm, const struct pgm_config *config,
	       struct error *err)
{
	u64 ram_bytes = config->ram_bytes;
	u32 bits = hm ? hm_vm_info(hm)->phys_bits : 40;
	struct pgm *pgm;
	int ret;

	if (!ram_bytes || !IS_ALIGNED(ram_bytes, PAGE_SIZE))
		return error_set(err, EINVAL, "memory: %llu bytes are not whole pages of 4 KiB",
				 (unsigned long long)ram_bytes);
	if (ram_bytes > (1ULL << min(bits, 46U)) - PGM_HOLE_END)
		return error_set(err, ERANGE, "memory: %llu MiB are more than a guest can address",
				 (unsigned long long)(ram_bytes >> 20));
	if (config->hugetlb && !IS_ALIGNED(ram_bytes, config->hugetlb))
		return error_set(err, EINVAL, "memory: %llu MiB are not whole pages of %llu MiB, "
				 "as hm.hugetlb wants", (unsigned long long)(ram_bytes >> 20),
				 (unsigned long long)(config->hugetlb >> 20));
	pgm = calloc(1, sizeof(*pgm));
	if (!pgm)
		return error_errno(err, ENOMEM, "memory");
	pgm->hm = hm;
	ret = pgm_ram_create(pgm, config, err);
	if (ret) {
		pgm_destroy(pgm);
		return ret;
	}
	*out = pgm;
	return 0;
}

void pgm_destroy(struct pgm *pgm)
{
	if (!pgm)
		return;
	/* The module lets go of the memory by itself when it is unmapped. */
	for (u32 i = 0; i < pgm->count; i++)
		if (pgm->range[i].mapped)
			munmap(pgm->range[i].host, pgm->range[i].last - pgm->range[i].start + 1);
	if (pgm->ram)
		munmap(pgm->ram, pgm->ram_span);
	free(pgm);
}

void pgm_reset(struct pgm *pgm)
{
	/* The pages go; the module hears of it, and the next touch brings zeroes. */
	madvise(pgm->ram, pgm->ram_span, MADV_DONTNEED);
}

int pgm_rom_add(struct pgm *pgm, gpa_t gpa, u64 size, const char *name, void **host,
		struct error *err)
{
	struct pgm_range range = {
		.start = gpa, .last = gpa + size - 1, .type = PGM_ROM, .name = name,
		.mapped = true,
	};
	int ret;

	if (!size || !IS_ALIGNED(gpa | size, PAGE_SIZE))
		return error_set(err, EINVAL, "%s: 0x%llx and 0x%llx bytes are not whole pages",
				 name, (unsigned long long)gpa, (unsigned long long)size);
	range.host = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (range.host == MAP_FAILED)
		return error_errno(err, errno, "%s: 0x%llx bytes", name, (unsigned long long)size);
	ret = pgm_insert(pgm, &range, err);
	if (ret) {
		munmap(range.host, size);
		return ret;
	}
	*host = range.host;
	return pgm_slot_add(pgm, &range, err);
}

int pgm_mmio_add(struct pgm *pgm, gpa_t gpa, u64 size, const char *name,
		 const struct pgm_mmio_ops *ops, void *ctx, struct error *err)
{
	struct pgm_range range = {
		.start = gpa, .last = gpa + size - 1, .type = PGM_MMIO, .name = name,
		.ops = ops, .ctx = ctx,
	};

	if (!size)
		return error_set(err, EINVAL, "%s: an empty range", name);
	return pgm_insert(pgm, &range, err);
}

/* ---- memory -------------------------------------------------------------------- */

void *pgm_host(struct pgm *pgm, gpa_t gpa, u64 len, bool rom)
{
	struct pgm_range *range = pgm_find(pgm, gpa);

	if (!range || !len || len - 1 > range->last - gpa)
		return NULL;
	if (range->type != PGM_RAM && !(rom && range->type == PGM_ROM))
		return NULL;
	return range->host + (gpa - range->start);
}

/* How much of [@gpa, @gpa + @len) the range at @gpa covers. */
static u64 pgm_chunk(struct pgm *pgm, gpa_t gpa, u64 len)
{
	struct pgm_range *range = pgm_find(pgm, gpa);

	return range ? min(len - 1, range->last - gpa) + 1 : 0;
}

/* True if all of it is RAM, or ROM with @rom. */
static bool pgm_is_memory(struct pgm *pgm, gpa_t gpa, u64 len, bool rom)
{
	u64 chunk;

	if (len && gpa + len - 1 < gpa)
		return false;
	for (; len; gpa += chunk, len -= chunk) {
		chunk = pgm_chunk(pgm, gpa, len);
		if (!chunk || !pgm_host(pgm, gpa, chunk, rom))
			return false;
	}
	return true;
}

int pgm_read(struct pgm *pgm, gpa_t gpa, void *buf, u64 len)
{
	u8 *to = buf;
	u64 chunk;

	if (!pgm_is_memory(pgm, gpa, len, true))
		return -EFAULT;
	for (; len; gpa += chunk, to += chunk, len -= chunk) {
		chunk = pgm_chunk(pgm, gpa, len);
		memcpy(to, pgm_host(pgm, gpa, chunk, true), chunk);
	}
	return 0;
}

int pgm_write(struct pgm *pgm, gpa_t gpa, const void *buf, u64 len)
{
	const u8 *from = buf;
	u64 chunk;

	if (!pgm_is_memory(pgm, gpa, len, false))
		return -EFAULT;
	for (; len; gpa += chunk, from += chunk, len -= chunk) {
		chunk = pgm_chunk(pgm, gpa, len);
		memcpy(pgm_host(pgm, gpa, chunk, false), from, chunk);
	}
	return 0;
}

/* ---- accesses that a vCPU could not do by itself ------------------------------------ */

/* The largest access of 8, 4, 2, 1 bytes that fits into @len. */
static u32 pgm_access_size(u64 len)
{
	return len >= 8 ? 8 : len >= 4 ? 4 : len >= 2 ? 2 : 1;
}

/* Bytes from @gpa on that one handler takes in one access; *@range: whose, or NULL. */
static u32 pgm_access(struct pgm *pgm, gpa_t gpa, u32 len, struct pgm_range **range)
{
	u32 i = pgm_index(pgm, gpa);
	struct pgm_range *next = i < pgm->count ? &pgm->range[i] : NULL;

	*range = next && next->start <= gpa ? next : NULL;
	if (*range)
		len = min((u64)len - 1, next->last - gpa) + 1;
	else if (next)
		len = min((u64)len, next->start - gpa);
	return pgm_access_size(len);
}

void pgm_mmio_read(struct pgm *pgm, gpa_t gpa, void *buf, u32 len)
{
	struct pgm_range *range;
	u8 *to = buf;
	u32 size;
	u64 value;

	for (; len; gpa += size, to += size, len -= size) {
		size = pgm_access(pgm, gpa, len, &range);
		value = ~0ULL;
		if (range && range->host)
			memcpy(&value, range->host + (gpa - range->start), size);
		else if (range)
			value = range->ops->read(range->ctx, gpa - range->start, size);
		memcpy(to, &value, size);
	}
}

void pgm_mmio_write(struct pgm *pgm, gpa_t gpa, const void *buf, u32 len)
{
	const u8 *from = buf;
	struct pgm_range *range;
	u32 size;
	u64 value;

	for (; len; gpa += size, from += size, len -= size) {
		size = pgm_access(pgm, gpa, len, &range);
		value = 0;
		memcpy(&value, from, size);
		if (range && range->type == PGM_RAM)
			memcpy(range->host + (gpa - range->start), &value, size);
		else if (range && range->type == PGM_MMIO)
			range->ops->write(range->ctx, gpa - range->start, size, value);
	}
}

/* ---- what the guest is told of it ---------------------------------------------------- */

unsigned int pgm_e820(struct pgm *pgm, struct pgm_e820 *map, unsigned int room)
{
	unsigned int count = 0;

	for (u32 i = 0; i < pgm->count && count < room; i++) {
		struct pgm_range *range = &pgm->range[i];

		if (range->type == PGM_MMIO)
			continue;
		map[count++] = (struct pgm_e820) {
			.addr = range->start,
			.size = range->last - range->start + 1,
			.type = range->type == PGM_RAM ? 1 : 2,
		};
	}
	return count;
}
