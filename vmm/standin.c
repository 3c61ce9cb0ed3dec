// SPDX-License-Identifier: GPL-2.0
/* Until pdm/registry.c, vmm/hm.c and vmm/vm.c are here. */
#include "pdm/registry.h"
#include "vmm/hm.h"
#include "vmm/vm.h"

static const char *const names[] = { "serial", "debug-exit", NULL };

static const struct cfgm_key *backend(const char *type, const char **why)
{
	static const struct cfgm_key none[] = { { 0 } };

	return strcmp(type, "stdio") ? NULL : none;
}

static const struct cfgm_key serial[] = {
	{ .name = "backend", .type = CFGM_VARIANT, .variant = backend }, { 0 } };
static const struct cfgm_key debug_exit[] = {
	{ .name = "port", .type = CFGM_INT, .min = 0, .max = 0xfffc, .def = "0xf4" }, { 0 } };

const struct cfgm_key *pdm_device_variant(const char *type, const char **why)
{
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
