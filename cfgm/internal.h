/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Inside CFGM: files become one text (source.c), the text becomes a raw tree
 * (parse.c, the only user of libconfig), overrides edit the raw tree
 * (override.c), and the schema turns it into nodes (check.c, value.c), which
 * is what readers see (node.c). All of it lives in one arena.
 */
#ifndef CFGM_INTERNAL_H
#define CFGM_INTERNAL_H

#include "cfgm/cfgm.h"

/* ---- memory: freed all at once ---------------------------------------------- */

struct cfgm_chunk;

struct cfgm_arena {
	struct cfgm_chunk *chunks;
};

/* Zeroed; NULL: out of memory. */
void *cfgm_alloc(struct cfgm_arena *arena, size_t size);
char *cfgm_strndup(struct cfgm_arena *arena, const char *s, size_t len);
char *cfgm_sprintf(struct cfgm_arena *arena, const char *fmt, ...) __printf_fmt(2, 3);
void cfgm_arena_free(struct cfgm_arena *arena);

/* ---- where something was written --------------------------------------------- */

struct cfgm_origin {
	const char *file;	/* NULL: not a file, see cfgm_origin_print() */
	unsigned int line;	/* without a file: 0 is a default, 1 an override */
};

void cfgm_origin_print(const struct cfgm_origin *origin, char *buf, size_t size);
/* "FILE:LINE: KEY: " in front of the text; @key may be empty. Returns -EINVAL. */
int cfgm_fail(struct error *err, const struct cfgm_origin *origin, const char *key,
	      const char *fmt, ...) __printf_fmt(4, 5);
/* A value for an error message: clipped, and nothing a terminal would obey. */
struct cfgm_shown {
	char text[64];
};
struct cfgm_shown cfgm_show(const char *s);

/* ---- source.c: the text of a file and of all it includes ------------------------ */

#define CFGM_TEXT_MAX	(256 * 1024)	/* of a config, included files and all */
#define CFGM_DEPTH_MAX	16		/* of braces, of files */

struct cfgm_source {
	struct cfgm_arena *arena;
	char *text;			/* terminated; comments gone */
	size_t len, room;
	struct cfgm_origin *lines;	/* of each line of text */
	unsigned int line_count, line_room;
	unsigned int files;		/* open now: how deep includes are */
};

int cfgm_source_file(struct cfgm_source *src, const char *path, struct error *err);
/* @text is not from a file: @origin stands for all of it, and includes are refused. */
int cfgm_source_text(struct cfgm_source *src, const char *text, const struct cfgm_origin *origin,
		     struct error *err);
void cfgm_source_free(struct cfgm_source *src);

/* The directory of @file with @path behind it, unless @path is absolute. */
const char *cfgm_resolve(struct cfgm_arena *arena, const char *file, const char *path);

/* ---- parse.c: the raw tree ---------------------------------------------------------- */

enum cfgm_raw_type {
	CFGM_RAW_BOOL, CFGM_RAW_INT, CFGM_RAW_FLOAT, CFGM_RAW_STRING, CFGM_RAW_GROUP, CFGM_RAW_LIST,
};

struct cfgm_raw {
	const char *name;		/* NULL: root, or entry of a list */
	enum cfgm_raw_type type;
	s64 number;
	double real;
	const char *string;
	const char *text;		/* as it stands on the command line; NULL: from a file */
	struct cfgm_origin origin;
	struct cfgm_raw *first, *last, *next;
	unsigned int count;
};

/* Parse @src into the group @root. */
int cfgm_parse(struct cfgm_raw *root, struct cfgm_source *src, struct error *err);
/*
 * One value from @text, into @raw. What does not parse is a string: whether
 * that will do, the schema decides.
 */
int cfgm_parse_value(struct cfgm_arena *arena, struct cfgm_raw *raw, const char *text,
		     const struct cfgm_origin *origin);
struct cfgm_raw *cfgm_raw_append(struct cfgm_arena *arena, struct cfgm_raw *parent,
				 const char *name);
struct cfgm_raw *cfgm_raw_find(struct cfgm_raw *group, const char *name);

/* ---- override.c ------------------------------------------------------------------------ */

int cfgm_override(struct cfgm_arena *arena, struct cfgm_raw *root, const char *text,
		  struct error *err);

/* ---- check.c, value.c: the nodes --------------------------------------------------------- */

struct cfgm_value {
	const struct cfgm_key *key;
	struct cfgm_origin origin;
	bool present;
	s64 number;			/* BOOL, INT, SIZE */
	const char *string;		/* STRING, PATH */
	unsigned int count;		/* of a list */
	const char **strings;
	struct cfgm_node **nodes;	/* of a list, or the one group */
};

struct cfgm_node {
	const char *path;		/* "devices.[0]", empty at the root */
	struct cfgm_origin origin;
	struct cfgm_value *values;
	unsigned int value_count;
};

/* A group as @keys want it; @type is the value of "type" in a variant, else NULL. */
int cfgm_check(struct cfgm_arena *arena, struct cfgm_node *node, const struct cfgm_raw *raw,
	       const struct cfgm_key *keys, const char *type, struct error *err);
/* Scalars and lists of strings. @path is the full name, for errors. */
int cfgm_value_set(struct cfgm_arena *arena, struct cfgm_value *value, const struct cfgm_raw *raw,
		   const char *path, struct error *err);
bool cfgm_is_group(enum cfgm_type type);
/* For "must be ...". */
const char *cfgm_type_name(enum cfgm_type type);
/* "the number 5" */
struct cfgm_shown cfgm_raw_show(const struct cfgm_raw *raw);

#endif
