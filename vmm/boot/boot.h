/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From the files of the config to a guest that is ready for its first
 * instruction.
 *
 * boot_image_open() opens all files and sees what kind of kernel it is.
 * boot_image_load() puts kernel, initrd, modules and the structures of the
 * boot protocol into guest memory; a reset of the guest calls it again, and
 * nothing is opened by path then. No firmware is involved: the BSP starts in
 * the state its protocol prescribes.
 *
 * A file that changes underneath is read as it is at the time of the load and
 * checked again as if it were new.
 */
#ifndef BOOT_BOOT_H
#define BOOT_BOOT_H

#include "base/base.h"
#include "base/error.h"
#include "kmod/uapi/vmm.h"
#include "pgm/pgm.h"

struct boot_image;

#define BOOT_MODULES_MAX	32	/* the initrd counts as one */

struct boot_module_config {
	const char *path;
	const char *cmdline;		/* NULL: empty */
};

/* Strings are copied where they are kept. */
struct boot_config {
	const char *kernel;
	const char *cmdline;		/* NULL: empty */
	const char *initrd;		/* NULL: none */
	const struct boot_module_config *modules;	/* behind the initrd */
	u32 module_count;
};

/* How the BSP starts; all fields are set. Every other state is that of reset. */
struct boot_entry {
	struct vmm_gprs gprs;
	struct vmm_sregs sregs;
};

int boot_image_open(struct boot_image **out, const struct boot_config *config,
		    struct error *err);
void boot_image_close(struct boot_image *image);

/* "bzImage", "PVH ELF", "multiboot" */
const char *boot_image_type(const struct boot_image *image);

/*
 * Tell a Linux kernel the frequency of its TSC, by tsc_early_khz= behind its
 * command line, unless that has one already. Other kernels are left alone.
 */
int boot_image_tell_tsc(struct boot_image *image, u32 khz, struct error *err);

/*
 * @rsdp is where the ACPI tables begin, 0: none. Guest memory need not be
 * clean: whatever the protocol wants zeroed is zeroed here.
 */
int boot_image_load(struct boot_image *image, struct pgm *pgm, gpa_t rsdp,
		    struct boot_entry *entry, struct error *err);

#endif
