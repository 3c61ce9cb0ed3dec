/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Integer operations with their flags, on 8, 16, 32 or 64 bits.
 *
 * Pure functions. Each takes the destination and the source, both already cut
 * to @bits, returns the result cut to @bits, and changes in *@flags the status
 * flags the instruction defines; flags the manual leaves undefined are what
 * the comment in alu.c says.
 */
#ifndef VMM_EM_ALU_H
#define VMM_EM_ALU_H

#include "base/base.h"

#define FLAG_CF	BIT_ULL(0)
#define FLAG_PF	BIT_ULL(2)
#define FLAG_AF	BIT_ULL(4)
#define FLAG_ZF	BIT_ULL(6)
#define FLAG_SF	BIT_ULL(7)
#define FLAG_TF	BIT_ULL(8)
#define FLAG_DF	BIT_ULL(10)
#define FLAG_OF	BIT_ULL(11)
#define FLAG_RF	BIT_ULL(16)
#define FLAG_VM	BIT_ULL(17)

#define FLAGS_STATUS	(FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF)

typedef u64 alu_fn(unsigned int bits, u64 dst, u64 src, u64 *flags);

alu_fn alu_add, alu_adc, alu_sub, alu_sbb, alu_and, alu_or, alu_xor;
/* Unary: the source is ignored. */
alu_fn alu_inc, alu_dec, alu_neg, alu_not;
/* The source is the count, not yet masked. */
alu_fn alu_rol, alu_ror, alu_rcl, alu_rcr, alu_shl, alu_shr, alu_sar;
/* The source is the bit's number, below @bits. */
alu_fn alu_bt, alu_bts, alu_btr, alu_btc;
/* The result is the source, for instructions that only store. */
alu_fn alu_move;

/* Double shifts: bits come in from @fill. @count is not yet masked. */
u64 alu_shld(unsigned int bits, u64 dst, u64 fill, unsigned int count, u64 *flags);
u64 alu_shrd(unsigned int bits, u64 dst, u64 fill, unsigned int count, u64 *flags);

/* The product's halves; CF and OF say whether the high one matters. */
void alu_mul(unsigned int bits, u64 a, u64 b, u64 *low, u64 *high, u64 *flags);
void alu_imul(unsigned int bits, u64 a, u64 b, u64 *low, u64 *high, u64 *flags);
/* @high:@low by @divisor into quotient and remainder; false: #DE. */
bool alu_div(unsigned int bits, u64 *low, u64 *high, u64 divisor);
bool alu_idiv(unsigned int bits, u64 *low, u64 *high, u64 divisor);

/* Condition @cc (0 to 15) as Jcc, SETcc and CMOVcc encode it. */
bool alu_condition(unsigned int cc, u64 flags);

static inline u64 alu_mask(unsigned int bits)
{
	return ~0ULL >> (64 - bits);
}

static inline s64 alu_sign_extend(unsigned int bits, u64 value)
{
	return (s64)(value << (64 - bits)) >> (64 - bits);
}

#endif
