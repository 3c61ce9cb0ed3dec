/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What CPUID tells the guest: the module's offer, less what the config
 * disables, plus topology, frequencies and the paravirtual leaves.
 */
#ifndef VMM_CPUID_H
#define VMM_CPUID_H

#include "gim/gim.h"
#include "kmod/uapi/vmm.h"
#include "vmm/em/xsave.h"

/* The module's APIC timers count the VM's nanoseconds. */
#define CPUID_BUS_KHZ 1000000

struct cpuid_policy {
	u32 count;
	struct vmm_cpuid_entry entry[VMM_CPUID_MAX];
};

struct cpuid_config {
	u32 cpus;
	u32 tsc_khz;
	const struct gim *gim;
};

/* @policy holds the module's offer. */
int cpuid_apply(struct cpuid_policy *policy, const struct cpuid_config *config,
		struct error *err);
/* Take a feature, named as in /proc/cpuinfo, and all that need it, away. */
int cpuid_disable(struct cpuid_policy *policy, const char *name, struct error *err);

/* NULL: no such leaf. */
struct vmm_cpuid_entry *cpuid_find(struct cpuid_policy *policy, u32 leaf, u32 subleaf);
void cpuid_xsave_layout(struct cpuid_policy *policy, struct em_xsave *xsave);

/* The fraction *@n / *@d nearest to @value / @unit with *@n at most @max. */
void cpuid_ratio(u64 value, u64 unit, u64 max, u32 *n, u32 *d);

#endif
