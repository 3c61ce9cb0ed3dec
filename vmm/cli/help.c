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

static void print_choices(const char *const *names)
{
	for (const char *separator = ": "; names && *names; names++, separator = " | ")
		printf("%s%s", separator, *names);
}

/* The keys of each type, under its name. */
static void print_variants(const struct cfgm_key *key)
{
	for (const char *const *type = key->variants(); *type; type++) {
		const char *why = NULL;
		const struct cfgm_key *keys = key->variant(*type, &why);
		char prefix[64];

		printf("\n  %s%s\n", *type, keys ? "" : " (not built in)");
		snprintf(prefix, sizeof(prefix), "%s.", *type);
		if (keys)
			print_keys(keys, prefix);
	}
}

static void print_key(const struct cfgm_key *key, const char *prefix)
{
	char path[128];

	snprintf(path, sizeof(path), "%s%s", prefix, key->name);
	printf("  %-24s %s", path, key->help ?: "");
	if (key->def && *key->def)
		printf(" [%s]", key->def);
	print_choices(key->choices);
	if (key->type == CFGM_VARIANT)
		print_choices(key->variants());
	printf("\n");
	if (key->keys) {
		snprintf(path, sizeof(path), "%s%s%s", prefix, key->name,
			 key->type == CFGM_LIST ? ".[]." : ".");
		print_keys(key->keys, path);
	}
	if (key->type == CFGM_VARIANTS)
		print_variants(key);
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
