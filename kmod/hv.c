// SPDX-License-Identifier: GPL-2.0
/*
 * The module's part of Hyper-V's interface, by the "Hypervisor Top-Level
 * Functional Specification": what is hot, and what only the kernel knows. Which
 * of it a guest gets, and all the rest, is up to user space.
 *
 * Reference time is the VM's TSC at another rate, so it stops and goes on with
 * it. The page of the reference TSC tells that rate. It is one for all CPUs,
 * while each has a TSC of its own that the guest may move: then the page says
 * that it is not valid, and guests read the MSR. vm->hv.lock guards the page.
 */
#include <linux/kernel.h>

#include "clock.h"
#include "hv.h"
#include "mem.h"
#include "vcpu.h"

/* ---- the page of the reference TSC ------------------------------------------------- */

/* The line is that of the VM's TSC: all vCPUs must have that. */
static bool hv_tscs_agree(struct vm *vm)
{
	struct vcpu *vcpu;
	u32 i;

	vm_for_each_vcpu(i, vcpu, vm) {
		if (READ_ONCE(vcpu->tsc_offset))
			return false;
	}
	return true;
}

static u32 hv_next_sequence(u32 sequence)
{
	/* Neither of these is a valid page's. */
	return sequence + 1 == 0 || sequence + 1 == U32_MAX ? 1 : sequence + 1;
}

/* Invalid while it changes. hv.lock held. */
static void hv_tsc_page_write(struct vm *vm)
{
	struct hv_tsc_page page = { .scale = vm->hv.set.scale };
	gpa_t gpa = vm->hv.on.tsc_page;

	if (!(vm->hv.on.flags & VMM_HV_ON_TSC_PAGE))
		return;
	if (mem_write(vm, gpa, &page.sequence, sizeof(page.sequence)))
		return;
	if (!page.scale || !hv_tscs_agree(vm))
		return;
	smp_wmb();
	mem_write(vm, gpa + offsetof(struct hv_tsc_page, scale), &page.scale,
		  sizeof(page) - offsetof(struct hv_tsc_page, scale));
	smp_wmb();
	vm->hv.sequence = hv_next_sequence(vm->hv.sequence);
	mem_write(vm, gpa, &vm->hv.sequence, sizeof(vm->hv.sequence));
}

void hv_tsc_moved(struct vm *vm)
{
	if (!(READ_ONCE(vm->hv.on.flags) & VMM_HV_ON_TSC_PAGE))
		return;
	mutex_lock(&vm->hv.lock);
	hv_tsc_page_write(vm);
	mutex_unlock(&vm->hv.lock);
}

/* ---- calls -------------------------------------------------------------------------- */

#define HV_FLAGS	VMM_HV_REF_COUNT

long hv_set(struct vm *vm, const struct vmm_hv *req)
{
	if (vm->vcpu_count)
		return -EBUSY;
	if ((req->flags & ~HV_FLAGS) || req->pad)
		return -EINVAL;
	vm->hv.set = *req;
	return 0;
}

#define HV_ON_FLAGS	VMM_HV_ON_TSC_PAGE

long hv_set_state(struct vm *vm, const struct vmm_hv_state *req)
{
	if ((req->flags & ~HV_ON_FLAGS) || req->pad || !IS_ALIGNED(req->tsc_page, PAGE_SIZE))
		return -EINVAL;
	if (req->tsc_page && !(req->flags & VMM_HV_ON_TSC_PAGE))
		return -EINVAL;
	mutex_lock(&vm->hv.lock);
	vm->hv.on = *req;
	hv_tsc_page_write(vm);
	mutex_unlock(&vm->hv.lock);
	return 0;
}

/* ---- MSRs --------------------------------------------------------------------------- */

static u64 hv_ref_count(struct vcpu *vcpu)
{
	u64 scale = vcpu->vm->hv.set.scale;

	if (!scale)
		return div_u64(clock_vm_ns(vcpu->vm), 100);
	return mul_u64_u64_shr(clock_guest_tsc(vcpu) - vcpu->tsc_offset, scale, 64);
}

int hv_msr_read(struct vcpu *vcpu, u32 index, u64 *value)
{
	u32 flags = vcpu->vm->hv.set.flags;

	switch (index) {
	case HV_MSR_TIME_REF_COUNT:
		if (!(flags & VMM_HV_REF_COUNT))
			return -ENOENT;
		*value = hv_ref_count(vcpu);
		return 0;
	}
	return -ENOENT;
}

int hv_msr_write(struct vcpu *vcpu, u32 index, u64 value)
{
	return -ENOENT;
}
