// SPDX-License-Identifier: GPL-2.0
/*
 * The binary as a person meets it: statuses, the one line on standard error,
 * and what it makes of odd descriptors. Runs build/vmm.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"

#define VMM "build/vmm"
#define GOOD "tests/unit/vmm/good.cfg"

struct outcome {
	int status;
	char out[16384];
	char err[4096];
};

static void slurp(FILE *f, char *buf, size_t size)
{
	rewind(f);
	buf[fread(buf, 1, size - 1, f)] = 0;
	fclose(f);
}

/* By the shell, so that redirections can be part of the line. */
static void run(struct outcome *o, const char *line)
{
	FILE *out = tmpfile(), *err = tmpfile();
	pid_t pid;
	int status;

	assert_true(out && err);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		dup2(fileno(out), STDOUT_FILENO);
		dup2(fileno(err), STDERR_FILENO);
		alarm(20);
		execl("/bin/sh", "sh", "-c", line, NULL);
		_exit(77);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	o->status = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
	slurp(out, o->out, sizeof(o->out));
	slurp(err, o->err, sizeof(o->err));
}

static void expect_error(const char *args, const char *expect)
{
	struct outcome o;
	char line[512];

	snprintf(line, sizeof(line), VMM " %s", args);
	run(&o, line);
	assert_string_equal(o.err, expect);
	assert_string_equal(o.out, "");
	assert_int_equal(o.status, 125);
}

static void test_errors(void **state)
{
	static const char *const cases[][2] = {
		{ "chekc x", "vmm: unknown command: chekc; did you mean check?\n" },
		{ "frobnicate", "vmm: unknown command: frobnicate; vmm help lists them\n" },
		{ "run", "vmm: run wants a config or a kernel; see vmm run --help\n" },
		{ "check", "vmm: check wants a config; see vmm check --help\n" },
		{ "check a b", "vmm: one config at a time: a, and then b\n" },
		{ "check ''", "vmm: the name of the config is empty\n" },
		{ "check -x a", "vmm: check: unknown option: -x; vmm check --help lists them\n" },
		{ "run --stat a", "vmm: run: unknown option: --stat; did you mean --stats?\n" },
		{ "run --stats=1 a", "vmm: run: --stats takes no value: 1\n" },
		{ "run a -o", "vmm: run: --set wants a value: PATH=VALUE\n" },
		{ "run a --timeout", "vmm: run: --timeout wants a value: SECONDS\n" },
		{ "host x", "vmm: host takes no operand: x\n" },
		{ "help nothing-here",
		  "vmm: unknown command: nothing-here; vmm help lists them\n" },
		{ "check -- --help", "vmm: --help: No such file or directory\n" },
		{ "check /tmp", "vmm: /tmp: not a config: it is a directory\n" },
		{ "check build/vmm",
		  "vmm: build/vmm: not a config but a kernel (ELF); vmm run boots it\n" },
		{ "check " GOOD " -o cpus=0", "vmm: -o: cpus: must be 1 to 255, is 0\n" },
		{ "check " GOOD " --set=cpus=0", "vmm: -o: cpus: must be 1 to 255, is 0\n" },
		{ "check -ocpus=0 " GOOD, "vmm: -o: cpus: must be 1 to 255, is 0\n" },
		{ "run " GOOD " --timeout x", "vmm: -o: timeout: must be a number, is \"x\"\n" },
		{ "run build/vmm -o memroy=1G",
		  "vmm: -o: memroy: unknown key; did you mean memory?\n" },
		{ "check " GOOD " -o boot.kernel=/nowhere",
		  "vmm: -o: boot.kernel: /nowhere: No such file or directory\n" },
		{ "check " GOOD " -o boot.initrd=nowhere",
		  "vmm: -o: boot.initrd: nowhere: No such file or directory\n" },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++)
		expect_error(cases[i][0], cases[i][1]);
}

static void expect_out(const char *args, const char *part)
{
	struct outcome o;
	char line[256];

	snprintf(line, sizeof(line), VMM " %s", args);
	run(&o, line);
	assert_string_equal(o.err, "");
	assert_int_equal(o.status, 0);
	if (!strstr(o.out, part))
		fail_msg("vmm %s does not print: %s", args, part);
	/* No terminal, no colour. */
	assert_null(strchr(o.out, '\033'));
}

static void test_help(void **state)
{
	expect_out("--version", "vmm " VMM_VERSION "\n");
	expect_out("--help", "usage: vmm COMMAND");
	expect_out("help", "  check  CONFIG");
	expect_out("help run", "usage: vmm run [OPTION]... CONFIG|KERNEL");
	expect_out("help keys", "boot.kernel");
	expect_out("run --help", "--timeout SECONDS");
	expect_out("run -h", "--timeout SECONDS");
	expect_out("check --help nowhere", "usage: vmm check");
	expect_out("host --help", "usage: vmm host");
	expect_out("help --help", "usage: vmm help");
	expect_out("check " GOOD, "");
	expect_out("check " GOOD " -o cpus=4 -o 'cpu.disable=(\"a\",\"b\")'", "");
}

static void test_no_arguments(void **state)
{
	struct outcome o;

	run(&o, VMM);
	assert_int_equal(o.status, 125);
	assert_non_null(strstr(o.err, "usage: vmm COMMAND"));
}

/* It may or may not be able to run a guest here; it says so, and says what it found. */
static void test_host(void **state)
{
	struct outcome o;
	bool ready;

	run(&o, VMM " host");
	ready = strstr(o.out, "\nready to run a guest\n");
	assert_true(ready || strstr(o.out, "missing: "));
	assert_int_equal(o.status, ready ? 0 : 125);
	assert_string_equal(o.err, "");
}

static void test_descriptors(void **state)
{
	struct outcome o;

	/* Closed: must not be handed to the config, nor written into it. */
	run(&o, VMM " check " GOOD " <&- >&- 2>&-");
	assert_int_equal(o.status, 0);
	run(&o, VMM " nothing <&- 2>&-");
	assert_int_equal(o.status, 125);
	assert_string_equal(o.out, "");
	/* Full, and gone: an error and not a signal. */
	run(&o, VMM " help > /dev/full");
	assert_int_equal(o.status, 125);
	assert_string_equal(o.err, "vmm: writing to standard output: No space left on device\n");
	run(&o, "{ sleep 0.2; " VMM " help; echo $? >&2; } | true");
	assert_string_equal(o.err, "vmm: writing to standard output: Broken pipe\n125\n");
}

static void test_pipe(void **state)
{
	struct outcome o;

	/* A pipe is in no folder of its own: the kernel's path is made absolute. */
	run(&o, "cat " GOOD " | " VMM " check /dev/stdin -o boot.kernel=" GOOD);
	assert_string_equal(o.err, "");
	assert_int_equal(o.status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_no_arguments),
		cmocka_unit_test(test_host),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_pipe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
