// SPDX-License-Identifier: GPL-2.0
/*
 * The guest page walk against tables built by hand in a small array that
 * plays guest-physical memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "pgm/walk.h"

#define P	BIT_ULL(0)
#define W	BIT_ULL(1)
#define U	BIT_ULL(2)
#define A	BIT_ULL(5)
#define D	BIT_ULL(6)
#define PS	BIT_ULL(7)
#define NX	BIT_ULL(63)
#define KEY(k)	((u64)(k) << 59)

#define CR0_PG_PE	(BIT_ULL(31) | BIT_ULL(0))
#define CR0_WP		BIT_ULL(16)
#define CR4_PSE		BIT_ULL(4)
#define CR4_PAE		BIT_ULL(5)
#define CR4_LA57	BIT_ULL(12)
#define CR4_SMEP	BIT_ULL(20)
#define CR4_SMAP	BIT_ULL(21)
#define CR4_PKE		BIT_ULL(22)
#define CR4_PKS		BIT_ULL(24)
#define LMA		BIT_ULL(10)
#define NXE		BIT_ULL(11)
#define AC		BIT_ULL(18)

/* Tables stand at these addresses, one page each, by level. */
#define TABLE(level)	((u64)(level) << 12)
#define MEM_SIZE	0x8000

struct fixture {
	u8 mem[MEM_SIZE];
	struct pgm_paging p;
	struct pgm_walk w;
	int race;		/* how many cmpxchg calls lose */
	int marks;		/* entries replaced */
	int read_error;
};

static int mem_read(void *ctx, gpa_t gpa, void *buf, unsigned int size)
{
	struct fixture *f = ctx;

	assert_true(IS_ALIGNED(gpa, size));
	if (f->read_error || gpa > MEM_SIZE - size)
		return -ENXIO;
	memcpy(buf, f->mem + gpa, size);
	return 0;
}

static int mem_cmpxchg(void *ctx, gpa_t gpa, u64 old, u64 new, unsigned int size)
{
	struct fixture *f = ctx;
	u64 now = 0;

	assert_true(gpa <= MEM_SIZE - size);
	memcpy(&now, f->mem + gpa, size);
	if (f->race-- > 0 || now != old)
		return -EAGAIN;
	memcpy(f->mem + gpa, &new, size);
	f->marks++;
	return 0;
}

static const struct pgm_walk_ops ops = { .read = mem_read, .exchange = mem_cmpxchg };
static const struct pgm_walk_ops ops_no_mark = { .read = mem_read };

static int walk(struct fixture *f, gva_t gva, unsigned int access)
{
	return pgm_walk(&f->p, &ops, f, gva, access, &f->w);
}

static void put64(struct fixture *f, unsigned int level, unsigned int index, u64 value)
{
	memcpy(f->mem + TABLE(level) + 8 * index, &value, 8);
}

static u64 get64(struct fixture *f, unsigned int level, unsigned int index)
{
	u64 value;

	memcpy(&value, f->mem + TABLE(level) + 8 * index, 8);
	return value;
}

static void put32(struct fixture *f, unsigned int level, unsigned int index, u32 value)
{
	memcpy(f->mem + TABLE(level) + 4 * index, &value, 4);
}

/* 4-level or 5-level: index 1 at every level leads to a 4 KiB page at 0x123000. */
#define VA4	(BIT_ULL(39) | BIT_ULL(30) | BIT_ULL(21) | BIT_ULL(12))
#define VA5	(BIT_ULL(48) | VA4)

static struct fixture long_mode(unsigned int levels)
{
	struct fixture f = { 0 };
	unsigned int level;

	f.p = (struct pgm_paging){
		.cr0 = CR0_PG_PE | CR0_WP, .cr3 = TABLE(levels),
		.cr4 = CR4_PAE | (levels == 5 ? CR4_LA57 : 0), .efer = LMA | NXE,
		.maxphyaddr = 40, .have_1g = true,
	};
	for (level = levels; level > 1; level--)
		put64(&f, level, 1, TABLE(level - 1) | P | W | U);
	put64(&f, 1, 1, 0x123000 | P | W | U);
	return f;
}

static void expect_fault(struct fixture *f, gva_t gva, unsigned int access, u32 code)
{
	int marks = f->marks;

	assert_int_equal(walk(f, gva, access), PGM_WALK_FAULT);
	assert_int_equal(f->w.error_code, code);
	assert_int_equal(f->marks, marks);
}

static void expect_ok(struct fixture *f, gva_t gva, unsigned int access, gpa_t gpa)
{
	assert_int_equal(walk(f, gva, access), PGM_WALK_OK);
	assert_int_equal(f->w.gpa, gpa);
}

static void test_off(void **state)
{
	struct fixture f = { .p = { .cr0 = 1 } };

	f.read_error = 1;
	expect_ok(&f, 0xdeadbeef, PGM_WRITE, 0xdeadbeef);
	expect_ok(&f, 0x1deadbeefULL, PGM_EXEC, 0xdeadbeef);
	assert_int_equal(f.w.rights, PGM_RIGHT_WRITE | PGM_RIGHT_EXEC | PGM_RIGHT_USER);
}

static struct fixture mode_32bit(void)
{
	struct fixture f = { 0 };

	f.p = (struct pgm_paging){ .cr0 = CR0_PG_PE | CR0_WP, .cr3 = TABLE(2) | 0x18,
				   .cr4 = CR4_PSE, .maxphyaddr = 40 };
	put32(&f, 2, 3, TABLE(1) | P | W | U);
	put32(&f, 1, 5, 0xabcde000 | P | W | U);
	return f;
}

static void test_32bit(void **state)
{
	struct fixture f = mode_32bit();
	gva_t gva = 3 << 22 | 5 << 12 | 0x678;

	expect_ok(&f, gva, 0, 0xabcde678);
	assert_int_equal(f.w.page_shift, 12);
	assert_int_equal(f.marks, 2);
	assert_int_equal(f.mem[TABLE(1) + 20], P | W | U | A);
	expect_ok(&f, gva, PGM_WRITE, 0xabcde678);
	assert_int_equal(f.mem[TABLE(1) + 20], P | W | U | A | D);
	assert_int_equal(f.mem[TABLE(2) + 12], P | W | U | A);
	/* Upper bits of the linear address do not exist. */
	expect_ok(&f, gva | 1ULL << 32, 0, 0xabcde678);
	expect_fault(&f, gva + 0x1000, PGM_WRITE, PGM_PF_WRITE);
	expect_fault(&f, 4 << 22, 0, 0);
	/* No NX here: a fetch is told apart only under SMEP. */
	f.p.cpl = 3;
	expect_fault(&f, 4 << 22, PGM_EXEC, PGM_PF_USER);
	f.p.efer = NXE;
	expect_fault(&f, 4 << 22, PGM_EXEC, PGM_PF_USER);
	f.p.cr4 |= CR4_SMEP;
	expect_fault(&f, 4 << 22, PGM_EXEC, PGM_PF_USER | PGM_PF_FETCH);
}

static void test_pse36(void **state)
{
	struct fixture f = mode_32bit();
	gva_t gva = 7 << 22 | 0x2abcde;
	u32 pde = 0x40000000 | PS | P | W | U;

	put32(&f, 2, 7, pde);
	expect_ok(&f, gva, PGM_WRITE, 0x402abcde);
	assert_int_equal(f.w.page_shift, 22);
	assert_int_equal(f.marks, 1);
	assert_int_equal(f.mem[TABLE(2) + 28] & (A | D), A | D);
	put32(&f, 2, 7, pde | 0xa5 << 13);
	expect_ok(&f, gva, 0, 0xa5402abcdeULL);
	put32(&f, 2, 7, pde | 1 << 21);
	expect_fault(&f, gva, 0, PGM_PF_PRESENT | PGM_PF_RESERVED);
	f.p.maxphyaddr = 36;
	put32(&f, 2, 7, pde | 0xf << 13);
	expect_ok(&f, gva, 0, 0xf402abcdeULL);
	put32(&f, 2, 7, pde | 1 << 17);
	expect_fault(&f, gva, 0, PGM_PF_PRESENT | PGM_PF_RESERVED);
	f.p.maxphyaddr = 32;
	put32(&f, 2, 7, pde | 1 << 13);
	expect_fault(&f, gva, 0, PGM_PF_PRESENT | PGM_PF_RESERVED);
	/* Without PSE the same bit is ignored and the entry names a table. */
	f.p.cr4 = 0;
	put32(&f, 2, 7, TABLE(1) | PS | P);
	expect_ok(&f, 7 << 22 | 5 << 12, 0, 0xabcde000);
}

static struct fixture mode_pae(void)
{
	struct fixture f = { 0 };

	f.p = (struct pgm_paging){ .cr0 = CR0_PG_PE | CR0_WP, .cr3 = TABLE(3) | 0x20,
				   .cr4 = CR4_PAE, .efer = NXE, .maxphyaddr = 40 };
	put64(&f, 3, 4 + 2, TABLE(2) | P);	/* CR3 has bit 5: the second set of four */
	put64(&f, 2, 9, TABLE(1) | P | W | U);
	put64(&f, 1, 5, 0x9abcde000ULL | P | W | U);
	return f;
}

static void test_pae(void **state)
{
	struct fixture f = mode_pae();
	gva_t gva = 2ULL << 30 | 9 << 21 | 5 << 12 | 0x678;
	u64 bad[] = { BIT_ULL(1), BIT_ULL(2), BIT_ULL(6), BIT_ULL(8), BIT_ULL(40), NX };
	unsigned int i;

	expect_ok(&f, gva, PGM_WRITE, 0x9abcde678ULL);
	assert_int_equal(f.marks, 2);
	assert_int_equal(get64(&f, 3, 6), TABLE(2) | P);	/* never marked */
	assert_int_equal(get64(&f, 1, 5) & (A | D), A | D);
	assert_int_equal(f.w.rights, PGM_RIGHT_WRITE | PGM_RIGHT_USER | PGM_RIGHT_EXEC);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		put64(&f, 3, 6, TABLE(2) | P | bad[i]);
		expect_fault(&f, gva, 0, PGM_PF_PRESENT | PGM_PF_RESERVED);
	}
	put64(&f, 3, 6, 0);
	expect_fault(&f, gva, PGM_EXEC, PGM_PF_FETCH);
	/* Pointers as VT-x loaded them count, memory's do not. */
	f.p.have_pdpte = true;
	f.p.pdpte[2] = TABLE(2) | P;
	expect_ok(&f, gva, 0, 0x9abcde678ULL);
	put64(&f, 1, 5, 0x9abcde000ULL | P | BIT_ULL(52));
	expect_fault(&f, gva, 0, PGM_PF_PRESENT | PGM_PF_RESERVED);
	put64(&f, 2, 9, 0x40200000 | PS | P);
	expect_ok(&f, gva, 0, 0x40205678);
	assert_int_equal(f.w.page_shift, 21);
	put64(&f, 2, 9, 0x40202000 | PS | P);
	expect_fault(&f, gva, 0, PGM_PF_PRESENT | PGM_PF_RESERVED);
}

static void test_4level(void **state)
{
	struct fixture f = long_mode(4);

	expect_ok(&f, VA4 + 0xabc, 0, 0x123abc);
	assert_int_equal(f.w.page_shift, 12);
	assert_int_equal(f.marks, 4);
	assert_int_equal(get64(&f, 1, 1), 0x123000 | P | W | U | A);
	expect_ok(&f, VA4 + 0xabc, PGM_WRITE, 0x123abc);
	assert_int_equal(f.marks, 5);
	assert_int_equal(get64(&f, 1, 1), 0x123000 | P | W | U | A | D);
	assert_int_equal(get64(&f, 2, 1), TABLE(1) | P | W | U | A);
	expect_ok(&f, VA4 + 0xabc, PGM_WRITE, 0x123abc);
	assert_int_equal(f.marks, 5);
	/* PCID and LAM bits of CR3 are no address. */
	f.p.cr3 |= 0xabc | 3ULL << 61;
	expect_ok(&f, VA4, 0, 0x123000);
}

static void test_large(void **state)
{
	struct fixture f = long_mode(4);

	put64(&f, 2, 1, 0x40200000 | BIT_ULL(12) | PS | P | W | U);	/* PAT is bit 12 */
	expect_ok(&f, VA4 + 0x1fabc - 0x1000, PGM_WRITE, 0x40200000 + 0x1fabc);
	assert_int_equal(f.w.page_shift, 21);
	assert_int_equal(get64(&f, 2, 1) & (A | D), A | D);
	put64(&f, 2, 1, 0x40200000 | BIT_ULL(13) | PS | P);
	expect_fault(&f, VA4, 0, PGM_PF_PRESENT | PGM_PF_RESERVED);
	put64(&f, 2, 1, 0x40200000 | BIT_ULL(20) | PS | P);
	expect_fault(&f, VA4, 0, PGM_PF_PRESENT | PGM_PF_RESERVED);

	put64(&f, 3, 1, 0x80000000 | PS | P);
	expect_ok(&f, VA4, 0, 0x80201000);
	assert_int_equal(f.w.page_shift, 30);
	put64(&f, 3, 1, 0x80000000 | BIT_ULL(29) | PS | P);
	expect_fault(&f, VA4, 0, PGM_PF_PRESENT | PGM_PF_RESERVED);
	put64(&f, 3, 1, 0x80000000 | PS | P);
	f.p.have_1g = false;
	expect_fault(&f, VA4, 0, PGM_PF_PRESENT | PGM_PF_RESERVED);
}

static void test_5level(void **state)
{
	struct fixture f = long_mode(5);

	expect_ok(&f, VA5 + 1, 0, 0x123001);
	assert_int_equal(f.marks, 5);
	expect_fault(&f, VA4, 0, 0);
	put64(&f, 5, 1, TABLE(4) | P | PS);
	expect_fault(&f, VA5, 0, PGM_PF_PRESENT | PGM_PF_RESERVED);
}

static void test_canonical(void **state)
{
	struct fixture f = long_mode(4);

	assert_int_equal(walk(&f, 0x800000000000ULL, 0), PGM_WALK_NONCANONICAL);
	assert_int_equal(walk(&f, 0xffff7fffffffffffULL, 0), PGM_WALK_NONCANONICAL);
	expect_fault(&f, 0x7ffffffff000ULL, 0, 0);
	expect_fault(&f, 0xffff800000000000ULL, 0, 0);
	f = long_mode(5);
	expect_fault(&f, 0x800000000000ULL, 0, 0);
	assert_int_equal(walk(&f, BIT_ULL(56), 0), PGM_WALK_NONCANONICAL);
	expect_fault(&f, 0xff00000000000000ULL, 0, 0);
}

static void test_reserved_everywhere(void **state)
{
	u32 code = PGM_PF_PRESENT | PGM_PF_RESERVED;
	unsigned int level;

	for (level = 1; level <= 5; level++) {
		struct fixture f = long_mode(5);
		u64 good = get64(&f, level, 1);

		put64(&f, level, 1, good | BIT_ULL(40));
		expect_fault(&f, VA5, 0, code);
		put64(&f, level, 1, good | BIT_ULL(51));
		expect_fault(&f, VA5, PGM_WRITE, code | PGM_PF_WRITE);
		put64(&f, level, 1, good | BIT_ULL(52) | BIT_ULL(58) | BIT_ULL(11));
		expect_ok(&f, VA5, 0, 0x123000);
		put64(&f, level, 1, good | NX);
		expect_ok(&f, VA5, 0, 0x123000);
		expect_fault(&f, VA5, PGM_EXEC, PGM_PF_PRESENT | PGM_PF_FETCH);
		f.p.efer = LMA;
		expect_fault(&f, VA5, 0, code);
		/* Not present: nothing else in the entry counts. */
		put64(&f, level, 1, (good & ~P) | NX | BIT_ULL(51));
		expect_fault(&f, VA5, 0, 0);
	}
}

static void test_rights_and_along_the_path(void **state)
{
	unsigned int level;

	for (level = 1; level <= 4; level++) {
		struct fixture f = long_mode(4);
		u64 good = get64(&f, level, 1);

		put64(&f, level, 1, good & ~W);
		expect_ok(&f, VA4, 0, 0x123000);
		assert_int_equal(f.w.rights, PGM_RIGHT_EXEC | PGM_RIGHT_USER);
		expect_fault(&f, VA4, PGM_WRITE, PGM_PF_PRESENT | PGM_PF_WRITE);
		f.p.cr0 &= ~CR0_WP;
		expect_ok(&f, VA4, PGM_WRITE, 0x123000);
		f.p.cpl = 3;
		expect_fault(&f, VA4, PGM_WRITE, PGM_PF_PRESENT | PGM_PF_WRITE | PGM_PF_USER);

		put64(&f, level, 1, good & ~U);
		expect_fault(&f, VA4, 0, PGM_PF_PRESENT | PGM_PF_USER);
		expect_fault(&f, VA4, PGM_EXEC, PGM_PF_PRESENT | PGM_PF_USER | PGM_PF_FETCH);
		expect_ok(&f, VA4, PGM_IMPLICIT, 0x123000);
		assert_int_equal(f.w.rights, PGM_RIGHT_EXEC | PGM_RIGHT_WRITE);
	}
}

static void test_smep_smap(void **state)
{
	struct fixture f = long_mode(4);

	f.p.cr4 |= CR4_SMEP;
	expect_ok(&f, VA4, PGM_WRITE, 0x123000);
	expect_fault(&f, VA4, PGM_EXEC, PGM_PF_PRESENT | PGM_PF_FETCH);
	f.p.efer = LMA;		/* SMEP alone makes a fetch visible */
	expect_fault(&f, VA4, PGM_EXEC, PGM_PF_PRESENT | PGM_PF_FETCH);
	f.p.cr4 ^= CR4_SMEP | CR4_SMAP;
	expect_ok(&f, VA4, PGM_EXEC, 0x123000);
	expect_fault(&f, VA4, 0, PGM_PF_PRESENT);
	expect_fault(&f, VA4, PGM_WRITE, PGM_PF_PRESENT | PGM_PF_WRITE);
	f.p.rflags = AC;
	expect_ok(&f, VA4, PGM_WRITE, 0x123000);
	/* AC does not lift SMAP for what the processor reads by itself. */
	expect_fault(&f, VA4, PGM_IMPLICIT, PGM_PF_PRESENT);
	f.p.cpl = 3;
	expect_fault(&f, VA4, PGM_IMPLICIT, PGM_PF_PRESENT);
	expect_ok(&f, VA4, PGM_WRITE, 0x123000);
	/* A supervisor page is no business of either. */
	f = long_mode(4);
	f.p.cr4 |= CR4_SMEP | CR4_SMAP;
	put64(&f, 1, 1, 0x123000 | P | W);
	expect_ok(&f, VA4, PGM_EXEC, 0x123000);
	expect_ok(&f, VA4, PGM_WRITE, 0x123000);
}

static void test_protection_keys(void **state)
{
	struct fixture f = long_mode(4);
	u32 pk = PGM_PF_PRESENT | PGM_PF_KEY;

	put64(&f, 1, 1, 0x123000 | P | W | U | KEY(5));
	f.p.pkru = 1 << 10;			/* AD of key 5 */
	expect_ok(&f, VA4, 0, 0x123000);	/* PKE is off */
	assert_int_equal(f.w.key, 5);
	f.p.cr4 |= CR4_PKE;
	expect_fault(&f, VA4, 0, pk);
	expect_fault(&f, VA4, PGM_WRITE, pk | PGM_PF_WRITE);
	expect_ok(&f, VA4, PGM_EXEC, 0x123000);
	f.p.pkru = 2 << 10;			/* WD */
	expect_ok(&f, VA4, 0, 0x123000);
	expect_fault(&f, VA4, PGM_WRITE, pk | PGM_PF_WRITE);
	f.p.cr0 &= ~CR0_WP;
	expect_ok(&f, VA4, PGM_WRITE, 0x123000);
	f.p.cpl = 3;
	expect_fault(&f, VA4, PGM_WRITE, pk | PGM_PF_WRITE | PGM_PF_USER);
	f.p.pkru = ~(3U << 10);
	expect_ok(&f, VA4, PGM_WRITE, 0x123000);

	/* The key speaks beside another violation, but not beside a reserved bit. */
	f.p.pkru = 3 << 10;
	put64(&f, 1, 1, 0x123000 | P | U | KEY(5));
	expect_fault(&f, VA4, PGM_WRITE, pk | PGM_PF_WRITE | PGM_PF_USER);
	put64(&f, 1, 1, 0x123000 | P | U | KEY(5) | BIT_ULL(45));
	expect_fault(&f, VA4, 0, PGM_PF_PRESENT | PGM_PF_RESERVED | PGM_PF_USER);
}

static void test_supervisor_keys(void **state)
{
	struct fixture f = long_mode(4);

	put64(&f, 1, 1, 0x123000 | P | W | KEY(15));
	f.p.pkru = ~0U;
	f.p.pkrs = 2U << 30;
	f.p.cr4 |= CR4_PKE;
	expect_ok(&f, VA4, PGM_WRITE, 0x123000);
	f.p.cr4 |= CR4_PKS;
	expect_ok(&f, VA4, 0, 0x123000);
	expect_fault(&f, VA4, PGM_WRITE, PGM_PF_PRESENT | PGM_PF_KEY | PGM_PF_WRITE);
	f.p.cr0 &= ~CR0_WP;
	expect_ok(&f, VA4, PGM_WRITE, 0x123000);
	f.p.pkrs = 1U << 30;
	expect_fault(&f, VA4, 0, PGM_PF_PRESENT | PGM_PF_KEY);
}

static void test_races(void **state)
{
	struct fixture f = long_mode(4);

	f.race = 3;
	expect_ok(&f, VA4, PGM_WRITE, 0x123000);
	f = long_mode(4);
	f.race = 1000;
	assert_int_equal(walk(&f, VA4, PGM_WRITE), -EAGAIN);
	/* Nothing is marked without cmpxchg, and a hole in memory is an error. */
	f = long_mode(4);
	assert_int_equal(pgm_walk(&f.p, &ops_no_mark, &f, VA4, PGM_WRITE, &f.w), PGM_WALK_OK);
	assert_int_equal(get64(&f, 1, 1), 0x123000 | P | W | U);
	put64(&f, 3, 1, 0x100000 | P);
	assert_int_equal(walk(&f, VA4, 0), -ENXIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_32bit),
		cmocka_unit_test(test_pse36),
		cmocka_unit_test(test_pae),
		cmocka_unit_test(test_4level),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_5level),
		cmocka_unit_test(test_canonical),
		cmocka_unit_test(test_reserved_everywhere),
		cmocka_unit_test(test_rights_and_along_the_path),
		cmocka_unit_test(test_smep_smap),
		cmocka_unit_test(test_protection_keys),
		cmocka_unit_test(test_supervisor_keys),
		cmocka_unit_test(test_races),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
