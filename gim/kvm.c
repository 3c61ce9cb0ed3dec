// SPDX-License-Identifier: GPL-2.0
/*
 * KVM's interface: "KVM CPUID bits", "KVM-specific MSRs" and "Linux KVM
 * Hypercall" of the Linux kernel's documentation.
 *
 * Here are the leaves, what values MSRs take, and the errors of calls. The
 * pages in the guest's memory are the module's, and so is what their MSRs say;
 * all that is kept here is the VM's wall clock MSR.
 *
 * Left out, and not announced: asynchronous page faults, clock pairing, APIC
 * IDs above 255 in interrupt messages, and what encrypted guests need.
 */
#include <asm/kvm_para.h>
#include <linux/kvm_para.h>

#include "gim/internal.h"
#include "gim/kvm_clock.h"

extern const struct gim_provider gim_kvm;

struct kvm {
	struct kvm_rate rate;
	u64 wall_clock;			/* what the MSR was written to */
};

/* ---- features ------------------------------------------------------------------- */

/* Where they are told: EAX of the leaf of features below, EDX above. */
#define KVM_EAX(bit)	BIT_ULL(KVM_FEATURE_##bit)
#define KVM_CLOCK_OLD	KVM_EAX(CLOCKSOURCE)
#define KVM_CLOCK	KVM_EAX(CLOCKSOURCE2)
#define KVM_STABLE	KVM_EAX(CLOCKSOURCE_STABLE_BIT)
#define KVM_STEAL_TIME	KVM_EAX(STEAL_TIME)
#define KVM_EOI		KVM_EAX(PV_EOI)
#define KVM_KICK	KVM_EAX(PV_UNHALT)
#define KVM_SEND_IPI	KVM_EAX(PV_SEND_IPI)
#define KVM_POLL	KVM_EAX(POLL_CONTROL)
#define KVM_YIELD	KVM_EAX(PV_SCHED_YIELD)
#define KVM_REALTIME	BIT_ULL(32 + KVM_HINTS_REALTIME)

static const struct gim_feature kvm_features[] = {
	{ .name = "clock-old", .bit = KVM_CLOCK_OLD },
	{ .name = "clock", .bit = KVM_CLOCK },
	{ .name = "clock-stable", .bit = KVM_STABLE, .host = VMM_FEATURE_TSC_STABLE },
	{ .name = "no-io-delay", .bit = KVM_EAX(NOP_IO_DELAY) },
	{ .name = "steal-time", .bit = KVM_STEAL_TIME, .host = VMM_FEATURE_STEAL_TIME },
	{ .name = "eoi", .bit = KVM_EOI, .host_without = VMM_FEATURE_VIRTUAL_INTR },
	{ .name = "kick", .bit = KVM_KICK },
	{ .name = "tlb-flush", .bit = KVM_EAX(PV_TLB_FLUSH), .needs = KVM_STEAL_TIME },
	{ .name = "ipi", .bit = KVM_SEND_IPI },
	{ .name = "poll-control", .bit = KVM_POLL },
	{ .name = "yield", .bit = KVM_YIELD },
	{ .name = "realtime", .bit = KVM_REALTIME, .on_request = true },
};

static u32 kvm_cpuid(const struct gim *gim, struct vmm_cpuid_entry *entries, u32 room)
{
	const struct vmm_cpuid_entry leaves[] = {
		{ .leaf = KVM_CPUID_SIGNATURE, .eax = KVM_CPUID_FEATURES,
		  .ebx = 0x4b4d564b, .ecx = 0x564b4d56, .edx = 0x4d },	/* KVMKVMKVM */
		{ .leaf = KVM_CPUID_FEATURES, .eax = gim->features, .edx = gim->features >> 32 },
	};

	if (room < ARRAY_SIZE(leaves))
		return 0;
	memcpy(entries, leaves, sizeof(leaves));
	return ARRAY_SIZE(leaves);
}

/* ---- the clocks ------------------------------------------------------------------ */

/* What the date was when the guest's clock pages said 0. */
static u64 kvm_boot_ns(struct gim *gim)
{
	const struct kvm *kvm = gim->state;
	struct vmm_clock now;

	if (hm_vm_clock_get(gim->config.hm, &now))
		return 0;
	return tm_now(gim->config.tm, TM_REAL) - kvm_clock_ns(&kvm->rate, now.guest_tsc);
}

/* Told once, when the guest asks. The version is odd meanwhile. */
static void kvm_wall_clock_write(struct gim *gim, gpa_t gpa)
{
	u64 boot = kvm_boot_ns(gim);
	struct { u32 version, sec, nsec; } wall = {
		.sec = boot / NSEC_PER_SEC, .nsec = boot % NSEC_PER_SEC,
	};
	struct pgm *pgm = gim->config.pgm;
	u32 version;

	if (pgm_read(pgm, gpa, &version, sizeof(version)))
		return;
	wall.version = (version | 1) + 2;
	if (pgm_write(pgm, gpa, &wall, sizeof(wall)))
		return;
	wall.version++;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	pgm_write(pgm, gpa, &wall.version, sizeof(wall.version));
}

/* ---- MSRs ------------------------------------------------------------------------- */

struct kvm_msr {
	u32 index;
	u64 feature;
	u64 reserved;			/* bits that must be 0 */
	enum vmm_pv_page page;		/* the module's; VMM_PV_PAGE_COUNT: the wall clock */
};

static const struct kvm_msr kvm_msrs[] = {
	{ MSR_KVM_WALL_CLOCK, KVM_CLOCK_OLD, 3, VMM_PV_PAGE_COUNT },
	{ MSR_KVM_SYSTEM_TIME, KVM_CLOCK_OLD, 2, VMM_PV_CLOCK },
	{ MSR_KVM_WALL_CLOCK_NEW, KVM_CLOCK, 3, VMM_PV_PAGE_COUNT },
	{ MSR_KVM_SYSTEM_TIME_NEW, KVM_CLOCK, 2, VMM_PV_CLOCK },
	{ MSR_KVM_STEAL_TIME, KVM_STEAL_TIME, KVM_STEAL_RESERVED_MASK, VMM_PV_STEAL_TIME },
	{ MSR_KVM_PV_EOI_EN, KVM_EOI, 2, VMM_PV_EOI },
	{ MSR_KVM_POLL_CONTROL, KVM_POLL, ~1ULL, VMM_PV_HALT_POLL },
};

#define KVM_MSR_FIRST	0x4b564d00
#define KVM_MSR_LAST	0x4b564dff

/* 0, or -errno as gim_msr_read(). */
static int kvm_msr_find(const struct gim *gim, u32 index, const struct kvm_msr **out)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(kvm_msrs); i++) {
		*out = &kvm_msrs[i];
		if ((*out)->index == index && gim_has(gim, (*out)->feature))
			return 0;
	}
	return index >= KVM_MSR_FIRST && index <= KVM_MSR_LAST ? -EINVAL : -ENOENT;
}

static int kvm_msr_read(struct gim *gim, struct hm_vcpu *vcpu, u32 index, u64 *value)
{
	const struct kvm *kvm = gim->state;
	const struct kvm_msr *msr;
	int ret = kvm_msr_find(gim, index, &msr);

	if (ret)
		return ret;
	if (msr->page != VMM_PV_PAGE_COUNT)
		return hm_vcpu_pv_get(vcpu, msr->page, value);
	*value = READ_ONCE(kvm->wall_clock);
	return 0;
}

static int kvm_msr_write(struct gim *gim, struct hm_vcpu *vcpu, u32 index, u64 value)
{
	struct kvm *kvm = gim->state;
	const struct kvm_msr *msr;
	int ret = kvm_msr_find(gim, index, &msr);

	if (ret)
		return ret;
	if (value & msr->reserved)
		return -EINVAL;
	if (msr->page != VMM_PV_PAGE_COUNT)
		return hm_vcpu_pv_set(vcpu, msr->page, value);
	WRITE_ONCE(kvm->wall_clock, value);
	kvm_wall_clock_write(gim, value);
	return 0;
}

/* ---- calls ------------------------------------------------------------------------ */

/* Those that there are, the module has done. */
static int kvm_hypercall(struct gim *gim, struct hm_vcpu *vcpu, const struct gim_call *call)
{
	s64 result = call->cpl ? -KVM_EPERM : -KVM_ENOSYS;

	call->gprs->r[VMM_RAX] = call->wide ? (u64)result : (u32)result;
	return 0;
}

/* ---- the VM ----------------------------------------------------------------------- */

/* What the module does of it. */
static u32 kvm_module_flags(const struct gim *gim)
{
	static const struct { u64 feature; u32 flag; } rows[] = {
		{ KVM_STABLE, VMM_PV_CLOCK_STABLE },
		{ KVM_KICK, VMM_PV_KICK },
		{ KVM_SEND_IPI, VMM_PV_SEND_IPI },
		{ KVM_YIELD, VMM_PV_YIELD },
	};
	u32 flags = VMM_PV_HYPERCALLS;

	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++)
		if (gim_has(gim, rows[i].feature))
			flags |= rows[i].flag;
	return flags;
}

static int kvm_create(struct gim *gim, struct error *err)
{
	struct kvm *kvm = gim->state;
	struct vmm_pv pv = { 0 };
	int ret;

	if (!gim->config.facts.tsc_khz)
		gim->features &= ~(KVM_CLOCK_OLD | KVM_CLOCK);
	if (!(gim->features & (KVM_CLOCK_OLD | KVM_CLOCK))) {
		gim->features &= ~KVM_STABLE;
	} else {
		kvm->rate = kvm_clock_rate(gim->config.facts.tsc_khz);
		pv.tsc_mul = kvm->rate.mul;
		pv.tsc_shift = kvm->rate.shift;
	}
	pv.flags = kvm_module_flags(gim);
	ret = hm_vm_pv_set(gim->config.hm, &pv);
	return ret < 0 ? error_errno(err, -ret, "the module refuses the KVM interface") : 0;
}

static void kvm_reset(struct gim *gim)
{
	struct kvm *kvm = gim->state;

	kvm->wall_clock = 0;
}

const struct gim_provider gim_kvm = {
	.name = "kvm",
	.help = "that of Linux's own hypervisor",
	.hypervisor = true,
	.features = kvm_features,
	.feature_count = ARRAY_SIZE(kvm_features),
	.size = sizeof(struct kvm),
	.create = kvm_create,
	.cpuid = kvm_cpuid,
	.msr_read = kvm_msr_read,
	.msr_write = kvm_msr_write,
	.hypercall = kvm_hypercall,
	.reset = kvm_reset,
};
