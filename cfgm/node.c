// SPDX-License-Identifier: GPL-2.0
/* What the rest of the program reads, and how places are told to a person. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "cfgm/internal.h"

/* A key that the schema does not have, or has with another type, is our own bug. */
static const struct cfgm_value *find(const struct cfgm_node *node, const char *key, u32 types)
{
	for (unsigned int i = 0; i < node->value_count; i++) {
		const struct cfgm_value *value = &node->values[i];

		if (!strcmp(value->key->name, key) && (types & BIT(value->key->type)))
			return value;
	}
	log_error("bug: no such key in the schema: %s.%s", node->path, key);
	abort();
}

bool cfgm_has(const struct cfgm_node *node, const char *key)
{
	return find(node, key, ~0U)->present;
}

bool cfgm_bool(const struct cfgm_node *node, const char *key)
{
	return find(node, key, BIT(CFGM_BOOL))->number;
}

s64 cfgm_int(const struct cfgm_node *node, const char *key)
{
	return find(node, key, BIT(CFGM_INT))->number;
}

u64 cfgm_size(const struct cfgm_node *node, const char *key)
{
	return find(node, key, BIT(CFGM_SIZE))->number;
}

const char *cfgm_string(const struct cfgm_node *node, const char *key)
{
	return find(node, key, BIT(CFGM_STRING))->string;
}

const char *cfgm_path(const struct cfgm_node *node, const char *key)
{
	return find(node, key, BIT(CFGM_PATH))->string;
}

unsigned int cfgm_count(const struct cfgm_node *node, const char *key)
{
	return find(node, key, BIT(CFGM_STRINGS) | BIT(CFGM_LIST) | BIT(CFGM_VARIANTS))->count;
}

const struct cfgm_node *cfgm_group(const struct cfgm_node *node, const char *key)
{
	const struct cfgm_value *value = find(node, key, BIT(CFGM_GROUP) | BIT(CFGM_VARIANT));

	return value->nodes ? value->nodes[0] : NULL;
}

const struct cfgm_node *cfgm_item(const struct cfgm_node *node, const char *key, unsigned int i)
{
	const struct cfgm_value *value = find(node, key, BIT(CFGM_LIST) | BIT(CFGM_VARIANTS));

	assert(i < value->count);
	return value->nodes[i];
}

const char *cfgm_strings(const struct cfgm_node *node, const char *key, unsigned int i)
{
	const struct cfgm_value *value = find(node, key, BIT(CFGM_STRINGS));

	assert(i < value->count);
	return value->strings[i];
}

/* ---- places, for a person ------------------------------------------------------ */

void cfgm_origin_print(const struct cfgm_origin *origin, char *buf, size_t size)
{
	if (origin->file && origin->line)
		snprintf(buf, size, "%s:%u", origin->file, origin->line);
	else if (origin->file)
		snprintf(buf, size, "%s", origin->file);
	else
		snprintf(buf, size, "%s", origin->line ? "-o" : "config");
}

void cfgm_where(const struct cfgm_node *node, const char *key, char *buf, size_t size)
{
	const struct cfgm_value *value = find(node, key, ~0U);
	bool own = value->origin.file || value->origin.line;
	char place[256];

	/* A default stands nowhere: name the group that could have it. */
	cfgm_origin_print(own ? &value->origin : &node->origin, place, sizeof(place));
	snprintf(buf, size, "%s: %s%s%s", place, node->path, *node->path ? "." : "", key);
}

int cfgm_fail(struct error *err, const struct cfgm_origin *origin, const char *key,
	      const char *fmt, ...)
{
	char place[256], text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	cfgm_origin_print(origin, place, sizeof(place));
	return error_set(err, EINVAL, "%s: %s%s%s", place, key, *key ? ": " : "", text);
}

struct cfgm_shown cfgm_show(const char *s)
{
	struct cfgm_shown shown = { "" };
	size_t i;

	for (i = 0; i < sizeof(shown.text) - 4 && s[i] && s[i] != '\n'; i++)
		shown.text[i] = (u8)s[i] < ' ' || s[i] == 127 ? '?' : s[i];
	if (s[i])
		memcpy(shown.text + i, "...", 4);
	return shown;
}
