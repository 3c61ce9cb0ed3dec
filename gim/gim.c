// SPDX-License-Identifier: GPL-2.0
/*
 * The providers, which of its features a VM's provider has, and the way from
 * EM to it.
 *
 * A provider that is not built in is a weak reference without a target, so
 * that its name is known all the same.
 */
#include <stdio.h>
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

/* All of them, for who has named one that there is not. */
static int gim_feature_unknown(const struct gim_provider *provider, const char *name,
			       struct error *err)
{
	struct nearest near = { .word = name };
	char list[384] = "none";
	size_t len = 0;

	for (u32 i = 0; i < provider->feature_count && len < sizeof(list); i++) {
		nearest_offer(&near, provider->features[i].name);
		len += snprintf(list + len, sizeof(list) - len, "%s%s", len ? ", " : "",
				provider->features[i].name);
	}
	if (near.name)
		return error_set(err, ENOENT, "%s has no feature called \"%s\"; did you mean %s? "
				 "It has %s", provider->name, name, near.name, list);
	return error_set(err, ENOENT, "%s has no feature called \"%s\"; it has %s",
			 provider->name, name, list);
}

static u64 gim_feature_find(const struct gim_provider *provider, const char *name)
{
	for (u32 i = 0; i < provider->feature_count; i++)
		if (!strcmp(provider->features[i].name, name))
			return provider->features[i].bit;
	return 0;
}

int gim_features_find(const struct gim_provider *provider, const char *const *names, u32 count,
		      u64 *bits, struct error *err)
{
	*bits = 0;
	for (u32 i = 0; i < count; i++) {
		u64 bit = gim_feature_find(provider, names[i]);

		if (!bit)
			return gim_feature_unknown(provider, names[i], err);
		*bits |= bit;
	}
	return 0;
}

bool gim_debugs(const struct gim_provider *provider)
{
	for (u32 i = 0; i < provider->feature_count; i++)
		if (provider->features[i].debug)
			return true;
	return false;
}

static bool gim_feature_is_possible(const struct gim_feature *f, const struct gim_config *config,
				    u64 features)
{
	u64 host = config->facts.host;

	return (host & f->host) == f->host && !(host & f->host_without) &&
	       (features & f->needs) == f->needs && (config->debug.address || !f->debug);
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

			if (!gim_feature_is_possible(f, &gim->config, features))
				features &= ~f->bit;
		}
	} while (features != before);
	return features;
}

static int gim_features_choose(struct gim *gim, struct error *err)
{
	const struct gim_config *config = &gim->config;
	const struct gim_provider *provider = gim->provider;
	u64 features = 0, enable, disable;
	int ret = gim_features_find(provider, config->enable, config->enable_count, &enable, err);

	if (!ret)
		ret = gim_features_find(provider, config->disable, config->disable_count, &disable,
					err);
	if (ret)
		return ret;
	for (u32 i = 0; i < provider->feature_count; i++)
		if (!provider->features[i].on_request)
			features |= provider->features[i].bit;
	features = (features | enable) & ~disable;
	gim->features = gim_features_possible(gim, features);
	return 0;
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
