// SPDX-License-Identifier: GPL-2.0
/*
 * The debug console at port 0xe9, as Bochs introduced it: a byte written goes
 * to the backend, and reading gives 0xe9, by which a guest knows it is there.
 * It has no state, and drops what the backend sends.
 */
#include "pdm/pdm.h"

#define DEBUG_CONSOLE_PORT 0xe9

static u64 debug_console_read(struct pdm_device *dev, u64 offset, u32 size)
{
	return DEBUG_CONSOLE_PORT;
}

static void debug_console_write(struct pdm_device *dev, u64 offset, u32 size, u64 value)
{
	u8 byte = (u8)value;

	pdm_chr_write(dev, &byte, 1);
}

static const struct pdm_io_ops debug_console_ops = {
	.read = debug_console_read,
	.write = debug_console_write,
	.sizes = 1,
};

static int debug_console_create(struct pdm_device *dev, struct error *err)
{
	int ret = pdm_port_register(dev, DEBUG_CONSOLE_PORT, 1, &debug_console_ops, err);

	return ret ? ret : pdm_chr_attach(dev, err);
}

static const struct cfgm_key debug_console_keys[] = {
	PDM_CHR_KEY,
	{ .name = NULL }
};

static const struct ssm_field debug_console_fields[] = { SSM_END };

const struct pdm_device_type debug_console_device = {
	.version = PDM_VERSION,
	.name = "debug-console",
	.help = "debug console at port 0xe9",
	.keys = debug_console_keys,
	.state_version = 1,
	.fields = debug_console_fields,
	.create = debug_console_create,
};
