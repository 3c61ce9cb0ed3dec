/* SPDX-License-Identifier: GPL-2.0 */
/*
 * CFGM, the configuration manager: what the VM shall be, as a typed tree.
 *
 * A config file (libconfig's language) and the overrides of the command line
 * become one tree of nodes, checked against a schema of const rows before
 * anything is built: an unknown key (with the nearest that exists), a wrong
 * type or a value out of range is an error with file, line and key. Past that
 * check every declared key has a value of its type, so the readers below
 * cannot fail: asking for a key the schema does not have is a bug, and aborts.
 *
 * A device is handed the sub-tree of its own entry and sees nothing else.
 * The tree does not change once loaded; any thread may read it.
 *
 * An optional group that was not given is there all the same, with defaults,
 * unless a key in it is required; then it is absent, as an optional variant
 * or a key without a default is.
 */
#ifndef CFGM_CFGM_H
#define CFGM_CFGM_H

#include "base/base.h"
#include "base/error.h"

struct cfgm;			/* a loaded configuration */
struct cfgm_node;		/* a group in it */

enum cfgm_type {
	CFGM_BOOL,
	CFGM_INT,		/* min to max */
	CFGM_SIZE,		/* bytes: an integer, or "512M"; min to max */
	CFGM_STRING,		/* one of choices, if there are any */
	CFGM_PATH,		/* a string; relative to the file that names it */
	CFGM_STRINGS,		/* a list of strings, each one of choices if any */
	CFGM_GROUP,		/* keys: a group of its own */
	CFGM_LIST,		/* a list of groups, each with keys */
	CFGM_VARIANT,		/* a group whose "type" chooses its keys: see variant */
	CFGM_VARIANTS,		/* a list of those */
};

/* One key. A table of them ends with a row without a name. */
struct cfgm_key {
	const char *name;
	enum cfgm_type type;
	bool required;			/* else def, or absent: see cfgm_has() */
	s64 min, max;			/* both 0: no limits */
	const char *def;		/* as it would be written; NULL: none */
	const char *const *choices;	/* NULL-terminated */
	const char *const *absent;	/* choices that are known, but not built in */
	const struct cfgm_key *keys;	/* of CFGM_GROUP and CFGM_LIST */
	/*
	 * Of the variants: the keys of @type besides "type" itself, NULL if
	 * it is not known; @why then tells more ("not built in"), or is
	 * NULL or empty. @variants gives the names that exist (NULL-terminated), to
	 * suggest one.
	 */
	const struct cfgm_key *(*variant)(const char *type, const char **why);
	const char *const *(*variants)(void);
	const char *help;		/* one line, for --help and the man page */
};

/*
 * Load @path (NULL: start from nothing) and apply @overrides, each
 * "path.to.key=value" in libconfig's path syntax ("devices.[0].type=..."),
 * a value without quotes taken as a string where the key wants one.
 * @schema must outlive the tree.
 */
int cfgm_load(struct cfgm **out, const char *path, const char *const *overrides,
	      unsigned int count, const struct cfgm_key *schema, struct error *err);
void cfgm_destroy(struct cfgm *cfg);

const struct cfgm_node *cfgm_root(const struct cfgm *cfg);

/* True if the key was given or has a default. */
bool cfgm_has(const struct cfgm_node *node, const char *key);

bool cfgm_bool(const struct cfgm_node *node, const char *key);
s64 cfgm_int(const struct cfgm_node *node, const char *key);
u64 cfgm_size(const struct cfgm_node *node, const char *key);
/* Strings live as long as the tree; NULL where the key is absent. */
const char *cfgm_string(const struct cfgm_node *node, const char *key);
const char *cfgm_path(const struct cfgm_node *node, const char *key);	/* resolved */
/* Of lists and groups. NULL: an absent group. */
unsigned int cfgm_count(const struct cfgm_node *node, const char *key);
const struct cfgm_node *cfgm_group(const struct cfgm_node *node, const char *key);
const struct cfgm_node *cfgm_item(const struct cfgm_node *node, const char *key, unsigned int i);
const char *cfgm_strings(const struct cfgm_node *node, const char *key, unsigned int i);

/*
 * The kind of kernel that @path is, by its magic ("bzImage", "ELF",
 * "multiboot"), NULL for anything else, be it unreadable.
 */
const char *cfgm_kernel_kind(const char *path);

/* Where a key stands, "debian.cfg:12: boot.kernel", to put before an error. */
void cfgm_where(const struct cfgm_node *node, const char *key, char *buf, size_t size);

#endif
