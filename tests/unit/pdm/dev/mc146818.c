// SPDX-License-Identifier: GPL-2.0
/*
 * The real-time clock: formats, setting it, its three interrupts. The fake's
 * time begins on Tuesday, 2023-11-14 22:13:20.
 */
#include "tests/unit/pdm/dev/fake_pdm.h"

extern const struct pdm_device_type mc146818_device;

#define S 1000000000ULL

static u8 get(struct pdm_device *dev, u8 index)
{
	outb(dev, 0x70, index);
	return inb(dev, 0x71);
}

static void set(struct pdm_device *dev, u8 index, u8 value)
{
	outb(dev, 0x70, index);
	outb(dev, 0x71, value);
}

/* Register C without the periodic flag, which is set whether enabled or not. */
static u8 flags(struct pdm_device *dev)
{
	return get(dev, 0x0c) & ~0x40;
}

static void time_is(struct pdm_device *dev, const u8 expected[8])
{
	static const u8 indices[8] = { 0x32, 9, 8, 7, 6, 4, 2, 0 };

	for (int i = 0; i < 8; i++)
		assert_int_equal(get(dev, indices[i]), expected[i]);
}
#define TIME(...) (const u8[8]){ __VA_ARGS__ }

static void test_formats(void **state)
{
	struct pdm_device *dev = fake_create(&mc146818_device, NULL);

	assert_int_equal(get(dev, 0x0d), 0x80);
	assert_int_equal(get(dev, 0x0a), 0x26);
	assert_int_equal(get(dev, 0x0b), 0x02);
	time_is(dev, TIME(0x20, 0x23, 0x11, 0x14, 0x03, 0x22, 0x13, 0x20));
	set(dev, 0x0b, 0x00);
	assert_int_equal(get(dev, 4), 0x90);		/* 10 pm */
	set(dev, 0x0b, 0x06);
	time_is(dev, TIME(20, 23, 11, 14, 3, 22, 13, 20));
	fake_advance(dev, (1 * 3600 + 46 * 60 + 39) * S);
	time_is(dev, TIME(20, 23, 11, 14, 3, 23, 59, 59));
	fake_advance(dev, 1 * S);
	time_is(dev, TIME(20, 23, 11, 15, 4, 0, 0, 0));
	set(dev, 0x0b, 0x04);
	assert_int_equal(get(dev, 4), 12);		/* midnight is 12 am */
	fake_advance(dev, 12 * 3600 * S);
	assert_int_equal(get(dev, 4), 12 | 0x80);
	fake_destroy(dev);
}

static void test_calendar(void **state)
{
	struct pdm_device *dev = fake_create(&mc146818_device, NULL);

	fake_advance(dev, 1709164799ULL * S - 1700000000ULL * S);
	time_is(dev, TIME(0x20, 0x24, 0x02, 0x28, 0x04, 0x23, 0x59, 0x59));
	fake_advance(dev, S);
	time_is(dev, TIME(0x20, 0x24, 0x02, 0x29, 0x05, 0x00, 0x00, 0x00));
	fake_advance(dev, 86400 * S);
	time_is(dev, TIME(0x20, 0x24, 0x03, 0x01, 0x06, 0x00, 0x00, 0x00));
	fake_advance(dev, (4102444799ULL - 1709251200ULL) * S);
	time_is(dev, TIME(0x20, 0x99, 0x12, 0x31, 0x05, 0x23, 0x59, 0x59));
	fake_advance(dev, S);
	time_is(dev, TIME(0x21, 0x00, 0x01, 0x01, 0x06, 0x00, 0x00, 0x00));
	fake_destroy(dev);
}

/* As Linux sets it: SET, the divider's reset, the bytes, and off again. */
static void test_set(void **state)
{
	struct pdm_device *dev = fake_create(&mc146818_device, NULL);

	set(dev, 0x0b, 0x82);
	set(dev, 0x0a, 0x76);
	set(dev, 0x32, 0x19);
	set(dev, 9, 0x99);
	set(dev, 8, 0x12);
	set(dev, 7, 0x31);
	set(dev, 4, 0x23);
	set(dev, 2, 0x59);
	set(dev, 0, 0x58);
	fake_advance(dev, 10 * S);			/* it stands */
	assert_int_equal(get(dev, 0), 0x58);
	assert_int_equal(get(dev, 0x0a), 0x76);
	set(dev, 0x0b, 0x02);
	set(dev, 0x0a, 0x26);
	assert_int_equal(get(dev, 0), 0x58);
	fake_advance(dev, S / 2 - 1);
	assert_int_equal(get(dev, 0), 0x58);
	fake_advance(dev, 1);				/* half a second after the divider */
	assert_int_equal(get(dev, 0), 0x59);
	fake_advance(dev, S);
	time_is(dev, TIME(0x20, 0x00, 0x01, 0x01, 0x07, 0x00, 0x00, 0x00));
	fake_destroy(dev);
}

static void test_update_in_progress(void **state)
{
	struct pdm_device *dev = fake_create(&mc146818_device, NULL);

	fake_advance(dev, S - 3000000);
	assert_int_equal(get(dev, 0x0a), 0x26);
	fake_advance(dev, 1000000);
	assert_int_equal(get(dev, 0x0a), 0xa6);
	fake_advance(dev, 2000000);
	assert_int_equal(get(dev, 0x0a), 0x26);
	set(dev, 0x0b, 0x82);
	fake_advance(dev, S - 1000001);
	assert_int_equal(get(dev, 0x0a), 0x26);
	fake_destroy(dev);
}

static void test_update_interrupt(void **state)
{
	struct pdm_device *dev = fake_create(&mc146818_device, NULL);

	fake_advance(dev, 3 * S);
	assert_int_equal(flags(dev), 0x10);		/* the flag without interrupt */
	assert_int_equal(dev->fires, 0);
	fake_advance(dev, S / 4);
	set(dev, 0x0b, 0x12);
	fake_advance(dev, S / 4 * 3 - 1);
	assert_false(dev->lines[8]);
	fake_advance(dev, 1);
	assert_true(dev->lines[8]);
	fake_advance(dev, 10 * S);			/* one, until C is read */
	assert_int_equal(dev->fires, 1);
	assert_int_equal(flags(dev), 0x90);
	assert_false(dev->lines[8]);
	assert_int_equal(flags(dev), 0x00);
	fake_advance(dev, S);
	assert_int_equal(dev->raises[8], 2);
	fake_destroy(dev);
}

static void test_alarm(void **state)
{
	struct pdm_device *dev = fake_create(&mc146818_device, NULL);

	set(dev, 1, 0x05);
	set(dev, 3, 0x14);
	set(dev, 5, 0xff);				/* any hour */
	set(dev, 0x0b, 0x22);
	fake_advance(dev, 44 * S);
	assert_false(dev->lines[8]);
	fake_advance(dev, S);
	assert_true(dev->lines[8]);
	assert_int_equal(flags(dev), 0xb0);
	fake_advance(dev, 3599 * S);
	assert_false(dev->lines[8]);
	fake_advance(dev, S);
	assert_true(dev->lines[8]);
	fake_destroy(dev);
}

static void test_periodic(void **state)
{
	struct pdm_device *dev = fake_create(&mc146818_device, NULL);

	set(dev, 0x0b, 0x42);				/* 1024 Hz */
	fake_advance(dev, S / 1024 + 1);
	assert_true(dev->lines[8]);
	assert_int_equal(get(dev, 0x0c), 0xc0);
	for (int i = 0; i < 1023; i++) {
		fake_advance(dev, S / 1024 + 1);
		assert_int_equal(get(dev, 0x0c) & 0xc0, 0xc0);
	}
	assert_int_equal(dev->raises[8], 1024);
	set(dev, 0x0a, 0x2f);				/* 2 Hz */
	get(dev, 0x0c);
	fake_advance(dev, S / 2 + 1000000);
	assert_int_equal(get(dev, 0x0c) & 0xc0, 0xc0);
	set(dev, 0x0a, 0x20);				/* none */
	fake_advance(dev, 10 * S);
	assert_int_equal(get(dev, 0x0c) & 0xc0, 0);
	fake_destroy(dev);
}

/* SET stops the date, not the divider; the divider's reset stops both. */
static void test_periodic_while_set(void **state)
{
	struct pdm_device *dev = fake_create(&mc146818_device, NULL);

	set(dev, 0x0a, 0x2f);
	set(dev, 0x0b, 0xc2);
	get(dev, 0x0c);
	fake_advance(dev, S / 2);
	assert_true(dev->lines[8]);
	assert_int_equal(get(dev, 0x0c), 0xc0);
	set(dev, 0x0a, 0x7f);
	fake_advance(dev, 5 * S);
	assert_false(dev->lines[8]);
	assert_int_equal(get(dev, 0x0c), 0);
	fake_destroy(dev);
}

/* Ticks that came while C was not read come then, one by one, up to a few. */
static void test_periodic_owed(void **state)
{
	struct pdm_device *dev = fake_create(&mc146818_device, NULL);

	set(dev, 0x0a, 0x2f);				/* 2 Hz */
	set(dev, 0x0b, 0x42);
	get(dev, 0x0c);
	fake_advance(dev, 2 * S);
	assert_int_equal(dev->raises[8], 1);
	for (unsigned int n = 2; n <= 4; n++) {
		assert_int_equal(get(dev, 0x0c) & 0xc0, 0xc0);
		assert_true(dev->lines[8]);
		assert_int_equal(dev->raises[8], n);
	}
	dev = fake_move(dev);
	assert_true(dev->lines[8]);
	assert_int_equal(get(dev, 0x0c) & 0xc0, 0xc0);
	assert_int_equal(get(dev, 0x0c) & 0xc0, 0);
	assert_false(dev->lines[8]);
	fake_advance(dev, 33 * S / 2);
	for (int n = 0; n < 33; n++)
		assert_int_equal(get(dev, 0x0c) & 0xc0, 0xc0);
	assert_int_equal(get(dev, 0x0c) & 0xc0, 0);
	/* Who cannot keep up is given a rest. */
	fake_advance(dev, 34 * S / 2);
	assert_int_equal(get(dev, 0x0c) & 0xc0, 0xc0);
	assert_int_equal(get(dev, 0x0c) & 0xc0, 0);
	/* Whoever turns it off is owed nothing. */
	fake_advance(dev, 2 * S);
	set(dev, 0x0b, 0x02);
	get(dev, 0x0c);
	assert_int_equal(get(dev, 0x0c) & 0xc0, 0);
	fake_destroy(dev);
}

/* The clock waits for each tick, so a late thread loses none: what is owed is not dropped. */
static void test_periodic_late(void **state)
{
	struct pdm_device *dev = fake_create(&mc146818_device, NULL);

	set(dev, 0x0a, 0x2f);
	set(dev, 0x0b, 0x42);
	get(dev, 0x0c);
	fake_stall(dev, 3 * S);
	assert_int_equal(dev->fires, 6);
	for (int n = 0; n < 6; n++)
		assert_int_equal(get(dev, 0x0c) & 0xc0, 0xc0);
	assert_int_equal(get(dev, 0x0c) & 0xc0, 0);
	fake_destroy(dev);
}

/* Date and alarm are the wall clock's, even where that is not the VM's time. */
static void test_wall_clock_jumps(void **state)
{
	struct pdm_device *dev = fake_create(&mc146818_device, NULL);

	set(dev, 1, 0x00);
	set(dev, 3, 0x00);
	set(dev, 5, 0x23);
	set(dev, 0x0b, 0x22);
	fake_advance(dev, 10 * S);
	fake_wall_jump(dev, 3600 * S);			/* past the alarm */
	time_is(dev, TIME(0x20, 0x23, 0x11, 0x14, 0x03, 0x23, 0x13, 0x30));
	assert_true(dev->lines[8]);
	assert_int_equal(flags(dev), 0xb0);
	set(dev, 0x0b, 0x12);
	flags(dev);
	fake_wall_jump(dev, -1800 * (s64)S);		/* and back */
	time_is(dev, TIME(0x20, 0x23, 0x11, 0x14, 0x03, 0x22, 0x43, 0x30));
	flags(dev);
	fake_advance(dev, S);
	assert_true(dev->lines[8]);
	assert_int_equal(flags(dev), 0x90);
	time_is(dev, TIME(0x20, 0x23, 0x11, 0x14, 0x03, 0x22, 0x43, 0x31));
	fake_destroy(dev);
}

/* An alarm in 12-hour mode, and in binary. */
static void test_alarm_formats(void **state)
{
	struct pdm_device *dev = fake_create(&mc146818_device, NULL);

	set(dev, 0x0b, 0x24);
	set(dev, 1, 0);
	set(dev, 3, 14);
	set(dev, 5, 10 | 0x80);				/* 10 pm: in 40 s */
	fake_advance(dev, 39 * S);
	assert_false(dev->lines[8]);
	fake_advance(dev, S);
	assert_true(dev->lines[8]);
	fake_destroy(dev);
}

static void test_memory(void **state)
{
	struct pdm_device *dev = fake_create(&mc146818_device, NULL);

	for (int i = 0x0e; i < 0x80; i++)
		if (i != 0x32)
			set(dev, i | 0x80, (u8)(i * 7));	/* with NMIs masked */
	dev->type->reset(dev);
	for (int i = 0x0e; i < 0x80; i++)
		if (i != 0x32)
			assert_int_equal(get(dev, i), (u8)(i * 7));
	set(dev, 0x0d, 0);
	assert_int_equal(get(dev, 0x0d), 0x80);
	fake_destroy(dev);
}

/* A clock set to nonsense is some time, and goes on. */
static void test_nonsense(void **state)
{
	struct pdm_device *dev = fake_create(&mc146818_device, NULL);

	set(dev, 0x0b, 0x82);
	for (int i = 0; i < 10; i++)
		set(dev, i, 0xff);
	set(dev, 0x32, 0xff);
	set(dev, 0x0b, 0x02);
	fake_advance(dev, 100 * S);
	set(dev, 8, 0x00);
	set(dev, 7, 0x00);
	assert_in_range(get(dev, 8), 1, 0x12);
	assert_in_range(get(dev, 7), 1, 0x31);
	fake_destroy(dev);
}

static void test_moved(void **state)
{
	struct pdm_device *dev = fake_create(&mc146818_device, NULL);

	set(dev, 4, 0x05);				/* while it runs */
	set(dev, 0x0b, 0x12);
	dev = fake_move(dev);
	assert_int_equal(get(dev, 4), 0x05);
	fake_advance(dev, S);
	assert_true(dev->lines[8]);
	dev = fake_move(dev);
	assert_true(dev->lines[8]);
	assert_int_equal(flags(dev), 0x90);
	fake_destroy(dev);
}

static void test_hostile(void **state)
{
	for (u32 seed = 1; seed <= 20; seed++)
		fake_fuzz(&mc146818_device, seed, 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_calendar),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_update_in_progress),
		cmocka_unit_test(test_update_interrupt),
		cmocka_unit_test(test_alarm),
		cmocka_unit_test(test_periodic),
		cmocka_unit_test(test_periodic_while_set),
		cmocka_unit_test(test_periodic_owed),
		cmocka_unit_test(test_periodic_late),
		cmocka_unit_test(test_wall_clock_jumps),
		cmocka_unit_test(test_alarm_formats),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_moved),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
