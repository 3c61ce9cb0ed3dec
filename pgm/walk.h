/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest page walk: from a guest-linear address to a guest-physical one,
 * in every paging mode of the processor.
 *
 * Pure code, compiled in both rings. Guest memory is reached through the
 * caller's callbacks alone, so the walk takes no lock and owns nothing.
 */
#ifndef PGM_WALK_H
#define PGM_WALK_H

#include "base.h"

/* What the access is. No bit is an explicit data read at the current CPL. */
#define PGM_WRITE	BIT(0)	/* also for read-modify-write */
#define PGM_EXEC	BIT(1)	/* instruction fetch */
#define PGM_IMPLICIT	BIT(2)	/* supervisor whatever the CPL: descriptor tables, TSS */

/* Rights of a translation, as the tables give them along the whole path. */
#define PGM_RIGHT_WRITE	BIT(0)
#define PGM_RIGHT_EXEC	BIT(1)
#define PGM_RIGHT_USER	BIT(2)

/* Bits of a page fault's error code. */
#define PGM_PF_PRESENT	BIT(0)
#define PGM_PF_WRITE	BIT(1)
#define PGM_PF_USER	BIT(2)
#define PGM_PF_RESERVED	BIT(3)
#define PGM_PF_FETCH	BIT(4)
#define PGM_PF_KEY	BIT(5)

/* The state of the vCPU that decides about paging. */
struct pgm_paging {
	u64 cr0;
	u64 cr3;
	u64 cr4;
	u64 efer;
	u64 rflags;		/* AC lifts SMAP */
	u64 pdpte[4];		/* used if @have_pdpte: PAE as VT-x keeps it */
	u32 pkru;		/* used if CR4.PKE */
	u32 pkrs;		/* used if CR4.PKS */
	u8 cpl;
	u8 maxphyaddr;		/* 32 to 52 */
	bool have_pdpte;
	bool have_1g;		/* CPUID says 1 GiB pages */
};

struct pgm_walk_ops {
	/* Read @size (4 or 8) bytes at @gpa, never torn. 0 or -errno. */
	int (*read)(void *ctx, gpa_t gpa, void *buf, unsigned int size);
	/*
	 * Replace @old by @new atomically, to set accessed and dirty bits. 0,
	 * -EAGAIN if something else than @old stood there, or another -errno.
	 * NULL: the walk leaves these bits alone.
	 */
	int (*exchange)(void *ctx, gpa_t gpa, u64 old, u64 new, unsigned int size);
};

/* What a walk comes to, besides -errno. */
enum pgm_walk_status {
	PGM_WALK_OK,
	PGM_WALK_FAULT,		/* #PF with the result's error code */
	PGM_WALK_NONCANONICAL,	/* #GP(0) or #SS(0), by the segment */
};

struct pgm_walk {
	gpa_t gpa;
	u32 error_code;		/* PGM_PF_*, after PGM_WALK_FAULT */
	u8 page_shift;		/* 12, 21, 22 or 30 */
	u8 rights;		/* PGM_RIGHT_* */
	u8 key;			/* protection key of the page, 0 where there is none */
};

/*
 * Translate @gva for @access (PGM_WRITE, PGM_EXEC, PGM_IMPLICIT). Accessed and
 * dirty bits are set only when the access is allowed. Returns an enum
 * pgm_walk_status; the -errno of a callback; or -EAGAIN when the tables change
 * under the walk faster than it can follow, so let the guest run and retry.
 */
int pgm_walk(const struct pgm_paging *paging, const struct pgm_walk_ops *ops, void *ctx,
	     gva_t gva, unsigned int access, struct pgm_walk *out);

#endif
