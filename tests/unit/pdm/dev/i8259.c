// SPDX-License-Identifier: GPL-2.0
/* The pair of 8259As: priorities, the ways to end an interrupt, the cascade. */
#include "tests/unit/pdm/dev/fake_pdm.h"

extern const struct pdm_device_type i8259_device;

/* Vectors 0x30 and 0x38, everything unmasked; @icw4 for both. */
static struct pdm_device *pic_start(u8 icw4)
{
	struct pdm_device *dev = fake_create(&i8259_device, NULL);

	outb(dev, 0x20, 0x11);
	outb(dev, 0x21, 0x30);
	outb(dev, 0x21, 0x04);
	outb(dev, 0x21, icw4);
	outb(dev, 0xa0, 0x11);
	outb(dev, 0xa1, 0x38);
	outb(dev, 0xa1, 0x02);
	outb(dev, 0xa1, icw4);
	return dev;
}

static void line(struct pdm_device *dev, u32 n, bool level)
{
	dev->irqchip->line(dev, n, level);
}

static void pulse(struct pdm_device *dev, u32 n)
{
	line(dev, n, true);
	line(dev, n, false);
}

/* The output is up and INTA gives @vector. */
static void takes(struct pdm_device *dev, u8 vector)
{
	assert_true(dev->extint);
	assert_int_equal(dev->irqchip->acknowledge(dev), vector);
}

static void test_edge(void **state)
{
	struct pdm_device *dev = pic_start(1);

	assert_false(dev->extint);
	line(dev, 0, true);
	takes(dev, 0x30);
	assert_false(dev->extint);
	line(dev, 0, true);			/* still high: no new edge */
	outb(dev, 0x20, 0x20);
	assert_false(dev->extint);
	line(dev, 0, false);
	pulse(dev, 0);
	takes(dev, 0x30);
	fake_destroy(dev);
}

/* What another edge would do. */
static void test_next_edge(void **state)
{
	struct pdm_device *dev = pic_start(1);

	assert_int_equal(dev->irqchip->edge(dev, 8), PDM_EDGE_SENT);
	pulse(dev, 8);
	assert_int_equal(dev->irqchip->edge(dev, 8), PDM_EDGE_MERGED);
	assert_int_equal(dev->irqchip->edge(dev, 0), PDM_EDGE_SENT);
	takes(dev, 0x38);
	assert_int_equal(dev->irqchip->edge(dev, 8), PDM_EDGE_SENT);
	pulse(dev, 8);
	outb(dev, 0xa1, 0x01);
	assert_int_equal(dev->irqchip->edge(dev, 8), PDM_EDGE_MASKED);
	fake_destroy(dev);
}

static void test_priority(void **state)
{
	struct pdm_device *dev = pic_start(1);

	pulse(dev, 4);
	takes(dev, 0x34);
	pulse(dev, 5);
	assert_false(dev->extint);
	pulse(dev, 3);
	takes(dev, 0x33);
	outb(dev, 0x20, 0x0b);
	assert_int_equal(inb(dev, 0x20), 0x18);
	outb(dev, 0x20, 0x0a);
	assert_int_equal(inb(dev, 0x20), 0x20);
	outb(dev, 0x20, 0x20);
	assert_false(dev->extint);
	outb(dev, 0x20, 0x64);			/* specific, 4 */
	takes(dev, 0x35);
	fake_destroy(dev);
}

static void test_cascade(void **state)
{
	struct pdm_device *dev = pic_start(1);

	pulse(dev, 12);
	takes(dev, 0x3c);
	pulse(dev, 8);				/* held back by the master's ISR */
	assert_false(dev->extint);
	pulse(dev, 1);
	takes(dev, 0x31);
	outb(dev, 0x20, 0x20);
	assert_false(dev->extint);
	outb(dev, 0x20, 0x20);			/* the slave's 8 outranks its 12 */
	takes(dev, 0x38);
	outb(dev, 0xa0, 0x20);
	outb(dev, 0x20, 0x20);
	outb(dev, 0xa0, 0x0b);
	assert_int_equal(inb(dev, 0xa0), 0x10);
	fake_destroy(dev);
}

static void test_special_fully_nested(void **state)
{
	struct pdm_device *dev = pic_start(0x11);

	pulse(dev, 12);
	takes(dev, 0x3c);
	pulse(dev, 8);
	takes(dev, 0x38);
	pulse(dev, 9);
	assert_false(dev->extint);
	fake_destroy(dev);
}

static void test_mask(void **state)
{
	struct pdm_device *dev = pic_start(1);

	outb(dev, 0x21, 0xff);
	assert_int_equal(inb(dev, 0x21), 0xff);
	pulse(dev, 0);
	pulse(dev, 8);
	assert_false(dev->extint);
	outb(dev, 0x21, 0xfb);
	takes(dev, 0x38);
	fake_destroy(dev);
}

static void test_special_mask(void **state)
{
	struct pdm_device *dev = pic_start(1);

	pulse(dev, 3);
	takes(dev, 0x33);
	pulse(dev, 6);
	assert_false(dev->extint);
	outb(dev, 0x21, 0x08);
	assert_false(dev->extint);
	outb(dev, 0x20, 0x68);			/* special mask mode */
	takes(dev, 0x36);
	outb(dev, 0x20, 0x20);			/* passes over the masked 3 */
	outb(dev, 0x20, 0x0b);
	assert_int_equal(inb(dev, 0x20), 0x08);
	outb(dev, 0x20, 0x48);
	pulse(dev, 6);
	assert_false(dev->extint);
	fake_destroy(dev);
}

static void test_rotation(void **state)
{
	struct pdm_device *dev = pic_start(1);

	pulse(dev, 0);
	takes(dev, 0x30);
	outb(dev, 0x20, 0xa0);			/* 0 is the lowest now */
	pulse(dev, 0);
	pulse(dev, 1);
	takes(dev, 0x31);
	outb(dev, 0x20, 0xe1);
	takes(dev, 0x30);
	outb(dev, 0x20, 0x20);
	outb(dev, 0x20, 0xc4);			/* 5 is the highest */
	pulse(dev, 4);
	pulse(dev, 5);
	takes(dev, 0x35);
	fake_destroy(dev);
}

static void test_automatic_eoi(void **state)
{
	struct pdm_device *dev = pic_start(3);

	pulse(dev, 5);
	takes(dev, 0x35);
	pulse(dev, 5);
	takes(dev, 0x35);
	outb(dev, 0x20, 0x0b);
	assert_int_equal(inb(dev, 0x20), 0);
	outb(dev, 0x20, 0x80);			/* rotating */
	pulse(dev, 0);
	takes(dev, 0x30);
	pulse(dev, 0);
	pulse(dev, 7);
	takes(dev, 0x37);
	takes(dev, 0x30);
	/* Two of the slave's come one after the other. */
	pulse(dev, 8);
	pulse(dev, 9);
	takes(dev, 0x38);
	takes(dev, 0x39);
	fake_destroy(dev);
}

static void test_poll(void **state)
{
	struct pdm_device *dev = pic_start(1);

	outb(dev, 0x20, 0x0c);
	assert_int_equal(inb(dev, 0x20) & 0x80, 0);
	pulse(dev, 6);
	outb(dev, 0x20, 0x0c);
	assert_int_equal(inb(dev, 0x20), 0x86);
	assert_false(dev->extint);
	outb(dev, 0x20, 0x0b);
	assert_int_equal(inb(dev, 0x20), 0x40);
	fake_destroy(dev);
}

static void test_level_and_spurious(void **state)
{
	struct pdm_device *dev = pic_start(1);

	outb(dev, 0x4d0, 0xff);
	outb(dev, 0x4d1, 0xff);
	assert_int_equal(inb(dev, 0x4d0), 0xf8);
	assert_int_equal(inb(dev, 0x4d1), 0xde);
	line(dev, 5, true);
	takes(dev, 0x35);
	outb(dev, 0x20, 0x20);
	takes(dev, 0x35);			/* still high: again */
	outb(dev, 0x20, 0x20);
	line(dev, 5, false);
	assert_false(dev->extint);
	assert_int_equal(dev->irqchip->acknowledge(dev), 0x37);
	outb(dev, 0x20, 0x0b);
	assert_int_equal(inb(dev, 0x20), 0);	/* and not in service */
	fake_destroy(dev);
}

static void test_initialization(void **state)
{
	struct pdm_device *dev = pic_start(1);

	line(dev, 1, true);
	outb(dev, 0x21, 0x55);
	outb(dev, 0x20, 0x11);
	assert_false(dev->extint);
	outb(dev, 0x21, 0x47);			/* low bits are not the base's */
	outb(dev, 0x21, 0x04);
	outb(dev, 0x21, 0x01);
	assert_int_equal(inb(dev, 0x21), 0);
	assert_false(dev->extint);		/* the edge was before */
	pulse(dev, 1);
	line(dev, 1, true);
	takes(dev, 0x41);
	fake_destroy(dev);
}

static void test_moved(void **state)
{
	struct pdm_device *dev = pic_start(1);

	line(dev, 4, true);
	takes(dev, 0x34);
	pulse(dev, 1);
	dev = fake_move(dev);
	line(dev, 4, true);			/* the device raises its line again */
	takes(dev, 0x31);
	outb(dev, 0x20, 0x20);
	outb(dev, 0x20, 0x20);
	assert_false(dev->extint);
	fake_destroy(dev);
}

static void test_hostile(void **state)
{
	for (u32 seed = 1; seed <= 20; seed++)
		fake_fuzz(&i8259_device, seed, 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edge),
		cmocka_unit_test(test_next_edge),
		cmocka_unit_test(test_priority),
		cmocka_unit_test(test_cascade),
		cmocka_unit_test(test_special_fully_nested),
		cmocka_unit_test(test_mask),
		cmocka_unit_test(test_special_mask),
		cmocka_unit_test(test_rotation),
		cmocka_unit_test(test_automatic_eoi),
		cmocka_unit_test(test_poll),
		cmocka_unit_test(test_level_and_spurious),
		cmocka_unit_test(test_initialization),
		cmocka_unit_test(test_moved),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
