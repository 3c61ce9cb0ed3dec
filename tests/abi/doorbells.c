// SPDX-License-Identifier: GPL-2.0
/* Writes that signal an eventfd: which, and that none is lost or comes twice. */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib.h"

static struct machine m;

#define BELL	0x20000000UL	/* in guest-physical memory */

GUEST16(g_out, "mov $0x1234, %dx; mov $0x89abcdef, %eax; out %al, %dx; out %ax, %dx;"
	"out %eax, %dx; hlt");
GUEST16(g_out_values, "mov $0x1234, %dx; xor %eax, %eax; 1: out %al, %dx; inc %ax;"
	"cmp $4, %ax; jne 1b; hlt");
GUEST16(g_out_edge, "mov $0xffff, %dx; out %al, %dx; mov $0xfffc, %dx; out %eax, %dx; hlt");
GUEST16(g_in, "mov $0x1234, %dx; in %dx, %al; mov $0x2000, %si; outsb; hlt");
GUEST64(g_debug, "mov $0x1234, %dx; pushf; or %rax, (%rsp); popf; out %al, %dx; nop; hlt");
GUEST64(g_count, "mov $0x20000000, %rbx; xor %ecx, %ecx;"
	"1: inc %rcx; out %al, $0x77; mov %eax, (%rbx); jmp 1b");
/* All the ways that MOV writes, of 1, 2, 4 and 8 bytes. */
GUEST64(g_mov, "mov $0x20000000, %rbx; mov $0x1122334455667788, %rax; mov %rax, %r9;"
	"mov %al, (%rbx); mov %ax, (%rbx); mov %eax, (%rbx); mov %rax, (%rbx);"
	"mov %ah, (%rbx); mov %r9b, (%rbx);"
	"movb $-1, (%rbx); movw $-1, (%rbx); movl $-1, (%rbx); movq $-1, (%rbx);"
	"movabs %al, 0x20000000; movabs %rax, 0x20000000; hlt");
GUEST64(g_not_mov, "mov $0x20000000, %rbx; mov %rbx, %rdi; mov (%rbx), %eax;"
	"movnti %eax, (%rbx); stosl; xchg %eax, (%rbx); addl $1, (%rbx); hlt");
GUEST64(g_fetch, "mov $0x20000000, %rbx; jmp *%rbx");
GUEST64(g_push, "mov $0x20000008, %rsp; int $0x30");
GUEST64(g_edge, "mov $0x200000, %rbx; mov %eax, -4(%rbx); mov %eax, (%rbx);"
	"mov %eax, 0xfff(%rbx); mov %al, 0xfff(%rbx); hlt");

static long set(int fd, u32 flags, u64 address, u32 size, u64 data)
{
	struct vmm_doorbell req = {
		.fd = fd, .flags = flags, .address = address, .size = size, .data = data,
	};

	return call(m.vm, VMM_VM_SET_DOORBELL, &req);
}

#define PORT	VMM_DOORBELL_PORT
#define MATCH	VMM_DOORBELL_MATCH
#define REMOVE	VMM_DOORBELL_REMOVE

static void expect_out(u8 size)
{
	if (RUN_TO(&m, VMM_EXIT_IO))
		CHECK(m.page->u.io.size == size && !m.page->u.io.flags,
		      "an OUT of %u bytes, not %u", m.page->u.io.size, size);
}

/* ---- ports ------------------------------------------------------------------------ */

static void port_widths(void)
{
	static const u8 sizes[] = { 1, 2, 4 };
	int fd = event_open(0);
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		EXPECT(set(fd, PORT, 0x1234, sizes[i], 0), 0);
		LOAD16(&m, g_out);
		for (j = 0; j < ARRAY_SIZE(sizes); j++) {
			if (j != i)
				expect_out(sizes[j]);
		}
		RUN_TO(&m, VMM_EXIT_HALTED);
		CHECK(event_take(fd) == 1, "width %u", sizes[i]);
		EXPECT(set(0, PORT | REMOVE, 0x1234, sizes[i], 0), 0);
	}
	EXPECT(set(fd, PORT, 0x1234, 0, 0), 0);
	LOAD16(&m, g_out);
	RUN_TO(&m, VMM_EXIT_HALTED);
	CHECK(event_take(fd) == 3, "any width");
	EXPECT(set(0, PORT | REMOVE, 0x1234, 0, 0), 0);
	/* Beside it, and the same number in memory. */
	EXPECT(set(fd, PORT, 0x1235, 0, 0), 0);
	EXPECT(set(fd, 0, 0x1234, 0, 0), 0);
	LOAD16(&m, g_out);
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		expect_out(sizes[i]);
	RUN_TO(&m, VMM_EXIT_HALTED);
	CHECK(!event_take(fd), "rung from beside");
	EXPECT(set(0, PORT | REMOVE, 0x1235, 0, 0), 0);
	EXPECT(set(0, REMOVE, 0x1234, 0, 0), 0);
	close(fd);
}

static void port_match(void)
{
	int fds[2] = { event_open(0), event_open(0) };

	EXPECT(set(fds[0], PORT | MATCH, 0x1234, 1, 1), 0);
	EXPECT(set(fds[1], PORT | MATCH, 0x1234, 1, 3), 0);
	LOAD16(&m, g_out_values);
	expect_out(1);
	CHECK(m.page->u.io.data == 0, "data %#x", m.page->u.io.data);
	expect_out(1);
	CHECK(m.page->u.io.data == 2, "data %#x", m.page->u.io.data);
	RUN_TO(&m, VMM_EXIT_HALTED);
	CHECK(event_take(fds[0]) == 1 && event_take(fds[1]) == 1, "not rung once each");
	EXPECT(set(0, PORT | MATCH | REMOVE, 0x1234, 1, 1), 0);
	EXPECT(set(0, PORT | MATCH | REMOVE, 0x1234, 1, 3), 0);
	/* Only the bytes that are written count. */
	EXPECT(set(fds[0], PORT | MATCH, 0x1234, 2, 0xcdef), 0);
	LOAD16(&m, g_out);
	expect_out(1);
	expect_out(4);
	RUN_TO(&m, VMM_EXIT_HALTED);
	CHECK(event_take(fds[0]) == 1, "AX did not match");
	EXPECT(set(0, PORT | MATCH | REMOVE, 0x1234, 2, 0xcdef), 0);
	close(fds[0]);
	close(fds[1]);
}

static void port_edge(void)
{
	int fd = event_open(0);

	EXPECT(set(fd, PORT, 0xffff, 1, 0), 0);
	EXPECT(set(fd, PORT, 0xfffc, 4, 0), 0);
	EXPECT(set(fd, PORT, 0xfffd, 4, 0), -EINVAL);
	EXPECT(set(fd, PORT, 0xffff, 2, 0), -EINVAL);
	EXPECT(set(fd, PORT, 0x10000, 0, 0), -EINVAL);
	LOAD16(&m, g_out_edge);
	RUN_TO(&m, VMM_EXIT_HALTED);
	CHECK(event_take(fd) == 2, "the last ports");
	EXPECT(set(0, PORT | REMOVE, 0xffff, 1, 0), 0);
	EXPECT(set(0, PORT | REMOVE, 0xfffc, 4, 0), 0);
	close(fd);
}

/* IN and string forms are not for the kernel. */
static void port_others(void)
{
	int fd = event_open(0);

	EXPECT(set(fd, PORT, 0x1234, 0, 0), 0);
	LOAD16(&m, g_in);
	RUN_TO(&m, VMM_EXIT_IO);
	CHECK(m.page->u.io.flags == VMM_IO_IN, "flags %u", m.page->u.io.flags);
	RUN_TO(&m, VMM_EXIT_IO);
	CHECK(m.page->u.io.flags == VMM_IO_STRING, "flags %u", m.page->u.io.flags);
	m.page->gprs.rip += m.page->insn_len;
	m.page->dirty = VMM_GROUP_GPRS;
	RUN_TO(&m, VMM_EXIT_HALTED);
	CHECK(!event_take(fd), "rung");
	EXPECT(set(0, PORT | REMOVE, 0x1234, 0, 0), 0);
	close(fd);
}

/* A step over the OUT traps behind it, and so does a breakpoint on the port. */
static void port_debug(void)
{
	unsigned long long returns_to;
	int fd = event_open(0), i;

	EXPECT(set(fd, PORT, 0x1234, 1, 0), 0);
	for (i = 0; i < 2; i++) {
		LOAD64(&m, g_debug);
		fetch(&m, VMM_GROUP_ALL);
		if (i) {
			m.page->sregs.cr4 |= 8;			/* DE */
			m.page->dregs.dr[0] = 0x1234;
			m.page->dregs.dr7 = 0x20402;		/* I/O at DR0 */
		} else {
			m.page->gprs.r[VMM_RAX] = 0x100;	/* TF, from POPF on */
		}
		EXPECT(store(&m, VMM_GROUP_ALL), 0);
		RUN_TO(&m, VMM_EXIT_IO);
		CHECK(m.page->u.io.port == 1, "port %#x, not the handler of #DB",
		      m.page->u.io.port);
		CHECK(event_take(fd) == 1, "not rung");
		fetch(&m, VMM_GROUP_DREGS);
		CHECK((m.page->dregs.dr6 & 0x400f) == (i ? 1 : 0x4000), "DR6 %#llx",
		      m.page->dregs.dr6);
		/* It returns to what follows the OUT. */
		returns_to = *(u64 *)(m.ram + GUEST_STACK - 40);
		CHECK(returns_to == GUEST_CODE + 11, "it returns to %#llx", returns_to);
	}
	EXPECT(set(0, PORT | REMOVE, 0x1234, 1, 0), 0);
	m.page->dregs = (struct vmm_dregs) { .dr6 = 0xffff0ff0, .dr7 = 0x400 };
	EXPECT(store(&m, VMM_GROUP_DREGS), 0);
	close(fd);
}

/* ---- memory ----------------------------------------------------------------------- */

static const u8 mov_sizes[] = { 1, 2, 4, 8, 1, 1, 1, 2, 4, 8, 1, 8 };
static const u64 mov_values[] = {
	0x88, 0x7788, 0x55667788, 0x1122334455667788, 0x77, 0x88, 0xff, 0xffff, 0xffffffff, ~0ULL,
	0x88, 0x1122334455667788,
};

/* Runs g_mov; each write exits or rings as @size and, with @match, @data say. */
static void run_movs(int fd, u8 size, bool match, u64 data)
{
	u64 rung = 0, exits = 0;
	size_t i;

	LOAD64(&m, g_mov);
	for (i = 0; i < ARRAY_SIZE(mov_sizes); i++) {
		if ((!size || mov_sizes[i] == size) && (!match || mov_values[i] == data)) {
			rung++;
			continue;
		}
		exits++;
		RUN_TO(&m, VMM_EXIT_MMIO);
		CHECK(m.page->u.mmio.gpa == BELL && m.page->u.mmio.flags == VMM_MMIO_WRITE,
		      "gpa %#llx, flags %u", m.page->u.mmio.gpa, m.page->u.mmio.flags);
		/* By hand past it: MOV with REX or 66, with imm, with moffs. */
		m.page->gprs.rip += (const u8[]){ 2, 3, 2, 3, 2, 3, 3, 5, 6, 7, 9, 10 }[i];
		m.page->dirty = VMM_GROUP_GPRS;
	}
	RUN_TO(&m, VMM_EXIT_HALTED);
	i = event_take(fd);
	CHECK(i == rung, "size %u, data %#llx: rung %zu times, not %llu", size,
	      (unsigned long long)data, i, (unsigned long long)rung);
}

static void memory_widths(void)
{
	static const u8 sizes[] = { 0, 1, 2, 4, 8 };
	int fd = event_open(0);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		EXPECT(set(fd, 0, BELL, sizes[i], 0), 0);
		run_movs(fd, sizes[i], false, 0);
		EXPECT(set(0, REMOVE, BELL, sizes[i], 0), 0);
	}
	close(fd);
}

static void memory_match(void)
{
	int fd = event_open(0);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(mov_sizes); i++) {
		EXPECT(set(fd, MATCH, BELL, mov_sizes[i], mov_values[i]), 0);
		run_movs(fd, mov_sizes[i], true, mov_values[i]);
		EXPECT(set(0, MATCH | REMOVE, BELL, mov_sizes[i], mov_values[i]), 0);
	}
	EXPECT(set(fd, MATCH, BELL, 4, 0x12345678), 0);
	run_movs(fd, 4, true, 0x12345678);
	EXPECT(set(0, MATCH | REMOVE, BELL, 4, 0x12345678), 0);
	close(fd);
}

/* Reads, fetches, stores with other effects: user space sees them as ever. */
static void memory_others(void)
{
	int fd = event_open(0), i;

	EXPECT(set(fd, 0, BELL, 0, 0), 0);
	LOAD64(&m, g_not_mov);
	for (i = 0; i < 5; i++) {
		RUN_TO(&m, VMM_EXIT_MMIO);
		/* After the first, each may come as a read or as a write. */
		CHECK(m.page->u.mmio.gpa == BELL, "%d: gpa %#llx", i, m.page->u.mmio.gpa);
		m.page->gprs.rip += (const u8[]){ 2, 3, 1, 2, 3 }[i];
		m.page->dirty = VMM_GROUP_GPRS;
	}
	RUN_TO(&m, VMM_EXIT_HALTED);
	LOAD64(&m, g_fetch);
	RUN_TO(&m, VMM_EXIT_MMIO);
	/* The stack of an event's delivery. */
	LOAD64(&m, g_push);
	RUN_TO(&m, VMM_EXIT_MMIO);
	CHECK(!event_take(fd), "rung");
	EXPECT(set(0, REMOVE, BELL, 0, 0), 0);
	close(fd);
}

/* Memory goes before; at its edges nothing is torn. */
static void memory_slots(void)
{
	int fd = event_open(0), below = event_open(0);
	u8 *more = memory_map(PAGE);
	u64 was;

	EXPECT(set(below, 0, 0x1ffffc, 4, 0), 0);
	EXPECT(set(fd, 0, 0x200000, 4, 0), 0);
	EXPECT(set(fd, 0, 0x200fff, 0, 0), 0);
	LOAD64(&m, g_edge);
	memset(m.ram + 0x1ffffc, 0x55, 4);
	RUN_TO(&m, VMM_EXIT_MMIO);
	CHECK(m.page->u.mmio.gpa == 0x200fff, "gpa %#llx", m.page->u.mmio.gpa);
	CHECK(event_take(fd) == 1 && !event_take(below), "RAM's end");
	CHECK(*(u32 *)(m.ram + 0x1ffffc) == (u32)m.page->gprs.r[VMM_RAX], "RAM was not written");
	m.page->gprs.rip += 6;
	m.page->dirty = VMM_GROUP_GPRS;
	RUN_TO(&m, VMM_EXIT_HALTED);
	CHECK(event_take(fd) == 1, "the page's last byte");

	EXPECT(set_slot(m.vm, 1, 0, 0x200000, PAGE, more), 0);
	LOAD64(&m, g_edge);
	/* Across the slot's end. */
	RUN_TO(&m, VMM_EXIT_MMIO);
	CHECK(!event_take(fd), "rung where memory is");
	EXPECT(set_slot(m.vm, 1, VMM_SLOT_READONLY, 0x200000, PAGE, more), 0);
	was = *(u64 *)more;
	LOAD64(&m, g_edge);
	RUN_TO(&m, VMM_EXIT_MMIO);
	CHECK(event_take(fd) == 1 && *(u64 *)more == was,
	      "not rung by a write to a read-only slot");
	remove_slot(m.vm, 1);
	EXPECT(set(0, REMOVE, 0x1ffffc, 4, 0), 0);
	EXPECT(set(0, REMOVE, 0x200000, 4, 0), 0);
	EXPECT(set(0, REMOVE, 0x200fff, 0, 0), 0);
	munmap(more, PAGE);
	close(fd);
	close(below);
}

/* ---- eventfds --------------------------------------------------------------------- */

/* At its limit a count stays there, and the guest goes on. */
static void overflow(void)
{
	int fd = event_open(0xfffffffffffffffeULL);
	u64 got;

	EXPECT(set(fd, PORT, 0x1234, 0, 0), 0);
	LOAD16(&m, g_out);
	RUN_TO(&m, VMM_EXIT_HALTED);
	got = event_take(fd);
	CHECK(got == ~0ULL, "the count is %#llx", (unsigned long long)got);
	LOAD16(&m, g_out);
	RUN_TO(&m, VMM_EXIT_HALTED);
	CHECK(event_take(fd) == 3, "not rung after that");
	EXPECT(set(0, PORT | REMOVE, 0x1234, 0, 0), 0);
	close(fd);
}

/* Nobody hears it any more, and it is still there. */
static void closed_early(void)
{
	int fd = event_open(0);

	EXPECT(set(fd, PORT, 0x1234, 0, 0), 0);
	close(fd);
	LOAD16(&m, g_out);
	RUN_TO(&m, VMM_EXIT_HALTED);
	EXPECT(set(0, PORT | REMOVE, 0x1234, 0, 0), 0);
	LOAD16(&m, g_out);
	expect_out(1);
}

static void counted(void)
{
	int fd = event_open(0);
	u64 user = m.history->stat[VMM_STAT_USER], rung = m.history->stat[VMM_STAT_DOORBELL];

	EXPECT(set(fd, PORT, 0x1234, 0, 0), 0);
	LOAD16(&m, g_out);
	RUN_TO(&m, VMM_EXIT_HALTED);
	CHECK(m.history->stat[VMM_STAT_DOORBELL] == rung + 3, "%llu",
	      m.history->stat[VMM_STAT_DOORBELL] - rung);
	/* The thread's own work may bring it out without a reason, but hardly thrice. */
	CHECK(m.history->stat[VMM_STAT_USER] < user + 3, "it came to user space");
	EXPECT(set(0, PORT | REMOVE, 0x1234, 0, 0), 0);
	close(fd);
}

/* ---- at once ---------------------------------------------------------------------- */

static u64 out_exits, mmio_exits;
static bool ends;

/* Runs g_count, taking what comes to user space, until a kick at the end. */
static void *run_count(void *arg)
{
	for (;;) {
		long ret = run(&m);

		if (ret == -EINTR)
			continue;
		if (ret) {
			EXPECT(ret, 0);
			return NULL;
		}
		if (m.page->reason == VMM_EXIT_KICK) {
			if (__atomic_load_n(&ends, __ATOMIC_SEQ_CST))
				return NULL;
		} else if (m.page->reason == VMM_EXIT_IO) {
			out_exits++;
		} else if (m.page->reason == VMM_EXIT_MMIO) {
			mmio_exits++;
			m.page->gprs.rip += 2;
			m.page->dirty = VMM_GROUP_GPRS;
		} else {
			CHECK(false, "%s", reason_name(m.page->reason));
			return NULL;
		}
	}
}

static void start_count(pthread_t *thread)
{
	LOAD64(&m, g_count);
	out_exits = mmio_exits = 0;
	__atomic_store_n(&ends, false, __ATOMIC_SEQ_CST);
	pthread_create(thread, NULL, run_count, NULL);
}

static void end_count(pthread_t thread)
{
	__atomic_store_n(&ends, true, __ATOMIC_SEQ_CST);
	EXPECT(call(m.vcpu, VMM_VCPU_KICK, NULL), 0);
	pthread_join(thread, NULL);
}

/* They come and go under a vCPU that rings all the time: each write is seen, once. */
static void removed_while_ringing(void)
{
	u64 start, port_rung = 0, rung = 0, rounds = 0, writes;
	pthread_t thread;

	start_count(&thread);
	for (start = now_ns(); now_ns() - start < 2000000000; rounds++) {
		int fds[2] = { event_open(0), event_open(0) };
		u64 after;

		EXPECT(set(fds[0], PORT, 0x77, 0, 0), 0);
		EXPECT(set(fds[1], 0, BELL, 4, 0), 0);
		usleep(rnd() % 5000);
		EXPECT(set(0, PORT | REMOVE, 0x77, 0, 0), 0);
		port_rung += event_take(fds[0]);
		EXPECT(set(0, REMOVE, BELL, 4, 0), 0);
		rung += event_take(fds[1]);
		usleep(rnd() % 5000);
		after = event_take(fds[0]) + event_take(fds[1]);
		CHECK(!after, "signalled %llu times after it was removed",
		      (unsigned long long)after);
		close(fds[0]);
		close(fds[1]);
	}
	end_count(thread);
	fetch(&m, VMM_GROUP_GPRS);
	writes = m.page->gprs.r[VMM_RCX];
	/* The last round may be half done: before its OUT, or before its MOV. */
	CHECK(port_rung + out_exits == writes || port_rung + out_exits == writes - 1,
	      "%llu OUTs, %llu signals, %llu exits", (unsigned long long)writes,
	      (unsigned long long)port_rung, (unsigned long long)out_exits);
	CHECK(rung + mmio_exits == writes || rung + mmio_exits == writes - 1,
	      "%llu writes, %llu signals, %llu exits", (unsigned long long)writes,
	      (unsigned long long)rung, (unsigned long long)mmio_exits);
	CHECK(rung && port_rung && rounds > 2, "%llu rounds, rung %llu, %llu times",
	      (unsigned long long)rounds, (unsigned long long)port_rung,
	      (unsigned long long)rung);
}

/* The VM's fd goes and takes them along; its vCPU exits from then on. */
static void vm_closed(void)
{
	struct machine saved = m;
	int fd, i;

	for (i = 0; i < 10; i++) {
		pthread_t thread;

		fd = event_open(0);
		machine_open(&m, 2 * MIB);
		EXPECT(set(fd, PORT, 0x77, 0, 0), 0);
		EXPECT(set(fd, 0, BELL, 0, 0), 0);
		start_count(&thread);
		usleep(20000);
		close(m.vm);
		CHECK(event_take(fd) > 0, "never rung");
		usleep(20000);
		end_count(thread);
		CHECK(out_exits && mmio_exits && !event_take(fd), "they outlive the VM's fd");
		m.vm = -1;
		machine_close(&m);
		close(fd);
	}
	m = saved;
}

static void leave_it_all(void *arg)
{
	pthread_t thread;
	int fd = event_open(0);

	machine_open(&m, 2 * MIB);
	EXPECT(set(fd, PORT, 0x77, 0, 0), 0);
	EXPECT(set(fd, 0, BELL, 0, 0), 0);
	start_count(&thread);
	usleep(20000);
	close(fd);
	fflush(stdout);
	_exit(failures());
}

static void owner_exits(void)
{
	int i;

	for (i = 0; i < 10; i++)
		in_child(leave_it_all, NULL);
}

/* ---- refused ---------------------------------------------------------------------- */

static void bad_values(void)
{
	const u64 end = 1ULL << dev_info().phys_bits;
	int fd = event_open(0);
	const struct {
		const char *what;
		struct vmm_doorbell req;
	} rows[] = {
		{ "an unknown flag", { .flags = 8, .size = 1 } },
		{ "padding", { .pad = 1, .size = 1 } },
		{ "3 bytes", { .size = 3 } },
		{ "16 bytes", { .size = 16 } },
		{ "258 bytes", { .size = 0x102 } },
		{ "8 bytes of a port", { .flags = PORT, .size = 8 } },
		{ "a port too high", { .flags = PORT, .address = 0x10000, .size = 1 } },
		{ "a port far too high", { .flags = PORT, .address = 1ULL << 32, .size = 1 } },
		{ "an address too high", { .address = end, .size = 1 } },
		{ "the last address of all", { .address = ~0ULL, .size = 1 } },
		{ "an odd address", { .address = BELL + 2, .size = 4 } },
		{ "data to match nowhere", { .address = BELL, .size = 4, .data = 1 } },
		{ "a match of any width", { .flags = MATCH, .address = BELL, .data = 1 } },
		{ "more data than bytes", { .flags = MATCH, .address = BELL, .size = 2,
					    .data = 0x10000 } },
		{ "an fd to remove", { .flags = REMOVE, .address = BELL, .size = 4 } },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vmm_doorbell req = rows[i].req;
		long ret;

		req.fd = fd;
		ret = call(m.vm, VMM_VM_SET_DOORBELL, &req);
		CHECK(ret == -EINVAL, "%s: %ld", rows[i].what, ret);
	}
	EXPECT(call(m.vm, VMM_VM_SET_DOORBELL, NULL), -EFAULT);
	EXPECT(call(m.vcpu, VMM_VM_SET_DOORBELL, &rows[0].req), -ENOTTY);
	/* The last of each that there is. */
	EXPECT(set(fd, MATCH, end - 8, 8, ~0ULL), 0);
	EXPECT(set(0, MATCH | REMOVE, end - 8, 8, ~0ULL), 0);
	close(fd);
}

static void bad_fds(void)
{
	int null = open("/dev/null", O_RDWR), path = open("/", O_PATH), i;
	const struct {
		int fd;
		long want;
	} rows[] = {
		{ -1, -EBADF }, { 0x7fffffff, -EBADF }, { path + 100, -EBADF }, { path, -EBADF },
		{ null, -EINVAL }, { m.vm, -EINVAL }, { m.vcpu, -EINVAL },
	};

	for (i = 0; i < (int)ARRAY_SIZE(rows); i++)
		EXPECT(set(rows[i].fd, 0, BELL, 4, 0), rows[i].want);
	EXPECT(set(0, REMOVE, BELL, 4, 0), -ENOENT);
	close(null);
	close(path);
}

static void overlaps(void)
{
	int fd = event_open(0);

	EXPECT(set(fd, 0, BELL, 4, 0), 0);
	EXPECT(set(fd, 0, BELL, 4, 0), -EEXIST);
	EXPECT(set(fd, 0, BELL, 0, 0), -EEXIST);
	EXPECT(set(fd, MATCH, BELL, 4, 7), -EEXIST);
	EXPECT(set(fd, 0, BELL, 2, 0), 0);
	EXPECT(set(fd, MATCH, BELL, 8, 7), 0);
	EXPECT(set(fd, MATCH, BELL, 8, 8), 0);
	EXPECT(set(fd, MATCH, BELL, 8, 7), -EEXIST);
	EXPECT(set(fd, 0, BELL, 8, 0), -EEXIST);
	/* Another beginning is another doorbell. */
	EXPECT(set(fd, 0, BELL + 2, 2, 0), 0);
	EXPECT(set(fd, 0, BELL + 4, 0, 0), 0);
	EXPECT(set(fd, 0, BELL + 4, 1, 0), -EEXIST);

	EXPECT(set(0, REMOVE, BELL, 0, 0), -ENOENT);
	EXPECT(set(0, REMOVE, BELL, 8, 0), -ENOENT);
	EXPECT(set(0, MATCH | REMOVE, BELL, 8, 9), -ENOENT);
	EXPECT(set(0, PORT | REMOVE, 0x77, 1, 0), -ENOENT);
	EXPECT(set(0, REMOVE, BELL, 4, 0), 0);
	EXPECT(set(0, REMOVE, BELL, 4, 0), -ENOENT);
	EXPECT(set(0, MATCH | REMOVE, BELL, 8, 8), 0);
	EXPECT(set(0, MATCH | REMOVE, BELL, 8, 7), 0);
	EXPECT(set(0, REMOVE, BELL, 2, 0), 0);
	EXPECT(set(0, REMOVE, BELL + 2, 2, 0), 0);
	EXPECT(set(0, REMOVE, BELL + 4, 0, 0), 0);
	EXPECT(set(0, REMOVE, BELL + 4, 0, 0), -ENOENT);
	close(fd);
}

static void from_elsewhere(void *arg)
{
	EXPECT(set(*(int *)arg, 0, BELL, 4, 0), -EIO);
	EXPECT(set(0, REMOVE, BELL, 4, 0), -EIO);
}

static void other_process(void)
{
	int fd = event_open(0);

	in_child(from_elsewhere, &fd);
	EXPECT(set(0, REMOVE, BELL, 4, 0), -ENOENT);
	close(fd);
}

/* As many as there may be, of each kind, in no order; the VM's end takes them all. */
static void limit(void)
{
	struct machine saved = m;
	int fd = event_open(0);
	u64 i;

	machine_open(&m, 2 * MIB);
	for (i = 0; i < VMM_DOORBELLS_MAX; i++) {
		u64 at = i * 419 % VMM_DOORBELLS_MAX;

		EXPECT(set(fd, PORT, 0x1234 - 512 + at, 1, 0), 0);
		EXPECT(set(fd, MATCH, BELL, 4, at), 0);
	}
	EXPECT(set(fd, PORT, 0x77, 1, 0), -ENOSPC);
	EXPECT(set(fd, 0, BELL + 8, 1, 0), -ENOSPC);
	EXPECT(set(fd, MATCH, BELL, 4, 1), -EEXIST);
	LOAD16(&m, g_out);
	expect_out(2);
	expect_out(4);
	RUN_TO(&m, VMM_EXIT_HALTED);
	CHECK(event_take(fd) == 1, "one of many");
	EXPECT(set(0, PORT | REMOVE, 0x1234 + 511, 1, 0), 0);
	EXPECT(set(0, MATCH | REMOVE, BELL, 4, 7), 0);
	EXPECT(set(fd, PORT, 0x77, 1, 0), 0);
	EXPECT(set(fd, 0, BELL + 8, 1, 0), 0);
	machine_close(&m);
	close(fd);
	m = saved;
}

static const struct test tests[] = {
	{ "port-widths", port_widths },
	{ "port-match", port_match },
	{ "port-edge", port_edge },
	{ "port-others", port_others },
	{ "port-debug", port_debug },
	{ "memory-widths", memory_widths },
	{ "memory-match", memory_match },
	{ "memory-others", memory_others },
	{ "memory-slots", memory_slots },
	{ "overflow", overflow },
	{ "closed-early", closed_early },
	{ "counted", counted },
	{ "removed-while-ringing", removed_while_ringing },
	{ "vm-closed", vm_closed },
	{ "owner-exits", owner_exits },
	{ "bad-values", bad_values },
	{ "bad-fds", bad_fds },
	{ "overlaps", overlaps },
	{ "other-process", other_process },
	{ "limit", limit },
};

int main(int argc, char **argv)
{
	machine_open(&m, 2 * MIB);
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests));
}
