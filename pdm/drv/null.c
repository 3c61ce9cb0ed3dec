// SPDX-License-Identifier: GPL-2.0
/* The null backend: drops what is written, and has nothing to read. */
#include "pdm/internal.h"

static void null_write(struct pdm_drv *drv, const u8 *data, u32 len)
{
}

const struct pdm_drv_type pdm_drv_null = {
	.name = "null",
	.help = "drops everything",
	.write = null_write,
};
