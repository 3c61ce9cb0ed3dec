// SPDX-License-Identifier: GPL-2.0
/*
 * Every exception a program can raise: its vector, error code, CR2 and the
 * RIP it reports. Most are a row: a piece of code and what it must raise.
 * After the rows come those that need a hand: faults while an event is being
 * delivered, mended and tried again or made into a double fault.
 */
#include "lib/mode.h"

/* A window of pages, each with entries of its own; see map_window(). */
#define WIN		0x50000000
#define W_RW		"0x50000100"
#define W_HOLE		"0x50001100"
#define W_RO		"0x50002100"
#define W_KERNEL	"0x50003100"
#define W_NX		"0x50004100"
#define W_RSVD		"0x50005100"
#define W_HOLE_RSVD	"0x50006100"

#define SEL_ABSENT	SEL_FREE	/* data, not present */
#define SEL_ABSENT_CODE	(SEL_FREE + 8)
#define SEL_COMPAT	(SEL_FREE + 16)	/* 32-bit code of ring 0 */
#define SEL_OUT		(GDT_SLOTS * 8)
#define STR_(x)		#x
#define STR(x)		STR_(x)

static u8 page[PAGE_SIZE] __attribute__((aligned(4096)));
static u64 saved_cr0, saved_cr4;

/* --- the code ------------------------------------------------------------- */
CODE64(de_div, "xor %ecx, %ecx; xor %edx, %edx", "div %ecx");
CODE64(de_idiv, "mov $0x80000000, %eax; cltd; mov $-1, %ecx", "idiv %ecx");
CODE64(de_div64, "mov $1, %ecx; mov $1, %edx", "div %rcx");
CODE64(bp_int3, "", "int3");
CODE64(bp_int_3, "", ".byte 0xcd, 3");
CODE64(of_int_4, "", "int $4");
CODE64(ud_ud2, "", "ud2");
CODE64(ud_ud1, "", ".byte 0x0f, 0xb9, 0xc0");
CODE64(ud_into, "", ".byte 0xce");
CODE64(ud_push_es, "", ".byte 0x06");
CODE64(ud_lock, "", ".byte 0xf0, 0x89, 0xc8");		/* lock mov %ecx, %eax */
CODE64(ud_cr1, "", ".byte 0x0f, 0x20, 0xc8");		/* mov %cr1, %rax */
CODE64(ud_rsm, "", "rsm");
CODE64(ud_vmrun, "", "vmrun");
CODE64(ud_vmload, "", "vmload");
CODE64(ud_vmsave, "", "vmsave");
CODE64(ud_clgi, "", "clgi");
CODE64(ud_stgi, "mov $0, %eax", "stgi");
CODE64(ud_invlpga, "", "invlpga");
CODE64(ud_vmxon, "lea -8(%rsp), %rcx", "vmxon (%rcx)");
CODE64(ud_vmread, "", "vmread %rax, %rcx");
CODE64(ud_vmptrld, "lea -8(%rsp), %rcx", "vmptrld (%rcx)");
CODE64(ud_vmlaunch, "", "vmlaunch");
CODE64(ud_getsec, "xor %eax, %eax", "getsec");
CODE64(ud_xgetbv, "xor %ecx, %ecx", "xgetbv");
CODE64(nm_x87, "", "fldz");
CODE64(nm_sse, "", "movaps %xmm0, %xmm1");
CODE64(nm_wait, "", "fwait");
CODE64(np_ds, "mov $" STR(SEL_ABSENT) ", %eax", "mov %eax, %ds");
CODE64(ss_absent, "mov $" STR(SEL_ABSENT) ", %eax", "mov %eax, %ss");
CODE64(ss_rbp, "mov %rbp, %rcx; movabs $0x800000000000, %rbp; clc",
	"mov (%rbp), %al; mov %rcx, %rbp");
CODE64(gp_canonical, "movabs $0x800000000000, %rcx", "mov (%rcx), %al");
CODE64(gp_canonical_write, "movabs $0xffff7ffffffffff9, %rcx", "mov %rax, (%rcx)");
CODE64(gp_ret, "movabs $0x800000000000, %rcx; push %rcx", "ret");
CODE64(gp_jump, "movabs $0x800000000000, %rcx", "jmp *%rcx");
CODE64(gp_movaps, "lea -23(%rsp), %rcx; and $-16, %rcx; inc %rcx", "movaps (%rcx), %xmm0");
CODE64(gp_ds_out, "mov $" STR(SEL_OUT) ", %eax", "mov %eax, %ds");
CODE64(gp_ds_tss, "mov $" STR(SEL_TSS) ", %eax", "mov %eax, %ds");
CODE64(gp_ltr_busy, "mov $" STR(SEL_TSS) ", %eax", "ltr %ax");
CODE64(gp_ltr_null, "xor %eax, %eax", "ltr %ax");
CODE64(gp_lldt, "mov $" STR(SEL_DATA) ", %eax", "lldt %ax");
CODE64(gp_lretq, "push $" STR(SEL_DATA) "; lea 1f(%rip), %rax; push %rax", "lretq; 1: nop");
CODE64(gp_lretq_null, "push $0; lea 1f(%rip), %rax; push %rax", "lretq; 1: nop");
CODE64(np_lretq, "push $" STR(SEL_ABSENT_CODE) "; lea 1f(%rip), %rax; push %rax",
	"lretq; 1: nop");
CODE64(gp_iret_nt, "pushfq; orl $0x4000, (%rsp); popfq", "iretq");
CODE64(gp_lidt, "movabs $0x800000000000, %rax; push %rax; pushw $0xfff",
	"lidt (%rsp); add $10, %rsp");
CODE64(gp_cr0_pe, "mov %cr0, %rax; and $~1, %rax", "mov %rax, %cr0");
CODE64(gp_cr0_nw, "mov %cr0, %rax; bts $29, %rax; btr $30, %rax", "mov %rax, %cr0");
CODE64(gp_cr0_high, "mov %cr0, %rax; bts $32, %rax", "mov %rax, %cr0");
CODE64(gp_cr3, "mov %cr3, %rax; bts $62, %rax", "mov %rax, %cr3");
CODE64(gp_cr4_pae, "mov %cr4, %rax; and $~0x20, %rax", "mov %rax, %cr4");
CODE64(gp_cr4_rsvd, "mov %cr4, %rax; bts $31, %rax", "mov %rax, %cr4");
CODE64(gp_cr4_la57, "mov %cr4, %rax; btc $12, %rax", "mov %rax, %cr4");
CODE64(gp_cr4_vmxe, "mov %cr4, %rax; bts $13, %rax", "mov %rax, %cr4");
CODE64(gp_cr8, "mov $0x10, %eax", "mov %rax, %cr8");
CODE64(gp_dr7, "movabs $0x100000400, %rax", "mov %rax, %dr7");
CODE64(gp_popf_none, "pushfq", "popfq");
CODE64(gp_hlt, "", "hlt");
CODE64(gp_cli, "", "cli");
CODE64(gp_in, "mov $0x80, %edx", "in %dx, %al");
CODE64(gp_out, "mov $0x80, %edx", "out %al, %dx");
CODE64(gp_ins, "mov $0x80, %edx; lea -8(%rsp), %rdi", "insb");
CODE64(gp_rdmsr, "mov $0x1b, %ecx", "rdmsr");
CODE64(gp_mov_cr, "", "mov %cr0, %rax");
CODE64(gp_mov_dr, "", "mov %dr7, %rax");
CODE64(gp_clts, "", "clts");
CODE64(gp_lmsw, "", "lmsw %ax");
CODE64(gp_invlpg, "", "invlpg (%rsp)");
CODE64(gp_invd, "", "invd");
CODE64(gp_wbinvd, "", "wbinvd");
CODE64(gp_lgdt, "", "lgdt (%rsp)");
CODE64(gp_swapgs, "", "swapgs");
CODE64(gp_int_50, "", "int $0x50");
CODE64(gp_xsetbv, "xor %ecx, %ecx", "xsetbv");
CODE64(int_50, "", "int $0x50");
CODE64(int_51, "", "int $0x51");
CODE64(int_52, "", "int $0x52");
CODE64(int_53, "", "int $0x53");
CODE64(int_54, "", "int $0x54");
CODE64(int_55, "", "int $0x55");
CODE64(int_ff, "", "int $0xff");
CODE64(pf_read, "", "mov " W_HOLE ", %al");
CODE64(pf_write, "", "mov %al, " W_HOLE);
CODE64(pf_rmw, "", "incl " W_HOLE);
CODE64(pf_ro, "", "mov %al, " W_RO);
CODE64(pf_ro_read, "", "mov " W_RO ", %al");
CODE64(pf_ro_cmpxchg, "xor %eax, %eax; mov $1, %ecx", "lock cmpxchg %ecx, " W_RO);
CODE64(pf_kernel, "", "mov " W_KERNEL ", %al");
CODE64(pf_kernel_write, "", "mov %al, " W_KERNEL);
CODE64(pf_rsvd, "", "mov " W_RSVD ", %al");
CODE64(pf_rsvd_write, "", "mov %al, " W_RSVD);
CODE64(pf_hole_rsvd, "", "mov " W_HOLE_RSVD ", %al");
CODE64(pf_straddle, "", "mov 0x50000ffd, %eax");
/* In ring 3 only: the fault could not be delivered onto such a stack. */
CODE64(pf_push, "mov %rsp, %rcx; mov $0x50001108, %rsp; clc", "push %rax; mov %rcx, %rsp");
CODE64(pf_string, "mov $" W_HOLE ", %edi; mov $4, %ecx", "rep stosb");
CODE64(pf_bts, "mov $0x8800, %ecx", "bts %ecx, 0x50000000");
CODE64(pf_exec_nx, "mov $" W_NX ", %ecx", "call *%rcx");
CODE64(pf_exec_hole, "mov $" W_HOLE ", %ecx", "call *%rcx");
CODE64(pf_exec_kernel, "mov $" W_KERNEL ", %ecx", "call *%rcx");
CODE64(pf_exec_user, "mov $" W_RW ", %ecx", "call *%rcx");
CODE64(pf_user_data, "", "mov " W_RW ", %al");
CODE64(pf_user_data_stac, "stac", "mov " W_RW ", %al; clac");
CODE64(mf_wait, "push $0x37b; fninit; fldcw (%rsp); pop %rcx; fld1; fldz; fdivrp",
	"fwait; fninit");
CODE64(mf_x87, "push $0x37b; fninit; fldcw (%rsp); pop %rcx; fld1; fldz; fdivrp", "fldz; fninit");
CODE64(ac_read, "pushfq; orl $0x40000, (%rsp); popfq", "mov -0x7(%rsp), %eax;"
	"pushfq; andl $~0x40000, (%rsp); popfq");
CODE64(xm_divide, "push $0x1d80; ldmxcsr (%rsp); pop %rcx; xorps %xmm1, %xmm1;"
	"mov $1, %ecx; cvtsi2ss %ecx, %xmm0", "divss %xmm1, %xmm0");

/* --- what a row may need first, and is undone after it --------------------- */
static void set_ts(void) { write_cr0(saved_cr0 | CR0_TS); }
static void set_ts_no_mp(void) { write_cr0((saved_cr0 | CR0_TS) & ~CR0_MP); }
static void set_em(void) { write_cr0(saved_cr0 | CR0_EM); }
static void set_am(void) { write_cr0(saved_cr0 | CR0_AM); }
static void clear_wp(void) { write_cr0(saved_cr0 & ~CR0_WP); }
static void set_osxsave(void) { write_cr4(saved_cr4 | CR4_OSXSAVE); }
static void clear_xmm(void) { write_cr4(saved_cr4 & ~CR4_OSXMMEXCPT); }
static void clear_fxsr(void) { write_cr4(saved_cr4 & ~CR4_OSFXSR); }
static void clear_nx(void) { wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~0x800UL); }

/* Pages of ring 0 for SMEP: this code itself is user-accessible otherwise. */
static void kernel_pages(bool on)
{
	for (int i = 0; i < 16; i++)
		page_dirs[i] = on ? page_dirs[i] & ~PTE_U : page_dirs[i] | PTE_U;
	write_cr3(read_cr3());
}

static void set_smep(void) { kernel_pages(true); write_cr4(saved_cr4 | CR4_SMEP); }
static void set_smap(void) { kernel_pages(true); write_cr4(saved_cr4 | CR4_SMAP); }

static const char *no_smep(void) { return cpuid7_ebx() & BIT(7) ? NULL : "no SMEP"; }
static const char *no_smap(void) { return cpuid7_ebx() & BIT(20) ? NULL : "no SMAP"; }
static const char *no_la57(void) { return cpuid7_ecx() & BIT(16) ? NULL : "no LA57"; }
static const char *has_vmx(void) { return cpuid(1, 0).ecx & BIT(5) ? "VMX is there" : NULL; }
static const char *no_xsave(void) { return cpu_has_xsave() ? NULL : "no XSAVE"; }
static const char *no_high_bit(void)
{
	return (cpuid(0x80000008, 0).eax & 0xff) < 52 ? NULL : "no reserved address bit";
}

struct row {
	const char *name;
	void (*code)(void *);
	char *rip;		/* what the frame must say; NULL is not checked */
	int vector;
	u32 error;
	u64 cr2;
	bool user;		/* run in ring 3 */
	void (*prepare)(void);
	const char *(*skip)(void);
};

#define FAULT(c, v)	.code = c, .rip = c##_at, .vector = (v)
#define TRAP(c, v)	.code = c, .rip = c##_after, .vector = (v)
#define FINE(c)		.code = c, .vector = NO_TRAP
#define USER		.user = true

static const struct row rows[] = {
	{ "de-div", FAULT(de_div, DE) },
	{ "de-idiv-overflow", FAULT(de_idiv, DE) },
	{ "de-div-overflow-64", FAULT(de_div64, DE) },
	{ "de-user", FAULT(de_div, DE), USER },
	{ "bp-int3", TRAP(bp_int3, BP) },
	{ "bp-int-3", TRAP(bp_int_3, BP) },
	{ "bp-user", TRAP(bp_int3, BP), USER },
	{ "of-int-4", TRAP(of_int_4, OF) },
	{ "of-user", TRAP(of_int_4, OF), USER },

	{ "ud-ud2", FAULT(ud_ud2, UD) },
	{ "ud-user", FAULT(ud_ud2, UD), USER },
	{ "ud-ud1", FAULT(ud_ud1, UD) },
	{ "ud-into", FAULT(ud_into, UD) },
	{ "ud-push-es", FAULT(ud_push_es, UD) },
	{ "ud-lock", FAULT(ud_lock, UD) },
	{ "ud-cr1", FAULT(ud_cr1, UD) },
	{ "ud-rsm", FAULT(ud_rsm, UD) },
	{ "ud-sse-em", FAULT(nm_sse, UD), .prepare = set_em },
	{ "ud-sse-osfxsr", FAULT(nm_sse, UD), .prepare = clear_fxsr },
	{ "ud-xm-masked", FAULT(xm_divide, UD), .prepare = clear_xmm },
	{ "ud-xgetbv", FAULT(ud_xgetbv, UD) },
	{ "ud-vmrun", FAULT(ud_vmrun, UD) },
	{ "ud-vmload", FAULT(ud_vmload, UD) },
	{ "ud-vmsave", FAULT(ud_vmsave, UD) },
	{ "ud-clgi", FAULT(ud_clgi, UD) },
	{ "ud-stgi", FAULT(ud_stgi, UD) },
	{ "ud-invlpga", FAULT(ud_invlpga, UD) },
	{ "ud-vmxon", FAULT(ud_vmxon, UD) },
	{ "ud-vmread", FAULT(ud_vmread, UD) },
	{ "ud-vmptrld", FAULT(ud_vmptrld, UD) },
	{ "ud-vmlaunch", FAULT(ud_vmlaunch, UD) },
	{ "ud-getsec", FAULT(ud_getsec, UD) },

	{ "nm-x87-ts", FAULT(nm_x87, NM), .prepare = set_ts },
	{ "nm-x87-em", FAULT(nm_x87, NM), .prepare = set_em },
	{ "nm-sse-ts", FAULT(nm_sse, NM), .prepare = set_ts },
	{ "nm-wait-ts-mp", FAULT(nm_wait, NM), .prepare = set_ts },
	{ "nm-wait-ts", FINE(nm_wait), .prepare = set_ts_no_mp },

	{ "np-ds", FAULT(np_ds, NP), .error = SEL_ABSENT },
	{ "np-lretq", FAULT(np_lretq, NP), .error = SEL_ABSENT_CODE },
	{ "ss-absent", FAULT(ss_absent, SS), .error = SEL_ABSENT },
	{ "ss-non-canonical", FAULT(ss_rbp, SS) },

	{ "gp-read-non-canonical", FAULT(gp_canonical, GP) },
	{ "gp-write-non-canonical", FAULT(gp_canonical_write, GP) },
	{ "gp-ret-non-canonical", FAULT(gp_ret, GP) },
	{ "gp-jump-non-canonical", FAULT(gp_jump, GP) },
	{ "gp-movaps", FAULT(gp_movaps, GP) },
	{ "gp-ds-past-gdt", FAULT(gp_ds_out, GP), .error = SEL_OUT },
	{ "gp-ds-tss", FAULT(gp_ds_tss, GP), .error = SEL_TSS },
	{ "gp-ltr-busy", FAULT(gp_ltr_busy, GP), .error = SEL_TSS },
	{ "gp-ltr-null", FAULT(gp_ltr_null, GP) },
	{ "gp-lldt", FAULT(gp_lldt, GP), .error = SEL_DATA },
	{ "gp-lretq-data", FAULT(gp_lretq, GP), .error = SEL_DATA },
	{ "gp-lretq-null", FAULT(gp_lretq_null, GP) },
	{ "gp-iret-nt", FAULT(gp_iret_nt, GP) },
	{ "gp-lidt-non-canonical", FAULT(gp_lidt, GP) },
	{ "gp-cr0-pg-without-pe", FAULT(gp_cr0_pe, GP) },
	{ "gp-cr0-nw-without-cd", FAULT(gp_cr0_nw, GP) },
	{ "gp-cr0-high", FAULT(gp_cr0_high, GP) },
	{ "gp-cr3-reserved", FAULT(gp_cr3, GP) },
	{ "gp-cr4-pae", FAULT(gp_cr4_pae, GP) },
	{ "gp-cr4-reserved", FAULT(gp_cr4_rsvd, GP) },
	{ "gp-cr4-la57", FAULT(gp_cr4_la57, GP), .skip = no_la57 },
	{ "gp-cr4-vmxe", FAULT(gp_cr4_vmxe, GP), .skip = has_vmx },
	{ "gp-cr8-reserved", FAULT(gp_cr8, GP) },
	{ "gp-dr7-high", FAULT(gp_dr7, GP) },
	{ "gp-user-hlt", FAULT(gp_hlt, GP), USER },
	{ "gp-user-cli", FAULT(gp_cli, GP), USER },
	{ "gp-user-in", FAULT(gp_in, GP), USER },
	{ "gp-user-out", FAULT(gp_out, GP), USER },
	{ "gp-user-ins", FAULT(gp_ins, GP), USER },
	{ "gp-user-rdmsr", FAULT(gp_rdmsr, GP), USER },
	{ "gp-user-mov-cr", FAULT(gp_mov_cr, GP), USER },
	{ "gp-user-mov-dr", FAULT(gp_mov_dr, GP), USER },
	{ "gp-user-clts", FAULT(gp_clts, GP), USER },
	{ "gp-user-lmsw", FAULT(gp_lmsw, GP), USER },
	{ "gp-user-invlpg", FAULT(gp_invlpg, GP), USER },
	{ "gp-user-invd", FAULT(gp_invd, GP), USER },
	{ "gp-user-wbinvd", FAULT(gp_wbinvd, GP), USER },
	{ "gp-user-lgdt", FAULT(gp_lgdt, GP), USER },
	{ "gp-user-swapgs", FAULT(gp_swapgs, GP), USER },
	{ "gp-user-xsetbv", FAULT(gp_xsetbv, GP), USER, .prepare = set_osxsave, .skip = no_xsave },
	{ "user-popf", FINE(gp_popf_none), USER },

	/* The gates are built in build_gates(). */
	{ "int-n", TRAP(int_50, 0x50) },
	{ "int-n-user-dpl0", FAULT(gp_int_50, GP), .error = 0x50 * 8 + 2, USER },
	{ "int-n-user-dpl3", TRAP(int_51, 0x51), USER },
	{ "int-n-absent", FAULT(int_52, NP), .error = 0x52 * 8 + 2 },
	{ "int-n-user-absent", FAULT(int_52, GP), .error = 0x52 * 8 + 2, USER },
	{ "int-n-gate-type", FAULT(int_53, GP), .error = 0x53 * 8 + 2 },
	{ "int-n-selector-null", FAULT(int_54, GP) },
	{ "int-n-selector-data", FAULT(int_55, GP), .error = SEL_DATA },
	{ "int-n-past-limit", FAULT(int_ff, GP), .error = 0xff * 8 + 2 },

	{ "pf-read", FAULT(pf_read, PF), .cr2 = WIN + 0x1100 },
	{ "pf-write", FAULT(pf_write, PF), .error = 2, .cr2 = WIN + 0x1100 },
	{ "pf-read-modify-write", FAULT(pf_rmw, PF), .error = 2, .cr2 = WIN + 0x1100 },
	{ "pf-user-read", FAULT(pf_read, PF), .error = 4, .cr2 = WIN + 0x1100, USER },
	{ "pf-user-write", FAULT(pf_write, PF), .error = 6, .cr2 = WIN + 0x1100, USER },
	{ "pf-read-only", FAULT(pf_ro, PF), .error = 3, .cr2 = WIN + 0x2100 },
	{ "pf-read-only-user", FAULT(pf_ro, PF), .error = 7, .cr2 = WIN + 0x2100, USER },
	{ "pf-read-only-read", FINE(pf_ro_read), USER },
	{ "pf-read-only-cmpxchg", FAULT(pf_ro_cmpxchg, PF), .error = 3, .cr2 = WIN + 0x2100 },
	{ "pf-read-only-wp0", FINE(pf_ro), .prepare = clear_wp },
	{ "pf-read-only-wp0-user", FAULT(pf_ro, PF), .error = 7, .cr2 = WIN + 0x2100, USER,
	  .prepare = clear_wp },
	{ "pf-kernel-page", FINE(pf_kernel) },
	{ "pf-kernel-page-user", FAULT(pf_kernel, PF), .error = 5, .cr2 = WIN + 0x3100, USER },
	{ "pf-kernel-page-user-write", FAULT(pf_kernel_write, PF), .error = 7,
	  .cr2 = WIN + 0x3100, USER },
	{ "pf-reserved-bit", FAULT(pf_rsvd, PF), .error = 9, .cr2 = WIN + 0x5100,
	  .skip = no_high_bit },
	{ "pf-reserved-bit-write", FAULT(pf_rsvd_write, PF), .error = 0xb, .cr2 = WIN + 0x5100,
	  .skip = no_high_bit },
	{ "pf-reserved-bit-user", FAULT(pf_rsvd, PF), .error = 0xd, .cr2 = WIN + 0x5100, USER,
	  .skip = no_high_bit },
	{ "pf-reserved-bit-absent", FAULT(pf_hole_rsvd, PF), .error = 0, .cr2 = WIN + 0x6100 },
	{ "pf-nx-bit-reserved", .code = pf_exec_nx, .rip = (char *)WIN + 0x4100, .vector = PF,
	  .error = 9, .cr2 = WIN + 0x4100, .prepare = clear_nx },
	{ "pf-straddle", FAULT(pf_straddle, PF), .cr2 = WIN + 0x1000 },
	{ "pf-push", FAULT(pf_push, PF), .error = 6, .cr2 = WIN + 0x1100, USER },
	{ "pf-string", FAULT(pf_string, PF), .error = 2, .cr2 = WIN + 0x1100 },
	{ "pf-bit-string", FAULT(pf_bts, PF), .error = 2, .cr2 = WIN + 0x1100 },
	{ "pf-exec-nx", .code = pf_exec_nx, .rip = (char *)WIN + 0x4100, .vector = PF,
	  .error = 0x11, .cr2 = WIN + 0x4100 },
	{ "pf-exec-nx-user", .code = pf_exec_nx, .rip = (char *)WIN + 0x4100, .vector = PF,
	  .error = 0x15, .cr2 = WIN + 0x4100, USER },
	{ "pf-exec-hole", .code = pf_exec_hole, .rip = (char *)WIN + 0x1100, .vector = PF,
	  .error = 0x10, .cr2 = WIN + 0x1100 },
	{ "pf-exec-kernel-user", .code = pf_exec_kernel, .rip = (char *)WIN + 0x3100,
	  .vector = PF, .error = 0x15, .cr2 = WIN + 0x3100, USER },
	{ "pf-exec-user-page", FINE(pf_exec_user) },
	{ "pf-smep", .code = pf_exec_user, .rip = (char *)WIN + 0x100, .vector = PF,
	  .error = 0x11, .cr2 = WIN + 0x100, .prepare = set_smep, .skip = no_smep },
	{ "pf-smap", FAULT(pf_user_data, PF), .error = 1, .cr2 = WIN + 0x100,
	  .prepare = set_smap, .skip = no_smap },
	{ "pf-smap-stac", FINE(pf_user_data_stac), .prepare = set_smap, .skip = no_smap },

	{ "mf-fwait", FAULT(mf_wait, MF) },
	{ "mf-x87", FAULT(mf_x87, MF) },
	{ "mf-user", FAULT(mf_wait, MF), USER },
	{ "ac-user", FAULT(ac_read, AC), USER, .prepare = set_am },
	{ "ac-ring0", FINE(ac_read), .prepare = set_am },
	{ "ac-without-am", FINE(ac_read), USER },
	{ "xm-divide", FAULT(xm_divide, XM) },
	{ "xm-user", FAULT(xm_divide, XM), USER },
};

static void map_window(void)
{
	static const struct { u64 clear, set; } pages[] = {
		{ },				/* RW */
		{ PTE_P },			/* HOLE */
		{ PTE_W },			/* RO */
		{ PTE_U },			/* KERNEL */
		{ 0, PTE_NX },			/* NX */
		{ 0, BIT(51) },			/* RSVD */
		{ PTE_P, BIT(51) | BIT(50) },	/* HOLE_RSVD */
	};

	memset(page, 0xc3, sizeof(page));	/* RET */
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++)
		pte_set(WIN + i * PAGE_SIZE, ((u64)page | PTE_P | PTE_W | PTE_U | pages[i].set) &
			~pages[i].clear);
}

/*
 * The IDT ends before vector 0xff. Split, its exceptions are in one page and
 * the other vectors in the next.
 */
static u8 idt_pages[2][PAGE_SIZE] __attribute__((aligned(4096)));

static void idt_split(bool on)
{
	struct { u16 limit; u64 base; } __attribute__((packed)) ptr = { 0xff * 16 - 1, (u64)idt };

	if (on) {
		ptr.base = (u64)idt_pages[1] - 32 * 16;
		memcpy((void *)ptr.base, idt, sizeof(idt));
	}
	asm volatile("lidt %0" :: "m"(ptr));
}

static void build_gates(void)
{
	idt[0x51].type = 0xee;
	idt[0x52].type = 0x0e;
	idt[0x53].type = 0x8c;		/* a call gate */
	idt[0x54].selector = 0;
	idt[0x55].selector = SEL_DATA;
	idt_split(false);

	gdt[SEL_ABSENT / 8] = 0x00cf13000000ffff;
	gdt[SEL_ABSENT_CODE / 8] = 0x00af1b000000ffff;
}

static void undo(void)
{
	u32 mxcsr = 0x1f80;

	write_cr0(saved_cr0);
	write_cr4(saved_cr4);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | 0x800);
	asm volatile("fninit; ldmxcsr %0" :: "m"(mxcsr));
	kernel_pages(false);
	map_window();
	idt_split(false);
	tss_load(103);
}

static void run_row(void *arg)
{
	const struct row *r = arg;
	int vector;

	if (r->prepare)
		r->prepare();
	vector = r->user ? user_call(r->code, NULL) : trap_call(r->code, NULL);
	undo();
	if (!expect("vector", vector, r->vector) || vector == NO_TRAP)
		return;
	expect("error code", trap_last.error, r->error);
	expect("rip", trap_last.rip, (u64)r->rip);
	expect("cs", trap_last.cs, r->user ? SEL_UCODE64 : SEL_CODE64);
	expect("ss", trap_last.ss, r->user ? SEL_UDATA : SEL_DATA);
	if (vector == PF)
		expect("cr2", trap_last.cr2, r->cr2);
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
			expect("outer trap", trap_call(run_row, (void *)r), NO_TRAP);
		undo();
		case_end();
	}
}

/* --- 32-bit mode only ------------------------------------------------------- */
CODE32(into32, "mov $0x7fffffff, %eax; inc %eax; into");
CODE32(into32_not, "xor %eax, %eax; into");
CODE32(bound32, "mov $9, %eax; bound %eax, 1f; ret; 1: .long 2, 8");
CODE32(bound32_in, "mov $8, %eax; bound %eax, 1f; ret; 1: .long 2, 8");

static void protected_case(const char *fn, int vector)
{
	mode_protected(fn, 0);
	expect("vector", mode_result.vector, vector);
}

static void of_into(void) { protected_case(into32, OF); }
static void of_into_not(void) { protected_case(into32_not, NO_TRAP); }
static void br_bound(void) { protected_case(bound32, BR); }
static void br_bound_in(void) { protected_case(bound32_in, NO_TRAP); }

/* --- faults while an event is delivered -------------------------------------- */
static void absent_gate(void (*code)(void *), u8 gate, int vector, u64 error)
{
	u8 type = idt[gate].type;

	idt[gate].type = 0x0e;
	expect("vector", trap_call(code, NULL), vector);
	idt[gate].type = type;
	expect("error code", trap_last.error, error);
}

/*
 * "Conditions for Generating a Double Fault": a benign exception gives way to
 * the second fault; EXT is set in its error code, since the event was not an
 * INT n.
 */
static void nested_benign(void) { absent_gate(ud_ud2, UD, NP, UD * 8 + 3); }
static void nested_int3(void) { absent_gate(bp_int3, BP, NP, BP * 8 + 2); }
static void df_contributory(void) { absent_gate(de_div, DE, DF, 0); }
static void df_gp(void) { absent_gate(gp_canonical, GP, DF, 0); }
static void df_pf_gate(void) { absent_gate(pf_read, PF, DF, 0); }

/* IST 7 of a TSS too short for it. */
static void ts_short_tss(void)
{
	tss_load(83);
	idt[0x50].ist = 7;
	expect("vector", trap_call(int_50, NULL), TS);
	idt[0x50].ist = 0;
	tss_load(103);
	expect("error code", trap_last.error, SEL_TSS);
}

static u8 ist_pages[2][PAGE_SIZE] __attribute__((aligned(4096)));
static int faults, hits;
static u64 fault_error, fault_cr2, fault_rip;

/* Brings the page back, as a pager would. */
static void on_fault_map(struct trap *t)
{
	faults++;
	fault_error = t->error;
	fault_cr2 = t->cr2;
	fault_rip = t->rip;
	pte_reset(t->cr2);
	if (faults > 3)
		guest_exit(98);
}

static void on_hit(struct trap *t) { hits++; }

static void on_hit_skip_ud2(struct trap *t)
{
	hits++;
	t->rip += 2;
}

static void expect_mended(const char *rip, u64 error, u64 cr2)
{
	expect("page faults", faults, 1);
	expect("handler ran", hits, 1);
	expect("rip of the page fault", fault_rip, (u64)rip);
	expect("error code", fault_error, error);
	expect("cr2", fault_cr2, cr2);
}

/* The stack that the gate's IST names is not present. */
static void stack_page_absent(u8 vector, void (*code)(void *), trap_fn handler, const char *rip)
{
	u64 top = (u64)ist_pages[1];

	faults = hits = 0;
	tss_set_stack(2, top);
	idt[vector].ist = 2;
	pte_set(top - PAGE_SIZE, 0);
	trap_set(PF, on_fault_map);
	trap_set(vector, handler);
	expect("trap", trap_call(code, NULL), NO_TRAP);
	trap_set(vector, NULL);
	trap_set(PF, NULL);
	pte_reset(top - PAGE_SIZE);
	idt[vector].ist = 0;
	expect_mended(rip, 2, top - 8);
}

static void stack_absent_int(void) { stack_page_absent(0x50, int_50, on_hit, int_50_at); }
static void stack_absent_ud(void) { stack_page_absent(UD, ud_ud2, on_hit_skip_ud2, ud_ud2_at); }
static void stack_absent_de(void) { stack_page_absent(DE, de_div, on_hit_skip_ud2, de_div_at); }

static void df_pf_stack(void)
{
	u64 top = (u64)ist_pages[1];

	tss_set_stack(2, top);
	idt[PF].ist = 2;
	pte_set(top - PAGE_SIZE, 0);
	expect("vector", trap_call(pf_read, NULL), DF);
	idt[PF].ist = 0;
	pte_reset(top - PAGE_SIZE);
	expect("error code", trap_last.error, 0);
}

static void idt_page_absent(void)
{
	faults = hits = 0;
	idt_split(true);
	pte_set((u64)idt_pages[1], 0);
	trap_set(PF, on_fault_map);
	trap_set(0x50, on_hit);
	expect("trap", trap_call(int_50, NULL), NO_TRAP);
	trap_set(0x50, NULL);
	trap_set(PF, NULL);
	idt_split(false);
	pte_reset((u64)idt_pages[1]);
	expect_mended(int_50_at, 0, (u64)idt_pages[1] + (0x50 - 32) * 16);
}

#define LAPIC		0xfee00000UL
#define ICR_SELF	0x40000

/* Not retried by the CPU: the interrupt was taken, its bit in ISR is left. */
static void idt_page_absent_irq(void)
{
	faults = hits = 0;
	mmio_write(LAPIC + 0xf0, 0x1ff);
	idt_split(true);
	pte_set((u64)idt_pages[1], 0);
	trap_set(PF, on_fault_map);
	trap_set(0x50, on_hit);
	mmio_write(LAPIC + 0x300, ICR_SELF | 0x50);
	sti_nop_cli();
	trap_set(0x50, NULL);
	trap_set(PF, NULL);
	idt_split(false);
	pte_reset((u64)idt_pages[1]);
	expect("page faults", faults, 1);
	expect("handler ran", hits, 0);
	/* "Page-Fault Exception (#PF)": EXT is no bit of its error code. */
	expect("error code", fault_error, 0);
	expect("ISR", mmio_read(LAPIC + 0x120), BIT(0x50 - 0x40));
	mmio_write(LAPIC + 0xb0, 0);
	expect("ISR after EOI", mmio_read(LAPIC + 0x120), 0);
}

/*
 * Delivery onto a page that nobody has touched: under a hypervisor the first
 * touch is the CPU's own push, and the event must not get lost or doubled.
 */
static u64 fresh_stack(void)
{
	static u64 next = FREE_RAM;

	next += 16 * PAGE_SIZE;
	return next;
}

static void fresh_stack_event(u8 vector, void (*code)(void *), trap_fn handler)
{
	hits = 0;
	tss_set_stack(2, fresh_stack());
	idt[vector].ist = 2;
	trap_set(vector, handler);
	expect("trap", trap_call(code, NULL), NO_TRAP);
	trap_set(vector, NULL);
	idt[vector].ist = 0;
	expect("handler ran", hits, 1);
}

static void on_hit_pf(struct trap *t)
{
	hits++;
	expect("cr2", t->cr2, WIN + 0x1100);
	expect("error code", t->error, 2);
	t->rip = (u64)pf_write_after;
}

static void on_hit_eoi(struct trap *t)
{
	hits++;
	mmio_write(LAPIC + 0xb0, 0);
}

static void send_self(void *arg)
{
	mmio_write(LAPIC + 0xf0, 0x1ff);
	mmio_write(LAPIC + 0x300, ICR_SELF | 0x50);
	sti_nop_cli();
}

static void send_nmi(void *arg)
{
	mmio_write(LAPIC + 0xf0, 0x1ff);
	/* Fixed destination, this CPU; NMI. */
	mmio_write(LAPIC + 0x310, mmio_read(LAPIC + 0x20));
	mmio_write(LAPIC + 0x300, 0x4400);
	for (int i = 0; i < 100 && !hits; i++)
		asm volatile("pause");
}

static void fresh_int(void) { fresh_stack_event(0x50, int_50, on_hit); }
static void fresh_int3(void) { fresh_stack_event(BP, bp_int3, on_hit); }
static void fresh_ud(void) { fresh_stack_event(UD, ud_ud2, on_hit_skip_ud2); }
static void fresh_pf(void) { fresh_stack_event(PF, pf_write, on_hit_pf); }
static void fresh_irq(void) { fresh_stack_event(0x50, send_self, on_hit_eoi); }
static void fresh_nmi(void) { fresh_stack_event(NMI, send_nmi, on_hit); }

/* The user's #PF switches to RSP0, on a fresh page too. */
static void fresh_user(void)
{
	u8 old = idt[PF].ist;

	idt[PF].ist = 2;
	tss_set_stack(2, fresh_stack());
	expect("vector", user_call(pf_write, NULL), PF);
	idt[PF].ist = old;
	expect("error code", trap_last.error, 6);
	expect("cr2", trap_last.cr2, WIN + 0x1100);
	expect("rip", trap_last.rip, (u64)pf_write_at);
}

/* --- accessed and dirty ------------------------------------------------------ */
static void accessed_dirty(void)
{
	volatile u64 *pte = pte_get(WIN);

	pte_set(WIN, *pte & ~(PTE_A | PTE_D));
	(void)*(volatile u8 *)WIN;
	expect("after a read", *pte & (PTE_A | PTE_D), PTE_A);
	*(volatile u8 *)WIN = 0xc3;
	expect("after a write", *pte & (PTE_A | PTE_D), PTE_A | PTE_D);
	map_window();
}

/* A fault leaves no trace: RSP of a push, registers of a pop to memory. */
CODE64(pop_hole, "push $5; mov %rsp, %rcx", "popq " W_HOLE);

static void fault_restarts(void)
{
	expect("vector", trap_call(pop_hole, NULL), PF);
	expect("rsp", trap_last.rsp, trap_last.rcx);
	expect("vector", user_call(pf_push, NULL), PF);
	expect("rsp of push", trap_last.rsp, WIN + 0x1108);
	expect("vector", trap_call(pf_string, NULL), PF);
	expect("rcx of stos", trap_last.rcx, 4);
}

/* RF is set in the image of a fault, clear in that of a trap. */
static void resume_flag(void)
{
	trap_call(ud_ud2, NULL);
	expect("fault", trap_last.rflags & RFLAGS_RF, RFLAGS_RF);
	trap_call(bp_int3, NULL);
	expect("trap", trap_last.rflags & RFLAGS_RF, 0);
}

static const struct guest_case cases[] = {
	{ "of-into-32", of_into },
	{ "of-into-32-not", of_into_not },
	{ "br-bound-32", br_bound },
	{ "br-bound-32-in", br_bound_in },
	{ "nested-benign", nested_benign },
	{ "nested-int3", nested_int3 },
	{ "df-contributory", df_contributory },
	{ "df-gp", df_gp },
	{ "df-pf-gate", df_pf_gate },
	{ "df-pf-stack", df_pf_stack },
	{ "ts-short-tss", ts_short_tss },
	{ "stack-absent-int", stack_absent_int },
	{ "stack-absent-ud", stack_absent_ud },
	{ "stack-absent-de", stack_absent_de },
	{ "idt-absent-int", idt_page_absent },
	{ "idt-absent-irq", idt_page_absent_irq },
	{ "fresh-stack-int", fresh_int },
	{ "fresh-stack-int3", fresh_int3 },
	{ "fresh-stack-ud", fresh_ud },
	{ "fresh-stack-pf", fresh_pf },
	{ "fresh-stack-user-pf", fresh_user },
	{ "fresh-stack-irq", fresh_irq },
	{ "fresh-stack-nmi", fresh_nmi },
	{ "accessed-dirty", accessed_dirty },
	{ "fault-restarts", fault_restarts },
	{ "resume-flag", resume_flag },
};

void guest_main(void)
{
	saved_cr0 = read_cr0();
	saved_cr4 = read_cr4();
	mode_init();
	map_window();
	build_gates();
	run_rows();
	cases_run(cases, ARRAY_SIZE(cases));
}
