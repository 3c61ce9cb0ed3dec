// SPDX-License-Identifier: GPL-2.0
/* The HPET: its counter, each kind of comparator, and where interrupts go. */
#include "tests/unit/pdm/dev/fake_pdm.h"

extern const struct pdm_device_type hpet_device;

#define GPA	0xfed00000ULL
#define TICK	10ULL
#define MS	1000000ULL

#define CONFIG	0x10
#define STATUS	0x20
#define COUNTER	0xf0
#define TN(n)	(0x100 + 0x20 * (n))
#define CMP(n)	(TN(n) + 8)

#define LEVEL		0x002
#define ENABLE		0x004
#define PERIODIC	0x008
#define SET_VALUE	0x040
#define BITS_32		0x100
#define ROUTE(pin)	((pin) << 9)

static u64 get(struct pdm_device *dev, u64 reg)
{
	return fake_read(dev, GPA + reg, 8);
}

static void set(struct pdm_device *dev, u64 reg, u64 value)
{
	fake_write(dev, GPA + reg, 8, value);
}

/* One whose counter runs, since time 0. */
static struct pdm_device *running(void)
{
	struct pdm_device *dev = fake_create(&hpet_device, NULL);

	set(dev, CONFIG, 1);
	return dev;
}

static void test_what_it_says(void **state)
{
	struct pdm_device *dev = fake_create(&hpet_device, NULL);
	u64 id = get(dev, 0);

	assert_int_equal(id >> 32, 10000000);		/* fs: 100 MHz */
	assert_int_equal((u32)id, 0x8086a201);
	assert_int_equal(fake_read(dev, GPA, 4), 0x8086a201);
	assert_int_equal(fake_read(dev, GPA + 4, 4), 10000000);
	for (int n = 0; n < 3; n++) {
		assert_int_equal(get(dev, TN(n)), 0x00f0000000000030);
		assert_int_equal(get(dev, CMP(n)), ~0ULL);
		assert_int_equal(get(dev, TN(n) + 0x10), 0);
	}
	assert_int_equal(get(dev, TN(3)), 0);
	assert_int_equal(get(dev, 0x3f8), 0);
	set(dev, 0, 0);					/* read-only */
	assert_int_equal(get(dev, 0), id);
	fake_destroy(dev);
}

/* Every bit written, those that exist read back. */
static void test_reserved_bits(void **state)
{
	struct pdm_device *dev = fake_create(&hpet_device, NULL);

	set(dev, CONFIG, ~0ULL);
	assert_int_equal(get(dev, CONFIG), 3);
	set(dev, STATUS, ~0ULL);
	assert_int_equal(get(dev, STATUS), 0);
	set(dev, TN(0), ~0ULL);				/* pin 31 does not exist */
	assert_int_equal(get(dev, TN(0)), 0x00f000000000013e);
	set(dev, TN(0), ROUTE(21));
	assert_int_equal(get(dev, TN(0)), 0x00f0000000000030 | ROUTE(21));
	set(dev, TN(0), ROUTE(5) | ENABLE);		/* nor is 5 among those on offer */
	assert_int_equal(get(dev, TN(0)), 0x00f0000000000034 | ROUTE(21));
	set(dev, TN(3), ~0ULL);
	set(dev, TN(0) + 0x10, ~0ULL);
	assert_int_equal(get(dev, TN(0) + 0x10), 0);
	fake_destroy(dev);
}

static void test_counter(void **state)
{
	struct pdm_device *dev = fake_create(&hpet_device, NULL);

	fake_advance(dev, MS);
	assert_int_equal(get(dev, COUNTER), 0);		/* halted */
	set(dev, COUNTER, 0xfffffffff0ULL);
	set(dev, CONFIG, 1);
	fake_advance(dev, 0x20 * TICK);
	assert_int_equal(get(dev, COUNTER), 0x10000000010ULL);
	assert_int_equal(fake_read(dev, GPA + COUNTER, 4), 0x10);
	assert_int_equal(fake_read(dev, GPA + COUNTER + 4, 4), 0x100);
	set(dev, COUNTER, 0);				/* dropped while it runs */
	assert_int_equal(get(dev, COUNTER), 0x10000000010ULL);
	set(dev, CONFIG, 3);				/* it goes on */
	assert_int_equal(get(dev, COUNTER), 0x10000000010ULL);
	set(dev, CONFIG, 0);
	fake_advance(dev, MS);
	assert_int_equal(get(dev, COUNTER), 0x10000000010ULL);
	fake_write(dev, GPA + COUNTER + 4, 4, 5);	/* by halves */
	fake_write(dev, GPA + COUNTER, 4, 6);
	assert_int_equal(get(dev, COUNTER), 0x500000006ULL);
	fake_destroy(dev);
}

static void test_odd_accesses(void **state)
{
	struct pdm_device *dev = running();

	fake_advance(dev, 0x12345678 * TICK);
	assert_int_equal(fake_read(dev, GPA + COUNTER + 2, 4), 0);
	assert_int_equal(fake_read(dev, GPA + COUNTER + 4, 8), 0);
	assert_int_equal(fake_read(dev, GPA + COUNTER, 2), 0xffff);
	fake_write(dev, GPA + CONFIG + 2, 4, 0);
	fake_write(dev, GPA + CONFIG, 1, 0);
	assert_int_equal(get(dev, CONFIG), 1);
	fake_destroy(dev);
}

static void test_one_shot(void **state)
{
	struct pdm_device *dev = running();

	set(dev, TN(2), ENABLE | ROUTE(22));
	set(dev, CMP(2), 1000);
	fake_advance(dev, 1000 * TICK - 1);
	assert_int_equal(dev->raises[22], 0);
	fake_advance(dev, 1);
	assert_int_equal(dev->raises[22], 1);
	assert_false(dev->lines[22]);			/* an edge */
	assert_int_equal(get(dev, STATUS), 0);
	assert_int_equal(get(dev, CMP(2)), 1000);
	fake_advance(dev, 100000 * MS);
	assert_int_equal(dev->raises[22], 1);
	/* A value that has passed is 5800 years off. */
	set(dev, CMP(2), 999);
	fake_advance(dev, 100000 * MS);
	assert_int_equal(dev->raises[22], 1);
	set(dev, CMP(2), get(dev, COUNTER) + 5);
	fake_advance(dev, 5 * TICK);
	assert_int_equal(dev->raises[22], 2);
	fake_destroy(dev);
}

static void test_one_shot_of_32_bits(void **state)
{
	struct pdm_device *dev = fake_create(&hpet_device, NULL);

	set(dev, COUNTER, 0x5fffffff0ULL);
	set(dev, CONFIG, 1);
	set(dev, TN(0), ENABLE | BITS_32 | ROUTE(20));
	set(dev, CMP(0), 0xabcd00000010ULL);
	assert_int_equal(get(dev, CMP(0)), 0x10);
	fake_advance(dev, 0x1f * TICK);
	assert_int_equal(dev->raises[20], 0);
	fake_advance(dev, TICK);
	assert_int_equal(dev->raises[20], 1);
	/* And when the low half comes round. */
	fake_advance(dev, 0xffffffffULL * TICK);
	assert_int_equal(dev->raises[20], 1);
	fake_advance(dev, TICK);
	assert_int_equal(dev->raises[20], 2);
	fake_destroy(dev);
}

/* As Linux does it: the accumulator, then the period. */
static void set_periodic(struct pdm_device *dev, int n, u64 config, u64 period)
{
	set(dev, TN(n), config | PERIODIC | SET_VALUE);
	assert_int_equal(get(dev, TN(n)) & SET_VALUE, 0);
	set(dev, CMP(n), get(dev, COUNTER) + period);
	set(dev, CMP(n), period);
}

static void test_periodic(void **state)
{
	struct pdm_device *dev = running();

	fake_advance(dev, 7 * MS);
	set_periodic(dev, 1, ENABLE | ROUTE(23), 100000);
	assert_int_equal(get(dev, CMP(1)), 800000);
	fake_advance(dev, MS - 1);
	assert_int_equal(dev->raises[23], 0);
	fake_advance(dev, 1);
	assert_int_equal(dev->raises[23], 1);
	assert_int_equal(get(dev, CMP(1)), 900000);
	fake_advance(dev, 999 * MS);
	assert_int_equal(dev->raises[23], 1000);
	/* A period alone: from the next match on. */
	set(dev, CMP(1), 200000);
	fake_advance(dev, MS);
	assert_int_equal(dev->raises[23], 1001);
	fake_advance(dev, 2 * MS - 1);
	assert_int_equal(dev->raises[23], 1001);
	fake_advance(dev, 1);
	assert_int_equal(dev->raises[23], 1002);
	/* Without interrupts it goes on by itself. */
	set(dev, TN(1), PERIODIC | ROUTE(23));
	fake_advance(dev, 5 * MS);
	assert_int_equal(get(dev, CMP(1)), 100000 * (7 + 1001 + 2 + 6));
	set(dev, TN(1), ENABLE | PERIODIC | ROUTE(23));
	fake_advance(dev, MS);
	assert_int_equal(dev->raises[23], 1003);
	fake_destroy(dev);
}

static void test_periodic_of_32_bits(void **state)
{
	struct pdm_device *dev = fake_create(&hpet_device, NULL);

	set(dev, COUNTER, 0xffff0000);
	set(dev, CONFIG, 1);
	set_periodic(dev, 0, ENABLE | BITS_32 | ROUTE(20), 0x8000);
	fake_advance(dev, 0x18000 * TICK);
	assert_int_equal(dev->raises[20], 3);
	assert_int_equal(get(dev, CMP(0)), 0x10000);
	fake_destroy(dev);
}

/* No tick is lost to a late host, and the counter is that of the tick. */
static void test_late(void **state)
{
	struct pdm_device *dev = running();

	set_periodic(dev, 0, ENABLE | ROUTE(20), 100000);
	fake_stall(dev, 5000 * MS + 1);
	assert_int_equal(dev->raises[20], 5000);
	fake_advance(dev, MS - 1);
	assert_int_equal(dev->raises[20], 5001);
	fake_destroy(dev);
}

static void test_level(void **state)
{
	struct pdm_device *dev = running();

	set(dev, TN(0), LEVEL | ENABLE | ROUTE(20));
	set(dev, TN(2), LEVEL | ENABLE | ROUTE(20));
	set(dev, CMP(0), 1000);
	set(dev, CMP(2), 2000);
	fake_advance(dev, 1000 * TICK);
	assert_true(dev->lines[20]);
	assert_int_equal(get(dev, STATUS), 1);
	fake_advance(dev, 1000 * TICK);
	assert_int_equal(get(dev, STATUS), 5);
	set(dev, STATUS, 1);				/* the line is shared */
	assert_true(dev->lines[20]);
	assert_int_equal(get(dev, STATUS), 4);
	set(dev, TN(2), LEVEL | ROUTE(20));		/* status stays, the line goes */
	assert_false(dev->lines[20]);
	set(dev, TN(2), LEVEL | ENABLE | ROUTE(21));
	assert_true(dev->lines[21]);
	set(dev, CONFIG, 0);
	assert_false(dev->lines[21]);
	set(dev, CONFIG, 1);
	assert_true(dev->lines[21]);
	set(dev, TN(2), ENABLE | ROUTE(21));		/* edges have no status */
	assert_false(dev->lines[21]);
	assert_int_equal(get(dev, STATUS), 0);
	fake_destroy(dev);
}

static void test_status_without_interrupt(void **state)
{
	struct pdm_device *dev = running();

	set(dev, TN(1), LEVEL | ROUTE(21));
	set(dev, CMP(1), 1000);
	fake_advance(dev, MS);
	assert_int_equal(dev->fires, 0);
	assert_int_equal(get(dev, STATUS), 2);
	assert_false(dev->lines[21]);
	fake_destroy(dev);
}

static void test_legacy_replacement(void **state)
{
	struct pdm_device *dev = fake_create(&hpet_device, NULL);

	set(dev, CONFIG, 2);				/* not while it is halted */
	assert_false(dev->taken[0]);
	set(dev, CONFIG, 3);
	assert_true(dev->taken[0]);
	assert_true(dev->taken[8]);
	for (int n = 0; n < 3; n++) {
		set(dev, TN(n), ENABLE | ROUTE(20 + n));
		set(dev, CMP(n), 1000 + n);
	}
	fake_advance(dev, MS);
	assert_int_equal(dev->raises[0], 1);
	assert_int_equal(dev->raises[8], 1);
	assert_int_equal(dev->raises[20], 0);
	assert_int_equal(dev->raises[21], 0);
	assert_int_equal(dev->raises[22], 1);
	set(dev, CONFIG, 1);
	assert_false(dev->taken[0]);
	assert_false(dev->taken[8]);
	set(dev, CONFIG, 3);
	dev->type->reset(dev);
	assert_false(dev->taken[0]);
	assert_int_equal(get(dev, COUNTER), 0);
	fake_destroy(dev);
}

/* No pin chosen: it matches, and nobody hears of it. */
static void test_no_route(void **state)
{
	struct pdm_device *dev = running();

	set(dev, TN(0), ENABLE);
	set(dev, CMP(0), 100);
	fake_advance(dev, MS);
	set(dev, TN(1), ENABLE | LEVEL);
	set(dev, CMP(1), get(dev, COUNTER) + 100);
	fake_advance(dev, MS);
	assert_int_equal(get(dev, STATUS), 2);
	assert_int_equal(dev->line_calls, 0);
	fake_destroy(dev);
}

static void test_no_storm(void **state)
{
	static const u64 periods[] = { 0, 1, 7, 1ULL << 60, ~0ULL };

	for (unsigned int i = 0; i < ARRAY_SIZE(periods); i++) {
		struct pdm_device *dev = running();

		for (int n = 0; n < 3; n++)
			set_periodic(dev, n, ENABLE | (n & 1 ? LEVEL : 0) | ROUTE(20), periods[i]);
		fake_advance(dev, 1000 * MS);
		assert_in_range(dev->fires, 0, 24003);
		get(dev, CMP(0));
		fake_destroy(dev);
	}
}

/* Nor by looking at it. */
static void test_no_storm_by_reading(void **state)
{
	struct pdm_device *dev = running();

	set_periodic(dev, 0, ENABLE | ROUTE(20), 1);
	for (int i = 0; i < 1000; i++) {
		fake_advance(dev, 1000);
		get(dev, STATUS);
	}
	assert_in_range(dev->raises[20], 7, 9);
	fake_destroy(dev);
}

static void test_moved(void **state)
{
	struct pdm_device *dev = running();

	set(dev, CONFIG, 3);
	set_periodic(dev, 0, ENABLE, 100000);
	set(dev, TN(2), LEVEL | ENABLE | ROUTE(22));
	set(dev, CMP(2), 1000);
	fake_advance(dev, 10 * MS + MS / 2);
	dev = fake_move(dev);
	assert_true(dev->taken[0]);
	assert_true(dev->lines[22]);
	assert_int_equal(get(dev, COUNTER), 1050000);
	dev->raises[0] = 0;
	fake_advance(dev, MS / 2 - 1);
	assert_int_equal(dev->raises[0], 0);
	fake_advance(dev, 1);
	assert_int_equal(dev->raises[0], 1);
	fake_destroy(dev);
}

static void test_hostile(void **state)
{
	for (u32 seed = 1; seed <= 20; seed++)
		fake_fuzz(&hpet_device, seed, 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_it_says),
		cmocka_unit_test(test_reserved_bits),
		cmocka_unit_test(test_counter),
		cmocka_unit_test(test_odd_accesses),
		cmocka_unit_test(test_one_shot),
		cmocka_unit_test(test_one_shot_of_32_bits),
		cmocka_unit_test(test_periodic),
		cmocka_unit_test(test_periodic_of_32_bits),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_level),
		cmocka_unit_test(test_status_without_interrupt),
		cmocka_unit_test(test_legacy_replacement),
		cmocka_unit_test(test_no_route),
		cmocka_unit_test(test_no_storm),
		cmocka_unit_test(test_no_storm_by_reading),
		cmocka_unit_test(test_moved),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
