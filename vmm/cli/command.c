// SPDX-License-Identifier: GPL-2.0
/*
 * From argv to a command's arguments: "--name VALUE", "--name=VALUE", "-nVALUE",
 * "-n VALUE", and "--" before operands that begin with a dash.
 */
#include <stdlib.h>

#include "base/nearest.h"
#include "vmm/cli/cli.h"

struct parse {
	const struct cli_command *command;
	char **argv;			/* at the word being parsed */
	void *args;
	bool help;
};

const struct cli_command *cli_command_find(const char *name, struct error *err)
{
	struct nearest nearest = { .word = name };

	for (const struct cli_command *const *command = cli_commands; *command; command++) {
		if (!strcmp((*command)->name, name))
			return *command;
		nearest_offer(&nearest, (*command)->name);
	}
	if (nearest.name)
		error_set(err, EINVAL, "unknown command: %s; did you mean %s?", name, nearest.name);
	else
		error_set(err, EINVAL, "unknown command: %s; vmm help lists them", name);
	return NULL;
}

static int unknown_option(const struct parse *p, const char *name, size_t len, struct error *err)
{
	char word[64];
	struct nearest nearest = { .word = word };

	snprintf(word, sizeof(word), "%.*s", (int)min(len, sizeof(word) - 1), name);
	for (const struct cli_option *option = p->command->options; option->name; option++)
		nearest_offer(&nearest, option->name);
	nearest_offer(&nearest, "help");
	if (nearest.name)
		return error_set(err, EINVAL, "%s: unknown option: --%s; did you mean --%s?",
				 p->command->name, word, nearest.name);
	return error_set(err, EINVAL, "%s: unknown option: --%s; vmm %s --help lists them",
			 p->command->name, word, p->command->name);
}

/* @attached: the value in the same word, or NULL. */
static int set_option(struct parse *p, const struct cli_option *option, const char *attached,
		      struct error *err)
{
	if (!option->arg) {
		if (attached)
			return error_set(err, EINVAL, "%s: --%s takes no value: %s",
					 p->command->name, option->name, attached);
		return option->set(p->args, NULL, err);
	}
	if (!attached)
		attached = *++p->argv;
	if (!attached) {
		p->argv--;
		return error_set(err, EINVAL, "%s: --%s wants a value: %s", p->command->name,
				 option->name, option->arg);
	}
	return option->set(p->args, attached, err);
}

static int parse_long(struct parse *p, const char *word, struct error *err)
{
	size_t len = strcspn(word, "=");

	if (!strcmp(word, "help")) {
		p->help = true;
		return 0;
	}
	for (const struct cli_option *option = p->command->options; option->name; option++) {
		if (strlen(option->name) == len && !memcmp(option->name, word, len))
			return set_option(p, option, word[len] ? word + len + 1 : NULL, err);
	}
	return unknown_option(p, word, len, err);
}

static int parse_short(struct parse *p, const char *word, struct error *err)
{
	if (!strcmp(word, "h")) {
		p->help = true;
		return 0;
	}
	for (const struct cli_option *option = p->command->options; option->name; option++) {
		if (option->letter == *word)
			return set_option(p, option, word[1] ? word + 1 : NULL, err);
	}
	return error_set(err, EINVAL, "%s: unknown option: -%c; vmm %s --help lists them",
			 p->command->name, *word, p->command->name);
}

static int parse_operand(struct parse *p, const char *word, struct error *err)
{
	if (!p->command->operand)
		return error_set(err, EINVAL, "%s takes no operand: %s", p->command->name, word);
	return p->command->operand(p->args, word, err);
}

static int parse_words(struct parse *p, struct error *err)
{
	bool operands = false;
	int ret = 0;

	for (; !ret && !p->help && *p->argv; p->argv++) {
		const char *word = *p->argv;

		if (operands || word[0] != '-' || !word[1])
			ret = parse_operand(p, word, err);
		else if (!strcmp(word, "--"))
			operands = true;
		else if (word[1] == '-')
			ret = parse_long(p, word + 2, err);
		else
			ret = parse_short(p, word + 1, err);
	}
	return ret;
}

int cli_command_run(const struct cli_command *command, int argc, char **argv, struct error *err)
{
	struct parse p = { .command = command, .argv = argv };
	int ret;

	p.args = calloc(1, command->args_size + 1);
	if (!p.args)
		return error_set(err, ENOMEM, "out of memory");
	ret = parse_words(&p, err);
	if (!ret && p.help)
		cli_print_command(command, stdout);
	else if (!ret)
		ret = command->run(p.args, err);
	free(p.args);
	return ret;
}
