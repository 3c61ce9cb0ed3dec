// SPDX-License-Identifier: GPL-2.0
/* The memory map: layout, overlaps, hostile addresses, accesses at borders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "pgm/pgm.h"

#define MIB (1ULL << 20)
#define GIB (1ULL << 30)

static struct pgm *make(u64 bytes)
{
	struct error err = { 0 };
	struct pgm *pgm;

	assert_int_equal(pgm_create(&pgm, NULL, &(struct pgm_config){ bytes, true, 0 }, &err), 0);
	return pgm;
}

static int create_status(u64 bytes, u64 hugetlb)
{
	struct pgm_config config = { .ram_bytes = bytes, .hugetlb = hugetlb };
	struct error err = { 0 };
	struct pgm *pgm;

	return pgm_create(&pgm, NULL, &config, &err);
}

static void test_sizes(void **state)
{
	struct pgm *pgm;

	assert_int_equal(create_status(0, 0), -EINVAL);
	assert_int_equal(create_status(4097, 0), -EINVAL);
	assert_int_equal(create_status(~0xfffULL, 0), -ERANGE);
	assert_int_equal(create_status(3 * MIB, 2 * MIB), -EINVAL);
	/* No host that runs tests has set 512 GiB aside. */
	assert_int_equal(create_status(512 * GIB, GIB), -ENOMEM);
	/* Less than the low area. */
	pgm = make(64 << 10);
	assert_non_null(pgm_host(pgm, 0xffff, 1, false));
	assert_null(pgm_host(pgm, 0x10000, 1, false));
	pgm_destroy(pgm);
}

static void test_layout(void **state)
{
	struct pgm_e820 map[PGM_E820_MAX];
	struct pgm *pgm = make(4 * GIB);

	assert_int_equal(pgm_e820(pgm, map, PGM_E820_MAX), 3);
	assert_int_equal(map[0].addr, 0);
	assert_int_equal(map[0].size, PGM_LOW_RAM_END);
	assert_int_equal(map[1].addr, PGM_HIGH_RAM_START);
	assert_int_equal(map[1].size, PGM_HOLE_START - PGM_HIGH_RAM_START);
	assert_int_equal(map[2].addr, PGM_HOLE_END);
	assert_int_equal(map[2].size, GIB);
	assert_int_equal(map[2].type, 1);
	assert_int_equal(pgm_e820(pgm, map, 1), 1);
	assert_null(pgm_host(pgm, PGM_LOW_RAM_END, 1, true));
	assert_null(pgm_host(pgm, PGM_HOLE_START, 1, true));
	pgm_destroy(pgm);
}

static void test_host_bounds(void **state)
{
	struct pgm *pgm = make(16 * MIB);

	assert_non_null(pgm_host(pgm, 0, PGM_LOW_RAM_END, false));
	assert_null(pgm_host(pgm, 0, PGM_LOW_RAM_END + 1, false));
	assert_null(pgm_host(pgm, PGM_LOW_RAM_END - 1, 2, false));
	assert_non_null(pgm_host(pgm, 16 * MIB - 1, 1, false));
	assert_null(pgm_host(pgm, 16 * MIB - 1, 2, false));
	assert_null(pgm_host(pgm, MIB, 0, false));
	/* Lengths and addresses that wrap. */
	assert_null(pgm_host(pgm, MIB, UINT64_MAX, false));
	assert_null(pgm_host(pgm, UINT64_MAX, 1, false));
	assert_null(pgm_host(pgm, UINT64_MAX, UINT64_MAX, false));
	pgm_destroy(pgm);
}

static void test_copies(void **state)
{
	struct pgm *pgm = make(16 * MIB);
	struct error err = { 0 };
	u8 buf[16] = "abcdefghijklmno", back[16];
	void *rom;

	assert_int_equal(pgm_write(pgm, MIB, buf, 16), 0);
	assert_int_equal(pgm_read(pgm, MIB, back, 16), 0);
	assert_memory_equal(buf, back, 16);
	/* Half outside: nothing is copied. */
	assert_int_equal(pgm_write(pgm, 16 * MIB - 8, buf, 16), -EFAULT);
	assert_int_equal(pgm_read(pgm, 16 * MIB - 8, back, 8), 0);
	assert_int_equal(back[0], 0);
	assert_int_equal(pgm_read(pgm, UINT64_MAX - 3, back, 8), -EFAULT);
	assert_int_equal(pgm_write(pgm, UINT64_MAX - 3, back, 8), -EFAULT);

	assert_int_equal(pgm_rom_add(pgm, 0xf0000, 0x10000, "rom", &rom, &err), 0);
	memcpy(rom + 0xfff8, "ROMROMR", 8);
	assert_int_equal(pgm_write(pgm, 0xffff8, buf, 8), -EFAULT);
	/* ROM and the RAM behind it, in one. */
	assert_int_equal(pgm_read(pgm, 0xffff8, back, 16), 0);
	assert_memory_equal(back, "ROMROMR", 8);
	assert_memory_equal(back + 8, buf, 8);
	assert_null(pgm_host(pgm, 0xf0000, 1, false));
	assert_non_null(pgm_host(pgm, 0xf0000, 0x10000, true));
	pgm_destroy(pgm);
}

/* ---- MMIO --------------------------------------------------------------------- */

struct device {
	unsigned int reads, writes;
	u64 offset, value;
	u32 len;
};

static u64 device_read(void *ctx, u64 offset, u32 len)
{
	struct device *dev = ctx;

	dev->reads++;
	dev->offset = offset;
	dev->len = len;
	return 0x8877665544332211ULL;
}

static void device_write(void *ctx, u64 offset, u32 len, u64 value)
{
	struct device *dev = ctx;

	dev->writes++;
	dev->offset = offset;
	dev->len = len;
	dev->value = value;
}

static const struct pgm_mmio_ops device_ops = { device_read, device_write };

static void test_overlaps(void **state)
{
	struct pgm *pgm = make(16 * MIB);
	struct error err = { 0 };
	struct device dev = { 0 };
	void *rom;

#define ADD(gpa, size) pgm_mmio_add(pgm, gpa, size, "dev", &device_ops, &dev, &err)
	assert_int_equal(ADD(0x9ffff, 1), -EEXIST);
	assert_int_equal(ADD(0xa0000, 0), -EINVAL);
	assert_int_equal(ADD(UINT64_MAX, 2), -EINVAL);
	assert_int_equal(ADD(UINT64_MAX, 1), 0);
	assert_int_equal(ADD(0xa0000, 7), 0);
	assert_int_equal(ADD(0xa0006, 1), -EEXIST);
	assert_non_null(strstr(err.text, "dev"));
	assert_int_equal(ADD(0xa0007, 1), 0);
	assert_int_equal(ADD(0x10000, 1ULL << 40), -EEXIST);
	assert_int_equal(pgm_rom_add(pgm, 0xa0000, 4096, "rom", &rom, &err), -EEXIST);
	assert_int_equal(pgm_rom_add(pgm, 0xc0001, 4096, "rom", &rom, &err), -EINVAL);
	assert_int_equal(pgm_rom_add(pgm, 0xc0000, 1, "rom", &rom, &err), -EINVAL);
	assert_int_equal(pgm_rom_add(pgm, 0xc0000, 0, "rom", &rom, &err), -EINVAL);
	pgm_destroy(pgm);
}

static void test_room(void **state)
{
	struct pgm *pgm = make(16 * MIB);
	struct error err = { 0 };
	struct device dev = { 0 };
	int ret = 0;
	u32 added;

	for (added = 0; added < 1000 && !ret; added++)
		ret = ADD(0xd0000000 + added * 16, 16);
	assert_int_equal(ret, -ENOSPC);
	pgm_destroy(pgm);
}

static void test_mmio(void **state)
{
	struct pgm *pgm = make(16 * MIB);
	struct error err = { 0 };
	struct device dev = { 0 };
	u64 value = 0;

	assert_int_equal(ADD(0xd0000000, 12), 0);
	pgm_mmio_read(pgm, 0xd0000004, &value, 4);
	assert_int_equal(value, 0x44332211);
	assert_int_equal(dev.offset, 4);
	assert_int_equal(dev.len, 4);
	value = 0x1234;
	pgm_mmio_write(pgm, 0xd0000002, &value, 2);
	assert_int_equal(dev.value, 0x1234);
	assert_int_equal(dev.len, 2);

	/* Over the end: four bytes of the device, four of nobody. */
	dev = (struct device) { 0 };
	pgm_mmio_read(pgm, 0xd0000008, &value, 8);
	assert_int_equal(dev.reads, 1);
	assert_int_equal(dev.len, 4);
	assert_true(value == 0xffffffff44332211ULL);
	/* Into its beginning. */
	pgm_mmio_read(pgm, 0xcffffffe, &value, 4);
	assert_int_equal((u32)value, 0x2211ffff);
	/* Nobody at all. */
	value = 0;
	pgm_mmio_read(pgm, 0xe0000000, &value, 8);
	assert_true(value == UINT64_MAX);
	pgm_mmio_write(pgm, 0xe0000000, &value, 8);
	/* From RAM over its end, and at the end of the address space. */
	value = 0;
	pgm_mmio_write(pgm, 16 * MIB - 4, "\1\2\3\4\5\6\7\10", 8);
	pgm_mmio_read(pgm, 16 * MIB - 4, &value, 8);
	assert_true(value == 0xffffffff04030201ULL);
	pgm_mmio_read(pgm, UINT64_MAX - 3, &value, 8);
	pgm_destroy(pgm);
}

static void test_mmio_rom(void **state)
{
	struct pgm *pgm = make(16 * MIB);
	struct error err = { 0 };
	u32 value = 0;
	void *rom;

	assert_int_equal(pgm_rom_add(pgm, 0xe0000, 4096, "rom", &rom, &err), 0);
	memcpy(rom, "\1\2\3\4", 4);
	pgm_mmio_write(pgm, 0xe0000, &value, 4);
	pgm_mmio_read(pgm, 0xe0000, &value, 4);
	assert_int_equal(value, 0x04030201);
	pgm_destroy(pgm);
}

static void test_reset(void **state)
{
	struct pgm *pgm = make(16 * MIB);
	u32 value = 0x12345678;

	assert_int_equal(pgm_write(pgm, MIB, &value, 4), 0);
	pgm_reset(pgm);
	assert_int_equal(pgm_read(pgm, MIB, &value, 4), 0);
	assert_int_equal(value, 0);
	pgm_destroy(pgm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_host_bounds),
		cmocka_unit_test(test_copies),
		cmocka_unit_test(test_overlaps),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_mmio),
		cmocka_unit_test(test_mmio_rom),
		cmocka_unit_test(test_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
