// SPDX-License-Identifier: GPL-2.0
/*
 * Kernels with a multiboot 1 header, by the "Multiboot Specification": ELF32
 * files, and files of any kind whose header says itself where they go. They
 * are entered in protected mode: "Machine state". There is no video mode to
 * choose, no boot device, and no symbol table is handed over.
 */
#include "vmm/boot/internal.h"

#define HEADER_MAGIC		0x1badb002
#define HEADER_SEARCH		8192	/* bytes, all of the header among them */
#define LOADER_MAGIC		0x2badb002
#define LOADER_NAME		"vmm"

/* "The magic fields of Multiboot header" */
#define HEADER_ALIGN_MODULES	BIT(0)
#define HEADER_MEMORY		BIT(1)
#define HEADER_VIDEO		BIT(2)
#define HEADER_ADDRESSES	BIT(16)
#define HEADER_REQUIRED		0xffffU		/* an unknown one must be refused */
#define HEADER_KNOWN		(HEADER_ALIGN_MODULES | HEADER_MEMORY)

struct multiboot_header {
	u32 magic;
	u32 flags;
	u32 checksum;
	/* with HEADER_ADDRESSES */
	u32 header_addr;
	u32 load_addr;
	u32 load_end_addr;
	u32 bss_end_addr;
	u32 entry_addr;
};

#define HEADER_SHORT	offsetof(struct multiboot_header, header_addr)

/* "Boot information format" */
#define INFO_MEMORY		BIT(0)
#define INFO_CMDLINE		BIT(2)
#define INFO_MODULES		BIT(3)
#define INFO_MAP		BIT(6)
#define INFO_LOADER_NAME	BIT(9)

struct multiboot_info {
	u32 flags;
	u32 mem_lower, mem_upper;	/* KiB */
	u32 boot_device;
	u32 cmdline;
	u32 module_count;
	u32 modules;
	u32 symbols[4];
	u32 map_length;			/* bytes */
	u32 map;
	u32 drives_length, drives;
	u32 config_table;
	u32 loader_name;
	u32 apm_table;
	u32 video[11];
};

struct multiboot_module {
	u32 start, end;			/* end: the byte behind */
	u32 cmdline;
	u32 reserved;
};

struct multiboot_map_entry {
	u32 size;			/* of the rest of the entry */
	u64 start;
	u64 length;
	u32 type;			/* as in the E820 map */
} __attribute__((packed));

/* All that is handed over but strings and the modules' contents. */
struct multiboot_block {
	struct multiboot_info info;
	struct multiboot_module module[BOOT_MODULES_MAX];
	struct multiboot_map_entry map[PGM_E820_MAX];
};

/* 1: found, at @offset; 0: there is none. */
static int header_find(const struct boot_file *kernel, struct multiboot_header *header,
		       u32 *offset, struct error *err)
{
	u8 head[HEADER_SEARCH];
	u32 len = min(kernel->size, (u64)sizeof(head));
	int ret;

	ret = boot_file_read(kernel, 0, head, len, err);
	if (ret)
		return ret;
	for (u32 at = 0; at + HEADER_SHORT <= len; at += 4) {
		memset(header, 0, sizeof(*header));
		memcpy(header, head + at, min((size_t)(len - at), sizeof(*header)));
		if (header->magic != HEADER_MAGIC ||
		    header->magic + header->flags + header->checksum != 0)
			continue;
		*offset = at;
		if (header->flags & HEADER_ADDRESSES && len - at < sizeof(*header))
			return error_set(err, ENOEXEC, "%s: the multiboot header is cut short",
					 kernel->path);
		return 1;
	}
	return 0;
}

static int multiboot_probe(const struct boot_file *kernel, struct error *err)
{
	struct multiboot_header header;
	u32 offset;
	int ret = header_find(kernel, &header, &offset, err);

	if (ret <= 0)
		return ret;
	if (header.flags & HEADER_VIDEO)
		return error_set(err, ENOEXEC, "%s: the multiboot header demands a video mode, "
				 "and there is no video",
				 kernel->path);
	if (header.flags & HEADER_REQUIRED & ~HEADER_KNOWN)
		return error_set(err, ENOEXEC, "%s: the multiboot header demands features that "
				 "are not known (flags 0x%x)",
				 kernel->path, header.flags);
	return 1;
}

/* "The address fields of Multiboot header" */
static int raw_load(struct boot_load *load, const struct multiboot_header *h, u32 offset,
		    struct error *err)
{
	const struct boot_file *kernel = &load->image->kernel;
	u64 file_at, file_len, mem_len;
	void *host;
	int ret;

	if (h->load_addr > h->header_addr || h->header_addr - h->load_addr > offset)
		return error_set(err, ENOEXEC, "%s: the multiboot header's load address 0x%x is "
				 "before the file's beginning",
				 kernel->path, h->load_addr);
	file_at = offset - (h->header_addr - h->load_addr);
	file_len = kernel->size - file_at;
	if (h->load_end_addr)
		file_len = (u64)h->load_end_addr - h->load_addr;
	mem_len = h->bss_end_addr ? (u64)h->bss_end_addr - h->load_addr : file_len;
	if (h->load_end_addr && h->load_end_addr < h->load_addr)
		return error_set(err, ENOEXEC, "%s: the multiboot header's addresses end (0x%x) "
				 "before they begin (0x%x)",
				 kernel->path, h->load_end_addr, h->load_addr);
	if (h->bss_end_addr && (h->bss_end_addr < h->load_addr || mem_len < file_len))
		return error_set(err, ENOEXEC, "%s: the multiboot header's bss ends (0x%x) before "
				 "the data do",
				 kernel->path, h->bss_end_addr);
	if (h->entry_addr < h->load_addr || h->entry_addr - h->load_addr >= file_len)
		return error_set(err, ENOEXEC, "%s: the entry point 0x%x lies outside of what is "
				 "loaded",
				 kernel->path, h->entry_addr);
	ret = boot_claim(load, h->load_addr, mem_len, "kernel", &host, err);
	if (ret)
		return ret;
	ret = boot_file_read(kernel, file_at, host, file_len, err);
	if (ret)
		return ret;
	memset((u8 *)host + file_len, 0, mem_len - file_len);
	return 0;
}

static int elf_load(struct boot_load *load, u32 *entry, struct error *err)
{
	const struct boot_file *kernel = &load->image->kernel;
	struct boot_elf elf;
	int ret;

	if (!boot_elf_open(&elf, kernel))
		return error_set(err, ENOEXEC, "%s: the multiboot header gives no addresses, and "
				 "the file is not ELF for x86",
				 kernel->path);
	if (elf.is_64)
		ret = error_set(err, ENOEXEC, "%s: a multiboot kernel in an ELF64 file needs the "
				"header's address fields; objcopy -O elf32-i386 helps",
				kernel->path);
	else
		ret = boot_elf_load(load, &elf, elf.entry, err);
	*entry = elf.entry;
	boot_elf_close(&elf);
	return ret;
}

static int kernel_load(struct boot_load *load, u32 *entry, struct error *err)
{
	const struct boot_file *kernel = &load->image->kernel;
	struct multiboot_header header;
	u32 offset;
	int ret;

	ret = header_find(kernel, &header, &offset, err);
	if (ret < 0)
		return ret;
	if (!ret)
		return error_set(err, ENOEXEC, "%s: has no multiboot header any "
				 "more", kernel->path);
	if (!(header.flags & HEADER_ADDRESSES))
		return elf_load(load, entry, err);
	*entry = header.entry_addr;
	return raw_load(load, &header, offset, err);
}

/* Modules lie behind one another, above the first MiB, page-aligned always. */
static int module_load(struct boot_load *load, const struct boot_file *file,
		       struct multiboot_module *module, struct error *err)
{
	struct boot_want want = {
		.what = "module",
		.align = BOOT_PAGE,
		.from = PGM_HIGH_RAM_START,
		.limit = PGM_HOLE_START,
	};
	gpa_t gpa;
	int ret;

	ret = boot_place_file(load, file, &want, &gpa, err);
	if (ret)
		return ret;
	module->start = gpa;
	module->end = gpa + want.size;
	ret = boot_place_string(load, "module's command line", file->cmdline, BOOT_CMDLINE_MAX,
				&gpa, err);
	module->cmdline = gpa;
	return ret;
}

static void block_fill_memory(const struct boot_load *load, struct multiboot_block *block)
{
	for (u32 i = 0; i < load->map_count; i++) {
		const struct pgm_e820 *e = &load->map[i];

		block->map[i] = (struct multiboot_map_entry){
			.size = sizeof(block->map[i]) - sizeof(block->map[i].size),
			.start = e->addr,
			.length = e->size,
			.type = e->type,
		};
		if (e->type == 1 && e->addr == 0)
			block->info.mem_lower = min(e->size, (u64)PGM_LOW_RAM_END) / 1024;
		if (e->type == 1 && e->addr == PGM_HIGH_RAM_START)
			block->info.mem_upper = e->size / 1024;
	}
	block->info.map_length = load->map_count * sizeof(block->map[0]);
}

static int block_fill(struct boot_load *load, struct multiboot_block *block, gpa_t gpa,
		      struct error *err)
{
	const struct boot_image *image = load->image;
	gpa_t at;
	int ret;

	block_fill_memory(load, block);
	block->info.flags = INFO_MEMORY | INFO_CMDLINE | INFO_MODULES | INFO_MAP |
			    INFO_LOADER_NAME;
	block->info.map = gpa + offsetof(struct multiboot_block, map);
	block->info.modules = gpa + offsetof(struct multiboot_block, module);
	block->info.module_count = image->module_count;
	ret = boot_place_string(load, "command line", image->cmdline, BOOT_CMDLINE_MAX, &at, err);
	if (ret)
		return ret;
	block->info.cmdline = at;
	ret = boot_place_string(load, "boot loader's name", LOADER_NAME, BOOT_CMDLINE_MAX, &at,
				err);
	if (ret)
		return ret;
	block->info.loader_name = at;
	for (u32 i = 0; !ret && i < image->module_count; i++)
		ret = module_load(load, &image->modules[i], &block->module[i], err);
	return ret;
}

static int multiboot_load(struct boot_load *load, struct error *err)
{
	gpa_t block;
	void *host;
	u32 entry = 0;
	int ret;

	ret = kernel_load(load, &entry, err);
	if (ret)
		return ret;
	ret = boot_place_info(load, "multiboot information", sizeof(struct multiboot_block),
			      &block, &host, err);
	if (ret)
		return ret;
	ret = block_fill(load, host, block, err);
	if (ret)
		return ret;
	ret = boot_entry_protected(load, entry, err);
	load->entry->gprs.r[VMM_RAX] = LOADER_MAGIC;
	load->entry->gprs.r[VMM_RBX] = block;
	return ret;
}

const struct boot_loader boot_multiboot = {
	.name = "multiboot",
	.probe = multiboot_probe,
	.load = multiboot_load,
};

_Static_assert(sizeof(struct multiboot_header) == 32, "multiboot");
_Static_assert(sizeof(struct multiboot_info) == 116, "multiboot");
_Static_assert(sizeof(struct multiboot_map_entry) == 24, "multiboot");
