// SPDX-License-Identifier: GPL-2.0
/*
 * Breakpoints in the debug registers, single steps over instructions that
 * exit, and what DR6 and DR7 say about it. The handler writes down RIP and
 * DR6, clears DR6, and sets RF where a fault would come again.
 */
#include "lib/apic.h"

#define LOG_SIZE	64
#define DR6_IDLE	0xffff0ff0UL
#define DR6_BD		0x2000UL
#define DR6_BS		0x4000UL
#define DR7_IDLE	0x400UL
#define DR7_GD		0x2000UL

/* Of DR7, for breakpoint @n. */
enum { EXEC, WRITE, IO, ACCESS };
enum { LEN1, LEN2, LEN8, LEN4 };
#define DR7_L(n)		(1UL << (2 * (n)))
#define DR7_G(n)		(2UL << (2 * (n)))
#define DR7_BP(n, type, len)	(DR7_L(n) | (u64)((type) | (len) << 2) << (16 + 4 * (n)))

static struct {
	u64 rip, dr6;
} seen[LOG_SIZE];
static volatile u32 seen_count;
extern char step_end[];

static void on_debug(struct trap *t)
{
	if (seen_count < LOG_SIZE) {
		seen[seen_count].rip = t->rip;
		seen[seen_count].dr6 = read_dr6();
	}
	seen_count++;
	write_dr6(DR6_IDLE);
	t->rflags |= RFLAGS_RF;
	if (t->rip == (u64)step_end || seen_count == LOG_SIZE)
		t->rflags &= ~RFLAGS_TF;
}

static void start(void)
{
	write_dr7(DR7_IDLE);
	write_dr6(DR6_IDLE);
	/* DR6 may tell of matches that are not enabled, too. */
	write_dr0(0);
	write_dr1(0);
	write_dr2(0);
	write_dr3(0);
	seen_count = 0;
	trap_set(DB, on_debug);
}

static void stop(void)
{
	write_dr7(DR7_IDLE);
	trap_set(DB, NULL);
}

/* One hit, at @rip, of which DR6 says @dr6. */
static void expect_hit(u64 rip, u64 dr6)
{
	stop();
	if (!expect("hits", seen_count, 1))
		return;
	expect("rip", seen[0].rip, rip);
	expect("dr6", seen[0].dr6, DR6_IDLE | dr6);
}

static void expect_no_hit(void)
{
	stop();
	expect("hits", seen_count, 0);
}

/* --- breakpoints ----------------------------------------------------------------- */
CODE64(nops, "nop", "nop");
CODE64(write8, "", "movb $1, watched");
CODE64(write8_3, "", "movb $1, watched+3");
CODE64(write8_4, "", "movb $1, watched+4");
CODE64(write32, "", "movl $1, watched");
CODE64(write64, "", "movq $1, watched");
CODE64(write_straddle, "", "movl $1, watched-2");
CODE64(read32, "", "mov watched, %eax");
CODE64(out80, "mov $1, %eax", "outb %al, $0x80");
CODE64(out81, "mov $1, %eax", "outb %al, $0x81");
CODE64(in80, "", "inb $0x80, %al");
CODE64(cpuid_code, "push %rbx; xor %eax, %eax", "cpuid; pop %rbx");
CODE64(icebp, "", ".byte 0xf1");

u64 watched_area[4] __attribute__((aligned(32)));
asm(".globl watched\n.set watched, watched_area+8");
extern u64 watched;

static const struct row {
	const char *name;
	void (*code)(void *);
	char *rip;			/* where the hit is reported; NULL: no hit */
	u64 address;			/* 0: of `watched` */
	int type, len;
	int number;
} rows[] = {
	{ "exec", nops, nops_at, (u64)nops_at, EXEC, LEN1, 0 },
	{ "exec-dr3", nops, nops_at, (u64)nops_at, EXEC, LEN1, 3 },
	{ "exec-on-exit", out80, out80_at, (u64)out80_at, EXEC, LEN1, 1 },
	{ "exec-on-cpuid", cpuid_code, cpuid_code_at, (u64)cpuid_code_at, EXEC, LEN1, 2 },
	{ "exec-elsewhere", nops, NULL, (u64)nops_at + 0x100000, EXEC, LEN1, 0 },
	{ "write-byte", write8, write8_after, 0, WRITE, LEN1, 0 },
	{ "write-4-last", write8_3, write8_3_after, 0, WRITE, LEN4, 1 },
	{ "write-4-past", write8_4, NULL, 0, WRITE, LEN4, 1 },
	{ "write-2-past", write8_3, NULL, 0, WRITE, LEN2, 1 },
	{ "write-8", write8_4, write8_4_after, 0, WRITE, LEN8, 2 },
	{ "write-long", write32, write32_after, 0, WRITE, LEN1, 3 },
	{ "write-quad", write64, write64_after, 0, WRITE, LEN4, 3 },
	{ "write-straddle", write_straddle, write_straddle_after, 0, WRITE, LEN1, 0 },
	{ "write-not-read", read32, NULL, 0, WRITE, LEN4, 0 },
	{ "access-read", read32, read32_after, 0, ACCESS, LEN4, 0 },
	{ "access-write", write32, write32_after, 0, ACCESS, LEN4, 2 },
	{ "io-out", out80, out80_after, 0x80, IO, LEN1, 0 },
	{ "io-in", in80, in80_after, 0x80, IO, LEN1, 1 },
	{ "io-past", out81, NULL, 0x80, IO, LEN1, 0 },
	{ "io-2", out81, out81_after, 0x80, IO, LEN2, 0 },
};

static void set_address(int n, u64 a)
{
	switch (n) {
	case 0:
		write_dr0(a);
		break;
	case 1:
		write_dr1(a);
		break;
	case 2:
		write_dr2(a);
		break;
	default:
		write_dr3(a);
		break;
	}
}

static void run_row(void *arg)
{
	const struct row *r = arg;

	start();
	set_address(r->number, r->address ? r->address : (u64)&watched);
	write_dr7(DR7_IDLE | DR7_BP(r->number, r->type, r->len));
	r->code(NULL);
	if (r->rip)
		expect_hit((u64)r->rip, BIT(r->number));
	else
		expect_no_hit();
}

static void run_rows(void)
{
	for (const struct row *r = rows; r < rows + ARRAY_SIZE(rows); r++) {
		if (!case_begin(r->name))
			continue;
		expect("trap", trap_call(run_row, (void *)r), NO_TRAP);
		stop();
		case_end();
	}
}

/* The G bits do as the L bits do; none of both, nothing. */
static void global_enable(void)
{
	start();
	write_dr0((u64)nops_at);
	nops(NULL);
	expect("disabled", seen_count, 0);
	write_dr7(DR7_IDLE | DR7_G(0));
	nops(NULL);
	expect_hit((u64)nops_at, 1);
}

static void two_at_once(void)
{
	start();
	write_dr0((u64)&watched);
	write_dr2((u64)&watched);
	write_dr7(DR7_IDLE | DR7_BP(0, WRITE, LEN4) | DR7_BP(2, WRITE, LEN8));
	write32(NULL);
	expect_hit((u64)write32_after, 5);
}

/* Set before many exits, it still works after them. */
static void kept_over_exits(void)
{
	start();
	write_dr0((u64)nops_at);
	write_dr1(0x1234);
	write_dr2(0xffff812345678000);
	write_dr3(0x5678);
	write_dr7(DR7_IDLE | DR7_BP(0, EXEC, LEN1));
	for (int i = 0; i < 50; i++) {
		cpuid(0, 0);
		outb(0x80, 0);
		mmio_read(0xd0000000);
	}
	nops(NULL);
	expect("dr0", read_dr0(), (u64)nops_at);
	expect("dr1", read_dr1(), 0x1234);
	expect("dr2", read_dr2(), 0xffff812345678000);
	expect("dr3", read_dr3(), 0x5678);
	expect("dr7", read_dr7(), DR7_IDLE | DR7_L(0));
	expect_hit((u64)nops_at, 1);
}

/* --- single steps ------------------------------------------------------------------ */
#define STEPS \
	S(nop, "nop") \
	S(out, "outb %al, $0x80") \
	S(in, "inb $0x80, %al") \
	S(cpuid, "cpuid") \
	S(rdmsr_setup, "mov $0x1b, %ecx") \
	S(rdmsr, "rdmsr") \
	S(wrmsr, "wrmsr") \
	S(mmio_setup, "mov $0xd0000000, %ecx") \
	S(mmio_read, "mov (%rcx), %eax") \
	S(mmio_write, "mov %eax, (%rcx)") \
	S(lapic_setup, "mov $0xfee00020, %ecx") \
	S(lapic, "mov (%rcx), %eax") \
	S(cr0, "mov %cr0, %rax") \
	S(cr0_write, "mov %rax, %cr0") \
	S(cr3, "mov %cr3, %rax") \
	S(cr3_write, "mov %rax, %cr3") \
	S(cr8, "mov %cr8, %rax") \
	S(cr8_write, "mov %rax, %cr8") \
	S(invlpg, "invlpg (%rsp)") \
	S(rdtsc, "rdtsc") \
	S(wbinvd, "wbinvd") \
	S(dr7, "mov %dr7, %rax") \
	S(jump, "jmp 1f; 1:") \
	S(last, "nop")

/* The first row's step ends where the second begins, and so on to step_end. */
#define S(name, insn) extern char step_##name[];
STEPS
#undef S
void step_all(void *arg);
#define S(name, insn) "step_" #name ": " insn "\n"
asm(".pushsection .text\n"
    "step_all: push %rbx\n"
    "	xor %eax, %eax; xor %ecx, %ecx\n"
    "	pushfq; orl $0x100, (%rsp); popfq\n"
    STEPS
    "step_end: pop %rbx; ret\n"
    ".popsection\n");
#undef S
#define S(name, insn) { #name, (u64)step_##name },
static const struct { const char *name; u64 rip; } steps[] = { STEPS };
#undef S

static void single_step(void)
{
	start();
	step_all(NULL);
	stop();
	expect("steps", seen_count, ARRAY_SIZE(steps));
	for (size_t i = 0; i < ARRAY_SIZE(steps) && i < seen_count; i++) {
		u64 next = i + 1 < ARRAY_SIZE(steps) ? steps[i + 1].rip : (u64)step_end;

		if (!expect("rip", seen[i].rip, next) ||
		    !expect("dr6", seen[i].dr6, DR6_IDLE | DR6_BS)) {
			printf("     after %s\n", steps[i].name);
			return;
		}
	}
}

extern char rep_insn[], rep_after[], ss_next[], ss_after[], hlt_next[];

static void on_debug_clear(struct trap *t)
{
	on_debug(t);
	t->rflags &= ~RFLAGS_TF;
}

/* A step is one turn of REP. */
static void step_rep(void)
{
	u8 from[3], to[3];
	void *si = from, *di = to;
	u64 n = 3;

	start();
	asm volatile("pushfq; orl $0x100, (%%rsp); popfq\n rep_insn: rep movsb\n rep_after:"
		     "pushfq; andl $~0x100, (%%rsp); popfq"
		     : "+S"(si), "+D"(di), "+c"(n) :: "memory", "cc");
	stop();
	expect_true("steps", seen_count >= 3);
	expect("first", seen[0].rip, (u64)rep_insn);
	expect("second", seen[1].rip, (u64)rep_insn);
	expect("third", seen[2].rip, (u64)rep_after);
}

/* REP OUTS exits, and steps all the same. */
static void step_rep_outs(void)
{
	extern char outs_insn[], outs_after[];
	u8 from[3] = { };
	void *si = from;
	u64 n = 3;

	start();
	asm volatile("pushfq; orl $0x100, (%%rsp); popfq\n outs_insn: rep outsb\n outs_after:"
		     "pushfq; andl $~0x100, (%%rsp); popfq"
		     : "+S"(si), "+c"(n) : "d"(0x80) : "memory", "cc");
	stop();
	expect("first", seen[0].rip, (u64)outs_insn);
	expect("second", seen[1].rip, (u64)outs_insn);
	expect("third", seen[2].rip, (u64)outs_after);
}

static void step_pause(void)
{
	extern char pause_after[];

	start();
	trap_set(DB, on_debug_clear);
	asm volatile("pushfq; orl $0x100, (%%rsp); popfq; pause\n"
		     "pause_after: nop" ::: "memory", "cc");
	expect_hit((u64)pause_after, DR6_BS);
}

/* No step between MOV SS and the instruction after it. */
static void step_mov_ss(void)
{
	start();
	trap_set(DB, on_debug_clear);
	asm volatile("mov %%ss, %%ecx; pushfq; orl $0x100, (%%rsp); popfq\n mov %%ecx, %%ss\n"
		     "ss_next: nop\n ss_after: nop" ::: "rcx", "memory", "cc");
	expect_hit((u64)ss_after, DR6_BS);
}

/* An INT clears TF for its handler; the step comes after the IRET. */
static volatile u64 flags_in_handler;
static void on_int(struct trap *t) { flags_in_handler = rflags(); }

static void step_int(void)
{
	start();
	trap_set(0x50, on_int);
	trap_set(DB, on_debug_clear);
	asm volatile("pushfq; orl $0x100, (%%rsp); popfq; int $0x50\n nop" ::: "memory", "cc");
	stop();
	trap_set(0x50, NULL);
	expect("TF in the handler", flags_in_handler & RFLAGS_TF, 0);
	expect("hits", seen_count, 1);
}

/* A breakpoint watch and a step on one instruction: one #DB for both. */
static void step_and_watch(void)
{
	start();
	write_dr0((u64)&watched);
	write_dr7(DR7_IDLE | DR7_BP(0, WRITE, LEN4));
	trap_set(DB, on_debug_clear);
	asm volatile("pushfq; orl $0x100, (%%rsp); popfq; movl $1, watched" ::: "memory", "cc");
	stop();
	expect("hits", seen_count, 1);
	expect("dr6", seen[0].dr6, DR6_IDLE | DR6_BS | 1);
}

/* --- the registers themselves ---------------------------------------------------------- */
static void fixed_bits(void)
{
	start();
	write_dr6(0);
	expect("dr6 of 0", read_dr6() & ~0x10800UL, DR6_IDLE & ~0x10800UL);
	write_dr6(0xffffffff);
	expect("dr6 of all ones", read_dr6() & 0xe00f, 0xe00f);
	write_dr7(0);
	expect("dr7 of 0", read_dr7(), DR7_IDLE);
	write_dr7(0xd000);
	expect("reserved bits of dr7", read_dr7() & ~0x800UL, DR7_IDLE);
	write_dr6(DR6_IDLE);
	stop();
}

static void write_dr6_high(void *arg) { write_dr6(BIT(32)); }
static void write_dr7_high(void *arg) { write_dr7(BIT(32)); }
static void read_dr4(void *arg) { asm volatile("mov %%db4, %%rax" ::: "rax"); }
static void read_dr5(void *arg) { asm volatile("mov %%db5, %%rax" ::: "rax"); }

static void high_bits(void)
{
	expect("dr6", trap_call(write_dr6_high, NULL), GP);
	expect("dr7", trap_call(write_dr7_high, NULL), GP);
}

static void dr4_dr5(void)
{
	u64 v4, v5, cr4 = read_cr4();

	write_cr4(cr4 | CR4_DE);
	expect("dr4 with DE", trap_call(read_dr4, NULL), UD);
	expect("dr5 with DE", trap_call(read_dr5, NULL), UD);
	write_cr4(cr4 & ~CR4_DE);
	asm volatile("mov %%db4, %0; mov %%db5, %1" : "=r"(v4), "=r"(v5));
	expect("dr4 is dr6", v4, read_dr6());
	expect("dr5 is dr7", v5, read_dr7());
	write_cr4(cr4);
}

/* GD: the access faults, DR6 says BD, and GD is off in the handler. */
static u64 dr7_in_handler;

static void on_detect(struct trap *t)
{
	dr7_in_handler = read_dr7();
	on_debug(t);
}

static void general_detect(void)
{
	extern char gd_access[];
	u64 v;

	start();
	trap_set(DB, on_detect);
	asm volatile("mov %1, %%dr7\n gd_access: mov %%dr0, %0"
		     : "=r"(v) : "r"(DR7_IDLE | DR7_GD));
	expect("dr7 in the handler", dr7_in_handler, DR7_IDLE);
	expect_hit((u64)gd_access, DR6_BD);
}

static void icebp_traps(void)
{
	start();
	icebp(NULL);
	expect_hit((u64)icebp_after, 0);
}

/* An IRET or POPF image with RF lets one breakpoint pass. */
static void resume_flag(void)
{
	start();
	write_dr0((u64)nops_at);
	write_dr7(DR7_IDLE | DR7_BP(0, EXEC, LEN1));
	asm volatile("lea 1f(%%rip), %%rcx; mov %%rsp, %%rax; push %%rcx\n"
		     "lea -8(%%rax), %%rcx\n"
		     "push %0; push %%rcx; push %1; push %2; push $nops_at; iretq\n 1:"
		     :: "i"(SEL_DATA), "i"(0x10002), "i"(SEL_CODE64) : "rax", "rcx", "memory");
	expect("passed", seen_count, 0);
	nops(NULL);
	expect_hit((u64)nops_at, 1);
}

static const struct guest_case cases[] = {
	{ "global-enable", global_enable },
	{ "two-at-once", two_at_once },
	{ "kept-over-exits", kept_over_exits },
	{ "single-step", single_step },
	{ "step-rep", step_rep },
	{ "step-rep-outs", step_rep_outs },
	{ "step-pause", step_pause },
	{ "step-mov-ss", step_mov_ss },
	{ "step-int", step_int },
	{ "step-and-watch", step_and_watch },
	{ "fixed-bits", fixed_bits },
	{ "high-bits", high_bits },
	{ "dr4-dr5", dr4_dr5 },
	{ "general-detect", general_detect },
	{ "icebp", icebp_traps },
	{ "resume-flag", resume_flag },
};

void guest_main(void)
{
	run_rows();
	cases_run(cases, ARRAY_SIZE(cases));
}
