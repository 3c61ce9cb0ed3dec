// SPDX-License-Identifier: GPL-2.0
/*
 * An image: the files of one boot, and the loader that understands its kernel.
 *
 * Owns the descriptors and copies of the strings. The kinds of kernel stand in
 * one table and are asked in its order; a kernel that is of two kinds is booted
 * as the first.
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>

#include "vmm/boot/internal.h"

static const struct boot_loader *const loaders[] = {
	&boot_bzimage,
	&boot_pvh,
	&boot_multiboot,
};

/* What to say of a kernel that no loader wants. */
static int unknown_kernel(const struct boot_file *kernel, struct error *err)
{
	Elf32_Ehdr e = { 0 };		/* the fields looked at are the same in ELF64 */

	if (boot_file_has(kernel, 0, sizeof(e)) && boot_file_read(kernel, 0, &e, sizeof(e), NULL))
		memset(&e, 0, sizeof(e));
	if (memcmp(e.e_ident, ELFMAG, SELFMAG))
		return error_set(err, ENOEXEC, "kernel %s: not a bzImage, not an ELF file with a "
				 "PVH note, and without a multiboot header",
				 kernel->path);
	if (e.e_ident[EI_DATA] != ELFDATA2LSB ||
	    (e.e_machine != EM_386 && e.e_machine != EM_X86_64))
		return error_set(err, ENOEXEC, "kernel %s: an ELF file for another machine than "
				 "x86",
				 kernel->path);
	return error_set(err, ENOEXEC, "kernel %s: an ELF file with neither a PVH note (Linux: "
			 "CONFIG_PVH) nor a multiboot header",
			 kernel->path);
}

static int image_probe(struct boot_image *image, struct error *err)
{
	for (u32 i = 0; i < ARRAY_SIZE(loaders); i++) {
		int ret = loaders[i]->probe(&image->kernel, err);

		if (ret < 0)
			return ret;
		if (ret) {
			image->loader = loaders[i];
			return 0;
		}
	}
	return unknown_kernel(&image->kernel, err);
}

static int image_add_module(struct boot_image *image, const char *what, const char *path,
			    const char *cmdline, struct error *err)
{
	int ret;

	if (image->module_count == BOOT_MODULES_MAX)
		return error_set(err, E2BIG, "module %s: more than %d modules", path,
				 BOOT_MODULES_MAX);
	ret = boot_open(&image->modules[image->module_count], what, path, cmdline, err);
	if (!ret)
		image->module_count++;
	return ret;
}

static int image_open_modules(struct boot_image *image, const struct boot_config *config,
			      struct error *err)
{
	int ret;

	if (config->initrd) {
		ret = image_add_module(image, "initrd", config->initrd, NULL, err);
		if (ret)
			return ret;
		image->has_initrd = true;
	}
	for (u32 i = 0; i < config->module_count; i++) {
		const struct boot_module_config *m = &config->modules[i];

		ret = image_add_module(image, "module", m->path, m->cmdline, err);
		if (ret)
			return ret;
	}
	return 0;
}

int boot_image_open(struct boot_image **out, const struct boot_config *config,
		    struct error *err)
{
	struct boot_image *image = calloc(1, sizeof(*image));
	int ret;

	if (!image)
		return error_errno(err, ENOMEM, "kernel %s", config->kernel);
	image->kernel.fd = -1;
	image->cmdline = strdup(config->cmdline ? config->cmdline : "");
	if (!image->cmdline) {
		ret = error_errno(err, ENOMEM, "kernel %s", config->kernel);
		goto err_close;
	}
	ret = boot_open(&image->kernel, "kernel", config->kernel, NULL, err);
	if (ret)
		goto err_close;
	ret = image_probe(image, err);
	if (ret)
		goto err_close;
	ret = image_open_modules(image, config, err);
	if (ret)
		goto err_close;
	*out = image;
	return 0;

err_close:
	boot_image_close(image);
	return ret;
}

void boot_image_close(struct boot_image *image)
{
	if (!image)
		return;
	for (u32 i = 0; i < image->module_count; i++)
		boot_file_close(&image->modules[i]);
	boot_file_close(&image->kernel);
	free(image->cmdline);
	free(image);
}

int boot_image_tell_tsc(struct boot_image *image, u32 khz, struct error *err)
{
	char *cmdline;

	if (!image->loader->linux_args || strstr(image->cmdline, "tsc_early_khz="))
		return 0;
	if (asprintf(&cmdline, "%s%stsc_early_khz=%u", image->cmdline,
		     *image->cmdline ? " " : "", khz) < 0)
		return error_errno(err, ENOMEM, "the kernel's command line");
	free(image->cmdline);
	image->cmdline = cmdline;
	return 0;
}

const char *boot_image_type(const struct boot_image *image)
{
	return image->loader->name;
}

int boot_image_load(struct boot_image *image, struct pgm *pgm, gpa_t rsdp,
		    struct boot_entry *entry, struct error *err)
{
	struct boot_load load = {
		.image = image,
		.pgm = pgm,
		.rsdp = rsdp,
		.entry = entry,
	};

	load.map_count = min(pgm_e820(pgm, load.map, PGM_E820_MAX), (unsigned int)PGM_E820_MAX);
	return image->loader->load(&load, err);
}
