// SPDX-License-Identifier: GPL-2.0
/* vmm help [COMMAND|keys]: "keys" lists what a config may say, from the schema. */
#include "vmm/cli/cli.h"
#include "vmm/schema.h"

struct help_args {
	const char *topic;
};

static int help_operand(void *args, const char *value, struct error *err)
{
	struct help_args *help = args;

	if (help->topic)
		return error_set(err, EINVAL, "help: one topic at a time: %s", value);
	help->topic = value;
	return 0;
}

static void print_keys(const struct cfgm_key *keys, const char *prefix);

static void print_key(const struct cfgm_key *key, const char *prefix)
{
	char path[128];

	snprintf(path, sizeof(path), "%s%s", prefix, key->name);
	printf("  %-18s %s", path, key->help ?: "");
	if (key->def && *key->def)
		printf(" [%s]", key->def);
	for (const char *const *choice = key->choices; choice && *choice; choice++)
		printf("%s%s", choice == key->choices ? ": " : " | ", *choice);
	printf("\n");
	if (key->keys) {
		snprintf(path, sizeof(path), "%s%s%s", prefix, key->name,
			 key->type == CFGM_LIST ? ".[]." : ".");
		print_keys(key->keys, path);
	}
	for (const char *const *name = key->variants ? key->variants() : NULL; name && *name; name++) {
		const struct cfgm_key *keys = key->variant(*name, &(const char *){ NULL });

		snprintf(path, sizeof(path), "  %s.", *name);
		printf("  %s%s%s\n", path, "type", keys ? "" : " (not built in)");
		if (keys)
			print_keys(keys, path);
	}
}

static void print_keys(const struct cfgm_key *keys, const char *prefix)
{
	for (; keys->name; keys++)
		print_key(keys, prefix);
}

static int help_run(void *args, struct error *err)
{
	const struct help_args *help = args;
	const struct cli_command *command;

	if (!help->topic) {
		cli_print_usage(stdout);
		return 0;
	}
	if (!strcmp(help->topic, "keys")) {
		print_keys(schema_root, "");
		return 0;
	}
	command = cli_command_find(help->topic, err);
	if (!command)
		return -EINVAL;
	cli_print_command(command, stdout);
	return 0;
}

static const struct cli_option help_options[] = { { 0 } };

const struct cli_command cli_help = {
	.name = "help",
	.operands = "[COMMAND|keys]",
	.help = "this text, a command's, or the keys of a config",
	.options = help_options,
	.operand = help_operand,
	.args_size = sizeof(struct help_args),
	.run = help_run,
};
