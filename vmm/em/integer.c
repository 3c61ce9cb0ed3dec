// SPDX-License-Identifier: GPL-2.0
/*
 * Moves, arithmetic, bits and exchanges on integer operands.
 *
 * A read-modify-write reads with the intent to write, so that it faults before
 * a device has seen anything; under LOCK, and always for XCHG, it goes by
 * compare-and-exchange.
 */
#include "vmm/em/internal.h"

static bool is_locked(const struct interp *in)
{
	return in->insn->attributes & ZYDIS_ATTRIB_HAS_LOCK;
}

int interp_mov(struct interp *in)
{
	u64 value;
	int ret = interp_read(in, &in->op[1], &value);

	return ret ? ret : interp_write(in, &in->op[0], value);
}

int interp_movsx(struct interp *in)
{
	u64 value;
	int ret = interp_read(in, &in->op[1], &value);

	return ret ? ret : interp_write(in, &in->op[0], alu_sign_extend(in->op[1].size, value));
}

int interp_movbe(struct interp *in)
{
	u64 value;
	int ret = interp_read(in, &in->op[1], &value);

	value = __builtin_bswap64(value) >> (64 - in->op[0].size);
	return ret ? ret : interp_write(in, &in->op[0], value);
}

/* dst = alu(dst, src), the pattern of most instructions. */
static int modify(struct interp *in, const struct place *dst, alu_fn *alu, u64 src)
{
	unsigned int tries = LOCK_RETRIES;
	unsigned int bits = 8 * dst->size;
	u64 old, new, flags;
	int ret;

	ret = interp_load(in, dst, true, &old);
	if (ret)
		return ret;
	do {
		flags = in->cpu.rflags;
		new = alu(bits, old, src, &flags);
		ret = interp_replace(in, dst, is_locked(in), &old, new);
	} while (ret == -EAGAIN && --tries);
	if (!ret)
		in->cpu.rflags = flags;
	return ret;
}

int interp_modify(struct interp *in)
{
	struct place dst;
	u64 src = 0;
	int ret = 0;

	if (in->insn->operand_count_visible > 1)
		ret = interp_read(in, &in->op[1], &src);
	if (!ret)
		ret = interp_place(in, &in->op[0], true, &dst);
	return ret ? ret : modify(in, &dst, in->row->alu, src & alu_mask(8 * dst.size));
}

int interp_compare(struct interp *in)
{
	u64 mask = alu_mask(in->op[0].size);
	u64 a, b;
	int ret;

	ret = interp_read(in, &in->op[0], &a);
	if (!ret)
		ret = interp_read(in, &in->op[1], &b);
	if (!ret)
		in->row->alu(in->op[0].size, a, b & mask, &in->cpu.rflags);
	return ret;
}

int interp_double_shift(struct interp *in)
{
	bool left = in->insn->mnemonic == ZYDIS_MNEMONIC_SHLD;
	u64 old, fill, count;
	struct place dst;
	int ret;

	ret = interp_read(in, &in->op[1], &fill);
	if (!ret)
		ret = interp_read(in, &in->op[2], &count);
	if (!ret)
		ret = interp_place(in, &in->op[0], true, &dst);
	if (!ret)
		ret = interp_load(in, &dst, true, &old);
	if (ret)
		return ret;
	return interp_store(in, &dst, (left ? alu_shld : alu_shrd)(8 * dst.size, old, fill,
								    (u8)count, &in->cpu.rflags));
}

/* A bit number in a register reaches beyond the operand, in both directions. */
int interp_bit(struct interp *in)
{
	bool only_test = in->insn->mnemonic == ZYDIS_MNEMONIC_BT;
	unsigned int bits = in->op[0].size;
	ZydisDecodedOperand dst_op = in->op[0];
	struct place dst;
	u64 bit, value;
	int ret;

	ret = interp_read(in, &in->op[1], &bit);
	if (ret)
		return ret;
	if (dst_op.type == ZYDIS_OPERAND_TYPE_MEMORY &&
	    in->op[1].type == ZYDIS_OPERAND_TYPE_REGISTER) {
		s64 units = alu_sign_extend(bits, bit) >> __builtin_ctz(bits);

		dst_op.mem.disp.value = (u64)(dst_op.mem.disp.has_displacement ?
					      dst_op.mem.disp.value : 0) +
					(u64)units * (bits / 8);
		dst_op.mem.disp.has_displacement = true;
	}
	bit &= bits - 1;
	ret = interp_place(in, &dst_op, !only_test, &dst);
	if (ret)
		return ret;
	if (!only_test)
		return modify(in, &dst, in->row->alu, bit);
	ret = interp_load(in, &dst, false, &value);
	if (!ret)
		alu_bt(bits, value, bit, &in->cpu.rflags);
	return ret;
}

int interp_setcc(struct interp *in)
{
	return interp_write(in, &in->op[0], alu_condition(in->row->cc, in->cpu.rflags));
}

/* The load happens whatever the condition, and 32-bit moves always clear the upper half. */
int interp_cmov(struct interp *in)
{
	bool taken = alu_condition(in->row->cc, in->cpu.rflags);
	u64 value, kept;
	int ret;

	ret = interp_read(in, &in->op[1], &value);
	if (!ret)
		ret = interp_read(in, &in->op[0], &kept);
	return ret ? ret : interp_write(in, &in->op[0], taken ? value : kept);
}

int interp_xchg(struct interp *in)
{
	bool swap = in->op[1].type == ZYDIS_OPERAND_TYPE_MEMORY;
	unsigned int tries = LOCK_RETRIES;
	struct place a, b;
	u64 old, new;
	int ret;

	ret = interp_place(in, &in->op[swap], true, &a);
	if (!ret)
		ret = interp_place(in, &in->op[!swap], true, &b);
	if (!ret)
		ret = interp_load(in, &b, true, &new);
	if (!ret)
		ret = interp_load(in, &a, true, &old);
	if (ret)
		return ret;
	do
		ret = interp_replace(in, &a, true, &old, new);
	while (ret == -EAGAIN && --tries);
	return ret ? ret : interp_store(in, &b, old);
}

int interp_xadd(struct interp *in)
{
	unsigned int tries = LOCK_RETRIES;
	u64 old, add, sum, flags;
	struct place dst, src;
	int ret;

	ret = interp_place(in, &in->op[0], true, &dst);
	if (!ret)
		ret = interp_place(in, &in->op[1], true, &src);
	if (!ret)
		ret = interp_load(in, &src, true, &add);
	if (!ret)
		ret = interp_load(in, &dst, true, &old);
	if (ret)
		return ret;
	do {
		flags = in->cpu.rflags;
		sum = alu_add(8 * dst.size, old, add, &flags);
		/* Source first: with both operands one register, the sum stays. */
		if (!dst.memory)
			interp_store(in, &src, old);
		ret = interp_replace(in, &dst, is_locked(in), &old, sum);
	} while (ret == -EAGAIN && --tries);
	if (ret)
		return ret;
	in->cpu.rflags = flags;
	return dst.memory ? interp_store(in, &src, old) : 0;
}

/* Writes the destination even when the comparison fails, as the processor does. */
int interp_cmpxchg(struct interp *in)
{
	unsigned int tries = LOCK_RETRIES;
	u64 old, new, acc, flags;
	unsigned int size;
	struct place dst;
	int ret;

	ret = interp_read(in, &in->op[1], &new);
	if (!ret)
		ret = interp_place(in, &in->op[0], true, &dst);
	if (!ret)
		ret = interp_load(in, &dst, true, &old);
	if (ret)
		return ret;
	size = dst.size;
	acc = interp_reg_get(in, INTERP_RAX, size);
	do {
		flags = in->cpu.rflags;
		alu_sub(8 * size, acc, old, &flags);
		ret = interp_replace(in, &dst, is_locked(in), &old, acc == old ? new : old);
	} while (ret == -EAGAIN && --tries);
	if (ret)
		return ret;
	in->cpu.rflags = flags;
	if (acc != old)
		interp_reg_set(in, INTERP_RAX, size, old);
	return 0;
}

static u128 pair_get(const struct interp *in, unsigned int high, unsigned int low, u8 size)
{
	return (u128)interp_reg_get(in, high, size) << (8 * size) | interp_reg_get(in, low, size);
}

/* CMPXCHG8B and CMPXCHG16B. */
int interp_cmpxchg_pair(struct interp *in)
{
	unsigned int tries = LOCK_RETRIES;
	u128 old = 0, new, expected;
	struct place dst;
	u8 half;
	int ret;

	ret = interp_place(in, &in->op[0], true, &dst);
	if (ret)
		return ret;
	half = dst.size / 2;
	if (dst.size == 16 && !IS_ALIGNED(dst.gva, 16))
		return interp_raise(in, VECTOR_GP);
	ret = in->ops->read(in->ctx, dst.gva, &old, dst.size, true, &in->res->exception);
	if (ret)
		return ret;
	expected = pair_get(in, INTERP_RDX, INTERP_RAX, half);
	do {
		new = old == expected ? pair_get(in, INTERP_RCX, INTERP_RBX, half) : old;
		if (is_locked(in))
			ret = in->ops->exchange(in->ctx, dst.gva, &old, &new, dst.size,
					       &in->res->exception);
		else
			ret = in->ops->write(in->ctx, dst.gva, &new, dst.size,
					     &in->res->exception);
	} while (ret == -EAGAIN && --tries);
	if (ret)
		return ret;
	if (old == expected) {
		in->cpu.rflags |= FLAG_ZF;
		return 0;
	}
	in->cpu.rflags &= ~FLAG_ZF;
	interp_reg_set(in, INTERP_RAX, half, (u64)old);
	interp_reg_set(in, INTERP_RDX, half, (u64)(old >> (8 * half)));
	return 0;
}

/* The double-width accumulator: AX for bytes, else rDX:rAX. */
static void accumulator_get(const struct interp *in, unsigned int size, u64 *low, u64 *high)
{
	*low = interp_reg_get(in, INTERP_RAX, size);
	*high = size == 1 ? in->cpu.gpr[INTERP_RAX] >> 8 & 0xff :
			    interp_reg_get(in, INTERP_RDX, size);
}

static void accumulator_set(struct interp *in, unsigned int size, u64 low, u64 high)
{
	if (size == 1) {
		interp_reg_set(in, INTERP_RAX, 2, high << 8 | low);
		return;
	}
	interp_reg_set(in, INTERP_RAX, size, low);
	interp_reg_set(in, INTERP_RDX, size, high);
}

int interp_mul(struct interp *in)
{
	bool is_signed = in->insn->mnemonic == ZYDIS_MNEMONIC_IMUL;
	unsigned int size = in->op[0].size / 8;
	u64 src, low, high;
	int ret;

	ret = interp_read(in, &in->op[0], &src);
	if (ret)
		return ret;
	low = interp_reg_get(in, INTERP_RAX, size);
	(is_signed ? alu_imul : alu_mul)(8 * size, low, src, &low, &high, &in->cpu.rflags);
	accumulator_set(in, size, low, high);
	return 0;
}

/* One, two or three operands. */
int interp_imul(struct interp *in)
{
	unsigned int count = in->insn->operand_count_visible;
	u64 a, b, low, high;
	int ret;

	/* The one-operand form is in the group of MUL and DIV. */
	if (in->insn->opcode == 0xf6 || in->insn->opcode == 0xf7)
		return interp_mul(in);
	ret = interp_read(in, &in->op[count - 2], &a);
	if (!ret)
		ret = interp_read(in, &in->op[count - 1], &b);
	if (ret)
		return ret;
	alu_imul(in->op[0].size, a, b, &low, &high, &in->cpu.rflags);
	return interp_write(in, &in->op[0], low);
}

int interp_div(struct interp *in)
{
	bool is_signed = in->insn->mnemonic == ZYDIS_MNEMONIC_IDIV;
	unsigned int size = in->op[0].size / 8;
	u64 src, low, high;
	int ret;

	ret = interp_read(in, &in->op[0], &src);
	if (ret)
		return ret;
	accumulator_get(in, size, &low, &high);
	if (!(is_signed ? alu_idiv : alu_div)(8 * size, &low, &high, src))
		return interp_raise(in, VECTOR_DE);
	accumulator_set(in, size, low, high);
	return 0;
}

/* CLFLUSH and its kin: a device's registers are in no cache. */
int interp_cache(struct interp *in)
{
	struct place place;

	return interp_place(in, &in->op[0], false, &place);
}
