// SPDX-License-Identifier: GPL-2.0
/*
 * L1 Terminal Fault: a guest must find no secrets of the host in the L1 data
 * cache. Where the CPU is affected the host's own choice (l1tf=) says when it
 * is emptied: never; after the host may have touched secrets (the vCPU was
 * elsewhere, an exit was handled at length, or an interrupt ran); or before
 * every entry. What a sibling of the CPU brings there meanwhile is not kept
 * from the guest: the host's administrator turns SMT off, or knows.
 */
#include <linux/hardirq.h>
#include <linux/mm.h>
#include <linux/sched/smt.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/processor.h>

#include "../vcpu.h"
#include "vmx.h"

#define L1D_ORDER	4		/* 64 KiB, twice the largest L1D affected */

static struct page *l1d_pages;		/* read to empty it, without the MSR */

static bool l1d_is_affected(void)
{
	u64 caps = 0;

	if (!boot_cpu_has_bug(X86_BUG_L1TF))
		return false;
	if (boot_cpu_has(X86_FEATURE_ARCH_CAPABILITIES))
		rdmsrl(MSR_IA32_ARCH_CAPABILITIES, caps);
	return !(caps & ARCH_CAP_SKIP_VMENTRY_L1DFLUSH);
}

/* Pages that differ: a hypervisor under this one may merge those that do not. */
static int l1d_alloc_pages(void)
{
	unsigned int i;

	l1d_pages = alloc_pages(GFP_KERNEL, L1D_ORDER);
	if (!l1d_pages)
		return -ENOMEM;
	for (i = 0; i < 1 << L1D_ORDER; i++)
		memset(page_address(l1d_pages + i), i + 1, PAGE_SIZE);
	return 0;
}

int vmx_l1d_setup(struct vmm_info *info)
{
	if (!l1d_is_affected() || l1tf_mitigation == L1TF_MITIGATION_OFF)
		return 0;
	info->barriers |= l1tf_mitigation >= L1TF_MITIGATION_FULL ? VMM_BARRIER_L1D :
								    VMM_BARRIER_L1D_COND;
	if (sched_smt_active() && l1tf_mitigation != L1TF_MITIGATION_FLUSH_NOWARN)
		pr_warn("L1TF with SMT on: a guest may read what a sibling CPU works on\n");
	if (boot_cpu_has(X86_FEATURE_FLUSH_L1D))
		return 0;
	info->barriers |= VMM_BARRIER_L1D_READS;
	return l1d_alloc_pages();
}

void vmx_l1d_teardown(void)
{
	if (l1d_pages)
		__free_pages(l1d_pages, L1D_ORDER);
	l1d_pages = NULL;
}

/* 16 lines. */
static __always_inline void l1d_touch(const u8 *bytes)
{
	int i;

#pragma GCC unroll 16
	for (i = 0; i < 16; i++)
		READ_ONCE(bytes[i * 64]);
}

/* The first round fills the TLB, so that the second is not disturbed by walks. */
static void l1d_displace(void)
{
	const u8 *bytes = page_address(l1d_pages);
	unsigned int i;

	for (i = 0; i < PAGE_SIZE << L1D_ORDER; i += PAGE_SIZE)
		READ_ONCE(bytes[i]);
	rmb();
	for (i = 0; i < PAGE_SIZE << L1D_ORDER; i += 16 * 64)
		l1d_touch(bytes + i);
	rmb();
}

void vmx_l1d_flush(struct vcpu *vcpu)
{
	vcpu_count(vcpu, VMM_STAT_L1D_FLUSH);
	if (l1d_pages)
		l1d_displace();
	else
		wrmsrl(MSR_IA32_FLUSH_CMD, L1D_FLUSH);
}

void vmx_l1d_prepare(struct vcpu *vcpu)
{
	bool flush = vcpu->l1d_is_ours;

	if (!(hw_info.barriers & VMM_BARRIER_L1D_COND))
		return;
	vcpu->l1d_is_ours = false;
	flush |= kvm_get_cpu_l1tf_flush_l1d();
	kvm_clear_cpu_l1tf_flush_l1d();
	if (flush)
		vmx_l1d_flush(vcpu);
}
