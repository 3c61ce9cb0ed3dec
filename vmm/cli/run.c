// SPDX-License-Identifier: GPL-2.0
/*
 * vmm run CONFIG|KERNEL: a file that is a kernel by its magic is booted with
 * the settings below, which the -o options can change like any others.
 */
#include <stdlib.h>

#include "vmm/cli/cli.h"
#include "vmm/schema.h"
#include "vmm/vm.h"

struct run_args {
	struct cli_config config;
	struct vm_opts opts;
	const char *timeout;
};

/* What a kernel without a config gets, besides the defaults of the keys. */
static const char *const kernel_settings[] = {
	"boot.cmdline=\"console=ttyS0\"",
	"devices=({ type = \"serial\"; backend: { type = \"stdio\"; }; },"
	" { type = \"debug-exit\"; port = 0xf4; })",
};

static int run_operand(void *args, const char *value, struct error *err)
{
	struct run_args *run = args;

	return cli_config_operand(&run->config, value, err);
}

static int run_override(void *args, const char *value, struct error *err)
{
	struct run_args *run = args;

	return cli_config_override(&run->config, value, err);
}

static int run_stats(void *args, const char *value, struct error *err)
{
	struct run_args *run = args;

	run->opts.stats = true;
	return 0;
}

static int run_timeout(void *args, const char *value, struct error *err)
{
	struct run_args *run = args;

	run->timeout = value;
	return 0;
}

/* The kernel's settings before the person's own, the options' after. */
static int load(struct cfgm **cfg, const struct run_args *run, struct error *err)
{
	const char *list[ARRAY_SIZE(kernel_settings) + CLI_OVERRIDES_MAX + 2];
	bool kernel = cfgm_kernel_kind(run->config.path);
	char *boot = NULL, *timeout = NULL;
	unsigned int count = 0;
	int ret = -ENOMEM;

	if (kernel) {
		/* "./" keeps the name from being taken for something else than a string. */
		if (asprintf(&boot, "boot.kernel=%s%s", *run->config.path == '/' ? "" : "./",
			     run->config.path) < 0)
			goto out;
		list[count++] = boot;
		for (unsigned int i = 0; i < ARRAY_SIZE(kernel_settings); i++)
			list[count++] = kernel_settings[i];
	}
	for (unsigned int i = 0; i < run->config.count; i++)
		list[count++] = run->config.overrides[i];
	if (run->timeout) {
		if (asprintf(&timeout, "timeout=%s", run->timeout) < 0)
			goto out;
		list[count++] = timeout;
	}
	ret = cfgm_load(cfg, kernel ? NULL : run->config.path, list, count, schema_root, err);
out:
	if (ret == -ENOMEM)
		error_set(err, ENOMEM, "out of memory");
	free(boot);
	free(timeout);
	return ret;
}

static int run_run(void *args, struct error *err)
{
	const struct run_args *run = args;
	struct cfgm *cfg;
	int ret;

	if (!run->config.path)
		return error_set(err, EINVAL, "run wants a config or a kernel; see vmm run --help");
	ret = load(&cfg, run, err);
	if (ret)
		return ret;
	ret = vm_run(cfg, &run->opts, err);
	cfgm_destroy(cfg);
	return ret;
}

static const struct cli_option run_options[] = {
	{ "set", 'o', "PATH=VALUE", "set or override a key, as in -o cpus=4", run_override },
	{ "timeout", 't', "SECONDS", "end the guest with status 124 after that time", run_timeout },
	{ "stats", 0, NULL, "print the exits by reason at the end", run_stats },
	{ 0 }
};

const struct cli_command cli_run = {
	.name = "run",
	.operands = "CONFIG|KERNEL",
	.help = "boot it, console on this terminal",
	.details =
		"A kernel (bzImage, ELF, multiboot) needs no config: it gets 256 MiB, one CPU,\n"
		"a serial port on this terminal and console=ttyS0. Ctrl-A x ends a guest,\n"
		"Ctrl-A h lists the keys.\n\n"
		"exit status: 0 the guest powered off, 1-99 its own status, 120 panic,\n"
		"121 crash, 122 reset, 124 timeout, 125 vmm could not run it, 128+N signal N\n",
	.options = run_options,
	.operand = run_operand,
	.args_size = sizeof(struct run_args),
	.run = run_run,
};
