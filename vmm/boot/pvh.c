// SPDX-License-Identifier: GPL-2.0
/*
 * ELF kernels with a PVH note, by "x86/HVM direct boot ABI": a vmlinux built
 * with CONFIG_PVH, Xen, and others. They are entered in protected mode with the
 * start info's address in EBX. The initrd is the first module.
 */
#include "vmm/boot/internal.h"

#define NOTE_NAME		"Xen"
#define NOTE_PHYS32_ENTRY	18

#define START_MAGIC		0x336ec578
#define START_VERSION		1		/* with a memory map */

struct pvh_start_info {
	u32 magic;
	u32 version;
	u32 flags;
	u32 module_count;
	u64 modules;
	u64 cmdline;
	u64 rsdp;
	u64 map;
	u32 map_count;
	u32 reserved;
};

struct pvh_module {
	u64 start;
	u64 size;
	u64 cmdline;
	u64 reserved;
};

struct pvh_map_entry {
	u64 start;
	u64 size;
	u32 type;			/* as in the E820 map */
	u32 reserved;
};

/* All that is handed over but strings and the modules' contents. */
struct pvh_info {
	struct pvh_start_info start;
	struct pvh_module module[BOOT_MODULES_MAX];
	struct pvh_map_entry map[PGM_E820_MAX];
};

static int pvh_probe(const struct boot_file *kernel, struct error *err)
{
	struct boot_elf elf;
	u64 entry;
	int ret;

	if (!boot_elf_open(&elf, kernel))
		return 0;
	ret = boot_elf_note(&elf, NOTE_NAME, NOTE_PHYS32_ENTRY, &entry);
	boot_elf_close(&elf);
	return ret;
}

static int pvh_load_kernel(struct boot_load *load, u64 *entry, struct error *err)
{
	const struct boot_file *kernel = &load->image->kernel;
	struct boot_elf elf;
	int ret;

	if (!boot_elf_open(&elf, kernel))
		return error_set(err, ENOEXEC, "%s: is no ELF file any more", kernel->path);
	if (!boot_elf_note(&elf, NOTE_NAME, NOTE_PHYS32_ENTRY, entry))
		ret = error_set(err, ENOEXEC, "%s: has no PVH note any more", kernel->path);
	else if (*entry >> 32)
		ret = error_set(err, ENOEXEC, "%s: the PVH entry 0x%llx is above 4 GiB",
				kernel->path, (unsigned long long)*entry);
	else
		ret = boot_elf_load(load, &elf, *entry, err);
	boot_elf_close(&elf);
	return ret;
}

static int pvh_load_module(struct boot_load *load, const struct boot_file *file,
			   struct pvh_module *module, struct error *err)
{
	struct boot_want want = {
		.what = "module",
		.align = BOOT_PAGE,
		.limit = PGM_HOLE_START,
		.high = true,
	};
	gpa_t gpa;
	int ret;

	ret = boot_place_file(load, file, &want, &gpa, err);
	if (ret)
		return ret;
	module->start = gpa;
	module->size = want.size;
	if (!*file->cmdline)
		return 0;
	return boot_place_string(load, "module's command line", file->cmdline, BOOT_CMDLINE_MAX,
				 &module->cmdline, err);
}

static int pvh_fill_info(struct boot_load *load, struct pvh_info *info, gpa_t gpa,
			 struct error *err)
{
	const struct boot_image *image = load->image;
	int ret;

	info->start = (struct pvh_start_info){
		.magic = START_MAGIC,
		.version = START_VERSION,
		.module_count = image->module_count,
		.modules = image->module_count ? gpa + offsetof(struct pvh_info, module) : 0,
		.rsdp = load->rsdp,
		.map = gpa + offsetof(struct pvh_info, map),
		.map_count = load->map_count,
	};
	for (u32 i = 0; i < load->map_count; i++)
		info->map[i] = (struct pvh_map_entry){
			.start = load->map[i].addr,
			.size = load->map[i].size,
			.type = load->map[i].type,
		};
	ret = boot_place_string(load, "command line", image->cmdline, BOOT_CMDLINE_MAX,
				&info->start.cmdline, err);
	for (u32 i = 0; !ret && i < image->module_count; i++)
		ret = pvh_load_module(load, &image->modules[i], &info->module[i], err);
	return ret;
}

static int pvh_load(struct boot_load *load, struct error *err)
{
	gpa_t info;
	void *host;
	u64 entry;
	int ret;

	ret = pvh_load_kernel(load, &entry, err);
	if (ret)
		return ret;
	ret = boot_place_info(load, "start info", sizeof(struct pvh_info), &info, &host, err);
	if (ret)
		return ret;
	ret = pvh_fill_info(load, host, info, err);
	if (ret)
		return ret;
	ret = boot_entry_protected(load, entry, err);
	load->entry->gprs.r[VMM_RBX] = info;
	return ret;
}

const struct boot_loader boot_pvh = {
	.name = "PVH ELF",
	.probe = pvh_probe,
	.load = pvh_load,
	.linux_args = true,
};

_Static_assert(sizeof(struct pvh_start_info) == 56, "PVH");
_Static_assert(sizeof(struct pvh_module) == 32, "PVH");
_Static_assert(sizeof(struct pvh_map_entry) == 24, "PVH");
