// SPDX-License-Identifier: GPL-2.0
/*
 * The tables as a guest finds them: searched for from the RSDP on, every
 * length and checksum looked at, and the values that the devices rely on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/vmm/fake-pgm.h"
#include "vmm/acpi/acpi.h"

struct guest {
	struct pgm *pgm;
	gpa_t rsdp;
	struct error err;
};

static u64 get(const u8 *at, u32 bytes)
{
	u64 value = 0;

	memcpy(&value, at, bytes);
	return value;
}

static void assert_sum(const u8 *at, u32 length)
{
	u8 sum = 0;

	while (length--)
		sum += *at++;
	assert_int_equal(sum, 0);
}

static void guest_start(struct guest *g, const struct acpi_config *config)
{
	g->pgm = fake_pgm_new(1 << 20);
	assert_int_equal(acpi_build(g->pgm, config, &g->rsdp, &g->err), 0);
}

static const u8 *rom(struct guest *g, gpa_t gpa, u32 length)
{
	const u8 *at = pgm_host(g->pgm, gpa, length, true);

	assert_non_null(at);
	return at;
}

/* A table by its address, with everything checked that all tables share. */
static const u8 *table(struct guest *g, gpa_t gpa, const char *signature)
{
	const u8 *at = rom(g, gpa, 36);
	u32 length = get(at + 4, 4);

	assert_memory_equal(at, signature, 4);
	assert_true(length >= 36);
	assert_sum(rom(g, gpa, length), length);
	return at;
}

static gpa_t xsdt_entry(struct guest *g, u32 index)
{
	const u8 *xsdt = table(g, get(rom(g, g->rsdp, 36) + 24, 8), "XSDT");

	assert_true(get(xsdt + 4, 4) >= 36 + 8 * (index + 1));
	return get(xsdt + 36 + 8 * index, 8);
}

static void test_rsdp(void **state)
{
	const struct acpi_config config = { .cpus = 1 };
	const u8 *rsdp;
	struct guest g;

	guest_start(&g, &config);
	assert_in_range(g.rsdp, 0xe0000, 0xfffff);
	assert_int_equal(g.rsdp % 16, 0);
	rsdp = rom(&g, g.rsdp, 36);
	assert_memory_equal(rsdp, "RSD PTR ", 8);
	assert_int_equal(rsdp[15], 2);
	assert_int_equal(get(rsdp + 20, 4), 36);
	assert_sum(rsdp, 20);
	assert_sum(rsdp, 36);
	/* The first one that a search finds is ours. */
	for (gpa_t at = 0xe0000; at < g.rsdp; at += 16)
		assert_memory_not_equal(rom(&g, at, 8), "RSD PTR ", 8);
	fake_pgm_free(g.pgm);
}

static void test_fadt(void **state)
{
	static const struct { u16 at; u8 bytes; u64 value; } want[] = {
		{ 46, 2, 9 }, { 48, 4, 0 },				/* SCI, SMI command */
		{ 56, 4, 0x600 }, { 64, 4, 0x604 }, { 76, 4, 0x608 }, { 80, 4, 0x620 },
		{ 88, 1, 4 }, { 89, 1, 2 }, { 91, 1, 4 }, { 92, 1, 4 }, { 93, 1, 0 },
		{ 109, 2, 0x7 },					/* 8042, no VGA */
		{ 116, 4, 0x01000801 }, { 120, 8, 0xcf9 }, { 128, 1, 6 },
		{ 148, 4, 0x02002001 }, { 152, 8, 0x600 },
		{ 172, 4, 0x02001001 }, { 176, 8, 0x604 },
		{ 208, 4, 0x03002001 }, { 212, 8, 0x608 },
		{ 220, 4, 0x01002001 }, { 224, 8, 0x620 },
	};
	const struct acpi_config config = { .cpus = 1, .i8042 = true };
	const u8 *fadt, *facs, *dsdt;
	struct guest g;
	u32 flags;

	guest_start(&g, &config);
	fadt = table(&g, xsdt_entry(&g, 0), "FACP");
	assert_int_equal(fadt[8], 6);
	assert_int_equal(get(fadt + 4, 4), 276);
	for (u32 i = 0; i < ARRAY_SIZE(want); i++)
		assert_int_equal(get(fadt + want[i].at, want[i].bytes), want[i].value);
	flags = get(fadt + 112, 4);
	assert_true(flags & BIT(10));			/* RESET_REG_SUP */
	assert_true(flags & BIT(4));			/* no fixed power button */
	assert_false(flags & BIT(20));			/* not hardware-reduced */
	assert_int_equal(get(fadt + 40, 4), get(fadt + 140, 8));
	dsdt = table(&g, get(fadt + 40, 4), "DSDT");
	assert_true(get(dsdt + 4, 4) > 100);
	facs = rom(&g, get(fadt + 36, 4), 64);
	assert_int_equal(get(fadt + 36, 4) % 64, 0);
	assert_memory_equal(facs, "FACS", 4);
	assert_int_equal(get(facs + 4, 4), 64);
	fake_pgm_free(g.pgm);
}

static void test_config_bytes(void **state)
{
	const struct acpi_config full = { .cpus = 1, .serial_ports = 5, .pvpanic = true,
					   .hpet = true };
	const struct acpi_config none = { .cpus = 1 };
	struct guest g;

	guest_start(&g, &full);
	assert_int_equal(rom(&g, 0xe0000, 2)[0], 5);
	assert_int_equal(rom(&g, 0xe0000, 2)[1], 1);
	assert_int_equal(rom(&g, 0xe0000, 3)[2], 1);
	fake_pgm_free(g.pgm);
	guest_start(&g, &none);
	assert_int_equal(rom(&g, 0xe0000, 2)[0], 0);
	assert_int_equal(rom(&g, 0xe0000, 2)[1], 0);
	assert_int_equal(rom(&g, 0xe0000, 3)[2], 0);
	assert_int_equal(get(table(&g, xsdt_entry(&g, 0), "FACP") + 109, 2), 0x5);
	fake_pgm_free(g.pgm);
}

struct madt_count {
	u32 type[11];
	u64 ids;			/* their sum */
};

static void madt_walk(const u8 *madt, struct madt_count *count)
{
	const u8 *at = madt + 44, *end = madt + get(madt + 4, 4);

	memset(count, 0, sizeof(*count));
	while (at < end) {
		assert_true(at[0] < ARRAY_SIZE(count->type) && at[1] >= 2);
		count->type[at[0]]++;
		if (at[0] == 0) {
			assert_int_equal(get(at + 4, 4), 1);
			count->ids += at[3];
		}
		if (at[0] == 9) {
			assert_int_equal(get(at + 8, 4), 1);
			assert_true(get(at + 4, 4) >= 255);
			count->ids += get(at + 4, 4);
		}
		at += at[1];
	}
	assert_ptr_equal(at, end);
}

static void test_madt(void **state)
{
	static const u32 cpus[] = { 1, 2, 254, 255, 256, 300 };
	static const u8 entries[] = {
		1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0,	/* IOAPIC */
		2, 10, 0, 0, 2, 0, 0, 0, 0, 0,			/* 0 -> 2 */
		2, 10, 0, 9, 9, 0, 0, 0, 0xd, 0,		/* 9, level, high */
		4, 6, 0xff, 0, 0, 1,				/* LINT1 is NMI */
	};

	for (u32 i = 0; i < ARRAY_SIZE(cpus); i++) {
		const struct acpi_config config = { .cpus = cpus[i] };
		struct madt_count count;
		struct guest g;
		const u8 *madt;

		guest_start(&g, &config);
		madt = table(&g, xsdt_entry(&g, 1), "APIC");
		assert_int_equal(get(madt + 36, 4), 0xfee00000);
		assert_int_equal(get(madt + 40, 4), 1);
		madt_walk(madt, &count);
		assert_int_equal(count.type[0], min(cpus[i], 255U));
		assert_int_equal(count.type[9], cpus[i] - min(cpus[i], 255U));
		assert_int_equal(count.type[10], cpus[i] > 255);
		assert_int_equal(count.ids, (u64)cpus[i] * (cpus[i] - 1) / 2);
		assert_memory_equal(madt + 44 + 8 * count.type[0] + 16 * count.type[9], entries,
				    sizeof(entries));
		fake_pgm_free(g.pgm);
	}
}

static void test_hpet(void **state)
{
	static const u8 body[20] = {
		0x01, 0xa2, 0x86, 0x80,				/* what its register 0 says */
		0, 64, 0, 0, 0x00, 0x00, 0xd0, 0xfe, 0, 0, 0, 0,
		0, 12500 & 0xff, 12500 >> 8, 0,
	};
	const struct acpi_config with = { .cpus = 1, .hpet = true }, without = { .cpus = 1 };
	struct guest g;
	const u8 *hpet;

	guest_start(&g, &with);
	hpet = table(&g, xsdt_entry(&g, 2), "HPET");
	assert_int_equal(get(hpet + 4, 4), 56);
	assert_memory_equal(hpet + 36, body, sizeof(body));
	fake_pgm_free(g.pgm);
	guest_start(&g, &without);
	assert_int_equal(get(table(&g, get(rom(&g, g.rsdp, 36) + 24, 8), "XSDT") + 4, 4), 52);
	fake_pgm_free(g.pgm);
}

static void test_too_many(void **state)
{
	static const u32 cpus[] = { 100000, 0x10000000, ~0U };

	for (u32 i = 0; i < ARRAY_SIZE(cpus); i++) {
		const struct acpi_config config = { .cpus = cpus[i] };
		struct guest g = { .pgm = fake_pgm_new(1 << 20) };

		assert_int_equal(acpi_build(g.pgm, &config, &g.rsdp, &g.err), -ENOSPC);
		assert_non_null(strstr(g.err.text, "CPUs"));
		fake_pgm_free(g.pgm);
	}
}

/* With $ACPI_DUMP, leave the tables there for iasl to look at. */
static void dump(const char *dir)
{
	const struct acpi_config config = { .cpus = 300, .serial_ports = 1, .i8042 = true,
					    .pvpanic = true, .hpet = true };
	static const char *const names[] = { "facp", "apic", "hpet" };
	struct guest g;

	guest_start(&g, &config);
	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		const u8 *t = rom(&g, xsdt_entry(&g, i), 36);
		char path[256];
		FILE *f;

		snprintf(path, sizeof(path), "%s/%s.dat", dir, names[i]);
		f = fopen(path, "w");
		assert_non_null(f);
		fwrite(t, get(t + 4, 4), 1, f);
		fclose(f);
	}
	fake_pgm_free(g.pgm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rsdp),
		cmocka_unit_test(test_fadt),
		cmocka_unit_test(test_config_bytes),
		cmocka_unit_test(test_madt),
		cmocka_unit_test(test_hpet),
		cmocka_unit_test(test_too_many),
	};

	if (getenv("ACPI_DUMP"))
		dump(getenv("ACPI_DUMP"));
	return cmocka_run_group_tests_name("acpi", tests, NULL, NULL);
}
