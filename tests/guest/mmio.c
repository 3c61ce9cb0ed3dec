// SPDX-License-Identifier: GPL-2.0
/*
 * Every form of instruction that may meet a device's memory. The CPU itself
 * says what is right: a row runs once on RAM and once on the `test-mmio`
 * device, 4 KiB at 0xfed80000 that behave like RAM but are reached through
 * the interpreter alone, and memory, registers and flags must come out the
 * same. `ram` on the command line puts RAM in the device's place. Then come
 * page boundaries, faults, and code that changes under the interpreter.
 */
#include "lib/apic.h"
#include "lib/mode.h"

#define TEST_MMIO	0xfed80000UL
#define UNCLAIMED	0xd0000000UL
#define WIN		0x50000000UL
#define SPOT		0x100			/* where rows work, in the page */
#define SPAN		0x80			/* bytes compared around it */

static u8 fake_device[PAGE_SIZE] __attribute__((aligned(4096)));
static u8 model[PAGE_SIZE] __attribute__((aligned(4096)));
static u8 ram[2][PAGE_SIZE] __attribute__((aligned(4096)));
static u8 code[2][PAGE_SIZE] __attribute__((aligned(4096)));
static u64 device;				/* 0: none */

/* --- the rows ------------------------------------------------------------------ */
#define ARITH		0x8d5			/* CF PF AF ZF SF OF */
#define LOGIC		0x8c5			/* AF is undefined */
#define CARRY		0x001			/* of bit tests and long shifts */
#define MULTIPLY	0x801

/*
 * RDI is the device, RSI other memory; RAX, RCX (3) and RDX hold patterns, CF
 * is set. The mask says which flags are defined.
 */
#define ROWS \
	R(store_8, ARITH, "mov %al, (%rdi)") \
	R(store_8_high, ARITH, "mov %ah, (%rdi)") \
	R(store_8_rex, ARITH, "mov %sil, (%rdi)") \
	R(store_16, ARITH, "mov %ax, (%rdi)") \
	R(store_32, ARITH, "mov %eax, (%rdi)") \
	R(store_64, ARITH, "mov %rax, (%rdi)") \
	R(store_r9, ARITH, "mov %rax, %r9; mov %rdi, %r10; mov %r9d, 8(%r10)") \
	R(store_unaligned, ARITH, "mov %rax, 3(%rdi)") \
	R(store_imm8, ARITH, "movb $0x5a, (%rdi)") \
	R(store_imm16, ARITH, "movw $0x5aa5, (%rdi)") \
	R(store_imm32, ARITH, "movl $0x5aa5c33c, (%rdi)") \
	R(store_imm64, ARITH, "movq $-5, (%rdi)") \
	R(load_8, ARITH, "mov (%rdi), %al") \
	R(load_8_high, ARITH, "mov (%rdi), %ah") \
	R(load_16, ARITH, "mov (%rdi), %ax") \
	R(load_32, ARITH, "mov (%rdi), %eax") \
	R(load_64, ARITH, "mov (%rdi), %rax") \
	R(load_sib, ARITH, "mov 5(%rdi,%rcx,4), %rax") \
	R(load_disp32, ARITH, "lea -0x12345(%rdi), %rdx; mov 0x12345(%rdx), %eax;" \
		"xor %edx, %edx; cmp $1, %edx") \
	R(load_addr32, ARITH, "mov (%edi), %eax") \
	R(movzx_8_16, ARITH, "movzbw (%rdi), %ax") \
	R(movzx_8_32, ARITH, "movzbl 1(%rdi), %eax") \
	R(movzx_8_64, ARITH, "movzbq 2(%rdi), %rax") \
	R(movzx_16_32, ARITH, "movzwl (%rdi), %eax") \
	R(movzx_16_64, ARITH, "movzwq 1(%rdi), %rax") \
	R(movsx_8_16, ARITH, "movsbw 7(%rdi), %ax") \
	R(movsx_8_32, ARITH, "movsbl 7(%rdi), %eax") \
	R(movsx_8_64, ARITH, "movsbq 7(%rdi), %rax") \
	R(movsx_16_32, ARITH, "movswl 6(%rdi), %eax") \
	R(movsx_16_64, ARITH, "movswq 6(%rdi), %rax") \
	R(movsxd, ARITH, "movslq 4(%rdi), %rax") \
	R(add_8, ARITH, "add %al, (%rdi)") \
	R(add_16, ARITH, "add %ax, (%rdi)") \
	R(add_32, ARITH, "add %eax, (%rdi)") \
	R(add_64, ARITH, "add %rax, (%rdi)") \
	R(add_load, ARITH, "add (%rdi), %rax") \
	R(add_imm8, ARITH, "addl $-3, (%rdi)") \
	R(add_imm32, ARITH, "addl $0x12345678, (%rdi)") \
	R(add_lock, ARITH, "lock addl $5, (%rdi)") \
	R(adc, ARITH, "adc %eax, (%rdi)") \
	R(adc_load, ARITH, "adc (%rdi), %rax") \
	R(sub, ARITH, "sub %eax, (%rdi)") \
	R(sub_imm, ARITH, "subb $0x7f, (%rdi)") \
	R(sub_load, ARITH, "sub (%rdi), %ax") \
	R(sbb, ARITH, "sbb %rax, (%rdi)") \
	R(sbb_imm, ARITH, "sbbw $0x7f, (%rdi)") \
	R(cmp, ARITH, "cmp %eax, (%rdi)") \
	R(cmp_load, ARITH, "cmp (%rdi), %rax") \
	R(cmp_imm8, ARITH, "cmpb $0x11, (%rdi)") \
	R(cmp_imm32, ARITH, "cmpq $0x11223344, (%rdi)") \
	R(and_, LOGIC, "and %eax, (%rdi)") \
	R(and_load, LOGIC, "and (%rdi), %al") \
	R(and_imm, LOGIC, "andl $0xff00ff0, (%rdi)") \
	R(or_, LOGIC, "or %rax, (%rdi)") \
	R(or_imm, LOGIC, "orb $0x81, (%rdi)") \
	R(or_lock, LOGIC, "lock orw $0x81, (%rdi)") \
	R(xor_, LOGIC, "xor %ax, (%rdi)") \
	R(xor_load, LOGIC, "xor (%rdi), %eax") \
	R(test, LOGIC, "test %eax, (%rdi)") \
	R(test_imm, LOGIC, "testb $0x10, (%rdi)") \
	R(inc_8, ARITH, "incb (%rdi)") \
	R(inc_32, ARITH, "incl (%rdi)") \
	R(inc_64_lock, ARITH, "lock incq (%rdi)") \
	R(dec_16, ARITH, "decw (%rdi)") \
	R(dec_32, ARITH, "decl (%rdi)") \
	R(not_, ARITH, "notl (%rdi)") \
	R(neg, ARITH, "negq (%rdi)") \
	R(xchg_8, ARITH, "xchg %al, (%rdi)") \
	R(xchg_32, ARITH, "xchg %eax, (%rdi)") \
	R(xchg_64, ARITH, "xchg (%rdi), %rax") \
	R(xadd_8, ARITH, "xadd %al, (%rdi)") \
	R(xadd_32, ARITH, "lock xadd %eax, (%rdi)") \
	R(cmpxchg_miss, ARITH, "cmpxchg %edx, (%rdi)") \
	R(cmpxchg_hit, ARITH, "mov 16(%rsi), %eax; mov %eax, (%rdi);" \
		"lock cmpxchg %edx, (%rdi)") \
	R(cmpxchg_64_hit, ARITH, "mov %rax, (%rdi); lock cmpxchg %rdx, (%rdi)") \
	R(cmpxchg_8_miss, ARITH, "cmpxchg %dl, (%rdi)") \
	R(cmpxchg8b_miss, ARITH, "lock cmpxchg8b (%rdi)") \
	R(cmpxchg8b_hit, ARITH, "push %rbx; mov $0x5a5a, %ebx; mov %eax, (%rdi);" \
		"mov %edx, 4(%rdi); lock cmpxchg8b (%rdi); pop %rbx") \
	R(bt_imm, CARRY, "btl $9, (%rdi)") \
	R(bt_reg, CARRY, "btl %ecx, (%rdi)") \
	R(bt_reg_far, CARRY, "mov $67, %ecx; btl %ecx, (%rdi)") \
	R(bts_imm, CARRY, "lock btsl $30, (%rdi)") \
	R(bts_reg_negative, CARRY, "mov $-5, %rcx; btsq %rcx, (%rdi)") \
	R(btr_reg, CARRY, "mov $35, %ecx; btrl %ecx, (%rdi)") \
	R(btc_imm, CARRY, "btcw $5, (%rdi)") \
	R(shl_1, CARRY, "shll (%rdi)") \
	R(shr_imm, CARRY, "shrb $3, (%rdi)") \
	R(sar_cl, CARRY, "sarq %cl, (%rdi)") \
	R(rol_cl, CARRY, "rolw %cl, (%rdi)") \
	R(rcr_imm, CARRY, "rcrl $3, (%rdi)") \
	R(shld, CARRY, "shld $5, %eax, (%rdi)") \
	R(mul_8, MULTIPLY, "mulb (%rdi)") \
	R(mul_32, MULTIPLY, "mull (%rdi)") \
	R(imul_32, MULTIPLY, "imul (%rdi), %eax") \
	R(imul_imm, MULTIPLY, "imul $77, (%rdi), %rax") \
	R(div_32, 0, "xor %edx, %edx; divl (%rdi)") \
	R(cmov_taken, ARITH, "cmovc (%rdi), %eax") \
	R(cmov_not, ARITH, "cmovnc (%rdi), %eax") \
	R(setc, ARITH, "setc (%rdi)") \
	R(setnc, ARITH, "setnc (%rdi)") \
	R(push, ARITH, "pushq (%rdi); pop %rax") \
	R(pop, ARITH, "push %rax; popq (%rdi)") \
	R(push_16, ARITH, "pushw (%rdi); pop %ax") \
	R(call, ARITH, "lea 1f(%rip), %rdx; mov %rdx, (%rdi); call *(%rdi); jmp 2f;" \
		"1: inc %rax; ret; 2: xor %edx, %edx; movq $0, (%rdi)") \
	R(jump, ARITH, "lea 1f(%rip), %rdx; mov %rdx, (%rdi); jmp *(%rdi); ud2;" \
		"1: xor %edx, %edx; movq $0, (%rdi)") \
	R(movbe_bswap, ARITH, "mov (%rdi), %rax; bswap %rax; mov %rax, (%rdi)") \
	R(movnti, ARITH, "movnti %rax, (%rdi)") \
	R(lods_8, ARITH, "xchg %rsi, %rdi; lodsb") \
	R(lods_64, ARITH, "xchg %rsi, %rdi; lodsq") \
	R(lods_rep, ARITH, "xchg %rsi, %rdi; rep lodsl") \
	R(stos_8, ARITH, "stosb") \
	R(stos_rep_8, ARITH, "mov $19, %ecx; rep stosb") \
	R(stos_rep_16, ARITH, "rep stosw") \
	R(stos_rep_32, ARITH, "rep stosl") \
	R(stos_rep_64, ARITH, "rep stosq") \
	R(stos_back, ARITH, "std; rep stosl; cld") \
	R(stos_zero, ARITH, "xor %ecx, %ecx; rep stosl") \
	R(stos_addr32, ARITH, "rep stosl %eax, %es:(%edi)") \
	R(movs_in_8, ARITH, "mov $13, %ecx; rep movsb") \
	R(movs_in_32, ARITH, "rep movsl") \
	R(movs_in_64, ARITH, "rep movsq") \
	R(movs_out_8, ARITH, "xchg %rsi, %rdi; mov $13, %ecx; rep movsb") \
	R(movs_out_16, ARITH, "xchg %rsi, %rdi; rep movsw") \
	R(movs_out_64, ARITH, "xchg %rsi, %rdi; movsq") \
	R(movs_inside, ARITH, "lea 1(%rdi), %rsi; xchg %rsi, %rdi; mov $9, %ecx; rep movsb") \
	R(movs_back, ARITH, "std; rep movsl; cld") \
	R(scas_found, ARITH, "mov 2(%rdi), %al; mov $20, %ecx; repne scasb") \
	R(scas_not, ARITH, "mov $0xabcdef01, %eax; repne scasl") \
	R(scas_equal, ARITH, "mov (%rdi), %al; repe scasb") \
	R(cmps_same, ARITH, "mov $8, %ecx; rep movsb; sub $8, %rsi; sub $8, %rdi; mov $8, %ecx;" \
		"repe cmpsb") \
	R(cmps_differ, ARITH, "repe cmpsl") \
	R(cmps_inside, ARITH, "lea 8(%rdi), %rsi; cmpsw") \
	R(sse_movups_load, ARITH, "movups (%rdi), %xmm0") \
	R(sse_movups_store, ARITH, "movups %xmm0, (%rdi)") \
	R(sse_movups_unaligned, ARITH, "movups %xmm0, 5(%rdi)") \
	R(sse_movaps_load, ARITH, "movaps (%rdi), %xmm1") \
	R(sse_movaps_store, ARITH, "movaps %xmm1, (%rdi)") \
	R(sse_movdqa_load, ARITH, "movdqa 16(%rdi), %xmm0") \
	R(sse_movdqa_store, ARITH, "movdqa %xmm0, 16(%rdi)") \
	R(sse_movdqu_load, ARITH, "movdqu 1(%rdi), %xmm0") \
	R(sse_movdqu_store, ARITH, "movdqu %xmm1, 1(%rdi)") \
	R(sse_movq_load, ARITH, "movq (%rdi), %xmm0") \
	R(sse_movq_store, ARITH, "movq %xmm0, (%rdi)") \
	R(sse_movd_load, ARITH, "movd (%rdi), %xmm0") \
	R(sse_movd_store, ARITH, "movd %xmm0, (%rdi)") \
	R(sse_movss_store, ARITH, "movss %xmm0, (%rdi)") \
	R(sse_movsd_load, ARITH, "movsd (%rdi), %xmm0") \
	R(sse_movntdq, ARITH, "movntdq %xmm0, (%rdi)") \
	R(sse_movlps, ARITH, "movlps %xmm0, (%rdi); movhps 8(%rdi), %xmm1") \
	R(mmx_movq_load, ARITH, "movq (%rdi), %mm0; movq2dq %mm0, %xmm0; emms") \
	R(mmx_movq_store, ARITH, "movdq2q %xmm0, %mm0; movq %mm0, (%rdi); emms") \
	R(x87_store, ARITH, "fldpi; fstpl (%rdi)") \
	R(x87_load, ARITH, "mov %rdx, (%rdi); fildl (%rdi); fistpll (%rsi)") \
	R(x87_load_single, ARITH, "movl $0x40490fdb, (%rdi); flds (%rdi); fstpt (%rsi)") \
	R(x87_load_double, ARITH, "fldl2e; fstl (%rdi); fldl (%rdi); fstpt (%rsi); " \
				  "fstpt 10(%rsi)") \
	R(x87_extended, ARITH, "fldln2; fstpt (%rdi); fldt (%rdi); fstpt (%rsi)") \
	R(x87_integers, ARITH, "filds (%rdi); fildll (%rdi); fistpll 8(%rdi); fistps 16(%rdi)") \
	R(x87_truncate, ARITH, "fldpi; fisttpl (%rdi)") \
	R(x87_status, ARITH, "fninit; fldpi; fists (%rdi); fldt (%rsi); fnstsw %ax; fninit")

#define ROWS_AVX \
	R(avx_vmovups_load, ARITH, "vmovups (%rdi), %ymm0") \
	R(avx_vmovups_store, ARITH, "vmovups %ymm0, (%rdi)") \
	R(avx_vmovups_xmm_load, ARITH, "vmovups (%rdi), %xmm0") \
	R(avx_vmovaps_store, ARITH, "vmovaps %ymm1, (%rdi)") \
	R(avx_vmovdqu_load, ARITH, "vmovdqu 3(%rdi), %ymm1") \
	R(avx_vmovdqa_store, ARITH, "vmovdqa %xmm1, (%rdi)") \
	R(avx_vmovd, ARITH, "vmovd (%rdi), %xmm0") \
	R(avx_vmovq, ARITH, "vmovq %xmm0, (%rdi)")

#define R(name, mask, insn) CODE64(row_##name, "", insn);
ROWS
ROWS_AVX
#undef R

struct row {
	const char *name;
	u32 flags;
	void (*code)(void *);
};

#define R(name, mask, insn) { #name, mask, row_##name },
static const struct row rows[] = { ROWS };
static const struct row rows_avx[] = { ROWS_AVX };
#undef R

struct state {
	u64 rax, rcx, rdx, rsi, rdi, rflags;
	u8 vector[2][32];		/* XMM0 and XMM1, or YMM */
};

/* Load the registers of @s, run @fn, store them again. */
void run_insn(struct state *s, void (*fn)(void *), bool avx);
asm(".pushsection .text\n"
    "run_insn: push %rbx; push %rbp\n"
    "	mov %rdi, %rbx; mov %rsi, %rbp; push %rdx\n"
    "	test %dl, %dl; jz 1f\n"
    "	vmovups 48(%rbx), %ymm0; vmovups 80(%rbx), %ymm1; jmp 2f\n"
    "1:	movups 48(%rbx), %xmm0; movups 80(%rbx), %xmm1\n"
    "2:	mov (%rbx), %rax; mov 8(%rbx), %rcx; mov 16(%rbx), %rdx\n"
    "	mov 24(%rbx), %rsi; mov 32(%rbx), %rdi\n"
    "	pushq 40(%rbx); popfq\n"
    "	call *%rbp\n"
    "	pushfq; popq 40(%rbx)\n"
    "	mov %rax, (%rbx); mov %rcx, 8(%rbx); mov %rdx, 16(%rbx)\n"
    "	mov %rsi, 24(%rbx); mov %rdi, 32(%rbx)\n"
    "	pop %rdx; test %dl, %dl; jz 3f\n"
    "	vmovups %ymm0, 48(%rbx); vmovups %ymm1, 80(%rbx); jmp 4f\n"
    "3:	movups %xmm0, 48(%rbx); movups %xmm1, 80(%rbx)\n"
    "4:	pop %rbp; pop %rbx; ret\n"
    ".popsection\n");

static void fill_pattern(volatile u8 *p, u8 seed)
{
	for (u32 i = 0; i < 2 * SPAN; i++)
		p[SPOT - SPAN + i] = i * 13 + seed;
}

static void run_on(struct state *s, const struct row *r, bool avx, u64 page, u8 *other)
{
	fill_pattern((u8 *)page, 0x91);
	fill_pattern(other, 0x37);
	*s = (struct state){
		.rax = 0x8877665544332211, .rcx = 3, .rdx = 0x0f1e2d3c4b5a6978,
		.rsi = (u64)other + SPOT, .rdi = page + SPOT, .rflags = 3,
	};
	for (int i = 0; i < 64; i++)
		s->vector[i / 32][i % 32] = 0xc0 + i;
	run_insn(s, r->code, avx);
	/* Pointers as offsets, whichever page they are of. */
	s->rsi -= s->rsi >> 12 == page >> 12 ? page : (u64)other;
	s->rdi -= s->rdi >> 12 == page >> 12 ? page : (u64)other;
}

static bool same_bytes(const char *what, volatile u8 *got, const u8 *want)
{
	for (u32 i = SPOT - SPAN; i < SPOT + SPAN; i++) {
		u8 v = got[i];

		if (v != want[i]) {
			printf("     %s differs at offset %d\n", what, (int)(i - SPOT));
			return expect(what, v, want[i]);
		}
	}
	return true;
}

static void compare_row(const struct row *r, bool avx)
{
	struct state want, got;

	run_on(&want, r, avx, (u64)model, ram[0]);
	run_on(&got, r, avx, device, ram[1]);
	expect("rax", got.rax, want.rax);
	expect("rcx", got.rcx, want.rcx);
	expect("rdx", got.rdx, want.rdx);
	expect("rsi", got.rsi, want.rsi);
	expect("rdi", got.rdi, want.rdi);
	expect("flags", got.rflags & r->flags, want.rflags & r->flags);
	expect("vectors", memcmp(got.vector, want.vector, sizeof(got.vector)), 0);
	same_bytes("device", (u8 *)device, model);
	same_bytes("other memory", ram[1], ram[0]);
}

static const struct row *current;
static bool current_avx;

static void run_current(void *arg)
{
	compare_row(current, current_avx);
}

static void run_rows(const struct row *table, size_t n, bool avx, const char *skip)
{
	for (current = table; current < table + n; current++) {
		if (!case_begin(current->name))
			continue;
		current_avx = avx;
		if (skip)
			case_skip(skip);
		else if (!expect("trap", trap_call(run_current, NULL), NO_TRAP))
			printf("     vector of the trap above; rip 0x%lx cr2 0x%lx\n",
			       trap_last.rip, trap_last.cr2);
		case_end();
	}
}

/* --- the device at its borders ---------------------------------------------------- */
static const char *no_device(void)
{
	return device ? NULL : "no test-mmio device";
}

static volatile u8 *dev8(u32 at) { return (u8 *)(device + at); }

/* One access over the seam of RAM and device, either way round. */
static void seam(u64 first, u64 second, const char *what)
{
	volatile u8 *a = (u8 *)first + PAGE_SIZE - 8, *b = (u8 *)second;
	volatile u64 *over = (u64 *)(WIN + PAGE_SIZE - 3);
	u64 want = 0;

	pte_set(WIN, first | PTE_P | PTE_W);
	pte_set(WIN + PAGE_SIZE, second | PTE_P | PTE_W);
	for (int i = 0; i < 8; i++) {
		a[i] = 0x10 + i;
		b[i] = 0x20 + i;
	}
	for (int i = 0; i < 8; i++)
		want |= (u64)(i < 3 ? 0x15 + i : 0x20 + i - 3) << (8 * i);
	expect(what, *over, want);
	*over = 0x8877665544332211;
	for (int i = 0; i < 8; i++)
		expect("written byte", i < 3 ? a[5 + i] : b[i - 3], 0x11 * (i + 1));
	expect("byte before", a[4], 0x14);
	expect("byte after", b[5], 0x25);
}

static void seam_into_device(void) { seam((u64)ram[0], device, "from RAM into the device"); }
static void seam_out_of_device(void) { seam(device, (u64)ram[0], "from the device into RAM"); }
static void seam_twice(void) { seam(device, device, "from the device into itself"); }

/* A string that leaves RAM for the device on the way. */
static void string_over_seam(void)
{
	void *to = (void *)(WIN + PAGE_SIZE - 24);
	u64 n = 6;

	pte_set(WIN, (u64)ram[0] | PTE_P | PTE_W);
	pte_set(WIN + PAGE_SIZE, device | PTE_P | PTE_W);
	asm volatile("rep stosq" : "+D"(to), "+c"(n) : "a"(0x0123456789abcdef) : "memory");
	expect("rcx", n, 0);
	expect("rdi", (u64)to, WIN + PAGE_SIZE + 24);
	expect("in RAM", *(u64 *)(ram[0] + PAGE_SIZE - 8), 0x0123456789abcdef);
	expect("in the device", *(volatile u64 *)(device + 16), 0x0123456789abcdef);
}

/* --- faults ------------------------------------------------------------------------- */
CODE64(write_win, "", "movl $0x55, 0x50000010");
CODE64(read_win, "", "mov 0x50000010, %eax");
CODE64(rmw_win, "", "lock incl 0x50000010");
CODE64(string_win, "mov $0x50000ff0, %edi; mov $16, %ecx; mov $0x77, %eax", "rep stosl");
CODE64(movaps_win, "", "movaps 0x50000018, %xmm0");

static void expect_fault(void (*fn)(void *), bool user, u64 pte, int vector, u64 error, u64 cr2)
{
	*(volatile u32 *)dev8(0x10) = 0x12345678;
	pte_set(WIN, pte);
	expect("vector", user ? user_call(fn, NULL) : trap_call(fn, NULL), vector);
	pte_set(WIN, device | PTE_P | PTE_W);
	expect("untouched", *(volatile u32 *)dev8(0x10), 0x12345678);
	expect("error code", trap_last.error, error);
	if (vector == PF)
		expect("cr2", trap_last.cr2, cr2);
}

static void fault_read_only(void)
{
	expect_fault(write_win, false, device | PTE_P, PF, 3, WIN + 0x10);
	expect_fault(rmw_win, false, device | PTE_P, PF, 3, WIN + 0x10);
}

static void fault_user(void)
{
	expect_fault(read_win, true, device | PTE_P | PTE_W, PF, 5, WIN + 0x10);
	expect_fault(write_win, true, device | PTE_P | PTE_W, PF, 7, WIN + 0x10);
	expect_fault(write_win, true, device | PTE_P | PTE_U, PF, 7, WIN + 0x10);
}

static void fault_absent(void)
{
	expect_fault(read_win, false, 0, PF, 0, WIN + 0x10);
	expect_fault(write_win, false, 0, PF, 2, WIN + 0x10);
}

static void fault_alignment(void)
{
	expect_fault(movaps_win, false, device | PTE_P | PTE_W, GP, 0, 0);
}

static void user_may(void)
{
	pte_set(WIN, device | PTE_P | PTE_W | PTE_U);
	expect("vector", user_call(write_win, NULL), NO_TRAP);
	expect("written", *(volatile u32 *)dev8(0x10), 0x55);
}

/* REP over the device's end into a hole: half done, and RCX says so. */
static void fault_in_string(void)
{
	pte_set(WIN, device | PTE_P | PTE_W);
	pte_set(WIN + PAGE_SIZE, 0);
	expect("vector", trap_call(string_win, NULL), PF);
	expect("rcx", trap_last.rcx, 12);
	expect("rdi", trap_last.rdi, WIN + PAGE_SIZE);
	expect("cr2", trap_last.cr2, WIN + PAGE_SIZE);
	expect("error code", trap_last.error, 2);
	expect("last one done", *(volatile u32 *)dev8(0xffc), 0x77);
}

static void accessed_and_dirty(void)
{
	volatile u64 *pte = pte_get(WIN);

	pte_set(WIN, device | PTE_P | PTE_W);
	trap_call(read_win, NULL);
	expect("after a read", *pte & (PTE_A | PTE_D), PTE_A);
	trap_call(write_win, NULL);
	expect("after a write", *pte & (PTE_A | PTE_D), PTE_A | PTE_D);
}

/* --- code that moves ------------------------------------------------------------------ */
/* mov %eax, (%rdi) or mov %ecx, (%rdi), then ret. */
static void put_code(u8 *at, u8 modrm)
{
	static const u8 tail = 0xc3;

	at[0] = 0x89;
	at[1] = modrm;
	at[2] = tail;
}

static void call_code(void *at)
{
	asm volatile("call *%0" :: "r"(at), "D"(device), "a"(0x11111111), "c"(0x22222222)
		     : "memory");
}

static void code_changes(void)
{
	for (int i = 0; i < 20; i++) {
		put_code(code[0], i & 1 ? 0x0f : 0x07);
		call_code(code[0]);
		expect("stored", *(volatile u32 *)device, i & 1 ? 0x22222222 : 0x11111111);
	}
}

/* The same address, another page behind it, with other code. */
static void code_remapped(void)
{
	put_code(code[0], 0x07);
	put_code(code[1], 0x0f);
	for (int i = 0; i < 20; i++) {
		pte_set(WIN, (u64)code[i & 1] | PTE_P);
		call_code((void *)WIN);
		expect("stored", *(volatile u32 *)device, i & 1 ? 0x22222222 : 0x11111111);
	}
}

/* An instruction in two pages that are no neighbours in memory. */
static void code_over_pages(void)
{
	u8 *last = code[1] + PAGE_SIZE - 1;

	for (u32 split = 1; split < 3; split++) {
		u8 text[3];

		put_code(text, 0x07);
		memcpy(last + 1 - split, text, split);
		memcpy(code[0], text + split, 3 - split);
		pte_set(WIN, (u64)code[1] | PTE_P);
		pte_set(WIN + PAGE_SIZE, (u64)code[0] | PTE_P);
		*(volatile u32 *)device = 0;
		call_code((void *)(WIN + PAGE_SIZE - split));
		expect("stored", *(volatile u32 *)device, 0x11111111);
	}
}

/* --- places every PC has ---------------------------------------------------------------- */
static void unclaimed(void)
{
	volatile u8 *p = (u8 *)UNCLAIMED;
	u64 v = 0;

	expect("byte", p[1], 0xff);
	expect("word", *(volatile u16 *)(p + 2), 0xffff);
	expect("long", *(volatile u32 *)(p + 4), 0xffffffff);
	expect("quad", *(volatile u64 *)(p + 8), ~0UL);
	*(volatile u64 *)(p + 8) = 0;
	*(volatile u8 *)(p + 9) = 0;
	expect("writes are lost", *(volatile u64 *)(p + 8), ~0UL);
	asm volatile("lock incl %0" :: "m"(*(u32 *)p) : "cc");
	asm volatile("mov %1, %%ecx; rep movsb" :: "S"(p), "i"(8), "D"(&v) : "rcx", "memory");
	expect("string", v, ~0UL);
	asm volatile("xchg %0, %1" : "+r"(v), "+m"(*(u64 *)p));
	expect("xchg", v, ~0UL);
}

/* Long forms on the local APIC's TPR. */
#define TPR		(*(volatile u32 *)(LAPIC + APIC_TPR))
#define ON_TPR(what, start, insn, want) do { \
		TPR = start; \
		asm volatile(insn :: "r"(&TPR), "a"(0x30), "c"(0x40) : "rdx", "memory", "cc"); \
		expect(what, TPR, want); \
	} while (0)

static void lapic_forms(void)
{
	apic_write(APIC_SVR, SVR_ENABLE | 0xff);
	ON_TPR("mov", 0, "mov %1, (%0)", 0x30);
	ON_TPR("mov imm", 0, "movl $0x50, (%0)", 0x50);
	ON_TPR("or", 0x40, "or %1, (%0)", 0x70);
	ON_TPR("and", 0x70, "andl $0x50, (%0)", 0x50);
	ON_TPR("xor", 0x70, "xor %1, (%0)", 0x40);
	ON_TPR("add", 0x20, "add %1, (%0)", 0x50);
	ON_TPR("sub", 0x70, "subl $0x10, (%0)", 0x60);
	ON_TPR("inc", 0x0f, "incl (%0)", 0x10);
	ON_TPR("dec", 0x10, "decl (%0)", 0x0f);
	ON_TPR("not", 0xf0, "notl (%0)", 0x0f);
	ON_TPR("neg", 0x10, "negl (%0)", 0xf0);
	ON_TPR("xchg", 0x10, "mov %1, %%edx; xchg %%edx, (%0)", 0x30);
	ON_TPR("cmpxchg", 0x30, "lock cmpxchg %2, (%0)", 0x40);
	ON_TPR("xadd", 0x10, "mov %1, %%edx; xadd %%edx, (%0)", 0x40);
	ON_TPR("bts", 0x10, "btsl $5, (%0)", 0x30);
	ON_TPR("btr", 0x30, "btrl $5, (%0)", 0x10);
	ON_TPR("shl", 0x10, "shll $1, (%0)", 0x20);
	TPR = 0;
}

static void lapic_string(void)
{
	u32 v = 0;
	u32 *to = &v;
	const void *from = (void *)(LAPIC + APIC_VERSION);

	asm volatile("movsl" : "+D"(to), "+S"(from) :: "memory");
	expect("movs", v, apic_read(APIC_VERSION));
	from = (void *)(LAPIC + APIC_TPR);
	asm volatile("stosl" : "+D"(from) : "a"(0x20) : "memory");
	expect("stos", TPR, 0x20);
	TPR = 0;
}

static void ioapic_forms(void)
{
	volatile u32 *index = (u32 *)IOAPIC;
	u32 v;

	*index = 0x10 + 2 * 4;
	expect("index", *index & 0xff, 0x18);
	*(volatile u32 *)(IOAPIC + 0x10) = LVT_MASKED | 0x44;
	asm volatile("orl $0x33, 0x10(%1); mov 0x10(%1), %0" : "=r"(v) : "r"(IOAPIC) : "memory");
	expect("or", v & 0x100ff, LVT_MASKED | 0x77);
	*(volatile u8 *)IOAPIC = 1;
	expect("byte to the index", ioapic_read(1) >> 16 & 0xff, 23);
	ioapic_write(0x10 + 2 * 4, LVT_MASKED);
}

/* From other modes. */
CODE32(mmio32, "mov 0xfee00030, %ecx; movl $0x20, 0xfee00080; mov 0xfee00080, %eax;"
	"movl $0, 0xfee00080; and $0xff, %ecx; shl $16, %ecx; or %ecx, %eax");
CODE16(mmio16, "mov %cr0, %ecx; or $1, %cl; mov %ecx, %cr0; jmp 1f; 1:"
	"mov $0x10, %bx; mov %bx, %fs; and $~1, %cl; mov %ecx, %cr0; jmp 2f; 2:"
	"mov $0xfee00000, %ebx; movl $0x20, %fs:0x80(%ebx); mov %fs:0x80(%ebx), %eax;"
	"movl $0, %fs:0x80(%ebx); mov %fs:0x30(%ebx), %ecx; and $0xff, %ecx; shl $16, %ecx;"
	"or %ecx, %eax");

static void other_modes(void)
{
	u32 want = (apic_read(APIC_VERSION) & 0xff) << 16 | 0x20;

	expect("protected", mode_protected(mmio32, 0), want);
	expect("unreal", mode_real(mmio16, 0), want);
}

static const struct guest_case cases[] = {
	{ "seam-into-device", seam_into_device, no_device },
	{ "seam-out-of-device", seam_out_of_device, no_device },
	{ "seam-twice", seam_twice, no_device },
	{ "string-over-seam", string_over_seam, no_device },
	{ "fault-read-only", fault_read_only, no_device },
	{ "fault-user", fault_user, no_device },
	{ "fault-absent", fault_absent, no_device },
	{ "fault-alignment", fault_alignment, no_device },
	{ "user-may", user_may, no_device },
	{ "fault-in-string", fault_in_string, no_device },
	{ "accessed-dirty", accessed_and_dirty, no_device },
	{ "code-changes", code_changes, no_device },
	{ "code-remapped", code_remapped, no_device },
	{ "code-over-pages", code_over_pages, no_device },
	{ "unclaimed", unclaimed },
	{ "lapic-forms", lapic_forms },
	{ "lapic-string", lapic_string },
	{ "ioapic-forms", ioapic_forms },
	{ "other-modes", other_modes },
};

static void find_device(void)
{
	volatile u32 *p = (u32 *)TEST_MMIO;

	if (cmdline_get("ram")) {
		device = (u64)fake_device;
		return;
	}
	p[1] = 0;
	p[0] = 0x74657374;
	if (p[0] == 0x74657374 && p[1] == 0)
		device = TEST_MMIO;
}

void guest_main(void)
{
	const char *no_avx = cpu_has_avx() ? NULL : "no AVX";

	mode_init();
	find_device();
	run_rows(rows, ARRAY_SIZE(rows), false, no_device());
	if (!no_avx) {
		write_cr4(read_cr4() | CR4_OSXSAVE);
		xsetbv(0, 7);
	}
	run_rows(rows_avx, ARRAY_SIZE(rows_avx), true, no_avx ? no_avx : no_device());
	cases_run(cases, ARRAY_SIZE(cases));
}
