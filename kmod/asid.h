/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tags of a CPU's TLB (ASID, VPID), handed out by generation.
 *
 * Each CPU has a pool. A tag is good on the CPU and in the generation that
 * gave it; when a pool runs out, a new generation begins with a flush of all
 * tags, and every tag given before is void. To flush one guest is to make it
 * ask for a new tag. Pure code; the caller is on the CPU, preemption off.
 */
#ifndef KMOD_ASID_H
#define KMOD_ASID_H

#include "base.h"

struct asid_pool {
	u64 generation;		/* from 1, never back */
	u32 next, max;		/* tags first..max may be given */
	u32 first;
};

struct asid_tag {
	const struct asid_pool *pool;	/* that gave it, NULL: void */
	u64 generation;
	u32 asid;
};

/* Begin (again), when the CPU is turned on: all tags are void. @pool was zeroed once. */
void asid_pool_init(struct asid_pool *pool, u32 first, u32 max);

/* Make @tag good here. True: the CPU must flush all tags before the entry. */
bool asid_get(struct asid_pool *pool, struct asid_tag *tag);

static inline void asid_drop(struct asid_tag *tag)
{
	tag->pool = NULL;
}

static inline bool asid_is_good(const struct asid_pool *pool, const struct asid_tag *tag)
{
	return tag->pool == pool && tag->generation == pool->generation;
}

#endif
