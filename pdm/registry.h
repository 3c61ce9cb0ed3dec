/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The devices that exist, and the character backends, built in or not. For the
 * configuration's schema and for PDM itself.
 */
#ifndef PDM_REGISTRY_H
#define PDM_REGISTRY_H

#include "pdm/pdm.h"

/* NULL: unknown, or not built in: *@why says which, unless @why is NULL. */
const struct pdm_device_type *pdm_device_type(const char *name, const char **why);
/*
 * The chipset's @i-th device, in order of creation. @config is the group
 * "chipset", NULL: as by default. *@name is NULL for one that is to be left
 * out, *@type for one that is not built in. False: no more.
 */
bool pdm_chipset_type(unsigned int i, const struct cfgm_node *config, const char **name,
		      const struct pdm_device_type **type);
/* The keys of that group. */
extern const struct cfgm_key pdm_chipset_keys[];

/* For struct cfgm_key of the list "devices". */
const struct cfgm_key *pdm_device_variant(const char *type, const char **why);
const char *const *pdm_device_variants(void);

#endif
