// SPDX-License-Identifier: GPL-2.0
/*
 * Hardware task switches in 32-bit protected mode: by CALL, JMP, IRET, INT n,
 * exceptions, NMIs and interrupts, to tasks of 32 and of 16 bits, and what is
 * refused on the way. The main task is where a case begins; the other one
 * notes what it finds and goes on as the case says.
 */
#include "lib/apic.h"
#include "lib/mode.h"

#define SEL(n)		(SEL_FREE + 8 * (n))
#define SEL_MAIN	SEL(0)
#define SEL_OTHER	SEL(1)
#define SEL_FAULT	SEL(2)	/* the task that looks into a fault of the other one */
#define SEL_HOME	SEL(3)	/* TR at the end, whatever it was before */
#define SEL_GATE	(SEL(4) | 3)
#define SEL_LDT		SEL(5)
#define SEL_CASE	SEL(6)	/* what the case wants */

#define ALIAS		0x40000000u

#define NT		0x4000u
#define IOPL3		0x3000u	/* for INT n in virtual 8086 */
#define VM		0x20000u

/* Indices into a TSS of 32 bits, and into one of 16 */
enum { LINK, ESP0, SS0, CR3 = 7, EIP, EFLAGS, EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI, ES, CS,
       SS_, DS, FS, GS, LDT, TRAP };
enum { SP0_16 = 1, SS0_16, IP_16 = 7, FLAGS_16, AX_16, SP_16 = AX_16 + 4, ES_16 = AX_16 + 8,
       CS_16, SS_16, DS_16, LDT_16 };

u32 task_main[26] __attribute__((aligned(128)));
u32 task_other[26] __attribute__((aligned(128)));
u32 task_fault[26] __attribute__((aligned(128)));
static u32 task_home[26];
static u16 *const task_other16 = (u16 *)task_other;
static u8 stack_other[4096], stack_fault[4096], stack_ring0[4096];
static u32 pd_main[1024] __attribute__((aligned(4096)));
static u32 pd_other[1024] __attribute__((aligned(4096)));
static u64 pd_alias[512] __attribute__((aligned(4096)));
static u64 pdpt_main[4] __attribute__((aligned(32))), pdpt_other[4] __attribute__((aligned(32)));

/* What the other task has seen, and where it goes on. */
u32 seen_count, seen_flags, seen_tr, seen_cr0, seen_dr7, seen_dr6, seen_esp, seen_stack;
u32 seen_busy, seen_error, seen_inside, seen_alias, seen_regs[6];
u32 other_then;

CODE32(task_start, "mov $0x60, %ecx; ltr %cx; jmp *%eax");
CODE32(task_end, "mov $0x10, %ecx; mov %ecx, %ds; mov %ecx, %es; mov %ecx, %ss;"
	"mov %eax, mode_result; mov $0x78, %ecx; ltr %cx; xor %ecx, %ecx; lldt %cx;"
	"jmp mode_return");

CODE32(other_body, "incl seen_count; pushf; popl seen_flags; str %eax; mov %eax, seen_tr;"
	"mov %cr0, %eax; mov %eax, seen_cr0; mov %dr7, %eax; mov %eax, seen_dr7;"
	"mov %esp, seen_esp; mov (%esp), %eax; mov %eax, seen_stack;"
	"mov gdt + 0x65, %al; mov %al, seen_busy + 1; mov gdt + 0x6d, %al; mov %al, seen_busy;"
	"jmp *other_then");
CODE32(then_iret, "iret; jmp other_body");
CODE32(then_jmp, "ljmp $0x60, $0");
/* As a handler: drops the error code, skips two bytes in the task that faulted. */
CODE32(then_skip, "add $4, %esp; addl $2, task_main + 32; iret; jmp other_body");
CODE32(then_skip_no_error, "addl $2, task_main + 32; iret; jmp other_body");
CODE32(then_nmi, "movl $0, 0xfee00310; movl $0x4400, 0xfee00300; mov 0xfee00300, %eax;"
	"nop; nop; nop;"
	"mov seen_count, %eax; mov %eax, seen_inside; movl $then_iret, other_then; iret;"
	"jmp other_body");
CODE32(then_eoi, "movl $0, 0xfee000b0; iret; jmp other_body");
CODE32(then_alias, "mov 0x40100000, %eax; mov %eax, seen_alias; iret; jmp other_body");
CODE32(fault_body, "popl seen_error; jmp task_end");
CODE32(on_debug, "mov %dr6, %eax; mov %eax, seen_dr6; mov (%esp), %eax; jmp task_end");
/* 16 bits; ES is flat. */
CODE16(other_body16, "addr32 incl %es:seen_count; pushf; pop %ax; addr32 mov %ax, %es:seen_flags;"
	"str %ax; addr32 mov %ax, %es:seen_tr; mov %esp, %eax; addr32 mov %eax, %es:seen_esp;"
	"mov %sp, %bp; mov (%bp), %eax; addr32 mov %eax, %es:seen_stack;"
	"addr32 mov %es:gdt + 0x65, %al; addr32 mov %al, %es:seen_busy + 1;"
	"addr32 mov %es:gdt + 0x6d, %al; addr32 mov %al, %es:seen_busy;"
	"addr32 jmp *%es:other_then");
CODE16(then_iret16, "iret; jmp other_body16");
CODE16(then_skip16, "add $2, %sp; addr32 addl $2, %es:task_main + 32; iret");
CODE16(then_jmp16, "ljmp $0x60, $0");
CODE16(v86_home, "mov $0x5678, %eax; int $0x41");
CODE32(ring3_home, "mov %cs, %eax; int $0x41");

/* The main task; each ends by task_end, and what is to follow is at main_next. */
#define MAIN(name, insn) \
	CODE32(name, "mov $0x11111111, %ecx; mov $0x22222222, %edx; mov $0x33333333, %ebx;" \
		"mov $0x44444444, %ebp; mov $0x55555555, %esi; mov $0x66666666, %edi;" \
		#name "_at: " insn "; " #name "_next: mov %ecx, seen_regs; mov %edx, seen_regs+4;" \
		"mov %ebx, seen_regs+8; mov %ebp, seen_regs+12; mov %esi, seen_regs+16;" \
		"mov %edi, seen_regs+20; jmp task_end"); \
	extern char name##_at[], name##_next[]

MAIN(main_call, "lcall $0x68, $0");
MAIN(main_call_twice, "lcall $0x68, $0; lcall $0x68, $0");
MAIN(main_call_gate, "lcall $0x83, $0");
MAIN(main_call_null, "lcall $0x00, $0; nop");
MAIN(main_call_ldt, "lcall $0x6c, $0");
MAIN(main_call_self, "lcall $0x60, $0");
MAIN(main_jump, "ljmp $0x68, $0");
MAIN(main_jump_gate, "ljmp $0x83, $0");
MAIN(main_iret, "pushf; orl $0x4000, (%esp); popf; iret");
MAIN(main_int, "int $0x42");
MAIN(main_ud, "ud2");
MAIN(main_gp_selector, "mov %ebx, %ds");
/* Until the second one has come, or for some tenths of a second. */
MAIN(main_nmi, "movl $0, 0xfee00310; movl $0x4400, 0xfee00300; mov $0x4000000, %ecx;"
	"1: cmpl $2, seen_count; loopne 1b");
MAIN(main_intr, "sti; movl $0x44050, 0xfee00300; mov 0xfee00300, %eax; nop; nop; cli");
MAIN(main_dr7, "mov $0x755, %eax; mov %eax, %dr7; lcall $0x68, $0; xor %eax, %eax;"
	"mov %eax, %dr7");

static bool wide;		/* the other task is one of 32 bits */

static u64 descriptor(const void *at, u32 limit, u8 access, u8 flags)
{
	u64 base = (u64)at;

	return (limit & 0xffff) | (base & 0xffffff) << 16 | (u64)access << 40 |
	       (u64)(limit >> 16 & 15) << 48 | (u64)flags << 52 | (base >> 24) << 56;
}

static void build_task(u32 *t, const char *code, void *stack_top)
{
	memset(t, 0, 104);
	t[ESP0] = (u64)(stack_ring0 + sizeof(stack_ring0));
	t[SS0] = SEL_DATA;
	t[EIP] = (u64)code;
	t[EFLAGS] = 2;
	t[ESP] = (u64)stack_top;
	for (int i = ES; i <= GS; i++)
		t[i] = i == CS ? SEL_CODE32 : SEL_DATA;
	t[TRAP] = 104 << 16;
}

static void build_task16(u16 *t, const char *code)
{
	memset(t, 0, 44);
	t[SP0_16] = RM_STACK;
	t[SS0_16] = SEL_DATA16;
	t[IP_16] = (u64)code - IMAGE_BASE;
	t[FLAGS_16] = 2;
	t[SP_16] = RM_STACK - 16;
	t[ES_16] = SEL_DATA;
	t[CS_16] = SEL_CODE16;
	t[SS_16] = t[DS_16] = SEL_DATA16;
}

/* A gate to the other task in the IDT. */
static void task_gate(u8 vector, u16 selector, u8 dpl)
{
	idt32[vector] = (u64)selector << 16 | (u64)(0x85 | dpl << 5) << 40;
}

static void setup(void)
{
	seen_count = seen_flags = seen_tr = seen_cr0 = seen_dr7 = seen_dr6 = seen_busy = 0;
	seen_error = seen_inside = seen_alias = ~0;
	memset(seen_regs, 0, sizeof(seen_regs));
	for (int i = 0; i < 8; i++)
		gdt[SEL(i) / 8] = 0;
	build_task(task_main, task_end, 0);
	build_task(task_home, task_end, 0);
	build_task(task_fault, fault_body, stack_fault + sizeof(stack_fault) - 64);
	if (wide)
		build_task(task_other, other_body, stack_other + sizeof(stack_other) - 64);
	else
		build_task16(task_other16, other_body16);
	other_then = wide ? (u64)then_iret : (u64)then_iret16 - IMAGE_BASE;
	gdt[SEL_MAIN / 8] = descriptor(task_main, 103, 0x89, 0);
	gdt[SEL_OTHER / 8] = descriptor(task_other, wide ? 103 : 43, wide ? 0x89 : 0x81, 0);
	gdt[SEL_FAULT / 8] = descriptor(task_fault, 103, 0x89, 0);
	gdt[SEL_HOME / 8] = descriptor(task_home, 103, 0x89, 0);
	gdt[SEL_GATE / 8] = (u64)SEL_OTHER << 16 | 0xe50000000000;
	for (u32 i = 0; i < ARRAY_SIZE(pd_main); i++)
		pd_main[i] = pd_other[i] = i << 22 | PTE_PS | PTE_P | PTE_W;
	pd_main[ALIAS >> 22] = 0;
	pd_other[ALIAS >> 22] = PTE_PS | PTE_P | PTE_W;
	for (u32 i = 0; i < 4; i++)
		pdpt_main[i] = pdpt_other[i] = (u64)&page_dirs[i * 512] | PTE_P;
	pdpt_other[ALIAS >> 30] = (u64)pd_alias | PTE_P;
	pd_alias[0] = PTE_PS | PTE_P | PTE_W;
	mode_init();
	mode_gate32(0x41, task_end, 0xee);
}

static void go_with(const struct mode *m, const char *code)
{
	mode_call32(m, (u64)task_start, (u64)code);
	asm volatile("lldt %0" :: "r"((u16)0));
	tss_load(103);
	write_dr7(0x400);
}

static void go(const char *code)
{
	static const struct mode m = { .cr0 = CR0_PE | CR0_NE | 0x10 };

	go_with(&m, code);
}

static void no_trap(void)
{
	expect("vector", mode_result.vector, NO_TRAP);
}

static void trap_at(int vector, u32 error, const char *at)
{
	expect("vector", mode_result.vector, vector);
	expect("error code", mode_result.error, error);
	expect("EIP", mode_result.eip, (u64)at);
}

/* The other task met the fault: in its first instruction, with the link to the main one. */
static void fault_in_other(u8 vector, u32 error)
{
	no_trap();
	expect("error code", seen_error, error);
	expect("link of the fault's task", task_fault[LINK], SEL_OTHER);
	expect("link", task_other[LINK] & 0xffff, SEL_MAIN);
	expect("EIP", wide ? task_other[EIP] : task_other16[IP_16],
	       wide ? (u64)other_body : (u64)other_body16 - IMAGE_BASE);
	expect("runs of the other task", seen_count, 0);
}

static void expect_main_regs(const u32 *regs)
{
	static const u32 want[] = {
		0x11111111, 0x22222222, 0x33333333, 0x44444444, 0x55555555, 0x66666666,
	};

	for (u32 i = 0; i < ARRAY_SIZE(want); i++)
		expect("register", regs[i], want[i]);
}

static u8 busy(u32 selector)
{
	return gdt[selector / 8] >> 41 & 1;
}

/* --- ways in and out ---------------------------------------------------------- */
/* What every nested switch leaves. */
static void expect_nested(const char *next)
{
	u32 saved[] = { task_main[ECX], task_main[EDX], task_main[EBX], task_main[EBP],
			task_main[ESI], task_main[EDI] };

	no_trap();
	expect("runs of the other task", seen_count, 1);
	expect("NT in the other task", seen_flags & NT, NT);
	expect("TR in the other task", seen_tr, SEL_OTHER);
	expect("main is busy", seen_busy >> 9 & 1, 1);
	expect("other is busy", seen_busy >> 1 & 1, 1);
	expect("link", task_other[LINK] & 0xffff, SEL_MAIN);
	expect("EIP of main", task_main[EIP], (u64)next);
	expect("CS of main", task_main[CS], SEL_CODE32);
	expect("SS of main", task_main[SS_], SEL_DATA);
	expect_main_regs(saved);
	expect_main_regs(seen_regs);
	expect("main stays busy", busy(SEL_MAIN), 1);
	expect("other is free again", busy(SEL_OTHER), 0);
	if (wide) {
		expect("NT saved by IRET", task_other[EFLAGS] & NT, 0);
		expect("EIP saved by IRET", task_other[EIP], (u64)then_iret + 1);
		expect("TS", seen_cr0 & CR0_TS, CR0_TS);
	} else {
		expect("NT saved by IRET", task_other16[FLAGS_16] & NT, 0);
		expect("IP saved by IRET", task_other16[IP_16], (u64)then_iret16 - IMAGE_BASE + 1);
		expect("SP saved by IRET", task_other16[SP_16], RM_STACK - 16);
		expect("SP", seen_esp & 0xffff, RM_STACK - 16);
	}
}

static void call(void)
{
	go(main_call);
	expect_nested(main_call_next);
}

static void call_twice(void)
{
	go(main_call_twice);
	no_trap();
	expect("runs of the other task", seen_count, 2);
}

static void call_gate(void)
{
	go(main_call_gate);
	expect_nested(main_call_gate_next);
}

static void int_gate(void)
{
	task_gate(0x42, SEL_OTHER, 3);
	go(main_int);
	expect_nested(main_int_next);
}

static void jump_and_back(const char *code, const char *next)
{
	other_then = wide ? (u64)then_jmp : (u64)then_jmp16 - IMAGE_BASE;
	go(code);
	no_trap();
	expect("runs of the other task", seen_count, 1);
	expect("NT in the other task", seen_flags & NT, 0);
	expect("main is busy meanwhile", seen_busy >> 9 & 1, 0);
	expect("other is busy meanwhile", seen_busy >> 1 & 1, 1);
	expect("link", task_other[LINK] & 0xffff, 0);
	expect("EIP of main", task_main[EIP], (u64)next);
	expect_main_regs(seen_regs);
	expect("main is busy", busy(SEL_MAIN), 1);
	expect("other is busy", busy(SEL_OTHER), 0);
}

static void jump(void)
{
	jump_and_back(main_jump, main_jump_next);
}

static void jump_gate(void)
{
	jump_and_back(main_jump_gate, main_jump_gate_next);
}

/* IRET into a task that never called. */
static void iret_to_link(void)
{
	task_main[LINK] = SEL_OTHER;
	gdt[SEL_OTHER / 8] |= 2ULL << 40;
	other_then = wide ? (u64)then_jmp : (u64)then_jmp16 - IMAGE_BASE;
	go(main_iret);
	no_trap();
	expect("runs of the other task", seen_count, 1);
	expect("NT in the other task", seen_flags & NT, 0);
	expect("NT saved by IRET", task_main[EFLAGS] & NT, 0);
	expect("main is busy meanwhile", seen_busy >> 9 & 1, 0);
	expect("EIP of main", task_main[EIP], (u64)main_iret_next);
}

static void upper_halves(void)
{
	task_other[FS] = task_other[GS] = 0;
	task_other[ES] |= 0xabcd0000;
	go(main_call);
	no_trap();
	expect("reserved bits over a selector are kept", task_other[ES] >> 16, 0xabcd);
	expect("FS", task_other[FS], 0);
}

/* --- events through a gate ------------------------------------------------------- */
static void exception_error(void)
{
	other_then = (u64)then_skip;
	task_gate(GP, SEL_OTHER, 0);
	go(main_gp_selector);
	no_trap();
	expect("runs of the other task", seen_count, 1);
	expect("error code", seen_stack, 0x3330);
	expect("ESP", seen_esp, (u64)(stack_other + sizeof(stack_other) - 64 - 4));
	expect("EIP of main", task_main[EIP], (u64)main_gp_selector_next);
	expect_main_regs(seen_regs);
}

/* A task of 16 bits gets an error code of 16 bits. */
static void exception_error16(void)
{
	other_then = (u64)then_skip16 - IMAGE_BASE;
	task_gate(GP, SEL_OTHER, 0);
	go(main_gp_selector);
	no_trap();
	expect("runs of the other task", seen_count, 1);
	expect("error code", seen_stack & 0xffff, 0x3330);
	expect("SP", seen_esp & 0xffff, RM_STACK - 16 - 2);
	expect("EIP of main", task_main[EIP], (u64)main_gp_selector_next);
}

static void exception_no_error(void)
{
	other_then = (u64)then_skip_no_error;
	task_gate(UD, SEL_OTHER, 0);
	go(main_ud);
	no_trap();
	expect("runs of the other task", seen_count, 1);
	expect("ESP", seen_esp, (u64)(stack_other + sizeof(stack_other) - 64));
	expect("EIP of main", task_main[EIP], (u64)main_ud_next);
	expect_main_regs(seen_regs);
}

/* #GP, and then #NP for its gate. */
static void double_fault(void)
{
	other_then = (u64)then_skip;
	idt32[GP] = 0;
	task_gate(DF, SEL_OTHER, 0);
	go(main_gp_selector);
	no_trap();
	expect("runs of the other task", seen_count, 1);
	expect("error code", seen_stack, 0);
	expect("ESP", seen_esp, (u64)(stack_other + sizeof(stack_other) - 64 - 4));
	expect("EIP of main", task_main[EIP], (u64)main_gp_selector_next);
}

/* The second one waits for the IRET of the first. */
static void nmi(void)
{
	other_then = (u64)then_nmi;
	task_gate(2, SEL_OTHER, 0);
	go(main_nmi);
	no_trap();
	expect("NMIs before IRET", seen_inside, 1);
	expect("NMIs", seen_count, 2);
	expect("other is free again", busy(SEL_OTHER), 0);
}

static void interrupt(void)
{
	other_then = (u64)then_eoi;
	apic_write(APIC_SVR, SVR_ENABLE | 0xff);
	task_gate(0x50, SEL_OTHER, 0);
	go(main_intr);
	no_trap();
	expect("interrupts", seen_count, 1);
	expect("IF in the other task", seen_flags & RFLAGS_IF, 0);
	expect_main_regs(seen_regs);
}

/* --- refused: nothing has changed --------------------------------------------------- */
static void refused(int vector, u32 error, const char *at)
{
	trap_at(vector, error, at);
	expect("runs of the other task", seen_count, 0);
	expect("main is busy", busy(SEL_MAIN), 1);
}

static void tss_short(void)
{
	gdt[SEL_OTHER / 8] -= 1;
	go(main_call);
	refused(TS, SEL_OTHER, main_call_at);
	expect("other is busy", busy(SEL_OTHER), 0);
}

static void tss_absent(void)
{
	gdt[SEL_OTHER / 8] &= ~(0x80ULL << 40);
	go(main_call);
	refused(NP, SEL_OTHER, main_call_at);
}

static void tss_busy(void)
{
	gdt[SEL_OTHER / 8] |= 2ULL << 40;
	go(main_call);
	refused(GP, SEL_OTHER, main_call_at);
}

static void tss_busy_jump(void)
{
	gdt[SEL_OTHER / 8] |= 2ULL << 40;
	go(main_jump);
	refused(GP, SEL_OTHER, main_jump_at);
}

static void tss_self(void)
{
	go(main_call_self);
	refused(GP, SEL_MAIN, main_call_self_at);
}

static void tss_null(void)
{
	go(main_call_null);
	refused(GP, 0, main_call_null_at);
}

static void tss_in_ldt(void)
{
	go(main_call_ldt);
	refused(GP, SEL_OTHER | 4, main_call_ldt_at);
}

static void gate_absent(void)
{
	gdt[SEL_GATE / 8] &= ~(0x80ULL << 40);
	go(main_call_gate);
	refused(NP, SEL_GATE & ~3, main_call_gate_at);
}

static void gate_to_busy(void)
{
	gdt[SEL_OTHER / 8] |= 2ULL << 40;
	go(main_call_gate);
	refused(GP, SEL_OTHER, main_call_gate_at);
}

static void gate_to_data(void)
{
	gdt[SEL_GATE / 8] = (u64)SEL_DATA << 16 | 0xe50000000000;
	go(main_call_gate);
	refused(GP, SEL_DATA, main_call_gate_at);
}

/* EXT: the event was none of the program's. */
static void event_to_absent(void)
{
	gdt[SEL_OTHER / 8] &= ~(0x80ULL << 40);
	task_gate(UD, SEL_OTHER, 0);
	go(main_ud);
	refused(NP, SEL_OTHER | 1, main_ud_at);
}

static void int_to_absent(void)
{
	gdt[SEL_OTHER / 8] &= ~(0x80ULL << 40);
	task_gate(0x42, SEL_OTHER, 3);
	go(main_int);
	refused(NP, SEL_OTHER, main_int_at);
}

static void iret_link(u16 link, int vector, u32 error)
{
	task_main[LINK] = link;
	go(main_iret);
	expect("vector", mode_result.vector, vector);
	expect("error code", mode_result.error, error);
	expect("runs of the other task", seen_count, 0);
}

static void iret_to_free(void)
{
	iret_link(SEL_OTHER, TS, SEL_OTHER);
}

static void iret_to_null(void)
{
	iret_link(0, TS, 0);
}

static void iret_past_gdt(void)
{
	iret_link(GDT_SLOTS * 8, TS, GDT_SLOTS * 8);
}

static void iret_to_ldt(void)
{
	iret_link(SEL_OTHER | 4, TS, SEL_OTHER | 4);
}

static void iret_to_absent(void)
{
	gdt[SEL_OTHER / 8] = (gdt[SEL_OTHER / 8] | 2ULL << 40) & ~(0x80ULL << 40);
	iret_link(SEL_OTHER, NP, SEL_OTHER);
}

/* --- refused in the new task ---------------------------------------------------------- */
static void bad_segment(int where, u32 selector, u8 vector)
{
	task_other[where] = selector;
	task_gate(vector, SEL_FAULT, 0);
	go(main_call);
	fault_in_other(vector, selector & ~3);
}

static void ldt_not_ldt(void)
{
	bad_segment(LDT, SEL_DATA, TS);
}

static void ldt_absent(void)
{
	gdt[SEL_LDT / 8] = descriptor(task_home, 15, 0x02, 0);
	bad_segment(LDT, SEL_LDT, TS);
}

static void cs_null(void)
{
	bad_segment(CS, 0, TS);
}

static void cs_data(void)
{
	bad_segment(CS, SEL_DATA, TS);
}

static void cs_absent(void)
{
	gdt[SEL_CASE / 8] = descriptor(0, 0xfffff, 0x1b, 12);
	bad_segment(CS, SEL_CASE, NP);
}

static void ss_null(void)
{
	bad_segment(SS_, 0, TS);
}

static void ss_code(void)
{
	bad_segment(SS_, SEL_CODE32, TS);
}

static void ss_absent(void)
{
	gdt[SEL_CASE / 8] = descriptor(0, 0xfffff, 0x13, 12);
	bad_segment(SS_, SEL_CASE, SS);
}

static void ss_ring(void)
{
	bad_segment(SS_, SEL_UDATA, TS);
}

static void ds_past_gdt(void)
{
	bad_segment(DS, GDT_SLOTS * 8, TS);
}

static void ds_absent(void)
{
	gdt[SEL_CASE / 8] = descriptor(0, 0xfffff, 0x13, 12);
	bad_segment(DS, SEL_CASE, NP);
}

static void gs_execute_only(void)
{
	gdt[SEL_CASE / 8] = descriptor(0, 0xfffff, 0x99, 12);
	bad_segment(GS, SEL_CASE, TS);
}

/* --- what else comes with a task ---------------------------------------------------------- */
static void debug_trap(void)
{
	task_other[TRAP] |= 1;
	mode_gate32(DB, on_debug, 0x8e);
	write_dr6(0);
	go(main_call);
	no_trap();
	expect("EIP", mode_result.eax, (u64)other_body);
	expect("BT", seen_dr6 & 0x8000, 0x8000);
	expect("runs of the other task", seen_count, 0);
	write_dr6(0);
}

static void local_breakpoints(void)
{
	go(main_dr7);
	no_trap();
	expect("L0 to L3", seen_dr7 & 0x55, 0);
}

static void global_breakpoints(void)
{
	write_dr0(0);
	go(main_dr7);
	no_trap();
	expect("DR7 above L and G", seen_dr7 & 0x600, 0x600);
}

static void ldt(void)
{
	static u64 table[2];

	table[1] = descriptor(0, 0xfffff, 0x9b, 12);
	gdt[SEL_LDT / 8] = descriptor(table, 15, 0x82, 0);
	task_other[LDT] = SEL_LDT;
	task_other[CS] = 8 | 4;
	go(main_call);
	no_trap();
	expect("runs of the other task", seen_count, 1);
	expect("CS", task_other[CS], 8 | 4);
}

static void accessed(void)
{
	gdt[SEL_CASE / 8] = descriptor(0, 0xfffff, 0x92, 12);
	task_other[DS] = SEL_CASE;
	go(main_call);
	no_trap();
	expect("accessed", gdt[SEL_CASE / 8] >> 40 & 1, 1);
}

static void ring3(void)
{
	task_other[EIP] = (u64)ring3_home;
	task_other[CS] = SEL_UCODE32;
	for (int i = ES; i <= GS; i++)
		task_other[i] = i == CS ? SEL_UCODE32 : SEL_UDATA;
	go(main_call);
	no_trap();
	expect("CS", mode_result.eax, SEL_UCODE32);
}

static void virtual_8086(void)
{
	task_other[EIP] = (u64)v86_home - IMAGE_BASE;
	task_other[EFLAGS] = VM | IOPL3 | 2;
	for (int i = ES; i <= GS; i++)
		task_other[i] = RM_BASE >> 4;
	task_other[ESP] = RM_STACK;
	go(main_call);
	no_trap();
	expect("eax", mode_result.eax, 0x5678);
}

static const struct mode paging = {
	.cr0 = CR0_PE | CR0_NE | 0x10 | CR0_PG | CR0_WP, .cr4 = CR4_PSE,
};

/* A task's tables come with it, and those of the main one with IRET. */
static void tables(void)
{
	struct mode m = paging;

	m.cr3 = (u64)pd_main;
	task_main[CR3] = (u64)pd_main;
	task_other[CR3] = (u64)pd_other;
	other_then = (u64)then_alias;
	go_with(&m, main_call);
	no_trap();
	expect("word", seen_alias, 0x1badb002);
	expect("CR3 is not saved", task_other[CR3], (u64)pd_other);
}

static void tables_pae(void)
{
	struct mode m = paging;

	m.cr4 = CR4_PAE;
	m.cr3 = (u64)pdpt_main;
	task_main[CR3] = (u64)pdpt_main;
	task_other[CR3] = (u64)pdpt_other;
	other_then = (u64)then_alias;
	go_with(&m, main_call);
	no_trap();
	expect("word", seen_alias, 0x1badb002);
}

/* The new TSS is not there: the fault is the old task's. */
static void page_fault(void)
{
	struct mode m = paging;

	m.cr3 = (u64)pd_main;
	task_main[CR3] = task_other[CR3] = (u64)pd_main;
	gdt[SEL_OTHER / 8] = descriptor((void *)(u64)ALIAS, 103, 0x89, 0);
	go_with(&m, main_call);
	expect("vector", mode_result.vector, PF);
	expect("page of CR2", mode_result.cr2 >> 12, ALIAS >> 12);
	expect("EIP", mode_result.eip, (u64)main_call_at);
	expect("other is busy", busy(SEL_OTHER), 0);
}

static const struct {
	const char *name;
	void (*fn)(void);
	bool narrow;		/* the other task is one of 16 bits */
} cases[] = {
	{ "call", call },
	{ "call-16", call, true },
	{ "call-twice", call_twice },
	{ "call-twice-16", call_twice, true },
	{ "call-gate", call_gate },
	{ "call-gate-16", call_gate, true },
	{ "int", int_gate },
	{ "int-16", int_gate, true },
	{ "jump", jump },
	{ "jump-16", jump, true },
	{ "jump-gate", jump_gate },
	{ "jump-gate-16", jump_gate, true },
	{ "iret", iret_to_link },
	{ "iret-16", iret_to_link, true },
	{ "upper-halves", upper_halves },
	{ "exception-error", exception_error },
	{ "exception-error-16", exception_error16, true },
	{ "exception-no-error", exception_no_error },
	{ "double-fault", double_fault },
	{ "nmi", nmi },
	{ "interrupt", interrupt },
	{ "tss-short", tss_short },
	{ "tss-short-16", tss_short, true },
	{ "tss-absent", tss_absent },
	{ "tss-busy", tss_busy },
	{ "tss-busy-16", tss_busy, true },
	{ "tss-busy-jump", tss_busy_jump },
	{ "tss-self", tss_self },
	{ "tss-null", tss_null },
	{ "tss-in-ldt", tss_in_ldt },
	{ "gate-absent", gate_absent },
	{ "gate-to-busy", gate_to_busy },
	{ "gate-to-data", gate_to_data },
	{ "event-to-absent", event_to_absent },
	{ "int-to-absent", int_to_absent },
	{ "iret-to-free", iret_to_free },
	{ "iret-to-null", iret_to_null },
	{ "iret-past-gdt", iret_past_gdt },
	{ "iret-to-ldt", iret_to_ldt },
	{ "iret-to-absent", iret_to_absent },
	{ "ldt-not-ldt", ldt_not_ldt },
	{ "ldt-absent", ldt_absent },
	{ "cs-null", cs_null },
	{ "cs-data", cs_data },
	{ "cs-absent", cs_absent },
	{ "ss-null", ss_null },
	{ "ss-code", ss_code },
	{ "ss-absent", ss_absent },
	{ "ss-ring", ss_ring },
	{ "ds-past-gdt", ds_past_gdt },
	{ "ds-absent", ds_absent },
	{ "gs-execute-only", gs_execute_only },
	{ "debug-trap", debug_trap },
	{ "local-breakpoints", local_breakpoints },
	{ "global-breakpoints", global_breakpoints },
	{ "ldt", ldt },
	{ "accessed", accessed },
	{ "ring3", ring3 },
	{ "virtual-8086", virtual_8086 },
	{ "tables", tables },
	{ "tables-pae", tables_pae },
	{ "page-fault", page_fault },
};

static void run_case(void *fn)
{
	((void (*)(void))fn)();
}

void guest_main(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (!case_begin(cases[i].name))
			continue;
		wide = !cases[i].narrow;
		setup();
		expect("trap", trap_call(run_case, cases[i].fn), NO_TRAP);
		case_end();
	}
}
