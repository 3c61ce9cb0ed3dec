// SPDX-License-Identifier: GPL-2.0
/*
 * Slots: what is refused, and memory that changes under a running guest.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib.h"

static struct machine m;

/* Writes RAX to each page of [RBX, RCX), says so, and again with RAX + 1. */
GUEST64(g_write, "1: mov %rbx, %rdi; 2: mov %rax, (%rdi); add $4096, %rdi; cmp %rcx, %rdi;"
	"jb 2b; out %al, $0x77; inc %rax; jmp 1b");
/* Reads a word of each page of [RBX, RCX) into RDX, as a sum. */
GUEST64(g_read, "1: mov %rbx, %rdi; xor %edx, %edx; 2: add (%rdi), %rdx; add $4096, %rdi;"
	"cmp %rcx, %rdi; jb 2b; out %al, $0x77; jmp 1b");

#define WINDOW	0x10000000UL	/* where the memory under test is for the guest */

static void guest_over(const u8 *code, const u8 *end, u64 size)
{
	guest_load64(&m, code, end);
	m.page->gprs.r[VMM_RAX] = 1;
	m.page->gprs.r[VMM_RBX] = WINDOW;
	m.page->gprs.r[VMM_RCX] = WINDOW + size;
	m.page->dirty = VMM_GROUP_GPRS;
}

/* ---- what is refused --------------------------------------------------------------------- */

static void refused(void)
{
	u64 limit = 1ULL << dev_info().phys_bits, hva = (u64)m.ram;
	const struct { const char *what; u64 gpa, size, hva; long want; } rows[] = {
		{ "gpa unaligned", 0x40000001, PAGE, hva, -EINVAL },
		{ "size unaligned", 0x40000000, PAGE + 1, hva, -EINVAL },
		{ "hva unaligned", 0x40000000, PAGE, hva + 8, -EINVAL },
		{ "gpa wraps", -PAGE, 2 * PAGE, hva, -EINVAL },
		{ "gpa + size wraps to 0", -PAGE, PAGE, hva, -EINVAL },
		{ "beyond the physical width", limit, PAGE, hva, -EINVAL },
		{ "across the physical width", limit - PAGE, 2 * PAGE, hva, -EINVAL },
		{ "just below the physical width", limit - PAGE, PAGE, hva, 0 },
		{ "hva wraps", 0x40000000, 2 * PAGE, -PAGE, -EINVAL },
		{ "kernel memory", 0x40000000, PAGE, 0xffff888000000000, -EINVAL },
		{ "the kernel's text", 0x40000000, PAGE, 0xffffffff81000000, -EINVAL },
		{ "no canonical address", 0x40000000, PAGE, 0x8000000000000000, -EINVAL },
		{ "across the end of user space", 0x40000000, 1ULL << 40, 0x7ffffffff000, -EINVAL },
		{ "larger than all", 0x40000000, -PAGE, hva, -EINVAL },
		{ "over slot 0", 0, PAGE, hva, -EEXIST },
		{ "over the end of slot 0", m.size - PAGE, 2 * PAGE, hva, -EEXIST },
		{ "over all of slot 0", 0, 2 * m.size, hva, -EEXIST },
		{ "right behind slot 0", m.size, PAGE, hva, 0 },
		{ "not mapped yet", 0x40000000, PAGE, 0x10000, 0 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		long got = set_slot(m.vm, 7, 0, rows[i].gpa, rows[i].size, (void *)rows[i].hva);

		CHECK(got == rows[i].want, "%s: %ld, not %ld", rows[i].what, got, rows[i].want);
	}
	EXPECT(set_slot(m.vm, 7, 0, 0, 0, NULL), 0);
	EXPECT(set_slot(m.vm, 7, 0, 0, 0, NULL), 0);
}

static void all_slots(void)
{
	u32 i, count = dev_info().max_slots;
	u8 *p = memory_map(count * PAGE);

	for (i = 1; i < count; i++)
		EXPECT(set_slot(m.vm, i, i & 1, WINDOW + i * PAGE, PAGE, p + i * PAGE), 0);
	guest_over(g_read, g_read_end, PAGE * count);
	m.page->gprs.r[VMM_RBX] += PAGE;
	RUN_TO(&m, VMM_EXIT_IO);
	for (i = 1; i < count; i++)
		EXPECT(set_slot(m.vm, i, 0, 0, 0, NULL), 0);
	RUN_TO(&m, VMM_EXIT_MMIO);
	munmap(p, count * PAGE);
}

/* ---- memory that cannot be had -------------------------------------------------------------- */

static void expect_crash(const char *what)
{
	long ret = run(&m);

	CHECK(!ret && m.page->reason == VMM_EXIT_CRASH && m.page->u.crash.why == VMM_CRASH_MEMORY,
	      "%s: RUN %ld, %s", what, ret, reason_name(m.page->reason));
	CHECK(memchr(m.page->u.crash.text, 0, sizeof(m.page->u.crash.text)) &&
	      m.page->u.crash.text[0], "%s: no text", what);
}

static void not_there(void)
{
	u8 *p = memory_map(PAGE);
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), mem;
	void *file = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);

	must(set_slot(m.vm, 1, 0, WINDOW, PAGE, p), "SET_SLOT");
	guest_over(g_write, g_write_end, PAGE);
	mprotect(p, PAGE, PROT_NONE);
	expect_crash("PROT_NONE");
	mprotect(p, PAGE, PROT_READ);
	expect_crash("PROT_READ, a write");
	mprotect(p, PAGE, PROT_READ | PROT_WRITE);
	/* The same access again, and now it is there. */
	RUN_TO(&m, VMM_EXIT_IO);
	munmap(p, PAGE);
	expect_crash("not mapped");

	must(set_slot(m.vm, 1, 0, WINDOW, PAGE, file), "SET_SLOT");
	guest_over(g_read, g_read_end, PAGE);
	RUN_TO(&m, VMM_EXIT_IO);
	guest_over(g_write, g_write_end, PAGE);
	expect_crash("a read-only file, a write");
	munmap(file, PAGE);
	close(fd);

	mem = open("/dev/mem", O_RDWR | O_CLOEXEC);
	if (mem >= 0) {
		void *io = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, mem, 0xfed00000);

		CHECK(io != MAP_FAILED, "/dev/mem");
		must(set_slot(m.vm, 1, 0, WINDOW, PAGE, io), "SET_SLOT");
		guest_over(g_read, g_read_end, PAGE);
		expect_crash("memory without pages");
		munmap(io, PAGE);
		close(mem);
	}
	remove_slot(m.vm, 1);
}

/* A file that ends before the slot does. */
static void truncated(void)
{
	int fd = memfd_create("slot", MFD_CLOEXEC);
	u8 *p;

	must(ftruncate(fd, 4 * PAGE), "ftruncate");
	p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	must(set_slot(m.vm, 1, 0, WINDOW, 4 * PAGE, p), "SET_SLOT");
	guest_over(g_write, g_write_end, 4 * PAGE);
	RUN_TO(&m, VMM_EXIT_IO);
	must(ftruncate(fd, 2 * PAGE), "ftruncate");
	expect_crash("behind the end of the file");
	CHECK(*(u64 *)p == 2, "%lu", *(u64 *)p);
	must(ftruncate(fd, 4 * PAGE), "ftruncate");
	RUN_TO(&m, VMM_EXIT_IO);
	CHECK(((u64 *)p)[3 * 512] == 2, "%lu", ((u64 *)p)[3 * 512]);
	munmap(p, 4 * PAGE);
	close(fd);
	remove_slot(m.vm, 1);
}

/* ---- memory that changes between two runs: the guest sees it at once ----------------- */

static u64 guest_sum(void)
{
	if (!RUN_TO(&m, VMM_EXIT_IO))
		return -1;
	fetch(&m, VMM_GROUP_GPRS);
	return m.page->gprs.r[VMM_RDX];
}

static void changed(void)
{
	const size_t size = 8 * PAGE;
	u8 *p = memory_map(size), *q;
	u64 *words = (u64 *)p;
	int status;
	pid_t pid;

	must(set_slot(m.vm, 1, 0, WINDOW, size, p), "SET_SLOT");
	guest_over(g_read, g_read_end, size);
	CHECK(guest_sum() == 0, "fresh memory is not zero");
	words[512] = 5;
	CHECK(guest_sum() == 5, "a write of ours");
	madvise(p, size, MADV_DONTNEED);
	CHECK(guest_sum() == 0, "MADV_DONTNEED");
	words[1024] = 7;
	pid = fork();
	if (!pid) {
		words[1024] = 1000;
		pause();
	}
	usleep(100000);
	CHECK(guest_sum() == 7, "the child's copy");
	words[1024] = 8;
	CHECK(guest_sum() == 8, "our copy");
	guest_over(g_write, g_write_end, size);
	RUN_TO(&m, VMM_EXIT_IO);
	CHECK(words[512] == 1 && words[0] == 1, "the guest's write after fork()");
	kill(pid, SIGKILL);
	must(waitpid(pid, &status, 0), "waitpid");
	guest_over(g_read, g_read_end, size);
	CHECK(guest_sum() == 8, "after the child");
	q = memory_map(size);
	((u64 *)q)[0] = 100;
	must(mremap(q, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, p) == p ? 0 : -errno, "mremap");
	CHECK(guest_sum() == 100, "mremap() over it");
	q = mmap(p, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	CHECK(guest_sum() == 0, "mmap() over it");
	madvise(p, size, MADV_FREE);
	guest_over(g_write, g_write_end, size);
	RUN_TO(&m, VMM_EXIT_IO);
	file_write("/proc/sys/vm/drop_caches", "3");
	madvise(p, size, 21);	/* MADV_PAGEOUT: without swap it takes what MADV_FREE gave */
	guest_over(g_read, g_read_end, size);
	CHECK(guest_sum() == 8, "written after MADV_FREE, and lost");
	munmap(p, size);
	remove_slot(m.vm, 1);
}

/* ---- huge pages ---------------------------------------------------------------------- */

static void thp(void)
{
	const size_t size = 4 * MIB;
	u8 *p = memory_map_aligned(size);
	u64 *words = (u64 *)p;
	u32 i;

	madvise(p, size, MADV_HUGEPAGE);
	must(set_slot(m.vm, 1, 0, WINDOW, size, p), "SET_SLOT");
	guest_over(g_read, g_read_end, size);	/* the huge zero page first */
	CHECK(guest_sum() == 0, "fresh memory is not zero");
	guest_over(g_write, g_write_end, size);
	RUN_TO(&m, VMM_EXIT_IO);
	for (i = 0; i < size / PAGE; i++)
		CHECK(words[512 * i] == 1, "page %u", i);
	mprotect(p + MIB, PAGE, PROT_READ);	/* splits the mapping */
	expect_crash("one page of a huge one");
	mprotect(p + MIB, PAGE, PROT_READ | PROT_WRITE);
	RUN_TO(&m, VMM_EXIT_IO);
	madvise(p + 16 * PAGE, PAGE, MADV_DONTNEED);
	RUN_TO(&m, VMM_EXIT_IO);
	madvise(p, 2 * MIB, 25);		/* MADV_COLLAPSE: one page again */
	RUN_TO(&m, VMM_EXIT_IO);
	for (i = 0; i < size / PAGE; i++)
		CHECK(words[512 * i] == 4, "page %u: %lu", i, words[512 * i]);
	/* Slots that start and end within a huge page. */
	must(set_slot(m.vm, 1, 0, WINDOW, MIB, p + MIB), "SET_SLOT");
	must(set_slot(m.vm, 2, VMM_SLOT_READONLY, WINDOW + MIB, MIB, p), "SET_SLOT");
	guest_over(g_write, g_write_end, 2 * MIB);
	RUN_TO(&m, VMM_EXIT_MMIO);
	CHECK(m.page->u.mmio.gpa == WINDOW + MIB, "gpa %#llx", m.page->u.mmio.gpa);
	CHECK(words[0] == 4 && words[MIB / 8] == 1, "%lu, %lu", words[0], words[MIB / 8]);
	remove_slot(m.vm, 2);
	remove_slot(m.vm, 1);
	munmap(p, size);
}

static void hugetlb(size_t size, int shift, const char *pool)
{
	u8 *p;

	if (file_write(pool, "2"))
		return;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB |
		 shift << MAP_HUGE_SHIFT, -1, 0);
	if (p == MAP_FAILED) {
		printf("# no huge pages of %zu MiB here\n", size / MIB);
		return;
	}
	must(set_slot(m.vm, 1, 0, WINDOW, 2 * MIB, p), "SET_SLOT");
	guest_over(g_write, g_write_end, 2 * MIB);
	RUN_TO(&m, VMM_EXIT_IO);
	RUN_TO(&m, VMM_EXIT_IO);
	CHECK(*(u64 *)p == 2 && *(u64 *)(p + 2 * MIB - PAGE) == 2, "what the guest wrote");
	munmap(p, size);
	expect_crash("huge pages that are gone");
	remove_slot(m.vm, 1);
	file_write(pool, "0");
}

static void hugetlb_sizes(void)
{
	hugetlb(2 * MIB, 21, "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
	hugetlb(1024 * MIB, 30, "/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages");
}

/* ---- changes while it runs ----------------------------------------------------------- */

static u8 *churn_at;
static size_t churn_size;
static bool churn_ends;

/* What each round does to the memory; the guest goes on writing. */
static void churn(u32 round)
{
	static const int advices[] = { MADV_DONTNEED, MADV_FREE, 20, 21, 25, MADV_HUGEPAGE,
				       MADV_NOHUGEPAGE, MADV_MERGEABLE, MADV_UNMERGEABLE };
	size_t at = rnd() % (churn_size / PAGE) * PAGE;
	size_t size = (rnd() % ((churn_size - at) / PAGE) + 1) * PAGE;
	int status;
	pid_t pid;

	switch (round % 12) {
	case 9:
		mprotect(churn_at + at, size, PROT_READ);
		mprotect(churn_at + at, size, PROT_READ | PROT_WRITE);
		break;
	case 10:
		if (round % 60 != 10)
			break;
		pid = fork();
		if (!pid)
			_exit(0);
		waitpid(pid, &status, 0);
		break;
	case 11:
		set_slot(m.vm, 1, round & 16 ? VMM_SLOT_DIRTY_LOG : 0, WINDOW, churn_size,
			 churn_at);
		break;
	default:
		madvise(churn_at + at, size, advices[round % 12]);
	}
}

static void *churn_thread(void *arg)
{
	u32 round;

	for (round = 0; !__atomic_load_n(&churn_ends, __ATOMIC_RELAXED); round++)
		churn(round);
	printf("# %u changes\n", round);
	return NULL;
}

static void changed_while_running(void)
{
	u64 start = now_ns();
	pthread_t thread;
	int rounds = 0;

	churn_size = 4 * MIB;
	churn_at = memory_map_aligned(churn_size);
	must(set_slot(m.vm, 1, 0, WINDOW, churn_size, churn_at), "SET_SLOT");
	guest_over(g_write, g_write_end, churn_size);
	churn_ends = false;
	rnd_seed(7);
	pthread_create(&thread, NULL, churn_thread, NULL);
	/* Longer where the host is slow, so that something has been tested. */
	while (now_ns() - start < 4000000000 ||
	       (rounds <= 5 && now_ns() - start < 30000000000)) {
		long ret = run(&m);

		/* For moments the memory is read-only, or written through a slot that is gone. */
		if (ret && ret != -EINTR) {
			CHECK(false, "RUN %ld", ret);
			break;
		}
		if (!ret && m.page->reason != VMM_EXIT_IO && m.page->reason != VMM_EXIT_CRASH &&
		    m.page->reason != VMM_EXIT_MMIO) {
			CHECK(false, "RUN: %s", reason_name(m.page->reason));
			break;
		}
		rounds++;
	}
	__atomic_store_n(&churn_ends, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	CHECK(rounds > 5, "%d rounds", rounds);
	remove_slot(m.vm, 1);
	munmap(churn_at, churn_size);
}

/* ---- whose memory it is -------------------------------------------------------------- */

static void not_pinned(void)
{
	const size_t size = 8 * MIB;
	u8 *p = memory_map(size);
	long pinned = file_field("/proc/self/status", "VmPin");
	long unevictable = file_field("/proc/meminfo", "Unevictable");
	long before = file_field("/proc/self/status", "RssAnon"), after;

	madvise(p, size, MADV_NOHUGEPAGE);
	must(set_slot(m.vm, 1, 0, WINDOW, size, p), "SET_SLOT");
	guest_over(g_write, g_write_end, size);
	RUN_TO(&m, VMM_EXIT_IO);
	after = file_field("/proc/self/status", "RssAnon");
	CHECK(after - before >= (long)(size >> 10) - 256, "not ours: %ld kB before, %ld after",
	      before, after);
	CHECK(file_field("/proc/self/status", "VmPin") == pinned, "it is pinned");
	CHECK(file_field("/proc/self/status", "VmLck") == 0, "it is locked");
	CHECK(file_field("/proc/meminfo", "Unevictable") == unevictable, "it cannot be evicted");
	must(madvise(p, size, MADV_DONTNEED), "madvise");
	after = file_field("/proc/self/status", "RssAnon");
	CHECK(after - before < 512, "not given back: %ld kB before, %ld after", before, after);
	munmap(p, size);
	remove_slot(m.vm, 1);
}

static const struct test tests[] = {
	{ "refused", refused },
	{ "all-slots", all_slots },
	{ "not-there", not_there },
	{ "truncated", truncated },
	{ "changed", changed },
	{ "thp", thp },
	{ "hugetlb", hugetlb_sizes },
	{ "changed-while-running", changed_while_running },
	{ "not-pinned", not_pinned },
};

int main(int argc, char **argv)
{
	machine_open(&m, 2 * MIB);
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests));
}
