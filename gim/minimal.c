// SPDX-License-Identifier: GPL-2.0
/*
 * The minimal provider: the hypervisor bit, no vendor, and one leaf with the
 * frequencies of TSC and local APIC timer, as VirtualBox and others have it.
 */
#include "gim/internal.h"

#define LEAF_BASE	0x40000000
#define LEAF_TIMING	0x40000010

extern const struct gim_provider gim_minimal;

static u32 minimal_cpuid(const struct gim *gim, struct vmm_cpuid_entry *entries, u32 room)
{
	const struct gim_facts *facts = &gim->config.facts;

	if (room < 2)
		return 0;
	entries[0] = (struct vmm_cpuid_entry) { .leaf = LEAF_BASE, .eax = LEAF_TIMING };
	entries[1] = (struct vmm_cpuid_entry) {
		.leaf = LEAF_TIMING, .eax = facts->tsc_khz, .ebx = facts->bus_khz,
	};
	return 2;
}

const struct gim_provider gim_minimal = {
	.name = "minimal",
	.help = "hypervisor bit, TSC and APIC frequency",
	.hypervisor = true,
	.cpuid = minimal_cpuid,
};
