// SPDX-License-Identifier: GPL-2.0
/*
 * CPUID policy; cpuid.h says what. Works on a table before the first vCPU is
 * made, on one thread. What follows a vCPU's state (APIC ID, OSXSAVE) the
 * module fills in.
 *
 * Topology: one package, a core per vCPU, no threads. Left out: more packages,
 * NUMA nodes, caches by level as the host has them beyond what leaf 4 says.
 */
#include "vmm/cpuid.h"
#include "vmm/cpuid_features.h"

#define ECX_HYPERVISOR	BIT(31)
#define EDX_HTT		BIT(28)
#define ECX_CMP_LEGACY	BIT(1)

struct vmm_cpuid_entry *cpuid_find(struct cpuid_policy *policy, u32 leaf, u32 subleaf)
{
	for (u32 i = 0; i < policy->count; i++) {
		struct vmm_cpuid_entry *e = &policy->entry[i];

		if (e->leaf == leaf && (e->subleaf == subleaf || !(e->flags & VMM_CPUID_SUBLEAF)))
			return e;
	}
	return NULL;
}

/* Set an entry, an old one of the same leaf and subleaf being replaced. */
static int cpuid_set(struct cpuid_policy *policy, const struct vmm_cpuid_entry *entry,
		     struct error *err)
{
	struct vmm_cpuid_entry *old = cpuid_find(policy, entry->leaf, entry->subleaf);

	if (old) {
		*old = *entry;
		return 0;
	}
	if (policy->count == VMM_CPUID_MAX)
		return error_set(err, ENOSPC, "CPUID: more than %u entries", VMM_CPUID_MAX);
	policy->entry[policy->count++] = *entry;
	return 0;
}

/* ---- features --------------------------------------------------------------------- */

static u32 *cpuid_feature_reg(struct cpuid_policy *policy, const struct cpuid_feature *f)
{
	struct vmm_cpuid_entry *e = cpuid_find(policy, f->leaf, f->subleaf);

	if (!e)
		return NULL;
	switch (f->reg) {
	case CPUID_EAX: return &e->eax;
	case CPUID_EBX: return &e->ebx;
	case CPUID_ECX: return &e->ecx;
	case CPUID_EDX: return &e->edx;
	}
	return NULL;
}

static const struct cpuid_feature *cpuid_feature(const char *name)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(cpuid_features); i++)
		if (!strcmp(cpuid_features[i].name, name))
			return &cpuid_features[i];
	return NULL;
}

static bool cpuid_has(struct cpuid_policy *policy, const struct cpuid_feature *f)
{
	u32 *reg = cpuid_feature_reg(policy, f);

	return reg && *reg >> f->bit & 1;
}

static void cpuid_clear(struct cpuid_policy *policy, const struct cpuid_feature *f)
{
	u32 *reg = cpuid_feature_reg(policy, f);

	if (reg)
		*reg &= ~(1U << f->bit);
}

int cpuid_disable(struct cpuid_policy *policy, const char *name, struct error *err)
{
	const struct cpuid_feature *f = cpuid_feature(name);
	bool again = true;

	if (!f)
		return error_set(err, ENOENT, "cpu.disable: no feature is called \"%s\" "
				 "(names are those of /proc/cpuinfo)", name);
	cpuid_clear(policy, f);
	while (again) {
		again = false;
		for (unsigned int i = 0; i < ARRAY_SIZE(cpuid_features); i++) {
			f = &cpuid_features[i];
			if (!f->needs || !cpuid_has(policy, f) ||
			    cpuid_has(policy, cpuid_feature(f->needs)))
				continue;
			cpuid_clear(policy, f);
			again = true;
		}
	}
	return 0;
}

/* Leaf 0xD follows the features: components, and the size of all of them. */
static void cpuid_xsave(struct cpuid_policy *policy)
{
	struct vmm_cpuid_entry *base = cpuid_find(policy, 0xd, 0), *e;
	u32 size = 512 + 64;

	if (!base)
		return;
	if (!cpuid_has(policy, cpuid_feature("xsave"))) {
		base->eax = base->ebx = base->ecx = 0;
		return;
	}
	if (!cpuid_has(policy, cpuid_feature("avx")))
		base->eax &= ~(1U << 2);
	if (!cpuid_has(policy, cpuid_feature("avx512f")))
		base->eax &= ~(7U << 5);
	if (!cpuid_has(policy, cpuid_feature("pku")))
		base->eax &= ~(1U << 9);
	for (u32 i = 2; i < 32; i++) {
		e = base->eax >> i & 1 ? cpuid_find(policy, 0xd, i) : NULL;
		if (e)
			size = max(size, e->ebx + e->eax);
	}
	base->ecx = size;
}

void cpuid_xsave_layout(struct cpuid_policy *policy, struct em_xsave *xsave)
{
	struct vmm_cpuid_entry *base = cpuid_find(policy, 0xd, 0);
	u32 *const offset[] = { &xsave->ymm_offset, &xsave->zmm_offset, &xsave->hi16_offset };
	static const u8 component[] = { 2, 6, 7 };

	for (unsigned int i = 0; i < ARRAY_SIZE(component); i++) {
		struct vmm_cpuid_entry *e = cpuid_find(policy, 0xd, component[i]);

		*offset[i] = base && e && base->eax >> component[i] & 1 ? e->ebx : 0;
	}
}

/* ---- topology --------------------------------------------------------------------- */

/* Bits that hold the numbers 0 to @count - 1. */
static u32 cpuid_bits(u32 count)
{
	return count > 1 ? 32 - __builtin_clz(count - 1) : 0;
}

/* "Extended Topology Enumeration": a level of threads, a level of cores. */
static int cpuid_extended_topology(struct cpuid_policy *policy, u32 cpus, struct error *err)
{
	const struct vmm_cpuid_entry levels[] = {
		{ .leaf = 0xb, .subleaf = 0, .flags = VMM_CPUID_SUBLEAF,
		  .eax = 0, .ebx = 1, .ecx = 1 << 8 },
		{ .leaf = 0xb, .subleaf = 1, .flags = VMM_CPUID_SUBLEAF,
		  .eax = cpuid_bits(cpus), .ebx = cpus, .ecx = 2 << 8 | 1 },
		{ .leaf = 0xb, .subleaf = 2, .flags = VMM_CPUID_SUBLEAF, .ecx = 2 },
	};
	int ret = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(levels) && !ret; i++)
		ret = cpuid_set(policy, &levels[i], err);
	return ret;
}

static int cpuid_topology(struct cpuid_policy *policy, u32 cpus, bool intel, struct error *err)
{
	struct vmm_cpuid_entry *e = cpuid_find(policy, 1, 0);
	u32 bits = cpuid_bits(cpus);

	if (e) {
		e->ebx = (e->ebx & ~0x00ff0000U) | min(1U << bits, 255U) << 16;
		e->edx = cpus > 1 ? e->edx | EDX_HTT : e->edx & ~EDX_HTT;
	}
	for (u32 i = 0; i < policy->count; i++) {
		e = &policy->entry[i];
		/* "Deterministic Cache Parameters": of the last level all cores share. */
		if (e->leaf == 4 && e->eax & 0x1f) {
			u32 sharing = (e->eax >> 5 & 7) >= 3 ? (1U << bits) - 1 : 0;

			e->eax = (e->eax & 0x3fff) | (sharing & 0xfff) << 14 |
				 min((1U << bits) - 1, 63U) << 26;
		}
	}
	if (!intel) {
		e = cpuid_find(policy, 0x80000001, 0);
		if (e)
			e->ecx = cpus > 1 ? e->ecx | ECX_CMP_LEGACY : e->ecx & ~ECX_CMP_LEGACY;
		e = cpuid_find(policy, 0x80000008, 0);
		if (e)
			e->ecx = min(cpus - 1, 255U) | bits << 12;
	}
	e = cpuid_find(policy, 0, 0);
	return e && e->eax >= 0xb ? cpuid_extended_topology(policy, cpus, err) : 0;
}

/* ---- frequencies -------------------------------------------------------------------- */

/*
 * By continued fractions. Linux multiplies crystal kHz and numerator in 32
 * bits, so the numerator must be small, which can cost some 30 ppm.
 */
void cpuid_ratio(u64 value, u64 unit, u64 max, u32 *n, u32 *d)
{
	u64 n0 = 0, n1 = 1, d0 = 1, d1 = 0;
	u64 whole, rest, next_n, next_d;

	while (unit) {
		whole = value / unit;
		next_n = whole * n1 + n0;
		next_d = whole * d1 + d0;
		if (next_n > max || next_d > UINT32_MAX)
			break;
		n0 = n1, n1 = next_n;
		d0 = d1, d1 = next_d;
		rest = value % unit;
		value = unit;
		unit = rest;
	}
	*n = n1;
	*d = d1;
}

/*
 * "Time Stamp Counter and Nominal Core Crystal Clock": an Intel guest takes
 * the crystal for what its APIC timer counts, so the two agree.
 */
static int cpuid_frequencies(struct cpuid_policy *policy, u32 tsc_khz, struct error *err)
{
	struct vmm_cpuid_entry crystal = { .leaf = 0x15, .ecx = CPUID_BUS_KHZ * 1000U };
	struct vmm_cpuid_entry processor = {
		.leaf = 0x16, .eax = tsc_khz / 1000, .ebx = tsc_khz / 1000, .ecx = 100,
	};
	struct vmm_cpuid_entry *base = cpuid_find(policy, 0, 0);
	int ret;

	if (!base || !tsc_khz)
		return 0;
	cpuid_ratio(tsc_khz, CPUID_BUS_KHZ, UINT32_MAX / CPUID_BUS_KHZ, &crystal.ebx, &crystal.eax);
	if (!crystal.ebx || !crystal.eax)
		return 0;
	base->eax = max(base->eax, 0x16U);
	ret = cpuid_set(policy, &crystal, err);
	return ret ? ret : cpuid_set(policy, &processor, err);
}

/* ---- all of it ------------------------------------------------------------------------ */

static bool cpuid_is_intel(struct cpuid_policy *policy)
{
	struct vmm_cpuid_entry *e = cpuid_find(policy, 0, 0);

	return e && e->ebx == 0x756e6547;	/* "Genu" */
}

static int cpuid_gim(struct cpuid_policy *policy, const struct cpuid_config *config,
		     struct error *err)
{
	struct vmm_cpuid_entry *e = cpuid_find(policy, 1, 0), add[32];
	u32 count = gim_cpuid(config->gim, add, ARRAY_SIZE(add));
	int ret = 0;

	if (e)
		e->ecx = gim_hypervisor(config->gim) ? e->ecx | ECX_HYPERVISOR :
						       e->ecx & ~ECX_HYPERVISOR;
	for (u32 i = 0; i < count && !ret; i++)
		ret = cpuid_set(policy, &add[i], err);
	return ret;
}

int cpuid_apply(struct cpuid_policy *policy, const struct cpuid_config *config,
		struct error *err)
{
	bool intel = cpuid_is_intel(policy);
	int ret;

	cpuid_xsave(policy);
	ret = cpuid_topology(policy, config->cpus, intel, err);
	if (!ret && intel)
		ret = cpuid_frequencies(policy, config->tsc_khz, err);
	return ret ? ret : cpuid_gim(policy, config, err);
}
