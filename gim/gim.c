// SPDX-License-Identifier: GPL-2.0
/*
 * The providers. One that is not built in is a weak reference without a
 * target, so that its name is known all the same.
 */
#include "gim/gim.h"

extern const struct gim_provider gim_minimal __attribute__((weak));
extern const struct gim_provider gim_kvm __attribute__((weak));
extern const struct gim_provider gim_hyperv __attribute__((weak));

static const struct gim_provider gim_none = {
	.name = "none",
	.help = "no hypervisor that the guest could see",
};

static const struct {
	const char *name;
	const struct gim_provider *provider;
} gim_rows[] = {
	{ "none",	&gim_none },
	{ "minimal",	&gim_minimal },
	{ "kvm",	&gim_kvm },
	{ "hyperv",	&gim_hyperv },
};

int gim_find(const struct gim_provider **out, const char *name, struct error *err)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(gim_rows); i++) {
		if (strcmp(gim_rows[i].name, name))
			continue;
		*out = gim_rows[i].provider;
		return *out ? 0 : error_set(err, ENODEV,
						 "gim.provider: %s is known, but not built in",
					    name);
	}
	return error_set(err, ENODEV, "gim.provider: %s does not exist", name);
}
