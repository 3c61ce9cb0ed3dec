// SPDX-License-Identifier: GPL-2.0
/* Frames around datagrams: built, and opened whatever they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "gim/hyperv_frame.h"

static const struct hyperv_flow there = {
	.guest = { { 2, 0, 0, 0, 0, 7 }, 1234, 0xc0a80a07 },
	.peer = { { 2, 0, 0, 0, 0, 1 }, 50000, 0xc0a80a01 },
};

/* "ab" of UDP from 192.168.10.1:50000 to 192.168.10.7:1234, the checksums by hand. */
static const u8 known[] = {
	2, 0, 0, 0, 0, 7, 2, 0, 0, 0, 0, 1, 0x08, 0x00,
	0x45, 0, 0, 30, 0, 0, 0, 0, 64, 17, 0xe5, 0x76, 192, 168, 10, 1, 192, 168, 10, 7,
	0xc3, 0x50, 0x04, 0xd2, 0, 10, 0x40, 0xfc, 'a', 'b',
};

static void test_build(void **state)
{
	u8 frame[sizeof(known) + 1];

	frame[sizeof(known)] = 0xee;
	hyperv_frame_build(frame, &there, (const u8 *)"ab", 2);
	assert_memory_equal(frame, known, sizeof(known));
	assert_int_equal(frame[sizeof(known)], 0xee);
}

static u32 sum(const u8 *p, u32 size)
{
	u32 s = 0;

	for (u32 i = 0; i < size; i++)
		s += i & 1 ? p[i] : p[i] << 8;
	return s;
}

static u16 fold(u32 s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

/* Right for every size, and never the 0 that means there is none. */
static void test_checksums(void **state)
{
	static u8 frame[HYPERV_FRAME_HEADERS + 4096], data[4096];

	for (u32 i = 0; i < sizeof(data); i++)
		data[i] = i * 31 + 7;
	for (u32 size = 0; size <= sizeof(data); size += size < 100 ? 1 : 37) {
		hyperv_frame_build(frame, &there, data, size);
		assert_int_equal(fold(sum(frame + 14, 20)), 0xffff);
		assert_int_equal(fold(sum(frame + 26, 8) + 17 + 8 + size +
				      sum(frame + 34, 8 + size)), 0xffff);
		assert_true(frame[40] | frame[41]);
	}
	/* The sum of these and their headers is 0xffff already. */
	data[0] = 0xa2;
	data[1] = 0x5e;
	hyperv_frame_build(frame, &there, data, 2);
	assert_int_equal(frame[40] << 8 | frame[41], 0xffff);
}

/* What goes to the guest comes from it with the ends the other way round. */
static void test_open(void **state)
{
	struct hyperv_flow flow = { 0 };
	u32 size = 0;
	const u8 *data = hyperv_frame_open(known, sizeof(known), &flow, &size);

	assert_ptr_equal(data, known + 42);
	assert_int_equal(size, 2);
	assert_memory_equal(&flow.guest, &there.peer, sizeof(flow.guest));
	assert_memory_equal(&flow.peer, &there.guest, sizeof(flow.peer));
}

struct change {
	u8 at, value;
};

static void test_refused(void **state)
{
	static const struct change rows[] = {
		{ 12, 0x86 }, { 13, 6 }, { 14, 0x65 }, { 14, 0x44 }, { 14, 0x40 }, { 14, 0x4f },
		{ 16, 1 }, { 17, 27 }, { 17, 29 }, { 17, 31 }, { 20, 0x20 }, { 20, 0x1f },
		{ 21, 1 }, { 23, 6 }, { 23, 1 }, { 38, 1 }, { 39, 0 }, { 39, 7 }, { 39, 11 },
	};
	struct hyperv_flow flow = there;
	u8 frame[sizeof(known)];
	u32 size;

	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		memcpy(frame, known, sizeof(frame));
		frame[rows[i].at] = rows[i].value;
		if (hyperv_frame_open(frame, sizeof(frame), &flow, &size))
			fail_msg("row %u", i);
	}
	/* DHCP */
	memcpy(frame, known, sizeof(frame));
	frame[36] = 0;
	frame[37] = 67;
	assert_null(hyperv_frame_open(frame, sizeof(frame), &flow, &size));
	/* "Don't fragment" is no fragment, and wrong checksums are no harm. */
	memcpy(frame, known, sizeof(frame));
	frame[20] = 0x40;
	frame[24] = frame[25] = frame[40] = frame[41] = 0;
	assert_non_null(hyperv_frame_open(frame, sizeof(frame), &flow, &size));
	assert_memory_equal(&there.guest, &flow.peer, sizeof(there.guest));
	assert_memory_equal(&there.peer, &flow.guest, sizeof(there.peer));
}

/* Cut anywhere, in memory that ends there. */
static void test_cut(void **state)
{
	struct hyperv_flow flow = there;
	u32 size;

	for (u32 cut = 0; cut < sizeof(known); cut++) {
		u8 *frame = malloc(cut ? cut : 1);

		memcpy(frame, known, cut);
		assert_null(hyperv_frame_open(frame, cut, &flow, &size));
		free(frame);
	}
	assert_memory_equal(&flow, &there, sizeof(flow));
}

/* Anything: whatever is found lies in the frame. */
static void test_random(void **state)
{
	struct hyperv_flow flow;
	u32 size, found = 0;

	srandom(1);
	for (int i = 0; i < 200000; i++) {
		u32 length = random() % 80;
		u8 *frame = malloc(length ? length : 1);
		const u8 *data;

		for (u32 j = 0; j < length; j++)
			frame[j] = j < sizeof(known) ? known[j] : 0;
		for (int j = random() % 4; length && j > 0; j--)
			frame[random() % length] = random();
		data = hyperv_frame_open(frame, length, &flow, &size);
		if (data) {
			found++;
			assert_true(data >= frame && data + size <= frame + length);
		}
		free(frame);
	}
	assert_true(found > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_build),
		cmocka_unit_test(test_checksums),
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
