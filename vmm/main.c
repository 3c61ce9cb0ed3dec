// SPDX-License-Identifier: GPL-2.0
/*
 * vmm: what the process is like when a command begins, which command, and how
 * it ends. Nothing else exits, and nothing else prints an error.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "vmm/cli/cli.h"

const struct cli_command *const cli_commands[] = {
	&cli_run, &cli_check, &cli_host, &cli_help, NULL,
};

/*
 * A closed standard descriptor would be given to the next file opened, which
 * could then be a disk that messages are written to. A reader that goes away
 * is an error to be seen at the write, not a signal.
 */
static int tidy_process(struct error *err)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
			continue;
		/* The lowest free one is the one that is closed. */
		if (open("/dev/null", fd == STDIN_FILENO ? O_RDONLY : O_WRONLY) != fd)
			return error_errno(err, errno, "/dev/null");
	}
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

static int dispatch(int argc, char **argv, struct error *err)
{
	const struct cli_command *command;

	if (argc < 2) {
		cli_print_usage(stderr);
		return CLI_STATUS_FAILED;
	}
	if (!strcmp(argv[1], "--version")) {
		printf("vmm %s\n", VMM_VERSION);
		return 0;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		cli_print_usage(stdout);
		return 0;
	}
	command = cli_command_find(argv[1], err);
	if (!command)
		return -EINVAL;
	return cli_command_run(command, argc - 2, argv + 2, err);
}

/* What was printed may sit in a buffer, and the disk be full. */
static int flush(int ret, struct error *err)
{
	if ((fflush(stdout) || ferror(stdout)) && ret >= 0)
		return error_errno(err, errno, "writing to standard output");
	return ret;
}

int main(int argc, char **argv)
{
	struct error err = { 0 };
	int ret;

	ret = tidy_process(&err) ?: dispatch(argc, argv, &err);
	ret = flush(ret, &err);
	if (ret >= 0)
		return ret;
	if (!err.code)
		error_errno(&err, -ret, "failed");
	cli_print_error(&err);
	return CLI_STATUS_FAILED;
}
