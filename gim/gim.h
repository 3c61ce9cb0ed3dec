/* SPDX-License-Identifier: GPL-2.0 */
/*
 * GIM, the guest interface manager: what the guest finds at CPUID 0x40000000.
 *
 * One provider per VM, chosen by name and fixed for its life. A provider is
 * one file with one const struct, and a row in gim/gim.c.
 */
#ifndef GIM_GIM_H
#define GIM_GIM_H

#include "base/base.h"
#include "base/error.h"
#include "kmod/uapi/vmm.h"

struct gim_facts {
	u32 tsc_khz;
	u32 bus_khz;			/* of the local APIC's timer, before the divider */
};

struct gim_provider {
	const char *name;
	const char *help;
	bool hypervisor;		/* CPUID.1:ECX[31] */
	/* Fill its leaves; returns how many, at most @room. NULL: none. */
	u32 (*cpuid)(const struct gim_facts *facts, struct vmm_cpuid_entry *entries, u32 room);
};

/* -ENODEV: unknown, or known but not built in. */
int gim_find(const struct gim_provider **out, const char *name, struct error *err);

#endif
