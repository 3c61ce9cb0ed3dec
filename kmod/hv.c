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
#include "hw.h"
#include "lapic.h"
#include "mem.h"
#include "shared/gim/hyperv_timer.h"
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

#define HV_CALL_FLAGS	(VMM_HV_FLUSH | VMM_HV_SEND_IPI | VMM_HV_EX_MASKS | VMM_HV_LONG_SPIN)
#define HV_FLAGS	(VMM_HV_REF_COUNT | VMM_HV_APIC | VMM_HV_IDLE | HV_CALL_FLAGS | \
			 VMM_HV_TSC_INVARIANT | VMM_HV_DIRECT_TIMERS)

long hv_set(struct vm *vm, const struct vmm_hv *req)
{
	if (vm->vcpu_count)
		return -EBUSY;
	if ((req->flags & ~HV_FLAGS) || req->pad)
		return -EINVAL;
	if ((req->flags & HV_CALL_FLAGS) && !(vm->pv.flags & VMM_PV_HYPERCALLS))
		return -EINVAL;
	vm->hv.set = *req;
	return 0;
}

#define HV_ON_FLAGS	(VMM_HV_ON_TSC_PAGE | VMM_HV_ON_CALLS | VMM_HV_ON_TSC_INVARIANT)

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

long hv_vcpu_set(struct vcpu *vcpu, const struct vmm_hv_vcpu *req)
{
	bool any = req->auto_eoi[0] || req->auto_eoi[1] || req->auto_eoi[2] || req->auto_eoi[3];

	if (any && (hw_info.features & VMM_FEATURE_VIRTUAL_INTR))
		return -EINVAL;
	memcpy(vcpu->auto_eoi, req->auto_eoi, sizeof(vcpu->auto_eoi));
	vcpu->auto_eoi_any = any;
	return 0;
}

/* ---- reference time ----------------------------------------------------------------- */

u64 hv_ref_count(struct vm *vm)
{
	u64 scale = vm->hv.set.scale;

	if (!scale)
		return div_u64(clock_vm_ns(vm), 100);
	return mul_u64_u64_shr(clock_vm_tsc(vm), scale, 64);
}

static u64 hv_ns_of_ref(u64 time)
{
	return time > U64_MAX / 100 ? U64_MAX : time * 100;
}

bool hv_host_of_ref(struct vm *vm, u64 time, ktime_t *host)
{
	u64 scale = vm->hv.set.scale;

	if (!scale)
		return clock_host_of_vm_ns(vm, hv_ns_of_ref(time), host);
	return clock_host_of_vm_tsc(vm, hyperv_ticks(time, scale), host);
}

bool hv_host_tsc_of_ref(struct vm *vm, u64 time, u64 *host)
{
	u64 scale = vm->hv.set.scale;

	if (!scale)
		return clock_host_tsc_of_vm_ns(vm, hv_ns_of_ref(time), host);
	return clock_host_tsc_of_vm_tsc(vm, hyperv_ticks(time, scale), host);
}

/* ---- MSRs --------------------------------------------------------------------------- */

static int hv_ref_count_read(struct vcpu *vcpu, u32 index, u64 *value)
{
	*value = hv_ref_count(vcpu->vm);
	return 0;
}

static int hv_icr_read(struct vcpu *vcpu, u32 index, u64 *value)
{
	return lapic_mode_read(vcpu, LAPIC_MODE_ICR, value);
}

static int hv_tpr_read(struct vcpu *vcpu, u32 index, u64 *value)
{
	return lapic_mode_read(vcpu, LAPIC_MODE_TPR, value);
}

/* The guest goes on behind it once an interrupt has come. */
static int hv_idle_read(struct vcpu *vcpu, u32 index, u64 *value)
{
	vcpu->events.run_state = VMM_STATE_IDLE;
	*value = 0;
	return 0;
}

static int hv_eoi_write(struct vcpu *vcpu, u32 index, u64 value)
{
	lapic_eoi_do(vcpu);
	return 0;
}

static int hv_icr_write(struct vcpu *vcpu, u32 index, u64 value)
{
	return lapic_mode_write(vcpu, LAPIC_MODE_ICR, value);
}

static int hv_tpr_write(struct vcpu *vcpu, u32 index, u64 value)
{
	return lapic_mode_write(vcpu, LAPIC_MODE_TPR, value);
}

struct hv_msr {
	u32 first, last, flag;
	int (*read)(struct vcpu *vcpu, u32 index, u64 *value);	/* NULL: #GP */
	int (*write)(struct vcpu *vcpu, u32 index, u64 value);
};

/* The busiest first. */
static const struct hv_msr hv_msrs[] = {
	{ HV_MSR_EOI, HV_MSR_EOI, VMM_HV_APIC, NULL, hv_eoi_write },
	{ HV_MSR_STIMER0_CONFIG, HV_MSR_STIMER3_COUNT, VMM_HV_DIRECT_TIMERS, hv_timer_read,
	  hv_timer_write },
	{ HV_MSR_TIME_REF_COUNT, HV_MSR_TIME_REF_COUNT, VMM_HV_REF_COUNT, hv_ref_count_read, NULL },
	{ HV_MSR_ICR, HV_MSR_ICR, VMM_HV_APIC, hv_icr_read, hv_icr_write },
	{ HV_MSR_TPR, HV_MSR_TPR, VMM_HV_APIC, hv_tpr_read, hv_tpr_write },
	{ HV_MSR_GUEST_IDLE, HV_MSR_GUEST_IDLE, VMM_HV_IDLE, hv_idle_read, NULL },
};

static const struct hv_msr *hv_msr_find(struct vcpu *vcpu, u32 index)
{
	const struct hv_msr *msr;

	for (msr = hv_msrs; msr < hv_msrs + ARRAY_SIZE(hv_msrs); msr++) {
		if (index >= msr->first && index <= msr->last &&
		    (vcpu->vm->hv.set.flags & msr->flag))
			return msr;
	}
	return NULL;
}

int hv_msr_read(struct vcpu *vcpu, u32 index, u64 *value)
{
	const struct hv_msr *msr = hv_msr_find(vcpu, index);

	if (!msr)
		return -ENOENT;
	return msr->read ? msr->read(vcpu, index, value) : -EINVAL;
}

int hv_msr_write(struct vcpu *vcpu, u32 index, u64 value)
{
	const struct hv_msr *msr = hv_msr_find(vcpu, index);

	if (!msr)
		return -ENOENT;
	return msr->write ? msr->write(vcpu, index, value) : -EINVAL;
}
