// SPDX-License-Identifier: GPL-2.0
/*
 * Every mode of the CPU and the ways between them: a row says in which mode a
 * piece of 32-bit or 16-bit code runs and what it must give back. Long mode
 * is where each case starts and ends.
 */
#include "lib/mode.h"

#define ALIAS		0x40000000u	/* mapped to `target` by a 4 KiB entry */
#define ALIAS_NX	0x40001000u	/* the same, not executable, with PAE */
#define ALIAS_RO	0x40002000u	/* the same, read-only */
#define HOLE		0x40003000u	/* not present */

#define CR0_BASE	(CR0_PE | CR0_NE | 0x10)

static u32 pd32[1024] __attribute__((aligned(4096)));
static u32 pt32[1024] __attribute__((aligned(4096)));
static u64 pt_pae[512] __attribute__((aligned(4096)));
static u64 pdpt_pae[4] __attribute__((aligned(32)));
static u64 pml5[512] __attribute__((aligned(4096)));
static u32 target[1024] __attribute__((aligned(4096)));
static u8 segment[8192] __attribute__((aligned(4096)));	/* counts up */

/* --- 32-bit code ---------------------------------------------------------- */
CODE32(add_seven, "add $7, %eax");
CODE32(get_cr0, "mov %cr0, %eax");
CODE32(get_efer, "mov $0xc0000080, %ecx; rdmsr");
CODE32(get_cs, "mov %cs, %eax");
CODE32(read_arg, "mov (%eax), %eax");
CODE32(write_arg, "movl $0x1234, (%eax); mov (%eax), %eax");
CODE32(call_arg, "call *%eax");
CODE32(push_pop, "push %eax; pushf; popf; pop %eax; rol $8, %eax");
CODE32(reload_cr3, "mov %cr3, %ecx; mov %ecx, %cr3; mov %eax, %eax");
CODE32(far_call, "lcall $0x38, $1f; jmp 2f; 1: inc %eax; lret; 2: inc %eax");
CODE32(far_jump, "ljmp $0x38, $1f; ud2; 1: inc %eax");
CODE32(software_int, "int $0x40; inc %eax");
CODE32(on_int40, "add $0x100, %eax; iret");
CODE32(divide, "xor %edx, %edx; xor %ecx, %ecx; div %ecx");
CODE32(undefined, "ud2");
CODE32(bcd, "mov $0x15, %al; add $0x27, %al; daa; movzbl %al, %eax");
CODE32(push_all, "mov %eax, %edi; pusha; xor %edi, %edi; popa; mov %edi, %eax");
/* 16-bit protected mode and back. */
CODE32(through_16,
	"ljmp $0x40, $" RM(1f) "\n"
	".pushsection .rm, \"ax\"\n.code16\n1: inc %ax; ljmpl $0x38, $2f\n.code32\n.popsection\n"
	"2: inc %eax");
/* Into 64-bit code and back, from compatibility mode. */
CODE32(through_64,
	"ljmp $0x08, $1f\n"
	".code64\n"
	"1: mov %eax, %eax; shl $32, %rax; or $5, %rax; shr $31, %rax\n"
	"push $0x38; push $2f; lretq\n"
	".code32\n2:");
/* Reads the 32-bit word at 2^48 + EAX, an address of 57 bits. */
CODE32(through_57,
	"ljmp $0x08, $1f\n"
	".code64\n"
	"1: mov %eax, %eax; bts $48, %rax; mov (%rax), %eax\n"
	"push $0x38; push $2f; lretq\n"
	".code32\n2:");

/* --- a row per mode and code ---------------------------------------------- */
enum tables { NONE, TABLES_32, TABLES_PAE, TABLES_LONG, TABLES_57 };

static const struct {
	u32 cr0, cr4, efer;
} modes[] = {
	[NONE] = { CR0_BASE, 0, 0 },
	[TABLES_32] = { CR0_BASE | CR0_PG | CR0_WP, CR4_PSE, 0 },
	[TABLES_PAE] = { CR0_BASE | CR0_PG | CR0_WP, CR4_PAE, 0x800 },
	[TABLES_LONG] = { CR0_BASE | CR0_PG | CR0_WP, CR4_PAE, 0x901 },
	[TABLES_57] = { CR0_BASE | CR0_PG | CR0_WP, CR4_PAE | CR4_LA57, 0x901 },
};

static u32 root(enum tables t)
{
	switch (t) {
	case TABLES_32:
		return (u64)pd32;
	case TABLES_PAE:
		return (u64)pdpt_pae;
	case TABLES_LONG:
		return (u64)pml4;
	case TABLES_57:
		return (u64)pml5;
	default:
		return 0;
	}
}

/* `target` holds these two before each row. */
#define WORD0	0xc3c3c3c3u	/* four RETs */
#define WORD1	0x89abcdefu

struct row {
	const char *name;
	enum tables tables;
	const char *code;
	u32 arg, want;
	int vector;		/* 0: none, since no row divides in C */
	u32 error;
};

#define TRAP(v, e) .vector = (v), .error = (e)

static const struct row rows32[] = {
	{ "protected-add", NONE, add_seven, 1, 8 },
	{ "protected-cr0", NONE, get_cr0, 0, CR0_BASE },
	{ "protected-efer", NONE, get_efer, 0, 0 },
	{ "protected-cs", NONE, get_cs, 0, SEL_CODE32 },
	{ "protected-stack", NONE, push_pop, 0x11223344, 0x22334411 },
	{ "protected-far-call", NONE, far_call, 5, 7 },
	{ "protected-far-jump", NONE, far_jump, 5, 6 },
	{ "protected-16-bit", NONE, through_16, 5, 7 },
	{ "protected-int", NONE, software_int, 1, 0x102 },
	{ "protected-daa", NONE, bcd, 0, 0x42 },
	{ "protected-pusha", NONE, push_all, 0x42, 0x42 },
	{ "protected-ud", NONE, undefined, TRAP(UD, 0) },
	{ "protected-read", NONE, read_arg, (1 << 20), 0x1badb002 },

	{ "paging32-add", TABLES_32, add_seven, 1, 8 },
	{ "paging32-cr0", TABLES_32, get_cr0, 0, CR0_BASE | CR0_PG | CR0_WP },
	{ "paging32-alias", TABLES_32, read_arg, ALIAS + 4, WORD1 },
	{ "paging32-write", TABLES_32, write_arg, ALIAS + 4, 0x1234 },
	{ "paging32-exec", TABLES_32, call_arg, ALIAS, ALIAS },
	{ "paging32-cr3", TABLES_32, reload_cr3, 3, 3 },
	{ "paging32-16-bit", TABLES_32, through_16, 5, 7 },
	{ "paging32-int", TABLES_32, software_int, 1, 0x102 },
	{ "paging32-hole-read", TABLES_32, read_arg, HOLE, TRAP(PF, 0) },
	{ "paging32-hole-write", TABLES_32, write_arg, HOLE + 8, TRAP(PF, 2) },
	{ "paging32-read-only", TABLES_32, write_arg, ALIAS_RO, TRAP(PF, 3) },
	{ "paging32-hole-exec", TABLES_32, call_arg, HOLE, TRAP(PF, 0) },

	{ "pae-add", TABLES_PAE, add_seven, 1, 8 },
	{ "pae-alias", TABLES_PAE, read_arg, ALIAS + 4, WORD1 },
	{ "pae-write", TABLES_PAE, write_arg, ALIAS + 4, 0x1234 },
	{ "pae-exec", TABLES_PAE, call_arg, ALIAS, ALIAS },
	{ "pae-efer", TABLES_PAE, get_efer, 0, 0x800 },
	{ "pae-cr3", TABLES_PAE, reload_cr3, 3, 3 },
	{ "pae-int", TABLES_PAE, software_int, 1, 0x102 },
	{ "pae-hole-read", TABLES_PAE, read_arg, HOLE, TRAP(PF, 0) },
	{ "pae-read-only", TABLES_PAE, write_arg, ALIAS_RO, TRAP(PF, 3) },
	{ "pae-nx-read", TABLES_PAE, read_arg, ALIAS_NX + 4, WORD1 },
	{ "pae-nx-exec", TABLES_PAE, call_arg, ALIAS_NX, TRAP(PF, 0x11) },

	{ "compat-add", TABLES_LONG, add_seven, 1, 8 },
	{ "compat-efer", TABLES_LONG, get_efer, 0, 0xd01 },
	{ "compat-far-call", TABLES_LONG, far_call, 5, 7 },
	{ "compat-stack", TABLES_LONG, push_pop, 0x11223344, 0x22334411 },
	{ "compat-to-64", TABLES_LONG, through_64, 3, 6 },
	{ "compat-16-bit", TABLES_LONG, through_16, 5, 7 },
	{ "compat-daa", TABLES_LONG, bcd, 0, 0x42 },
};

/* Rows only for five levels. */
static const struct row rows57[] = {
	{ "la57-add", TABLES_57, add_seven, 1, 8 },
	{ "la57-efer", TABLES_57, get_efer, 0, 0xd01 },
	{ "la57-address", TABLES_57, through_57, 0x100000, 0x1badb002 },
	{ "la57-to-64", TABLES_57, through_64, 3, 6 },
};

static void fill_segment(void)
{
	for (size_t i = 0; i < sizeof(segment); i++)
		segment[i] = i;
	segment[4096] = 0x60;
}

static void run_row32(void *arg)
{
	const struct row *r = arg;
	const struct mode m = {
		modes[r->tables].cr0, root(r->tables), modes[r->tables].cr4, modes[r->tables].efer,
	};

	target[0] = WORD0;
	target[1] = WORD1;
	fill_segment();
	mode_call32(&m, (u64)r->code, r->arg);
	if (!r->vector) {
		expect("vector", mode_result.vector, NO_TRAP);
		expect("eax", mode_result.eax, r->want);
		return;
	}
	expect("vector", mode_result.vector, r->vector);
	expect("error code", mode_result.error, r->error);
	if (r->vector == PF)
		expect("cr2", mode_result.cr2, r->arg);
}

/* --- segments, in protected mode ------------------------------------------ */
#define SEG(n)		(SEL_FREE + 8 * (n))

CODE32(seg_load_ds, "mov %ax, %ds");
CODE32(seg_load_ss, "mov %ax, %ss");
CODE32(seg_read_10, "mov %ax, %fs; mov %fs:0x10, %al; movzbl %al, %eax");
CODE32(seg_read_fff, "mov %ax, %fs; mov %fs:0xfff, %al; movzbl %al, %eax");
CODE32(seg_read_ffd_4, "mov %ax, %fs; mov %fs:0xffd, %eax");
CODE32(seg_read_1000, "mov %ax, %fs; mov %fs:0x1000, %al");
CODE32(seg_write_10, "mov %ax, %fs; movb $1, %fs:0x10");
/* The stack pointer itself stays good, since the exception needs it. */
CODE32(seg_stack, "mov %esp, %ecx; mov %ax, %ss; mov $0x800, %esp; mov %ss:0x1000, %al;"
	"mov $0x10, %edx; mov %edx, %ss; mov %ecx, %esp");
CODE32(seg_stack_ok, "mov %esp, %ecx; mov %ax, %ss; mov $0x800, %esp; push %eax; pop %eax;"
	"mov $0x10, %edx; mov %edx, %ss; mov %ecx, %esp");
CODE32(seg_verr, "mov %ax, %cx; xor %eax, %eax; verr %cx; setz %al; verw %cx; setz %ah");
CODE32(seg_lsl, "mov %eax, %ecx; xor %eax, %eax; lsl %ecx, %eax");
CODE32(seg_lar, "mov %eax, %ecx; xor %eax, %eax; lar %ecx, %eax");
CODE32(seg_jump, "mov %ax, 1f+4; ljmp *1f; 1: .long 0; .word 0");

/* All of them start at `segment`. */
static const struct {
	u8 access;
	u8 flags;		/* G, D/B as bits 3, 2 */
	u32 limit;
} descriptors[] = {
	{ 0x93, 4, 0xfff },	/* 0: read-write, a page */
	{ 0x91, 4, 0xfff },	/* 1: read-only */
	{ 0x97, 4, 0xfff },	/* 2: expand-down, the page out of bounds */
	{ 0x13, 4, 0xfff },	/* 3: not present */
	{ 0x99, 4, 0xfff },	/* 4: execute-only code */
	{ 0x9b, 4, 0xfff },	/* 5: readable code */
	{ 0x93, 12, 0 },	/* 6: read-write, one page by granularity */
	{ 0xf3, 4, 0xfff },	/* 7: of ring 3 */
};

static const struct row rows_segment[] = {
	{ "segment-base", NONE, seg_read_10, SEG(0), 0x10 },
	{ "segment-limit-last", NONE, seg_read_fff, SEG(0), 0xff },
	{ "segment-limit-past", NONE, seg_read_1000, SEG(0), TRAP(GP, 0) },
	{ "segment-limit-straddle", NONE, seg_read_ffd_4, SEG(0), TRAP(GP, 0) },
	{ "segment-page-granular", NONE, seg_read_fff, SEG(6), 0xff },
	{ "segment-page-granular-past", NONE, seg_read_1000, SEG(6), TRAP(GP, 0) },
	{ "segment-read-only", NONE, seg_write_10, SEG(1), TRAP(GP, 0) },
	{ "segment-expand-down", NONE, seg_read_10, SEG(2), TRAP(GP, 0) },
	{ "segment-expand-down-ok", NONE, seg_read_1000, SEG(2), 0x60 },
	{ "segment-not-present", NONE, seg_load_ds, SEG(3), TRAP(NP, SEG(3)) },
	{ "segment-not-present-ss", NONE, seg_load_ss, SEG(3), TRAP(SS, SEG(3)) },
	{ "segment-execute-only", NONE, seg_load_ds, SEG(4), TRAP(GP, SEG(4)) },
	{ "segment-code-read", NONE, seg_read_10, SEG(5), 0x10 },
	{ "segment-code-write", NONE, seg_write_10, SEG(5), TRAP(GP, 0) },
	{ "segment-code-as-ss", NONE, seg_load_ss, SEG(5), TRAP(GP, SEG(5)) },
	{ "segment-null-read", NONE, seg_read_10, 0, TRAP(GP, 0) },
	{ "segment-null-ss", NONE, seg_load_ss, 0, TRAP(GP, 0) },
	{ "segment-past-gdt", NONE, seg_load_ds, GDT_SLOTS * 8, TRAP(GP, GDT_SLOTS * 8) },
	{ "segment-no-ldt", NONE, seg_load_ds, 0xc, TRAP(GP, 0xc) },
	{ "segment-ss-ring", NONE, seg_load_ss, SEG(7), TRAP(GP, SEG(7)) },
	{ "segment-stack-limit", NONE, seg_stack, SEG(0), TRAP(SS, 0) },
	{ "segment-stack", NONE, seg_stack_ok, SEG(0), SEG(0) },
	{ "segment-verr-verw", NONE, seg_verr, SEG(0), 0x101 },
	{ "segment-verw-read-only", NONE, seg_verr, SEG(1), 0x001 },
	{ "segment-lsl", NONE, seg_lsl, SEG(6), 0xfff },
	{ "segment-lar", NONE, seg_lar, SEG(0), 0x409300 },
	{ "segment-jump-to-data", NONE, seg_jump, SEG(0), TRAP(GP, SEG(0)) },
	{ "segment-jump-to-null", NONE, seg_jump, 0, TRAP(GP, 0) },
};

/* --- rings, tasks and virtual 8086, in protected mode --------------------------- */
#define SEL_TSS32	SEG(0)		/* ours */
#define SEL_OTHER	SEG(1)		/* another task's */
#define SEL_GATE	(SEG(2) | 3)	/* a call gate of ring 3 to ring 0 */
#define SEL_TASK_GATE	SEG(3)

static u32 tss32[26], tss_other[26];
static u8 stack0[4096], stack_other[4096];
static u8 stack3[4096] __attribute__((used));

/* Ring 3 comes home through vector 0x41, with its result in EAX. */
CODE32(on_home, "mov $0x10, %ecx; mov %ecx, %ds; mov %ecx, %es; jmp keep_result");
CODE32(to_ring3, "mov $0x60, %ecx; ltr %cx; mov $0x23, %ecx; mov %ecx, %ds;"
	"push $0x23; push $stack3_top; pushf; push $0x1b; push %eax; xor %eax, %eax; iret");
CODE32(ring3_cs, "mov %cs, %eax; int $0x41");
CODE32(ring3_hlt, "hlt");
CODE32(ring3_gate, "mov $5, %eax; lcall $0x73, $0; add $1, %eax; int $0x41");
CODE32(gate_target, "mov %cs, %ecx; shl $16, %ecx; add %ecx, %eax; lret");
/* A CALL to a task, which IRET leaves; then once more. */
CODE32(task_call, "mov $0x60, %ecx; ltr %cx; mov $1, %ebx; lcall $0x68, $0; lcall $0x68, $0;"
	"mov task_count, %eax; mov %cr0, %ecx; and $8, %ecx; shl $16, %ecx; or %ecx, %eax");
CODE32(task_gate, "mov $0x60, %ecx; ltr %cx; lcall $0x78, $0; mov task_count, %eax");
CODE32(task_body, "1: pushf; pop %ecx; shr $14, %ecx; and $1, %ecx; add %ecx, task_count;"
	"iret; jmp 1b");
/* Virtual 8086: flat 16-bit code in the first MiB. */
CODE32(to_v86, "mov $0x60, %ecx; ltr %cx;"
	"push $0; push $0; push $0; push $0x1000; push $0x1000; push $0xe000; push $0x23002;"
	"push $0x1000; push %eax; iret");
CODE16(v86_body, "mov %cs, %ax; mov $0x55, %al; .byte 0xcd, 0x41");
CODE16(v86_cli, "cli; hlt");
asm(".pushsection .text\n.code32\n"
    "keep_result: mov %eax, mode_result; jmp mode_return\n"
    ".code64\n.popsection\n"
    ".globl stack3_top\n.set stack3_top, stack3+4096\n"
    ".data\n.balign 4\ntask_count: .long 0\n.text");
extern u32 task_count;

static u64 tss_descriptor(const u32 *t)
{
	u64 base = (u64)t;

	return 0x0000890000000067 | (base & 0xffffff) << 16 | (base >> 24) << 56;
}

static void build_tasks(void)
{
	u64 gate = (u64)gate_target;

	memset(tss32, 0, sizeof(tss32));
	memset(tss_other, 0, sizeof(tss_other));
	tss32[1] = (u64)(stack0 + sizeof(stack0));
	tss32[2] = SEL_DATA;
	tss32[25] = 104 << 16;
	tss_other[8] = (u64)task_body;
	tss_other[9] = 2;
	tss_other[14] = (u64)(stack_other + sizeof(stack_other));
	for (int i = 18; i < 24; i++)			/* ES to GS, CS among them */
		tss_other[i] = i == 19 ? SEL_CODE32 : SEL_DATA;
	tss_other[25] = 104 << 16;
	gdt[SEL_TSS32 / 8] = tss_descriptor(tss32);
	gdt[SEL_OTHER / 8] = tss_descriptor(tss_other);
	gdt[SEL_GATE / 8] = (gate & 0xffff) | SEL_CODE32 << 16 | 0xec0000000000 |
			    (gate >> 16) << 48;
	gdt[SEL_TASK_GATE / 8] = (u64)SEL_OTHER << 16 | 0x850000000000;
	mode_gate32(0x41, on_home, 0xee);
	task_count = 0;
}

static const struct row rows_task[] = {
	{ "ring3", NONE, ring3_cs, 0, SEL_UCODE32 },
	{ "ring3-hlt", NONE, ring3_hlt, TRAP(GP, 0) },
	{ "ring3-call-gate", NONE, ring3_gate, 0, (SEL_CODE32 << 16) + 6 },
	{ "task-call", NONE, task_call, 0, 0x80002 },
	{ "task-gate", NONE, task_gate, 0, 1 },
	{ "v86", NONE, v86_body, 0, 0x1055 },
	{ "v86-cli", NONE, v86_cli, TRAP(GP, 0) },
};

static void run_row_task(void *arg)
{
	const struct row *r = arg;
	struct mode m = { modes[NONE].cr0 };

	build_tasks();
	if (r->code == task_call || r->code == task_gate)
		mode_call32(&m, (u64)r->code, 0);
	else if (r->code == v86_body || r->code == v86_cli)
		mode_call32(&m, (u64)to_v86, (u64)r->code - IMAGE_BASE);
	else
		mode_call32(&m, (u64)to_ring3, (u64)r->code);
	tss_load(sizeof(tss) - 1);
	expect("vector", mode_result.vector, r->vector ? r->vector : NO_TRAP);
	if (r->vector)
		expect("error code", mode_result.error, r->error);
	else
		expect("eax", mode_result.eax, r->want);
}

/* --- real mode ------------------------------------------------------------ */
CODE16(real_add, "add $7, %ax; movzwl %ax, %eax");
CODE16(real_cr0, "mov %cr0, %eax");
CODE16(real_smsw, "xor %eax, %eax; smsw %ax; and $1, %ax");
CODE16(real_segments, "mov %cs, %ax; shl $16, %eax; mov %ds, %ax");
CODE16(real_es, "push %es; mov %ax, %es; mov %es:0x20, %eax; pop %es");
CODE16(real_wrap, "mov $0xffff, %bx; add $0x11, %bx; movzwl %bx, %eax");
CODE16(real_address32, "mov $0x20, %ebx; mov %eax, (%ebx); mov 0x20, %eax");
CODE16(real_int, "int $0x60; inc %ax; movzwl %ax, %eax");
CODE16(real_on_int, "add $0x100, %ax; iret");
CODE16(real_divide, "xor %cx, %cx; mov %ax, %dx; div %cx; mov $0x55, %eax");
CODE16(real_on_divide, "mov %sp, %bp; addw $2, (%bp); mov $0, %eax; iret");
CODE16(real_far, "push %cs; call 1f; jmp 2f; 1: inc %ax; lret; 2: inc %ax; movzwl %ax, %eax");
CODE16(real_limit, "mov $0x10000, %ebx; mov (%ebx), %al; mov $0, %eax");
CODE16(real_on_gp, "mov $0x0d, %eax; jmp real_return");
CODE16(real_pushf, "cli; pushf; pop %ax; sti; pushf; pop %bx; cli; and $0x200, %ax;"
	"and $0x200, %bx; shl $16, %eax; mov %bx, %ax");
CODE16(real_string, "push %ds; pop %es; mov $" RM(1f) ", %si; mov $0x8000, %di; mov $4, %cx; cld;"
	"rep movsb; mov 0x8000, %eax; jmp 2f; 1: .byte 1, 2, 3, 4; 2:");
CODE16(real_port, "mov $0x0f, %al; out %al, $0x70; in $0x71, %al; xor %eax, %eax; not %ax;"
	"movzwl %ax, %eax");
CODE16(real_to_protected, "mov %cr0, %ecx; or $1, %cl; mov %ecx, %cr0; jmp 1f; 1:"
	"mov %cr0, %edx; and $~1, %cl; mov %ecx, %cr0; jmp 2f; 2:"
	"mov %edx, %eax; and $1, %eax");
CODE16(real_unreal, "mov %cr0, %ecx; or $1, %cl; mov %ecx, %cr0; jmp 1f; 1:"
	"mov $0x10, %bx; mov %bx, %fs;"
	"and $~1, %cl; mov %ecx, %cr0; jmp 2f; 2:"
	"mov %fs:(%eax), %eax");
/* Unreal and then a load of FS, which keeps the limit but sets the base. */
CODE16(real_unreal_base, "mov %cr0, %ecx; or $1, %cl; mov %ecx, %cr0; jmp 1f; 1:"
	"mov $0x10, %bx; mov %bx, %fs;"
	"and $~1, %cl; mov %ecx, %cr0; jmp 2f; 2:"
	"mov $0x1000, %bx; mov %bx, %fs; mov %fs:(%eax), %eax");

static const struct row rows16[] = {
	{ "real-add", NONE, real_add, 1, 8 },
	{ "real-cr0", NONE, real_cr0, 0, CR0_BASE & ~CR0_PE },
	{ "real-smsw", NONE, real_smsw, 0, 0 },
	{ "real-segments", NONE, real_segments, 0, 0x10001000 },
	{ "real-segment-base", NONE, real_es, 0xffff, 0 },	/* want: see run_row16() */
	{ "real-wrap", NONE, real_wrap, 0, 0x10 },
	{ "real-address32", NONE, real_address32, 0x13579bdf, 0x13579bdf },
	{ "real-int", NONE, real_int, 1, 0x102 },
	{ "real-divide", NONE, real_divide, 1, 0x55 },
	{ "real-far-call", NONE, real_far, 1, 3 },
	{ "real-limit", NONE, real_limit, 0, 0x0d },
	{ "real-flags", NONE, real_pushf, 0, 0x200 },
	{ "real-string", NONE, real_string, 0, 0x04030201 },
	{ "real-port", NONE, real_port, 0, 0xffff },
	{ "real-to-protected", NONE, real_to_protected, 0, 1 },
	{ "real-unreal", NONE, real_unreal, 0x100000, 0x1badb002 },
	{ "real-unreal-base", NONE, real_unreal_base, 0x0f0000, 0x1badb002 },
};

static void run_row16(void *arg)
{
	const struct row *r = arg;
	/* 0xffff:0x20 is 1 MiB and 16, if A20 is open; it must be. */
	u32 want = r->code == real_es ? *(volatile u32 *)0x100010 : r->want;

	mode_real(r->code, r->arg);
	expect("vector", mode_result.vector, NO_TRAP);
	expect("eax", mode_result.eax, want);
}

/* --- the run -------------------------------------------------------------- */
static void build_tables(void)
{
	u32 at = (u64)target;

	for (u32 i = 0; i < 1024; i++)
		pd32[i] = i << 22 | PTE_PS | PTE_P | PTE_W | PTE_U;
	pd32[ALIAS >> 22] = (u32)(u64)pt32 | PTE_P | PTE_W | PTE_U;
	pt32[0] = at | PTE_P | PTE_W;
	pt32[1] = at | PTE_P | PTE_W;
	pt32[2] = at | PTE_P;

	for (u32 i = 0; i < 4; i++)
		pdpt_pae[i] = (u64)&page_dirs[i * 512] | PTE_P;
	page_dirs[ALIAS >> 21] = (u64)pt_pae | PTE_P | PTE_W | PTE_U;
	pt_pae[0] = at | PTE_P | PTE_W;
	pt_pae[1] = at | PTE_P | PTE_W | PTE_NX;
	pt_pae[2] = at | PTE_P;
	write_cr3(read_cr3());

	pml5[0] = pml5[1] = (u64)pml4 | PTE_P | PTE_W | PTE_U;
}

static void build_segments(void)
{
	u64 base = (u64)segment;

	for (size_t i = 0; i < ARRAY_SIZE(descriptors); i++)
		gdt[SEL_FREE / 8 + i] = (descriptors[i].limit & 0xffff) | (base & 0xffffff) << 16 |
			(u64)descriptors[i].access << 40 | (u64)descriptors[i].flags << 52 |
			(base >> 24) << 56;
}

static void run_rows(const struct row *rows, size_t n, void (*run)(void *), const char *skip)
{
	for (const struct row *r = rows; r < rows + n; r++) {
		int vector;

		if (!case_begin(r->name))
			continue;
		if (skip) {
			case_skip(skip);
		} else {
			vector = trap_call(run, (void *)r);
			expect("trap", vector, NO_TRAP);
		}
		case_end();
	}
}

void guest_main(void)
{
	mode_init();
	mode_gate32(0x40, on_int40, 0xee);
	mode_ivt(DE, real_on_divide);
	mode_ivt(GP, real_on_gp);
	mode_ivt(0x60, real_on_int);
	build_tables();
	build_segments();
	run_rows(rows32, ARRAY_SIZE(rows32), run_row32, NULL);
	run_rows(rows57, ARRAY_SIZE(rows57), run_row32,
		 cpuid7_ecx() & BIT(16) ? NULL : "no LA57");
	run_rows(rows_segment, ARRAY_SIZE(rows_segment), run_row32, NULL);
	run_rows(rows_task, ARRAY_SIZE(rows_task), run_row_task, NULL);
	run_rows(rows16, ARRAY_SIZE(rows16), run_row16, NULL);
}
