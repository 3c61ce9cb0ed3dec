// SPDX-License-Identifier: GPL-2.0
/*
 * "path.to.key=value" applied to the raw tree. The path is libconfig's:
 * names between dots, and [N] for an entry of a list, which may be one past
 * the last. What is missing on the way is made, a list where [N] follows.
 * Whether any of it makes sense is the schema's business, later.
 */
#include <ctype.h>
#include <stdio.h>

#include "cfgm/internal.h"

#define OVERRIDE_PATH_MAX 256

static const struct cfgm_origin override_origin = { .line = 1 };

struct walk {
	const char *text;		/* the override as a whole, for errors */
	char path[OVERRIDE_PATH_MAX];
	char *p;
};

static int bad(const struct walk *w, struct error *err, const char *why, const char *what)
{
	return error_set(err, EINVAL, "-o %s: %s%s", cfgm_show(w->text).text, why, what);
}

static int walk_begin(struct walk *w, const char *text, struct error *err)
{
	const char *equals = strchr(text, '=');
	size_t len = equals ? equals - text : 0;

	w->text = text;
	if (!len)
		return bad(w, err, "wants the form path.to.key=value", "");
	while (len && text[len - 1] == ' ')
		len--;
	if (len >= sizeof(w->path))
		return bad(w, err, "the path is too long", "");
	memcpy(w->path, text, len);
	w->path[len] = 0;
	w->p = w->path;
	return 0;
}

/* The entry [N] of @list, made if it is the next. */
static int step_index(struct walk *w, struct cfgm_arena *arena, struct cfgm_raw *list,
		      struct cfgm_raw **out, struct error *err)
{
	unsigned int index = 0, digits = 0;
	struct cfgm_raw *raw = list->first;

	for (w->p++; isdigit((unsigned char)*w->p) && digits < 6; digits++)
		index = index * 10 + (*w->p++ - '0');
	if (!digits || *w->p != ']')
		return bad(w, err, "an entry of a list is written [0], [1], ...", "");
	w->p++;
	if (*w->p && *w->p != '.' && *w->p != '[')
		return bad(w, err, "after ] comes a dot or the end", "");
	if (list->type != CFGM_RAW_LIST)
		return bad(w, err, "an index, but not of a list: ", list->name ?: "");
	if (index > list->count) {
		char next[16];

		snprintf(next, sizeof(next), "[%u]", list->count);
		return bad(w, err, "there is no such entry; a new one would be ", next);
	}
	while (index && raw) {
		raw = raw->next;
		index--;
	}
	*out = raw ?: cfgm_raw_append(arena, list, NULL);
	return *out ? 0 : -ENOMEM;
}

static int step_name(struct walk *w, struct cfgm_arena *arena, struct cfgm_raw *group,
		     struct cfgm_raw **out, struct error *err)
{
	size_t len = strcspn(w->p, ".[");
	char name[OVERRIDE_PATH_MAX];

	memcpy(name, w->p, len);
	name[len] = 0;
	w->p += len;
	if (!len)
		return bad(w, err, "a name is missing in the path", "");
	if (group->type != CFGM_RAW_GROUP)
		return bad(w, err, "no keys below what is no group: ", group->name ?: "");
	*out = cfgm_raw_find(group, name) ?: cfgm_raw_append(arena, group, name);
	return *out ? 0 : -ENOMEM;
}

/* Made just now: empty, and without an origin of its own. */
static bool is_new(const struct cfgm_raw *raw)
{
	return !raw->origin.file && !raw->origin.line;
}

int cfgm_override(struct cfgm_arena *arena, struct cfgm_raw *root, const char *text,
		  struct error *err)
{
	struct cfgm_raw *raw = root;
	unsigned int depth = 0;
	struct walk w;
	int ret;

	ret = walk_begin(&w, text, err);
	while (!ret && *w.p) {
		if (++depth > CFGM_DEPTH_MAX)
			return bad(&w, err, "the path is too deep", "");
		if (*w.p == '[')
			ret = step_index(&w, arena, raw, &raw, err);
		else
			ret = step_name(&w, arena, raw, &raw, err);
		if (ret)
			break;
		if (*w.p == '.' && !*++w.p)
			return bad(&w, err, "a name is missing in the path", "");
		if (is_new(raw)) {
			raw->type = *w.p == '[' ? CFGM_RAW_LIST : CFGM_RAW_GROUP;
			raw->origin = override_origin;
		}
	}
	if (!ret)
		ret = cfgm_parse_value(arena, raw, strchr(text, '=') + 1, &override_origin);
	if (ret == -ENOMEM)
		return error_set(err, ENOMEM, "config: out of memory");
	return ret;
}
