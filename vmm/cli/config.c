// SPDX-License-Identifier: GPL-2.0
/* The operand and the -o options of the commands that take a config. */
#include "vmm/cli/cli.h"

int cli_config_operand(struct cli_config *config, const char *path, struct error *err)
{
	if (config->path)
		return error_set(err, EINVAL, "one config at a time: %s, and then %s",
				 config->path, path);
	if (!*path)
		return error_set(err, EINVAL, "the name of the config is empty");
	config->path = path;
	return 0;
}

int cli_config_override(struct cli_config *config, const char *text, struct error *err)
{
	if (config->count == CLI_OVERRIDES_MAX)
		return error_set(err, E2BIG, "more than %d times -o", CLI_OVERRIDES_MAX);
	config->overrides[config->count++] = text;
	return 0;
}
