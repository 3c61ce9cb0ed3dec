// SPDX-License-Identifier: GPL-2.0
/* The I/O APIC: messages, level pins and their EOIs, what a guest may write. */
#include "tests/unit/pdm/dev/fake_pdm.h"

extern const struct pdm_device_type ioapic_device;

#define BASE 0xfec00000ULL
#define LEVEL 0x8000u
#define MASKED 0x10000u

static void reg_write(struct pdm_device *dev, u8 reg, u32 value)
{
	fake_write(dev, BASE, 4, reg);
	fake_write(dev, BASE + 0x10, 4, value);
}

static u32 reg_read(struct pdm_device *dev, u8 reg)
{
	fake_write(dev, BASE, 4, reg);
	return (u32)fake_read(dev, BASE + 0x10, 4);
}

static void entry(struct pdm_device *dev, int pin, u8 dest, u32 low)
{
	reg_write(dev, 0x11 + 2 * pin, (u32)dest << 24);
	reg_write(dev, 0x10 + 2 * pin, low);
}

static void line(struct pdm_device *dev, u32 n, bool level)
{
	dev->irqchip->line(dev, n, level);
}

static void sent(struct pdm_device *dev, unsigned int count, u64 address, u32 data)
{
	assert_int_equal(dev->message_count, count);
	assert_int_equal(dev->messages[count - 1].address, address);
	assert_int_equal(dev->messages[count - 1].data, data);
}

static void test_registers(void **state)
{
	struct pdm_device *dev = fake_create(&ioapic_device, NULL);

	assert_int_equal(reg_read(dev, 1), 0x00170020);
	reg_write(dev, 0, 0xffffffff);
	assert_int_equal(reg_read(dev, 0), 0x0f000000);
	assert_int_equal(reg_read(dev, 2), 0x0f000000);
	for (int pin = 0; pin < 24; pin++) {
		assert_int_equal(reg_read(dev, 0x10 + 2 * pin), MASKED);
		assert_int_equal(reg_read(dev, 0x11 + 2 * pin), 0);
	}
	entry(dev, 5, 0xff, 0xffffffff);
	assert_int_equal(reg_read(dev, 0x1a), 0x0001afff);
	assert_int_equal(reg_read(dev, 0x1b), 0xff000000);
	assert_int_equal(reg_read(dev, 0x40), 0);	/* past the last entry */
	reg_write(dev, 0x40, 0xffffffff);
	fake_write(dev, BASE + 0x10, 1, 0xff);		/* not a whole word */
	assert_int_equal(reg_read(dev, 0x1a), 0x0001afff);
	fake_destroy(dev);
}

static void test_edge(void **state)
{
	struct pdm_device *dev = fake_create(&ioapic_device, NULL);

	line(dev, 4, true);				/* masked: lost */
	entry(dev, 4, 3, 0x34);
	assert_int_equal(dev->message_count, 0);
	line(dev, 4, true);
	assert_int_equal(dev->message_count, 0);
	line(dev, 4, false);
	line(dev, 4, true);
	sent(dev, 1, 0xfee03000, 0x4034);
	entry(dev, 4, 0x81, 0x0935);			/* logical, lowest priority */
	line(dev, 4, false);
	line(dev, 4, true);
	sent(dev, 2, 0xfee81004, 0x4135);
	fake_destroy(dev);
}

static void test_timer_is_pin_2(void **state)
{
	struct pdm_device *dev = fake_create(&ioapic_device, NULL);

	entry(dev, 0, 0, 0x30);
	entry(dev, 2, 0, 0x32);
	line(dev, 2, true);
	assert_int_equal(dev->message_count, 0);
	line(dev, 0, true);
	sent(dev, 1, 0xfee00000, 0x4032);
	fake_destroy(dev);
}

static void test_level(void **state)
{
	struct pdm_device *dev = fake_create(&ioapic_device, NULL);

	entry(dev, 9, 1, LEVEL | 0x99);
	assert_int_equal(dev->eoi_exits[2], BIT_ULL(0x99 - 128));
	line(dev, 9, true);
	sent(dev, 1, 0xfee01000, 0xc099);
	assert_int_equal(reg_read(dev, 0x22), LEVEL | 0x4099);
	line(dev, 9, false);
	line(dev, 9, true);				/* waits for the EOI */
	assert_int_equal(dev->message_count, 1);
	dev->irqchip->eoi(dev, 0x98);
	assert_int_equal(dev->message_count, 1);
	dev->irqchip->eoi(dev, 0x99);			/* still asserted */
	assert_int_equal(dev->message_count, 2);
	line(dev, 9, false);
	fake_write(dev, BASE + 0x40, 4, 0x99);		/* the EOI register */
	assert_int_equal(reg_read(dev, 0x22), LEVEL | 0x99);
	assert_int_equal(dev->message_count, 2);
	fake_destroy(dev);
}

static void test_level_masked(void **state)
{
	struct pdm_device *dev = fake_create(&ioapic_device, NULL);

	entry(dev, 20, 0, LEVEL | MASKED | 0x50);
	line(dev, 20, true);
	assert_int_equal(dev->message_count, 0);
	entry(dev, 20, 0, LEVEL | 0x50);
	assert_int_equal(dev->message_count, 1);
	entry(dev, 20, 0, LEVEL | MASKED | 0x50);
	assert_int_equal(dev->eoi_exits[1], BIT_ULL(0x50 - 64));
	dev->irqchip->eoi(dev, 0x50);
	assert_int_equal(dev->message_count, 1);
	entry(dev, 20, 0, LEVEL | 0x50);
	assert_int_equal(dev->message_count, 2);
	/* Edge and back forgets the EOI. */
	entry(dev, 20, 0, MASKED | 0x50);
	assert_int_equal(dev->eoi_exits[1], 0);
	entry(dev, 20, 0, LEVEL | 0x50);
	assert_int_equal(dev->message_count, 3);
	fake_destroy(dev);
}

static void test_delivery_modes(void **state)
{
	struct pdm_device *dev = fake_create(&ioapic_device, NULL);
	static const bool sends[8] = { true, true, false, false, true, true, false, false };
	unsigned int count = 0;

	for (u32 mode = 0; mode < 8; mode++) {
		entry(dev, 1, 0, mode << 8 | 0x40);
		line(dev, 1, true);
		line(dev, 1, false);
		count += sends[mode];
		assert_int_equal(dev->message_count, count);
	}
	/* An NMI is an edge though the entry says level. */
	entry(dev, 1, 0, LEVEL | 0x400);
	line(dev, 1, true);
	sent(dev, count + 1, 0xfee00000, 0x4400);
	assert_int_equal(reg_read(dev, 0x12), LEVEL | 0x400);
	fake_destroy(dev);
}

static void test_moved(void **state)
{
	struct pdm_device *dev = fake_create(&ioapic_device, NULL);

	entry(dev, 9, 0, LEVEL | 0x99);
	line(dev, 9, true);
	dev = fake_move(dev);
	assert_int_equal(dev->eoi_exits[2], BIT_ULL(0x99 - 128));
	line(dev, 9, true);
	assert_int_equal(dev->message_count, 0);
	dev->irqchip->eoi(dev, 0x99);
	assert_int_equal(dev->message_count, 1);
	fake_destroy(dev);
}

static void test_hostile(void **state)
{
	for (u32 seed = 1; seed <= 20; seed++)
		fake_fuzz(&ioapic_device, seed, 20000);
}

/* What an edge would do, as far as the IOAPIC can tell. */
static void test_next_edge(void **state)
{
	struct pdm_device *dev = fake_create(&ioapic_device, NULL);
	const struct pdm_irqchip_ops *ops = dev->irqchip;

	dev->message_waits = true;
	assert_int_equal(ops->edge(dev, 0), PDM_EDGE_MASKED);
	entry(dev, 2, 0, 0x31);
	assert_int_equal(ops->edge(dev, 0), PDM_EDGE_MERGED);
	assert_int_equal(ops->edge(dev, 2), PDM_EDGE_MASKED);
	entry(dev, 2, 0, LEVEL | 0x31);
	assert_int_equal(ops->edge(dev, 0), PDM_EDGE_SENT);
	entry(dev, 2, 0, 0x400);			/* NMI */
	assert_int_equal(ops->edge(dev, 0), PDM_EDGE_SENT);
	entry(dev, 2, 0, 0x131);			/* to the lowest priority */
	assert_int_equal(ops->edge(dev, 0), PDM_EDGE_MERGED);
	dev->message_waits = false;
	assert_int_equal(ops->edge(dev, 0), PDM_EDGE_SENT);
	assert_int_equal(dev->message_count, 0);
	fake_destroy(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_registers),
		cmocka_unit_test(test_edge),
		cmocka_unit_test(test_next_edge),
		cmocka_unit_test(test_timer_is_pin_2),
		cmocka_unit_test(test_level),
		cmocka_unit_test(test_level_masked),
		cmocka_unit_test(test_delivery_modes),
		cmocka_unit_test(test_moved),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
