// SPDX-License-Identifier: GPL-2.0
/*
 * A port that ends the run with a status of the guest's own: the value of the
 * first write of 1, 2 or 4 bytes to it. It reads as ones and has no state.
 */
#include "pdm/pdm.h"

/* So that a write of four bytes is one access. */
#define DEBUG_EXIT_PORTS 4

static u64 debug_exit_read(struct pdm_device *dev, u64 offset, u32 size)
{
	return ~0ULL;
}

static void debug_exit_write(struct pdm_device *dev, u64 offset, u32 size, u64 value)
{
	if (offset == 0)
		pdm_vm_request(dev, PDM_EXIT, value);
}

static const struct pdm_io_ops debug_exit_ops = {
	.read = debug_exit_read,
	.write = debug_exit_write,
};

static int debug_exit_create(struct pdm_device *dev, struct error *err)
{
	u16 port = (u16)cfgm_int(pdm_config(dev), "port");

	return pdm_port_register(dev, port, DEBUG_EXIT_PORTS, &debug_exit_ops, err);
}

static const struct cfgm_key debug_exit_keys[] = {
	{ .name = "port", .type = CFGM_INT, .min = 0, .max = 0xfffc, .def = "0xf4",
	  .help = "the first of its four ports" },
	{ .name = NULL }
};

static const struct ssm_field debug_exit_fields[] = { SSM_END };

const struct pdm_device_type debug_exit_device = {
	.version = PDM_VERSION,
	.name = "debug-exit",
	.help = "port that ends the run with the guest's own status",
	.keys = debug_exit_keys,
	.state_version = 1,
	.fields = debug_exit_fields,
	.create = debug_exit_create,
};
