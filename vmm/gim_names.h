/* SPDX-License-Identifier: GPL-2.0 */
/* What a config says of the paravirtual interface, and whether there is such a thing. */
#ifndef VMM_GIM_NAMES_H
#define VMM_GIM_NAMES_H

#include "cfgm/cfgm.h"
#include "gim/gim.h"

#define GIM_NAMES_MAX	32

struct gim_names {
	const struct gim_provider *provider;
	const char *disable[GIM_NAMES_MAX], *enable[GIM_NAMES_MAX];
	u32 disable_count, enable_count;
	struct gim_debug debug;
};

/*
 * The names live as long as @root. -ENODEV, -ENOENT: no such provider, or feature of it;
 * -ENOTSUP: its guests cannot be debugged.
 */
int gim_names_read(struct gim_names *names, const struct cfgm_node *root, struct error *err);

#endif
