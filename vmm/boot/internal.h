/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the loaders of this folder share. Single-threaded: a load happens
 * before the first vCPU runs, or while all of them are stopped for a reset.
 */
#ifndef BOOT_INTERNAL_H
#define BOOT_INTERNAL_H

#include "vmm/boot/boot.h"

/* ---- file.c: the files behind an image ------------------------------------ */

struct boot_file {
	char *path;			/* for messages only, once it is open */
	char *cmdline;			/* of a module; never NULL */
	int fd;
	u64 size;			/* as it was when opened; never 0 */
};

/* The one place that opens. @what: "kernel", "initrd", "module". */
int boot_open(struct boot_file *file, const char *what, const char *path,
	      const char *cmdline, struct error *err);
void boot_file_close(struct boot_file *file);
/* All of @len bytes, or an error that names the file. */
int boot_file_read(const struct boot_file *file, u64 offset, void *buf, u64 len,
		   struct error *err);
/* The range lies in the file: the one check of offsets found in files. */
bool boot_file_has(const struct boot_file *file, u64 offset, u64 len);

/* ---- boot.c ------------------------------------------------------------- */

struct boot_load;

/* One kind of kernel. */
struct boot_loader {
	const char *name;
	/* 1: it is one, 0: it is none, -errno: it is one, but cannot be booted. */
	int (*probe)(const struct boot_file *kernel, struct error *err);
	int (*load)(struct boot_load *load, struct error *err);
	bool linux_args;	/* its command line is Linux's */
};

struct boot_image {
	const struct boot_loader *loader;
	struct boot_file kernel;
	char *cmdline;			/* never NULL */
	bool has_initrd;		/* it is modules[0] */
	struct boot_file modules[BOOT_MODULES_MAX];
	u32 module_count;
};

extern const struct boot_loader boot_bzimage, boot_pvh, boot_multiboot;

/* ---- place.c: who gets which piece of RAM ------------------------------------ */

#define BOOT_RANGES_MAX	128
#define BOOT_PAGE	4096

struct boot_range {
	gpa_t start, end;		/* [start, end) */
	const char *what;
};

struct boot_load {
	const struct boot_image *image;
	struct pgm *pgm;
	gpa_t rsdp;
	struct boot_entry *entry;
	struct pgm_e820 map[PGM_E820_MAX];
	u32 map_count;
	struct boot_range used[BOOT_RANGES_MAX];
	u32 used_count;
};

/*
 * Take [@gpa, @gpa + @size) for @what (a constant string) and give the host's
 * pointer to it. Errors name the kernel: the address came from it.
 */
int boot_claim(struct boot_load *load, gpa_t gpa, u64 size, const char *what, void **host,
	       struct error *err);

/* A free piece of RAM: the lowest at or above @from, or the highest below @limit. */
struct boot_want {
	const char *what;
	u64 size;			/* 0 counts as 1 */
	u64 align;
	gpa_t from;
	gpa_t limit;
	bool high;
};
int boot_place(struct boot_load *load, const struct boot_want *want, gpa_t *gpa, void **host,
	       struct error *err);

/* Whole pages, zeroed, as low as can be: for what the protocols hand over. */
int boot_place_info(struct boot_load *load, const char *what, u64 size, gpa_t *gpa, void **host,
		    struct error *err);
/* A copy of @text in such pages; at most @max bytes without the NUL. */
int boot_place_string(struct boot_load *load, const char *what, const char *text, u64 max,
		      gpa_t *gpa, struct error *err);
/* The file of @want->what, placed and read; @want->size is set here. */
int boot_place_file(struct boot_load *load, const struct boot_file *file,
		    struct boot_want *want, gpa_t *gpa, struct error *err);

/* Longest command line where the protocol sets no limit. */
#define BOOT_CMDLINE_MAX	4095

/* ---- entry.c: the BSP's state ---------------------------------------------------- */

/* 32-bit protected mode, flat segments, no paging, interrupts off. */
int boot_entry_protected(struct boot_load *load, u32 eip, struct error *err);
/* 64-bit mode; the first 4 GiB are mapped to themselves. */
int boot_entry_long(struct boot_load *load, u64 rip, struct error *err);

/* ---- elf.c: program headers ----------------------------------------------------- */

struct boot_elf {
	const struct boot_file *file;
	struct Elf *elf;
	bool is_64;
	u64 entry;			/* e_entry, turned physical */
	u32 segments;			/* program headers, of any type */
};

/* 1: an ELF file for x86; 0: anything else. */
int boot_elf_open(struct boot_elf *elf, const struct boot_file *file);
void boot_elf_close(struct boot_elf *elf);
/* 1: the note's descriptor as a number of 4 or 8 bytes; 0: no such note. */
int boot_elf_note(const struct boot_elf *elf, const char *name, u32 type, u64 *value);
/* All loadable segments, to their physical addresses; @entry lies in one of them. */
int boot_elf_load(struct boot_load *load, const struct boot_elf *elf, u64 entry,
		  struct error *err);

#endif
