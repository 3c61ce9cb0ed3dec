// SPDX-License-Identifier: GPL-2.0
/*
 * Operands of an interpreted instruction: registers, effective addresses, the
 * checks of segmentation, and loads and stores of up to eight bytes.
 *
 * Models the SDM's "Operand Addressing" and "Limit Checking". All state is in
 * the struct interp of the caller.
 */
#include "vmm/em/internal.h"

int interp_raise(struct interp *in, u8 vector)
{
	bool has_error = vector >= VECTOR_SS && (in->cpu.cr0 & CR0_PE);

	in->res->exception = (struct interp_exception){ .vector = vector, .has_error = has_error };
	return -EFAULT;
}

u8 interp_mode(const struct interp_cpu *cpu)
{
	const struct interp_segment *cs = &cpu->seg[INTERP_CS];

	if ((cpu->efer & EFER_LMA) && (cs->access & INTERP_SEG_LONG))
		return 64;
	return cs->access & INTERP_SEG_BIG ? 32 : 16;
}

bool interp_is_canonical(const struct interp *in, u64 address)
{
	return (u64)alu_sign_extend(in->cpu.cr4 & CR4_LA57 ? 57 : 48, address) == address;
}

u64 interp_reg_get(const struct interp *in, unsigned int reg, unsigned int size)
{
	return in->cpu.gpr[reg] & alu_mask(8 * size);
}

void interp_reg_set(struct interp *in, unsigned int reg, unsigned int size, u64 value)
{
	u64 keep = size >= 4 ? 0 : ~alu_mask(8 * size);

	in->cpu.gpr[reg] = (in->cpu.gpr[reg] & keep) | (value & alu_mask(8 * size));
}

static int segment_fault(struct interp *in, enum interp_seg seg)
{
	return interp_raise(in, seg == INTERP_SS ? VECTOR_SS : VECTOR_GP);
}

/* Does the descriptor allow it? Real and virtual-8086 mode do not look. */
static bool type_allows(const struct interp *in, const struct interp_segment *s, bool write)
{
	if (!(in->cpu.cr0 & CR0_PE) || (in->cpu.rflags & FLAG_VM))
		return true;
	if (s->access & INTERP_SEG_UNUSABLE)
		return false;
	if (s->access & INTERP_SEG_CODE)
		return !write && (s->access & INTERP_SEG_RW);
	return !write || (s->access & INTERP_SEG_RW);
}

static bool limit_allows(const struct interp_segment *s, u64 first, u64 last)
{
	u64 top = s->access & INTERP_SEG_BIG ? 0xffffffff : 0xffff;

	if (!(s->access & INTERP_SEG_CODE) && (s->access & INTERP_SEG_DOWN))
		return first > s->limit && last <= top;
	return last <= s->limit;
}

int interp_linear(struct interp *in, enum interp_seg seg, u64 offset, unsigned int size,
		  bool write, gva_t *gva)
{
	const struct interp_segment *s = &in->cpu.seg[seg];
	u64 last = offset + size - 1;

	if (in->mode == 64) {
		if (seg == INTERP_FS || seg == INTERP_GS)
			offset += s->base;
		*gva = offset;
		last = offset + size - 1;
		if (!interp_is_canonical(in, offset) || !interp_is_canonical(in, last) ||
		    (s64)(offset ^ last) < 0)
			return segment_fault(in, seg);
		return 0;
	}
	*gva = (u32)(s->base + offset);
	if (!type_allows(in, s, write) || !limit_allows(s, offset, last))
		return segment_fault(in, seg);
	return 0;
}

unsigned int interp_address_bits(const struct interp *in)
{
	return in->insn->address_width;
}

enum interp_seg interp_segment_of(const ZydisDecodedOperand *op)
{
	ZydisRegister seg = op->mem.segment;

	if (seg < ZYDIS_REGISTER_ES || seg > ZYDIS_REGISTER_GS)
		return INTERP_DS;
	return (enum interp_seg)(seg - ZYDIS_REGISTER_ES);
}

/* A register in an address; ZYDIS_REGISTER_NONE counts as 0. */
static u64 address_part(const struct interp *in, ZydisRegister reg)
{
	if (reg >= ZYDIS_REGISTER_AX && reg <= ZYDIS_REGISTER_R15W)
		return (u16)in->cpu.gpr[reg - ZYDIS_REGISTER_AX];
	if (reg >= ZYDIS_REGISTER_EAX && reg <= ZYDIS_REGISTER_R15D)
		return (u32)in->cpu.gpr[reg - ZYDIS_REGISTER_EAX];
	if (reg >= ZYDIS_REGISTER_RAX && reg <= ZYDIS_REGISTER_R15)
		return in->cpu.gpr[reg - ZYDIS_REGISTER_RAX];
	if (reg == ZYDIS_REGISTER_RIP || reg == ZYDIS_REGISTER_EIP)
		return in->next_rip;
	return 0;
}

u64 interp_offset(const struct interp *in, const ZydisDecodedOperand *op)
{
	u64 offset = address_part(in, op->mem.base);

	offset += address_part(in, op->mem.index) * op->mem.scale;
	if (op->mem.disp.has_displacement)
		offset += (u64)op->mem.disp.value;
	return offset & alu_mask(interp_address_bits(in));
}

static int register_place(const ZydisDecodedOperand *op, struct place *place)
{
	ZydisRegister reg = op->reg.value;

	*place = (struct place){ .size = op->size / 8 };
	if (reg >= ZYDIS_REGISTER_AL && reg <= ZYDIS_REGISTER_BL)
		place->reg = reg - ZYDIS_REGISTER_AL;
	else if (reg >= ZYDIS_REGISTER_AH && reg <= ZYDIS_REGISTER_BH)
		place->reg = reg - ZYDIS_REGISTER_AH, place->shift = 8;
	else if (reg >= ZYDIS_REGISTER_SPL && reg <= ZYDIS_REGISTER_R15B)
		place->reg = reg - ZYDIS_REGISTER_SPL + INTERP_RSP;
	else if (reg >= ZYDIS_REGISTER_AX && reg <= ZYDIS_REGISTER_R15W)
		place->reg = reg - ZYDIS_REGISTER_AX;
	else if (reg >= ZYDIS_REGISTER_EAX && reg <= ZYDIS_REGISTER_R15D)
		place->reg = reg - ZYDIS_REGISTER_EAX;
	else if (reg >= ZYDIS_REGISTER_RAX && reg <= ZYDIS_REGISTER_R15)
		place->reg = reg - ZYDIS_REGISTER_RAX;
	else
		return -ENOSYS;
	return 0;
}

int interp_place(struct interp *in, const ZydisDecodedOperand *op, bool write,
		 struct place *place)
{
	if (op->type == ZYDIS_OPERAND_TYPE_REGISTER)
		return register_place(op, place);
	if (op->type != ZYDIS_OPERAND_TYPE_MEMORY || op->size / 8 > INTERP_MAX_ACCESS)
		return -ENOSYS;
	*place = (struct place){ .memory = true, .size = op->size / 8 };
	return interp_linear(in, interp_segment_of(op), interp_offset(in, op), place->size, write,
			     &place->gva);
}

int interp_load(struct interp *in, const struct place *place, bool for_write, u64 *value)
{
	*value = 0;
	if (!place->memory) {
		*value = in->cpu.gpr[place->reg] >> place->shift & alu_mask(8 * place->size);
		return 0;
	}
	return in->ops->read(in->ctx, place->gva, value, place->size, for_write,
			     &in->res->exception);
}

int interp_store(struct interp *in, const struct place *place, u64 value)
{
	if (place->memory)
		return in->ops->write(in->ctx, place->gva, &value, place->size,
				      &in->res->exception);
	if (place->shift) {
		u64 *reg = &in->cpu.gpr[place->reg];

		*reg = (*reg & ~0xff00ULL) | (value & 0xff) << 8;
		return 0;
	}
	interp_reg_set(in, place->reg, place->size, value);
	return 0;
}

int interp_replace(struct interp *in, const struct place *place, bool atomic, u64 *old, u64 new)
{
	if (!place->memory || !atomic)
		return interp_store(in, place, new);
	return in->ops->exchange(in->ctx, place->gva, old, &new, place->size,
				&in->res->exception);
}

int interp_read(struct interp *in, const ZydisDecodedOperand *op, u64 *value)
{
	struct place place;
	int ret;

	if (op->type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
		*value = op->imm.value.u;
		return 0;
	}
	if (op->type == ZYDIS_OPERAND_TYPE_REGISTER && op->reg.value >= ZYDIS_REGISTER_ES &&
	    op->reg.value <= ZYDIS_REGISTER_GS) {
		*value = in->cpu.seg[op->reg.value - ZYDIS_REGISTER_ES].selector;
		return 0;
	}
	ret = interp_place(in, op, false, &place);
	return ret ? ret : interp_load(in, &place, false, value);
}

int interp_write(struct interp *in, const ZydisDecodedOperand *op, u64 value)
{
	struct place place;
	int ret = interp_place(in, op, true, &place);

	return ret ? ret : interp_store(in, &place, value);
}
