// SPDX-License-Identifier: GPL-2.0
/*
 * Images that are cut anywhere or have any of their header bytes changed, and
 * paths that are no files. Each boots or is refused with a line that names the
 * file; the sanitizers and the guard pages around RAM see the rest.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "tests/unit/vmm/boot/images.h"

#define MIB		(1ULL << 20)
#define MUTATIONS	8000

#define ELF_END		(ELF_DATA_FILE + ELF_DATA_SIZE)
/* The last paragraph need not be full. */
#define BZ_END		(BZ_CODE + BZ_CODE_SIZE - 15)

static void make_bzimage(struct image *im)
{
	image_bzimage(im);
}

static void make_bzimage_fixed(struct image *im)
{
	image_bzimage(im);
	image_setup(im)->relocatable_kernel = 0;
	image_setup(im)->xloadflags = 0;
}

static void make_pvh64(struct image *im)
{
	image_elf64(im, true);
}

static void make_pvh32(struct image *im)
{
	image_elf32(im, true);
}

static void make_multiboot_elf(struct image *im)
{
	image_elf32(im, false);
	image_add_multiboot(im, 0);
}

static void make_multiboot_raw(struct image *im)
{
	image_elf64(im, false);
	image_add_multiboot(im, MB_ADDRESSES);
}

static const struct kind {
	void (*make)(struct image *im);
	/* Where its headers lie in the file. */
	struct { u32 at, size; } header[2];
	u32 whole;			/* bytes without which it must be refused */
} kinds[] = {
	{ make_bzimage, { { 0x1f1, 0x7b }, { 0x1f1, 0x7b } }, BZ_END },
	{ make_bzimage_fixed, { { 0x1f1, 0x7b }, { 0x1f1, 0x7b } }, BZ_END },
	{ make_pvh64, { { 0, 64 + 3 * 56 }, { ELF_NOTE_FILE, 24 } }, ELF_END },
	{ make_pvh32, { { 0, 52 + 3 * 32 }, { ELF_NOTE_FILE, 24 } }, ELF_END },
	{ make_multiboot_elf, { { 0, 52 + 2 * 32 }, { MB_AT, 32 } }, ELF_END },
	{ make_multiboot_raw, { { MB_AT, 32 }, { MB_AT, 32 } }, ELF_TEXT_FILE + 0x11 },
};

/* 0, or refused as it should be. */
static int boot(struct guest *g)
{
	int ret = guest_boot(g);

	if (!ret)
		return 0;
	assert_true(ret < 0);
	assert_int_equal(g->err.code, -ret);
	assert_non_null(strstr(g->err.text, g->kernel.path));
	return ret;
}

static void test_cut(void **state)
{
	for (u32 k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct image im;
		struct guest g;

		kinds[k].make(&im);
		guest_init(&g, &im, 64 * MIB);
		assert_int_equal(boot(&g), 0);
		for (u32 size = 0; size < im.size; size++) {
			memfile_write(&g.kernel, im.data, size);
			if (size < kinds[k].whole)
				assert_true(boot(&g) < 0);
			else
				assert_int_equal(boot(&g), 0);
		}
		guest_free(&g);
	}
}

/* "Xorshift RNGs": the same numbers on every run. */
static u32 draw(void)
{
	static u32 x = 2463534242;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x;
}

/* Values that overflow something, more often than chance would have them. */
static u64 draw_value(void)
{
	static const u64 edges[] = { 0, 1, 0x7fffffff, 0x80000000, 0xffffffff, ~0ULL, ~0ULL << 12,
				     1ULL << 63, 0x9f000, 0xa0000, 0xfffff, 0x4000000 };

	return draw() % 2 ? edges[draw() % ARRAY_SIZE(edges)] : (u64)draw() << 32 | draw();
}

static void mutate(struct image *im, const struct kind *kind)
{
	for (u32 n = 1 + draw() % 4; n; n--) {
		u32 part = draw() % 2, size = 1 << draw() % 4;
		u64 value = draw_value();

		memcpy(im->data + kind->header[part].at +
		       draw() % (kind->header[part].size - size + 1), &value, size);
	}
	/* Keep the multiboot header found, mostly. */
	if (draw() % 4 && kind->header[1].at == MB_AT) {
		u32 *header = (u32 *)(im->data + MB_AT);

		header[0] = 0x1badb002;
		header[1] &= 0xffff0003;
		header[2] = -(header[0] + header[1]);
	}
}

static void test_mutated(void **state)
{
	u32 booted = 0, refused = 0;

	for (u32 k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct image good, im;
		struct guest g;

		kinds[k].make(&good);
		guest_init(&g, &good, 64 * MIB);
		for (u32 i = 0; i < MUTATIONS; i++) {
			im = good;
			mutate(&im, &kinds[k]);
			memfile_write(&g.kernel, im.data, im.size);
			if (boot(&g))
				refused++;
			else
				booted++;
		}
		guest_free(&g);
	}
	/* Both ways out were seen, or the mutations prove nothing. */
	assert_true(booted > MUTATIONS / 10);
	assert_true(refused > MUTATIONS / 10);
}

static void refuse_path(const char *path, const char *says)
{
	struct error err = { 0 };
	struct boot_config config = { .kernel = path };
	struct boot_image *image;

	assert_true(boot_image_open(&image, &config, &err) < 0);
	assert_non_null(strstr(err.text, path));
	if (!strstr(err.text, says))
		fail_msg("\"%s\" does not say \"%s\"", err.text, says);
}

static void test_paths(void **state)
{
	char dir[] = "/tmp/vmm-boot-XXXXXX", path[64];
	int fd;

	assert_non_null(mkdtemp(dir));
	refuse_path(dir, "a directory");
	refuse_path("/dev/zero", "a device");
	snprintf(path, sizeof(path), "%s/x", dir);
	refuse_path(path, "No such file");
	assert_int_equal(mkfifo(path, 0600), 0);
	refuse_path(path, "a FIFO");
	unlink(path);
	fd = open(path, O_CREAT | O_WRONLY, 0);
	assert_true(fd >= 0);
	close(fd);
	refuse_path(path, geteuid() ? "Permission denied" : "empty");
	if (!geteuid()) {
		assert_int_equal(seteuid(65534), 0);
		refuse_path(path, "Permission denied");
		assert_int_equal(seteuid(0), 0);
	}
	unlink(path);
	rmdir(dir);
}

static void test_many_modules(void **state)
{
	struct boot_module_config modules[BOOT_MODULES_MAX + 1];
	struct memfile file;
	struct image im;
	struct guest g;

	memfile_open(&file, "module", 6);
	for (u32 i = 0; i < ARRAY_SIZE(modules); i++)
		modules[i] = (struct boot_module_config){ file.path, "x" };
	make_multiboot_raw(&im);
	guest_init(&g, &im, 64 * MIB);
	g.config.modules = modules;
	g.config.module_count = BOOT_MODULES_MAX;
	assert_int_equal(guest_boot(&g), 0);
	g.config.module_count++;
	assert_refused(&g, "more than 32 modules");
	close(file.fd);
	guest_free(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_mutated),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_many_modules),
	};

	return cmocka_run_group_tests_name("hostile", tests, NULL, NULL);
}
