// SPDX-License-Identifier: GPL-2.0
/* The local APIC's rules: vectors, priorities, modes, messages, timer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kmod/lapic_logic.c"

static void test_vectors(void **state)
{
	u32 words[32] = { 0 };

	assert_int_equal(lapic_vector_highest(words), -1);
	for (int v = 0; v < 256; v++) {
		lapic_vector_assign(words, v, true);
		assert_int_equal(lapic_vector_highest(words), v);
		assert_true(lapic_vector_test(words, v));
		assert_int_equal(words[v / 32 * 4 + 1], 0);
	}
	for (int v = 255; v >= 0; v--) {
		assert_int_equal(lapic_vector_highest(words), v);
		lapic_vector_assign(words, v, false);
		assert_false(lapic_vector_test(words, v));
	}
	assert_int_equal(lapic_vector_highest(words), -1);
}

static void test_priorities(void **state)
{
	assert_int_equal(lapic_ppr(0, 0), 0);
	assert_int_equal(lapic_ppr(0x35, 0x31), 0x35);
	assert_int_equal(lapic_ppr(0x35, 0x41), 0x40);
	assert_int_equal(lapic_ppr(0x2f, 0x3f), 0x30);
	assert_int_equal(lapic_ppr(0xff, 0xef), 0xff);

	assert_true(lapic_outranks(0x40, 0x3f));
	assert_false(lapic_outranks(0x3f, 0x30));
	assert_false(lapic_outranks(-1, 0));
	assert_true(lapic_outranks(0x10, 0x0f));

	assert_int_equal(lapic_apr(0x35, 0x20, 0x30), 0x35);
	assert_int_equal(lapic_apr(0x35, 0x20, 0x41), 0x40);
	assert_int_equal(lapic_apr(0x35, 0x51, 0x41), 0x50);
}

static void test_modes(void **state)
{
	/* The rows and columns: off, xAPIC, x2APIC. */
	static const enum lapic_mode mode[3] = { LAPIC_OFF, LAPIC_XAPIC, LAPIC_X2APIC };
	static const bool allowed[3][3] = { { 1, 1, 0 }, { 1, 1, 1 }, { 1, 0, 1 } };

	assert_int_equal(lapic_mode_of(0xfee00000), LAPIC_OFF);
	assert_int_equal(lapic_mode_of(0xfee00400), LAPIC_INVALID);
	assert_int_equal(lapic_mode_of(0xfee00900), LAPIC_XAPIC);
	assert_int_equal(lapic_mode_of(0xfee00d00), LAPIC_X2APIC);
	for (int i = 0; i < 3; i++) {
		for (int j = 0; j < 3; j++)
			assert_int_equal(lapic_mode_may_follow(mode[i], mode[j]), allowed[i][j]);
		assert_false(lapic_mode_may_follow(mode[i], LAPIC_INVALID));
	}
}

static void test_msi(void **state)
{
	struct lapic_message msg;

	assert_int_equal(lapic_message_from_msi(0xfee05000, 0x8041, &msg), 0);
	assert_int_equal(msg.mode, LAPIC_FIXED);
	assert_int_equal(msg.dest, 5);
	assert_int_equal(msg.vector, 0x41);
	assert_true(msg.level);
	assert_false(msg.logical || msg.lowest || msg.broadcast);

	assert_int_equal(lapic_message_from_msi(0xfeeff000, 0x141, &msg), 0);
	assert_true(msg.broadcast && msg.lowest && !msg.level);
	assert_int_equal(msg.mode, LAPIC_FIXED);

	/* The redirection hint means something in logical mode only. */
	assert_int_equal(lapic_message_from_msi(0xfee0300c, 0x41, &msg), 0);
	assert_true(msg.lowest && msg.logical);
	assert_int_equal(lapic_message_from_msi(0xfee03008, 0x41, &msg), 0);
	assert_false(msg.lowest || msg.logical);
	/* All ones in logical mode are bits, not a broadcast. */
	assert_int_equal(lapic_message_from_msi(0xfeeff004, 0x41, &msg), 0);
	assert_false(msg.broadcast);

	assert_int_equal(lapic_message_from_msi(0xfee00000, 0xc500, &msg), 0);
	assert_int_equal(msg.mode, LAPIC_INIT);
	assert_int_equal(lapic_message_from_msi(0xfee00000, 0x8500, &msg), 0);
	assert_int_equal(msg.mode, LAPIC_NOTHING);
	assert_int_equal(lapic_message_from_msi(0xfee00000, 0x0500, &msg), 0);
	assert_int_equal(msg.mode, LAPIC_INIT);
}

static void test_msi_refused(void **state)
{
	struct lapic_message msg;

	assert_int_equal(lapic_message_from_msi(0xfed00000, 0x41, &msg), -EINVAL);
	assert_int_equal(lapic_message_from_msi(0xfef00000, 0x41, &msg), -EINVAL);
	assert_int_equal(lapic_message_from_msi(0, 0x41, &msg), -EINVAL);
	assert_int_equal(lapic_message_from_msi(0x1fee00000, 0x41, &msg), -EINVAL);
	assert_int_equal(lapic_message_from_msi(0xfee00000, 0x341, &msg), -EINVAL);
	assert_int_equal(lapic_message_from_msi(0xfee00000, 0x641, &msg), -EINVAL);
}

static void test_icr(void **state)
{
	struct lapic_message msg;

	lapic_message_from_icr(0x00004041, 0x07000000, false, &msg);
	assert_int_equal(msg.mode, LAPIC_FIXED);
	assert_int_equal(msg.shorthand, LAPIC_BY_DEST);
	assert_int_equal(msg.dest, 7);
	lapic_message_from_icr(0x00004041, 0x07000000, true, &msg);
	assert_int_equal(msg.dest, 0x07000000);
	lapic_message_from_icr(0x00000041, 0xffffffff, true, &msg);
	assert_true(msg.broadcast);
	lapic_message_from_icr(0x00000041, 0xff, true, &msg);
	assert_false(msg.broadcast);
	lapic_message_from_icr(0x00000041, 0xff000000, false, &msg);
	assert_true(msg.broadcast);
	/* The trigger mode counts for INIT alone. */
	lapic_message_from_icr(0x00008041, 0, false, &msg);
	assert_false(msg.level);
	lapic_message_from_icr(0x0000c500, 0, false, &msg);
	assert_int_equal(msg.mode, LAPIC_INIT);
	lapic_message_from_icr(0x00008500, 0, false, &msg);
	assert_int_equal(msg.mode, LAPIC_NOTHING);
	lapic_message_from_icr(0x000c069a, 0, false, &msg);
	assert_int_equal(msg.mode, LAPIC_SIPI);
	assert_int_equal(msg.shorthand, LAPIC_OTHERS);
	assert_int_equal(msg.vector, 0x9a);
}

/* Shorthands that include the sender go with Fixed; 3 and 7 are no IPIs at all. */
static void test_icr_combinations(void **state)
{
	struct lapic_message msg;

	for (u32 mode = 0; mode < 8; mode++) {
		for (u32 shorthand = 0; shorthand < 4; shorthand++) {
			bool others = shorthand == 0 || shorthand == 3;
			bool good = mode == 0 || (others && mode != 3 && mode != 7);

			lapic_message_from_icr(shorthand << 18 | mode << 8 | 0x50, 0, false, &msg);
			assert_int_equal(msg.mode != LAPIC_NOTHING, good);
		}
	}
}

static void test_match_physical(void **state)
{
	struct lapic_address own = { .id = 0x12, .ldr = 0, .dfr = ~0U };
	struct lapic_message msg = { .dest = 0x12 };

	assert_true(lapic_message_matches(&msg, &own));
	msg.dest = 0x112;
	assert_false(lapic_message_matches(&msg, &own));
	msg.broadcast = true;
	assert_true(lapic_message_matches(&msg, &own));
}

static void test_match_logical(void **state)
{
	struct lapic_address flat = { .id = 1, .ldr = 0x02000000, .dfr = ~0U };
	struct lapic_address cluster = { .id = 1, .ldr = 0x32000000, .dfr = 0x0fffffff };
	struct lapic_address unset = { .id = 1, .ldr = 0, .dfr = ~0U };
	struct lapic_address wide = { .x2apic = true, .id = 0x25, .ldr = lapic_x2apic_ldr(0x25) };
	static const struct {
		u32 dest;
		bool flat, cluster, wide;
	} rows[] = {
		{ 0x00, false, false, false },
		{ 0x02, true, false, false },
		{ 0x01, false, false, false },
		{ 0x32, true, true, false },
		{ 0x33, true, true, false },
		{ 0x31, false, false, false },
		{ 0x42, true, false, false },
		{ 0xff, true, true, false },
		{ 0x1ff, false, false, false },
		{ 0x20020, false, false, true },
		{ 0x2ffdf, false, false, false },
		{ 0x30020, false, false, false },
	};

	assert_int_equal(wide.ldr, 0x20020);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct lapic_message msg = { .logical = true, .dest = rows[i].dest };

		assert_int_equal(lapic_message_matches(&msg, &flat), rows[i].flat);
		assert_int_equal(lapic_message_matches(&msg, &cluster), rows[i].cluster);
		assert_int_equal(lapic_message_matches(&msg, &wide), rows[i].wide);
		assert_false(lapic_message_matches(&msg, &unset));
	}
}

static void test_divider(void **state)
{
	static const u32 codes[8] = { 0, 1, 2, 3, 8, 9, 10, 11 };
	static const u32 dividers[8] = { 2, 4, 8, 16, 32, 64, 128, 1 };

	for (int i = 0; i < 8; i++) {
		assert_int_equal(lapic_timer_divider(codes[i]), dividers[i]);
		assert_int_equal(lapic_timer_divider(codes[i] | 4), dividers[i]);
	}
	assert_true(lapic_timer_span(~0U, 10) == 0xffffffffULL * 128);
}

static void test_next(void **state)
{
	assert_int_equal(lapic_timer_next(1000, 10, 1000), 1010);
	assert_int_equal(lapic_timer_next(1000, 10, 1009), 1010);
	assert_int_equal(lapic_timer_next(1000, 10, 1010), 1020);
	assert_int_equal(lapic_timer_next(1000, 7, 5000), 5004);
	assert_int_equal(lapic_timer_next(1000, 1, 1u << 31), (1u << 31) + 1);
	assert_int_equal(lapic_timer_next(1000, 0, 2000), 0);
}

static void test_count(void **state)
{
	/* 100 counts of 16 ns, from 1000. */
	assert_int_equal(lapic_timer_count(2600, 1000, 100, 3), 100);
	assert_int_equal(lapic_timer_count(2600, 1015, 100, 3), 100);
	assert_int_equal(lapic_timer_count(2600, 1016, 100, 3), 99);
	assert_int_equal(lapic_timer_count(2600, 2599, 100, 3), 1);
	assert_int_equal(lapic_timer_count(2600, 2600, 100, 3), 0);
	assert_int_equal(lapic_timer_count(2600, 9999, 100, 3), 0);
	assert_int_equal(lapic_timer_count(0, 1000, 100, 3), 0);
	/* A deadline that no count leads to. */
	assert_int_equal(lapic_timer_count(~0ULL, 0, 100, 3), 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_priorities),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_msi),
		cmocka_unit_test(test_msi_refused),
		cmocka_unit_test(test_icr),
		cmocka_unit_test(test_icr_combinations),
		cmocka_unit_test(test_match_physical),
		cmocka_unit_test(test_match_logical),
		cmocka_unit_test(test_divider),
		cmocka_unit_test(test_next),
		cmocka_unit_test(test_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
