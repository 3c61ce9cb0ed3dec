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
/* The chipset's @i-th device, in order of creation. False: no more. */
bool pdm_chipset_type(unsigned int i, const char **name, const struct pdm_device_type **type);

/* For struct cfgm_key of the list "devices". */
const struct cfgm_key *pdm_device_variant(const char *type, const char **why);
const char *const *pdm_device_variants(void);

#endif
