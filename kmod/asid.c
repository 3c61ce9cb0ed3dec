// SPDX-License-Identifier: GPL-2.0
#include "asid.h"

void asid_pool_init(struct asid_pool *pool, u32 first, u32 max)
{
	/* Goes on from before the CPU was off: a tag of then must not look good now. */
	pool->generation++;
	pool->first = first;
	pool->max = max;
	/* The first tag asked for flushes: who had the CPU before us is unknown. */
	pool->next = max + 1;
}

bool asid_get(struct asid_pool *pool, struct asid_tag *tag)
{
	bool flush = false;

	if (asid_is_good(pool, tag))
		return false;
	if (pool->next > pool->max) {
		pool->generation++;
		pool->next = pool->first;
		flush = true;
	}
	tag->pool = pool;
	tag->generation = pool->generation;
	tag->asid = pool->next++;
	return flush;
}
