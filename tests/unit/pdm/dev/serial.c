// SPDX-License-Identifier: GPL-2.0
/* The 16550A: its interrupts as Linux's driver and the data sheet expect them. */
#include "tests/unit/pdm/dev/fake_pdm.h"

extern const struct pdm_device_type serial_device;

enum { DATA = 0x3f8, IER, IIR, LCR, MCR, LSR, MSR, SCR, FCR = IIR };

/* FIFOs on with trigger 8, interrupts through OUT2. */
static struct pdm_device *serial_start(void)
{
	struct pdm_device *dev = fake_create(&serial_device, NULL);

	outb(dev, FCR, 0x87);
	outb(dev, MCR, 0x0b);
	return dev;
}

static void test_probe(void **state)
{
	struct pdm_device *dev = fake_create(&serial_device, NULL);

	assert_int_equal(inb(dev, IIR), 0x01);
	assert_int_equal(inb(dev, LSR), 0x60);
	assert_int_equal(inb(dev, MSR), 0xb0);
	outb(dev, SCR, 0x5a);
	assert_int_equal(inb(dev, SCR), 0x5a);
	outb(dev, IER, 0xff);
	assert_int_equal(inb(dev, IER), 0x0f);
	outb(dev, IER, 0);
	outb(dev, FCR, 0x01);
	assert_int_equal(inb(dev, IIR), 0xc1);
	outb(dev, LCR, 0x83);
	outb(dev, DATA, 0x01);
	outb(dev, IER, 0x02);
	assert_int_equal(inb(dev, DATA), 0x01);
	assert_int_equal(inb(dev, IER), 0x02);
	outb(dev, LCR, 0x03);
	assert_int_equal(inb(dev, IER), 0);
	assert_int_equal(dev->output_len, 0);
	fake_destroy(dev);
}

static void test_transmit(void **state)
{
	struct pdm_device *dev = serial_start();

	outb(dev, DATA, 'a');
	assert_false(dev->lines[4]);
	outb(dev, IER, 0x02);
	assert_true(dev->lines[4]);
	assert_int_equal(inb(dev, IIR), 0xc2);
	assert_false(dev->lines[4]);
	assert_int_equal(inb(dev, IIR), 0xc1);
	/* Each byte after that is a new edge. */
	outb(dev, DATA, 'b');
	assert_int_equal(dev->raises[4], 2);
	outb(dev, DATA, 'c');
	assert_int_equal(dev->raises[4], 2);
	/* Off and on again tells that it is still empty. */
	assert_int_equal(inb(dev, IIR), 0xc2);
	outb(dev, IER, 0);
	outb(dev, IER, 0x02);
	assert_int_equal(inb(dev, IIR), 0xc2);
	assert_memory_equal(dev->output, "abc", 3);
	assert_int_equal(dev->output_len, 3);
	fake_destroy(dev);
}

/* The line is set only when it changes: a byte costs no more than its write. */
static void test_transmit_is_cheap(void **state)
{
	struct pdm_device *dev = serial_start();
	unsigned int before = dev->line_calls;

	for (int i = 0; i < 100; i++)
		outb(dev, DATA, 'x');
	assert_int_equal(dev->line_calls, before);
	fake_destroy(dev);
}

static void test_out2_gates(void **state)
{
	struct pdm_device *dev = fake_create(&serial_device, NULL);

	outb(dev, IER, 0x02);
	assert_false(dev->lines[4]);
	outb(dev, MCR, 0x08);
	assert_true(dev->lines[4]);
	outb(dev, MCR, 0x18);
	assert_false(dev->lines[4]);
	fake_destroy(dev);
}

static void test_receive(void **state)
{
	struct pdm_device *dev = serial_start();

	outb(dev, IER, 0x01);
	fake_input(dev, "0123456", 7);
	assert_false(dev->lines[4]);
	assert_int_equal(inb(dev, LSR), 0x61);
	/* Below the trigger it takes four characters' time. */
	fake_advance(dev, 1000000000);
	assert_true(dev->lines[4]);
	assert_int_equal(inb(dev, IIR), 0xcc);
	assert_int_equal(inb(dev, DATA), '0');
	assert_false(dev->lines[4]);
	fake_input(dev, "789", 3);
	assert_int_equal(inb(dev, IIR), 0xc4);
	for (int i = 1; i < 9; i++)
		assert_int_equal(inb(dev, DATA), '0' + i);
	assert_int_equal(inb(dev, LSR), 0x61);
	assert_int_equal(inb(dev, DATA), '9');
	assert_int_equal(inb(dev, LSR), 0x60);
	fake_advance(dev, 1000000000);
	assert_int_equal(inb(dev, IIR), 0xc1);
	fake_destroy(dev);
}

static void test_backend_waits(void **state)
{
	static const char text[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	struct pdm_device *dev = serial_start();

	fake_input(dev, text, 36);
	assert_int_equal(dev->input_len, 20);
	for (int i = 0; i < 36; i++)
		assert_int_equal(inb(dev, DATA), text[i]);
	assert_int_equal(inb(dev, LSR), 0x60);
	/* Without FIFOs one byte at a time. */
	outb(dev, FCR, 0);
	fake_input(dev, text, 3);
	assert_int_equal(dev->input_len, 2);
	assert_int_equal(inb(dev, DATA), '0');
	assert_int_equal(inb(dev, DATA), '1');
	fake_destroy(dev);
}

static void test_priorities(void **state)
{
	struct pdm_device *dev = serial_start();

	outb(dev, MCR, 0x1b);			/* loopback, RTS and DTR */
	for (int i = 0; i < 17; i++)
		outb(dev, DATA, i);		/* one too many */
	outb(dev, IER, 0x0f);
	outb(dev, MCR, 0x18);			/* CTS and DSR fall */
	assert_int_equal(inb(dev, IIR), 0xc6);
	assert_int_equal(inb(dev, LSR), 0x63);
	assert_int_equal(inb(dev, LSR), 0x61);
	assert_int_equal(inb(dev, IIR), 0xc4);
	for (int i = 0; i < 16; i++)
		assert_int_equal(inb(dev, DATA), i);
	assert_int_equal(inb(dev, IIR), 0xc2);
	assert_int_equal(inb(dev, IIR), 0xc0);
	assert_int_equal(inb(dev, MSR), 0x83);
	assert_int_equal(inb(dev, IIR), 0xc1);
	assert_int_equal(dev->output_len, 0);
	fake_destroy(dev);
}

/* Linux takes for a UART only what loops its modem lines back. */
static void test_loopback_modem(void **state)
{
	struct pdm_device *dev = fake_create(&serial_device, NULL);

	outb(dev, MCR, 0x1a);
	assert_int_equal(inb(dev, MSR) & 0xf0, 0x90);
	outb(dev, MCR, 0x14);
	assert_int_equal(inb(dev, MSR) & 0xf0, 0x40);
	outb(dev, MCR, 0x10);
	assert_int_equal(inb(dev, MSR), 0x04);	/* the ring ended */
	outb(dev, MCR, 0x14);
	assert_int_equal(inb(dev, MSR), 0x40);	/* its start says nothing */
	fake_destroy(dev);
}

static void test_instances(void **state)
{
	struct pdm_device *dev = fake_create(&serial_device, FAKE_VALUES({ "port", 0x2f8 }));

	outb(dev, 0x2fc, 0x08);
	outb(dev, 0x2f9, 0x02);
	assert_true(dev->lines[3]);
	fake_destroy(dev);
	dev = fake_create(&serial_device, FAKE_VALUES({ "port", 0x2f8 }, { "irq", 7 }));
	outb(dev, 0x2fc, 0x08);
	outb(dev, 0x2f9, 0x02);
	assert_true(dev->lines[7]);
	fake_destroy(dev);
}

static void test_moved(void **state)
{
	struct pdm_device *dev = serial_start();

	outb(dev, IER, 0x03);
	fake_input(dev, "xyz", 3);
	dev = fake_move(dev);
	assert_true(dev->lines[4]);
	assert_int_equal(inb(dev, IIR), 0xc2);
	assert_false(dev->lines[4]);
	fake_advance(dev, 1000000000);
	assert_int_equal(inb(dev, IIR), 0xcc);
	assert_int_equal(inb(dev, DATA), 'x');
	fake_destroy(dev);
}

static void test_hostile(void **state)
{
	for (u32 seed = 1; seed <= 20; seed++)
		fake_fuzz(&serial_device, seed, 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_probe),
		cmocka_unit_test(test_transmit),
		cmocka_unit_test(test_transmit_is_cheap),
		cmocka_unit_test(test_out2_gates),
		cmocka_unit_test(test_receive),
		cmocka_unit_test(test_backend_waits),
		cmocka_unit_test(test_priorities),
		cmocka_unit_test(test_loopback_modem),
		cmocka_unit_test(test_instances),
		cmocka_unit_test(test_moved),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
