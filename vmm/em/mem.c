// SPDX-License-Identifier: GPL-2.0
/*
 * The interpreter's view of guest memory.
 *
 * An access is cut at page borders and every page is translated, with its
 * faults, before the first byte moves: a fault on the second page must not
 * leave a device with half a write. RAM is touched in one go where the
 * processor would (aligned, a power of two), since other vCPUs look at it.
 *
 * Owns nothing; runs on the vCPU's thread. Left out: atomicity of a locked
 * access that is not aligned or that crosses pages.
 */
#include "vmm/em/mem.h"

#define PAGE		4096ULL
#define EFER_LMA	BIT_ULL(10)
enum { VECTOR_GP = 13, VECTOR_PF = 14 };

/* An access of at most INTERP_MAX_ACCESS bytes lies in at most two pages. */
struct span {
	unsigned int count;
	gpa_t gpa[2];
	unsigned int size[2];
};

/* A value as the processor moves it: at once if it can. */
static void copy_value(void *dst, const void *src, unsigned int size, const void *guest)
{
	if (!IS_ALIGNED((uintptr_t)guest, (uintptr_t)size)) {
		memcpy(dst, src, size);
		return;
	}
	switch (size) {
	case 2:
		__atomic_store_n((u16 *)dst, __atomic_load_n((const u16 *)src, __ATOMIC_RELAXED),
				 __ATOMIC_RELAXED);
		break;
	case 4:
		__atomic_store_n((u32 *)dst, __atomic_load_n((const u32 *)src, __ATOMIC_RELAXED),
				 __ATOMIC_RELAXED);
		break;
	case 8:
		__atomic_store_n((u64 *)dst, __atomic_load_n((const u64 *)src, __ATOMIC_RELAXED),
				 __ATOMIC_RELAXED);
		break;
	default:
		memcpy(dst, src, size);
	}
}

static void ram_read(const void *ram, void *buf, unsigned int size)
{
	u8 value[INTERP_MAX_ACCESS] __attribute__((aligned(8)));

	copy_value(value, ram, size, ram);
	memcpy(buf, value, size);
}

static void ram_write(void *ram, const void *buf, unsigned int size)
{
	u8 value[INTERP_MAX_ACCESS] __attribute__((aligned(8)));

	memcpy(value, buf, size);
	copy_value(ram, value, size, ram);
}

/* The largest access a device is asked for next: a power of two, at most 8. */
static unsigned int mmio_chunk(unsigned int left)
{
	if (left >= 8)
		return 8;
	return left >= 4 ? 4 : left >= 2 ? 2 : 1;
}

static int phys_read(struct em_mem *mem, gpa_t gpa, u8 *buf, unsigned int size)
{
	const void *ram = mem->ops->ram(mem->ctx, gpa, size, false);
	unsigned int chunk;
	int ret = 0;

	if (ram) {
		ram_read(ram, buf, size);
		return 0;
	}
	for (; size && !ret; size -= chunk, gpa += chunk, buf += chunk) {
		chunk = mmio_chunk(size);
		ret = mem->ops->mmio_read(mem->ctx, gpa, buf, chunk);
	}
	return ret;
}

static int phys_write(struct em_mem *mem, gpa_t gpa, const u8 *buf, unsigned int size)
{
	void *ram = mem->ops->ram(mem->ctx, gpa, size, true);
	unsigned int chunk;
	int ret = 0;

	if (ram) {
		ram_write(ram, buf, size);
		return 0;
	}
	for (; size && !ret; size -= chunk, gpa += chunk, buf += chunk) {
		chunk = mmio_chunk(size);
		ret = mem->ops->mmio_write(mem->ctx, gpa, buf, chunk);
	}
	return ret;
}

/* 16 bytes need the instruction itself: the compiler would call a library. */
static bool cmpxchg16(void *ram, u64 *old, const u64 *new)
{
	bool done;

	asm volatile("lock cmpxchg16b %1"
		     : "=@ccz"(done), "+m"(*(u128 *)ram), "+a"(old[0]), "+d"(old[1])
		     : "b"(new[0]), "c"(new[1])
		     : "memory");
	return done;
}

/* Compare and exchange in RAM, where @ram is aligned to @size. */
static bool ram_cmpxchg(void *ram, void *old, const void *new, unsigned int size)
{
	u64 o[2] = { 0 }, n[2] = { 0 };
	bool done;

	memcpy(o, old, size);
	memcpy(n, new, size);
	switch (size) {
	case 1:
		done = __atomic_compare_exchange_n((u8 *)ram, (u8 *)o, (u8)n[0], false,
						   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
		break;
	case 2:
		done = __atomic_compare_exchange_n((u16 *)ram, (u16 *)o, (u16)n[0], false,
						   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
		break;
	case 4:
		done = __atomic_compare_exchange_n((u32 *)ram, (u32 *)o, (u32)n[0], false,
						   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
		break;
	case 8:
		done = __atomic_compare_exchange_n((u64 *)ram, o, n[0], false,
						   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
		break;
	default:
		done = cmpxchg16(ram, o, n);
	}
	if (!done)
		memcpy(old, o, size);
	return done;
}

static int table_read(void *ctx, gpa_t gpa, void *buf, unsigned int size)
{
	return phys_read(ctx, gpa, buf, size);
}

static int table_cmpxchg(void *ctx, gpa_t gpa, u64 old, u64 new, unsigned int size)
{
	struct em_mem *mem = ctx;
	void *ram = mem->ops->ram(mem->ctx, gpa, size, true);

	/* Page tables in ROM keep their bits, as on a real board. */
	if (!ram)
		return 0;
	return ram_cmpxchg(ram, &old, &new, size) ? 0 : -EAGAIN;
}

static const struct pgm_walk_ops table_ops = { .read = table_read, .exchange = table_cmpxchg };

static int translate_page(struct em_mem *mem, gva_t gva, unsigned int access, gpa_t *gpa,
			  struct interp_exception *ex)
{
	struct pgm_walk walk;
	int ret = pgm_walk(&mem->paging, &table_ops, mem, gva, access, &walk);

	if (ret < 0)
		return ret;
	*gpa = walk.gpa;
	if (ret == PGM_WALK_OK)
		return 0;
	*ex = (struct interp_exception){ .vector = VECTOR_GP, .has_error = true };
	if (ret == PGM_WALK_FAULT) {
		ex->vector = VECTOR_PF;
		ex->error_code = walk.error_code;
		ex->cr2 = gva;
	}
	return -EFAULT;
}

/* Translate all of an access, or fault before any of it. */
static int translate(struct em_mem *mem, gva_t gva, unsigned int size, unsigned int access,
		     struct span *span, struct interp_exception *ex)
{
	unsigned int first = size;
	gva_t next;
	int ret;

	if (size > INTERP_MAX_ACCESS)
		return -EINVAL;
	if (first > PAGE - (gva & (PAGE - 1)))
		first = PAGE - (gva & (PAGE - 1));
	*span = (struct span){ .count = 1, .size = { first, size - first } };
	ret = translate_page(mem, gva, access, &span->gpa[0], ex);
	if (ret || first == size)
		return ret;
	span->count = 2;
	next = gva + first;
	if (!(mem->paging.efer & EFER_LMA))
		next = (u32)next;
	return translate_page(mem, next, access, &span->gpa[1], ex);
}

static int span_read(struct em_mem *mem, const struct span *span, u8 *buf)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < span->count && !ret; buf += span->size[i], i++)
		ret = phys_read(mem, span->gpa[i], buf, span->size[i]);
	return ret;
}

static int span_write(struct em_mem *mem, const struct span *span, const u8 *buf)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < span->count && !ret; buf += span->size[i], i++)
		ret = phys_write(mem, span->gpa[i], buf, span->size[i]);
	return ret;
}

int em_mem_fetch(void *ctx, gva_t gva, void *buf, unsigned int size,
		 struct interp_exception *ex)
{
	struct em_mem *mem = ctx;
	struct span span;
	int ret = translate(mem, gva, size, PGM_EXEC, &span, ex);

	return ret ? ret : span_read(mem, &span, buf);
}

int em_mem_read(void *ctx, gva_t gva, void *buf, unsigned int size, bool for_write,
		struct interp_exception *ex)
{
	struct em_mem *mem = ctx;
	struct span span;
	int ret = translate(mem, gva, size, for_write ? PGM_WRITE : 0, &span, ex);

	return ret ? ret : span_read(mem, &span, buf);
}

int em_mem_write(void *ctx, gva_t gva, const void *buf, unsigned int size,
		 struct interp_exception *ex)
{
	struct em_mem *mem = ctx;
	struct span span;
	int ret = translate(mem, gva, size, PGM_WRITE, &span, ex);

	return ret ? ret : span_write(mem, &span, buf);
}

int em_mem_cmpxchg(void *ctx, gva_t gva, void *old, const void *new, unsigned int size,
		   struct interp_exception *ex)
{
	u8 now[INTERP_MAX_ACCESS];
	struct em_mem *mem = ctx;
	struct span span;
	unsigned int i;
	void *ram;
	int ret;

	ret = translate(mem, gva, size, PGM_WRITE, &span, ex);
	if (ret)
		return ret;
	ram = mem->ops->ram(mem->ctx, span.gpa[0], span.size[0], true);
	if (ram && span.count == 1 && IS_ALIGNED((uintptr_t)ram, (uintptr_t)size))
		return ram_cmpxchg(ram, old, new, size) ? 0 : -EAGAIN;

	/* Reading a device again would be a second access: what was read counts. */
	for (i = 0; i < span.count; i++) {
		if (!mem->ops->ram(mem->ctx, span.gpa[i], span.size[i], true))
			return span_write(mem, &span, new);
	}
	ret = span_read(mem, &span, now);
	if (ret)
		return ret;
	if (memcmp(now, old, size)) {
		memcpy(old, now, size);
		return -EAGAIN;
	}
	return span_write(mem, &span, new);
}
