// SPDX-License-Identifier: GPL-2.0
/*
 * Task switches between two tasks in a small array that plays memory: what
 * each kind leaves, and every check broken alone. A fault of the old task
 * changes nothing at all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "vmm/em/task.h"

#define MEM_SIZE	0x10000
#define GDT		0x1000
#define OLD_TSS		0x2000
#define NEW_TSS		0x2800		/* below 0x3000 */
#define LDT		0x3000
#define STACK		0x5000		/* top of it */
#define DIRECTORY	0x6000
#define TABLE		0x7000
#define PDPTES		0x8000

#define OLD		0x08
#define NEW		0x10
#define CODE		0x18
#define DATA		0x20
#define UCODE		0x2b
#define UDATA		0x33
#define LDT_SEL		0x38
#define SPARE		0x40
#define GDT_LIMIT	0x47

#define NT		BIT(14)
#define VM		BIT(17)
#define BUSY		(2ULL << 40)
#define ABSENT		(0x80ULL << 40)
#define PAGING		BIT_ULL(31)

enum { DF = 8, TS = 10, NP = 11, SS = 12, GP = 13, PF = 14 };

struct fixture {
	u8 mem[MEM_SIZE] __attribute__((aligned(16)));
	struct em_mem em;
	struct vmm_gprs gprs;
	struct vmm_sregs sregs;
	struct vmm_dregs dregs;
	struct task_switch ts;
	bool wide;
	int thief;			/* accesses for writing until another CPU takes the task */
};

/* ---- memory ------------------------------------------------------------------- */

static u64 *gdt_at(struct fixture *f, u16 selector)
{
	return (u64 *)(f->mem + GDT + (selector & ~7));
}

static void *fake_ram(void *ctx, gpa_t gpa, unsigned int size, bool write)
{
	struct fixture *f = ctx;

	if (write && f->thief && !--f->thief)
		*gdt_at(f, NEW) |= BUSY;
	return gpa <= MEM_SIZE - size ? f->mem + gpa : NULL;
}

static int fake_read(void *ctx, gpa_t gpa, void *buf, unsigned int size)
{
	memset(buf, 0xff, size);
	return 0;
}

static int fake_write(void *ctx, gpa_t gpa, const void *buf, unsigned int size)
{
	return 0;
}

static const struct em_mem_ops ops = {
	.ram = fake_ram, .mmio_read = fake_read, .mmio_write = fake_write,
};

static void put(struct fixture *f, u32 at, u32 value, u32 size)
{
	memcpy(f->mem + at, &value, size);
}

static u32 get(struct fixture *f, u32 at, u32 size)
{
	u32 value = 0;

	memcpy(&value, f->mem + at, size);
	return value;
}

static u64 descriptor(u32 base, u32 limit, u32 access, u32 flags)
{
	return (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)access << 40 |
	       (u64)(limit >> 16 & 15) << 48 | (u64)flags << 52 | (u64)(base >> 24) << 56;
}

/* ---- the ground --------------------------------------------------------------------- */

static void build_tables(struct fixture *f)
{
	*gdt_at(f, OLD) = descriptor(OLD_TSS, f->wide ? 103 : 43, f->wide ? 0x8b : 0x83, 0);
	*gdt_at(f, NEW) = descriptor(NEW_TSS, f->wide ? 103 : 43, f->wide ? 0x89 : 0x81, 0);
	*gdt_at(f, CODE) = descriptor(0, 0xfffff, 0x9b, 12);
	*gdt_at(f, DATA) = descriptor(0, 0xfffff, 0x93, 12);
	*gdt_at(f, UCODE) = descriptor(0, 0xfffff, 0xfb, 12);
	*gdt_at(f, UDATA) = descriptor(0, 0xfffff, 0xf3, 12);
	*gdt_at(f, LDT_SEL) = descriptor(LDT, 15, 0x82, 0);
	*(u64 *)(f->mem + LDT + 8) = descriptor(0, 0xfffff, 0x9b, 12);
	put(f, DIRECTORY, TABLE | 3, 4);
	for (u32 i = 0; i < MEM_SIZE >> 12; i++)
		put(f, TABLE + 4 * i, i << 12 | 3, 4);
}

/* Offsets in a TSS of 32 bits; those of 16 are written out where they are used. */
enum { T_CR3 = 28, T_EIP = 32, T_EFLAGS = 36, T_EAX = 40, T_ESP = 56, T_ES = 72, T_CS = 76,
       T_SS = 80, T_DS = 84, T_FS = 88, T_GS = 92, T_LDT = 96, T_TRAP = 100 };

static void build_new(struct fixture *f)
{
	u32 w = f->wide ? 4 : 2, ip = f->wide ? T_EIP : 14;

	put(f, NEW_TSS + T_CR3, DIRECTORY, 4);
	put(f, NEW_TSS + ip, 0x1234, w);
	put(f, NEW_TSS + ip + w, 2, w);
	for (u32 i = 0; i < 8; i++)
		put(f, NEW_TSS + ip + (2 + i) * w, 0xa0 + i, w);
	put(f, NEW_TSS + ip + (2 + VMM_RSP) * w, STACK, w);
	for (u32 i = 0; i < (f->wide ? 6 : 4); i++)
		put(f, NEW_TSS + ip + (10 + i) * w, i == VMM_CS ? CODE : DATA, 2);
}

static void ground(struct fixture *f, bool wide)
{
	memset(f, 0, sizeof(*f));
	f->wide = wide;
	build_tables(f);
	build_new(f);
	f->gprs.rip = 0x101000;
	f->gprs.rflags = 0x202;
	for (int i = 0; i < 8; i++)
		f->gprs.r[i] = 0x11110000 + i;
	for (int i = VMM_ES; i <= VMM_GS; i++)
		f->sregs.seg[i] = (struct vmm_segment){
			.selector = i == VMM_CS ? CODE : DATA, .limit = ~0U,
			.attr = i == VMM_CS ? 0xc09b : 0xc093,
		};
	f->sregs.seg[VMM_LDTR].attr = VMM_SEG_UNUSABLE;
	f->sregs.seg[VMM_TR] = (struct vmm_segment){
		.selector = OLD, .base = OLD_TSS, .limit = wide ? 103 : 43,
		.attr = wide ? 0x8b : 0x83,
	};
	f->sregs.gdtr.base = GDT;
	f->sregs.gdtr.limit = GDT_LIMIT;
	f->sregs.cr0 = 0x31;
	f->dregs.dr7 = 0x7ff;
	f->em = (struct em_mem){ .ops = &ops, .ctx = f };
	f->ts = (struct task_switch){
		.mem = &f->em, .gprs = &f->gprs, .sregs = &f->sregs, .dregs = &f->dregs,
		.selector = NEW, .cause = VMM_TASK_CALL, .return_rip = 0x101007,
	};
}

/* With the page tables at DIRECTORY; "Protected mode with paging". */
static void paging(struct fixture *f)
{
	f->sregs.cr0 |= PAGING | BIT(16);
	f->sregs.cr3 = DIRECTORY;
}

static int go(struct fixture *f)
{
	f->em.paging = (struct pgm_paging){
		.cr0 = f->sregs.cr0, .cr3 = f->sregs.cr3, .cr4 = f->sregs.cr4,
		.rflags = f->gprs.rflags, .maxphyaddr = 40,
	};
	return task_switch(&f->ts);
}

/* ---- what each kind leaves ----------------------------------------------------------- */

static void check_old(struct fixture *f, u32 flags)
{
	u32 w = f->wide ? 4 : 2, ip = f->wide ? T_EIP : 14, mask = f->wide ? ~0U : 0xffff;

	assert_int_equal(get(f, OLD_TSS + ip, w), 0x101007 & mask);
	assert_int_equal(get(f, OLD_TSS + ip + w, w), flags);
	for (u32 i = 0; i < 8; i++)
		assert_int_equal(get(f, OLD_TSS + ip + (2 + i) * w, w), (0x11110000 + i) & mask);
	for (u32 i = 0; i < (f->wide ? 6 : 4); i++)
		assert_int_equal(get(f, OLD_TSS + ip + (10 + i) * w, w),
				 i == VMM_CS ? CODE : DATA);
}

static void check_new(struct fixture *f, bool nt)
{
	assert_true(f->ts.switched);
	assert_int_equal(f->gprs.rip, 0x1234);
	assert_int_equal(f->gprs.rflags, 2 | (nt ? NT : 0));
	assert_int_equal(f->gprs.r[VMM_RAX], f->wide ? 0xa0 : 0xffff00a0);
	assert_int_equal(f->gprs.r[VMM_RDI] & 0xffff, 0xa7);
	assert_int_equal(f->sregs.seg[VMM_TR].selector, NEW);
	assert_int_equal(f->sregs.seg[VMM_TR].base, NEW_TSS);
	assert_int_equal(f->sregs.seg[VMM_TR].attr, f->wide ? 0x8b : 0x83);
	assert_int_equal(f->sregs.seg[VMM_CS].limit, ~0U);
	assert_int_equal(f->sregs.seg[VMM_GS].attr, f->wide ? 0xc093 : VMM_SEG_UNUSABLE);
	assert_int_equal(f->sregs.cr0 & 8, 8);
	assert_int_equal(f->dregs.dr7, 0x6aa);
}

static const struct {
	u8 cause;
	bool back, link, old_busy, nt;
} kinds[] = {
	{ VMM_TASK_CALL, false, true, true, true },
	{ VMM_TASK_EVENT, false, true, true, true },
	{ VMM_TASK_JMP, false, false, false, false },
	{ VMM_TASK_IRET, true, false, false, false },
};

static void test_kinds(void **state)
{
	struct fixture f;

	for (unsigned int i = 0; i < 2 * ARRAY_SIZE(kinds); i++) {
		unsigned int k = i / 2;

		ground(&f, i & 1);
		f.ts.cause = kinds[k].cause;
		if (kinds[k].back) {
			*gdt_at(&f, NEW) |= BUSY;
			f.gprs.rflags |= NT;
		}
		assert_int_equal(go(&f), 0);
		check_old(&f, 0x202);
		check_new(&f, kinds[k].nt);
		assert_int_equal(get(&f, NEW_TSS, 2), kinds[k].link ? OLD : 0);
		assert_int_equal(!!(*gdt_at(&f, OLD) & BUSY), kinds[k].old_busy);
		assert_true(*gdt_at(&f, NEW) & BUSY);
		assert_false(f.ts.debug_trap);
	}
}

/* From one size to the other, and to itself: what was saved is what is loaded. */
static void test_mixed(void **state)
{
	struct fixture f;

	ground(&f, true);
	f.sregs.seg[VMM_TR].attr = 0x83;
	f.sregs.seg[VMM_TR].limit = 43;
	assert_int_equal(go(&f), 0);
	f.wide = false;
	check_old(&f, 0x202);
	f.wide = true;
	check_new(&f, true);

	ground(&f, true);
	f.ts.cause = VMM_TASK_IRET;
	f.ts.selector = OLD;
	f.gprs.rflags |= NT;
	assert_int_equal(go(&f), 0);
	assert_int_equal(f.gprs.rip, 0x101007);
	assert_int_equal(f.gprs.rflags, 0x202);
	assert_int_equal(f.gprs.r[VMM_RBX], 0x11110003);
}

static void test_error_code(void **state)
{
	struct fixture f;

	for (int wide = 0; wide < 2; wide++) {
		ground(&f, wide);
		f.ts.cause = VMM_TASK_EVENT;
		f.ts.push_error = true;
		f.ts.error = 0xabcd;
		put(&f, STACK - 4, 0x55555555, 4);
		if (!wide)	/* and with B clear, as the upper half of ESP is anything */
			*gdt_at(&f, DATA) = descriptor(0, 0xffff, 0x93, 0);
		assert_int_equal(go(&f), 0);
		assert_int_equal(f.gprs.r[VMM_RSP] & 0xffff, STACK - (wide ? 4 : 2));
		assert_int_equal(get(&f, STACK - 4, 4), wide ? 0xabcd : 0xabcd5555);
	}
	/* No room: the fault is the new task's. */
	ground(&f, true);
	f.ts.cause = VMM_TASK_EVENT;
	f.ts.external = true;
	f.ts.push_error = true;
	*gdt_at(&f, SPARE) = descriptor(0, STACK - 2, 0x93, 4);
	put(&f, NEW_TSS + T_SS, SPARE, 2);
	assert_int_equal(go(&f), -EFAULT);
	assert_true(f.ts.switched);
	assert_int_equal(f.ts.ex.vector, SS);
	assert_int_equal(f.ts.ex.error_code, 1);
	assert_int_equal(f.gprs.r[VMM_RSP], STACK);
}

static void test_trap(void **state)
{
	struct fixture f;

	ground(&f, true);
	put(&f, NEW_TSS + T_TRAP, 1, 2);
	assert_int_equal(go(&f), 0);
	assert_true(f.ts.debug_trap);
	ground(&f, false);
	assert_int_equal(go(&f), 0);
	assert_false(f.ts.debug_trap);
}

static void test_v8086(void **state)
{
	struct fixture f;

	ground(&f, true);
	put(&f, NEW_TSS + T_EFLAGS, VM | 0x3002, 4);
	put(&f, NEW_TSS + T_CS, 0x1003, 2);
	put(&f, NEW_TSS + T_DS, 0xffff, 2);
	assert_int_equal(go(&f), 0);
	assert_int_equal(f.sregs.seg[VMM_CS].base, 0x10030);
	assert_int_equal(f.sregs.seg[VMM_CS].attr, 0xf3);
	assert_int_equal(f.sregs.seg[VMM_DS].base, 0xffff0);
	assert_int_equal(f.sregs.seg[VMM_SS].limit, 0xffff);
}

static void test_ldt(void **state)
{
	struct fixture f;

	ground(&f, true);
	put(&f, NEW_TSS + T_LDT, LDT_SEL, 2);
	put(&f, NEW_TSS + T_CS, 8 | 4, 2);
	assert_int_equal(go(&f), 0);
	assert_int_equal(f.sregs.seg[VMM_LDTR].base, LDT);
	assert_int_equal(f.sregs.seg[VMM_CS].selector, 12);

	/* The old task's is not there for the new one. */
	ground(&f, true);
	f.sregs.seg[VMM_LDTR] = (struct vmm_segment){ .base = LDT, .limit = 15, .attr = 0x82 };
	put(&f, NEW_TSS + T_CS, 8 | 4, 2);
	assert_int_equal(go(&f), -EFAULT);
	assert_int_equal(f.ts.ex.vector, TS);
	assert_int_equal(f.ts.ex.error_code, 12);
}

static void test_ring3(void **state)
{
	struct fixture f;

	ground(&f, true);
	for (u32 i = T_ES; i <= T_GS; i += 4)
		put(&f, NEW_TSS + i, i == T_CS ? UCODE : UDATA, 2);
	assert_int_equal(go(&f), 0);
	assert_int_equal(f.sregs.seg[VMM_SS].attr, 0xc0f3);
}

/* ---- paging ------------------------------------------------------------------------------ */

static void test_cr3(void **state)
{
	struct fixture f;

	ground(&f, true);
	assert_int_equal(go(&f), 0);
	assert_int_equal(f.sregs.cr3, 0);

	/* Another directory, which has no GDT: found when LDTR or CS is loaded. */
	ground(&f, true);
	paging(&f);
	put(&f, NEW_TSS + T_CR3, DIRECTORY + 0x3000, 4);
	assert_int_equal(go(&f), -EFAULT);
	assert_true(f.ts.switched);
	assert_int_equal(f.ts.ex.vector, PF);
	assert_int_equal(f.ts.ex.cr2, GDT + CODE);
	assert_int_equal(f.sregs.cr3, DIRECTORY + 0x3000);
	assert_int_equal(f.gprs.rip, 0x1234);
}

static void test_pdptes(void **state)
{
	struct fixture f;

	for (int bad = 0; bad < 2; bad++) {
		ground(&f, true);
		paging(&f);
		f.sregs.cr4 = BIT(5);
		/* The same tables for both; the new one's have a reserved bit. */
		put(&f, PDPTES, 0x9001, 4);
		put(&f, PDPTES + 32, 0x9001, 4);
		put(&f, PDPTES + 32 + 24, bad ? 3 : 2, 4);
		put(&f, 0x9000, 0x83, 4);
		f.sregs.cr3 = PDPTES;
		put(&f, NEW_TSS + T_CR3, PDPTES + 32, 4);
		assert_int_equal(go(&f), bad ? -EFAULT : 0);
		assert_true(f.ts.switched);
		if (bad)
			assert_int_equal(f.ts.ex.vector, GP);
	}
}

/* Each page that has to be written, read-only or absent: the old task's fault. */
static void test_page_faults(void **state)
{
	static const struct {
		u32 page, error, cr2;
		bool absent;
	} rows[] = {
		{ GDT, 0, GDT + NEW, true },
		{ OLD_TSS, 0, 0, true },
		{ OLD_TSS, 3, 0, false },
	};
	struct fixture f, before;

	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		ground(&f, true);
		paging(&f);
		put(&f, TABLE + (rows[i].page >> 12) * 4, rows[i].absent ? 0 : rows[i].page | 1, 4);
		before = f;
		assert_int_equal(go(&f), -EFAULT);
		assert_false(f.ts.switched);
		assert_int_equal(f.ts.ex.vector, PF);
		assert_int_equal(f.ts.ex.error_code & 1, rows[i].error & 1);
		if (rows[i].cr2)
			assert_int_equal(f.ts.ex.cr2, rows[i].cr2);
		assert_memory_equal(&f.gprs, &before.gprs, sizeof(f.gprs));
		assert_memory_equal(&f.sregs, &before.sregs, sizeof(f.sregs));
		assert_memory_equal(f.mem + OLD_TSS, before.mem + OLD_TSS, 0x1000);
		assert_false(*gdt_at(&f, NEW) & BUSY);
	}
}

/* ---- every check, broken alone ------------------------------------------------------------ */

struct row {
	const char *what;
	u8 cause;
	u16 selector;			/* 0: NEW */
	u32 tss, value;			/* a word of the new TSS, and what it is */
	u16 entry;			/* a descriptor, and what it is */
	u64 raw;
	u8 vector;
	u32 error;
	bool after;
};

#define FLAT		0xcf00000000ffffULL
#define FLAT_OF(access)	(FLAT | (u64)(access) << 40)
#define TSS_OF(access, limit) ((limit) | (u64)NEW_TSS << 16 | (u64)(access) << 40)

#define BEFORE(_what, _cause, _selector, _raw, _vector, _error) \
	{ .what = _what, .cause = VMM_TASK_##_cause, .selector = _selector, .entry = NEW, \
	  .raw = _raw, .vector = _vector, .error = _error }
#define AFTER(_what, _field, _selector, _raw, _vector) \
	{ .what = _what, .tss = _field, .value = _selector, .entry = SPARE, .raw = _raw, \
	  .vector = _vector, .error = (_selector) & ~3, .after = true }

static const struct row rows[] = {
	BEFORE("busy", CALL, 0, TSS_OF(0x8b, 103), GP, NEW),
	BEFORE("busy", JMP, 0, TSS_OF(0x8b, 103), GP, NEW),
	BEFORE("busy", EVENT, 0, TSS_OF(0x8b, 103), GP, NEW),
	BEFORE("not busy", IRET, 0, TSS_OF(0x89, 103), TS, NEW),
	BEFORE("16 bits, not busy", IRET, 0, TSS_OF(0x81, 43), TS, NEW),
	BEFORE("absent", CALL, 0, TSS_OF(0x09, 103), NP, NEW),
	BEFORE("absent", IRET, 0, TSS_OF(0x0b, 103), NP, NEW),
	BEFORE("short", CALL, 0, TSS_OF(0x89, 102), TS, NEW),
	BEFORE("short", IRET, 0, TSS_OF(0x8b, 102), TS, NEW),
	BEFORE("16 bits, short", JMP, 0, TSS_OF(0x81, 42), TS, NEW),
	BEFORE("an LDT", CALL, 0, TSS_OF(0x82, 103), GP, NEW),
	BEFORE("a data segment", CALL, 0, TSS_OF(0x91, 103), GP, NEW),
	BEFORE("a code segment", IRET, 0, TSS_OF(0x9b, 103), TS, NEW),
	BEFORE("a 64-bit call gate", CALL, 0, TSS_OF(0x8c, 103), GP, NEW),
	BEFORE("null", CALL, 3, TSS_OF(0x89, 103), GP, 0),
	BEFORE("null", IRET, 1, TSS_OF(0x8b, 103), TS, 0),
	BEFORE("in the LDT", JMP, NEW | 4, TSS_OF(0x89, 103), GP, NEW | 4),
	BEFORE("in the LDT", IRET, NEW | 4, TSS_OF(0x8b, 103), TS, NEW | 4),
	BEFORE("past the GDT", CALL, GDT_LIMIT + 1, TSS_OF(0x89, 103), GP, GDT_LIMIT + 1),
	BEFORE("past the GDT", IRET, 0xfffb, TSS_OF(0x8b, 103), TS, 0xfff8),

	AFTER("LDT in the LDT", T_LDT, LDT_SEL | 4, 0, TS),
	AFTER("LDT past the GDT", T_LDT, 0xfff8, 0, TS),
	AFTER("LDT is data", T_LDT, DATA, 0, TS),
	AFTER("LDT absent", T_LDT, SPARE, 0x02ULL << 40, TS),
	AFTER("CS null", T_CS, 3, 0, TS),
	AFTER("CS past the GDT", T_CS, 0x100, 0, TS),
	AFTER("CS is data", T_CS, DATA, 0, TS),
	AFTER("CS is a TSS", T_CS, SPARE, FLAT_OF(0x89), TS),
	AFTER("CS DPL 3, RPL 0", T_CS, UCODE & ~3, 0, TS),
	AFTER("CS DPL 0, RPL 3", T_CS, CODE | 3, 0, TS),
	AFTER("CS conforming, DPL 3", T_CS, SPARE | 2, FLAT_OF(0xff), TS),
	AFTER("CS absent", T_CS, SPARE, FLAT_OF(0x1b), NP),
	AFTER("SS null", T_SS, 0, 0, TS),
	AFTER("SS past the GDT", T_SS, 0x100, 0, TS),
	AFTER("SS is code", T_SS, CODE, 0, TS),
	AFTER("SS read-only", T_SS, SPARE, FLAT_OF(0x91), TS),
	AFTER("SS RPL", T_SS, DATA | 1, 0, TS),
	AFTER("SS DPL", T_SS, UDATA, 0, TS),
	AFTER("SS DPL alone", T_SS, UDATA & ~3, 0, TS),
	AFTER("SS absent", T_SS, SPARE, FLAT_OF(0x13), SS),
	AFTER("DS past the GDT", T_DS, 0x100, 0, TS),
	AFTER("DS execute-only", T_DS, SPARE, FLAT_OF(0x99), TS),
	AFTER("DS a system segment", T_DS, LDT_SEL, 0, TS),
	AFTER("ES RPL above DPL", T_ES, DATA | 3, 0, TS),
	AFTER("FS absent", T_FS, SPARE, FLAT_OF(0x13), NP),
	AFTER("GS in no LDT", T_GS, 12, 0, TS),
};

static void check_row(const struct row *r, bool external)
{
	struct fixture f, before;

	ground(&f, true);
	f.ts.cause = r->cause;
	f.ts.external = external;
	if (r->selector)
		f.ts.selector = r->selector;
	if (r->tss)
		put(&f, NEW_TSS + r->tss, r->value, 2);
	if (r->raw)
		*gdt_at(&f, r->entry) = r->raw;
	before = f;
	assert_int_equal(go(&f), -EFAULT);
	assert_int_equal(f.ts.ex.vector, r->vector);
	assert_true(f.ts.ex.has_error);
	assert_int_equal(f.ts.ex.error_code, r->error | external);
	assert_int_equal(f.ts.switched, r->after);
	if (!r->after) {
		assert_memory_equal(f.mem, before.mem, sizeof(f.mem));
		assert_memory_equal(&f.gprs, &before.gprs, sizeof(f.gprs));
		assert_memory_equal(&f.sregs, &before.sregs, sizeof(f.sregs));
		assert_memory_equal(&f.dregs, &before.dregs, sizeof(f.dregs));
		return;
	}
	assert_int_equal(f.gprs.rip, 0x1234);
	assert_int_equal(f.sregs.seg[VMM_TR].selector, NEW);
	/* What an entry can be made with: SS.DPL is the CPL, and CS fits it. */
	assert_int_equal(f.sregs.seg[VMM_CS].attr >> 5 & 3, f.sregs.seg[VMM_SS].attr >> 5 & 3);
	assert_false(f.sregs.seg[VMM_CS].attr & VMM_SEG_UNUSABLE);
}

static void test_checks(void **state)
{
	for (const struct row *r = rows; r < rows + ARRAY_SIZE(rows); r++) {
		print_message("%s\n", r->what);
		check_row(r, false);
		check_row(r, true);
	}
}

static void test_old_tss(void **state)
{
	struct fixture f;

	ground(&f, true);
	f.sregs.seg[VMM_TR].limit = 94;
	assert_int_equal(go(&f), -EFAULT);
	assert_int_equal(f.ts.ex.vector, TS);
	assert_int_equal(f.ts.ex.error_code, OLD);

	/* Its descriptor has left the GDT: only who must write to it minds. */
	for (u8 cause = VMM_TASK_CALL; cause <= VMM_TASK_JMP; cause += 2) {
		ground(&f, true);
		f.ts.cause = cause;
		f.sregs.seg[VMM_TR].selector = GDT_LIMIT + 1;
		assert_int_equal(go(&f), cause == VMM_TASK_CALL ? 0 : -EFAULT);
		assert_int_equal(f.ts.ex.vector, cause == VMM_TASK_CALL ? 0 : TS);
	}
}

/* Another CPU enters the task between the check and the commit: it is met anew. */
static void test_race(void **state)
{
	struct fixture f;
	int lost = 0;

	for (int i = 1; i < 12; i++) {
		ground(&f, true);
		f.thief = i;
		if (go(&f) == -EAGAIN) {
			assert_false(f.ts.switched);
			assert_int_equal(f.gprs.rip, 0x101000);
			lost++;
		}
	}
	assert_int_equal(lost, 1);
}

static void test_accessed(void **state)
{
	struct fixture f;

	ground(&f, true);
	*gdt_at(&f, SPARE) = FLAT_OF(0x92);
	put(&f, NEW_TSS + T_FS, SPARE, 2);
	assert_int_equal(go(&f), 0);
	assert_int_equal(*gdt_at(&f, SPARE), FLAT_OF(0x93));
	assert_int_equal(f.sregs.seg[VMM_FS].attr, 0xc093);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_mixed),
		cmocka_unit_test(test_error_code),
		cmocka_unit_test(test_trap),
		cmocka_unit_test(test_v8086),
		cmocka_unit_test(test_ldt),
		cmocka_unit_test(test_ring3),
		cmocka_unit_test(test_cr3),
		cmocka_unit_test(test_pdptes),
		cmocka_unit_test(test_page_faults),
		cmocka_unit_test(test_checks),
		cmocka_unit_test(test_old_tss),
		cmocka_unit_test(test_race),
		cmocka_unit_test(test_accessed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
