/* SPDX-License-Identifier: GPL-2.0 */
/* The barriers around a guest, for a person: VMM_BARRIER_* of the interface. */
#ifndef VMM_BARRIER_H
#define VMM_BARRIER_H

#include "base/base.h"
#include "kmod/uapi/vmm.h"

struct barrier {
	u32 bit;
	const char *name;
	const char *each;	/* "entry" or "exit": it runs at each, and has no counter */
	const char *against;	/* defects of CPUs, as the kernel calls them */
};

/* Ends with bit 0. */
extern const struct barrier barriers[];

#endif
