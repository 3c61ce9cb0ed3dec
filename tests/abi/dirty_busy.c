// SPDX-License-Identifier: GPL-2.0
/*
 * DIRTY_LOG with more pages than a CPU notes before it must tell, and under a
 * guest that goes on writing: nothing is missed, and nothing is made up.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib.h"

static struct machine m;

#define WINDOW	0x10000000UL
#define PAGES	1500UL		/* not a multiple of 64, and thrice what VT-x notes */
#define WORDS	((PAGES + 63) / 64)

/* Writes RAX to each page of [RBX, RCX), then says so. */
GUEST64(g_fill, "1: mov %rbx, %rdi; 2: mov %rax, (%rdi); add $4096, %rdi; cmp %rcx, %rdi; jb 2b;"
	"out %al, $0x77; inc %rax; jmp 1b");
/* For good: writes RAX to every second page of [RBX, RCX) and reads the others, then RAX + 1. */
GUEST64(g_sweep, "1: mov %rbx, %rdi; 2: mov %rax, (%rdi); mov 4096(%rdi), %rdx; add $8192, %rdi;"
	"cmp %rcx, %rdi; jb 2b; inc %rax; jmp 1b");
/* The first write to each page of [RBX, RCX) is that of INT 0x30 to the stack. */
GUEST64(g_ints, "1: mov %rbx, %rdi; 2: lea 4096(%rdi), %rsp; int $0x30; add $4096, %rdi;"
	"cmp %rcx, %rdi; jb 2b; out %al, $0x77; jmp 1b");
/* Its handler counts in R8. */
GUEST64(g_count, "inc %r8; iretq");

/*
 * RSI: a page to be read before the rest. Fills the log, says so, then it is
 * for NMIs. Their handler counts in R8, notes in R10 where it was called from,
 * and returns by a stack that only a walk through that page finds.
 */
GUEST64(g_nmis, "mov (%rsi), %rdx; 1: mov %rbx, %rdi; 2: mov %rax, (%rdi); add $4096, %rdi;"
	"cmp %rcx, %rdi; jb 2b; out %al, $0x77; jmp 1b");
GUEST64(g_nmi, "mov (%rsp), %r10; inc %r8; push %rcx; push %rdi; lea 16(%rsp), %rsi;"
	"mov $0x20000, %edi; mov $5, %ecx; rep movsq; pop %rdi; pop %rcx;"
	"mov $0x40020000, %esp; iretq");

struct bitmap {
	u64 word[WORDS];
};

static u8 *memory;

static bool bit(const struct bitmap *map, u64 page)
{
	return map->word[page / 64] >> page % 64 & 1;
}

static u64 value_of(u64 page)
{
	return __atomic_load_n((u64 *)(memory + page * PAGE), __ATOMIC_SEQ_CST);
}

static void load(const u8 *code, const u8 *end, u64 pages)
{
	guest_load64(&m, code, end);
	m.page->gprs.r[VMM_RAX] = 1;
	m.page->gprs.r[VMM_RBX] = WINDOW;
	m.page->gprs.r[VMM_RCX] = WINDOW + pages * PAGE;
	/* IF: Bochs 2.7 lets no interrupt of the host's end a guest that spins without it. */
	m.page->gprs.rflags |= 0x200;
	m.page->dirty = VMM_GROUP_GPRS;
}

#define LOAD(name, pages)	load(name, name##_end, pages)

static void log_turn(u32 flags)
{
	must(set_slot(m.vm, 1, flags, WINDOW, PAGES * PAGE, memory), "SET_SLOT");
}

static struct bitmap get(void)
{
	struct bitmap bits;

	get_dirty(m.vm, 1, PAGES, bits.word);
	return bits;
}

static void clear(const struct bitmap *bits)
{
	clear_dirty(m.vm, 1, PAGES, bits->word);
}

static void clear_all(void)
{
	struct bitmap bits;

	memset(&bits, 0xff, sizeof(bits));
	clear(&bits);
}

/* Those of [0, @pages) and no others. */
#define EXPECT_FIRST(pages)	expect_first(__LINE__, pages)

static void expect_first(int line, u64 pages)
{
	struct bitmap got = get();
	u64 i, wrong = 0, first = 0;

	for (i = 0; i < WORDS * 64; i++) {
		if (bit(&got, i) == (i < pages))
			continue;
		if (!wrong++)
			first = i;
	}
	CHECK(!wrong, "line %d: %lu bits are wrong, from page %lu on", line, wrong, first);
}

static bool cpu_logs(void)
{
	return dev_info().features & VMM_FEATURE_PML;
}

static u64 stat(u32 what)
{
	return m.history->stat[what];
}

/* ---- a guest that says when it is done ------------------------------------------- */

static void more_than_a_log(void)
{
	u64 full, faults;
	int i;

	log_turn(VMM_SLOT_DIRTY_LOG);
	LOAD(g_fill, PAGES);
	RUN_TO(&m, VMM_EXIT_IO);
	EXPECT_FIRST(PAGES);
	for (i = 0; i < 3; i++) {
		clear_all();
		EXPECT_FIRST(0);
		full = stat(VMM_STAT_DIRTY_LOG);
		faults = stat(VMM_STAT_NESTED_FAULT);
		RUN_TO(&m, VMM_EXIT_IO);
		EXPECT_FIRST(PAGES);
		full = stat(VMM_STAT_DIRTY_LOG) - full;
		faults = stat(VMM_STAT_NESTED_FAULT) - faults;
		if (cpu_logs())
			CHECK(full >= 2 && !faults, "%lu full logs, %lu faults", full, faults);
		else
			CHECK(!full && faults >= PAGES, "%lu full logs, %lu faults", full, faults);
	}
	log_turn(0);
}

/* The log of a new vCPU as full as it gets without an exit, and one page further. */
static void to_the_brim(void)
{
	u64 pages;

	for (pages = 511; pages <= 513; pages++) {
		machine_close(&m);
		machine_open(&m, 2 * MIB);
		log_turn(VMM_SLOT_DIRTY_LOG);
		LOAD(g_fill, pages);
		RUN_TO(&m, VMM_EXIT_IO);
		clear_all();
		RUN_TO(&m, VMM_EXIT_IO);
		CHECK(stat(VMM_STAT_DIRTY_LOG) == (cpu_logs() && pages > 512),
		      "%lu pages, full %lu times", pages, stat(VMM_STAT_DIRTY_LOG));
		EXPECT_FIRST(pages);
		RUN_TO(&m, VMM_EXIT_IO);
		EXPECT_FIRST(pages);
	}
	log_turn(0);
}

/* What was noted of a slot is not told of the one that comes after it. */
static void not_of_the_last_slot(void)
{
	log_turn(VMM_SLOT_DIRTY_LOG);
	LOAD(g_fill, PAGES);
	RUN_TO(&m, VMM_EXIT_IO);
	clear_all();
	RUN_TO(&m, VMM_EXIT_IO);
	log_turn(VMM_SLOT_DIRTY_LOG);
	EXPECT_FIRST(0);
	LOAD(g_fill, 3);
	RUN_TO(&m, VMM_EXIT_IO);
	clear_all();
	RUN_TO(&m, VMM_EXIT_IO);
	/* Gone from the guest, but not from the log. */
	madvise(memory, PAGES * PAGE, MADV_DONTNEED);
	EXPECT_FIRST(3);
	log_turn(VMM_SLOT_DIRTY_LOG | VMM_SLOT_READONLY);
	EXPECT_FIRST(0);
	RUN_TO(&m, VMM_EXIT_MMIO);
	EXPECT_FIRST(0);
	log_turn(VMM_SLOT_DIRTY_LOG);
	RUN_TO(&m, VMM_EXIT_IO);
	EXPECT_FIRST(3);
	log_turn(0);
}

/* An event whose delivery finds the log full is delivered once. */
static void full_in_delivery(void)
{
	u64 again, full;
	u32 i;

	log_turn(VMM_SLOT_DIRTY_LOG);
	LOAD(g_ints, PAGES);
	memcpy(m.ram + GUEST_HANDLERS + 16 * 0x30, g_count, g_count_end - g_count);
	for (i = 1; i <= 3; i++) {
		again = stat(VMM_STAT_REDELIVERED);
		full = stat(VMM_STAT_DIRTY_LOG);
		RUN_TO(&m, VMM_EXIT_IO);
		EXPECT_FIRST(PAGES);
		clear_all();
		fetch(&m, VMM_GROUP_GPRS);
		CHECK(m.page->gprs.r[VMM_R8] == i * PAGES, "%llu interrupts, not %lu",
		      m.page->gprs.r[VMM_R8], i * PAGES);
		again = stat(VMM_STAT_REDELIVERED) - again;
		full = stat(VMM_STAT_DIRTY_LOG) - full;
		if (cpu_logs() && i > 1)
			CHECK(full >= 2 && again >= full, "%lu full, %lu again", full, again);
	}
	log_turn(0);
}

/*
 * NMIs are blocked until IRET has ended, which finds the log full when its
 * stack is looked up: that writes to a page table.
 */
static void full_in_iret(void)
{
	const u64 table = 600;
	u64 *pdpt, full;

	machine_close(&m);
	machine_open(&m, 2 * MIB);
	log_turn(VMM_SLOT_DIRTY_LOG);
	LOAD(g_nmis, 512);
	m.page->gprs.r[VMM_RSI] = WINDOW + table * PAGE;
	memcpy(m.ram + GUEST_HANDLERS + 16 * 2, g_nmi, g_nmi_end - g_nmi);
	/* From 1 GiB on, what is at 0. */
	pdpt = (u64 *)(m.ram + GUEST_TABLES + PAGE);
	pdpt[1] = (WINDOW + table * PAGE) | 0x23;
	*(u64 *)(memory + table * PAGE) = 0x83;
	RUN_TO(&m, VMM_EXIT_IO);
	clear_all();
	RUN_TO(&m, VMM_EXIT_IO);
	full = stat(VMM_STAT_DIRTY_LOG);
	fetch(&m, VMM_GROUP_EVENTS);
	m.page->events.nmi_pending = 2;
	m.page->dirty = VMM_GROUP_EVENTS;
	RUN_TO(&m, VMM_EXIT_IO);
	fetch(&m, VMM_GROUP_GPRS);
	CHECK(m.page->gprs.r[VMM_R8] == 2, "%llu NMIs", m.page->gprs.r[VMM_R8]);
	CHECK(m.page->gprs.r[VMM_R10] / PAGE == GUEST_CODE / PAGE,
	      "the second interrupted %#llx", m.page->gprs.r[VMM_R10]);
	full = stat(VMM_STAT_DIRTY_LOG) - full;
	CHECK(full == cpu_logs(), "full %lu times", full);
	log_turn(0);
}

/* ---- a guest that goes on ----------------------------------------------------------- */

static bool busy_ends;

static void *busy_thread(void *arg)
{
	while (!__atomic_load_n(&busy_ends, __ATOMIC_SEQ_CST)) {
		long ret = run(&m);

		CHECK(!ret && (m.page->reason == VMM_EXIT_KICK || m.page->reason == VMM_EXIT_NONE),
		      "RUN %ld, %s", ret, reason_name(m.page->reason));
		if (ret)
			break;
	}
	return NULL;
}

static pthread_t busy_start(u64 pages)
{
	pthread_t thread;

	LOAD(g_sweep, pages);
	busy_ends = false;
	must(-pthread_create(&thread, NULL, busy_thread, NULL), "pthread_create");
	return thread;
}

static void busy_stop(pthread_t thread)
{
	__atomic_store_n(&busy_ends, true, __ATOMIC_SEQ_CST);
	must(call(m.vcpu, VMM_VCPU_KICK, NULL), "KICK");
	pthread_join(thread, NULL);
}

/* Until the guest has written a value to @page that is not @old; false: it never does. */
static bool wait_for(u64 page, u64 old)
{
	u64 start = now_ns();

	while (value_of(page) == old) {
		if (now_ns() - start > 20000000000)
			return false;
		usleep(100);
	}
	return true;
}

static u64 copy[PAGES];

/*
 * What whoever moves a running guest does: ask, clear, copy. A page that
 * differs from its copy was written since, and before the next question.
 */
static void copy_round(bool *ok)
{
	static bool differs[PAGES];
	struct bitmap got;
	u64 i;

	for (i = 0; i < PAGES; i++)
		differs[i] = value_of(i) != copy[i];
	got = get();
	for (i = 0; i < PAGES; i++) {
		if (bit(&got, i) ? i % 2 : differs[i]) {
			if (*ok)
				CHECK(false, "page %lu was %s", i, i % 2 ? "only read" : "missed");
			*ok = false;
		}
	}
	clear(&got);
	for (i = 0; i < PAGES; i++) {
		if (bit(&got, i))
			copy[i] = value_of(i);
	}
}

static void copied_while_running(void)
{
	pthread_t thread;
	bool ok = true;
	u64 i;
	int round;

	memset(memory, 0, PAGES * PAGE);
	memset(copy, 0, sizeof(copy));
	log_turn(VMM_SLOT_DIRTY_LOG);
	thread = busy_start(PAGES);
	for (round = 0; round < 60; round++) {
		u64 page = rnd() % (PAGES / 2) * 2, old = value_of(page);

		if (!wait_for(page, old)) {
			CHECK(false, "the guest stands still");
			break;
		}
		copy_round(&ok);
	}
	busy_stop(thread);
	copy_round(&ok);
	for (i = 0; i < PAGES; i++)
		CHECK(copy[i] == value_of(i), "page %lu: %lu, copied %lu", i, value_of(i), copy[i]);
	printf("# %lu rounds of the guest\n", copy[0]);
	log_turn(0);
}

/* Few pages, in the guest for good, and cached by its TLB: a clear must reach it, and a get. */
static void seen_without_an_exit(void)
{
	struct bitmap one = { { 1 } };
	pthread_t thread;
	int round;

	log_turn(VMM_SLOT_DIRTY_LOG);
	thread = busy_start(2);
	for (round = 0; round < 200; round++) {
		struct bitmap got;
		u64 old;

		clear(&one);
		old = value_of(0);
		if (!wait_for(0, old)) {
			CHECK(false, "the guest stands still");
			break;
		}
		got = get();
		CHECK(got.word[0] == 1, "round %d: %#lx", round, got.word[0]);
	}
	busy_stop(thread);
	log_turn(0);
}

/* Large pages that the log splits, and lets be again. */
static void turned_on_and_off(void)
{
	u8 *all = memory;
	pthread_t thread;
	int round;

	memory = memory_map_aligned(6 * MIB);
	madvise(memory, 6 * MIB, MADV_HUGEPAGE);
	memset(memory, 0, 6 * MIB);
	log_turn(0);
	thread = busy_start(PAGES);
	for (round = 0; round < 20; round++) {
		bool ok = true;
		u64 i;

		/* Behind SET_SLOT, no write goes unnoticed. */
		log_turn(VMM_SLOT_DIRTY_LOG);
		for (i = 0; i < PAGES; i++)
			copy[i] = value_of(i);
		if (!wait_for(PAGES - 2, copy[PAGES - 2]))
			CHECK(false, "the guest stands still");
		copy_round(&ok);
		copy_round(&ok);
		log_turn(0);
		if (!wait_for(0, value_of(0)))
			CHECK(false, "the guest stands still");
	}
	busy_stop(thread);
	remove_slot(m.vm, 1);
	munmap(memory, 6 * MIB);
	memory = all;
}

static const struct test tests[] = {
	{ "more-than-a-log", more_than_a_log },
	{ "to-the-brim", to_the_brim },
	{ "not-of-the-last-slot", not_of_the_last_slot },
	{ "full-in-delivery", full_in_delivery },
	{ "full-in-iret", full_in_iret },
	{ "copied-while-running", copied_while_running },
	{ "seen-without-an-exit", seen_without_an_exit },
	{ "turned-on-and-off", turned_on_and_off },
};

int main(int argc, char **argv)
{
	machine_open(&m, 2 * MIB);
	memory = memory_map(PAGES * PAGE);
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests));
}
