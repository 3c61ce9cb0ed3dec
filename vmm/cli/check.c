// SPDX-License-Identifier: GPL-2.0
/*
 * vmm check CONFIG: all that can be said of a config without a VM: the schema,
 * whether the files to boot from can be read, and whether there are the features
 * of the paravirtual interface that are named.
 */
#include <unistd.h>

#include "vmm/cli/cli.h"
#include "vmm/gim_names.h"
#include "vmm/schema.h"

static int check_operand(void *args, const char *value, struct error *err)
{
	return cli_config_operand(args, value, err);
}

static int check_override(void *args, const char *value, struct error *err)
{
	return cli_config_override(args, value, err);
}

static int check_file(const struct cfgm_node *node, const char *key, struct error *err)
{
	const char *path = cfgm_path(node, key);
	char where[320];

	if (!path || !access(path, R_OK))
		return 0;
	cfgm_where(node, key, where, sizeof(where));
	return error_errno(err, errno, "%s: %s", where, path);
}

static int check_files(const struct cfgm *cfg, struct error *err)
{
	const struct cfgm_node *boot = cfgm_group(cfgm_root(cfg), "boot");
	int ret = check_file(boot, "kernel", err) ?: check_file(boot, "initrd", err);

	for (unsigned int i = 0; !ret && i < cfgm_count(boot, "modules"); i++)
		ret = check_file(cfgm_item(boot, "modules", i), "path", err);
	return ret;
}

static int check_run(void *args, struct error *err)
{
	const struct cli_config *config = args;
	struct gim_names names;
	const char *kind;
	struct cfgm *cfg;
	int ret;

	if (!config->path)
		return error_set(err, EINVAL, "check wants a config; see vmm check --help");
	kind = cfgm_kernel_kind(config->path);
	if (kind)
		return error_set(err, EINVAL, "%s: not a config but a kernel (%s); "
				 "vmm run boots it", config->path, kind);
	ret = cfgm_load(&cfg, config->path, config->overrides, config->count, schema_root, err);
	if (ret)
		return ret;
	ret = check_files(cfg, err) ?: gim_names_read(&names, cfgm_root(cfg), err);
	cfgm_destroy(cfg);
	return ret;
}

static const struct cli_option check_options[] = {
	{ "set", 'o', "PATH=VALUE", "set or override a key, as in -o cpus=4", check_override },
	{ 0 }
};

const struct cli_command cli_check = {
	.name = "check",
	.operands = "CONFIG",
	.help = "say what is wrong with a config, and where",
	.details = "Says nothing if nothing is wrong. exit status: 0 fine, 125 not\n",
	.options = check_options,
	.operand = check_operand,
	.args_size = sizeof(struct cli_config),
	.run = check_run,
};
