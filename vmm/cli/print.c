// SPDX-License-Identifier: GPL-2.0
/* Usage, errors and colour. */
#include <stdlib.h>
#include <unistd.h>

#include "vmm/cli/cli.h"

const char *cli_colour(FILE *out, enum cli_colour colour)
{
	static const char *const sequence[] = {
		[CLI_PLAIN] = "\033[0m", [CLI_BOLD] = "\033[1m",
		[CLI_RED] = "\033[1;31m", [CLI_GREEN] = "\033[32m",
	};
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	if ((no_color && *no_color) || !term || !strcmp(term, "dumb") || !isatty(fileno(out)))
		return "";
	return sequence[colour];
}

void cli_print_error(const struct error *err)
{
	fprintf(stderr, "%svmm:%s %s\n", cli_colour(stderr, CLI_RED), cli_colour(stderr, CLI_PLAIN),
		err->text);
}

void cli_print_usage(FILE *out)
{
	fprintf(out, "usage: vmm COMMAND [ARGUMENT]...\n\n");
	for (const struct cli_command *const *command = cli_commands; *command; command++)
		fprintf(out, "  %-6s %-16s %s\n", (*command)->name, (*command)->operands,
			(*command)->help);
	fprintf(out, "\nvmm COMMAND --help tells more, vmm --version which one this is.\n");
}

static void print_option(const char *name, char letter, const char *arg, const char *help,
			 FILE *out)
{
	char word[40];

	snprintf(word, sizeof(word), "--%s%s%s", name, arg ? " " : "", arg ?: "");
	if (letter)
		fprintf(out, "  -%c, %-24s %s\n", letter, word, help);
	else
		fprintf(out, "      %-24s %s\n", word, help);
}

void cli_print_command(const struct cli_command *command, FILE *out)
{
	fprintf(out, "usage: vmm %s%s%s%s\n\n%s\n\n", command->name,
		command->options->name ? " [OPTION]..." : "", *command->operands ? " " : "",
		command->operands, command->help);
	for (const struct cli_option *option = command->options; option->name; option++)
		print_option(option->name, option->letter, option->arg, option->help, out);
	print_option("help", 'h', NULL, "this text", out);
	if (command->details)
		fprintf(out, "\n%s", command->details);
}
