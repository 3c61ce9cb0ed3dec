// SPDX-License-Identifier: GPL-2.0
/*
 * MSRs: which are there, which values they refuse, and what those do that do
 * something (SYSCALL, SYSENTER, SWAPGS, the TSC). A row writes a value and
 * says what must come of it.
 */
#include "lib/guest.h"

#define MSR_TSC		0x10
#define MSR_TSC_ADJUST	0x3b
#define MSR_SYSENTER_CS	0x174
#define MSR_SYSENTER_ESP 0x175
#define MSR_SYSENTER_EIP 0x176
#define MSR_DEBUGCTL	0x1d9
#define MSR_MTRR_CAP	0xfe
#define MSR_MTRR_BASE0	0x200
#define MSR_MTRR_MASK0	0x201
#define MSR_MTRR_FIX64K	0x250
#define MSR_MTRR_FIX4K	0x26f
#define MSR_PAT		0x277
#define MSR_MTRR_DEF	0x2ff
#define MSR_STAR	0xc0000081
#define MSR_LSTAR	0xc0000082
#define MSR_CSTAR	0xc0000083
#define MSR_FMASK	0xc0000084
#define MSR_FS_BASE	0xc0000100
#define MSR_GS_BASE	0xc0000101
#define MSR_KERNEL_GS	0xc0000102
#define MSR_TSC_AUX	0xc0000103

/* Not canonical, be it for 48 or for 57 bits. */
#define NONCANON	0x0800000000000000UL
#define CANON		0xffff812345678000UL
#define EFER_NOW	0xd01UL

static bool intel(void) { return cpuid(0, 0).ebx == 0x756e6547; }
static const char *not_intel(void) { return intel() ? NULL : "not an Intel CPU"; }
static const char *no_mtrr(void) { return cpuid(1, 0).edx & BIT(12) ? NULL : "no MTRR"; }
static const char *no_mca(void) { return cpuid(1, 0).edx & BIT(14) ? NULL : "no MCA"; }
static const char *no_rdtscp(void)
{
	return cpuid(0x80000001, 0).edx & BIT(27) ? NULL : "no RDTSCP";
}
static const char *no_tsc_adjust(void)
{
	return cpuid7_ebx() & BIT(1) ? NULL : "no TSC_ADJUST";
}
static const char *has_svm(void)
{
	return cpuid(0x80000001, 0).ecx & BIT(2) ? "SVM is there" : NULL;
}
static const char *has_vmx(void) { return cpuid(1, 0).ecx & BIT(5) ? "VMX is there" : NULL; }

struct row {
	const char *name;
	u32 msr;
	enum { READ, WRITE, KEEP } what;
	u64 value;
	int vector;
	const char *(*skip)(void);
};

/* READ and WRITE raise @vector; KEEP is written, reads back, and is undone. */
static const struct row rows[] = {
	{ "unknown-0-read", 0x2f1, READ, 0, GP },
	{ "unknown-0-write", 0x2f1, WRITE, 0, GP },
	{ "unknown-1-read", 0x12345678, READ, 0, GP },
	{ "unknown-1-write", 0x12345678, WRITE, 0, GP },
	{ "unknown-2-read", 0xc0000fff, READ, 0, GP },
	{ "unknown-2-write", 0xc0000fff, WRITE, 0, GP },
	{ "unknown-3-read", 0xc001f000, READ, 0, GP },
	{ "unknown-4-read", 0xffffffff, READ, 0, GP },

	{ "lstar", MSR_LSTAR, KEEP, CANON, NO_TRAP },
	{ "lstar-non-canonical", MSR_LSTAR, WRITE, NONCANON, GP },
	{ "cstar", MSR_CSTAR, KEEP, CANON, NO_TRAP },
	{ "cstar-non-canonical", MSR_CSTAR, WRITE, NONCANON, GP },
	{ "star", MSR_STAR, KEEP, 0x123456789abcdef0, NO_TRAP },
	{ "fmask", MSR_FMASK, KEEP, 0x47700, NO_TRAP },
	{ "fs-base", MSR_FS_BASE, KEEP, CANON, NO_TRAP },
	{ "fs-base-non-canonical", MSR_FS_BASE, WRITE, NONCANON, GP },
	{ "gs-base", MSR_GS_BASE, KEEP, CANON, NO_TRAP },
	{ "gs-base-non-canonical", MSR_GS_BASE, WRITE, NONCANON, GP },
	{ "kernel-gs-base", MSR_KERNEL_GS, KEEP, CANON, NO_TRAP },
	{ "kernel-gs-base-non-canonical", MSR_KERNEL_GS, WRITE, NONCANON, GP },
	{ "tsc-aux", MSR_TSC_AUX, KEEP, 0x1234567, NO_TRAP, no_rdtscp },
	{ "sysenter-cs", MSR_SYSENTER_CS, KEEP, 0x5678, NO_TRAP },
	{ "sysenter-esp", MSR_SYSENTER_ESP, KEEP, 0x12345678, NO_TRAP },
	{ "sysenter-eip", MSR_SYSENTER_EIP, KEEP, 0x87654320, NO_TRAP },

	{ "efer-no-sce", MSR_EFER, KEEP, EFER_NOW & ~1UL, NO_TRAP },
	{ "efer-no-nxe", MSR_EFER, KEEP, EFER_NOW & ~0x800UL, NO_TRAP },
	{ "efer-no-lme", MSR_EFER, WRITE, EFER_NOW & ~0x100UL, GP },
	{ "efer-bit-1", MSR_EFER, WRITE, EFER_NOW | 2, GP },
	{ "efer-bit-9", MSR_EFER, WRITE, EFER_NOW | 0x200, GP },
	{ "efer-bit-63", MSR_EFER, WRITE, EFER_NOW | BIT(63), GP },
	{ "efer-svme", MSR_EFER, WRITE, EFER_NOW | 0x1000, GP, has_svm },

	{ "pat", MSR_PAT, KEEP, 0x0107050600070406, NO_TRAP },
	{ "pat-type-2", MSR_PAT, WRITE, 0x0007040600070402, GP },
	{ "pat-type-3", MSR_PAT, WRITE, 0x0307040600070406, GP },
	{ "pat-type-8", MSR_PAT, WRITE, 0x0007040600080406, GP },
	{ "pat-reserved", MSR_PAT, WRITE, 0x8007040600070406, GP },

	{ "mtrr-cap-read", MSR_MTRR_CAP, READ, 0, NO_TRAP, no_mtrr },
	{ "mtrr-cap-write", MSR_MTRR_CAP, WRITE, 0x508, GP, no_mtrr },
	{ "mtrr-def", MSR_MTRR_DEF, KEEP, 0xc00, NO_TRAP, no_mtrr },
	{ "mtrr-def-type", MSR_MTRR_DEF, WRITE, 0xc02, GP, no_mtrr },
	{ "mtrr-def-reserved", MSR_MTRR_DEF, WRITE, 0x1c00, GP, no_mtrr },
	{ "mtrr-base", MSR_MTRR_BASE0, KEEP, 0x80000006, NO_TRAP, no_mtrr },
	{ "mtrr-base-type", MSR_MTRR_BASE0, WRITE, 0x80000003, GP, no_mtrr },
	{ "mtrr-mask", MSR_MTRR_MASK0, KEEP, 0x80000800, NO_TRAP, no_mtrr },
	{ "mtrr-mask-reserved", MSR_MTRR_MASK0, WRITE, 0x80000801, GP, no_mtrr },
	{ "mtrr-fixed", MSR_MTRR_FIX64K, KEEP, 0x0605040100060606, NO_TRAP, no_mtrr },
	{ "mtrr-fixed-type", MSR_MTRR_FIX4K, WRITE, 0x0606060606060602, GP, no_mtrr },

	{ "debugctl-off", MSR_DEBUGCTL, WRITE, 0, NO_TRAP },
	{ "debugctl-reserved", MSR_DEBUGCTL, WRITE, BIT(40), GP },
	{ "misc-enable-read", 0x1a0, READ, 0, NO_TRAP, not_intel },
	{ "microcode-read", 0x8b, READ, 0, NO_TRAP },
	{ "mcg-cap-read", 0x179, READ, 0, NO_TRAP, no_mca },
	{ "mcg-cap-write", 0x179, WRITE, 0, GP, no_mca },
	{ "mcg-status-reserved", 0x17a, WRITE, BIT(40), GP, no_mca },
	{ "vmx-basic", 0x480, READ, 0, GP, has_vmx },
	{ "svm-hsave", 0xc0010117, READ, 0, GP, has_svm },
};

static void run_row(void *arg)
{
	const struct row *r = arg;
	u64 old = 0, now;
	int vector;

	if (r->what != WRITE) {
		vector = rdmsr_safe(r->msr, &old);
		if (!expect("read", vector, r->vector))
			return;
	}
	if (r->what == READ)
		return;
	vector = wrmsr_safe(r->msr, r->value);
	expect("write", vector, r->vector);
	if (r->what != KEEP)
		return;
	rdmsr_safe(r->msr, &now);
	expect("reads back", now, r->value);
	wrmsr(r->msr, old);
	expect("undone", rdmsr(r->msr), old);
}

/* A write that must fault but does not may leave anything: put it back. */
static void run_guarded(void *arg)
{
	const struct row *r = arg;
	u64 old;
	bool there = r->what == WRITE && rdmsr_safe(r->msr, &old) == NO_TRAP;

	run_row(arg);
	if (there)
		wrmsr_safe(r->msr, old);
}

static void run_rows(void)
{
	for (const struct row *r = rows; r < rows + ARRAY_SIZE(rows); r++) {
		const char *reason = r->skip ? r->skip() : NULL;

		if (!case_begin(r->name))
			continue;
		if (reason)
			case_skip(reason);
		else
			expect("trap", trap_call(run_guarded, (void *)r), NO_TRAP);
		case_end();
	}
}

/* --- what MSRs do ------------------------------------------------------------ */
static void tsc_write(void)
{
	u64 t, old = rdtsc();

	wrmsr(MSR_TSC, 0x100000000000);
	t = rdtsc();
	expect_range("after a write", t, 0x100000000000, 0x100000000000 + 1000000000);
	wrmsr(MSR_TSC, old);
	expect_range("written back", rdtsc(), old, old + 1000000000);
	expect_range("RDMSR", rdmsr(MSR_TSC), old, old + 1000000000);
}

static void tsc_adjust(void)
{
	u64 adjust = rdmsr(MSR_TSC_ADJUST), t = rdtsc();

	wrmsr(MSR_TSC_ADJUST, adjust + 0x100000000000);
	expect_range("moved", rdtsc() - t, 0x100000000000, 0x100000000000 + 1000000000);
	wrmsr(MSR_TSC_ADJUST, adjust);
	expect_range("moved back", rdtsc() - t, 0, 1000000000);
	t = rdtsc();
	wrmsr(MSR_TSC, t + 0x1000000000);
	/* What the write added, the ticks in between set aside. */
	expect_range("a write of the TSC shows", rdmsr(MSR_TSC_ADJUST) - adjust,
		     0x1000000000 - 1000000000, 0x1000000000);
	wrmsr(MSR_TSC_ADJUST, adjust);
}

static void rdtscp_aux(void)
{
	u32 lo, hi, aux;
	u64 t = rdtsc();

	wrmsr(MSR_TSC_AUX, 0x1234567);
	asm volatile("rdtscp" : "=a"(lo), "=d"(hi), "=c"(aux));
	expect("aux", aux, 0x1234567);
	expect_true("rises", (lo | (u64)hi << 32) >= t);
	wrmsr(MSR_TSC_AUX, 0);
}

static void swapgs_exchanges(void)
{
	wrmsr(MSR_GS_BASE, CANON);
	wrmsr(MSR_KERNEL_GS, 0x1000);
	asm volatile("swapgs");
	expect("GS base", rdmsr(MSR_GS_BASE), 0x1000);
	expect("kernel GS base", rdmsr(MSR_KERNEL_GS), CANON);
	asm volatile("swapgs");
	expect("GS base", rdmsr(MSR_GS_BASE), CANON);
	wrmsr(MSR_GS_BASE, 0);
}

static void segment_bases(void)
{
	static u64 word = 0x1122334455667788;
	u64 v;

	wrmsr(MSR_FS_BASE, (u64)&word - 0x40);
	asm volatile("mov %%fs:0x40, %0" : "=r"(v));
	expect("through FS", v, word);
	wrmsr(MSR_FS_BASE, 0);
	wrmsr(MSR_GS_BASE, (u64)&word + 0x40);
	asm volatile("mov %%gs:-0x40, %0" : "=r"(v));
	expect("through GS", v, word);
	wrmsr(MSR_GS_BASE, 0);
}

static const char *no_fsgsbase(void) { return cpuid7_ebx() & BIT(0) ? NULL : "no FSGSBASE"; }

static void fsgsbase(void)
{
	u64 v;

	write_cr4(read_cr4() | CR4_FSGSBASE);
	asm volatile("wrfsbase %0" :: "r"(CANON));
	expect("MSR", rdmsr(MSR_FS_BASE), CANON);
	wrmsr(MSR_GS_BASE, 0x5000);
	asm volatile("rdgsbase %0" : "=r"(v));
	expect("RDGSBASE", v, 0x5000);
	wrmsr(MSR_FS_BASE, 0);
	wrmsr(MSR_GS_BASE, 0);
	write_cr4(read_cr4() & ~CR4_FSGSBASE);
}

/* --- SYSCALL and SYSENTER ------------------------------------------------------- */
struct entry {
	u64 rcx, r11, rflags, cs, ss, rsp;
};

extern struct entry entered;
struct entry entered;
extern char syscall_entry[], syscall_next[], sysenter_entry[], sysenter_next[];
void syscall_user(void *arg);
void sysenter_user(void *arg);

asm(".pushsection .text\n"
    "syscall_entry:\n"
    "	mov %rcx, entered\n"
    "	mov %r11, entered+8\n"
    "	mov %rsp, entered+40\n"
    "	mov $entry_stack+4096, %esp\n"
    "	pushfq; pop entered+16\n"
    "	mov %cs, %eax; mov %rax, entered+24\n"
    "	mov %ss, %eax; mov %rax, entered+32\n"
    "	mov entered+40, %rsp\n"
    "	sysretq\n"
    "syscall_user:\n"
    "	push %rbx\n"
    "	mov %rdi, %rbx\n"
    "	std; stc\n"
    "	syscall\n"
    "syscall_next:\n"
    "	pushfq; pop (%rbx)\n"
    "	cld\n"
    "	mov %cs, %eax; mov %rax, 8(%rbx)\n"
    "	mov %ss, %eax; mov %rax, 16(%rbx)\n"
    "	pop %rbx\n"
    "	ret\n"
    "sysenter_entry:\n"
    "	mov %rsp, entered+40\n"
    "	pushfq; pop entered+16\n"
    "	mov %cs, %eax; mov %rax, entered+24\n"
    "	mov %ss, %eax; mov %rax, entered+32\n"
    "	rex.w sysexit\n"
    "sysenter_user:\n"
    "	push %rbx\n"
    "	mov %rdi, %rbx\n"
    "	mov %rsp, %rcx\n"
    "	mov $sysenter_next, %edx\n"
    "	sysenter\n"
    "sysenter_next:\n"
    "	mov %cs, %eax; mov %rax, 8(%rbx)\n"
    "	mov %ss, %eax; mov %rax, 16(%rbx)\n"
    "	pop %rbx\n"
    "	ret\n"
    ".popsection\n"
    ".pushsection .bss\n.balign 16\nentry_stack: .skip 4096\n.popsection\n");

static void syscall_round(void)
{
	u64 back[3] = { };

	wrmsr(MSR_STAR, (u64)(SEL_UCODE32 | 3) << 48 | (u64)SEL_CODE64 << 32);
	wrmsr(MSR_LSTAR, (u64)syscall_entry);
	wrmsr(MSR_FMASK, 0x700);		/* TF, IF, DF */
	expect("trap", user_call(syscall_user, back), NO_TRAP);
	expect("rcx", entered.rcx, (u64)syscall_next);
	expect("r11: DF, CF", entered.r11 & 0x401, 0x401);
	expect("rflags masked", entered.rflags & 0x701, 0x001);
	expect("cs", entered.cs, SEL_CODE64);
	expect("ss", entered.ss, SEL_DATA);
	expect("rflags back", back[0] & 0x401, 0x401);
	expect("cs back", back[1], SEL_UCODE64);
	expect("ss back", back[2], SEL_UDATA);
}

static void syscall_disabled(void)
{
	u64 efer = rdmsr(MSR_EFER), back[3];

	wrmsr(MSR_EFER, efer & ~1UL);
	expect("vector", user_call(syscall_user, back), UD);
	wrmsr(MSR_EFER, efer);
}

static void sysenter_round(void)
{
	u64 back[3] = { };

	wrmsr(MSR_SYSENTER_CS, SEL_CODE64);
	wrmsr(MSR_SYSENTER_EIP, (u64)sysenter_entry);
	wrmsr(MSR_SYSENTER_ESP, FREE_RAM);
	expect("trap", user_call(sysenter_user, back), NO_TRAP);
	expect("rsp", entered.rsp, FREE_RAM);
	expect("cs", entered.cs, SEL_CODE64);
	expect("ss", entered.ss, SEL_DATA);
	expect("IF", entered.rflags & RFLAGS_IF, 0);
	expect("cs back", back[1], SEL_UCODE64);
	expect("ss back", back[2], SEL_UDATA2);
}

static void sysenter_null(void)
{
	u64 back[3];

	wrmsr(MSR_SYSENTER_CS, 0);
	expect("vector", user_call(sysenter_user, back), GP);
}

static const struct guest_case cases[] = {
	{ "tsc-write", tsc_write },
	{ "tsc-adjust", tsc_adjust, no_tsc_adjust },
	{ "rdtscp-aux", rdtscp_aux, no_rdtscp },
	{ "swapgs", swapgs_exchanges },
	{ "segment-bases", segment_bases },
	{ "fsgsbase", fsgsbase, no_fsgsbase },
	{ "syscall", syscall_round },
	{ "syscall-disabled", syscall_disabled },
	{ "sysenter", sysenter_round, not_intel },
	{ "sysenter-null", sysenter_null, not_intel },
};

void guest_main(void)
{
	run_rows();
	cases_run(cases, ARRAY_SIZE(cases));
}
