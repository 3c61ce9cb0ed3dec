// SPDX-License-Identifier: GPL-2.0
/*
 * The instruction interpreter: fetch, decode, dispatch, commit.
 *
 * Zydis decodes; the table below names the handler
 * of each mnemonic, and what is not in it is -ENOSYS. The bytes are fetched
 * once into the result, since other vCPUs may change the code meanwhile, and
 * the registers are a copy until the instruction is done.
 *
 * Left out: far transfers, loads of segment, control and debug registers, port
 * I/O, arithmetic of x87, masked and arithmetic vector instructions, alignment checks
 * (#AC), and task switches. None is how a driver reaches a device's memory.
 */
#include <stdio.h>

#include "vmm/em/internal.h"

#define ALU(name, fn)	[ZYDIS_MNEMONIC_##name] = { .run = interp_modify, .alu = fn }
#define BITOP(name, fn)	[ZYDIS_MNEMONIC_##name] = { .run = interp_bit, .alu = fn }
#define MOV(name)	[ZYDIS_MNEMONIC_##name] = { .run = interp_mov }
#define RUN(name, fn)	[ZYDIS_MNEMONIC_##name] = { .run = fn }
#define CC(suffix, n)							\
	[ZYDIS_MNEMONIC_SET##suffix] = { .run = interp_setcc, .cc = n },	\
	[ZYDIS_MNEMONIC_CMOV##suffix] = { .run = interp_cmov, .cc = n }
#define STRING(name, fn, bytes)						\
	[ZYDIS_MNEMONIC_##name] = { .run = interp_string, .step = fn, .size = bytes }
#define STRINGS(name)							\
	STRING(name##B, interp_step_##name, 1), STRING(name##W, interp_step_##name, 2),	\
	STRING(name##D, interp_step_##name, 4), STRING(name##Q, interp_step_##name, 8)
#define interp_step_MOVS interp_step_movs
#define interp_step_STOS interp_step_stos
#define interp_step_LODS interp_step_lods
#define interp_step_CMPS interp_step_cmps
#define interp_step_SCAS interp_step_scas
#define VEC(name)	[ZYDIS_MNEMONIC_##name] = { .run = interp_vector }
#define VEC_ALIGNED(name) [ZYDIS_MNEMONIC_##name] = { .run = interp_vector, .aligned = true }
#define VEC_HALF(name, from) [ZYDIS_MNEMONIC_##name] = { .run = interp_vector_half, .half = from }

static const struct interp_row table[ZYDIS_MNEMONIC_MAX_VALUE + 1] = {
	MOV(MOV), MOV(MOVZX), MOV(MOVNTI), MOV(MOVDIRI),
	RUN(MOVSX, interp_movsx), RUN(MOVSXD, interp_movsx), RUN(MOVBE, interp_movbe),

	ALU(ADD, alu_add), ALU(ADC, alu_adc), ALU(SUB, alu_sub), ALU(SBB, alu_sbb),
	ALU(AND, alu_and), ALU(OR, alu_or), ALU(XOR, alu_xor),
	ALU(INC, alu_inc), ALU(DEC, alu_dec), ALU(NOT, alu_not), ALU(NEG, alu_neg),
	ALU(ROL, alu_rol), ALU(ROR, alu_ror), ALU(RCL, alu_rcl), ALU(RCR, alu_rcr),
	ALU(SHL, alu_shl), ALU(SHR, alu_shr), ALU(SAR, alu_sar),
	RUN(SHLD, interp_double_shift), RUN(SHRD, interp_double_shift),
	[ZYDIS_MNEMONIC_CMP] = { .run = interp_compare, .alu = alu_sub },
	[ZYDIS_MNEMONIC_TEST] = { .run = interp_compare, .alu = alu_and },
	BITOP(BT, alu_bt), BITOP(BTS, alu_bts), BITOP(BTR, alu_btr), BITOP(BTC, alu_btc),
	RUN(MUL, interp_mul), RUN(IMUL, interp_imul),
	RUN(DIV, interp_div), RUN(IDIV, interp_div),

	CC(O, 0), CC(NO, 1), CC(B, 2), CC(NB, 3), CC(Z, 4), CC(NZ, 5), CC(BE, 6), CC(NBE, 7),
	CC(S, 8), CC(NS, 9), CC(P, 10), CC(NP, 11), CC(L, 12), CC(NL, 13), CC(LE, 14),
	CC(NLE, 15),

	RUN(XCHG, interp_xchg), RUN(XADD, interp_xadd), RUN(CMPXCHG, interp_cmpxchg),
	RUN(CMPXCHG8B, interp_cmpxchg_pair), RUN(CMPXCHG16B, interp_cmpxchg_pair),

	STRINGS(MOVS), STRINGS(STOS), STRINGS(LODS), STRINGS(CMPS), STRINGS(SCAS),

	RUN(PUSH, interp_push), RUN(POP, interp_pop),
	RUN(CALL, interp_call), RUN(JMP, interp_jmp),
	RUN(CLFLUSH, interp_cache), RUN(CLFLUSHOPT, interp_cache), RUN(CLWB, interp_cache),

	VEC(MOVUPS), VEC(MOVUPD), VEC(MOVDQU), VEC(LDDQU),
	VEC_ALIGNED(MOVAPS), VEC_ALIGNED(MOVAPD), VEC_ALIGNED(MOVDQA),
	VEC_ALIGNED(MOVNTPS), VEC_ALIGNED(MOVNTPD), VEC_ALIGNED(MOVNTDQ), VEC_ALIGNED(MOVNTDQA),
	VEC(MOVD), VEC(MOVQ), VEC(MOVSS),
	VEC_HALF(MOVLPS, 0), VEC_HALF(MOVLPD, 0), VEC_HALF(MOVHPS, 8), VEC_HALF(MOVHPD, 8),

	VEC(VMOVUPS), VEC(VMOVUPD), VEC(VMOVDQU), VEC(VLDDQU),
	VEC(VMOVDQU8), VEC(VMOVDQU16), VEC(VMOVDQU32), VEC(VMOVDQU64),
	VEC_ALIGNED(VMOVAPS), VEC_ALIGNED(VMOVAPD), VEC_ALIGNED(VMOVDQA),
	VEC_ALIGNED(VMOVDQA32), VEC_ALIGNED(VMOVDQA64),
	VEC_ALIGNED(VMOVNTPS), VEC_ALIGNED(VMOVNTPD), VEC_ALIGNED(VMOVNTDQ),
	VEC_ALIGNED(VMOVNTDQA),
	VEC(VMOVD), VEC(VMOVQ), VEC(VMOVSS), VEC(VMOVSD),
	VEC_HALF(VMOVLPS, 0), VEC_HALF(VMOVLPD, 0), VEC_HALF(VMOVHPS, 8), VEC_HALF(VMOVHPD, 8),
	RUN(MOVDIR64B, interp_movdir64b),

	RUN(FLD, interp_x87), RUN(FST, interp_x87), RUN(FSTP, interp_x87),
	RUN(FILD, interp_x87), RUN(FIST, interp_x87), RUN(FISTP, interp_x87),
	RUN(FISTTP, interp_x87),
};

/* MOVSD names a string move and a vector move; CMPSD likewise. */
static const struct interp_row row_vector_movsd = { .run = interp_vector };

static const struct interp_row *find_row(const ZydisDecodedInstruction *insn)
{
	const struct interp_row *row = &table[insn->mnemonic];

	if (row->run == interp_string && insn->meta.category != ZYDIS_CATEGORY_STRINGOP)
		return insn->mnemonic == ZYDIS_MNEMONIC_MOVSD ? &row_vector_movsd : NULL;
	return row->run ? row : NULL;
}

static bool stack_is_big(const struct interp_cpu *cpu)
{
	return cpu->seg[INTERP_SS].access & INTERP_SEG_BIG;
}

static void decoder_init(ZydisDecoder *decoder, const struct interp_cpu *cpu)
{
	bool big_stack = stack_is_big(cpu);
	u8 mode = interp_mode(cpu);

	if (mode == 64)
		ZydisDecoderInit(decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	else if (mode == 32)
		ZydisDecoderInit(decoder, ZYDIS_MACHINE_MODE_LEGACY_32,
				 big_stack ? ZYDIS_STACK_WIDTH_32 : ZYDIS_STACK_WIDTH_16);
	else
		ZydisDecoderInit(decoder, ZYDIS_MACHINE_MODE_LEGACY_16,
				 big_stack ? ZYDIS_STACK_WIDTH_32 : ZYDIS_STACK_WIDTH_16);
}

/* Read more bytes at CS:RIP, behind those already read, without leaving the page. */
static int fetch_some(struct interp *in)
{
	const struct interp_segment *cs = &in->cpu.seg[INTERP_CS];
	struct interp_result *res = in->res;
	u64 offset = in->cpu.rip + res->fetched;
	u64 want = INTERP_MAX_LENGTH - res->fetched;
	gva_t gva = offset;
	int ret;

	if (in->mode != 64) {
		if ((u32)in->cpu.rip > cs->limit || offset > cs->limit)
			return interp_raise(in, VECTOR_GP);
		want = min(want, (u64)cs->limit - offset + 1);
		gva = (u32)(cs->base + offset);
	} else if (!interp_is_canonical(in, gva)) {
		return interp_raise(in, VECTOR_GP);
	}
	want = min(want, 4096 - (gva & 4095));
	ret = in->ops->fetch(in->ctx, gva, res->bytes + res->fetched, want, &res->exception);
	if (!ret)
		res->fetched += want;
	return ret;
}

/*
 * What Zydis refuses, the processor refuses with #UD if it is a known
 * instruction in a form that does not exist. An opcode that Zydis does not
 * know may be newer than it, so that is for a person to see.
 */
static int decode_error(struct interp *in, ZyanStatus status)
{
	switch (status) {
	case ZYDIS_STATUS_INSTRUCTION_TOO_LONG:
		return interp_raise(in, VECTOR_GP);
	case ZYDIS_STATUS_BAD_REGISTER:
	case ZYDIS_STATUS_ILLEGAL_LOCK:
	case ZYDIS_STATUS_ILLEGAL_LEGACY_PFX:
	case ZYDIS_STATUS_ILLEGAL_REX:
	case ZYDIS_STATUS_MALFORMED_EVEX:
	case ZYDIS_STATUS_INVALID_MASK:
		return interp_raise(in, VECTOR_UD);
	default:
		return -ENOSYS;
	}
}

/*
 * What decoding came to, by the bytes and the mode alone. Drivers reach their
 * device from a few places over and over, so each thread keeps the last ones.
 */
struct decoded {
	u8 bytes[INTERP_MAX_LENGTH];
	u8 mode;
	bool big_stack;
	ZydisDecodedInstruction insn;		/* .length 0: nothing here */
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
};

#define DECODED_COUNT	16

static __thread struct decoded decoded[DECODED_COUNT];

static bool decoded_fits(const struct decoded *d, const struct interp *in)
{
	unsigned int length = d->insn.length;

	return length && length <= in->res->fetched && d->mode == in->mode &&
	       d->big_stack == stack_is_big(&in->cpu) && !memcmp(d->bytes, in->res->bytes, length);
}

static ZyanStatus decode(struct interp *in)
{
	struct decoded *d = &decoded[in->cpu.rip % DECODED_COUNT];
	ZyanStatus status = ZYAN_STATUS_SUCCESS;
	ZydisDecoder decoder;

	in->insn = &d->insn;
	in->op = d->op;
	if (decoded_fits(d, in))
		return status;
	decoder_init(&decoder, &in->cpu);
	status = ZydisDecoderDecodeFull(&decoder, in->res->bytes, in->res->fetched, &d->insn,
					d->op);
	memcpy(d->bytes, in->res->bytes, sizeof(d->bytes));
	d->mode = in->mode;
	d->big_stack = stack_is_big(&in->cpu);
	if (!ZYAN_SUCCESS(status))
		d->insn.length = 0;
	return status;
}

/* Fetch up to the page's end first: the next page is touched only if it is needed. */
static int fetch_and_decode(struct interp *in)
{
	ZyanStatus status;
	int ret;

	do {
		ret = in->res->fetched < INTERP_MAX_LENGTH ? fetch_some(in) :
							     interp_raise(in, VECTOR_GP);
		if (ret)
			return ret;
		status = decode(in);
	} while (status == ZYDIS_STATUS_NO_MORE_DATA);
	if (!ZYAN_SUCCESS(status))
		return decode_error(in, status);
	in->res->length = in->insn->length;
	return 0;
}

static u64 rip_mask(const struct interp *in)
{
	return alu_mask(in->mode);
}

static void commit(struct interp *in, struct interp_cpu *cpu)
{
	struct interp_result *res = in->res;

	res->single_step = cpu->rflags & FLAG_TF;
	res->shadow_end = true;
	if (res->complete) {
		in->cpu.rip = in->next_rip;
		in->cpu.rflags &= ~FLAG_RF;
	} else {
		in->cpu.rflags |= FLAG_RF;
	}
	*cpu = in->cpu;
}

int interp_one(struct interp_cpu *cpu, const struct interp_ops *ops, void *ctx,
	       struct interp_result *res)
{
	struct interp in = { .cpu = *cpu, .ops = ops, .ctx = ctx, .res = res };
	int ret;

	*res = (struct interp_result){ .complete = true };
	in.mode = interp_mode(cpu);
	ret = fetch_and_decode(&in);
	if (ret)
		return ret;
	in.next_rip = (cpu->rip + in.insn->length) & rip_mask(&in);
	in.row = find_row(in.insn);
	if (!in.row)
		return -ENOSYS;
	ret = in.row->run(&in);
	if (!ret)
		commit(&in, cpu);
	else if (in.row->run == interp_string)
		*cpu = in.cpu;		/* the iterations that were done */
	return ret;
}

void interp_describe(const struct interp_cpu *cpu, const struct interp_result *res, char *buf,
		     size_t size)
{
	unsigned int count = res->length ? res->length : res->fetched;
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
	char text[128] = "unknown instruction";
	char hex[3 * INTERP_MAX_LENGTH + 1] = "";
	ZydisDecodedInstruction insn;
	ZydisFormatter formatter;
	ZydisDecoder decoder;
	unsigned int i;

	decoder_init(&decoder, cpu);
	ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL);
	if (ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, res->bytes, count, &insn, op)))
		ZydisFormatterFormatInstruction(&formatter, &insn, op, insn.operand_count_visible,
						text, sizeof(text), cpu->rip, NULL);
	for (i = 0; i < count; i++)
		snprintf(hex + 3 * i, sizeof(hex) - 3 * i, " %02x", res->bytes[i]);
	snprintf(buf, size, "%s (%s)", text, count ? hex + 1 : "no bytes");
}
