/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A pgm for the loaders' tests: RAM and ROM with a guard page behind each
 * range, and a map that the test may choose.
 */
#ifndef TESTS_FAKE_PGM_H
#define TESTS_FAKE_PGM_H

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

/* Add a range; page-aligned. */
void fake_pgm_add(struct pgm *pgm, gpa_t gpa, u64 size, enum pgm_type type);
/* The layout of pgm.h for so much RAM. */
struct pgm *fake_pgm_new(u64 ram_bytes);
void fake_pgm_free(struct pgm *pgm);
/* Fill all RAM with @byte. */
void fake_pgm_dirty(struct pgm *pgm, u8 byte);

#endif
