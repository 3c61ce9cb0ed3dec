// SPDX-License-Identifier: GPL-2.0
/* READONLY and DIRTY_LOG: bits for exactly the pages that were written. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib.h"

static struct machine m;

#define WINDOW	0x10000000UL
#define PAGES	200UL

/* Writes AL to the page at RBX, then says so; user space moves RBX. */
GUEST64(g_write, "1: mov %al, (%rbx); out %al, $0x77; jmp 1b");
GUEST64(g_read, "1: mov (%rbx), %dl; out %al, $0x77; jmp 1b");
GUEST64(g_pushes, "mov %rbx, %rsp; push %rax; out %al, $0x77; hlt");

static u8 *memory;

static void window_set(u32 flags, const u8 *p)
{
	must(set_slot(m.vm, 1, flags, WINDOW, PAGES * PAGE, p), "SET_SLOT");
}

static void load_at(const u8 *code, const u8 *end, u64 gpa)
{
	guest_load64(&m, code, end);
	m.page->gprs.r[VMM_RBX] = gpa;
	m.page->dirty = VMM_GROUP_GPRS;
}

static void guest_write(u64 page)
{
	load_at(g_write, g_write_end, WINDOW + page * PAGE);
	RUN_TO(&m, VMM_EXIT_IO);
}

static void guest_read(u64 page)
{
	load_at(g_read, g_read_end, WINDOW + page * PAGE);
	RUN_TO(&m, VMM_EXIT_IO);
}

struct bitmap {
	u64 word[(PAGES + 63) / 64];
};

static void clear_page(u64 page)
{
	struct bitmap bits = { { 0 } };

	bits.word[page / 64] |= 1ULL << page % 64;
	clear_dirty(m.vm, 1, PAGES, bits.word);
}

#define EXPECT_DIRTY(...)	expect_dirty(__LINE__, (int[]){ __VA_ARGS__, -1 })

static void expect_dirty(int line, const int *pages)
{
	struct bitmap got, want = { { 0 } };
	size_t i;

	get_dirty(m.vm, 1, PAGES, got.word);
	for (; *pages >= 0; pages++)
		want.word[*pages / 64] |= 1ULL << *pages % 64;
	for (i = 0; i < ARRAY_SIZE(got.word); i++)
		CHECK(got.word[i] == want.word[i], "line %d, word %zu: %#lx, not %#lx", line, i,
		      got.word[i], want.word[i]);
}

#define NONE	(-1)

static void exact(void)
{
	window_set(VMM_SLOT_DIRTY_LOG, memory);
	EXPECT_DIRTY(NONE);
	guest_read(3);
	guest_read(4);
	EXPECT_DIRTY(NONE);
	guest_write(0);
	guest_write(3);
	guest_write(PAGES - 1);
	EXPECT_DIRTY(0, 3, PAGES - 1);
	/* To look at them changes nothing. */
	EXPECT_DIRTY(0, 3, PAGES - 1);
	guest_write(64);
	guest_write(3);
	EXPECT_DIRTY(0, 3, 64, PAGES - 1);
	/* What is cleared is noticed again, and what is not stays. */
	clear_page(3);
	EXPECT_DIRTY(0, 64, PAGES - 1);
	guest_read(3);
	EXPECT_DIRTY(0, 64, PAGES - 1);
	guest_write(3);
	EXPECT_DIRTY(0, 3, 64, PAGES - 1);
	clear_page(PAGES - 1);
	guest_write(PAGES - 2);
	EXPECT_DIRTY(0, 3, 64, PAGES - 2);
}

/* The same guest goes on, its translation cached: the flush must reach it. */
static void cleared_while_cached(void)
{
	int i;

	window_set(VMM_SLOT_DIRTY_LOG, memory);
	load_at(g_write, g_write_end, WINDOW + 9 * PAGE);
	for (i = 0; i < 20; i++) {
		RUN_TO(&m, VMM_EXIT_IO);
		EXPECT_DIRTY(9);
		clear_page(9);
		EXPECT_DIRTY(NONE);
	}
}

/* Memory that goes and comes back, and a log that is turned off and on. */
static void with_changes(void)
{
	window_set(VMM_SLOT_DIRTY_LOG, memory);
	guest_write(5);
	madvise(memory, PAGES * PAGE, MADV_DONTNEED);
	EXPECT_DIRTY(5);
	guest_read(5);
	guest_read(6);
	EXPECT_DIRTY(5);
	clear_page(5);
	guest_write(5);
	EXPECT_DIRTY(5);
	window_set(0, memory);
	guest_write(7);
	window_set(VMM_SLOT_DIRTY_LOG, memory);
	EXPECT_DIRTY(NONE);
	guest_write(7);
	EXPECT_DIRTY(7);
}

/* Huge pages do not make the log coarser, and writes of all kinds count. */
static void huge(void)
{
	u8 *p = memory_map_aligned(HUGE);

	madvise(p, HUGE, MADV_HUGEPAGE);
	memset(p, 0, HUGE);
	window_set(0, p);
	guest_write(1);
	window_set(VMM_SLOT_DIRTY_LOG, p);
	guest_read(2);
	guest_write(1);
	EXPECT_DIRTY(1);
	load_at(g_pushes, g_pushes_end, WINDOW + 11 * PAGE);
	RUN_TO(&m, VMM_EXIT_IO);
	EXPECT_DIRTY(1, 10);
	remove_slot(m.vm, 1);
	munmap(p, HUGE);
}

/* The guest's own page tables in the slot: the accessed and dirty bits are writes. */
static void tables_in_slot(void)
{
	u64 pml4 = WINDOW + 20 * PAGE;

	window_set(VMM_SLOT_DIRTY_LOG, memory);
	guest_read(0);
	memcpy(memory + 20 * PAGE, m.ram + GUEST_TABLES, PAGE);
	memory[20 * PAGE] &= ~0x20;
	fetch(&m, VMM_GROUP_SREGS);
	m.page->sregs.cr3 = pml4;
	m.page->dirty = VMM_GROUP_SREGS;
	RUN_TO(&m, VMM_EXIT_IO);
	EXPECT_DIRTY(20);
	CHECK(memory[20 * PAGE] & 0x20, "the entry is not accessed");
}

static void readonly(void)
{
	memset(memory, 0x55, PAGES * PAGE);
	window_set(VMM_SLOT_READONLY, memory);
	load_at(g_read, g_read_end, WINDOW);
	RUN_TO(&m, VMM_EXIT_IO);
	fetch(&m, VMM_GROUP_GPRS);
	CHECK((m.page->gprs.r[VMM_RDX] & 0xff) == 0x55, "dl %#llx", m.page->gprs.r[VMM_RDX]);
	load_at(g_write, g_write_end, WINDOW + 12);
	RUN_TO(&m, VMM_EXIT_MMIO);
	CHECK(m.page->u.mmio.gpa == WINDOW + 12 && m.page->u.mmio.flags == VMM_MMIO_WRITE,
	      "gpa %#llx, flags %u", m.page->u.mmio.gpa, m.page->u.mmio.flags);
	RUN_TO(&m, VMM_EXIT_MMIO);
	CHECK(memory[12] == 0x55, "it was written");
	window_set(0, memory);
	RUN_TO(&m, VMM_EXIT_IO);
	CHECK(memory[12] == 0, "it was not written");
	/* Cached as writable by the vCPU, and no more. */
	window_set(VMM_SLOT_READONLY | VMM_SLOT_DIRTY_LOG, memory);
	RUN_TO(&m, VMM_EXIT_MMIO);
	EXPECT_DIRTY(NONE);
}

static const struct test tests[] = {
	{ "exact", exact },
	{ "cleared-while-cached", cleared_while_cached },
	{ "with-changes", with_changes },
	{ "huge", huge },
	{ "tables-in-slot", tables_in_slot },
	{ "readonly", readonly },
};

int main(int argc, char **argv)
{
	machine_open(&m, 2 * MIB);
	memory = memory_map(PAGES * PAGE);
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests));
}
