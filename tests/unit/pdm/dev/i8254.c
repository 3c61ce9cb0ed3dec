// SPDX-License-Identifier: GPL-2.0
/* The 8254: counts and outputs of each mode, and channel 0's interrupts. */
#include "tests/unit/pdm/dev/fake_pdm.h"

extern const struct pdm_device_type i8254_device;

#define HZ 1193182ULL

/* The time at which so many ticks have passed. */
static u64 ticks(u64 n)
{
	return (n * 1000000000ULL + HZ - 1) / HZ;
}

/* Stand at tick @n of the VM's clock. */
static void at(struct pdm_device *dev, u64 n)
{
	fake_advance(dev, ticks(n) - dev->now);
}

static void program(struct pdm_device *dev, int channel, int mode, u16 count)
{
	outb(dev, 0x43, channel << 6 | 0x30 | mode << 1);
	outb(dev, 0x40 + channel, count & 0xff);
	outb(dev, 0x40 + channel, count >> 8);
}

static u16 count_of(struct pdm_device *dev, int channel)
{
	u8 low;

	outb(dev, 0x43, channel << 6);
	low = inb(dev, 0x40 + channel);
	return low | inb(dev, 0x40 + channel) << 8;
}

static bool out2(struct pdm_device *dev)
{
	return inb(dev, 0x61) & 0x20;
}

/* As Linux measures its TSC: mode 0, wait for the output. */
static void test_mode0(void **state)
{
	struct pdm_device *dev = fake_create(&i8254_device, NULL);

	outb(dev, 0x61, 0x01);
	program(dev, 2, 0, 1000);
	assert_int_equal(count_of(dev, 2), 1000);
	at(dev, 400);
	assert_int_equal(count_of(dev, 2), 600);
	assert_false(out2(dev));
	outb(dev, 0x61, 0x00);			/* the gate holds it */
	at(dev, 5000);
	assert_int_equal(count_of(dev, 2), 600);
	outb(dev, 0x61, 0x01);
	at(dev, 5599);
	assert_false(out2(dev));
	at(dev, 5600);
	assert_true(out2(dev));
	at(dev, 5602);
	assert_int_equal(count_of(dev, 2), 0xfffe);
	outb(dev, 0x42, 0x10);			/* the first byte stops it */
	assert_false(out2(dev));
	fake_destroy(dev);
}

static void test_mode1(void **state)
{
	struct pdm_device *dev = fake_create(&i8254_device, NULL);

	program(dev, 2, 1, 100);
	assert_true(out2(dev));
	outb(dev, 0x61, 0x01);
	assert_false(out2(dev));
	at(dev, 60);
	outb(dev, 0x61, 0x00);			/* does not stop it */
	outb(dev, 0x61, 0x01);			/* triggers it anew */
	at(dev, 159);
	assert_false(out2(dev));
	at(dev, 160);
	assert_true(out2(dev));
	fake_destroy(dev);
}

static void test_mode2(void **state)
{
	struct pdm_device *dev = fake_create(&i8254_device, NULL);

	outb(dev, 0x61, 0x01);
	program(dev, 2, 2, 10);
	at(dev, 8);
	assert_int_equal(count_of(dev, 2), 2);
	assert_true(out2(dev));
	at(dev, 9);
	assert_int_equal(count_of(dev, 2), 1);
	assert_false(out2(dev));
	at(dev, 35);
	assert_int_equal(count_of(dev, 2), 5);
	outb(dev, 0x42, 100);			/* from the end of this period on */
	outb(dev, 0x42, 0);
	at(dev, 38);
	assert_int_equal(count_of(dev, 2), 2);
	at(dev, 41);
	assert_int_equal(count_of(dev, 2), 99);
	outb(dev, 0x61, 0x00);
	outb(dev, 0x61, 0x01);			/* a rising gate begins anew */
	assert_int_equal(count_of(dev, 2), 100);
	fake_destroy(dev);
}

static void test_mode3(void **state)
{
	struct pdm_device *dev = fake_create(&i8254_device, NULL);

	outb(dev, 0x61, 0x01);
	program(dev, 2, 3, 10);
	at(dev, 4);
	assert_true(out2(dev));
	assert_int_equal(count_of(dev, 2), 2);
	at(dev, 5);
	assert_false(out2(dev));
	assert_int_equal(count_of(dev, 2), 10);
	at(dev, 10);
	assert_true(out2(dev));
	outb(dev, 0x61, 0x00);			/* stops it, output high */
	at(dev, 16);
	assert_true(out2(dev));
	fake_destroy(dev);
}

static void test_strobes(void **state)
{
	struct pdm_device *dev = fake_create(&i8254_device, NULL);

	outb(dev, 0x61, 0x01);
	program(dev, 2, 4, 5);
	at(dev, 4);
	assert_true(out2(dev));
	at(dev, 5);
	assert_false(out2(dev));
	at(dev, 6);
	assert_true(out2(dev));
	outb(dev, 0x61, 0x00);
	program(dev, 2, 5, 5);
	at(dev, 50);
	assert_true(out2(dev));
	outb(dev, 0x61, 0x01);
	at(dev, 55);
	assert_false(out2(dev));
	at(dev, 56);
	assert_true(out2(dev));
	fake_destroy(dev);
}

static void test_bcd_and_access(void **state)
{
	struct pdm_device *dev = fake_create(&i8254_device, NULL);

	outb(dev, 0x61, 0x01);
	outb(dev, 0x43, 0xb5);			/* channel 2, mode 2, BCD */
	outb(dev, 0x42, 0x00);
	outb(dev, 0x42, 0x10);
	at(dev, 1);
	assert_int_equal(count_of(dev, 2), 0x0999);
	outb(dev, 0x43, 0x94);			/* low byte only */
	outb(dev, 0x42, 50);
	assert_int_equal(inb(dev, 0x42), 50);
	assert_int_equal(inb(dev, 0x42), 50);
	outb(dev, 0x43, 0xa4);			/* high byte only */
	outb(dev, 0x42, 2);
	assert_int_equal(inb(dev, 0x42), 2);
	fake_destroy(dev);
}

static void test_latches(void **state)
{
	struct pdm_device *dev = fake_create(&i8254_device, NULL);

	outb(dev, 0x61, 0x01);
	outb(dev, 0x43, 0xb4);
	outb(dev, 0x43, 0xe8);			/* status: null count, output high */
	assert_int_equal(inb(dev, 0x42), 0xf4);
	program(dev, 2, 2, 0x1234);
	outb(dev, 0x43, 0xc8);			/* both, of channel 2 */
	at(dev, 100);
	outb(dev, 0x43, 0x80);			/* too late: one is latched */
	assert_int_equal(inb(dev, 0x42), 0xb4);
	assert_int_equal(inb(dev, 0x42), 0x34);
	assert_int_equal(inb(dev, 0x42), 0x12);
	assert_int_equal(inb(dev, 0x42), (0x1234 - 100) & 0xff);
	fake_destroy(dev);
}

static void test_refresh_toggles(void **state)
{
	struct pdm_device *dev = fake_create(&i8254_device, NULL);
	u8 before = inb(dev, 0x61) & 0x10;

	fake_advance(dev, 15085);
	assert_int_not_equal(inb(dev, 0x61) & 0x10, before);
	fake_destroy(dev);
}

static void test_periodic_interrupt(void **state)
{
	struct pdm_device *dev = fake_create(&i8254_device, NULL);
	unsigned int start;

	program(dev, 0, 2, 11932);		/* 100 Hz */
	start = dev->raises[0];
	at(dev, 11931);
	assert_int_equal(dev->raises[0], start);
	at(dev, 11932);
	assert_int_equal(dev->raises[0], start + 1);
	at(dev, 11932 * 100);
	assert_int_equal(dev->raises[0], start + 100);
	/* A longer count: the period at hand ends first. */
	at(dev, 11932 * 100 + 5);
	outb(dev, 0x40, 0);
	outb(dev, 0x40, 0);
	at(dev, 11932 * 101);
	assert_int_equal(dev->raises[0], start + 101);
	at(dev, 11932 * 101 + 65535);
	assert_int_equal(dev->raises[0], start + 101);
	at(dev, 11932 * 101 + 65536);
	assert_int_equal(dev->raises[0], start + 102);
	fake_destroy(dev);
}

static void test_one_shot_interrupt(void **state)
{
	struct pdm_device *dev = fake_create(&i8254_device, NULL);
	unsigned int start;

	program(dev, 0, 0, 1000);
	start = dev->raises[0];
	assert_false(dev->lines[0]);
	at(dev, 1000);
	assert_int_equal(dev->raises[0], start + 1);
	at(dev, 1000000);
	assert_int_equal(dev->raises[0], start + 1);
	/* Linux's one-shot clock event rewrites the count alone. */
	program(dev, 0, 4, 1000);
	start = dev->raises[0];
	at(dev, 1001001);
	assert_int_equal(dev->raises[0], start + 1);
	outb(dev, 0x40, 200);
	outb(dev, 0x40, 0);
	at(dev, 1001202);
	assert_int_equal(dev->raises[0], start + 2);
	/* A control word alone ends what was coming. */
	outb(dev, 0x40, 200);
	outb(dev, 0x40, 0);
	outb(dev, 0x43, 0x38);
	at(dev, 2000000);
	assert_int_equal(dev->raises[0], start + 2);
	fake_destroy(dev);
}

/* The clock waits for its timer, so no edge is lost and the rhythm is the old one. */
static void test_late_timer(void **state)
{
	struct pdm_device *dev = fake_create(&i8254_device, NULL);
	unsigned int start;

	program(dev, 0, 2, 11932);
	start = dev->raises[0];
	fake_stall(dev, ticks(11932 * 4));
	assert_int_equal(dev->raises[0], start + 4);
	at(dev, 11932 * 20);
	assert_int_equal(dev->raises[0], start + 20);
	fake_stall(dev, ticks(11932 * 1000));
	at(dev, 11932 * 2000);
	assert_int_equal(dev->raises[0], start + 2000);
	fake_destroy(dev);
}

/* Whoever reads the count finds that of the edge which came last. */
static void test_count_agrees_with_edges(void **state)
{
	struct pdm_device *dev = fake_create(&i8254_device, NULL);

	program(dev, 0, 2, 11932);
	dev->raises[0] = 0;
	for (unsigned int n = 1; n <= 50; n++) {
		at(dev, 11932 * n);
		assert_int_equal(dev->raises[0], n);
		assert_int_equal(count_of(dev, 0), 11932);
		at(dev, 11932 * n + 11931);
		assert_int_equal(count_of(dev, 0), 1);
	}
	fake_destroy(dev);
}

static void test_no_storm(void **state)
{
	struct pdm_device *dev = fake_create(&i8254_device, NULL);

	program(dev, 0, 2, 1);
	fake_advance(dev, 1000000000);
	assert_in_range(dev->fires, 1000, 10001);
	fake_destroy(dev);
}

static void test_moved(void **state)
{
	struct pdm_device *dev = fake_create(&i8254_device, NULL);

	program(dev, 0, 2, 11932);
	at(dev, 11932 * 3 + 100);
	dev = fake_move(dev);
	dev->raises[0] = 0;
	assert_int_equal(count_of(dev, 0), 11832);
	at(dev, 11932 * 4 - 1);
	assert_int_equal(dev->raises[0], 0);
	at(dev, 11932 * 4);
	assert_int_equal(dev->raises[0], 1);
	fake_destroy(dev);
}

static void test_hostile(void **state)
{
	for (u32 seed = 1; seed <= 20; seed++)
		fake_fuzz(&i8254_device, seed, 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mode0),
		cmocka_unit_test(test_mode1),
		cmocka_unit_test(test_mode2),
		cmocka_unit_test(test_mode3),
		cmocka_unit_test(test_strobes),
		cmocka_unit_test(test_bcd_and_access),
		cmocka_unit_test(test_latches),
		cmocka_unit_test(test_refresh_toggles),
		cmocka_unit_test(test_periodic_interrupt),
		cmocka_unit_test(test_one_shot_interrupt),
		cmocka_unit_test(test_late_timer),
		cmocka_unit_test(test_count_agrees_with_edges),
		cmocka_unit_test(test_no_storm),
		cmocka_unit_test(test_moved),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
