// SPDX-License-Identifier: GPL-2.0
/* Each reason to return to user space, from a guest of a few instructions. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib.h"

static struct machine m;

GUEST16(g_hlt, "hlt; hlt");
GUEST16(g_out, "mov $0x1234, %dx; mov $0x89abcdef, %eax; out %al, %dx; out %ax, %dx;"
	"out %eax, %dx; out %al, $0x77; hlt");
GUEST16(g_in, "mov $0x1234, %dx; mov $0x89abcdef, %eax; in %dx, %al; in %dx, %ax;"
	"in %dx, %eax; hlt");
GUEST16(g_ins, "mov $0x60, %dx; mov $0x2000, %di; mov $3, %cx; rep insw; hlt");
GUEST16(g_outs, "mov $0x60, %dx; mov $0x2000, %si; es outsb; addr32 rep outsl; hlt");
GUEST64(g_mmio, "mov $0x20000000, %rbx; mov (%rbx), %eax; movl $0x11223344, 8(%rbx); hlt");
GUEST64(g_fetch, "mov $0x20000000, %rbx; jmp *%rbx");
GUEST16(g_msr, "mov $0x4b564d7f, %ecx; rdmsr; mov $1, %eax; mov $2, %edx; wrmsr; hlt");
GUEST16(g_cpuid, "xor %eax, %eax; cpuid; hlt");
GUEST64(g_triple, "lidt null(%rip); ud2; null: .zero 10");
GUEST16(g_pause, "1: pause; inc %ax; jnz 1b; hlt");

/* The instruction that exited has been done. */
static void step_over(u32 length)
{
	m.page->gprs.rip += length;
	m.page->dirty = VMM_GROUP_GPRS;
}

/* RBX: 512 MiB, RDX: the page's last 2 bytes, RSI: what is written. */
#define MMIO_START	"mov $0x20000000, %rbx; mov $0x20000ffe, %rdx;" \
			"mov $0x8877665544332211, %rsi; mov %rsi, %rax;"
GUEST64(g_movs, MMIO_START
	"mov 8(%rbx), %r9; mov 8(%rbx), %ecx; mov (%rdx), %cx; mov 8(%rbx), %dil;"
	"mov %rsi, 8(%rbx); mov %esi, 8(%rbx); mov %si, (%rdx); mov %ah, 8(%rbx);"
	"movq $-2, 8(%rbx); mov %eax, %gs:8(%rbx); hlt");
GUEST64(g_no_movs, MMIO_START
	"mov 8(%rbx), %ah; mov (%rbx), %eax; mov %esi, (%rdx); movzbl 8(%rbx), %eax;"
	"add %eax, 8(%rbx); hlt");

GUEST64(g_mov, "mov 8(%rbx), %ecx; hlt");

static void hlt(void)
{
	LOAD16(&m, g_hlt);
	RUN_TO(&m, VMM_EXIT_HALTED);
	CHECK(m.page->gprs.rip == GUEST_CODE + 1, "rip %#llx", m.page->gprs.rip);
	CHECK(m.page->exit_rip == GUEST_CODE, "exit_rip %#llx", m.page->exit_rip);
	CHECK(m.page->events.run_state == VMM_STATE_HALTED, "run_state");
	CHECK(m.page->cached == VMM_GROUP_ALL, "cached %#x", m.page->cached);
	m.page->events.run_state = VMM_STATE_RUNNING;
	m.page->dirty = VMM_GROUP_EVENTS;
	RUN_TO(&m, VMM_EXIT_HALTED);
	CHECK(m.page->gprs.rip == GUEST_CODE + 2, "rip %#llx", m.page->gprs.rip);
	CHECK(!m.page->dirty, "dirty is left");
}

static void expect_io(u16 port, u8 size, u8 flags)
{
	const struct vmm_exit_io *io = &m.page->u.io;

	if (!RUN_TO(&m, VMM_EXIT_IO))
		return;
	CHECK(io->port == port && io->size == size && io->flags == flags,
	      "port %#x, size %u, flags %u", io->port, io->size, io->flags);
}

static void out(void)
{
	LOAD16(&m, g_out);
	expect_io(0x1234, 1, 0);
	CHECK(m.page->u.io.data == 0xef, "data %#x", m.page->u.io.data);
	CHECK(m.page->cached & VMM_GROUP_RAX, "cached");
	expect_io(0x1234, 2, 0);
	CHECK(m.page->u.io.data == 0xcdef, "data %#x", m.page->u.io.data);
	expect_io(0x1234, 4, 0);
	CHECK(m.page->u.io.data == 0x89abcdef, "data %#x", m.page->u.io.data);
	expect_io(0x77, 1, 0);
	RUN_TO(&m, VMM_EXIT_HALTED);
}

static void in(void)
{
	static const u8 sizes[] = { 1, 2, 4 };
	size_t i;

	LOAD16(&m, g_in);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		u64 mask = (1ULL << sizes[i] * 8) - 1;

		expect_io(0x1234, sizes[i], VMM_IO_IN);
		m.page->gprs.r[VMM_RAX] = (m.page->gprs.r[VMM_RAX] & ~mask) | (0x77665544 & mask);
		m.page->dirty = VMM_GROUP_RAX;
	}
	RUN_TO(&m, VMM_EXIT_HALTED);
	CHECK(m.page->gprs.r[VMM_RAX] == 0x77665544, "rax %#llx", m.page->gprs.r[VMM_RAX]);
}

/* String forms are left at the instruction: user space does them whole. */
static void strings(void)
{
	const u32 groups = VMM_GROUP_GPRS | VMM_GROUP_SREGS;

	LOAD16(&m, g_ins);
	expect_io(0x60, 2, VMM_IO_IN | VMM_IO_STRING | VMM_IO_REP);
	CHECK(m.page->gprs.rip == m.page->exit_rip, "RIP has moved");
	CHECK((m.page->cached & groups) == groups, "cached %#x", m.page->cached);
	CHECK(m.page->gprs.r[VMM_RCX] == 3, "rcx");
	CHECK(m.page->insn_len == 2, "insn_len %u", m.page->insn_len);
	m.page->gprs.rip += m.page->insn_len;
	m.page->gprs.r[VMM_RCX] = 0;
	m.page->dirty = VMM_GROUP_GPRS;
	RUN_TO(&m, VMM_EXIT_HALTED);

	LOAD16(&m, g_outs);
	expect_io(0x60, 1, VMM_IO_STRING);
	m.page->gprs.rip += m.page->insn_len;
	m.page->gprs.r[VMM_RCX] = 1;
	m.page->dirty = VMM_GROUP_GPRS;
	expect_io(0x60, 4, VMM_IO_STRING | VMM_IO_REP);
}

static void mmio(void)
{
	const struct vmm_exit_mmio *mmio = &m.page->u.mmio;

	LOAD64(&m, g_mmio);
	RUN_TO(&m, VMM_EXIT_MMIO);
	CHECK(mmio->gpa == 0x20000000 && !mmio->flags,
	      "gpa %#llx, flags %u", mmio->gpa, mmio->flags);
	CHECK(m.page->gprs.rip == m.page->exit_rip, "RIP has moved");
	/* Without an answer the same access comes again. */
	RUN_TO(&m, VMM_EXIT_MMIO);
	step_over(2);
	RUN_TO(&m, VMM_EXIT_MMIO);
	CHECK(mmio->gpa == 0x20000008 && mmio->flags == VMM_MMIO_WRITE, "gpa %#llx, flags %u",
	      mmio->gpa, mmio->flags);
	step_over(7);
	RUN_TO(&m, VMM_EXIT_HALTED);

	LOAD64(&m, g_fetch);
	RUN_TO(&m, VMM_EXIT_MMIO);
	CHECK(mmio->gpa == 0x20000000 && (mmio->flags & VMM_MMIO_FETCH),
	      "fetch: gpa %#llx, flags %u",
	      mmio->gpa, mmio->flags);
}

/* What user space need not look for itself. */
static void mmio_mov(void)
{
	static const struct { u8 size, gpr, length; u64 data; } rows[] = {
		{ 8, 9, 4 }, { 4, VMM_RCX, 3 }, { 2, VMM_RCX, 3 }, { 1, VMM_RDI, 4 },
		{ 8, 0, 4, 0x8877665544332211 }, { 4, 0, 3, 0x44332211 }, { 2, 0, 3, 0x2211 },
		{ 1, 0, 3, 0x22 }, { 8, 0, 8, -2ULL }, { 4, 0, 4, 0x44332211 },
	};
	const struct vmm_exit_mmio *mmio = &m.page->u.mmio;
	size_t i;

	LOAD64(&m, g_movs);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		RUN_TO(&m, VMM_EXIT_MMIO);
		CHECK(mmio->size == rows[i].size && mmio->gpr == rows[i].gpr &&
		      mmio->data == rows[i].data && m.page->insn_len == rows[i].length,
		      "%zu: size %u, register %u, data %#llx, %u long", i, mmio->size, mmio->gpr,
		      mmio->data, m.page->insn_len);
		CHECK(m.page->cached == (VMM_GROUP_GPRS | VMM_GROUP_EVENTS), "%zu: cached %#x", i,
		      m.page->cached);
		step_over(rows[i].length);
	}
	RUN_TO(&m, VMM_EXIT_HALTED);
}

/* What it must look at: not a MOV, into AH, across the page's end, perhaps from before it. */
static void mmio_other(void)
{
	static const u8 lengths[] = { 3, 2, 2, 4, 3 };
	const struct vmm_exit_mmio *mmio = &m.page->u.mmio;
	size_t i;

	LOAD64(&m, g_no_movs);
	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		RUN_TO(&m, VMM_EXIT_MMIO);
		CHECK(!mmio->size, "%zu: size %u", i, mmio->size);
		CHECK(m.page->cached & VMM_GROUP_SREGS, "%zu: cached %#x", i, m.page->cached);
		step_over(lengths[i]);
	}
	RUN_TO(&m, VMM_EXIT_HALTED);
}

static void expect_mov_to(u8 gpr)
{
	RUN_TO(&m, VMM_EXIT_MMIO);
	CHECK(m.page->u.mmio.size == 4 && m.page->u.mmio.gpr == gpr, "size %u, register %u, not %u",
	      m.page->u.mmio.size, m.page->u.mmio.gpr, gpr);
}

/* Another page at the same address, while the old one still has what it had. */
static void mmio_moved(void)
{
	u64 *pd = (u64 *)(m.ram + GUEST_TABLES + 2 * PAGE), *pt = pd + 512;
	u8 *other = m.ram + 0x180000;
	int i;

	LOAD64(&m, g_mov);
	m.page->gprs.r[VMM_RBX] = 0x20000000;
	m.page->dirty = VMM_GROUP_GPRS;
	for (i = 0; i < 3; i++)
		expect_mov_to(VMM_RCX);
	memcpy(other, m.ram + GUEST_CODE, PAGE);
	other[1] = 0x53;
	for (i = 0; i < 512; i++)
		pt[i] = (u64)i * PAGE | 3;
	pt[GUEST_CODE / PAGE] = 0x180000 | 3;
	pd[0] = (GUEST_TABLES + 3 * PAGE) | 3;
	/* To set them flushes. */
	fetch(&m, VMM_GROUP_SREGS);
	m.page->dirty = VMM_GROUP_SREGS;
	expect_mov_to(VMM_RDX);
	pt[GUEST_CODE / PAGE] = GUEST_CODE | 3;
	fetch(&m, VMM_GROUP_SREGS);
	m.page->dirty = VMM_GROUP_SREGS;
	expect_mov_to(VMM_RCX);
}

static void msr(void)
{
	const struct vmm_exit_msr *msr = &m.page->u.msr;

	LOAD16(&m, g_msr);
	RUN_TO(&m, VMM_EXIT_RDMSR);
	CHECK(msr->index == 0x4b564d7f && m.page->insn_len == 2, "RDMSR %#x", msr->index);
	CHECK(m.page->gprs.rip == m.page->exit_rip, "RIP has moved");
	step_over(2);
	RUN_TO(&m, VMM_EXIT_WRMSR);
	CHECK(msr->index == 0x4b564d7f && msr->value == 0x200000001, "WRMSR %#llx", msr->value);
	step_over(2);
	RUN_TO(&m, VMM_EXIT_HALTED);
}

static void cpuid(void)
{
	struct vmm_cpuid_entry entry = { .eax = 7, .ebx = 0x11, .ecx = 0x22, .edx = 0x33 };
	struct vmm_cpuid req = { .count = 1, .entries = (u64)&entry };
	struct machine other;

	machine_open_empty(&other, 2 * MIB);
	must(call(other.vm, VMM_VM_SET_CPUID, &req), "SET_CPUID");
	machine_add_vcpu(&other, 0);
	LOAD16(&other, g_cpuid);
	RUN_TO(&other, VMM_EXIT_HALTED);
	CHECK(other.page->gprs.r[VMM_RAX] == 7 && other.page->gprs.r[VMM_RBX] == 0x11 &&
	      other.page->gprs.r[VMM_RCX] == 0x22 && other.page->gprs.r[VMM_RDX] == 0x33,
	      "CPUID gave %#llx", other.page->gprs.r[VMM_RAX]);
	machine_close(&other);
}

/* An MSR with an answer of the VM's own does not exit, unless its write is to. */
static void msr_answers(void)
{
	struct vmm_msr_answer answer = { .index = 0x4b564d7f, .value = 0x1122334455667788 };
	struct vmm_msr_answers req = { .count = 1, .entries = (u64)&answer };
	int ignored;

	for (ignored = 0; ignored < 2; ignored++) {
		struct machine other;

		machine_open_empty(&other, 2 * MIB);
		answer.flags = ignored ? VMM_MSR_WRITE_IGNORED : 0;
		must(call(other.vm, VMM_VM_SET_MSRS, &req), "SET_MSRS");
		machine_add_vcpu(&other, 0);
		LOAD16(&other, g_msr);
		RUN_TO(&other, ignored ? VMM_EXIT_HALTED : VMM_EXIT_WRMSR);
		machine_close(&other);
	}
}

static void triple_fault(void)
{
	LOAD64(&m, g_triple);
	RUN_TO(&m, VMM_EXIT_TRIPLE_FAULT);
	CHECK(m.page->events.run_state == VMM_STATE_SHUTDOWN, "run_state");
	CHECK(m.page->gprs.rip == GUEST_CODE + 7, "rip %#llx", m.page->gprs.rip);
	EXPECT(run(&m), -EIO);
	EXPECT(run(&m), -EIO);
	EXPECT(call(m.vcpu, VMM_VCPU_RESET, NULL), 0);
	LOAD16(&m, g_hlt);
	RUN_TO(&m, VMM_EXIT_HALTED);
}

static void pause_loop(void)
{
	LOAD16(&m, g_pause);
	RUN_TO(&m, VMM_EXIT_HALTED);
	CHECK(!m.page->gprs.r[VMM_RAX], "rax %#llx", m.page->gprs.r[VMM_RAX]);
}

/* Groups in @wanted come with each exit. */
static void wanted(void)
{
	LOAD16(&m, g_out);
	m.page->wanted = VMM_GROUP_DREGS | 0xffff0000;
	RUN_TO(&m, VMM_EXIT_IO);
	CHECK((m.page->cached & VMM_GROUP_DREGS) && !(m.page->cached & ~VMM_GROUP_ALL),
	      "cached %#x", m.page->cached);
	m.page->wanted = 0;
}

static void history(void)
{
	u64 next = m.history->next;

	LOAD16(&m, g_out);
	RUN_TO(&m, VMM_EXIT_IO);
	CHECK(m.history->next > next, "next stands at %llu", m.history->next);
	CHECK(m.history->entry[(m.history->next - 1) % VMM_HISTORY_SIZE].reason == VMM_STAT_IO,
	      "the last exit is not the OUT");
	CHECK(m.history->stat[VMM_STAT_IO] > 0 && m.history->stat[VMM_STAT_USER] > 0, "counts");
}

static const struct test tests[] = {
	{ "hlt", hlt },
	{ "out", out },
	{ "in", in },
	{ "strings", strings },
	{ "mmio", mmio },
	{ "mmio-mov", mmio_mov },
	{ "mmio-other", mmio_other },
	{ "mmio-moved", mmio_moved },
	{ "msr", msr },
	{ "msr-answers", msr_answers },
	{ "cpuid", cpuid },
	{ "triple-fault", triple_fault },
	{ "pause", pause_loop },
	{ "wanted", wanted },
	{ "history", history },
};

int main(int argc, char **argv)
{
	machine_open(&m, 2 * MIB);
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests));
}
