/* SPDX-License-Identifier: GPL-2.0 */
/* A schema with a key of every type, for the tests of this folder. */
#ifndef TESTS_CFGM_SCHEMA_H
#define TESTS_CFGM_SCHEMA_H

#include "cfgm/cfgm.h"

/* What libconfig 1.5 itself loses when its parser or scanner gives up. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:strbuf_append\nleak:libconfig_yylex\n";
}

static const char *const modes[] = { "exit", "reset", NULL };
static const char *const absent_modes[] = { "suspend", NULL };
static const char *const flags[] = { "avx", "avx2", "sse", NULL };

static const struct cfgm_key module_keys[] = {
	{ .name = "path", .type = CFGM_PATH, .required = true },
	{ .name = "cmdline", .type = CFGM_STRING },
	{ 0 }
};

static const struct cfgm_key boot_keys[] = {
	{ .name = "kernel", .type = CFGM_PATH, .required = true },
	{ .name = "cmdline", .type = CFGM_STRING, .def = "quiet" },
	{ .name = "modules", .type = CFGM_LIST, .keys = module_keys },
	{ 0 }
};

static const struct cfgm_key hm_keys[] = {
	{ .name = "large", .type = CFGM_BOOL, .def = "true" },
	{ .name = "mode", .type = CFGM_STRING, .def = "exit", .choices = modes },
	{ 0 }
};

static const struct cfgm_key file_keys[] = {
	{ .name = "path", .type = CFGM_PATH, .required = true },
	{ .name = "readonly", .type = CFGM_BOOL, .def = "false" },
	{ 0 }
};

static const struct cfgm_key stdio_keys[] = { { 0 } };

static const char *const backends[] = { "file", "stdio", NULL };

static const struct cfgm_key *backend(const char *type, const char **why)
{
	if (!strcmp(type, "pty"))
		*why = "known, but not built in";
	return !strcmp(type, "file") ? file_keys : !strcmp(type, "stdio") ? stdio_keys : NULL;
}

static const char *const *backend_names(void)
{
	return backends;
}

static const struct cfgm_key serial_keys[] = {
	{ .name = "port", .type = CFGM_INT, .min = 0, .max = 0xfff8, .def = "0x3f8" },
	{ .name = "backend", .type = CFGM_VARIANT, .variant = backend, .variants = backend_names },
	{ 0 }
};

static const struct cfgm_key disk_keys[] = {
	{ .name = "backend", .type = CFGM_VARIANT, .variant = backend, .variants = backend_names,
	  .required = true },
	{ 0 }
};

static const char *const devices[] = { "serial", "disk", NULL };

static const struct cfgm_key *device(const char *type, const char **why)
{
	return !strcmp(type, "serial") ? serial_keys : !strcmp(type, "disk") ? disk_keys : NULL;
}

static const char *const *device_names(void)
{
	return devices;
}

static const struct cfgm_key schema[] = {
	{ .name = "name", .type = CFGM_STRING, .def = "vm" },
	{ .name = "cpus", .type = CFGM_INT, .min = 1, .max = 255, .def = "1" },
	{ .name = "memory", .type = CFGM_SIZE, .min = 1 << 20, .max = 1LL << 40, .def = "256M" },
	{ .name = "offset", .type = CFGM_INT },
	{ .name = "on_reboot", .type = CFGM_STRING, .def = "exit", .choices = modes,
	  .absent = absent_modes },
	{ .name = "boot", .type = CFGM_GROUP, .keys = boot_keys },
	{ .name = "hm", .type = CFGM_GROUP, .keys = hm_keys },
	{ .name = "disable", .type = CFGM_STRINGS, .choices = flags },
	{ .name = "devices", .type = CFGM_VARIANTS, .variant = device, .variants = device_names },
	{ 0 }
};

#endif
