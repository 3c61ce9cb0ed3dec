// SPDX-License-Identifier: GPL-2.0
/*
 * CPUID.
 *
 * What is offered is an allow-list over the host's own answers: a feature is
 * named here once everything it needs of a hypervisor is done. What a VM is
 * given is user space's table, as it stands, but for the bits that follow the
 * vCPU's state: APIC ID, OSXSAVE, OSPKE, the size of the XSAVE area.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/cpufeature.h>
#include <asm/fpu/types.h>
#include <asm/processor-flags.h>

#include "cpuid.h"
#include "hv.h"
#include "hw.h"

#define ALL		0xffffffffU
#define NONE		0U

struct cpuid_rule {
	u32 leaf;
	u32 subleaf;		/* UINT_MAX: the leaf has none */
	u32 mask[4];		/* of the host's EAX, EBX, ECX, EDX */
};

#define F(feature)	(1U << ((X86_FEATURE_##feature) & 31))

#define CPUID_1_ECX	(F(XMM3) | F(PCLMULQDQ) | F(SSSE3) | F(FMA) | F(CX16) | F(PCID) |	\
			 F(XMM4_1) | F(XMM4_2) | F(MOVBE) | F(POPCNT) | F(AES) | F(XSAVE) |	\
			 F(AVX) | F(F16C) | F(RDRAND))
#define CPUID_1_EDX	(F(FPU) | F(VME) | F(DE) | F(PSE) | F(TSC) | F(MSR) | F(PAE) | F(MCE) |	\
			 F(CX8) | F(APIC) | F(SEP) | F(MTRR) | F(PGE) | F(MCA) | F(CMOV) |	\
			 F(PAT) | F(PSE36) | F(CLFLUSH) | F(MMX) | F(FXSR) | F(XMM) | F(XMM2))
#define CPUID_7_EBX	(F(FSGSBASE) | F(BMI1) | F(AVX2) | F(SMEP) | F(BMI2) | F(ERMS) |	\
			 F(INVPCID) | F(AVX512F) | F(AVX512DQ) | F(RDSEED) | F(ADX) | F(SMAP) |	\
			 F(AVX512IFMA) | F(CLFLUSHOPT) | F(CLWB) | F(AVX512CD) | F(SHA_NI) |	\
			 F(AVX512BW) | F(AVX512VL))
#define CPUID_7_ECX	(F(AVX512VBMI) | F(UMIP) | F(PKU) | F(AVX512_VBMI2) | F(GFNI) |		\
			 F(VAES) | F(VPCLMULQDQ) | F(AVX512_VNNI) | F(AVX512_BITALG) |		\
			 F(AVX512_VPOPCNTDQ) | F(LA57) | F(RDPID))
#define CPUID_7_EDX	(F(FSRM))
#define CPUID_D1_EAX	(F(XSAVEOPT) | F(XSAVEC) | F(XGETBV1) | F(XSAVES))
#define CPUID_D_ALIGNED	BIT(1)		/* ECX: to 64 bytes, in the compacted format */
#define CPUID_81_ECX	(F(LAHF_LM) | F(CR8_LEGACY) | F(ABM) | F(SSE4A) | F(MISALIGNSSE) |	\
			 F(3DNOWPREFETCH) | F(XOP) | F(FMA4) | F(TBM))
#define CPUID_81_EDX	((CPUID_1_EDX & 0x0183f3ffU & ~F(SEP)) | F(SYSCALL) | F(NX) |		\
			 F(MMXEXT) | F(FXSR_OPT) | F(GBPAGES) | F(RDTSCP) | F(LM))

static const struct cpuid_rule cpuid_rules[] = {
	{ 0x00000000, UINT_MAX, { ALL, ALL, ALL, ALL } },
	{ 0x00000001, UINT_MAX, { ALL, 0x0000ff00, CPUID_1_ECX, CPUID_1_EDX } },
	{ 0x00000002, UINT_MAX, { ALL, ALL, ALL, ALL } },
	{ 0x00000004, 0,        { 0x3fff, ALL, ALL, ALL } },
	{ 0x00000004, 1,        { 0x3fff, ALL, ALL, ALL } },
	{ 0x00000004, 2,        { 0x3fff, ALL, ALL, ALL } },
	{ 0x00000004, 3,        { 0x3fff, ALL, ALL, ALL } },
	{ 0x00000006, UINT_MAX, { NONE, NONE, NONE, NONE } },
	{ 0x00000007, 0,        { NONE, CPUID_7_EBX, CPUID_7_ECX, CPUID_7_EDX } },
	{ 0x0000000d, 0,        { ALL, ALL, ALL, ALL } },
	{ 0x0000000d, 1,        { CPUID_D1_EAX, NONE, NONE, NONE } },
	{ 0x0000000d, 2,        { ALL, ALL, CPUID_D_ALIGNED, NONE } },
	{ 0x0000000d, 5,        { ALL, ALL, CPUID_D_ALIGNED, NONE } },
	{ 0x0000000d, 6,        { ALL, ALL, CPUID_D_ALIGNED, NONE } },
	{ 0x0000000d, 7,        { ALL, ALL, CPUID_D_ALIGNED, NONE } },
	{ 0x0000000d, 9,        { ALL, ALL, CPUID_D_ALIGNED, NONE } },
	{ 0x80000000, UINT_MAX, { ALL, ALL, ALL, ALL } },
	{ 0x80000001, UINT_MAX, { ALL, ALL, CPUID_81_ECX, CPUID_81_EDX } },
	{ 0x80000002, UINT_MAX, { ALL, ALL, ALL, ALL } },
	{ 0x80000003, UINT_MAX, { ALL, ALL, ALL, ALL } },
	{ 0x80000004, UINT_MAX, { ALL, ALL, ALL, ALL } },
	{ 0x80000005, UINT_MAX, { ALL, ALL, ALL, ALL } },
	{ 0x80000006, UINT_MAX, { ALL, ALL, ALL, ALL } },
	{ 0x80000007, UINT_MAX, { NONE, NONE, NONE, BIT(8) } },	/* invariant TSC */
	{ 0x80000008, UINT_MAX, { 0xffff, F(CLZERO), NONE, NONE } },
};

/* What a guest could not execute though the CPU can. */
static void cpuid_hide(struct vmm_cpuid_entry *e)
{
	switch (e->leaf) {
	case 7:
		if (!hw_passes.invpcid)
			e->ebx &= ~F(INVPCID);
		if (!hw_passes.rdtscp)
			e->ecx &= ~F(RDPID);
		break;
	case 0xd:
		/* What came with the compacted format, too, and Linux uses together. */
		if (e->subleaf == 1 && !hw_passes.xsaves)
			e->eax &= F(XSAVEOPT);
		break;
	case 0x80000001:
		if (!hw_passes.rdtscp)
			e->edx &= ~F(RDTSCP);
		break;
	}
}

/* What the host's kernel left of the CPUID word that holds @feature. */
#define HOST(feature)	(boot_cpu_data.x86_capability[(X86_FEATURE_##feature) / 32])

/*
 * What the host's kernel does without (by its command line, or for an
 * erratum), guests do without: CR4 and XCR0 are checked by the same words.
 */
static void cpuid_restrict(struct vmm_cpuid_entry *e)
{
	switch (e->leaf) {
	case 1:
		e->ecx &= HOST(XSAVE);
		break;
	case 7:
		e->ebx &= HOST(FSGSBASE);
		e->ecx &= HOST(LA57);
		break;
	case 0xd:
		if (e->subleaf == 1)
			e->eax &= HOST(XSAVEOPT);
		break;
	case 0x80000001:
		e->edx &= HOST(NX) | ~(F(NX) | F(GBPAGES) | F(FXSR_OPT) | F(RDTSCP));
		break;
	}
}

/* Bits that the module provides whatever the host has. */
static void cpuid_add(struct vmm_cpuid_entry *e)
{
	switch (e->leaf) {
	case 0:
		e->eax = min(e->eax, 0x16U);
		break;
	case 1:
		e->ecx |= F(X2APIC) | F(TSC_DEADLINE_TIMER);
		e->edx |= F(APIC) | F(MTRR) | F(MCE) | F(MCA);
		break;
	case 6:
		e->eax |= BIT(2);	/* the APIC timer runs in every sleep: ARAT */
		break;
	case 7:
		e->ebx |= BIT(1);	/* TSC_ADJUST */
		break;
	case 0xd:
		if (e->subleaf == 0) {
			e->eax &= hw_info.xcr0;
			e->edx = 0;
		} else if (e->subleaf > 1 && !(hw_info.xcr0 & BIT_ULL(e->subleaf))) {
			e->eax = 0;
			e->ebx = 0;
		}
		break;
	case 0x80000007:
		/* The guest's TSC is made of one that can be trusted, or emulated. */
		e->edx |= BIT(8);
		break;
	case 0x80000000:
		e->eax = min(e->eax, 0x80000008U);
		break;
	}
}

static void cpuid_host(const struct cpuid_rule *rule, struct vmm_cpuid_entry *e)
{
	bool has_subleaf = rule->subleaf != UINT_MAX;

	memset(e, 0, sizeof(*e));
	e->leaf = rule->leaf;
	e->subleaf = has_subleaf ? rule->subleaf : 0;
	e->flags = has_subleaf ? VMM_CPUID_SUBLEAF : 0;
	if (rule->leaf <= cpuid_eax(rule->leaf & 0x80000000))
		cpuid_count(rule->leaf, e->subleaf, &e->eax, &e->ebx, &e->ecx, &e->edx);
	e->eax &= rule->mask[0];
	e->ebx &= rule->mask[1];
	e->ecx &= rule->mask[2];
	e->edx &= rule->mask[3];
	cpuid_restrict(e);
	cpuid_hide(e);
	cpuid_add(e);
}

long cpuid_supported(struct vmm_cpuid *req)
{
	struct vmm_cpuid_entry __user *user = (void __user *)req->entries;
	struct vmm_cpuid_entry entry;
	u32 i;

	if (req->count > VMM_CPUID_MAX)
		return -EINVAL;
	if (req->count < ARRAY_SIZE(cpuid_rules))
		return -E2BIG;
	for (i = 0; i < ARRAY_SIZE(cpuid_rules); i++) {
		cpuid_host(&cpuid_rules[i], &entry);
		if (copy_to_user(user + i, &entry, sizeof(entry)))
			return -EFAULT;
	}
	req->count = i;
	return 0;
}

/* ---- a VM's table ------------------------------------------------------------------- */

static bool cpuid_entries_sane(const struct vmm_cpuid_entry *e, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++) {
		if (e[i].pad || (e[i].flags & ~VMM_CPUID_SUBLEAF))
			return false;
	}
	return true;
}

long cpuid_set(struct vm *vm, const struct vmm_cpuid *req)
{
	struct vmm_cpuid_entry *entries;

	if (vm->vcpu_count)
		return -EBUSY;
	if (!req->count || req->count > VMM_CPUID_MAX)
		return -EINVAL;
	entries = vmemdup_user((void __user *)req->entries,
			       array_size(req->count, sizeof(*entries)));
	if (IS_ERR(entries))
		return PTR_ERR(entries);
	if (!cpuid_entries_sane(entries, req->count)) {
		kvfree(entries);
		return -EINVAL;
	}
	kvfree(vm->cpuid);
	vm->cpuid = entries;
	vm->cpuid_count = req->count;
	return 0;
}

static const struct vmm_cpuid_entry *cpuid_find(struct vm *vm, u32 leaf, u32 subleaf)
{
	const struct vmm_cpuid_entry *e, *end = vm->cpuid + vm->cpuid_count;

	for (e = vm->cpuid; e < end; e++) {
		if (e->leaf == leaf && (e->subleaf == subleaf || !(e->flags & VMM_CPUID_SUBLEAF)))
			return e;
	}
	return NULL;
}

static u32 cpuid_xsave_size(u64 xcr0)
{
	u32 size = 512 + 64;	/* legacy region and header */
	u32 eax, ebx, ecx, edx;
	int i;

	for (i = 2; i < 63; i++) {
		if (!(xcr0 & BIT_ULL(i)))
			continue;
		cpuid_count(0xd, i, &eax, &ebx, &ecx, &edx);
		size = max(size, eax + ebx);
	}
	return size;
}

/* "XSAVE Area, Compacted Format": what is on, one behind the other. */
static u32 cpuid_compacted_size(u64 features)
{
	u32 size = 512 + 64;
	u32 eax, ebx, ecx, edx;
	int i;

	for (i = 2; i < 63; i++) {
		if (!(features & BIT_ULL(i)))
			continue;
		cpuid_count(0xd, i, &eax, &ebx, &ecx, &edx);
		if (ecx & CPUID_D_ALIGNED)
			size = ALIGN(size, 64);
		size += eax;
	}
	return size;
}

static u64 cpuid_cr4(struct vcpu *vcpu)
{
	struct vmm_sregs sregs;

	hw->sregs_get(vcpu, &sregs);
	return sregs.cr4;
}

/* "Advanced Power Management Information", with the invariant TSC in EDX. */
#define CPUID_POWER	0x80000007

/* The bits that follow the vCPU's state. */
static noinline void cpuid_dynamic(struct vcpu *vcpu, u32 leaf, u32 subleaf, u64 *r)
{
	switch (leaf) {
	case 1:
		r[VMM_RBX] = (r[VMM_RBX] & 0xffffff) | (u64)(vcpu->apic_id & 0xff) << 24;
		r[VMM_RCX] &= ~(u64)F(OSXSAVE);
		if ((r[VMM_RCX] & F(XSAVE)) && (cpuid_cr4(vcpu) & X86_CR4_OSXSAVE))
			r[VMM_RCX] |= F(OSXSAVE);
		if (!(vcpu->apic_base & BIT(11)))
			r[VMM_RDX] &= ~(u64)F(APIC);
		break;
	case 7:
		if (subleaf == 0 && (r[VMM_RCX] & F(PKU)) && (cpuid_cr4(vcpu) & X86_CR4_PKE))
			r[VMM_RCX] |= F(OSPKE);
		break;
	case 0xb:
	case 0x1f:
		r[VMM_RDX] = vcpu->apic_id;
		break;
	case 0xd:
		if (subleaf == 0 && r[VMM_RAX])
			r[VMM_RBX] = cpuid_xsave_size(vcpu->xcr0);
		/* Of XCR0 and IA32_XSS, which is 0. */
		if (subleaf == 1 && (r[VMM_RAX] & (F(XSAVEC) | F(XSAVES))))
			r[VMM_RBX] = cpuid_compacted_size(vcpu->xcr0);
		break;
	case CPUID_POWER:
		if (hv_hides_invariant_tsc(vcpu->vm))
			r[VMM_RDX] &= ~(u64)BIT(8);
		break;
	}
}

static bool cpuid_is_dynamic(u32 leaf)
{
	const u32 leaves = BIT(0x1) | BIT(0x7) | BIT(0xb) | BIT(0xd) | BIT(0x1f);

	return leaf < 32 ? leaves & BIT(leaf) : leaf == CPUID_POWER;
}

void cpuid_execute(struct vcpu *vcpu)
{
	u64 *r = vcpu->gprs.r;
	u32 leaf = r[VMM_RAX], subleaf = r[VMM_RCX];
	const struct vmm_cpuid_entry *e = cpuid_find(vcpu->vm, leaf, subleaf);

	r[VMM_RAX] = e ? e->eax : 0;
	r[VMM_RBX] = e ? e->ebx : 0;
	r[VMM_RCX] = e ? e->ecx : 0;
	r[VMM_RDX] = e ? e->edx : 0;
	if (cpuid_is_dynamic(leaf))
		cpuid_dynamic(vcpu, leaf, subleaf, r);
}
