// SPDX-License-Identifier: GPL-2.0
/*
 * pvpanic at port 0x505: a guest whose kernel panics says so here. Reading
 * gives the events that are understood. "Crash loaded" (a crash kernel is
 * about to take over) is understood and ignored, since that kernel goes on.
 * It has no state.
 */
#include "pdm/pdm.h"

#define PVPANIC_PORT		0x505
#define PVPANIC_PANICKED	BIT(0)
#define PVPANIC_CRASH_LOADED	BIT(1)

static u64 pvpanic_read(struct pdm_device *dev, u64 offset, u32 size)
{
	return PVPANIC_PANICKED | PVPANIC_CRASH_LOADED;
}

static void pvpanic_write(struct pdm_device *dev, u64 offset, u32 size, u64 value)
{
	if (value & PVPANIC_PANICKED)
		pdm_vm_request(dev, PDM_PANIC, 0);
}

static const struct pdm_io_ops pvpanic_ops = {
	.read = pvpanic_read,
	.write = pvpanic_write,
	.sizes = 1,
};

static int pvpanic_create(struct pdm_device *dev, struct error *err)
{
	return pdm_port_register(dev, PVPANIC_PORT, 1, &pvpanic_ops, err);
}

static const struct ssm_field pvpanic_fields[] = { SSM_END };

const struct pdm_device_type pvpanic_device = {
	.version = PDM_VERSION,
	.name = "pvpanic",
	.help = "port by which a guest says that it panicked",
	.chipset = true,
	.state_version = 1,
	.fields = pvpanic_fields,
	.create = pvpanic_create,
};
