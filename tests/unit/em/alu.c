// SPDX-License-Identifier: GPL-2.0
/*
 * Integer operations and their flags against this processor, operation by
 * operation and width by width, on operands drawn at random.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "tests/unit/em/native.h"
#include "vmm/em/alu.h"

#define ROUNDS	20000

struct operation {
	const char *name;
	alu_fn *fn;
	u8 code[4];		/* for 16 to 64 bits, on rax with rcx */
	u8 code_length;
	u8 undefined;		/* which rule says what flags mean nothing */
};

enum { ALL_DEFINED, LOGIC, SHIFT, ROTATE, BIT_TEST };

/* Opcodes with a ModRM byte for (e)ax, (e)cx; the 8-bit form is one less. */
static const struct operation operations[] = {
	{ "add", alu_add, { 0x01, 0xc8 }, 2, ALL_DEFINED },
	{ "or",  alu_or,  { 0x09, 0xc8 }, 2, LOGIC },
	{ "adc", alu_adc, { 0x11, 0xc8 }, 2, ALL_DEFINED },
	{ "sbb", alu_sbb, { 0x19, 0xc8 }, 2, ALL_DEFINED },
	{ "and", alu_and, { 0x21, 0xc8 }, 2, LOGIC },
	{ "sub", alu_sub, { 0x29, 0xc8 }, 2, ALL_DEFINED },
	{ "xor", alu_xor, { 0x31, 0xc8 }, 2, LOGIC },
	{ "inc", alu_inc, { 0xff, 0xc0 }, 2, ALL_DEFINED },
	{ "dec", alu_dec, { 0xff, 0xc8 }, 2, ALL_DEFINED },
	{ "not", alu_not, { 0xf7, 0xd0 }, 2, ALL_DEFINED },
	{ "neg", alu_neg, { 0xf7, 0xd8 }, 2, ALL_DEFINED },
	{ "rol", alu_rol, { 0xd3, 0xc0 }, 2, ROTATE },
	{ "ror", alu_ror, { 0xd3, 0xc8 }, 2, ROTATE },
	{ "rcl", alu_rcl, { 0xd3, 0xd0 }, 2, ROTATE },
	{ "rcr", alu_rcr, { 0xd3, 0xd8 }, 2, ROTATE },
	{ "shl", alu_shl, { 0xd3, 0xe0 }, 2, SHIFT },
	{ "shr", alu_shr, { 0xd3, 0xe8 }, 2, SHIFT },
	{ "sar", alu_sar, { 0xd3, 0xf8 }, 2, SHIFT },
	{ "bt",  alu_bt,  { 0x0f, 0xa3, 0xc8 }, 3, BIT_TEST },
	{ "bts", alu_bts, { 0x0f, 0xab, 0xc8 }, 3, BIT_TEST },
	{ "btr", alu_btr, { 0x0f, 0xb3, 0xc8 }, 3, BIT_TEST },
	{ "btc", alu_btc, { 0x0f, 0xbb, 0xc8 }, 3, BIT_TEST },
};

static u8 *page;

/* Flags that the manual does not define for this operation and count. */
static u64 undefined_flags(unsigned int rule, unsigned int bits, u64 src)
{
	unsigned int count = src & (bits == 64 ? 63 : 31);

	switch (rule) {
	case LOGIC:
		return FLAG_AF;
	case SHIFT:
		return FLAG_AF | (count == 1 ? 0 : FLAG_OF) | (count > bits ? FLAG_CF : 0);
	case ROTATE:
		return count == 1 ? 0 : FLAG_OF;
	case BIT_TEST:
		return FLAGS_STATUS & ~(FLAG_CF | FLAG_ZF);
	default:
		return 0;
	}
}

/* Put the operation's form for @bits on the page. */
static void assemble(const u8 *code, unsigned int length, unsigned int bits)
{
	u8 *p = page;

	if (bits == 16)
		*p++ = 0x66;
	if (bits == 64)
		*p++ = 0x48;
	memcpy(p, code, length);
	if (bits == 8)
		p[0]--;
	native_finish(p + length);
	native_state.code = page;
}

static void try(const struct operation *op, unsigned int bits, u64 dst, u64 src, u64 flags)
{
	u64 ours = flags, result, skip = undefined_flags(op->undefined, bits, src);
	u64 cut = op->undefined == BIT_TEST ? src & (bits - 1) : src & alu_mask(bits);

	native_state.gpr[0] = dst;
	native_state.gpr[1] = src;
	native_state.rflags = flags | 0x202;
	assert_int_equal(native_run(), 0);
	result = op->fn(bits, dst & alu_mask(bits), cut, &ours);
	if (result == (native_state.gpr[0] & alu_mask(bits)) &&
	    !((ours ^ native_state.rflags) & FLAGS_STATUS & ~skip))
		return;
	fail_msg("%s%u %#lx, %#lx, flags %#lx: %#lx flags %#lx, the processor %#lx flags %#lx",
		 op->name, bits, dst, src, flags, result, ours & FLAGS_STATUS,
		 native_state.gpr[0] & alu_mask(bits), native_state.rflags & FLAGS_STATUS);
}

static void test_operations(void **state)
{
	unsigned int i, bits, n;

	for (i = 0; i < ARRAY_SIZE(operations); i++) {
		const struct operation *op = &operations[i];

		for (bits = op->undefined == BIT_TEST ? 16 : 8; bits <= 64; bits *= 2) {
			assemble(op->code, op->code_length, bits);
			for (n = 0; n < ROUNDS; n++)
				try(op, bits, random_operand(), random_operand(),
				    random_u64() & FLAGS_STATUS);
		}
	}
}

static void test_double_shifts(void **state)
{
	static const u8 code[2][3] = { { 0x0f, 0xa5, 0xd0 }, { 0x0f, 0xad, 0xd0 } };
	unsigned int right, bits, n;

	for (right = 0; right < 2; right++)
		for (bits = 16; bits <= 64; bits *= 2)
			for (n = 0; n < ROUNDS; n++) {
				u64 dst = random_operand(), fill = random_operand();
				u64 count = random_u64() & 0xff, mask = alu_mask(bits);
				u64 flags = random_u64() & FLAGS_STATUS, ours = flags, result;
				unsigned int real = count & (bits == 64 ? 63 : 31);

				if (real > bits)
					continue;
				assemble(code[right], 3, bits);
				native_state.gpr[0] = dst;
				native_state.gpr[1] = count;
				native_state.gpr[2] = fill;
				native_state.rflags = flags | 0x202;
				assert_int_equal(native_run(), 0);
				result = (right ? alu_shrd : alu_shld)(bits, dst & mask,
								       fill & mask, count, &ours);
				assert_int_equal(result, native_state.gpr[0] & mask);
				assert_int_equal((ours ^ native_state.rflags) & FLAGS_STATUS &
						 ~(FLAG_AF | (real == 1 ? 0 : FLAG_OF)), 0);
			}
}

/* Multiplication and division leave all but CF and OF undefined, or all. */
static void test_mul_div(void **state)
{
	enum { MUL, IMUL, DIV, IDIV };
	unsigned int kind, bits, n, faults = 0, done = 0;

	native_catch();
	for (kind = MUL; kind <= IDIV; kind++)
		for (bits = 16; bits <= 64; bits *= 2)
			for (n = 0; n < ROUNDS; n++) {
				const u8 code[2] = { 0xf7, 0xe1 + 8 * kind };
				u64 mask = alu_mask(bits), flags = 0x202;
				u64 low = random_operand() & mask, high = random_operand() & mask;
				u64 by = random_operand() & mask;
				bool ok = true;
				int sig;

				assemble(code, 2, bits);
				native_state.gpr[0] = low;
				native_state.gpr[2] = high;
				native_state.gpr[1] = by;
				native_state.rflags = flags;
				sig = native_run();
				if (kind == MUL)
					alu_mul(bits, low, by, &low, &high, &flags);
				else if (kind == IMUL)
					alu_imul(bits, low, by, &low, &high, &flags);
				else
					ok = (kind == DIV ? alu_div : alu_idiv)(bits, &low, &high,
										by);
				assert_int_equal(sig, ok ? 0 : SIGFPE);
				faults += !ok;
				done += ok;
				if (!ok)
					continue;
				assert_int_equal(low, native_state.gpr[0] & mask);
				assert_int_equal(high, native_state.gpr[2] & mask);
				if (kind <= IMUL)
					assert_int_equal((flags ^ native_state.rflags) &
							 (FLAG_CF | FLAG_OF), 0);
			}
	assert_true(faults > 1000 && done > 1000);
}

static void test_conditions(void **state)
{
	unsigned int cc, n;

	for (cc = 0; cc < 16; cc++) {
		const u8 code[3] = { 0x0f, 0x90 + cc, 0xc0 };

		memcpy(page, code, 3);
		native_finish(page + 3);
		native_state.code = page;
		for (n = 0; n < 1000; n++) {
			u64 flags = random_u64() & FLAGS_STATUS;

			native_state.rflags = flags | 0x202;
			assert_int_equal(native_run(), 0);
			assert_int_equal(alu_condition(cc, flags), native_state.gpr[0] & 0xff);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_operations),
		cmocka_unit_test(test_double_shifts),
		cmocka_unit_test(test_mul_div),
		cmocka_unit_test(test_conditions),
	};

	page = native_page();
	if (page == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
