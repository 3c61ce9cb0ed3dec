// SPDX-License-Identifier: GPL-2.0
/*
 * Text to raw tree, by libconfig. Its tree is copied, since it has no way to
 * move a setting from one config to another, as overrides need; depth is
 * bounded by source.c. Arrays and lists are both lists here.
 */
#include <libconfig.h>

#include "cfgm/internal.h"

struct cfgm_raw *cfgm_raw_find(struct cfgm_raw *group, const char *name)
{
	for (struct cfgm_raw *raw = group->first; raw; raw = raw->next) {
		if (!strcmp(raw->name, name))
			return raw;
	}
	return NULL;
}

struct cfgm_raw *cfgm_raw_append(struct cfgm_arena *arena, struct cfgm_raw *parent,
				 const char *name)
{
	struct cfgm_raw *raw = cfgm_alloc(arena, sizeof(*raw));

	if (!raw)
		return NULL;
	if (name) {
		raw->name = cfgm_strndup(arena, name, strlen(name));
		if (!raw->name)
			return NULL;
	}
	if (parent->last)
		parent->last->next = raw;
	else
		parent->first = raw;
	parent->last = raw;
	parent->count++;
	return raw;
}

static enum cfgm_raw_type raw_type(int type)
{
	switch (type) {
	case CONFIG_TYPE_BOOL:
		return CFGM_RAW_BOOL;
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return CFGM_RAW_INT;
	case CONFIG_TYPE_FLOAT:
		return CFGM_RAW_FLOAT;
	case CONFIG_TYPE_STRING:
		return CFGM_RAW_STRING;
	case CONFIG_TYPE_GROUP:
		return CFGM_RAW_GROUP;
	default:
		return CFGM_RAW_LIST;
	}
}

static int copy_setting(struct cfgm_raw *raw, const config_setting_t *from,
			const struct cfgm_source *src)
{
	unsigned int line = config_setting_source_line(from);
	const char *string;
	int ret = 0;

	raw->type = raw_type(config_setting_type(from));
	raw->origin = src->lines[clamp(line, 1U, src->line_count) - 1];
	switch (raw->type) {
	case CFGM_RAW_BOOL:
		raw->number = config_setting_get_bool(from);
		break;
	case CFGM_RAW_INT:
		raw->number = config_setting_get_int64(from);
		break;
	case CFGM_RAW_FLOAT:
		raw->real = config_setting_get_float(from);
		break;
	case CFGM_RAW_STRING:
		string = config_setting_get_string(from) ?: "";
		raw->string = cfgm_strndup(src->arena, string, strlen(string));
		return raw->string ? 0 : -ENOMEM;
	case CFGM_RAW_GROUP:
	case CFGM_RAW_LIST:
		for (int i = 0; !ret && i < config_setting_length(from); i++) {
			const config_setting_t *child = config_setting_get_elem(from, i);
			struct cfgm_raw *to = cfgm_raw_append(src->arena, raw,
							      config_setting_name(child));

			ret = to ? copy_setting(to, child, src) : -ENOMEM;
		}
	}
	return ret;
}

/* libconfig knows the line and little more: show the person what stands there. */
static int parse_error(const config_t *config, const struct cfgm_source *src, struct error *err)
{
	unsigned int line = clamp((unsigned int)config_error_line(config), 1U, src->line_count);
	const char *what = config_error_text(config) ?: "syntax error", *text = src->text;
	char copy[128];
	size_t len;

	for (unsigned int i = 1; i < line; i++)
		text = strchr(text, '\n') + 1;
	text += strspn(text, " ");
	len = strcspn(text, "\n");
	memcpy(copy, text, min(len, sizeof(copy) - 1));
	copy[min(len, sizeof(copy) - 1)] = 0;
	if (strstr(what, "duplicate"))
		what = "key given twice";
	if (!len)
		return cfgm_fail(err, &src->lines[line - 1], "",
				 "%s: something before this line is not finished", what);
	return cfgm_fail(err, &src->lines[line - 1], "", "%s: %s", what, cfgm_show(copy).text);
}

int cfgm_parse(struct cfgm_raw *root, struct cfgm_source *src, struct error *err)
{
	config_t config;
	int ret;

	config_init(&config);
	if (config_read_string(&config, src->text ?: "") == CONFIG_TRUE)
		ret = copy_setting(root, config_root_setting(&config), src);
	else
		ret = parse_error(&config, src, err);
	config_destroy(&config);
	if (ret == -ENOMEM)
		return error_set(err, ENOMEM, "config: out of memory");
	return ret;
}

int cfgm_parse_value(struct cfgm_arena *arena, struct cfgm_raw *raw, const char *text,
		     const struct cfgm_origin *origin)
{
	struct cfgm_source src = { .arena = arena };
	struct cfgm_raw root = { 0 };
	struct error err;
	const char *setting = cfgm_sprintf(arena, "value = %s\n;", text);
	const char *copy = cfgm_strndup(arena, text, strlen(text)), *name = raw->name;
	struct cfgm_raw *next = raw->next;
	int ret;

	if (!setting || !copy)
		return -ENOMEM;
	ret = cfgm_source_text(&src, setting, origin, &err) ?: cfgm_parse(&root, &src, &err);
	cfgm_source_free(&src);
	if (ret == -ENOMEM)
		return ret;
	if (!ret && root.count == 1)
		*raw = *root.first;
	else
		*raw = (struct cfgm_raw){ .type = CFGM_RAW_STRING, .string = copy };
	raw->name = name;
	raw->next = next;
	raw->text = copy;
	raw->origin = *origin;
	return 0;
}
