/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A VM from its configuration to its end.
 */
#ifndef VMM_VM_H
#define VMM_VM_H

#include "base/base.h"
#include "base/error.h"

struct cfgm;

struct vm_opts {
	bool stats;		/* print the exits by reason at the end */
};

/* The exit status of the run (0 to 124, or 128 + N), or -errno. */
int vm_run(const struct cfgm *cfg, const struct vm_opts *opts, struct error *err);

#endif
