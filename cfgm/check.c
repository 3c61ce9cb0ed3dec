// SPDX-License-Identifier: GPL-2.0
/*
 * The raw tree against the schema: a node for each group, a value for each
 * key that the schema has, and an error for any that it does not have.
 * Recursion goes no deeper than the raw tree, which is bounded.
 */
#include <stdio.h>

#include "base/nearest.h"
#include "cfgm/internal.h"

/* The key that every variant has. */
static const struct cfgm_key type_key = {
	.name = "type", .type = CFGM_STRING, .required = true, .help = "which of them",
};

static const struct cfgm_key no_keys[] = { { 0 } };

bool cfgm_is_group(enum cfgm_type type)
{
	return type == CFGM_GROUP || type == CFGM_VARIANT;
}

static bool is_list(enum cfgm_type type)
{
	return type == CFGM_LIST || type == CFGM_VARIANTS;
}

static char *join(struct cfgm_arena *arena, const char *path, const char *name)
{
	return cfgm_sprintf(arena, "%s%s%s", path, *path ? "." : "", name);
}

/* "a, b, c", as far as there is room. */
static void list_add(char *list, size_t size, size_t *len, const char *name)
{
	if (*len < size)
		*len += snprintf(list + *len, size - *len, "%s%s", *len ? ", " : "", name);
}

/* ---- keys that do not exist --------------------------------------------------- */

static int unknown_key(struct cfgm_arena *arena, const struct cfgm_node *node,
		       const struct cfgm_raw *raw, struct error *err)
{
	struct nearest nearest = { .word = raw->name };
	const char *path = join(arena, node->path, cfgm_show(raw->name).text);
	char list[200] = "";
	size_t len = 0;

	if (!path)
		return -ENOMEM;
	for (unsigned int i = 0; i < node->value_count; i++) {
		const char *name = node->values[i].key->name;

		nearest_offer(&nearest, name);
		list_add(list, sizeof(list), &len, name);
	}
	if (nearest.name)
		return cfgm_fail(err, &raw->origin, path, "unknown key; did you mean %s?",
				 nearest.name);
	return cfgm_fail(err, &raw->origin, path, "unknown key; there is %s",
			 len ? list : "none here");
}

/* ---- variants -------------------------------------------------------------------- */

static int unknown_type(const struct cfgm_key *key, const struct cfgm_raw *raw, const char *path,
			const char *type, const char *why, struct error *err)
{
	const char *const *names = key->variants ? key->variants() : NULL;
	struct nearest nearest = { .word = type };
	char list[200] = "";
	size_t len = 0;

	if (why && *why)
		return cfgm_fail(err, &raw->origin, path, "\"%s\" is %s",
				 cfgm_show(type).text, why);
	for (; names && *names; names++) {
		nearest_offer(&nearest, *names);
		list_add(list, sizeof(list), &len, *names);
	}
	if (nearest.name)
		return cfgm_fail(err, &raw->origin, path, "unknown: \"%s\"; did you mean \"%s\"?",
				 cfgm_show(type).text, nearest.name);
	return cfgm_fail(err, &raw->origin, path, "unknown: \"%s\"; there is %s",
			 cfgm_show(type).text, len ? list : "none");
}

/* The keys of the variant that @raw chooses by its "type". */
static int variant_keys(struct cfgm_arena *arena, const struct cfgm_key *key,
			struct cfgm_raw *raw, const char *path,
			const struct cfgm_key **keys, const char **type, struct error *err)
{
	struct cfgm_raw *chosen = cfgm_raw_find(raw, type_key.name);
	struct cfgm_value value = { .key = &type_key };
	const char *why = NULL, *type_path = join(arena, path, type_key.name);
	int ret;

	if (!type_path)
		return -ENOMEM;
	if (!chosen)
		return cfgm_fail(err, &raw->origin, type_path, "missing");
	ret = cfgm_value_set(arena, &value, chosen, type_path, err);
	if (ret)
		return ret;
	*keys = key->variant(value.string, &why);
	if (!*keys)
		return unknown_type(key, chosen, type_path, value.string, why, err);
	*type = value.string;
	return 0;
}

/* ---- groups ------------------------------------------------------------------------ */

/* One group below a node: @key says which keys it has. */
static int check_child(struct cfgm_arena *arena, const struct cfgm_key *key, struct cfgm_raw *raw,
		       const char *path, struct cfgm_node **out, struct error *err)
{
	const struct cfgm_key *keys = key->keys ?: no_keys;
	struct cfgm_node *node = cfgm_alloc(arena, sizeof(*node));
	const char *type = NULL;
	int ret = 0;

	if (!node)
		return -ENOMEM;
	node->path = path;
	if (raw->type != CFGM_RAW_GROUP)
		return cfgm_fail(err, &raw->origin, path, "must be %s, is %s",
				 cfgm_type_name(key->variant ? CFGM_VARIANT : CFGM_GROUP),
				 cfgm_raw_show(raw).text);
	if (key->variant)
		ret = variant_keys(arena, key, raw, path, &keys, &type, err);
	*out = node;
	return ret ?: cfgm_check(arena, node, raw, keys, type, err);
}

static int check_list(struct cfgm_arena *arena, struct cfgm_value *value, struct cfgm_raw *raw,
		      const char *path, struct error *err)
{
	unsigned int i = 0;
	int ret = 0;

	if (raw->type != CFGM_RAW_LIST)
		return cfgm_fail(err, &raw->origin, path, "must be %s, is %s",
				 cfgm_type_name(value->key->type), cfgm_raw_show(raw).text);
	value->nodes = cfgm_alloc(arena, raw->count * sizeof(*value->nodes));
	if (!value->nodes)
		return -ENOMEM;
	for (raw = raw->first; raw && !ret; raw = raw->next, i++) {
		char *entry = cfgm_sprintf(arena, "%s.[%u]", path, i);

		if (!entry)
			return -ENOMEM;
		ret = check_child(arena, value->key, raw, entry, &value->nodes[i], err);
	}
	value->count = i;
	return ret;
}

static int check_value(struct cfgm_arena *arena, struct cfgm_node *node, struct cfgm_value *value,
		       struct cfgm_raw *raw, struct error *err)
{
	const struct cfgm_key *key = value->key;
	const char *path = join(arena, node->path, key->name);

	if (!path)
		return -ENOMEM;
	value->present = true;
	value->origin = raw->origin;
	if (is_list(key->type))
		return check_list(arena, value, raw, path, err);
	if (!cfgm_is_group(key->type))
		return cfgm_value_set(arena, value, raw, path, err);
	value->nodes = cfgm_alloc(arena, sizeof(*value->nodes));
	if (!value->nodes)
		return -ENOMEM;
	return check_child(arena, key, raw, path, &value->nodes[0], err);
}

/* A group in it that is not required may be absent itself. */
static bool needs_something(const struct cfgm_key *keys)
{
	for (; keys && keys->name; keys++) {
		if (keys->required)
			return true;
	}
	return false;
}

/* A key that nobody gave: its default, a group of defaults, or nothing. */
static int check_absent(struct cfgm_arena *arena, struct cfgm_node *node, struct cfgm_value *value,
			struct error *err)
{
	const struct cfgm_key *key = value->key;
	struct cfgm_raw raw = { .type = CFGM_RAW_GROUP };
	int ret;

	if (key->required) {
		const char *path = join(arena, node->path, key->name);

		return path ? cfgm_fail(err, &node->origin, path, "missing") : -ENOMEM;
	}
	if (key->def) {
		ret = cfgm_parse_value(arena, &raw, key->def, &raw.origin);
		return ret ?: check_value(arena, node, value, &raw, err);
	}
	if (key->type == CFGM_GROUP && !needs_something(key->keys))
		return check_value(arena, node, value, &raw, err);
	return 0;
}

static int make_values(struct cfgm_arena *arena, struct cfgm_node *node,
		       const struct cfgm_key *keys, bool typed)
{
	unsigned int count = typed;

	while (keys[count - typed].name)
		count++;
	node->value_count = count;
	node->values = cfgm_alloc(arena, count * sizeof(*node->values));
	if (!node->values)
		return -ENOMEM;
	for (unsigned int i = 0; i < count; i++)
		node->values[i].key = typed && !i ? &type_key : &keys[i - typed];
	return 0;
}

int cfgm_check(struct cfgm_arena *arena, struct cfgm_node *node, const struct cfgm_raw *raw,
	       const struct cfgm_key *keys, const char *type, struct error *err)
{
	int ret = make_values(arena, node, keys, type);

	node->origin = raw->origin;
	/* In the order of the file, so that the first error is the first in it. */
	for (struct cfgm_raw *child = raw->first; child && !ret; child = child->next) {
		struct cfgm_value *value = node->values, *end = value + node->value_count;

		while (value < end && strcmp(value->key->name, child->name))
			value++;
		if (value == end)
			ret = unknown_key(arena, node, child, err);
		else
			ret = check_value(arena, node, value, child, err);
	}
	for (unsigned int i = 0; i < node->value_count && !ret; i++) {
		if (!node->values[i].present)
			ret = check_absent(arena, node, &node->values[i], err);
	}
	return ret;
}
