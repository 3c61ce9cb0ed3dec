// SPDX-License-Identifier: GPL-2.0
/*
 * The config's group gim, as GIM wants it. Neither a VM nor a host is needed
 * for it, so that a config can be checked where it is written.
 */
#include "vmm/gim_names.h"

/* The names that @key lists: how many, -errno. */
static int gim_names_list(const struct gim_provider *provider, const struct cfgm_node *node,
			  const char *key, const char *names[GIM_NAMES_MAX], struct error *err)
{
	u32 count = node ? cfgm_count(node, key) : 0;
	char where[256];
	int ret = 0;
	u64 bits;

	if (!count)
		return 0;
	if (count > GIM_NAMES_MAX)
		ret = error_set(err, E2BIG, "more than %d names", GIM_NAMES_MAX);
	for (u32 i = 0; !ret && i < count; i++)
		names[i] = cfgm_strings(node, key, i);
	if (!ret)
		ret = gim_features_find(provider, names, count, &bits, err);
	if (!ret)
		return count;
	cfgm_where(node, key, where, sizeof(where));
	error_prefix(err, "%s: ", where);
	return ret;
}

static int gim_names_debug(struct gim_names *names, const struct cfgm_node *gim,
			   struct error *err)
{
	const struct cfgm_node *node = gim ? cfgm_group(gim, "debug") : NULL;
	char where[256];

	names->debug = (struct gim_debug){ 0 };
	if (!node)
		return 0;
	if (!gim_debugs(names->provider)) {
		cfgm_where(gim, "debug", where, sizeof(where));
		return error_set(err, ENOTSUP, "%s: %s carries no debugger", where,
				 cfgm_string(gim, "provider"));
	}
	names->debug.address = cfgm_string(node, "address");
	names->debug.port = cfgm_int(node, "port");
	names->debug.calls = cfgm_bool(node, "calls");
	return 0;
}

int gim_names_read(struct gim_names *names, const struct cfgm_node *root, struct error *err)
{
	const struct cfgm_node *node = cfgm_group(root, "gim");
	int ret = gim_find(&names->provider, node ? cfgm_string(node, "provider") : "minimal", err);

	if (ret)
		return ret;
	ret = gim_names_list(names->provider, node, "disable", names->disable, err);
	if (ret < 0)
		return ret;
	names->disable_count = ret;
	ret = gim_names_list(names->provider, node, "enable", names->enable, err);
	if (ret < 0)
		return ret;
	names->enable_count = ret;
	return gim_names_debug(names, node, err);
}
