// SPDX-License-Identifier: GPL-2.0
/*
 * One raw value as the schema wants it: the type, then the range or the
 * choices. From the command line a value comes with its text, which is what
 * a key that wants a string takes ("-o name=4").
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/nearest.h"
#include "cfgm/internal.h"

/* All that concerns one value, so that the functions below stay short. */
struct ctx {
	struct cfgm_arena *arena;
	struct cfgm_value *value;
	const struct cfgm_raw *raw;
	const char *path;
	struct error *err;
};

static const char *const type_names[] = {
	[CFGM_BOOL]	= "true or false",
	[CFGM_INT]	= "a number",
	[CFGM_SIZE]	= "a size such as \"512M\"",
	[CFGM_STRING]	= "a string",
	[CFGM_PATH]	= "a path in quotes",
	[CFGM_STRINGS]	= "a list of strings, ( \"a\", \"b\" )",
	[CFGM_GROUP]	= "a group, { key = value; }",
	[CFGM_LIST]	= "a list of groups, ( { key = value; } )",
	[CFGM_VARIANT]	= "a group, { type = \"...\"; }",
	[CFGM_VARIANTS]	= "a list of groups, ( { type = \"...\"; } )",
};

const char *cfgm_type_name(enum cfgm_type type)
{
	return type_names[type];
}

struct cfgm_shown cfgm_raw_show(const struct cfgm_raw *raw)
{
	struct cfgm_shown shown = { "" }, text;

	switch (raw->type) {
	case CFGM_RAW_BOOL:
		snprintf(shown.text, sizeof(shown.text), "%s", raw->number ? "true" : "false");
		break;
	case CFGM_RAW_INT:
		snprintf(shown.text, sizeof(shown.text), "%" PRId64, raw->number);
		break;
	case CFGM_RAW_FLOAT:
		snprintf(shown.text, sizeof(shown.text), "%g", raw->real);
		break;
	case CFGM_RAW_STRING:
		text = cfgm_show(raw->string);
		snprintf(shown.text, sizeof(shown.text), "\"%.*s\"", (int)sizeof(text.text) - 3,
			 text.text);
		break;
	case CFGM_RAW_GROUP:
		return (struct cfgm_shown){ "a group" };
	case CFGM_RAW_LIST:
		return (struct cfgm_shown){ "a list" };
	}
	return shown;
}

static int wrong_type(const struct ctx *c)
{
	return cfgm_fail(c->err, &c->raw->origin, c->path, "must be %s, is %s",
			 cfgm_type_name(c->value->key->type), cfgm_raw_show(c->raw).text);
}

static bool is_scalar(const struct cfgm_raw *raw)
{
	return raw->type != CFGM_RAW_GROUP && raw->type != CFGM_RAW_LIST;
}

/* ---- numbers ---------------------------------------------------------------- */

/* A limit as the person would write it. */
static const char *show_limit(char *buf, size_t size, s64 limit, enum cfgm_type type)
{
	static const char units[] = "KMGT";
	int unit = -1;

	while (type == CFGM_SIZE && unit < 3 && limit && !(limit & 1023)) {
		limit >>= 10;
		unit++;
	}
	snprintf(buf, size, "%" PRId64 "%.*s", limit, unit >= 0, unit >= 0 ? &units[unit] : "");
	return buf;
}

static int set_number(const struct ctx *c, s64 n)
{
	const struct cfgm_key *key = c->value->key;
	char low[32], high[32];

	c->value->number = n;
	if ((!key->min && !key->max) || (n >= key->min && n <= key->max))
		return 0;
	return cfgm_fail(c->err, &c->raw->origin, c->path, "must be %s to %s, is %s",
			 show_limit(low, sizeof(low), key->min, key->type),
			 show_limit(high, sizeof(high), key->max, key->type),
			 cfgm_raw_show(c->raw).text);
}

static int set_bool(const struct ctx *c)
{
	c->value->number = c->raw->number;
	return c->raw->type == CFGM_RAW_BOOL ? 0 : wrong_type(c);
}

static int set_int(const struct ctx *c)
{
	return c->raw->type == CFGM_RAW_INT ? set_number(c, c->raw->number) : wrong_type(c);
}

/* "512M" in bytes; false if it is no size, or too large for s64. */
static bool parse_size(const char *s, s64 *out)
{
	static const char units[] = "KMGT";
	const char *unit;
	char *end;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	*out = strtoll(s, &end, 10);
	if (errno)
		return false;
	unit = *end ? strchr(units, *end & ~0x20) : NULL;
	if (unit && *++end)
		return false;
	return unit ? !__builtin_mul_overflow(*out, 1LL << 10 * (unit - units + 1), out) : !*end;
}

static int set_size(const struct ctx *c)
{
	s64 n = c->raw->number;

	if (c->raw->type == CFGM_RAW_STRING && !parse_size(c->raw->string, &n))
		return wrong_type(c);
	if (c->raw->type != CFGM_RAW_STRING && c->raw->type != CFGM_RAW_INT)
		return wrong_type(c);
	if (n < 0)
		return wrong_type(c);
	return set_number(c, n);
}

/* ---- strings ------------------------------------------------------------------ */

static int bad_choice(const struct ctx *c, const struct cfgm_raw *raw, const char *path,
		      const char *string)
{
	struct nearest nearest = { .word = string };
	char list[160] = "";
	size_t len = 0;

	for (const char *const *known = c->value->key->absent; known && *known; known++) {
		if (!strcmp(*known, string))
			return cfgm_fail(c->err, &raw->origin, path,
					 "\"%s\" is known, but not built in", *known);
	}
	for (const char *const *choice = c->value->key->choices; *choice; choice++) {
		nearest_offer(&nearest, *choice);
		if (len < sizeof(list))
			len += snprintf(list + len, sizeof(list) - len, "%s%s", len ? ", " : "",
					*choice);
	}
	if (nearest.name)
		return cfgm_fail(c->err, &raw->origin, path,
				 "unknown: \"%s\"; did you mean \"%s\"?", cfgm_show(string).text,
				 nearest.name);
	return cfgm_fail(c->err, &raw->origin, path, "unknown: \"%s\"; must be one of %s",
			 cfgm_show(string).text, list);
}

static int check_choice(const struct ctx *c, const struct cfgm_raw *raw, const char *path,
			const char *string)
{
	const char *const *choice = c->value->key->choices;

	while (choice && *choice && strcmp(*choice, string))
		choice++;
	return !choice || *choice ? 0 : bad_choice(c, raw, path, string);
}

static int set_string(const struct ctx *c)
{
	const char *string = c->raw->type == CFGM_RAW_STRING ? c->raw->string : c->raw->text;

	if (!string || !is_scalar(c->raw))
		return wrong_type(c);
	c->value->string = string;
	return check_choice(c, c->raw, c->path, string);
}

static int set_path(const struct ctx *c)
{
	int ret = set_string(c);

	if (ret)
		return ret;
	if (!*c->value->string)
		return cfgm_fail(c->err, &c->raw->origin, c->path, "must be a path, is empty");
	c->value->string = cfgm_resolve(c->arena, c->raw->origin.file, c->value->string);
	return c->value->string ? 0 : -ENOMEM;
}

static int set_strings(const struct ctx *c)
{
	unsigned int i = 0;

	if (c->raw->type != CFGM_RAW_LIST)
		return wrong_type(c);
	c->value->strings = cfgm_alloc(c->arena, c->raw->count * sizeof(char *));
	if (!c->value->strings)
		return -ENOMEM;
	for (const struct cfgm_raw *raw = c->raw->first; raw; raw = raw->next) {
		const char *entry = cfgm_sprintf(c->arena, "%s.[%u]", c->path, i);
		int ret;

		if (!entry)
			return -ENOMEM;
		if (raw->type != CFGM_RAW_STRING)
			return cfgm_fail(c->err, &raw->origin, entry, "must be a string, is %s",
					 cfgm_raw_show(raw).text);
		ret = check_choice(c, raw, entry, raw->string);
		if (ret)
			return ret;
		c->value->strings[i++] = raw->string;
	}
	c->value->count = i;
	return 0;
}

static int (*const setters[])(const struct ctx *c) = {
	[CFGM_BOOL]	= set_bool,
	[CFGM_INT]	= set_int,
	[CFGM_SIZE]	= set_size,
	[CFGM_STRING]	= set_string,
	[CFGM_PATH]	= set_path,
	[CFGM_STRINGS]	= set_strings,
};

int cfgm_value_set(struct cfgm_arena *arena, struct cfgm_value *value, const struct cfgm_raw *raw,
		   const char *path, struct error *err)
{
	const struct ctx c = { arena, value, raw, path, err };

	return setters[value->key->type](&c);
}
