// SPDX-License-Identifier: GPL-2.0
/* Hypercalls' registers, the rules for their input, and sets of processors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gim/hyperv_call.h"
#include "gim/hyperv_tlfs.h"

enum { RAX, RCX, RDX, RBX, RSI = 6, RDI, R8 };

static const struct hyperv_form list = { .code = 3, .in = 24, .list = true };
static const struct hyperv_form set = { .code = 0x15, .in = 24, .set = true };
static const struct hyperv_form plain = { .code = 0xb, .in = 16 };
static const struct hyperv_form none = { .code = 8 };
static const struct hyperv_form query = { .code = 0x8001, .out = 8 };

static void test_decode(void **state)
{
	u64 wide[16] = { [RCX] = 0x0003000500078123, [RDX] = 0x1122334455667788, [R8] = 42 };
	u64 narrow[16] = {
		[RDX] = 0xffffffff00030005, [RAX] = 0xffffffff00078123, [RBX] = 0x11223344,
		[RCX] = 0xffffffff55667788, [RDI] = 0, [RSI] = 42,
	};
	struct hyperv_call a, b;

	hyperv_call_decode(&a, wide, true);
	assert_int_equal(a.code, 0x8123);
	assert_true(a.fast);
	assert_false(a.reserved);
	assert_int_equal(a.header, 3);
	assert_int_equal(a.count, 5);
	assert_int_equal(a.start, 3);
	assert_true(a.in == 0x1122334455667788 && a.out == 42);
	hyperv_call_decode(&b, narrow, false);
	assert_true(b.code == a.code && b.fast && !b.reserved && b.header == a.header);
	assert_true(b.count == a.count && b.start == a.start && b.in == a.in && b.out == a.out);
}

static void test_reserved(void **state)
{
	const u64 bits = 0xf000f000f8000000;
	struct hyperv_call call;

	for (int i = 0; i < 64; i++) {
		u64 r[16] = { [RCX] = BIT_ULL(i) };

		hyperv_call_decode(&call, r, true);
		assert_int_equal(call.reserved, bits >> i & 1);
	}
}

static void test_result(void **state)
{
	u64 r[16] = { [RAX] = ~0ULL, [RDX] = ~0ULL };

	hyperv_call_result(r, true, 5, 0xabc);
	assert_true(r[RAX] == 0xabc00000005);
	assert_true(r[RDX] == ~0ULL);
	hyperv_call_result(r, false, 5, 0xabc);
	assert_true(r[RAX] == 5 && r[RDX] == 0xabc);
}

static void test_check(void **state)
{
	enum { OK = 0, INPUT = 3, ALIGNMENT = 4 };
	static const struct {
		struct hyperv_call call;
		const struct hyperv_form *form;
		u16 want;
	} rows[] = {
		{ { .in = 0x1000 }, &plain, OK },
		{ { .in = 0x1008 }, &plain, OK },
		{ { .in = 0x1004 }, &plain, ALIGNMENT },
		{ { .in = 0x1ff0 }, &plain, OK },
		{ { .in = 0x1ff8 }, &plain, ALIGNMENT },
		{ { .in = ~7ULL }, &plain, ALIGNMENT },
		{ { .in = 5, .fast = true }, &plain, OK },
		{ { .in = 0x1000, .reserved = true }, &plain, INPUT },
		{ { .in = 0x1000, .header = 1 }, &plain, INPUT },
		{ { .in = 0x1000, .count = 1 }, &plain, INPUT },
		{ { .in = 0x1000, .start = 1 }, &plain, INPUT },
		{ { .in = 0x1000 }, &list, INPUT },
		{ { .in = 0x1000, .count = 1, .start = 1 }, &list, INPUT },
		{ { .in = 0x1000, .count = 2, .start = 1 }, &list, OK },
		{ { .in = 0x1000, .count = 509 }, &list, OK },
		{ { .in = 0x1000, .count = 510 }, &list, ALIGNMENT },
		{ { .in = 0x1000, .count = 0xfff, .header = 0x3ff }, &list, INPUT },
		{ { .count = 1, .fast = true }, &list, INPUT },
		{ { .in = 0x1000, .header = 4 }, &set, OK },
		{ { .in = 0x1000, .header = 0x3ff }, &set, ALIGNMENT },
		{ { .fast = true }, &set, INPUT },
		{ { .in = 1 }, &none, OK },
		{ { .fast = true }, &none, OK },
		{ { .in = 1, .out = 0x1000 }, &query, OK },
		{ { .out = 0x1001 }, &query, ALIGNMENT },
		{ { .out = 0x1000, .fast = true }, &query, INPUT },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++)
		if (hyperv_call_check(&rows[i].call, rows[i].form) != rows[i].want)
			fail_msg("row %u", i);
}

static void test_set(void **state)
{
	const u64 banks[4] = { 0x11, 0x22, 0x33, 0x44 };
	struct hyperv_set to;

	assert_int_equal(hyperv_set_expand(&to, 0, 0, banks, 0), 0);
	assert_true(!to.bank[0] && !to.bank[1] && !to.bank[2] && !to.bank[3]);
	assert_int_equal(hyperv_set_expand(&to, 0, 0xf, banks, 4), 0);
	assert_memory_equal(to.bank, banks, sizeof(banks));
	/* Only those that are valid are there, one behind the other. */
	assert_int_equal(hyperv_set_expand(&to, 0, 0xa, banks, 2), 0);
	assert_true(!to.bank[0] && to.bank[1] == 0x11 && !to.bank[2] && to.bank[3] == 0x22);
	/* Beyond all that there can be. */
	assert_int_equal(hyperv_set_expand(&to, 0, BIT_ULL(63) | 1, banks, 2), 0);
	assert_true(to.bank[0] == 0x11 && !to.bank[3]);
	assert_int_equal(hyperv_set_expand(&to, 0, ~0ULL, banks, 64), 0);
	assert_memory_equal(to.bank, banks, sizeof(banks));
	assert_int_equal(hyperv_set_expand(&to, 1, 0, banks, 0), 0);
	assert_true(to.bank[0] == ~0ULL && to.bank[3] == ~0ULL);
	/* More or fewer than were said to be. */
	assert_int_equal(hyperv_set_expand(&to, 0, 1, banks, 2), 3);
	assert_int_equal(hyperv_set_expand(&to, 0, 3, banks, 1), 3);
	assert_int_equal(hyperv_set_expand(&to, 1, 1, banks, 0), 3);
	assert_int_equal(hyperv_set_expand(&to, 2, 0, banks, 0), 5);
	assert_int_equal(hyperv_set_expand(&to, ~0ULL, 0, banks, 0), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decode),
		cmocka_unit_test(test_reserved),
		cmocka_unit_test(test_result),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
