/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A pgm for the tests of what fills memory before a guest runs: RAM and ROM
 * with guard pages around each range, and a map that the test may choose. The
 * test that includes this defines these functions of pgm.h itself.
 */
#ifndef TESTS_FAKE_PGM_H
#define TESTS_FAKE_PGM_H

#include <stdlib.h>
#include <sys/mman.h>

#include "pgm/pgm.h"

#define FAKE_RANGES 16

struct pgm {
	struct {
		gpa_t gpa;
		u64 size;
		u8 *host;
		enum pgm_type type;
	} range[FAKE_RANGES];
	unsigned int count;
};

#define FAKE_PAGE 4096

/* Add a range; page-aligned. */
static inline void fake_pgm_add(struct pgm *pgm, gpa_t gpa, u64 size, enum pgm_type type)
{
	u8 *host = mmap(NULL, size + 2 * FAKE_PAGE, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (host == MAP_FAILED || pgm->count == FAKE_RANGES)
		abort();
	if (mprotect(host + FAKE_PAGE, size, PROT_READ | PROT_WRITE))
		abort();
	pgm->range[pgm->count].gpa = gpa;
	pgm->range[pgm->count].size = size;
	pgm->range[pgm->count].host = host + FAKE_PAGE;
	pgm->range[pgm->count].type = type;
	pgm->count++;
}

/* The layout of pgm.h for so much RAM. */
static inline struct pgm *fake_pgm_new(u64 ram_bytes)
{
	struct pgm *pgm = calloc(1, sizeof(*pgm));
	u64 low = ram_bytes < PGM_HOLE_START ? ram_bytes : PGM_HOLE_START;

	fake_pgm_add(pgm, 0, low < PGM_LOW_RAM_END ? low : PGM_LOW_RAM_END, PGM_RAM);
	if (low > PGM_HIGH_RAM_START)
		fake_pgm_add(pgm, PGM_HIGH_RAM_START, low - PGM_HIGH_RAM_START, PGM_RAM);
	if (ram_bytes > low)
		fake_pgm_add(pgm, PGM_HOLE_END, ram_bytes - low, PGM_RAM);
	return pgm;
}

static inline void fake_pgm_free(struct pgm *pgm)
{
	for (unsigned int i = 0; i < pgm->count; i++)
		munmap(pgm->range[i].host - FAKE_PAGE, pgm->range[i].size + 2 * FAKE_PAGE);
	free(pgm);
}

/* Fill all RAM with @byte. */
static inline void fake_pgm_dirty(struct pgm *pgm, u8 byte)
{
	for (unsigned int i = 0; i < pgm->count; i++)
		if (pgm->range[i].type == PGM_RAM)
			memset(pgm->range[i].host, byte, pgm->range[i].size);
}

int pgm_rom_add(struct pgm *pgm, gpa_t gpa, u64 size, const char *name, void **host,
		struct error *err)
{
	if (pgm_host(pgm, gpa, 1, true))
		return error_set(err, EEXIST, "%s: overlaps", name);
	fake_pgm_add(pgm, gpa, size, PGM_ROM);
	*host = pgm->range[pgm->count - 1].host;
	return 0;
}

void *pgm_host(struct pgm *pgm, gpa_t gpa, u64 len, bool rom)
{
	for (unsigned int i = 0; i < pgm->count; i++) {
		u64 at = gpa - pgm->range[i].gpa;

		if (gpa < pgm->range[i].gpa || at >= pgm->range[i].size ||
		    len > pgm->range[i].size - at)
			continue;
		if (pgm->range[i].type == PGM_RAM || (rom && pgm->range[i].type == PGM_ROM))
			return pgm->range[i].host + at;
	}
	return NULL;
}

unsigned int pgm_e820(struct pgm *pgm, struct pgm_e820 *map, unsigned int room)
{
	unsigned int i;

	for (i = 0; i < pgm->count && i < room; i++)
		map[i] = (struct pgm_e820){ pgm->range[i].gpa, pgm->range[i].size,
					    pgm->range[i].type == PGM_RAM ? 1 : 2 };
	return i;
}

#endif
