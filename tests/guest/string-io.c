// SPDX-License-Identifier: GPL-2.0
/*
 * INS and OUTS: every width, direction and address size, with and without
 * REP, over page boundaries and over pages that are not there yet. A byte of
 * CMOS RAM is the port that reads back; the debug console is the one that
 * takes anything.
 */
#include "lib/apic.h"
#include "lib/mode.h"

#define CMOS_RAM	0x40
#define WIN		0x50000000UL
#define HOLE		0x50001000UL
#define SILENT		0x80		/* the POST port: written bytes are lost */

static u8 pages[4][PAGE_SIZE] __attribute__((aligned(4096)));

/* Everything a string instruction leaves behind. */
struct regs {
	u64 rdi, rsi, rcx;
};

#define STRING(insn, r, port) \
	asm volatile(insn : "+D"((r)->rdi), "+S"((r)->rsi), "+c"((r)->rcx) \
		     : "d"(port) : "memory", "cc")

static void fill(void)
{
	memset(pages, 0xee, sizeof(pages));
	outb(0x70, CMOS_RAM);
	outb(0x71, 0xa5);
	outb(0x70, CMOS_RAM);
}

static void expect_regs(const struct regs *r, u64 rdi, u64 rsi, u64 rcx)
{
	expect("rdi", r->rdi, rdi);
	expect("rsi", r->rsi, rsi);
	expect("rcx", r->rcx, rcx);
}

/* @n bytes of 0xa5 at @p, and nothing written around them. */
static void expect_bytes(const u8 *p, size_t n)
{
	size_t right = 0;

	while (right < n && p[right] == 0xa5)
		right++;
	expect("bytes read", right, n);
	expect("byte before", p[-1], 0xee);
	expect("byte after", p[n], 0xee);
}

/* --- single and repeated, both directions ------------------------------------ */
static void ins_one(void)
{
	struct regs r = { (u64)pages[0] + 16, 7, 3 };

	fill();
	STRING("insb", &r, 0x71);
	expect_regs(&r, (u64)pages[0] + 17, 7, 3);
	expect_bytes(pages[0] + 16, 1);
}

static void ins_rep(void)
{
	struct regs r = { (u64)pages[0] + 16, 7, 100 };

	fill();
	STRING("rep insb", &r, 0x71);
	expect_regs(&r, (u64)pages[0] + 116, 7, 0);
	expect_bytes(pages[0] + 16, 100);
}

static void ins_rep_zero(void)
{
	struct regs r = { (u64)pages[0] + 16, 7, 0 };

	fill();
	STRING("rep insb", &r, 0x71);
	expect_regs(&r, (u64)pages[0] + 16, 7, 0);
	expect_bytes(pages[0] + 16, 0);
}

static void ins_backward(void)
{
	struct regs r = { (u64)pages[0] + 115, 7, 100 };

	fill();
	STRING("std; rep insb; cld", &r, 0x71);
	expect_regs(&r, (u64)pages[0] + 15, 7, 0);
	expect_bytes(pages[0] + 16, 100);
}

/* 32-bit addresses: the high halves do not count, and are cleared. */
static void ins_address32(void)
{
	struct regs r = { (u64)pages[0] + 16 + (5UL << 32), 7UL << 32 | 7, 9UL << 32 | 20 };

	fill();
	STRING("rep insb (%%dx), %%es:(%%edi)", &r, 0x71);
	expect("rdi", r.rdi, (u64)pages[0] + 36);
	expect("rcx", r.rcx, 0);
	expect_bytes(pages[0] + 16, 20);
}

static void ins_crosses_page(void)
{
	struct regs r = { (u64)pages[1] - 30, 7, 60 };

	fill();
	STRING("rep insb", &r, 0x71);
	expect_regs(&r, (u64)pages[1] + 30, 7, 0);
	expect_bytes(pages[1] - 30, 60);
}

static void ins_crosses_backward(void)
{
	struct regs r = { (u64)pages[1] + 29, 7, 60 };

	fill();
	STRING("std; rep insb; cld", &r, 0x71);
	expect_regs(&r, (u64)pages[1] - 31, 7, 0);
	expect_bytes(pages[1] - 30, 60);
}

/*
 * Two and four bytes at once, where four bytes read back what was written: at
 * the PCI address register, or where `latch=PORT`, in hexadecimal, says.
 */
static u16 latch = 0xcf8;

static void ins_long(void)
{
	struct regs r = { (u64)pages[1] - 6, 7, 4 };
	u32 got[4];

	fill();
	outl(latch, 0x80123454);
	STRING("rep insl", &r, latch);
	expect_regs(&r, (u64)pages[1] + 10, 7, 0);
	memcpy(got, pages[1] - 6, sizeof(got));
	for (int i = 0; i < 4; i++)
		expect("long", got[i], 0x80123454);
}

/* Any port will do whose word stays the same: nobody answers here. */
static void ins_word(void)
{
	struct regs r = { (u64)pages[1] - 5, 7, 5 };

	fill();
	STRING("rep insw", &r, 0x4f0);
	expect_regs(&r, (u64)pages[1] + 5, 7, 0);
	for (int i = -5; i < 5; i++)
		expect("byte of an empty port", pages[1][i], 0xff);
	expect("byte after", pages[1][5], 0xee);
}

static void outs_console(void)
{
	static const char text[] = "     outs: abcdefghijklmnopqrstuvwxyz\n";
	struct regs r = { 7, (u64)text, sizeof(text) - 1 };

	STRING("rep outsb", &r, 0xe9);
	expect_regs(&r, 7, (u64)text + sizeof(text) - 1, 0);
}

static void outs_one(void)
{
	struct regs r = { 7, (u64)pages[0], 3 };

	STRING("outsb", &r, SILENT);
	expect_regs(&r, 7, (u64)pages[0] + 1, 3);
	STRING("outsl", &r, latch);
	expect_regs(&r, 7, (u64)pages[0] + 5, 3);
}

/* The last of a run is what the register keeps. */
static void outs_long(void)
{
	static const u32 values[] = { 0x80000000, 0x80000104, 0x80abcd08 };
	struct regs r = { 7, (u64)pages[1] - 6, 3 };

	memcpy(pages[1] - 6, values, sizeof(values));
	STRING("rep outsl", &r, latch);
	expect_regs(&r, 7, (u64)pages[1] + 6, 0);
	expect("last", inl(latch), 0x80abcd08);
}

static void outs_backward(void)
{
	static const u32 values[] = { 0x80abcd08, 0x80000104, 0x80000000 };
	struct regs r = { 7, (u64)pages[0] + 8, 3 };

	memcpy(pages[0], values, sizeof(values));
	STRING("std; rep outsl; cld", &r, latch);
	expect_regs(&r, 7, (u64)pages[0] - 4, 0);
	expect("last", inl(latch), 0x80abcd08);
}

static void outs_cmos(void)
{
	struct regs r = { 7, (u64)pages[0], 4 };

	fill();
	memcpy(pages[0], "\x11\x22\x33\x5c", 4);
	STRING("rep outsb", &r, 0x71);
	expect_regs(&r, 7, (u64)pages[0] + 4, 0);
	outb(0x70, CMOS_RAM);
	expect("last", inb(0x71), 0x5c);
}

/* A segment override is OUTS' own; INS ignores it. */
static void outs_segment(void)
{
	static const u32 value = 0x80000c0c;
	struct regs r = { 7, 0x10, 1 };

	wrmsr(0xc0000101, (u64)&value - 0x10);
	STRING("rep outsl %%gs:(%%rsi), (%%dx)", &r, latch);
	expect("value", inl(latch), 0x80000c0c);
	r = (struct regs){ (u64)pages[0] + 16, 7, 2 };
	fill();
	STRING(".byte 0x65; rep insb", &r, 0x71);
	expect_bytes(pages[0] + 16, 2);
	wrmsr(0xc0000101, 0);
}

/* --- pages that are not there -------------------------------------------------- */
static struct trap at_fault;
static u32 faults;

static void on_fault(struct trap *t)
{
	at_fault = *t;
	if (faults++ || t->cr2 >> 12 != HOLE >> 12)
		guest_exit(98);
	pte_set(HOLE, (u64)pages[1] | PTE_P | PTE_W);
}

static void with_hole(const char *what, struct regs *r, u64 error, u64 cr2,
		      void (*run)(struct regs *))
{
	fill();
	faults = 0;
	pte_set(WIN, (u64)pages[0] | PTE_P | PTE_W);
	pte_set(HOLE, 0);
	trap_set(PF, on_fault);
	run(r);
	trap_set(PF, NULL);
	expect(what, faults, 1);
	expect("error code", at_fault.error, error);
	expect("cr2", at_fault.cr2, cr2);
}

static void run_insb(struct regs *r) { STRING("rep insb", r, 0x71); }
static void run_insb_back(struct regs *r) { STRING("std; rep insb; cld", r, 0x71); }
static void run_insl(struct regs *r) { STRING("rep insl", r, latch); }
static void run_outsb(struct regs *r) { STRING("rep outsb", r, 0x71); }

static void ins_fault(void)
{
	struct regs r = { HOLE - 30, 7, 60 };

	with_hole("page faults", &r, 2, HOLE, run_insb);
	expect("rdi at the fault", at_fault.rdi, HOLE);
	expect("rcx at the fault", at_fault.rcx, 30);
	expect_regs(&r, HOLE + 30, 7, 0);
	expect_bytes(pages[1] - 30, 60);
}

static void ins_fault_backward(void)
{
	struct regs r = { HOLE + PAGE_SIZE + 29, 7, 60 };

	/* The page above the hole is the present one here. */
	pte_set(HOLE + PAGE_SIZE, (u64)pages[2] | PTE_P | PTE_W);
	with_hole("page faults", &r, 2, HOLE + PAGE_SIZE - 1, run_insb_back);
	expect("rdi at the fault", at_fault.rdi, HOLE + PAGE_SIZE - 1);
	expect("rcx at the fault", at_fault.rcx, 30);
	expect_regs(&r, HOLE + PAGE_SIZE - 31, 7, 0);
	expect_bytes(pages[2] - 30, 60);
}

/* One element lies in both pages: none of it may be half done. */
static void ins_fault_straddle(void)
{
	struct regs r = { HOLE - 6, 7, 4 };
	u32 got[4];

	outl(latch, 0x80123454);
	with_hole("page faults", &r, 2, HOLE, run_insl);
	expect("rdi at the fault", at_fault.rdi, HOLE - 2);
	expect("rcx at the fault", at_fault.rcx, 3);
	expect_regs(&r, HOLE + 10, 7, 0);
	memcpy(got, pages[1] - 6, sizeof(got));
	for (int i = 0; i < 4; i++)
		expect("long", got[i], 0x80123454);
}

static void outs_fault(void)
{
	struct regs r = { 7, HOLE - 30, 60 };

	with_hole("page faults", &r, 0, HOLE, run_outsb);
	expect("rsi at the fault", at_fault.rsi, HOLE);
	expect("rcx at the fault", at_fault.rcx, 30);
	expect_regs(&r, 7, HOLE + 30, 0);
}

static void ins_read_only_body(void *arg)
{
	struct regs r = { HOLE, 7, 4 };

	STRING("rep insb", &r, 0x71);
}

static void ins_read_only(void)
{
	fill();
	pte_set(HOLE, (u64)pages[1] | PTE_P);
	expect("vector", trap_call(ins_read_only_body, NULL), PF);
	expect("error code", trap_last.error, 3);
	expect("cr2", trap_last.cr2, HOLE);
	expect("rcx", trap_last.rcx, 4);
	expect("untouched", pages[1][0], 0xee);
}

/* --- 16-bit addresses, in real mode ---------------------------------------------- */
CODE16(real_ins, "mov $0x8000, %di; mov $4, %cx; mov $0x71, %dx; cld; rep insb; mov 0x8000, %eax");
/* Four bytes up to the end of the segment, and four at its start again. */
CODE16(real_ins_wrap, "mov 0, %ebx; mov $0xfffe, %di; mov $4, %cx; mov $0x71, %dx; cld;"
	"rep insb; mov 0, %ax; shl $16, %eax; mov %di, %ax; mov %ebx, 0");
CODE16(real_outs, "mov %eax, 0x8000; mov $0x8000, %esi; mov $1, %cx; mov 0x8004, %dx; cld;"
	"rep outsl; in %dx, %eax");

static void real_mode_ins(void)
{
	fill();
	expect("eax", mode_real(real_ins, 0), 0xa5a5a5a5);
}

static void real_mode_wrap(void)
{
	fill();
	expect("eax", mode_real(real_ins_wrap, 0), 0xa5a50002);
}

static void real_mode_outs(void)
{
	*(volatile u16 *)(RM_BASE + 0x8004) = latch;
	expect("eax", mode_real(real_outs, 0x80005678), 0x80005678);
}

static const struct guest_case cases[] = {
	{ "ins-one", ins_one },
	{ "ins-rep", ins_rep },
	{ "ins-rep-zero", ins_rep_zero },
	{ "ins-backward", ins_backward },
	{ "ins-address32", ins_address32 },
	{ "ins-crosses-page", ins_crosses_page },
	{ "ins-crosses-backward", ins_crosses_backward },
	{ "ins-word", ins_word },
	{ "ins-long", ins_long },
	{ "outs-console", outs_console },
	{ "outs-one", outs_one },
	{ "outs-long", outs_long },
	{ "outs-backward", outs_backward },
	{ "outs-cmos", outs_cmos },
	{ "outs-segment", outs_segment },
	{ "ins-fault", ins_fault },
	{ "ins-fault-backward", ins_fault_backward },
	{ "ins-fault-straddle", ins_fault_straddle },
	{ "outs-fault", outs_fault },
	{ "ins-read-only", ins_read_only },
	{ "real-ins", real_mode_ins },
	{ "real-ins-wrap", real_mode_wrap },
	{ "real-outs", real_mode_outs },
};

void guest_main(void)
{
	mode_init();
	cmdline_get_hex("latch=", &latch);
	cases_run(cases, ARRAY_SIZE(cases));
}
