/* SPDX-License-Identifier: GPL-2.0 */
/* What a provider is: one file with one const struct, and a row in gim/gim.c. */
#ifndef GIM_INTERNAL_H
#define GIM_INTERNAL_H

#include "gim/gim.h"

struct gim_feature {
	const char *name;		/* for the config */
	u64 bit;			/* in struct gim.features; told as the provider likes */
	u64 needs;			/* other features */
	u64 host;			/* VMM_FEATURE_* that the host must have, */
	u64 host_without;		/* or must not */
	bool on_request;		/* only if the config asks for it */
	bool debug;			/* only if it says where the debugger is */
};

struct gim_provider {
	const char *name;
	const char *help;
	bool hypervisor;		/* CPUID.1:ECX[31] */
	const struct gim_feature *features;
	u32 feature_count;
	size_t size;			/* of what it keeps for a VM, struct gim.state */
	/* All may be NULL; for what they do see gim.h. */
	int (*create)(struct gim *gim, struct error *err);
	void (*destroy)(struct gim *gim);	/* of what create() left half done, too */
	u32 (*cpuid)(const struct gim *gim, struct vmm_cpuid_entry *entries, u32 room);
	int (*msr_read)(struct gim *gim, struct hm_vcpu *vcpu, u32 index, u64 *value);
	int (*msr_write)(struct gim *gim, struct hm_vcpu *vcpu, u32 index, u64 value);
	int (*hypercall)(struct gim *gim, struct hm_vcpu *vcpu, const struct gim_call *call);
	void (*reset)(struct gim *gim);
};

struct gim {
	struct gim_config config;
	const struct gim_provider *provider;
	u64 features;			/* bits of those that the guest gets */
	void *state;
};

static inline bool gim_has(const struct gim *gim, u64 features)
{
	return (gim->features & features) == features;
}

#endif
