/* SPDX-License-Identifier: GPL-2.0 */
/*
 * PGM, the page manager: what lies where in guest-physical space.
 *
 * Ranges are RAM, ROM or MMIO and never overlap. RAM is private anonymous
 * memory with huge pages advised, or taken from the host's pool of them (an
 * administrator's hugetlb) on request, and given to the module as slots; the module
 * fills its nested tables from it as the guest touches it. An access outside
 * RAM and ROM comes back as an MMIO exit and is dispatched here to the
 * range's handler. What nobody claims reads as ones and drops writes.
 *
 * The layout: RAM from 0 to 3 GiB at most, with 0xa0000-0xfffff cut out (ROM
 * and BIOS area: see pgm_rom_add()), then the hole for devices up to 4 GiB,
 * and the rest of RAM from 4 GiB on.
 *
 * Ranges are set up before the first vCPU runs and do not change after, so
 * readers need no lock. Handlers are called with no lock held.
 */
#ifndef PGM_PGM_H
#define PGM_PGM_H

#include "base/base.h"
#include "base/error.h"

struct pgm;
struct hm_vm;

#define PGM_LOW_RAM_END		0xa0000ULL
#define PGM_HIGH_RAM_START	0x100000ULL
#define PGM_HOLE_START		0xc0000000ULL
#define PGM_HOLE_END		0x100000000ULL

enum pgm_type { PGM_RAM, PGM_ROM, PGM_MMIO };

struct pgm_mmio_ops {
	/* @len 1, 2, 4 or 8; the access lies within the range. */
	u64 (*read)(void *ctx, u64 offset, u32 len);
	void (*write)(void *ctx, u64 offset, u32 len, u64 value);
};

struct pgm_config {
	u64 ram_bytes;			/* a multiple of the pages it is made of */
	bool large_pages;		/* transparent ones advised, else advised against */
	u64 hugetlb;			/* from the host's pool of pages of this size; 0: not */
};

/* @hm may be NULL in unit tests: memory without a module behind it. */
int pgm_create(struct pgm **out, struct hm_vm *hm, const struct pgm_config *config,
	       struct error *err);
void pgm_destroy(struct pgm *pgm);

/* RAM as it was at power-up, all zero; ROM stays. No vCPU runs. */
void pgm_reset(struct pgm *pgm);

/* Memory the guest reads but cannot write, e.g. at 0xe0000; page-aligned. */
int pgm_rom_add(struct pgm *pgm, gpa_t gpa, u64 size, const char *name, void **host,
		struct error *err);
/* @gpa and @size need no alignment. -EEXIST: overlaps, the text says with what. */
int pgm_mmio_add(struct pgm *pgm, gpa_t gpa, u64 size, const char *name,
		 const struct pgm_mmio_ops *ops, void *ctx, struct error *err);

/*
 * The host pointer of [@gpa, @gpa + @len), if all of it is in one range of RAM
 * (or ROM, with @rom), else NULL. The one place where guest addresses are
 * checked.
 */
void *pgm_host(struct pgm *pgm, gpa_t gpa, u64 len, bool rom);

/* Copies, across ranges of RAM too. -EFAULT: not all RAM (ROM, for reads). */
int pgm_read(struct pgm *pgm, gpa_t gpa, void *buf, u64 len);
int pgm_write(struct pgm *pgm, gpa_t gpa, const void *buf, u64 len);

/* One access of @len 1 to 8 to whatever is there; splits at range borders. */
void pgm_mmio_read(struct pgm *pgm, gpa_t gpa, void *buf, u32 len);
void pgm_mmio_write(struct pgm *pgm, gpa_t gpa, const void *buf, u32 len);

/* The RAM map for the boot protocols, sorted. */
struct pgm_e820 {
	u64 addr, size;
	u32 type;			/* 1 RAM, 2 reserved, 3 ACPI */
};
#define PGM_E820_MAX 16
unsigned int pgm_e820(struct pgm *pgm, struct pgm_e820 *map, unsigned int room);

#endif
