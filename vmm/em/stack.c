// SPDX-License-Identifier: GPL-2.0
/*
 * Instructions that use the stack or jump, with a memory operand: PUSH, POP,
 * and the near forms of CALL and JMP. Far transfers are left out.
 */
#include "vmm/em/internal.h"

/* Width of the stack pointer in bytes ("Address-Size Attributes for Stack Accesses"). */
static unsigned int stack_width(const struct interp *in)
{
	if (in->mode == 64)
		return 8;
	return in->cpu.seg[INTERP_SS].access & INTERP_SEG_BIG ? 4 : 2;
}

static int push(struct interp *in, u64 value, unsigned int size)
{
	unsigned int width = stack_width(in);
	u64 sp = (interp_reg_get(in, INTERP_RSP, width) - size) & alu_mask(8 * width);
	struct place place = { .memory = true, .size = size };
	int ret;

	ret = interp_linear(in, INTERP_SS, sp, size, true, &place.gva);
	if (!ret)
		ret = interp_store(in, &place, value);
	if (!ret)
		interp_reg_set(in, INTERP_RSP, width, sp);
	return ret;
}

int interp_push(struct interp *in)
{
	u64 value;
	int ret = interp_read(in, &in->op[0], &value);

	return ret ? ret : push(in, value, in->insn->operand_width / 8);
}

/* An address relative to the stack pointer sees it already incremented. */
int interp_pop(struct interp *in)
{
	unsigned int size = in->insn->operand_width / 8;
	unsigned int width = stack_width(in);
	struct place place = { .memory = true, .size = size };
	u64 sp = interp_reg_get(in, INTERP_RSP, width);
	u64 value;
	int ret;

	ret = interp_linear(in, INTERP_SS, sp, size, false, &place.gva);
	if (!ret)
		ret = interp_load(in, &place, false, &value);
	if (ret)
		return ret;
	interp_reg_set(in, INTERP_RSP, width, sp + size);
	return interp_write(in, &in->op[0], value);
}

static int check_target(struct interp *in, u64 target)
{
	if (in->mode == 64 ? !interp_is_canonical(in, target) :
			     target > in->cpu.seg[INTERP_CS].limit)
		return interp_raise(in, VECTOR_GP);
	return 0;
}

static int near_target(struct interp *in, u64 *target)
{
	int ret;

	if (in->insn->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR ||
	    in->op[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
		return -ENOSYS;
	ret = interp_read(in, &in->op[0], target);
	return ret ? ret : check_target(in, *target);
}

int interp_jmp(struct interp *in)
{
	return near_target(in, &in->next_rip);
}

int interp_call(struct interp *in)
{
	u64 target;
	int ret = near_target(in, &target);

	if (!ret)
		ret = push(in, in->next_rip, in->op[0].size / 8);
	if (!ret)
		in->next_rip = target;
	return ret;
}
