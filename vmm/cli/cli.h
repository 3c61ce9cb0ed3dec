/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The command line: a command is a file here and a row in main.c.
 *
 * Only this folder and main.c print for the person who typed the command, and
 * only main.c ends the process. An error travels up in struct error.
 */
#ifndef VMM_CLI_CLI_H
#define VMM_CLI_CLI_H

#include <stdio.h>

#include "base/base.h"
#include "base/error.h"
#include "cfgm/cfgm.h"

#define CLI_STATUS_FAILED	125	/* vmm itself failed */

struct cli_option {
	const char *name;		/* "--name"; NULL ends the table */
	char letter;			/* 0: no short form */
	const char *arg;		/* what its argument is called; NULL: takes none */
	const char *help;
	int (*set)(void *args, const char *value, struct error *err);
};

struct cli_command {
	const char *name;
	const char *operands;		/* "CONFIG|KERNEL", for the usage line */
	const char *help;		/* one line */
	const char *details;		/* behind the options in --help, or NULL */
	const struct cli_option *options;
	/* One operand; NULL: the command takes none. */
	int (*operand)(void *args, const char *value, struct error *err);
	size_t args_size;		/* zeroed memory that set and operand fill */
	/* The exit status, or -errno. */
	int (*run)(void *args, struct error *err);
};

extern const struct cli_command *const cli_commands[];	/* ends with NULL */
extern const struct cli_command cli_run, cli_check, cli_host, cli_help;

const struct cli_command *cli_command_find(const char *name, struct error *err);
/* Parse what follows the command's name and run it. */
int cli_command_run(const struct cli_command *command, int argc, char **argv, struct error *err);

void cli_print_usage(FILE *out);
void cli_print_command(const struct cli_command *command, FILE *out);
/* "vmm: TEXT" on stderr. */
void cli_print_error(const struct error *err);

enum cli_colour { CLI_PLAIN, CLI_BOLD, CLI_RED, CLI_GREEN };
/* The escape sequence, or "" where @out is no terminal or NO_COLOR is set. */
const char *cli_colour(FILE *out, enum cli_colour colour);

/* Config file and overrides, as both run and check take them. */
#define CLI_OVERRIDES_MAX 256
struct cli_config {
	const char *path;
	const char *overrides[CLI_OVERRIDES_MAX];
	unsigned int count;
};
int cli_config_operand(struct cli_config *config, const char *path, struct error *err);
int cli_config_override(struct cli_config *config, const char *text, struct error *err);

#endif
