/* SPDX-License-Identifier: GPL-2.0 */
/* The keys of a config, vmm.cfg(5). */
#ifndef VMM_SCHEMA_H
#define VMM_SCHEMA_H

#include "cfgm/cfgm.h"

extern const struct cfgm_key schema_root[];

#endif
