// SPDX-License-Identifier: GPL-2.0
/* Until pdm/registry.c, vmm/hm.c and vmm/vm.c are here. */
#include "pdm/registry.h"
#include "vmm/hm.h"
#include "vmm/vm.h"

static const char *const names[] = { "serial", "debug-exit", "debug-console", NULL };
static const char *const backends[] = { "stdio", "file", "null", NULL };
static const struct cfgm_key none[] = { { 0 } };

static const struct cfgm_key file[] = {
	{ .name = "path", .type = CFGM_PATH, .required = true, .help = "the file to write" },
	{ .name = "append", .type = CFGM_BOOL, .def = "false", .help = "keep what is in it" },
	{ 0 }
};

static const struct cfgm_key serial[] = {
	{ .name = "port", .type = CFGM_INT, .min = 0x100, .max = 0xfff8, .def = "0x3f8",
	  .help = "first of its eight ports" },
	{ .name = "irq", .type = CFGM_INT, .min = 1, .max = 15, .help = "ISA interrupt line" },
	PDM_CHR_KEY,
	{ 0 }
};

static const struct cfgm_key debug_exit[] = {
	{ .name = "port", .type = CFGM_INT, .min = 0, .max = 0xfffc, .def = "0xf4",
	  .help = "the first of its four ports" },
	{ 0 }
};

const struct cfgm_key *pdm_chr_variant(const char *type, const char **why)
{
	if (!strcmp(type, "file"))
		return file;
	return !strcmp(type, "stdio") || !strcmp(type, "null") ? none : NULL;
}

const char *const *pdm_chr_variants(void)
{
	return backends;
}

const struct cfgm_key *pdm_device_variant(const char *type, const char **why)
{
	if (!strcmp(type, "debug-console"))
		*why = "known, but not built in";
	return !strcmp(type, "serial") ? serial : !strcmp(type, "debug-exit") ? debug_exit : NULL;
}

const char *const *pdm_device_variants(void)
{
	return names;
}

int hm_open(struct hm **out, struct error *err)
{
	return error_set(err, ENODEV, "this build cannot use the module");
}

void hm_close(struct hm *hm)
{
}

const struct vmm_info *hm_info(const struct hm *hm)
{
	return NULL;
}

int vm_run(const struct cfgm *cfg, const struct vm_opts *opts, struct error *err)
{
	return error_set(err, ENOSYS, "this build cannot run a guest");
}
