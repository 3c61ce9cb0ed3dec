// SPDX-License-Identifier: GPL-2.0
/*
 * Loading: text, raw tree, overrides, check. The raw tree stays in the arena
 * with the nodes, which share its strings.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cfgm/internal.h"

struct cfgm {
	struct cfgm_arena arena;
	struct cfgm_node root;
};

static int load_file(struct cfgm *cfg, struct cfgm_raw *raw, const char *path, struct error *err)
{
	struct cfgm_source src = { .arena = &cfg->arena };
	int ret;

	ret = cfgm_source_file(&src, path, err) ?: cfgm_parse(raw, &src, err);
	cfgm_source_free(&src);
	if (ret)
		return ret;
	/* What is missing is missing from the file as a whole. */
	raw->origin = (struct cfgm_origin){ .file = cfgm_strndup(&cfg->arena, path, strlen(path)) };
	return raw->origin.file ? 0 : error_set(err, ENOMEM, "%s: out of memory", path);
}

int cfgm_load(struct cfgm **out, const char *path, const char *const *overrides,
	      unsigned int count, const struct cfgm_key *schema, struct error *err)
{
	struct cfgm *cfg = calloc(1, sizeof(*cfg));
	struct cfgm_raw *raw;
	int ret = 0;

	if (!cfg)
		return error_set(err, ENOMEM, "config: out of memory");
	cfg->root.path = "";
	raw = cfgm_alloc(&cfg->arena, sizeof(*raw));
	if (!raw) {
		ret = error_set(err, ENOMEM, "config: out of memory");
		goto err_free;
	}
	raw->type = CFGM_RAW_GROUP;
	if (path)
		ret = load_file(cfg, raw, path, err);
	for (unsigned int i = 0; i < count && !ret; i++)
		ret = cfgm_override(&cfg->arena, raw, overrides[i], err);
	if (!ret)
		ret = cfgm_check(&cfg->arena, &cfg->root, raw, schema, NULL, err);
	if (ret == -ENOMEM)
		error_set(err, ENOMEM, "config: out of memory");
	if (ret)
		goto err_free;
	*out = cfg;
	return 0;

err_free:
	cfgm_destroy(cfg);
	return ret;
}

void cfgm_destroy(struct cfgm *cfg)
{
	if (!cfg)
		return;
	cfgm_arena_free(&cfg->arena);
	free(cfg);
}

const struct cfgm_node *cfgm_root(const struct cfgm *cfg)
{
	return &cfg->root;
}
