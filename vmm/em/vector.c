// SPDX-License-Identifier: GPL-2.0
/*
 * Vector moves between memory and an XMM, YMM or ZMM register, or a general
 * register for MOVD and MOVQ: SSE, AVX, AVX-512 without a mask, and MMX.
 *
 * Models the SDM's "SIMD Exceptions" as far as moves have them: which states
 * must be on, and alignment. Left out: masks, arithmetic, and the #MF that an
 * MMX instruction raises for an earlier x87 one.
 */
#include "vmm/em/internal.h"

#define XCR0_AVX	0x06	/* SSE and AVX */
#define XCR0_AVX512	0xe6	/* and all of AVX-512 */

#define VECTOR_BYTES	64

/* Is the state this encoding needs switched on? */
static int check_state(struct interp *in, bool mmx)
{
	ZydisInstructionEncoding encoding = in->insn->encoding;
	u64 need = encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX ? XCR0_AVX512 : XCR0_AVX;
	const struct interp_cpu *cpu = &in->cpu;
	bool usable;

	if (mmx)
		usable = !(cpu->cr0 & CR0_EM);
	else if (encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY)
		usable = !(cpu->cr0 & CR0_EM) && (cpu->cr4 & CR4_OSFXSR);
	else
		usable = (cpu->cr0 & CR0_PE) && !(cpu->rflags & FLAG_VM) &&
			 (cpu->cr4 & CR4_OSXSAVE) && (cpu->xcr0 & need) == need;
	if (!usable)
		return interp_raise(in, VECTOR_UD);
	if (cpu->cr0 & CR0_TS)
		return interp_raise(in, VECTOR_NM);
	return 0;
}

static int vector_number(const ZydisDecodedOperand *op)
{
	ZydisRegister reg;

	if (op->type != ZYDIS_OPERAND_TYPE_REGISTER)
		return -1;
	reg = op->reg.value;
	if (reg >= ZYDIS_REGISTER_XMM0 && reg <= ZYDIS_REGISTER_XMM31)
		return reg - ZYDIS_REGISTER_XMM0;
	if (reg >= ZYDIS_REGISTER_YMM0 && reg <= ZYDIS_REGISTER_YMM31)
		return reg - ZYDIS_REGISTER_YMM0;
	if (reg >= ZYDIS_REGISTER_ZMM0 && reg <= ZYDIS_REGISTER_ZMM31)
		return reg - ZYDIS_REGISTER_ZMM0;
	if (reg >= ZYDIS_REGISTER_MM0 && reg <= ZYDIS_REGISTER_MM7)
		return INTERP_MMX + (reg - ZYDIS_REGISTER_MM0);
	return -1;
}

/* The operand in memory and the vector register, whatever stands between them. */
static int find_operands(struct interp *in, const ZydisDecodedOperand **memory, int *reg)
{
	const ZydisDecodedOperand *first = &in->op[0];
	const ZydisDecodedOperand *last = &in->op[in->insn->operand_count_visible - 1];
	bool store = first->type == ZYDIS_OPERAND_TYPE_MEMORY;

	*memory = store ? first : last;
	*reg = vector_number(store ? last : first);
	if ((*memory)->type != ZYDIS_OPERAND_TYPE_MEMORY || *reg < 0 || !in->ops->vector_get)
		return -ENOSYS;
	if (in->insn->encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX &&
	    in->insn->avx.mask.mode != ZYDIS_MASK_MODE_DISABLED)
		return -ENOSYS;
	return 0;
}

/* Place the operand in memory, after the checks that come before an access. */
static int prepare(struct interp *in, struct place *place, int *reg)
{
	const ZydisDecodedOperand *memory;
	int ret = find_operands(in, &memory, reg);

	if (!ret)
		ret = check_state(in, *reg >= INTERP_MMX);
	if (!ret)
		ret = interp_place(in, memory, memory == &in->op[0], place);
	if (!ret && in->row->aligned && !IS_ALIGNED(place->gva, (gva_t)place->size))
		ret = interp_raise(in, VECTOR_GP);
	return ret;
}

static bool is_store(const struct interp *in)
{
	return in->op[0].type == ZYDIS_OPERAND_TYPE_MEMORY;
}

static int store(struct interp *in, const struct place *place, int reg, unsigned int from)
{
	u8 value[VECTOR_BYTES];
	int ret = in->ops->vector_get(in->ctx, reg, value);

	if (ret)
		return ret;
	ret = in->ops->write(in->ctx, place->gva, value + from, place->size,
			     &in->res->exception);
	/* Any MMX instruction leaves x87's stack at its top and full. */
	if (!ret && reg >= INTERP_MMX)
		ret = in->ops->vector_set(in->ctx, reg, value);
	return ret;
}

/*
 * A load clears the rest of the low 128 bits, and beyond them what the
 * encoding says: SSE keeps it, VEX and EVEX clear it.
 */
int interp_vector(struct interp *in)
{
	u8 value[VECTOR_BYTES] = { 0 }, data[VECTOR_BYTES];
	struct place place;
	int reg, ret;

	ret = prepare(in, &place, &reg);
	if (ret)
		return ret;
	if (is_store(in))
		return store(in, &place, reg, 0);
	ret = in->ops->read(in->ctx, place.gva, data, place.size, false, &in->res->exception);
	if (!ret && in->insn->encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY)
		ret = in->ops->vector_get(in->ctx, reg, value);
	if (ret)
		return ret;
	memset(value, 0, 16);
	memcpy(value, data, place.size);
	return in->ops->vector_set(in->ctx, reg, value);
}

/* MOVLPS, MOVHPS and kin: eight bytes to or from one half, the other half kept. */
int interp_vector_half(struct interp *in)
{
	bool legacy = in->insn->encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY;
	u8 value[VECTOR_BYTES];
	struct place place;
	int reg, other, ret;
	u64 data;

	ret = prepare(in, &place, &reg);
	if (ret)
		return ret;
	if (is_store(in))
		return store(in, &place, reg, in->row->half);
	other = legacy ? reg : vector_number(&in->op[1]);
	if (other < 0)
		return -ENOSYS;
	ret = in->ops->read(in->ctx, place.gva, &data, sizeof(data), false,
			    &in->res->exception);
	if (!ret)
		ret = in->ops->vector_get(in->ctx, other, value);
	if (ret)
		return ret;
	memcpy(value + in->row->half, &data, sizeof(data));
	if (!legacy)
		memset(value + 16, 0, sizeof(value) - 16);
	return in->ops->vector_set(in->ctx, reg, value);
}

/* 64 bytes from memory to the place a register names in ES, which must be aligned. */
int interp_movdir64b(struct interp *in)
{
	u8 data[VECTOR_BYTES];
	struct place src;
	u64 offset;
	gva_t dst;
	int ret;

	if (in->op[0].type != ZYDIS_OPERAND_TYPE_MEMORY ||
	    in->op[1].type != ZYDIS_OPERAND_TYPE_MEMORY)
		return -ENOSYS;
	offset = interp_offset(in, &in->op[0]);
	ret = interp_linear(in, INTERP_ES, offset, sizeof(data), true, &dst);
	if (ret)
		return ret;
	if (!IS_ALIGNED(dst, sizeof(data)))
		return interp_raise(in, VECTOR_GP);
	ret = interp_place(in, &in->op[1], false, &src);
	if (!ret)
		ret = in->ops->read(in->ctx, src.gva, data, sizeof(data), false,
				    &in->res->exception);
	if (ret)
		return ret;
	return in->ops->write(in->ctx, dst, data, sizeof(data), &in->res->exception);
}
