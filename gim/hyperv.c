// SPDX-License-Identifier: GPL-2.0
/*
 * Microsoft's hypervisor interface, by its "Hypervisor Top-Level Functional
 * Specification" (TLFS): features, leaves, the table of MSRs, its life. What
 * they do is in the files beside this one; what is hot the module does.
 *
 * The MSRs that the specification gives to a partition's children only, and
 * those of nested virtualisation and reenlightenment, are left out and not
 * announced, and so are messages and events between partitions: there is one.
 */
#include <stdlib.h>

#include "gim/hyperv.h"

extern const struct gim_provider gim_hyperv;

/* ---- features ------------------------------------------------------------------- */

static const struct gim_feature hyperv_features[] = {
	{ .name = "reference-counter", .bit = HYPERV_REF_COUNTER },
	{ .name = "tsc-page", .bit = HYPERV_TSC_PAGE, .needs = HYPERV_REF_COUNTER },
	{ .name = "frequencies", .bit = HYPERV_FREQUENCIES },
	{ .name = "reset", .bit = HYPERV_RESET },
	{ .name = "crash", .bit = HYPERV_CRASH },
	{ .name = "relaxed-timing", .bit = HYPERV_RELAXED_TIMING },
	{ .name = "apic", .bit = HYPERV_APIC },
	/* A CPU that does EOIs by itself would not see those that the guest goes without. */
	{ .name = "eoi", .bit = HYPERV_EOI, .needs = HYPERV_APIC,
	  .host_without = VMM_FEATURE_VIRTUAL_INTR },
	{ .name = "idle", .bit = HYPERV_IDLE },
	{ .name = "runtime", .bit = HYPERV_RUNTIME },
	{ .name = "tlb-flush", .bit = HYPERV_FLUSH },
	{ .name = "ipi", .bit = HYPERV_IPI },
	{ .name = "ex-masks", .bit = HYPERV_EX_MASKS },
	{ .name = "spin-wait", .bit = HYPERV_SPIN },
	{ .name = "synic", .bit = HYPERV_SYNIC },
	{ .name = "timers", .bit = HYPERV_TIMERS, .needs = HYPERV_REF_COUNTER | HYPERV_SYNIC },
	{ .name = "direct-timers", .bit = HYPERV_DIRECT_TIMERS, .needs = HYPERV_TIMERS },
	{ .name = "extended-calls", .bit = HYPERV_EXTENDED },
	/* With it Linux prefers the TSC itself to the page. */
	{ .name = "tsc-invariant", .bit = HYPERV_TSC_INVARIANT, .host = VMM_FEATURE_TSC_STABLE,
	  .on_request = true },
	{ .name = "debug", .bit = HYPERV_DEBUG, .debug = true },
};

/* How the guest is told. */
struct hyperv_told {
	u64 feature;
	u32 eax, ebx, edx;		/* HV_LEAF_FEATURES */
	u32 hints;			/* HV_LEAF_HINTS, EAX */
};

static const struct hyperv_told hyperv_told[] = {
	{ 0, .eax = HV_ACCESS_HYPERCALL | HV_ACCESS_VP_INDEX },
	{ HYPERV_REF_COUNTER, .eax = HV_ACCESS_REF_COUNTER },
	{ HYPERV_TSC_PAGE, .eax = HV_ACCESS_REFERENCE_TSC },
	{ HYPERV_FREQUENCIES, .eax = HV_ACCESS_FREQUENCY, .edx = HV_FREQUENCY_REGS },
	{ HYPERV_RESET, .eax = HV_ACCESS_RESET, .hints = HV_HINT_RESET },
	{ HYPERV_CRASH, .edx = HV_GUEST_CRASH_REGS },
	{ HYPERV_RELAXED_TIMING, .hints = HV_HINT_RELAXED_TIMING },
	{ HYPERV_APIC, .eax = HV_ACCESS_INTR_CTRL },
	{ HYPERV_EOI, .hints = HV_HINT_APIC_MSRS },
	{ HYPERV_IDLE, .eax = HV_ACCESS_GUEST_IDLE },
	{ HYPERV_RUNTIME, .eax = HV_ACCESS_VP_RUNTIME },
	{ HYPERV_FLUSH, .hints = HV_HINT_REMOTE_FLUSH },
	{ HYPERV_IPI, .hints = HV_HINT_CLUSTER_IPI },
	{ HYPERV_EX_MASKS, .hints = HV_HINT_EX_MASKS },
	{ HYPERV_SYNIC, .eax = HV_ACCESS_SYNIC, .hints = HV_HINT_NO_AUTO_EOI },
	{ HYPERV_TIMERS, .eax = HV_ACCESS_SYNTHETIC_TIMERS },
	{ HYPERV_DIRECT_TIMERS, .edx = HV_DIRECT_TIMERS },
	{ HYPERV_EXTENDED, .ebx = HV_EXTENDED_HYPERCALLS },
	{ HYPERV_TSC_INVARIANT, .eax = HV_ACCESS_TSC_INVARIANT },
	{ HYPERV_DEBUG, .ebx = HV_DEBUGGING, .edx = HV_GUEST_DEBUGGING | HV_DEBUG_REGS },
};

/* ---- leaves --------------------------------------------------------------------- */

static struct vmm_cpuid_entry hyperv_leaf_features(const struct gim *gim)
{
	struct vmm_cpuid_entry leaf = { .leaf = HV_LEAF_FEATURES };

	for (unsigned int i = 0; i < ARRAY_SIZE(hyperv_told); i++) {
		if (!gim_has(gim, hyperv_told[i].feature))
			continue;
		leaf.eax |= hyperv_told[i].eax;
		leaf.ebx |= hyperv_told[i].ebx;
		leaf.edx |= hyperv_told[i].edx;
	}
	return leaf;
}

static struct vmm_cpuid_entry hyperv_leaf_hints(const struct gim *gim)
{
	struct vmm_cpuid_entry leaf = {
		.leaf = HV_LEAF_HINTS,
		.ebx = gim_has(gim, HYPERV_SPIN) ? HV_SPIN_TRIES : HV_SPIN_NEVER,
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(hyperv_told); i++)
		if (gim_has(gim, hyperv_told[i].feature))
			leaf.eax |= hyperv_told[i].hints;
	return leaf;
}

static u32 hyperv_cpuid(const struct gim *gim, struct vmm_cpuid_entry *entries, u32 room)
{
	const struct vmm_cpuid_entry leaves[] = {
		{ .leaf = HV_LEAF_VENDOR, .eax = HV_LEAF_LAST,
		  .ebx = 0x7263694d, .ecx = 0x666f736f, .edx = 0x76482074 }, /* Microsoft Hv */
		{ .leaf = HV_LEAF_INTERFACE, .eax = 0x31237648 },	/* Hv#1 */
		/* By this guests choose what to work around: as if it were Server 2019's. */
		{ .leaf = HV_LEAF_IDENTITY, .eax = 17763, .ebx = 10 << 16 },
		hyperv_leaf_features(gim),
		hyperv_leaf_hints(gim),
		{ .leaf = HV_LEAF_LIMITS, .eax = HM_MAX_VCPUS, .ebx = HM_MAX_VCPUS },
		{ .leaf = HV_LEAF_HARDWARE, .eax = HV_HARDWARE_MSR_BITMAP | HV_HARDWARE_SLAT },
		/* These last: only with a debugger. */
		{ .leaf = HV_LEAF_SYNDBG_VENDOR, .eax = HV_LEAF_SYNDBG_PLATFORM,
		  .ebx = 0x7263694d, .ecx = 0x666f736f, .edx = 0x53562074 }, /* Microsoft VS */
		{ .leaf = HV_LEAF_SYNDBG_INTERFACE, .eax = 0x31235356 },	/* VS#1 */
		{ .leaf = HV_LEAF_SYNDBG_PLATFORM, .eax = HV_SYNDBG_KERNEL },
	};
	u32 count = ARRAY_SIZE(leaves) - (gim_has(gim, HYPERV_DEBUG) ? 0 : 3);

	if (room < count)
		return 0;
	memcpy(entries, leaves, count * sizeof(leaves[0]));
	return count;
}

/* ---- MSRs ------------------------------------------------------------------------- */

struct hyperv_msr {
	u32 first, last;
	u64 feature;
	hyperv_read_fn *read;		/* NULL: #GP */
	hyperv_write_fn *write;
};

static const struct hyperv_msr hyperv_msrs[] = {
	{ HV_MSR_GUEST_OS_ID, HV_MSR_GUEST_OS_ID, 0, hyperv_os_id_read, hyperv_os_id_write },
	{ HV_MSR_HYPERCALL, HV_MSR_HYPERCALL, 0, hyperv_hypercall_read, hyperv_hypercall_write },
	{ HV_MSR_VP_INDEX, HV_MSR_VP_INDEX, 0, hyperv_vp_index_read, NULL },
	{ HV_MSR_RESET, HV_MSR_RESET, HYPERV_RESET, hyperv_reset_read, hyperv_reset_write },
	{ HV_MSR_VP_RUNTIME, HV_MSR_VP_RUNTIME, HYPERV_RUNTIME, hyperv_runtime_read, NULL },
	{ HV_MSR_REFERENCE_TSC, HV_MSR_REFERENCE_TSC, HYPERV_TSC_PAGE, hyperv_tsc_page_read,
	  hyperv_tsc_page_write },
	{ HV_MSR_TSC_FREQUENCY, HV_MSR_APIC_FREQUENCY, HYPERV_FREQUENCIES, hyperv_frequency_read,
	  NULL },
	{ HV_MSR_VP_ASSIST_PAGE, HV_MSR_VP_ASSIST_PAGE, 0, hyperv_assist_read,
	  hyperv_assist_write },
	{ HV_MSR_SCONTROL, HV_MSR_SCONTROL, HYPERV_SYNIC, hyperv_scontrol_read,
	  hyperv_scontrol_write },
	{ HV_MSR_SVERSION, HV_MSR_SVERSION, HYPERV_SYNIC, hyperv_sversion_read, NULL },
	{ HV_MSR_SIEFP, HV_MSR_SIMP, HYPERV_SYNIC, hyperv_synic_page_read,
	  hyperv_synic_page_write },
	{ HV_MSR_EOM, HV_MSR_EOM, HYPERV_SYNIC, hyperv_eom_read, hyperv_eom_write },
	{ HV_MSR_SINT0, HV_MSR_SINT15, HYPERV_SYNIC, hyperv_sint_read, hyperv_sint_write },
	{ HV_MSR_STIMER0_CONFIG, HV_MSR_STIMER3_COUNT, HYPERV_TIMERS, hyperv_stimer_read,
	  hyperv_stimer_write },
	{ HV_MSR_SYNDBG_CONTROL, HV_MSR_SYNDBG_CONTROL, HYPERV_DEBUG, hyperv_debug_read,
	  hyperv_debug_control_write },
	{ HV_MSR_SYNDBG_STATUS, HV_MSR_SYNDBG_STATUS, HYPERV_DEBUG, hyperv_debug_read, NULL },
	{ HV_MSR_SYNDBG_SEND, HV_MSR_SYNDBG_PENDING, HYPERV_DEBUG, hyperv_debug_read,
	  hyperv_debug_page_write },
	{ HV_MSR_DEBUG_OPTIONS, HV_MSR_DEBUG_OPTIONS, HYPERV_DEBUG, hyperv_debug_options_read,
	  hyperv_debug_options_write },
	{ HV_MSR_CRASH_P0, HV_MSR_CRASH_P4, HYPERV_CRASH, hyperv_crash_read, hyperv_crash_write },
	{ HV_MSR_CRASH_CTL, HV_MSR_CRASH_CTL, HYPERV_CRASH, hyperv_crash_ctl_read,
	  hyperv_crash_ctl_write },
	{ HV_MSR_TSC_INVARIANT, HV_MSR_TSC_INVARIANT, HYPERV_TSC_INVARIANT,
	  hyperv_tsc_invariant_read, hyperv_tsc_invariant_write },
};

/* 0, or -errno as gim_msr_read(). */
static int hyperv_msr_find(const struct gim *gim, u32 index, const struct hyperv_msr **out)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(hyperv_msrs); i++) {
		*out = &hyperv_msrs[i];
		if (index >= (*out)->first && index <= (*out)->last &&
		    gim_has(gim, (*out)->feature))
			return 0;
	}
	return index >= HV_MSR_FIRST && index <= HV_MSR_LAST ? -EINVAL : -ENOENT;
}

static int hyperv_msr_read(struct gim *gim, struct hm_vcpu *vcpu, u32 index, u64 *value)
{
	const struct hyperv_msr *msr;
	int ret = hyperv_msr_find(gim, index, &msr);

	if (ret)
		return ret;
	return msr->read ? msr->read(&hyperv_of(gim)->vp[vcpu->index], index, value) : -EINVAL;
}

static int hyperv_msr_write(struct gim *gim, struct hm_vcpu *vcpu, u32 index, u64 value)
{
	const struct hyperv_msr *msr;
	int ret = hyperv_msr_find(gim, index, &msr);

	if (ret)
		return ret;
	return msr->write ? msr->write(&hyperv_of(gim)->vp[vcpu->index], index, value) : -EINVAL;
}

/* ---- the VM ----------------------------------------------------------------------- */

/* What the module does of it. */
static int hyperv_module(struct hyperv *hv, struct error *err)
{
	static const struct { u64 feature; u32 flag; } rows[] = {
		{ HYPERV_REF_COUNTER, VMM_HV_REF_COUNT },
		{ HYPERV_APIC, VMM_HV_APIC },
		{ HYPERV_IDLE, VMM_HV_IDLE },
		{ HYPERV_FLUSH, VMM_HV_FLUSH },
		{ HYPERV_IPI, VMM_HV_SEND_IPI },
		{ HYPERV_EX_MASKS, VMM_HV_EX_MASKS },
		{ HYPERV_SPIN, VMM_HV_LONG_SPIN },
		{ HYPERV_TSC_INVARIANT, VMM_HV_TSC_INVARIANT },
		{ HYPERV_DIRECT_TIMERS, VMM_HV_DIRECT_TIMERS },
	};
	struct hm_vm *hm = hv->gim->config.hm;
	struct vmm_pv pv = { .flags = VMM_PV_HYPERCALLS };
	struct vmm_hv set = { .scale = hv->scale };
	int ret;

	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++)
		if (hyperv_has(hv, rows[i].feature))
			set.flags |= rows[i].flag;
	ret = hm_vm_pv_set(hm, &pv);
	if (ret >= 0)
		ret = hm_vm_hv_set(hm, &set);
	return ret < 0 ? error_errno(err, -ret, "the module refuses Hyper-V's interface") : 0;
}

static void hyperv_vp_create(struct hyperv *hv, u32 index)
{
	struct hyperv_vp *vp = &hv->vp[index];

	vp->hv = hv;
	vp->index = index;
	pthread_mutex_init(&vp->lock, NULL);
	hyperv_synic_reset(vp);
	hyperv_stimers_create(vp);
}

static int hyperv_create(struct gim *gim, struct error *err)
{
	const struct gim_facts *facts = &gim->config.facts;
	struct hyperv *hv = hyperv_of(gim);
	int ret;

	hv->gim = gim;
	pthread_mutex_init(&hv->lock, NULL);
	hv->vp = calloc(facts->cpus, sizeof(hv->vp[0]));
	if (!hv->vp)
		return error_errno(err, ENOMEM, "gim");
	hv->vp_count = facts->cpus;
	for (u32 i = 0; i < hv->vp_count; i++)
		hyperv_vp_create(hv, i);
	if (!facts->tsc_khz)
		gim->features &= ~(u64)HYPERV_FREQUENCIES;
	if (facts->host & VMM_FEATURE_TSC_STABLE)
		hv->scale = hyperv_scale(facts->tsc_khz);
	ret = hyperv_has(hv, HYPERV_DEBUG) ? hyperv_debug_create(hv, err) : 0;
	return ret ? ret : hyperv_module(hv, err);
}

static void hyperv_forget(struct hyperv *hv)
{
	hyperv_page_forget(hv, &hv->hypercall);
	hyperv_page_forget(hv, &hv->tsc_page);
	for (u32 i = 0; i < hv->vp_count; i++) {
		hyperv_page_forget(hv, &hv->vp[i].assist);
		hyperv_page_forget(hv, &hv->vp[i].simp);
		hyperv_page_forget(hv, &hv->vp[i].siefp);
	}
}

static void hyperv_reset(struct gim *gim)
{
	struct hyperv *hv = hyperv_of(gim);

	for (u32 i = 0; i < hv->vp_count; i++) {
		hyperv_stimers_reset(&hv->vp[i]);
		hyperv_synic_reset(&hv->vp[i]);
	}
	hyperv_forget(hv);
	hyperv_debug_reset(hv->debug);
	hv->os_id = hv->tsc_invariant = 0;
	memset(hv->crash, 0, sizeof(hv->crash));
	hyperv_tell(hv);
}

static void hyperv_destroy(struct gim *gim)
{
	struct hyperv *hv = hyperv_of(gim);

	for (u32 i = 0; i < hv->vp_count; i++) {
		hyperv_stimers_destroy(&hv->vp[i]);
		pthread_mutex_destroy(&hv->vp[i].lock);
	}
	hyperv_debug_destroy(hv->debug);
	hyperv_forget(hv);
	free(hv->vp);
	pthread_mutex_destroy(&hv->lock);
}

const struct gim_provider gim_hyperv = {
	.name = "hyperv",
	.help = "that of Microsoft's hypervisor",
	.hypervisor = true,
	.features = hyperv_features,
	.feature_count = ARRAY_SIZE(hyperv_features),
	.size = sizeof(struct hyperv),
	.create = hyperv_create,
	.destroy = hyperv_destroy,
	.cpuid = hyperv_cpuid,
	.msr_read = hyperv_msr_read,
	.msr_write = hyperv_msr_write,
	.hypercall = hyperv_hypercall,
	.reset = hyperv_reset,
};
