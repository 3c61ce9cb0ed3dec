// SPDX-License-Identifier: GPL-2.0
/*
 * PDM with devices made for the purpose: ports and their sizes, memory, lines
 * to the controllers, timers under the device's lock, requests.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <unistd.h>

#include "pdm/pdm_vm.h"
#include "pdm/registry.h"
#include "pgm/pgm.h"
#include "tm/tm.h"

struct vm {
	struct tm_vm *tm;
	struct pgm *pgm;
	struct pdm *pdm;
	unsigned int requests, panics;
	enum pdm_request request;
	u64 arg;
};

static void request(void *ctx, enum pdm_request request, u64 arg)
{
	struct vm *vm = ctx;

	vm->requests++;
	vm->request = request;
	vm->arg = arg;
}

static void key(void *ctx, enum pdm_key key)
{
}

static void panic_line(void *ctx)
{
	struct vm *vm = ctx;

	vm->panics++;
}

static const struct pdm_vm_ops vm_ops = { request, key, panic_line };

static int setup(void **state)
{
	static struct vm vm;
	struct pdm_config config = { .ops = &vm_ops, .ctx = &vm };
	struct pgm_config memory = { .ram_bytes = 1 << 20 };

	vm = (struct vm) { 0 };
	assert_int_equal(tm_create(&vm.tm, NULL, NULL), 0);
	assert_int_equal(pgm_create(&vm.pgm, NULL, &memory, NULL), 0);
	config.tm = vm.tm;
	config.pgm = vm.pgm;
	assert_int_equal(pdm_create(&vm.pdm, &config, NULL), 0);
	*state = &vm;
	return 0;
}

static int teardown(void **state)
{
	struct vm *vm = *state;

	pdm_destroy(vm->pdm);
	tm_destroy(vm->tm);
	pgm_destroy(vm->pgm);
	return 0;
}

static const struct ssm_field no_fields[] = { SSM_END };

/* ---- ports and memory ---------------------------------------------------------------- */

struct probe {
	unsigned int reads, writes, resets;
	u64 offset, value;
	u32 size;
};

static struct probe probe;

static u64 probe_read(struct pdm_device *dev, u64 offset, u32 size)
{
	probe.reads++;
	probe.offset = offset;
	probe.size = size;
	return 0x1122334455667700ULL + offset;	/* more than was asked for */
}

static void probe_write(struct pdm_device *dev, u64 offset, u32 size, u64 value)
{
	probe.writes++;
	probe.offset = offset;
	probe.size = size;
	probe.value = value;
}

static const struct pdm_io_ops byte_ops = { probe_read, probe_write, .sizes = 1 };
static const struct pdm_io_ops any_ops = { probe_read, probe_write, .sizes = 0 };
static const struct pdm_io_ops dword_ops = { probe_read, probe_write, .sizes = 4 };

static int probe_create(struct pdm_device *dev, struct error *err)
{
	return pdm_port_register(dev, 0x100, 3, &byte_ops, err) ?:
	       pdm_port_register(dev, 0x200, 4, &any_ops, err) ?:
	       pdm_port_register(dev, 0x300, 4, &dword_ops, err) ?:
	       pdm_port_register(dev, 0xffff, 1, &byte_ops, err) ?:
	       pdm_mmio_register(dev, 0xd0000000, 16, &dword_ops, err);
}

static void probe_reset(struct pdm_device *dev)
{
	probe.resets++;
}

static const struct pdm_device_type probe_device = {
	.version = PDM_VERSION, .name = "probe", .fields = no_fields,
	.create = probe_create, .reset = probe_reset,
};

static void add_probe(struct vm *vm)
{
	probe = (struct probe) { 0 };
	assert_int_equal(pdm_device_add(vm->pdm, &probe_device, NULL, NULL), 0);
}

static u32 in(struct vm *vm, u16 port, u32 size)
{
	u32 value = 0;

	pdm_port_read(vm->pdm, port, &value, size);
	return value;
}

static void out(struct vm *vm, u16 port, u32 size, u32 value)
{
	pdm_port_write(vm->pdm, port, &value, size);
}

static void test_ports(void **state)
{
	struct vm *vm = *state;

	add_probe(vm);
	assert_int_equal(in(vm, 0x80, 4), 0xffffffff);
	assert_int_equal(in(vm, 0x201, 1), 0x01);
	assert_int_equal(in(vm, 0x200, 4), 0x55667700);
	out(vm, 0x202, 2, 0xdead);
	assert_int_equal(probe.offset, 2);
	assert_int_equal(probe.value, 0xdead);
	out(vm, 0x80, 4, 1);
	assert_int_equal(probe.writes, 1);
}

static void test_port_sizes(void **state)
{
	struct vm *vm = *state;

	add_probe(vm);
	/* Bytes only: larger is split; the range ends after three. */
	assert_int_equal(in(vm, 0x100, 4), 0xff020100);
	assert_int_equal(probe.reads, 3);
	assert_int_equal(probe.size, 1);
	/* Four bytes only: smaller is nobody's. */
	assert_int_equal(in(vm, 0x300, 2), 0xffff);
	out(vm, 0x300, 1, 5);
	assert_int_equal(probe.writes, 0);
	assert_int_equal(in(vm, 0x300, 4), 0x55667700);
	/* Over the last port there is. */
	assert_int_equal(in(vm, 0xffff, 4), 0xffffff00);
	out(vm, 0xffff, 4, 0x11223344);
	assert_int_equal(probe.value, 0x44);
}

static int thief_create(struct pdm_device *dev, struct error *err)
{
	return pdm_port_register(dev, 0x400, 8, &any_ops, err) ?:
	       pdm_port_register(dev, 0x1fe, 4, &any_ops, err);
}

static const struct pdm_device_type thief_device = {
	.version = PDM_VERSION, .name = "thief", .fields = no_fields, .create = thief_create,
};

static int wrap_create(struct pdm_device *dev, struct error *err)
{
	return pdm_port_register(dev, 0xfffe, 4, &any_ops, err);
}

static const struct pdm_device_type wrap_device = {
	.version = PDM_VERSION, .name = "wrap", .fields = no_fields, .create = wrap_create,
};

static const struct pdm_device_type old_device = {
	.version = PDM_VERSION + 1, .name = "old", .fields = no_fields, .create = wrap_create,
};

static void test_conflicts(void **state)
{
	struct vm *vm = *state;
	struct error err = { 0 };

	add_probe(vm);
	assert_int_equal(pdm_device_add(vm->pdm, &thief_device, NULL, &err), -EBUSY);
	assert_non_null(strstr(err.text, "probe0"));
	/* What it had got before it failed is free again. */
	assert_int_equal(in(vm, 0x400, 1), 0xff);
	assert_int_equal(probe.reads, 0);
	assert_int_equal(pdm_device_add(vm->pdm, &wrap_device, NULL, &err), -EINVAL);
	assert_int_equal(pdm_device_add(vm->pdm, &old_device, NULL, &err), -EPROTO);
	assert_int_equal(pdm_device_add(vm->pdm, &probe_device, NULL, &err), -EBUSY);
}

static void test_memory(void **state)
{
	struct vm *vm = *state;
	u64 value = 0;

	add_probe(vm);
	pgm_mmio_read(vm->pgm, 0xd0000008, &value, 8);
	assert_int_equal(probe.reads, 2);
	assert_true(value == 0x5566770c55667708ULL);
	pgm_mmio_write(vm->pgm, 0xd0000000, &value, 2);
	assert_int_equal(probe.writes, 0);
}

static void test_reset(void **state)
{
	struct vm *vm = *state;

	add_probe(vm);
	assert_int_equal(pdm_start(vm->pdm, NULL), 0);
	assert_int_equal(probe.resets, 1);
	pdm_reset(vm->pdm);
	assert_int_equal(probe.resets, 2);
}

/* ---- lines --------------------------------------------------------------------------- */

static u32 pic_levels, ioapic_levels, ioapic_eoi;
static struct pdm_device *sources[2];
static unsigned int source_count;

static void pic_line(struct pdm_device *dev, u32 line, bool level)
{
	pic_levels = level ? pic_levels | 1U << line : pic_levels & ~(1U << line);
}

static void ioapic_line(struct pdm_device *dev, u32 line, bool level)
{
	ioapic_levels = level ? ioapic_levels | 1U << line : ioapic_levels & ~(1U << line);
}

static u8 pic_acknowledge(struct pdm_device *dev)
{
	return 0x31;
}

static void eoi(struct pdm_device *dev, u8 vector)
{
	ioapic_eoi = vector;
}

static const struct pdm_irqchip_ops pic_ops = { .line = pic_line, .acknowledge = pic_acknowledge };
static const struct pdm_irqchip_ops ioapic_ops = { .line = ioapic_line, .eoi = eoi };

static int pic_create(struct pdm_device *dev, struct error *err)
{
	pdm_irqchip_register(dev, &pic_ops);
	return 0;
}

static int ioapic_create(struct pdm_device *dev, struct error *err)
{
	pdm_irqchip_register(dev, &ioapic_ops);
	return 0;
}

static int source_create(struct pdm_device *dev, struct error *err)
{
	sources[source_count++] = dev;
	return 0;
}

static const struct pdm_device_type pic_device = {
	.version = PDM_VERSION, .name = "pic", .fields = no_fields, .create = pic_create };
static const struct pdm_device_type ioapic_device_ = {
	.version = PDM_VERSION, .name = "io", .fields = no_fields, .create = ioapic_create };
static const struct pdm_device_type source_device = {
	.version = PDM_VERSION, .name = "source", .fields = no_fields, .create = source_create };

static void test_lines(void **state)
{
	struct vm *vm = *state;
	u8 vector = 0;

	assert_false(pdm_extint_acknowledge(vm->pdm, &vector));
	pdm_eoi(vm->pdm, 3);
	source_count = pic_levels = ioapic_levels = 0;
	assert_int_equal(pdm_device_add(vm->pdm, &pic_device, NULL, NULL), 0);
	assert_int_equal(pdm_device_add(vm->pdm, &ioapic_device_, NULL, NULL), 0);
	assert_int_equal(pdm_device_add(vm->pdm, &source_device, NULL, NULL), 0);
	assert_int_equal(pdm_device_add(vm->pdm, &source_device, NULL, NULL), 0);
	assert_string_equal(pdm_name(sources[1]), "source1");

	pdm_irq_set(sources[0], 4, true);
	pdm_irq_set(sources[1], 4, true);
	assert_int_equal(pic_levels, 1 << 4);
	assert_int_equal(ioapic_levels, 1 << 4);
	/* Shared: up while one of them holds it. */
	pdm_irq_set(sources[0], 4, false);
	assert_int_equal(pic_levels, 1 << 4);
	pdm_irq_set(sources[1], 4, false);
	assert_int_equal(pic_levels, 0);
	/* Not the PIC's. */
	pdm_irq_set(sources[0], 20, true);
	assert_int_equal(pic_levels, 0);
	assert_int_equal(ioapic_levels, 1 << 20);

	/* Taken by one, what the other does is seen when it is given back. */
	pdm_irq_set(sources[0], 8, true);
	pdm_irq_take(sources[1], 8, true);
	assert_int_equal(pic_levels, 0);
	pdm_irq_set(sources[1], 8, true);
	assert_int_equal(pic_levels, 1 << 8);
	pdm_irq_set(sources[1], 8, false);
	pdm_irq_set(sources[0], 8, false);
	pdm_irq_set(sources[0], 8, true);
	assert_int_equal(pic_levels, 0);
	pdm_irq_take(sources[1], 8, false);
	assert_int_equal(pic_levels, 1 << 8);
	pdm_irq_set(sources[0], 8, false);

	assert_true(pdm_extint_acknowledge(vm->pdm, &vector));
	assert_int_equal(vector, 0x31);
	pdm_eoi(vm->pdm, 0x44);
	assert_int_equal(ioapic_eoi, 0x44);
}

/* ---- timers, requests, memory -------------------------------------------------------- */

static struct pdm_timer *timer;
static struct pdm_device *timed;
static unsigned int ticks;

static void tick(struct pdm_device *dev)
{
	__atomic_add_fetch(&ticks, 1, __ATOMIC_SEQ_CST);
}

static void arm(struct pdm_device *dev, u64 offset, u32 size, u64 value)
{
	pdm_timer_arm(timer, pdm_now(dev, TM_VIRTUAL) + value * 1000000);
}

/* A write of 0 arms and cancels at once, however late TM's thread is. */
static void arm_or_cancel(struct pdm_device *dev, u64 offset, u32 size, u64 value)
{
	pdm_timer_arm(timer, pdm_now(dev, TM_VIRTUAL));
	usleep(5000);		/* TM's thread may now wait for this device's lock */
	pdm_timer_cancel(timer);
}

static const struct pdm_io_ops arm_ops = { .write = arm };
static const struct pdm_io_ops cancel_ops = { .write = arm_or_cancel };

static int timed_create(struct pdm_device *dev, struct error *err)
{
	timed = dev;
	timer = pdm_timer_create(dev, TM_VIRTUAL, "tick", tick);
	return pdm_port_register(dev, 0x500, 1, &arm_ops, err) ?:
	       pdm_port_register(dev, 0x501, 1, &cancel_ops, err);
}

static const struct pdm_device_type timed_device = {
	.version = PDM_VERSION, .name = "timed", .fields = no_fields, .create = timed_create };

static void test_timers(void **state)
{
	struct vm *vm = *state;

	ticks = 0;
	assert_int_equal(pdm_device_add(vm->pdm, &timed_device, NULL, NULL), 0);
	tm_resume(vm->tm);
	out(vm, 0x500, 1, 1);
	for (int i = 0; i < 5000 && !READ_ONCE(ticks); i++)
		usleep(1000);
	assert_int_equal(ticks, 1);
	for (int i = 0; i < 10; i++)
		out(vm, 0x501, 1, 0);
	usleep(20000);
	assert_int_equal(ticks, 1);
}

static void test_helpers(void **state)
{
	struct vm *vm = *state;
	u8 buf[4] = { 1, 2, 3, 4 };

	assert_int_equal(pdm_device_add(vm->pdm, &timed_device, NULL, NULL), 0);
	pdm_vm_request(timed, PDM_EXIT, 42);
	assert_int_equal(vm->request, PDM_EXIT);
	assert_int_equal(vm->arg, 42);
	assert_int_equal(pdm_mem_write(timed, 0x1000, buf, 4), 0);
	assert_int_equal(pdm_mem_read(timed, 0x1000, buf, 4), 0);
	assert_int_equal(pdm_mem_read(timed, 0xd0000000, buf, 4), -EFAULT);
	assert_int_equal(pdm_mem_write(timed, PGM_LOW_RAM_END - 2, buf, 4), -EFAULT);
	pdm_irq_set(timed, 3, true);		/* no controllers: nothing happens */
	pdm_msi_send(timed, 0xfee00000, 0x31);
}

/* ---- the console filter -------------------------------------------------------------- */

static struct pdm_device *talker;

static int talker_create(struct pdm_device *dev, struct error *err)
{
	talker = dev;
	return pdm_chr_attach(dev, err);
}

static const struct pdm_device_type talker_device = {
	.version = PDM_VERSION, .name = "talker", .fields = no_fields, .create = talker_create };

static void say(const char *text)
{
	/* Byte by byte, as a serial port does. */
	for (; *text; text++)
		pdm_chr_write(talker, (const u8 *)text, 1);
}

static void test_console(void **state)
{
	struct vm *vm = *state;
	char line[64], small[5];

	assert_int_equal(pdm_device_add(vm->pdm, &talker_device, NULL, NULL), 0);
	pdm_console_last(vm->pdm, line, sizeof(line));
	assert_string_equal(line, "");
	say("first\r\nsecond \x1b[0m\r\n\r\n  \nthird");
	pdm_console_last(vm->pdm, line, sizeof(line));
	assert_string_equal(line, "second [0m");
	say("\n");
	pdm_console_last(vm->pdm, small, sizeof(small));
	assert_string_equal(small, "thir");
	assert_int_equal(pdm_console_bytes(vm->pdm),
			 strlen("first\r\nsecond \x1b[0m\r\n\r\n  \nthird\n"));
	for (int i = 0; i < 100; i++)
		say("a line that never ends ");
	say("\n");
	pdm_console_last(vm->pdm, line, sizeof(line));
	assert_memory_equal(line, "a line that never", 17);
}

static void test_panic_line(void **state)
{
	static const struct { const char *line; unsigned int panics; } lines[] = {
		{ "Kernel panic - not syncing: Attempted to kill init!", 1 },
		{ "[    1.234567] Kernel panic - not syncing: VFS", 1 },
		{ "[   12.345678][    T1] Kernel panic - not syncing: VFS", 1 },
		{ "echo Kernel panic - not syncing", 0 },
		{ "[    1.234567] said: Kernel panic - not syncing", 0 },
		{ "[note] Kernel panic - not syncing", 0 },
		{ "Kernel panic", 0 },
		{ "[    1.2", 0 },
		{ "[ 1][", 0 },
		{ "[", 0 },
	};
	struct vm *vm = *state;

	assert_int_equal(pdm_device_add(vm->pdm, &talker_device, NULL, NULL), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(lines); i++) {
		vm->panics = 0;
		say(lines[i].line);
		assert_int_equal(vm->panics, 0);
		say("\r\n");
		assert_int_equal(vm->panics, lines[i].panics);
	}
}

/* ---- the registry -------------------------------------------------------------------- */

extern const struct pdm_device_type serial_device;

static void test_registry(void **state)
{
	const char *why = NULL;

	assert_null(pdm_device_type("no-such-device", &why));
	assert_string_equal(why, "");
	assert_ptr_equal(pdm_device_type("serial", &why), &serial_device);
	assert_ptr_equal(pdm_device_type("serial", NULL), &serial_device);
	assert_null(pdm_device_type("i8259", &why));	/* the chipset is not listed */
	assert_non_null(pdm_device_variants());
	assert_null(pdm_device_variant("no-such-device", &why));
	assert_null(pdm_chr_variant("no-such-backend", &why));
	assert_non_null(pdm_chr_variant("stdio", &why));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_ports, setup, teardown),
		cmocka_unit_test_setup_teardown(test_port_sizes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_conflicts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reset, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_timers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_helpers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_console, setup, teardown),
		cmocka_unit_test_setup_teardown(test_panic_line, setup, teardown),
		cmocka_unit_test(test_registry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
