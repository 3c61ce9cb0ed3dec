// SPDX-License-Identifier: GPL-2.0
/*
 * A tree is built once and freed whole, so its pieces are never freed alone.
 * One malloc() for each piece: a config has a hundred of them, and the
 * sanitizers then see an overrun of any.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "cfgm/internal.h"

struct cfgm_chunk {
	struct cfgm_chunk *next;
	max_align_t data[];
};

void *cfgm_alloc(struct cfgm_arena *arena, size_t size)
{
	struct cfgm_chunk *chunk = calloc(1, sizeof(*chunk) + size);

	if (!chunk)
		return NULL;
	chunk->next = arena->chunks;
	arena->chunks = chunk;
	return chunk->data;
}

char *cfgm_strndup(struct cfgm_arena *arena, const char *s, size_t len)
{
	char *copy = cfgm_alloc(arena, len + 1);

	if (copy)
		memcpy(copy, s, len);
	return copy;
}

char *cfgm_sprintf(struct cfgm_arena *arena, const char *fmt, ...)
{
	va_list ap;
	char *s;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	s = cfgm_alloc(arena, len + 1);
	if (!s)
		return NULL;
	va_start(ap, fmt);
	vsnprintf(s, len + 1, fmt, ap);
	va_end(ap);
	return s;
}

void cfgm_arena_free(struct cfgm_arena *arena)
{
	struct cfgm_chunk *chunk, *next;

	for (chunk = arena->chunks; chunk; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	arena->chunks = NULL;
}
