/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Nested page tables: guest-physical to host-physical, in the format of the
 * vendor. All calls under vm->mmu_lock unless they say otherwise.
 */
#ifndef KMOD_NPT_H
#define KMOD_NPT_H

#include "vmm.h"

/* What the bits of an entry are called; bit 7 makes a leaf of any level > 1. */
struct npt_format {
	u64 table;			/* set in an entry that points to a table */
	u64 leaf;			/* set in every leaf */
	u64 write;			/* and in one that may be written */
	u64 exec;			/* of those in leaf: it may be executed; 0: no such bit */
	u64 dirty;			/* of those in leaf: the CPU sets it at a write */
};

#define NPT_4K	1
#define NPT_2M	2
#define NPT_1G	3

/* Pages of @level covered, as a count of 4 KiB pages. */
static inline u64 npt_level_pages(int level)
{
	return 1ULL << (9 * (level - 1));
}

/* Without mmu_lock: at VM creation. npt_destroy() when nothing runs any more. */
int npt_create(struct vm *vm);
void npt_destroy(struct vm *vm);

/* Make room for one npt_map(). Without mmu_lock; may sleep. */
int npt_prepare(struct vcpu *vcpu);
void npt_prepare_free(struct vcpu *vcpu);

/* npt_map()'s access */
#define NPT_WRITE	BIT(0)
#define NPT_TRACK	BIT(1)	/* its next write is to be noticed */
#define NPT_FETCH	BIT(2)	/* it is about to be executed */

/*
 * Map the page of @level that holds @gfn, or a smaller one in it if it cannot
 * be as large. Takes tables from npt_prepare().
 */
void npt_map(struct vcpu *vcpu, u64 gfn, u64 pfn, int level, u32 access);

/*
 * Remove every mapping that touches [@gfn, @end), or make its next write be
 * noticed. True: a flush is due, npt_flush(), before mmu_lock is dropped.
 */
bool npt_zap(struct vm *vm, u64 gfn, u64 end);
bool npt_track(struct vm *vm, u64 gfn, u64 end);

/*
 * Throw all vCPUs out of the guest; none enters again without a flush of its
 * TLB. Frees the tables that npt_zap() took out.
 */
void npt_flush(struct vm *vm);
/*
 * Throw them out, no more: each has left it once. With @requests, bits, only
 * those that have not seen to one of them. Preemption off, no lock needed.
 */
void npt_interrupt(struct vm *vm, unsigned long requests);

#endif
