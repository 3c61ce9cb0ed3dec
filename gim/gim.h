/* SPDX-License-Identifier: GPL-2.0 */
/*
 * GIM, the guest interface manager: what the guest finds at CPUID 0x40000000,
 * the MSRs and calls that come with it, and what they do.
 *
 * One provider per VM, chosen by name and fixed for its life. What a provider
 * offers, by its features, works; what it does not offer, or the config takes
 * away, does not. What is hot the provider has the module do (struct vmm_pv).
 *
 * Functions with a vCPU are called on its thread, between two runs; the others
 * while no vCPU runs. Locks are the provider's own, and leaves.
 */
#ifndef GIM_GIM_H
#define GIM_GIM_H

#include "base/base.h"
#include "base/error.h"
#include "kmod/uapi/vmm.h"
#include "pgm/pgm.h"
#include "tm/tm.h"
#include "vmm/hm.h"

struct gim;
struct gim_provider;

struct gim_facts {
	u32 tsc_khz;			/* 0: not known */
	u32 bus_khz;			/* of the local APIC's timer, before the divider */
	u64 host;			/* VMM_FEATURE_* */
	u32 cpus;			/* as many vCPUs will be made */
};

/* What a guest asks for, on a vCPU's thread: only take note. */
struct gim_ops {
	void (*reset)(void *ctx);
	/* Its kernel panicked; it may have more to say. */
	void (*panic)(void *ctx);
};

/* Who debugs the guest: the config's gim.debug. */
struct gim_debug {
	const char *address;		/* for UDP; NULL: nobody */
	u16 port;
	bool calls;			/* advise the guest to use these, and not MSRs */
};

struct gim_config {
	const struct gim_provider *provider;
	struct gim_facts facts;
	/* Features by name: the config's gim.disable and gim.enable. */
	const char *const *disable, *const *enable;
	u32 disable_count, enable_count;
	struct gim_debug debug;
	/* NULL in unit tests of what needs none. */
	struct hm_vm *hm;
	struct tm_vm *tm;
	struct pgm *pgm;
	const struct gim_ops *ops;
	void *ctx;
};

/* A call that the guest made, by VMCALL or VMMCALL. */
struct gim_call {
	struct vmm_gprs *gprs;		/* arguments, and the place of results */
	u8 cpl;
	bool is_protected;		/* not real mode */
	bool wide;			/* 64-bit code: registers are taken whole */
};

/* -ENODEV: unknown, or known but not built in. */
int gim_find(const struct gim_provider **out, const char *name, struct error *err);

/* The bits of features by their names. -ENOENT: the provider has no such feature. */
int gim_features_find(const struct gim_provider *provider, const char *const *names, u32 count,
		      u64 *bits, struct error *err);

/* Its guests can be debugged. */
bool gim_debugs(const struct gim_provider *provider);

/* Before the first vCPU is made. -ENOENT: the provider has no such feature. */
int gim_create(struct gim **out, const struct gim_config *config, struct error *err);
void gim_destroy(struct gim *gim);

/* CPUID.1:ECX[31] */
bool gim_hypervisor(const struct gim *gim);
/* Fill the leaves; returns how many, at most @room. */
u32 gim_cpuid(const struct gim *gim, struct vmm_cpuid_entry *entries, u32 room);

/* -ENOENT: not the provider's; -EINVAL: #GP. */
int gim_msr_read(struct gim *gim, struct hm_vcpu *vcpu, u32 index, u64 *value);
int gim_msr_write(struct gim *gim, struct hm_vcpu *vcpu, u32 index, u64 value);

/* 0: done, and the guest goes on behind it. -ENOSYS: there is no such instruction, #UD. */
int gim_hypercall(struct gim *gim, struct hm_vcpu *vcpu, const struct gim_call *call);

/* The VM starts over. The module has reset its vCPUs, and what it keeps for them. */
void gim_reset(struct gim *gim);

#endif
