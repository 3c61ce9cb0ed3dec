// SPDX-License-Identifier: GPL-2.0
/* Linux's own image: what the kernel finds, and what is refused. */
#include "tests/unit/vmm/boot/images.h"

#define MIB	(1ULL << 20)

/* Follow the page tables for a 2 MiB page. */
static u64 translate(struct guest *g, u64 address)
{
	u64 at = g->entry.sregs.cr3, pte;

	for (u32 shift = 39; shift >= 21; shift -= 9) {
		pte = *(u64 *)guest_at(g, at + 8 * (address >> shift & 511), 8);
		assert_int_equal(pte & 3, 3);
		at = pte & 0xffffffffff000ULL;
	}
	assert_true(pte & 0x80);
	return at + (address & 0x1fffff);
}

static struct boot_params *params(struct guest *g)
{
	return guest_at(g, g->entry.gprs.r[VMM_RSI], sizeof(struct boot_params));
}

static void test_long(void **state)
{
	struct boot_params *bp;
	struct image im;
	struct guest g;

	image_bzimage(&im);
	guest_init(&g, &im, 64 * MIB);
	fake_pgm_dirty(g.pgm, 0x55);
	g.config.cmdline = "console=ttyS0";
	assert_int_equal(guest_boot(&g), 0);
	assert_entry_flat(&g, 0xa09b);
	assert_int_equal(g.entry.sregs.cr0, 0x80000011);
	assert_int_equal(g.entry.sregs.cr4, 0x20);
	assert_int_equal(g.entry.sregs.efer, 0x500);
	assert_int_equal(g.entry.gprs.rip, BZ_PREF + 0x200);
	for (u64 at = 0; at < 4096 * MIB; at += 2 * MIB)
		assert_int_equal(translate(&g, at + 5), at + 5);
	assert_filled(guest_at(&g, BZ_PREF, BZ_CODE_SIZE), 0xc0, BZ_CODE_SIZE);

	bp = params(&g);
	assert_int_equal(bp->sentinel, 0);
	assert_int_equal(bp->hdr.header, 0x53726448);
	assert_int_equal(bp->hdr.type_of_loader, 0xff);
	assert_int_equal(bp->hdr.ramdisk_size, 0);
	assert_int_equal(bp->acpi_rsdp_addr, GUEST_RSDP);
	assert_string_equal(guest_at(&g, bp->hdr.cmd_line_ptr, 14), "console=ttyS0");
	assert_int_equal(bp->e820_entries, 2);
	assert_int_equal(bp->e820_table[0].size, 0xa0000);
	assert_int_equal(bp->e820_table[1].addr, MIB);
	assert_int_equal(bp->e820_table[1].size, 63 * MIB);
	assert_int_equal(bp->e820_table[1].type, 1);
	/* All before the header is a clean slate but for the RSDP. */
	bp->acpi_rsdp_addr = 0;
	bp->e820_entries = 0;
	assert_filled(bp, 0, 0x1f1);
	guest_free(&g);
}

static void test_protected(void **state)
{
	struct image im;
	struct guest g;

	image_bzimage(&im);
	image_setup(&im)->xloadflags = 0;
	guest_init(&g, &im, 64 * MIB);
	assert_int_equal(guest_boot(&g), 0);
	assert_entry_protected(&g);
	assert_int_equal(g.entry.gprs.rip, BZ_PREF);
	assert_int_equal(g.entry.gprs.r[VMM_RBX] | g.entry.gprs.r[VMM_RBP] |
			 g.entry.gprs.r[VMM_RDI], 0);
	assert_int_equal(params(&g)->hdr.header, 0x53726448);
	guest_free(&g);
}

/* Not relocatable: at 1 MiB, with room at pref_address. Old protocols likewise. */
static void test_fixed(void **state)
{
	struct image im;
	struct guest g;

	image_bzimage(&im);
	image_setup(&im)->relocatable_kernel = 0;
	guest_init(&g, &im, 64 * MIB);
	assert_int_equal(guest_boot(&g), 0);
	assert_int_equal(g.entry.gprs.rip, MIB + 0x200);
	guest_free(&g);
	guest_init(&g, &im, 17 * MIB);
	assert_refused(&g, "does not lie in the guest's RAM");
	guest_free(&g);

	image_setup(&im)->version = 0x204;
	image_setup(&im)->relocatable_kernel = 1;	/* not yet a field */
	guest_init(&g, &im, 8 * MIB);
	assert_int_equal(guest_boot(&g), 0);
	assert_int_equal(g.entry.gprs.rip, MIB);
	assert_int_equal(params(&g)->acpi_rsdp_addr, 0);
	guest_free(&g);
}

static void test_initrd(void **state)
{
	static const u8 content[5000] = { [0] = 0xd0, [4999] = 0xd1 };
	struct boot_params *bp;
	struct memfile initrd;
	struct image im;
	struct guest g;

	memfile_open(&initrd, content, sizeof(content));
	image_bzimage(&im);
	guest_init(&g, &im, 64 * MIB);
	g.config.initrd = initrd.path;
	assert_int_equal(guest_boot(&g), 0);
	bp = params(&g);
	assert_int_equal(bp->hdr.ramdisk_size, sizeof(content));
	assert_int_equal(bp->hdr.ramdisk_image, 64 * MIB - 8192);
	assert_int_equal(bp->ext_ramdisk_image | bp->ext_ramdisk_size, 0);
	assert_memory_equal(guest_at(&g, bp->hdr.ramdisk_image, 5000), content, 5000);
	guest_free(&g);

	/* Its last byte is at initrd_addr_max at most. */
	image_setup(&im)->initrd_addr_max = 0x1ffffff;
	guest_init(&g, &im, 64 * MIB);
	g.config.initrd = initrd.path;
	assert_int_equal(guest_boot(&g), 0);
	assert_int_equal(params(&g)->hdr.ramdisk_image, 32 * MIB - 8192);
	guest_free(&g);

	/* Around the kernel, which ends where RAM does. */
	guest_init(&g, &im, BZ_PREF + BZ_INIT);
	g.config.initrd = initrd.path;
	assert_int_equal(guest_boot(&g), 0);
	assert_int_equal(params(&g)->hdr.ramdisk_image, BZ_PREF - 8192);
	guest_free(&g);
	close(initrd.fd);
}

static void test_initrd_refused(void **state)
{
	struct boot_module_config module;
	struct memfile initrd;
	struct image im;
	struct guest g;

	memfile_open(&initrd, "x", 1);
	image_bzimage(&im);
	guest_init(&g, &im, BZ_PREF + BZ_INIT);
	g.config.initrd = initrd.path;
	assert_int_equal(ftruncate(initrd.fd, 16 * MIB), 0);
	assert_refused(&g, initrd.path);
	assert_refused(&g, "no room");
	assert_int_equal(ftruncate(initrd.fd, 0), 0);
	assert_refused(&g, "empty");
	module = (struct boot_module_config){ g.kernel.path, NULL };
	g.config.initrd = NULL;
	g.config.modules = &module;
	g.config.module_count = 1;
	assert_refused(&g, "no modules");
	guest_free(&g);
	close(initrd.fd);
}

/* Above 4 GiB where the kernel allows it and nothing else is left. */
static void test_initrd_high(void **state)
{
	struct memfile initrd;
	struct image im;
	struct guest g;

	memfile_open(&initrd, "initrd", 6);
	image_bzimage(&im);
	image_setup(&im)->initrd_addr_max = 0xfff;
	guest_init(&g, &im, 0);
	g.pgm->count = 0;
	fake_pgm_add(g.pgm, 0, 0xa0000, PGM_RAM);
	fake_pgm_add(g.pgm, MIB, 31 * MIB, PGM_RAM);
	fake_pgm_add(g.pgm, 4096 * MIB, MIB, PGM_RAM);
	g.config.initrd = initrd.path;
	assert_int_equal(guest_boot(&g), 0);
	assert_int_equal(params(&g)->ext_ramdisk_image, 1);
	assert_int_equal(params(&g)->hdr.ramdisk_image, MIB - 4096);
	guest_free(&g);

	image_setup(&im)->xloadflags = XLF_KERNEL_64;
	guest_init(&g, &im, 64 * MIB);
	g.config.initrd = initrd.path;
	assert_refused(&g, "no room");
	guest_free(&g);
	close(initrd.fd);
}

static void test_cmdline(void **state)
{
	char text[BZ_CMDLINE + 2];
	struct image im;
	struct guest g;

	memset(text, 'a', sizeof(text));
	text[BZ_CMDLINE] = 0;
	image_bzimage(&im);
	guest_init(&g, &im, 64 * MIB);
	g.config.cmdline = text;
	assert_int_equal(guest_boot(&g), 0);
	text[BZ_CMDLINE] = 'a';
	text[BZ_CMDLINE + 1] = 0;
	assert_refused(&g, "101 bytes, the kernel takes 100");
	guest_free(&g);
}

static void test_refused(void **state)
{
	static const struct {
		size_t at;
		u32 size;
		u64 value;
		const char *says;
	} bad[] = {
#define FIELD(f) offsetof(struct setup_header, f), sizeof(((struct setup_header *)0)->f)
		{ FIELD(version), 0x203, "too old" },
		{ FIELD(loadflags), 0, "zImage" },
		{ FIELD(boot_flag), 0, "not a bzImage" },
		{ FIELD(header), 0, "not a bzImage" },
		{ FIELD(jump), 0x10eb, "setup header ends" },
		{ FIELD(syssize), 0, "no protected-mode code" },
		{ FIELD(syssize), BZ_CODE_SIZE / 16 + 1, "cut short" },
		{ FIELD(syssize), ~0U, "cut short" },
		{ FIELD(syssize), 0x200 / 16, "64-bit entry" },
		{ FIELD(setup_sects), 255, "no protected-mode code" },
		{ FIELD(kernel_alignment), 3, "no power of two" },
		{ FIELD(kernel_alignment), 0x80000000, "does not lie in the guest's RAM" },
		{ FIELD(pref_address), ~0ULL, "above 4 GiB" },
		{ FIELD(pref_address), 0xfffff000, "does not lie in the guest's RAM" },
		{ FIELD(init_size), ~0U, "does not lie in the guest's RAM" },
#undef FIELD
	};

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		struct image im;
		struct guest g;

		image_bzimage(&im);
		memcpy((u8 *)image_setup(&im) + bad[i].at, &bad[i].value, bad[i].size);
		guest_init(&g, &im, 64 * MIB);
		assert_refused(&g, bad[i].says);
		assert_non_null(strstr(g.err.text, g.kernel.path));
		guest_free(&g);
	}
}

/* A file that changes between two loads is looked at anew. */
static void test_changed(void **state)
{
	struct boot_image *image;
	struct image im;
	struct guest g;

	image_bzimage(&im);
	guest_init(&g, &im, 64 * MIB);
	assert_int_equal(boot_image_open(&image, &g.config, &g.err), 0);
	assert_string_equal(boot_image_type(image), "bzImage");
	assert_int_equal(boot_image_load(image, g.pgm, 0, &g.entry, &g.err), 0);
	assert_int_equal(ftruncate(g.kernel.fd, BZ_CODE + 100), 0);
	assert_int_equal(boot_image_load(image, g.pgm, 0, &g.entry, &g.err), -EIO);
	assert_non_null(strstr(g.err.text, "shorter"));
	memset(im.data, 0, sizeof(im.data));
	memfile_write(&g.kernel, im.data, im.size);
	assert_int_equal(boot_image_load(image, g.pgm, 0, &g.entry, &g.err), -ENOEXEC);
	boot_image_close(image);
	guest_free(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_protected),
		cmocka_unit_test(test_fixed),
		cmocka_unit_test(test_initrd),
		cmocka_unit_test(test_initrd_refused),
		cmocka_unit_test(test_initrd_high),
		cmocka_unit_test(test_cmdline),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_changed),
	};

	return cmocka_run_group_tests_name("bzimage", tests, NULL, NULL);
}
