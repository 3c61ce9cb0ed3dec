// SPDX-License-Identifier: GPL-2.0
/*
 * The providers, which of its features a VM's provider has, and the way from
 * EM to it.
 *
 * A provider that is not built in is a weak reference without a target, so
 * that its name is known all the same.
 */
#include <stdlib.h>

#include "base/nearest.h"
#include "gim/internal.h"

extern const struct gim_provider gim_minimal __attribute__((weak));
extern const struct gim_provider gim_kvm __attribute__((weak));
extern const struct gim_provider gim_hyperv __attribute__((weak));

static const struct gim_provider gim_none = {
	.name = "none",
	.help = "no hypervisor that the guest could see",
};

static const struct {
	const char *name;
	const struct gim_provider *provider;
} gim_rows[] = {
	{ "none",	&gim_none },
	{ "minimal",	&gim_minimal },
	{ "kvm",	&gim_kvm },
	{ "hyperv",	&gim_hyperv },
};

int gim_find(const struct gim_provider **out, const char *name, struct error *err)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(gim_rows); i++) {
		if (strcmp(gim_rows[i].name, name))
			continue;
		*out = gim_rows[i].provider;
		return *out ? 0 : error_set(err, ENODEV,
					    "gim.provider: %s is known, but not built in",
					    name);
	}
	return error_set(err, ENODEV, "gim.provider: %s does not exist", name);
}

/* ---- features ------------------------------------------------------------------- */

static int gim_feature_find(const struct gim_provider *provider, const char *key,
			    const char *name, u64 *bit, struct error *err)
{
	struct nearest near = { .word = name };

	for (u32 i = 0; i < provider->feature_count; i++) {
		const struct gim_feature *f = &provider->features[i];

		if (!strcmp(f->name, name)) {
			*bit = f->bit;
			return 0;
		}
		nearest_offer(&near, f->name);
	}
	return error_set(err, ENOENT, "%s: %s has no feature called \"%s\"%s%s", key,
			 provider->name, name, near.name ? "; there is " : "",
			 near.name ? near.name : "");
}

static bool gim_feature_is_possible(const struct gim_feature *f, u64 host, u64 features)
{
	return (host & f->host) == f->host && !(host & f->host_without) &&
	       (features & f->needs) == f->needs;
}

/* What is left once all that cannot be, and all that needs it, is gone. */
static u64 gim_features_possible(const struct gim *gim, u64 features)
{
	const struct gim_provider *provider = gim->provider;
	u64 before;

	do {
		before = features;
		for (u32 i = 0; i < provider->feature_count; i++) {
			const struct gim_feature *f = &provider->features[i];

			if (!gim_feature_is_possible(f, gim->config.facts.host, features))
				features &= ~f->bit;
		}
	} while (features != before);
	return features;
}

static int gim_features_choose(struct gim *gim, struct error *err)
{
	const struct gim_config *config = &gim->config;
	const struct gim_provider *provider = gim->provider;
	u64 features = 0, bit;
	int ret = 0;

	for (u32 i = 0; i < provider->feature_count; i++)
		if (!provider->features[i].on_request)
			features |= provider->features[i].bit;
	for (u32 i = 0; i < config->enable_count && !ret; i++) {
		ret = gim_feature_find(provider, "gim.enable", config->enable[i], &bit, err);
		if (!ret)
			features |= bit;
	}
	for (u32 i = 0; i < config->disable_count && !ret; i++) {
		ret = gim_feature_find(provider, "gim.disable", config->disable[i], &bit, err);
		if (!ret)
			features &= ~bit;
	}
	gim->features = gim_features_possible(gim, features);
	return ret;
}

/* ---- for the VM ------------------------------------------------------------------ */

int gim_create(struct gim **out, const struct gim_config *config, struct error *err)
{
	struct gim *gim = calloc(1, sizeof(*gim) + config->provider->size);
	int ret;

	if (!gim)
		return error_errno(err, ENOMEM, "gim");
	gim->config = *config;
	gim->provider = config->provider;
	gim->state = gim + 1;
	ret = gim_features_choose(gim, err);
	if (!ret && gim->provider->create)
		ret = gim->provider->create(gim, err);
	if (ret)
		gim_destroy(gim);
	else
		*out = gim;
	return ret;
}

void gim_destroy(struct gim *gim)
{
	if (gim && gim->provider->destroy)
		gim->provider->destroy(gim);
	free(gim);
}

bool gim_hypervisor(const struct gim *gim)
{
	return gim->provider->hypervisor;
}

u32 gim_cpuid(const struct gim *gim, struct vmm_cpuid_entry *entries, u32 room)
{
	return gim->provider->cpuid ? gim->provider->cpuid(gim, entries, room) : 0;
}

void gim_reset(struct gim *gim)
{
	if (gim->provider->reset)
		gim->provider->reset(gim);
}

/* ---- for a vCPU ------------------------------------------------------------------ */

int gim_msr_read(struct gim *gim, struct hm_vcpu *vcpu, u32 index, u64 *value)
{
	const struct gim_provider *provider = gim->provider;

	return provider->msr_read ? provider->msr_read(gim, vcpu, index, value) : -ENOENT;
}

int gim_msr_write(struct gim *gim, struct hm_vcpu *vcpu, u32 index, u64 value)
{
	const struct gim_provider *provider = gim->provider;

	return provider->msr_write ? provider->msr_write(gim, vcpu, index, value) : -ENOENT;
}

int gim_hypercall(struct gim *gim, struct hm_vcpu *vcpu, const struct gim_call *call)
{
	const struct gim_provider *provider = gim->provider;

	return provider->hypercall ? provider->hypercall(gim, vcpu, call) : -ENOSYS;
}
