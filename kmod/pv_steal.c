// SPDX-License-Identifier: GPL-2.0
/*
 * KVM's page of stolen time: how long the vCPU's thread has waited for a CPU,
 * and whether it does so now.
 *
 * "Preempted" is set as the scheduler takes the CPU, while the vCPU would go
 * on, and cleared before its next entry. Another vCPU that finds it set may ask,
 * in the same byte, for a flush of the TLB instead of sending an interrupt. It
 * does not wait for that; so the mark is left out in the middle of an
 * instruction that is being emulated, which may hold on to a translation.
 *
 * The mark is a hint. It is set from the scheduler, which can wait for nothing:
 * a page that is not at hand then goes without.
 */
#include <linux/kernel.h>
#include <linux/sched.h>
#include <uapi/linux/kvm_para.h>

#include "compat.h"
#include "hw.h"
#include "mem.h"
#include "pv.h"
#include "shared/tm/scale.h"

void pv_steal_begin(struct vcpu *vcpu)
{
	vcpu->pv.thread = current;
	vcpu->pv.run_delay = compat_run_delay();
	set_bit(VCPU_REQ_STEAL, &vcpu->requests);
}

void pv_run_begin(struct vcpu *vcpu)
{
	struct vcpu_pv *pv = &vcpu->pv;

	if (pv->thread != current) {
		pv->thread = current;
		pv->run_delay = compat_run_delay();
	}
	if (pv_has(vcpu, VMM_PV_STEAL_TIME) && pv->run_delay != compat_run_delay())
		set_bit(VCPU_REQ_STEAL, &vcpu->requests);
}

void pv_sched_out(struct vcpu *vcpu)
{
	gpa_t gpa = vcpu->pv.gpa[VMM_PV_STEAL_TIME];

	if (!pv_has(vcpu, VMM_PV_STEAL_TIME) || !task_is_running(current) || !vcpu->at_boundary)
		return;
	mem_try_write_u8(vcpu->vm, gpa + offsetof(struct kvm_steal_time, preempted),
			 KVM_VCPU_PREEMPTED);
}

void pv_sched_in(struct vcpu *vcpu)
{
	if (pv_has(vcpu, VMM_PV_STEAL_TIME))
		set_bit(VCPU_REQ_STEAL, &vcpu->requests);
}

/* Clear the byte, and do what was asked for in it. */
static void pv_preempted_end(struct vcpu *vcpu, gpa_t gpa)
{
	u32 word;
	int err;

	gpa += offsetof(struct kvm_steal_time, preempted);
	do {
		if (mem_read(vcpu->vm, gpa, &word, sizeof(word)) || !(word & 0xff))
			return;
		err = mem_cmpxchg(vcpu->vm, gpa, word, word & ~0xffU, sizeof(word));
		/* Other vCPUs may write it for ever: then a signal ends this. */
	} while (err == -EAGAIN && !signal_pending(current));
	if (err || (word & KVM_VCPU_FLUSH_TLB))
		hw->flush(vcpu);
}

void pv_steal_update(struct vcpu *vcpu)
{
	gpa_t gpa = vcpu->pv.gpa[VMM_PV_STEAL_TIME];
	u64 delay = compat_run_delay(), waited = delay - vcpu->pv.run_delay;
	struct kvm_steal_time page;
	struct vm *vm = vcpu->vm;

	vcpu->pv.run_delay = delay;
	if (!pv_has(vcpu, VMM_PV_STEAL_TIME))
		return;
	pv_preempted_end(vcpu, gpa);
	if (mem_read(vm, gpa, &page, offsetof(struct kvm_steal_time, preempted)))
		return;
	/* Odd while the rest changes; at first it may be anything. */
	page.version += 1 + (page.version & 1);
	gpa += offsetof(struct kvm_steal_time, version);
	if (mem_write(vm, gpa, &page.version, sizeof(page.version)))
		return;
	smp_wmb();
	/* The guest holds it against its own time. */
	page.steal += tm_scale(waited, READ_ONCE(vm->clock.set.ns_ratio));
	mem_write(vm, vcpu->pv.gpa[VMM_PV_STEAL_TIME], &page.steal, sizeof(page.steal));
	smp_wmb();
	page.version++;
	mem_write(vm, gpa, &page.version, sizeof(page.version));
}
