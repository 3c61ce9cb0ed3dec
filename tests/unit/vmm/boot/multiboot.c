// SPDX-License-Identifier: GPL-2.0
/* Kernels with a multiboot 1 header, in ELF files and by its own addresses. */
#include "tests/unit/vmm/boot/images.h"

#define MIB	(1ULL << 20)

struct map_entry { u32 size; u64 start, length; u32 type; } __attribute__((packed));
struct module { u32 start, end, cmdline, reserved; };

/* Information fields by their number: "Boot information format" / 4. */
enum { FLAGS, LOWER, UPPER, DEVICE, CMDLINE, MODS_COUNT, MODS_ADDR,
       MAP_LENGTH = 11, MAP_ADDR, LOADER = 16 };

static u32 *header(struct image *im)
{
	return (u32 *)(im->data + MB_AT);
}

/* What was changed is refused; @im is a good raw image again. */
static void refuse(struct image *im, const char *says)
{
	struct guest g;

	header(im)[2] = -(header(im)[0] + header(im)[1]);
	guest_init(&g, im, 16 * MIB);
	assert_refused(&g, says);
	assert_non_null(strstr(g.err.text, g.kernel.path));
	guest_free(&g);
	image_elf64(im, false);
	image_add_multiboot(im, MB_ADDRESSES);
}

static void check_info(struct guest *g)
{
	const u32 *info = guest_at(g, g->entry.gprs.r[VMM_RBX], 116);
	const struct map_entry *map;
	const struct module *mod;

	assert_int_equal(g->entry.gprs.r[VMM_RAX], 0x2badb002);
	assert_int_equal(info[FLAGS], BIT(0) | BIT(2) | BIT(3) | BIT(6) | BIT(9));
	assert_int_equal(info[LOWER], 640);
	assert_int_equal(info[UPPER], 15 * 1024);
	assert_int_equal(info[DEVICE], 0);
	assert_string_equal(guest_at(g, info[CMDLINE], 2), "a b");
	assert_string_equal(guest_at(g, info[LOADER], 4), "vmm");
	assert_int_equal(info[MAP_LENGTH], 2 * sizeof(*map));
	map = guest_at(g, info[MAP_ADDR], info[MAP_LENGTH]);
	assert_int_equal(map[1].size, 20);
	assert_int_equal(map[1].start, MIB);
	assert_int_equal(map[1].length, 15 * MIB);
	assert_int_equal(map[1].type, 1);
	assert_int_equal(info[MODS_COUNT], 2);
	mod = guest_at(g, info[MODS_ADDR], 2 * sizeof(*mod));
	assert_int_equal(mod[0].start % 4096 | mod[1].start % 4096, 0);
	assert_int_equal(mod[0].end - mod[0].start, 3);
	assert_int_equal(mod[1].end - mod[1].start, 6);
	assert_memory_equal(guest_at(g, mod[0].start, 3), "one", 3);
	assert_memory_equal(guest_at(g, mod[1].start, 6), "second", 6);
	assert_string_equal(guest_at(g, mod[0].cmdline, 8), "one arg");
	assert_string_equal(guest_at(g, mod[1].cmdline, 1), "");
}

static void check_boot(const struct image *im, u64 entry)
{
	struct boot_module_config modules[2] = { { .cmdline = "one arg" }, { 0 } };
	struct memfile files[2];
	struct guest g;

	guest_init(&g, im, 16 * MIB);
	fake_pgm_dirty(g.pgm, 0x55);
	memfile_open(&files[0], "one", 3);
	memfile_open(&files[1], "second", 6);
	modules[0].path = files[0].path;
	modules[1].path = files[1].path;
	g.config.cmdline = "a b";
	g.config.modules = modules;
	g.config.module_count = 2;
	assert_int_equal(guest_boot(&g), 0);
	assert_entry_protected(&g);
	assert_int_equal(g.entry.gprs.rip, entry);
	check_info(&g);
	close(files[0].fd);
	close(files[1].fd);
	guest_free(&g);
}

static void test_elf(void **state)
{
	struct image im;

	image_elf32(&im, false);
	image_add_multiboot(&im, BIT(0) | BIT(1));
	check_boot(&im, ELF_ENTRY);		/* e_entry is virtual: translated */
}

static void test_raw(void **state)
{
	struct image im;
	struct guest g;
	u8 *at;

	image_elf64(&im, false);
	image_add_multiboot(&im, MB_ADDRESSES);
	check_boot(&im, ELF_TEXT + 0x1010);
	/* The whole file from its beginning on, then the bss. */
	guest_init(&g, &im, 16 * MIB);
	fake_pgm_dirty(g.pgm, 0x55);
	assert_int_equal(guest_boot(&g), 0);
	at = guest_at(&g, ELF_TEXT, 0x4000);
	assert_memory_equal(at, im.data, im.size);
	assert_filled(at + im.size, 0, 0x4000 - im.size);
	assert_int_equal(at[0x4000], 0x55);
	guest_free(&g);

	/* A part of the file, no bss, optional flags set. */
	header(&im)[1] |= BIT(17) | BIT(31);
	header(&im)[2] = -(header(&im)[0] + header(&im)[1]);
	header(&im)[4] += MB_AT;
	header(&im)[5] = ELF_TEXT + 0x1100;
	header(&im)[6] = 0;
	guest_init(&g, &im, 16 * MIB);
	fake_pgm_dirty(g.pgm, 0x55);
	assert_int_equal(guest_boot(&g), 0);
	at = guest_at(&g, ELF_TEXT + MB_AT, 0x1000);
	assert_memory_equal(at, im.data + MB_AT, 0x1100 - MB_AT);
	assert_int_equal(at[0x1100 - MB_AT], 0x55);
	assert_int_equal(at[-1], 0x55);
	guest_free(&g);
}

static void test_bad_flags(void **state)
{
	struct image im;

	image_elf64(&im, false);
	image_add_multiboot(&im, MB_ADDRESSES | BIT(2));
	refuse(&im, "video mode");
	for (u32 bit = 3; bit < 16; bit++) {
		header(&im)[1] |= BIT(bit);
		refuse(&im, "not known");
	}
	image_elf64(&im, false);
	image_add_multiboot(&im, 0);
	refuse(&im, "ELF64");
	memset(im.data, 0, 64);
	header(&im)[1] = 0;
	refuse(&im, "not ELF for x86");
	header(&im)[0]++;
	refuse(&im, "neither");
}

/* The search: a wrong checksum, not aligned, too far, cut. */
static void test_search(void **state)
{
	struct image im;
	struct guest g;

	image_elf64(&im, false);
	image_add_multiboot(&im, MB_ADDRESSES);
	header(&im)[2]++;
	guest_init(&g, &im, 16 * MIB);
	assert_refused(&g, "neither");
	image_add_multiboot(&im, MB_ADDRESSES);
	memmove(im.data + MB_AT + 2, im.data + MB_AT, 32);
	memfile_write(&g.kernel, im.data, im.size);
	assert_refused(&g, "neither");
	image_elf64(&im, false);
	image_add_multiboot(&im, MB_ADDRESSES);
	header(&im)[3] = ELF_TEXT + 8180;
	memmove(im.data + 8180, im.data + MB_AT, 12);
	memset(im.data + MB_AT, 0, 32);
	memfile_write(&g.kernel, im.data, 8192);
	assert_refused(&g, "cut short");
	memmove(im.data + 8184, im.data + 8180, 12);
	memset(im.data + 8180, 0, 4);
	memfile_write(&g.kernel, im.data, 8196);
	assert_refused(&g, "neither");
	guest_free(&g);
}

static void test_bad_addresses(void **state)
{
	static const struct { u32 field, value; const char *says; } bad[] = {
		{ 4, ELF_TEXT - 4, "before the file's beginning" },
		{ 4, ELF_TEXT + MB_AT + 4, "before the file's beginning" },
		{ 4, 0, "before the file's beginning" },
		{ 5, ELF_TEXT - 1, "before they begin" },
		{ 5, 1, "before they begin" },
		{ 5, ELF_TEXT + 0x3000, "cut short" },
		{ 5, ~0U, "before the data do" },
		{ 6, ELF_TEXT + 0x1000, "before the data do" },
		{ 6, 1, "before the data do" },
		{ 6, ~0U, "does not lie in the guest's RAM" },
		{ 7, 0, "outside of what is loaded" },
		{ 7, ELF_TEXT - 1, "outside of what is loaded" },
		{ 7, ELF_TEXT + ELF_DATA_FILE + ELF_DATA_SIZE, "outside of what is loaded" },
	};

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		struct image im;

		image_elf64(&im, false);
		image_add_multiboot(&im, MB_ADDRESSES);
		header(&im)[bad[i].field] = bad[i].value;
		refuse(&im, bad[i].says);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_elf),
		cmocka_unit_test(test_raw),
		cmocka_unit_test(test_bad_flags),
		cmocka_unit_test(test_search),
		cmocka_unit_test(test_bad_addresses),
	};

	return cmocka_run_group_tests_name("multiboot", tests, NULL, NULL);
}
