// SPDX-License-Identifier: GPL-2.0
/* ELF kernels with a PVH note. */
#include "tests/unit/vmm/boot/images.h"

#define MIB	(1ULL << 20)

/* "x86/HVM direct boot ABI" */
struct start_info {
	u32 magic, version, flags, module_count;
	u64 modules, cmdline, rsdp, map;
	u32 map_count, reserved;
};

struct module { u64 start, size, cmdline, reserved; };
struct map_entry { u64 start, size; u32 type, reserved; };

static void assert_loaded(struct guest *g)
{
	u8 *data = guest_at(g, ELF_DATA, ELF_DATA_MEM);

	assert_filled(guest_at(g, ELF_TEXT, ELF_TEXT_SIZE), 0xc1, ELF_TEXT_SIZE);
	assert_filled(data, 0xc2, ELF_DATA_SIZE);
	assert_filled(data + ELF_DATA_SIZE, 0, ELF_DATA_MEM - ELF_DATA_SIZE);
}

static void check_boot(const struct image *im)
{
	struct boot_module_config module = { .cmdline = "second" };
	struct memfile initrd, second;
	const struct start_info *info;
	const struct map_entry *map;
	const struct module *mod;
	struct guest g;

	guest_init(&g, im, 16 * MIB);
	fake_pgm_dirty(g.pgm, 0x55);
	memfile_open(&initrd, "initrd", 6);
	memfile_open(&second, "another", 7);
	module.path = second.path;
	g.config.initrd = initrd.path;
	g.config.cmdline = "quiet";
	g.config.modules = &module;
	g.config.module_count = 1;
	assert_int_equal(guest_boot(&g), 0);
	assert_entry_protected(&g);
	assert_int_equal(g.entry.gprs.rip, ELF_ENTRY);
	assert_loaded(&g);

	info = guest_at(&g, g.entry.gprs.r[VMM_RBX], sizeof(*info));
	assert_int_equal(info->magic, 0x336ec578);
	assert_int_equal(info->version, 1);
	assert_int_equal(info->flags | info->reserved, 0);
	assert_int_equal(info->rsdp, GUEST_RSDP);
	assert_string_equal(guest_at(&g, info->cmdline, 6), "quiet");
	assert_int_equal(info->module_count, 2);
	mod = guest_at(&g, info->modules, 2 * sizeof(*mod));
	assert_int_equal(mod[0].start, 16 * MIB - 4096);
	assert_int_equal(mod[0].size, 6);
	assert_int_equal(mod[0].cmdline | mod[0].reserved, 0);
	assert_memory_equal(guest_at(&g, mod[0].start, 6), "initrd", 6);
	assert_memory_equal(guest_at(&g, mod[1].start, 7), "another", 7);
	assert_string_equal(guest_at(&g, mod[1].cmdline, 7), "second");
	assert_int_equal(info->map_count, 2);
	map = guest_at(&g, info->map, 2 * sizeof(*map));
	assert_int_equal(map[0].start, 0);
	assert_int_equal(map[1].start, MIB);
	assert_int_equal(map[1].size, 15 * MIB);
	assert_int_equal(map[1].type, 1);
	assert_int_equal(map[1].reserved, 0);
	close(initrd.fd);
	close(second.fd);
	guest_free(&g);
}

static void test_boot(void **state)
{
	struct image im;

	image_elf64(&im, true);
	check_boot(&im);
	image_elf32(&im, true);
	check_boot(&im);
	/* A descriptor of 4 bytes is as good. */
	((struct elf_note *)(im.data + ELF_NOTE_FILE))->descsz = 4;
	check_boot(&im);
}

static Elf64_Ehdr *ehdr(struct image *im)
{
	return (Elf64_Ehdr *)im->data;
}

static Elf64_Phdr *phdr(struct image *im, u32 i)
{
	return (Elf64_Phdr *)(im->data + sizeof(Elf64_Ehdr)) + i;
}

static void refuse(struct image *im, const char *says)
{
	struct guest g;

	guest_init(&g, im, 16 * MIB);
	assert_refused(&g, says);
	assert_non_null(strstr(g.err.text, g.kernel.path));
	guest_free(&g);
	image_elf64(im, true);		/* for the next */
}

static void test_no_kernel(void **state)
{
	struct image im;

	image_elf64(&im, false);
	refuse(&im, "neither a PVH note");
	ehdr(&im)->e_machine = EM_AARCH64;
	refuse(&im, "another machine");
	ehdr(&im)->e_ident[EI_DATA] = ELFDATA2MSB;
	refuse(&im, "another machine");
	ehdr(&im)->e_ident[EI_CLASS] = 7;
	refuse(&im, "neither a PVH note");
	ehdr(&im)->e_phoff = ~0ULL;
	refuse(&im, "neither a PVH note");
	ehdr(&im)->e_phnum = 0xffff;
	refuse(&im, "neither a PVH note");
	((struct elf_note *)(im.data + ELF_NOTE_FILE))->descsz = 2;
	refuse(&im, "neither a PVH note");
	((struct elf_note *)(im.data + ELF_NOTE_FILE))->namesz = ~0U;
	refuse(&im, "neither a PVH note");
	((struct elf_note *)(im.data + ELF_NOTE_FILE))->type = 17;
	refuse(&im, "neither a PVH note");
	phdr(&im, 2)->p_offset = im.size;
	refuse(&im, "neither a PVH note");
	phdr(&im, 2)->p_filesz = ~0ULL;
	refuse(&im, "neither a PVH note");
	/* Not ELF at all, short or long. */
	im.data[1] = 'X';
	refuse(&im, "not a bzImage, not an ELF");
	im.size = 1;
	refuse(&im, "not a bzImage, not an ELF");
}

static void test_bad_segments(void **state)
{
	struct image im;

	image_elf64(&im, true);
	phdr(&im, 0)->p_filesz = ELF_TEXT_SIZE + 1;
	refuse(&im, "more bytes in the file");
	phdr(&im, 0)->p_offset = im.size - 1;
	refuse(&im, "cut short");
	phdr(&im, 0)->p_offset = ~0ULL;
	refuse(&im, "cut short");
	phdr(&im, 0)->p_filesz = phdr(&im, 0)->p_memsz = MIB / 2;
	refuse(&im, "cut short");
	phdr(&im, 0)->p_memsz = ~0ULL;
	refuse(&im, "wraps around");
	phdr(&im, 1)->p_paddr = 16 * MIB - ELF_DATA_MEM + 1;
	refuse(&im, "does not lie in the guest's RAM");
	phdr(&im, 1)->p_paddr = 0x9f000;			/* into the hole */
	refuse(&im, "does not lie in the guest's RAM");
	phdr(&im, 1)->p_paddr = 0xfee00000;
	refuse(&im, "does not lie in the guest's RAM");
	phdr(&im, 1)->p_paddr = ~0ULL - ELF_DATA_MEM;		/* the last byte but one */
	refuse(&im, "does not lie in the guest's RAM");
	phdr(&im, 1)->p_paddr = ~0ULL - ELF_DATA_MEM + 1;
	refuse(&im, "wraps around");
	phdr(&im, 1)->p_paddr = ELF_TEXT + ELF_TEXT_SIZE - 1;
	refuse(&im, "overlaps a segment at 0x100000");
	phdr(&im, 1)->p_type = PT_NULL;
	phdr(&im, 0)->p_type = PT_NULL;
	refuse(&im, "lies in no loaded segment");
}

static void test_bad_entry(void **state)
{
	static const u64 entries[] = { 0, ELF_TEXT - 1, ELF_TEXT + ELF_TEXT_SIZE,
				       ELF_DATA + ELF_DATA_SIZE };	/* bss */
	struct image im;

	image_elf64(&im, true);
	for (u32 i = 0; i < ARRAY_SIZE(entries); i++) {
		((struct elf_note *)(im.data + ELF_NOTE_FILE))->desc = entries[i];
		refuse(&im, "lies in no loaded segment");
	}
	((struct elf_note *)(im.data + ELF_NOTE_FILE))->desc = 1ULL << 32;
	refuse(&im, "above 4 GiB");
}

static void make_segments(struct image *im, u32 count)
{
	for (u32 i = 3; i < count; i++) {
		*phdr(im, i) = *phdr(im, 0);
		phdr(im, i)->p_paddr = ELF_DATA + i * 0x10000;
	}
	/* The headers have grown over the note: put it behind all else. */
	im->size = 0x3a00;
	*(struct elf_note *)(im->data + 0x3900) = (struct elf_note){ 4, 8, 18, "Xen", ELF_ENTRY };
	phdr(im, 2)->p_offset = 0x3900;
	ehdr(im)->e_phnum = count;
}

static void test_many_segments(void **state)
{
	struct image im;

	image_elf64(&im, true);
	make_segments(&im, 200);
	refuse(&im, "more than 128 pieces");
	make_segments(&im, 257);
	refuse(&im, "more than 256 program headers");
}

static void test_cmdline(void **state)
{
	char text[4097];
	struct image im;
	struct guest g;

	memset(text, 'a', sizeof(text));
	text[4096] = 0;
	image_elf64(&im, true);
	guest_init(&g, &im, 16 * MIB);
	g.config.cmdline = text;
	assert_refused(&g, "4096 bytes");
	text[4095] = 0;
	assert_int_equal(guest_boot(&g), 0);
	guest_free(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_boot),
		cmocka_unit_test(test_no_kernel),
		cmocka_unit_test(test_bad_segments),
		cmocka_unit_test(test_bad_entry),
		cmocka_unit_test(test_many_segments),
		cmocka_unit_test(test_cmdline),
	};

	return cmocka_run_group_tests_name("elf", tests, NULL, NULL);
}
