// SPDX-License-Identifier: GPL-2.0
/*
 * Integer operations with their flags.
 *
 * Models the arithmetic of the SDM's "Instruction Set Reference"; owns
 * nothing. Where the manual calls a flag undefined: AF is cleared by logic and
 * kept by shifts, and OF after a shift or rotate by more than one is computed
 * as for one, which is what most processors show. Multiplications keep SF, ZF,
 * AF and PF.
 */
#include "vmm/em/alu.h"

static u64 flag_if(bool condition, u64 flag)
{
	return condition ? flag : 0;
}

static bool top_bit(unsigned int bits, u64 value)
{
	return value >> (bits - 1) & 1;
}

/* SF, ZF and PF of @result. */
static u64 flags_of_result(unsigned int bits, u64 result)
{
	return flag_if(top_bit(bits, result), FLAG_SF) | flag_if(result == 0, FLAG_ZF) |
	       flag_if(!__builtin_parity((u8)result), FLAG_PF);
}

static void set_flags(u64 *flags, u64 which, u64 value)
{
	*flags = (*flags & ~which) | (value & which);
}

static u64 add_carry(unsigned int bits, u64 a, u64 b, bool carry, u64 *flags)
{
	u64 sum = (a + b + carry) & alu_mask(bits);
	u64 carries = (a & b) | ((a | b) & ~sum);

	set_flags(flags, FLAGS_STATUS,
		  flags_of_result(bits, sum) | flag_if(top_bit(bits, carries), FLAG_CF) |
		  flag_if((a ^ b ^ sum) & 0x10, FLAG_AF) |
		  flag_if(top_bit(bits, (a ^ sum) & (b ^ sum)), FLAG_OF));
	return sum;
}

static u64 sub_borrow(unsigned int bits, u64 a, u64 b, bool borrow, u64 *flags)
{
	u64 diff = (a - b - borrow) & alu_mask(bits);
	u64 borrows = (~a & b) | ((~a | b) & diff);

	set_flags(flags, FLAGS_STATUS,
		  flags_of_result(bits, diff) | flag_if(top_bit(bits, borrows), FLAG_CF) |
		  flag_if((a ^ b ^ diff) & 0x10, FLAG_AF) |
		  flag_if(top_bit(bits, (a ^ b) & (a ^ diff)), FLAG_OF));
	return diff;
}

static u64 logic(unsigned int bits, u64 result, u64 *flags)
{
	set_flags(flags, FLAGS_STATUS, flags_of_result(bits, result));
	return result;
}

u64 alu_add(unsigned int bits, u64 dst, u64 src, u64 *flags)
{
	return add_carry(bits, dst, src, false, flags);
}

u64 alu_adc(unsigned int bits, u64 dst, u64 src, u64 *flags)
{
	return add_carry(bits, dst, src, *flags & FLAG_CF, flags);
}

u64 alu_sub(unsigned int bits, u64 dst, u64 src, u64 *flags)
{
	return sub_borrow(bits, dst, src, false, flags);
}

u64 alu_sbb(unsigned int bits, u64 dst, u64 src, u64 *flags)
{
	return sub_borrow(bits, dst, src, *flags & FLAG_CF, flags);
}

u64 alu_and(unsigned int bits, u64 dst, u64 src, u64 *flags)
{
	return logic(bits, dst & src, flags);
}

u64 alu_or(unsigned int bits, u64 dst, u64 src, u64 *flags)
{
	return logic(bits, dst | src, flags);
}

u64 alu_xor(unsigned int bits, u64 dst, u64 src, u64 *flags)
{
	return logic(bits, dst ^ src, flags);
}

u64 alu_inc(unsigned int bits, u64 dst, u64 src, u64 *flags)
{
	u64 carry = *flags & FLAG_CF;
	u64 result = add_carry(bits, dst, 1, false, flags);

	set_flags(flags, FLAG_CF, carry);
	return result;
}

u64 alu_dec(unsigned int bits, u64 dst, u64 src, u64 *flags)
{
	u64 carry = *flags & FLAG_CF;
	u64 result = sub_borrow(bits, dst, 1, false, flags);

	set_flags(flags, FLAG_CF, carry);
	return result;
}

u64 alu_neg(unsigned int bits, u64 dst, u64 src, u64 *flags)
{
	return sub_borrow(bits, 0, dst, false, flags);
}

u64 alu_not(unsigned int bits, u64 dst, u64 src, u64 *flags)
{
	return ~dst & alu_mask(bits);
}

u64 alu_move(unsigned int bits, u64 dst, u64 src, u64 *flags)
{
	return src;
}

/* The processor counts modulo 32, or 64 for 64-bit operands. */
static unsigned int shift_count(unsigned int bits, u64 count)
{
	return count & (bits == 64 ? 63 : 31);
}

static u64 rotate_left(unsigned int bits, u64 value, unsigned int n)
{
	n %= bits;
	return n ? (value << n | value >> (bits - n)) & alu_mask(bits) : value;
}

u64 alu_rol(unsigned int bits, u64 dst, u64 src, u64 *flags)
{
	unsigned int n = shift_count(bits, src);
	u64 result = rotate_left(bits, dst, n);

	if (!n)
		return dst;
	set_flags(flags, FLAG_CF | FLAG_OF,
		  flag_if(result & 1, FLAG_CF) |
		  flag_if(top_bit(bits, result) ^ (result & 1), FLAG_OF));
	return result;
}

u64 alu_ror(unsigned int bits, u64 dst, u64 src, u64 *flags)
{
	unsigned int n = shift_count(bits, src);
	u64 result = rotate_left(bits, dst, bits - n % bits);

	if (!n)
		return dst;
	set_flags(flags, FLAG_CF | FLAG_OF,
		  flag_if(top_bit(bits, result), FLAG_CF) |
		  flag_if(top_bit(bits, result ^ result << 1), FLAG_OF));
	return result;
}

/* Rotations through carry go round @bits + 1 positions, one at a time. */
u64 alu_rcl(unsigned int bits, u64 dst, u64 src, u64 *flags)
{
	unsigned int n = shift_count(bits, src) % (bits + 1);
	bool carry = *flags & FLAG_CF;
	unsigned int i;

	for (i = 0; i < n; i++) {
		bool out = top_bit(bits, dst);

		dst = (dst << 1 | carry) & alu_mask(bits);
		carry = out;
	}
	if (shift_count(bits, src))
		set_flags(flags, FLAG_CF | FLAG_OF,
			  flag_if(carry, FLAG_CF) | flag_if(top_bit(bits, dst) ^ carry, FLAG_OF));
	return dst;
}

u64 alu_rcr(unsigned int bits, u64 dst, u64 src, u64 *flags)
{
	unsigned int n = shift_count(bits, src) % (bits + 1);
	bool carry = *flags & FLAG_CF;
	unsigned int i;

	for (i = 0; i < n; i++) {
		bool out = dst & 1;

		dst = dst >> 1 | (u64)carry << (bits - 1);
		carry = out;
	}
	if (shift_count(bits, src))
		set_flags(flags, FLAG_CF | FLAG_OF,
			  flag_if(carry, FLAG_CF) |
			  flag_if(top_bit(bits, dst ^ dst << 1), FLAG_OF));
	return dst;
}

static u64 shift_flags(unsigned int bits, u64 result, bool carry, bool overflow, u64 *flags)
{
	result &= alu_mask(bits);
	set_flags(flags, FLAGS_STATUS & ~FLAG_AF,
		  flags_of_result(bits, result) | flag_if(carry, FLAG_CF) |
		  flag_if(overflow, FLAG_OF));
	return result;
}

u64 alu_shl(unsigned int bits, u64 dst, u64 src, u64 *flags)
{
	unsigned int n = shift_count(bits, src);
	u128 wide = (u128)dst << n;
	bool carry = wide >> bits & 1;

	if (!n)
		return dst;
	return shift_flags(bits, wide, carry, top_bit(bits, wide) ^ carry, flags);
}

u64 alu_shr(unsigned int bits, u64 dst, u64 src, u64 *flags)
{
	unsigned int n = shift_count(bits, src);

	if (!n)
		return dst;
	return shift_flags(bits, dst >> n, dst >> (n - 1) & 1, top_bit(bits, dst), flags);
}

u64 alu_sar(unsigned int bits, u64 dst, u64 src, u64 *flags)
{
	unsigned int n = shift_count(bits, src);
	s64 value = alu_sign_extend(bits, dst);

	if (!n)
		return dst;
	return shift_flags(bits, value >> n, value >> (n - 1) & 1, false, flags);
}

u64 alu_shld(unsigned int bits, u64 dst, u64 fill, unsigned int count, u64 *flags)
{
	unsigned int n = shift_count(bits, count);
	u128 both = (u128)dst << bits | fill;
	u64 result;

	if (!n)
		return dst;
	/* Counts past 16 bits are undefined; shift in the same bits again. */
	if (n > bits)
		both = (u128)fill << bits | fill, n -= bits;
	result = (u64)(both >> (bits - n)) & alu_mask(bits);
	return shift_flags(bits, result, both >> (2 * bits - n) & 1,
			   top_bit(bits, result) ^ top_bit(bits, both >> bits), flags);
}

u64 alu_shrd(unsigned int bits, u64 dst, u64 fill, unsigned int count, u64 *flags)
{
	unsigned int n = shift_count(bits, count);
	u128 both = (u128)fill << bits | dst;
	u64 result;

	if (!n)
		return dst;
	if (n > bits)
		both = (u128)fill << bits | fill, n -= bits;
	result = (u64)(both >> n) & alu_mask(bits);
	return shift_flags(bits, result, both >> (n - 1) & 1,
			   top_bit(bits, result ^ result << 1), flags);
}

u64 alu_bt(unsigned int bits, u64 dst, u64 src, u64 *flags)
{
	set_flags(flags, FLAG_CF, flag_if(dst >> src & 1, FLAG_CF));
	return dst;
}

u64 alu_bts(unsigned int bits, u64 dst, u64 src, u64 *flags)
{
	return alu_bt(bits, dst, src, flags) | BIT_ULL(src);
}

u64 alu_btr(unsigned int bits, u64 dst, u64 src, u64 *flags)
{
	return alu_bt(bits, dst, src, flags) & ~BIT_ULL(src);
}

u64 alu_btc(unsigned int bits, u64 dst, u64 src, u64 *flags)
{
	return alu_bt(bits, dst, src, flags) ^ BIT_ULL(src);
}

void alu_mul(unsigned int bits, u64 a, u64 b, u64 *low, u64 *high, u64 *flags)
{
	u128 product = (u128)a * b;

	*low = (u64)product & alu_mask(bits);
	*high = (u64)(product >> bits) & alu_mask(bits);
	set_flags(flags, FLAG_CF | FLAG_OF, *high ? FLAG_CF | FLAG_OF : 0);
}

void alu_imul(unsigned int bits, u64 a, u64 b, u64 *low, u64 *high, u64 *flags)
{
	__int128 product = (__int128)alu_sign_extend(bits, a) * alu_sign_extend(bits, b);
	bool fits = product == alu_sign_extend(bits, (u64)product & alu_mask(bits));

	*low = (u64)product & alu_mask(bits);
	*high = (u64)(product >> bits) & alu_mask(bits);
	set_flags(flags, FLAG_CF | FLAG_OF, fits ? 0 : FLAG_CF | FLAG_OF);
}

bool alu_div(unsigned int bits, u64 *low, u64 *high, u64 divisor)
{
	u128 dividend = (u128)*high << bits | *low;

	/* Also true for a divisor of zero. */
	if (*high >= divisor)
		return false;
	*low = (u64)(dividend / divisor);
	*high = (u64)(dividend % divisor);
	return true;
}

bool alu_idiv(unsigned int bits, u64 *low, u64 *high, u64 divisor)
{
	u128 raw = (u128)*high << bits | *low;
	unsigned int spare = 128 - 2 * bits;
	__int128 dividend = (__int128)(raw << spare) >> spare;
	s64 by = alu_sign_extend(bits, divisor);
	__int128 quotient;

	/* The smallest dividend by -1 overflows even 128 bits. */
	if (by == 0 || (by == -1 && dividend == (__int128)((u128)1 << 127)))
		return false;
	quotient = dividend / by;
	if (quotient != alu_sign_extend(bits, (u64)quotient & alu_mask(bits)))
		return false;
	*low = (u64)quotient & alu_mask(bits);
	*high = (u64)(dividend % by) & alu_mask(bits);
	return true;
}

bool alu_condition(unsigned int cc, u64 flags)
{
	bool cf = flags & FLAG_CF, zf = flags & FLAG_ZF;
	bool less = !(flags & FLAG_SF) != !(flags & FLAG_OF);
	const bool holds[8] = {
		flags & FLAG_OF, cf, zf, cf || zf,
		flags & FLAG_SF, flags & FLAG_PF, less, less || zf,
	};

	return holds[cc >> 1 & 7] != (cc & 1);
}
