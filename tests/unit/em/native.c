// SPDX-License-Identifier: GPL-2.0
/*
 * Whole instructions: each of a list runs on this processor and, from the same
 * registers and the same memory, in the interpreter. Registers, flags, memory,
 * the vector register and whether it faults must agree.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <Zydis/Zydis.h>

#include "tests/unit/em/native.h"
#include "vmm/em/alu.h"
#include "vmm/em/interp.h"

/*
 * The assembler writes the list: length, bytes, text. By convention rbx, rsi,
 * rdi and rsp point into the buffer, r9 is a small index, r8 a small signed
 * bit number, ecx a small count; all other registers are random.
 */
#define I(text)								\
	asm(".pushsection insns, \"a\"\n"				\
	    ".byte 2f - 1f\n.intel_syntax noprefix\n1: " text "\n2:\n"	\
	    ".att_syntax prefix\n.asciz \"" text "\"\n.popsection");
#define SIZES(insn, a, b, c, d)						\
	I(insn " byte ptr [rbx], " a) I(insn " word ptr [rbx+3], " b)	\
	I(insn " dword ptr [rbx+r9*4-8], " c) I(insn " qword ptr [rbx+r9*8+0x7], " d)
#define LOADS(insn)							\
	I(insn " dl, [rbx]") I(insn " dh, [rbx+1]") I(insn " r10b, [rbx+1]")	\
	I(insn " dx, [rbx+3]") I(insn " r11d, [rbx+r9]") I(insn " r12, [rbx+r9*8]")
#define IMMEDIATES(insn)						\
	SIZES(insn, "0x7f", "0x1234", "0x12345678", "-0x12345678")	\
	SIZES(insn, "-2", "-3", "-4", "-5")
#define BINARY(insn)							\
	SIZES(insn, "dl", "dx", "edx", "rdx") SIZES(insn, "ah", "r10w", "r11d", "r12")	\
	LOADS(insn) IMMEDIATES(insn)
#define LOCKED(insn) SIZES("lock " insn, "dl", "dx", "edx", "rdx")	\
	SIZES("lock " insn, "3", "4", "5", "6")
#define UNARY(insn)							\
	I(insn " byte ptr [rbx]") I(insn " word ptr [rbx]")		\
	I(insn " dword ptr [rbx+1]") I(insn " qword ptr [rbx+r9]")
#define SHIFT(insn)							\
	SIZES(insn, "cl", "cl", "cl", "cl") SIZES(insn, "1", "1", "1", "1") \
	SIZES(insn, "7", "9", "31", "63")
#define WIDE(insn, a, b, c)						\
	I(insn " word ptr [rbx], " a) I(insn " dword ptr [rbx], " b) I(insn " qword ptr [rbx], " c)
#define BITS(insn) WIDE(insn, "r8w", "r8d", "r8") WIDE(insn, "3", "35", "70")
#define SET_CMOV(cc) I("set" cc " byte ptr [rbx]") I("cmov" cc " dx, [rbx]")	\
	I("cmov" cc " edx, [rbx]") I("cmov" cc " r13, [rbx]")
#define STRINGS(insn)							\
	I(insn "b") I(insn "w") I(insn "d") I(insn "q")
#define REPEATED(prefix, insn)						\
	I(prefix " " insn "b") I(prefix " " insn "w") I(prefix " " insn "d") I(prefix " " insn "q")

BINARY("mov") BINARY("add") BINARY("adc") BINARY("sub") BINARY("sbb")
BINARY("and") BINARY("or") BINARY("xor") BINARY("cmp")
SIZES("test", "dl", "dx", "edx", "rdx") IMMEDIATES("test")
LOCKED("add") LOCKED("adc") LOCKED("sub") LOCKED("sbb") LOCKED("and") LOCKED("or") LOCKED("xor")
UNARY("inc") UNARY("dec") UNARY("not") UNARY("neg") UNARY("lock inc") UNARY("lock neg")
UNARY("mul") UNARY("imul") UNARY("div") UNARY("idiv")
I("imul dx, [rbx]") I("imul edx, [rbx]") I("imul rdx, [rbx]")
I("imul dx, [rbx], 0x123") I("imul edx, [rbx], -3") I("imul rdx, [rbx], 0x12345678")
SHIFT("rol") SHIFT("ror") SHIFT("rcl") SHIFT("rcr") SHIFT("shl") SHIFT("shr") SHIFT("sar")
WIDE("shld", "dx, 5", "edx, 31", "rdx, cl") WIDE("shrd", "dx, 5", "edx, cl", "rdx, 63")
BITS("bt") BITS("bts") BITS("btr") BITS("btc")
I("lock bts dword ptr [rbx], r8d") I("lock btr qword ptr [rbx], r8") I("lock btc word ptr [rbx], 3")
SET_CMOV("o") SET_CMOV("no") SET_CMOV("b") SET_CMOV("nb") SET_CMOV("z") SET_CMOV("nz")
SET_CMOV("be") SET_CMOV("nbe") SET_CMOV("s") SET_CMOV("ns") SET_CMOV("p") SET_CMOV("np")
SET_CMOV("l") SET_CMOV("nl") SET_CMOV("le") SET_CMOV("nle")
I("movzx dx, byte ptr [rbx]") I("movzx edx, byte ptr [rbx]") I("movzx rdx, byte ptr [rbx]")
I("movzx edx, word ptr [rbx]") I("movzx r14, word ptr [rbx]")
I("movsx dx, byte ptr [rbx]") I("movsx edx, byte ptr [rbx]") I("movsx rdx, byte ptr [rbx]")
I("movsx edx, word ptr [rbx]") I("movsx r14, word ptr [rbx]") I("movsxd r14, dword ptr [rbx]")
I("movbe dx, [rbx]") I("movbe edx, [rbx]") I("movbe rdx, [rbx]")
I("movbe [rbx], dx") I("movbe [rbx], edx") I("movbe [rbx], rdx")
I("movnti [rbx], edx") I("movnti [rbx], r13")
I("mov word ptr [rbx], cs") I("mov edx, [esi]") I("mov [edi+r9d*2], r13d")
SIZES("xchg", "dl", "dx", "edx", "rdx") SIZES("xadd", "dl", "dx", "edx", "rdx")
SIZES("xchg", "ah", "r10w", "r11d", "r12") SIZES("lock xadd", "ah", "ax", "eax", "rax")
SIZES("cmpxchg", "dl", "dx", "edx", "rdx") SIZES("lock cmpxchg", "dl", "dx", "edx", "rdx")
I("cmpxchg8b [rbx]") I("lock cmpxchg8b [rbx]") I("cmpxchg16b [rbx]") I("lock cmpxchg16b [rbx]")
I("cmpxchg16b [rbx+8]")
STRINGS("movs") STRINGS("stos") STRINGS("lods") STRINGS("cmps") STRINGS("scas")
REPEATED("rep", "movs") REPEATED("rep", "stos") REPEATED("rep", "lods")
REPEATED("repe", "cmps") REPEATED("repne", "cmps") REPEATED("repe", "scas")
REPEATED("repne", "scas")
I(".byte 0xf2; movsb") I(".byte 0x67; rep movsd") I(".byte 0x67; stosb")
I("push word ptr [rbx]") I("push qword ptr [rbx]") I("push qword ptr [rsp+8]")
I("pop word ptr [rbx]") I("pop qword ptr [rbx]") I("pop qword ptr [rsp+8]")
I("clflush [rbx]") I("div byte ptr [rsi]")

#define V(insn) I(insn " xmm1, [rbx]") I(insn " [rbx], xmm1")
#define VX(insn) V(insn) I("v" insn " xmm1, [rbx]") I("v" insn " [rbx], xmm1")
#define VY(insn) VX(insn) I("v" insn " ymm1, [rbx]") I("v" insn " [rbx], ymm1")	\
	I(insn " xmm1, [rbx+8]") I("v" insn " ymm1, [rbx+16]")
VY("movups") VY("movupd") VY("movdqu") VY("movaps") VY("movapd") VY("movdqa")
I("movntdq [rbx], xmm1") I("vmovntdq [rbx], ymm1") I("movntps [rbx], xmm1")
I("movntdqa xmm1, [rbx]") I("lddqu xmm1, [rbx]") I("vlddqu ymm1, [rbx+1]")
VX("movd") VX("movq") VX("movss") VX("movsd") V("movlps") V("movhps") V("movlpd") V("movhpd")
I("movq xmm1, qword ptr [rbx]; .byte 0x90") I("vmovlps xmm1, xmm1, [rbx]")
I("vmovhps xmm1, xmm1, [rbx]") I("vmovhpd [rbx], xmm1") I("vmovlpd [rbx], xmm1")

extern const u8 __start_insns[], __stop_insns[];

#define BUFFER	4096
#define ROUNDS	200

static u8 *buffer, *page;
static u8 image[BUFFER];		/* the buffer before the instruction */
static u8 vector[64] __attribute__((aligned(64)));

static bool in_buffer(gva_t gva, unsigned int size)
{
	return gva >= (uintptr_t)buffer && gva + size <= (uintptr_t)buffer + BUFFER;
}

static int op_fetch(void *ctx, gva_t gva, void *buf, unsigned int size,
		    struct interp_exception *ex)
{
	memcpy(buf, (void *)gva, size);
	return 0;
}

static int op_read(void *ctx, gva_t gva, void *buf, unsigned int size, bool for_write,
		   struct interp_exception *ex)
{
	if (!in_buffer(gva, size))
		return -ERANGE;
	memcpy(buf, (void *)gva, size);
	return 0;
}

static int op_write(void *ctx, gva_t gva, const void *buf, unsigned int size,
		    struct interp_exception *ex)
{
	if (!in_buffer(gva, size))
		return -ERANGE;
	memcpy((void *)gva, buf, size);
	return 0;
}

static int op_cmpxchg(void *ctx, gva_t gva, void *old, const void *new, unsigned int size,
		      struct interp_exception *ex)
{
	if (!in_buffer(gva, size))
		return -ERANGE;
	if (!memcmp((void *)gva, old, size)) {
		memcpy((void *)gva, new, size);
		return 0;
	}
	memcpy(old, (void *)gva, size);
	return -EAGAIN;
}

static int op_vector_get(void *ctx, unsigned int reg, void *buf)
{
	assert_int_equal(reg, 1);
	memcpy(buf, vector, 64);
	return 0;
}

static int op_vector_set(void *ctx, unsigned int reg, const void *buf)
{
	assert_int_equal(reg, 1);
	memcpy(vector, buf, 64);
	return 0;
}

static const struct interp_ops ops = {
	.fetch = op_fetch, .read = op_read, .write = op_write, .exchange = op_cmpxchg,
	.vector_get = op_vector_get, .vector_set = op_vector_set,
};

/* ymm1 is loaded from [r15] before and stored to [r14] after the instruction. */
static const u8 load_ymm1[] = { 0xc4, 0xc1, 0x7e, 0x6f, 0x0f };
static const u8 store_ymm1[] = { 0xc4, 0xc1, 0x7e, 0x7f, 0x0e };

static void draw(struct interp_cpu *cpu)
{
	unsigned int i;

	*cpu = (struct interp_cpu){
		.rflags = (random_u64() & (FLAGS_STATUS | FLAG_DF)) | 0x202,
		.cr0 = 0x80000033, .cr4 = 0x406a0 | BIT_ULL(9), .efer = 0xd01, .xcr0 = 7,
		.seg[INTERP_CS] = { .access = 0xa0fb, .limit = ~0U },
		.cpl = 3,
	};
	asm("mov %%cs, %0" : "=r"(cpu->seg[INTERP_CS].selector));
	for (i = 0; i < 16; i++)
		cpu->gpr[i] = random_operand();
	cpu->gpr[INTERP_RBX] = (uintptr_t)buffer + 256;
	cpu->gpr[INTERP_RSI] = (uintptr_t)buffer + 1024 + 64;
	cpu->gpr[INTERP_RDI] = (uintptr_t)buffer + 2048;
	cpu->gpr[INTERP_RSP] = (uintptr_t)buffer + 3584;
	cpu->gpr[INTERP_RCX] = random_u64() & 0x3f;
	cpu->gpr[8] = (u64)((s64)(random_u64() % 1000) - 500);
	cpu->gpr[9] = random_u64() % 16;
	if (random_u64() & 1)
		cpu->gpr[INTERP_RDX] &= 3;
	for (i = 0; i < BUFFER; i += 8) {
		u64 value = random_u64() & 1 ? random_operand() : 0x4142434445464748ULL;

		memcpy(image + i, &value, 8);
	}
	/* Sometimes the comparison of CMPXCHG holds. */
	if (random_u64() & 1)
		memcpy(image + 256, &cpu->gpr[INTERP_RAX], 8);
	if (random_u64() & 1)
		memcpy(image + 264, &cpu->gpr[INTERP_RDX], 8);
	for (i = 0; i < 64; i += 8)
		*(u64 *)(vector + i) = i < 32 ? random_u64() : 0;
}

struct outcome {
	struct interp_cpu cpu;
	u8 memory[BUFFER];
	u8 vector[32];
	bool fault;
};

static void run_interpreted(struct outcome *o, const char *text)
{
	struct interp_result res;
	int ret;

	memcpy(buffer, image, BUFFER);
	o->cpu.rip = (uintptr_t)page + sizeof(load_ymm1);
	do
		ret = interp_one(&o->cpu, &ops, NULL, &res);
	while (!ret && !res.complete);
	if (ret && ret != -EFAULT)
		fail_msg("%s: %d", text, ret);
	o->fault = ret;
	if (!ret)
		assert_true(o->cpu.rip == (uintptr_t)page + sizeof(load_ymm1) + res.length);
	memcpy(o->memory, buffer, BUFFER);
	memcpy(o->vector, vector, 32);
}

static void run_native(struct outcome *o, bool uses_vector, const u8 *start_vector)
{
	static u8 in[32], out[32];
	unsigned int i;

	memcpy(buffer, image, BUFFER);
	memcpy(in, start_vector, 32);
	memcpy(out, start_vector, 32);
	for (i = 0; i < 16; i++)
		native_state.gpr[i] = o->cpu.gpr[i];
	if (uses_vector) {
		native_state.gpr[15] = (uintptr_t)in;
		native_state.gpr[14] = (uintptr_t)out;
	}
	native_state.rflags = o->cpu.rflags;
	native_state.code = uses_vector ? page : page + sizeof(load_ymm1);
	o->fault = native_run();
	for (i = 0; i < 16; i++)
		if (!uses_vector || i < 14)
			o->cpu.gpr[i] = native_state.gpr[i];
	o->cpu.rflags = native_state.rflags;
	memcpy(o->memory, buffer, BUFFER);
	memcpy(o->vector, out, 32);
}

static void compare(const struct outcome *a, const struct outcome *b, u64 flags, const char *text)
{
	unsigned int i;

	if (a->fault != b->fault)
		fail_msg("%s: faults %d, on the processor %d", text, a->fault, b->fault);
	for (i = 0; i < 16; i++)
		if (a->cpu.gpr[i] != b->cpu.gpr[i])
			fail_msg("%s: register %u is %#lx, on the processor %#lx", text, i,
				 a->cpu.gpr[i], b->cpu.gpr[i]);
	/* A fault's flags come back by way of the handler: not compared. */
	if (!a->fault && ((a->cpu.rflags ^ b->cpu.rflags) & flags))
		fail_msg("%s: flags %#lx, on the processor %#lx", text, a->cpu.rflags,
			 b->cpu.rflags);
	for (i = 0; i < BUFFER; i++)
		if (a->memory[i] != b->memory[i])
			fail_msg("%s: memory at %u is %#x, on the processor %#x", text, i,
				 a->memory[i], b->memory[i]);
	for (i = 0; i < 32; i++)
		if (!a->fault && a->vector[i] != b->vector[i])
			fail_msg("%s: vector byte %u is %#x, on the processor %#x", text, i,
				 a->vector[i], b->vector[i]);
}

/* Flags to compare, and whether the vector register is in play. */
static u64 analyse(const u8 *bytes, unsigned int length, bool *uses_vector)
{
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction insn;
	ZydisDecoder decoder;
	u64 undefined;

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	assert_true(ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, bytes, length, &insn, op)));
	undefined = insn.cpu_flags ? insn.cpu_flags->undefined : 0;
	*uses_vector = (insn.attributes & (ZYDIS_ATTRIB_HAS_VEX | ZYDIS_ATTRIB_XMM_STATE_CR |
					   ZYDIS_ATTRIB_XMM_STATE_CW)) ||
		       (op[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
			op[0].reg.value == ZYDIS_REGISTER_XMM1) ||
		       (insn.operand_count > 1 && op[1].type == ZYDIS_OPERAND_TYPE_REGISTER &&
			op[1].reg.value == ZYDIS_REGISTER_XMM1);
	/* Counts above the width, which the list has for narrow operands. */
	if (insn.mnemonic == ZYDIS_MNEMONIC_SHL || insn.mnemonic == ZYDIS_MNEMONIC_SHR)
		undefined |= op[0].size < 32 ? FLAG_CF : 0;
	return (FLAGS_STATUS | FLAG_DF) & ~undefined;
}

static unsigned int try_instruction(const u8 *bytes, unsigned int length, const char *text)
{
	static struct outcome ours, theirs;
	unsigned int n, faults = 0;
	u8 start[64], *p = page;
	bool uses_vector;
	u64 flags;

	memcpy(p, load_ymm1, sizeof(load_ymm1));
	p += sizeof(load_ymm1);
	memcpy(p, bytes, length);
	p += length;
	flags = analyse(bytes, length, &uses_vector);
	if (uses_vector) {
		memcpy(p, store_ymm1, sizeof(store_ymm1));
		p += sizeof(store_ymm1);
	}
	native_finish(p);
	for (n = 0; n < ROUNDS; n++) {
		draw(&ours.cpu);
		if (uses_vector) {
			/* The processor's are taken by the addresses. */
			ours.cpu.gpr[14] = ours.cpu.gpr[15] = 0;
		}
		theirs.cpu = ours.cpu;
		memcpy(start, vector, sizeof(start));
		run_interpreted(&ours, text);
		run_native(&theirs, uses_vector, start);
		compare(&ours, &theirs, flags, text);
		faults += ours.fault;
	}
	return faults;
}

static void test_list(void **state)
{
	const u8 *p = __start_insns;
	unsigned int count = 0, faulted = 0;

	native_catch();
	while (p < __stop_insns) {
		unsigned int length = *p++;
		const char *text = (const char *)p + length;

		faulted += try_instruction(p, length, text) != 0;
		p = (const u8 *)text + strlen(text) + 1;
		count++;
	}
	/* The list is there, and some of it is meant to fault. */
	assert_true(count > 500);
	assert_true(faulted > 10);
	print_message("%u instructions, %u of them fault at times\n", count, faulted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list),
	};

	page = native_page();
	buffer = mmap((void *)0x10000000, BUFFER, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	if (page == MAP_FAILED || buffer == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
