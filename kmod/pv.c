// SPDX-License-Identifier: GPL-2.0
/*
 * The module's part of KVM's paravirtual interface: what is hot, and what only
 * the kernel knows. Which of it a guest gets, and all the rest, is up to user
 * space.
 *
 * The pages are the guest's own memory, which it may unmap, move or hand out
 * twice at any time. They are written by guest-physical address, through the
 * slots, each time anew; a write that cannot be done is dropped.
 *
 * See also pv_eoi.c and pv_steal.c.
 *
 * The clock's page ties the VM's virtual time to the TSC: time is what the TSC
 * has counted since it was 0, at a rate that user space has worked out. So the
 * line is the same for the VM's whole life, through pauses and warps, and
 * needs to be told anew only when the guest moves a TSC.
 */
#include <linux/kernel.h>
#include <linux/percpu.h>
#include <asm/processor-flags.h>
#include <asm/pvclock-abi.h>
#include <uapi/linux/kvm_para.h>

#include "hw.h"
#include "insn.h"
#include "lapic.h"
#include "mem.h"
#include "pv.h"
#include "vcpu.h"
#include "yield.h"

/* ---- calls ------------------------------------------------------------------------ */

#define PV_CALLS	(VMM_PV_KICK | VMM_PV_SEND_IPI | VMM_PV_YIELD)
#define PV_FLAGS	(VMM_PV_HYPERCALLS | VMM_PV_CLOCK_STABLE | PV_CALLS)

long pv_set(struct vm *vm, const struct vmm_pv *req)
{
	if (vm->vcpu_count)
		return -EBUSY;
	if ((req->flags & ~PV_FLAGS) || req->pad)
		return -EINVAL;
	if ((req->flags & PV_CALLS) && !(req->flags & VMM_PV_HYPERCALLS))
		return -EINVAL;
	if (req->tsc_shift < -31 || req->tsc_shift > 31)
		return -EINVAL;
	if (req->tsc_mul ? !(req->tsc_mul >> 31) : req->tsc_shift)
		return -EINVAL;
	vm->pv = *req;
	return 0;
}

static const u8 pv_alignment[VMM_PV_PAGE_COUNT] = {
	[VMM_PV_CLOCK] = 4,
	[VMM_PV_STEAL_TIME] = 64,
	[VMM_PV_EOI] = 4,
	[VMM_PV_HALT_POLL] = 1,
};

static bool pv_is_possible(struct vcpu *vcpu, u32 what, gpa_t gpa)
{
	switch (what) {
	case VMM_PV_CLOCK:
		return vcpu->vm->pv.tsc_mul;
	case VMM_PV_STEAL_TIME:
		return hw_info.features & VMM_FEATURE_STEAL_TIME;
	case VMM_PV_EOI:
		/* A CPU that does EOIs by itself would not see the guest's. */
		return !(hw_info.features & VMM_FEATURE_VIRTUAL_INTR);
	case VMM_PV_HALT_POLL:
		return !gpa;
	}
	return true;
}

long pv_vcpu_set(struct vcpu *vcpu, const struct vmm_vcpu_pv *req)
{
	struct vcpu_pv *pv = &vcpu->pv;

	if (req->what >= VMM_PV_PAGE_COUNT || (req->flags & ~VMM_PV_ENABLED))
		return -EINVAL;
	if (!IS_ALIGNED(req->gpa, pv_alignment[req->what]) ||
	    !pv_is_possible(vcpu, req->what, req->gpa))
		return -EINVAL;
	pv->gpa[req->what] = req->gpa;
	if (!req->flags) {
		pv->enabled &= ~BIT(req->what);
		return 0;
	}
	pv->enabled |= BIT(req->what);
	if (req->what == VMM_PV_CLOCK)
		pv_clock_changed(vcpu);
	if (req->what == VMM_PV_STEAL_TIME)
		pv_steal_begin(vcpu);
	return 0;
}

long pv_vcpu_get(struct vcpu *vcpu, struct vmm_vcpu_pv *req)
{
	if (req->what >= VMM_PV_PAGE_COUNT || req->flags || req->gpa)
		return -EINVAL;
	req->gpa = vcpu->pv.gpa[req->what];
	req->flags = pv_has(vcpu, req->what) ? VMM_PV_ENABLED : 0;
	return 0;
}

void pv_reset(struct vcpu *vcpu)
{
	memset(&vcpu->pv, 0, sizeof(vcpu->pv));
	vcpu->pv.enabled = BIT(VMM_PV_HALT_POLL);
}

/* ---- hypercalls ------------------------------------------------------------------- */

bool pv_is_hypercall(const struct decode_insn *insn)
{
	return insn->map == DECODE_0F && insn->opcode == 0x01 && !insn->lock &&
	       (insn->modrm == 0xc1 || insn->modrm == 0xd9);
}

static struct vcpu *pv_by_apic_id(struct vm *vm, u64 id)
{
	return id < VMM_MAX_VCPUS ? smp_load_acquire(&vm->by_apic_id[id]) : NULL;
}

/* 5: flags, of which there are none, and an APIC ID. */
static s64 pv_call_kick(struct vcpu *vcpu, const u64 *arg)
{
	struct vcpu *other = pv_by_apic_id(vcpu->vm, arg[1]);

	if (other)
		vcpu_request(other, VCPU_REQ_UNHALT);
	return 0;
}

/* 10: two words of a bitmap of APIC IDs, that of the first bit, the lower half of ICR. */
static s64 pv_call_send_ipi(struct vcpu *vcpu, const u64 *arg)
{
	return lapic_send_set(vcpu->vm, arg[3], arg[2], arg);
}

/* 11: an APIC ID. */
static s64 pv_call_yield(struct vcpu *vcpu, const u64 *arg)
{
	struct vcpu *other = pv_by_apic_id(vcpu->vm, arg[0]);

	if (other && other != vcpu)
		yield_to_preempted_one(vcpu, other);
	return 0;
}

struct pv_call {
	u32 number, flag;
	s64 (*call)(struct vcpu *vcpu, const u64 *arg);
};

static const struct pv_call pv_calls[] = {
	{ KVM_HC_KICK_CPU, VMM_PV_KICK, pv_call_kick },
	{ KVM_HC_SEND_IPI, VMM_PV_SEND_IPI, pv_call_send_ipi },
	{ KVM_HC_SCHED_YIELD, VMM_PV_YIELD, pv_call_yield },
};

static const struct pv_call *pv_call_find(struct vcpu *vcpu, u64 number)
{
	const struct pv_call *call;

	for (call = pv_calls; call < pv_calls + ARRAY_SIZE(pv_calls); call++) {
		if (call->number == number && (vcpu->vm->pv.flags & call->flag))
			return call;
	}
	return NULL;
}

bool pv_hypercall(struct vcpu *vcpu)
{
	bool wide = insn_code_size(vcpu) == 8;
	u64 *r = vcpu->gprs.r, mask = wide ? ~0ULL : U32_MAX;
	const struct pv_call *call = pv_call_find(vcpu, r[VMM_RAX] & mask);
	u64 arg[4] = { r[VMM_RBX] & mask, r[VMM_RCX] & mask, r[VMM_RDX] & mask, r[VMM_RSI] & mask };

	if (!call || insn_cpl(vcpu))
		return false;
	/* The words of a bitmap are as wide as registers are. */
	if (!wide && call->number == KVM_HC_SEND_IPI) {
		arg[0] |= arg[1] << 32;
		arg[1] = 0;
	}
	r[VMM_RAX] = call->call(vcpu, arg) & mask;
	return true;
}

void pv_take_kick(struct vcpu *vcpu)
{
	if (vcpu_take_request(vcpu, VCPU_REQ_UNHALT))
		vcpu->events.kicked = 1;
}

/*
 * Of several that halt at once, each has said so before it looks at the
 * others, so the last finds that it is. Their flags may be read out of date;
 * who is told of the halt looks again, while nothing runs.
 */
bool pv_may_be_kicked(struct vcpu *vcpu)
{
	struct vcpu *other;
	u32 i;

	if (!(vcpu->vm->pv.flags & VMM_PV_KICK))
		return false;
	smp_mb();
	vm_for_each_vcpu(i, other, vcpu->vm) {
		u8 state = READ_ONCE(other->events.run_state);

		if (other == vcpu)
			continue;
		if (state == VMM_STATE_RUNNING)
			return true;
		if (state == VMM_STATE_HALTED &&
		    (READ_ONCE(other->gprs.rflags) & X86_EFLAGS_IF))
			return true;
	}
	return false;
}

/* ---- the clock -------------------------------------------------------------------- */

/* A guest that finds the flag trusts that no CPU is behind another. */
static bool pv_tscs_agree(struct vm *vm)
{
	struct vcpu *vcpu;
	u32 i;

	vm_for_each_vcpu(i, vcpu, vm) {
		if (READ_ONCE(vcpu->tsc_offset) != READ_ONCE(vm->vcpu[0]->tsc_offset))
			return false;
	}
	return true;
}

void pv_clock_changed(struct vcpu *vcpu)
{
	const struct vmm_pv *set = &vcpu->vm->pv;
	struct pvclock_vcpu_time_info info = {
		.tsc_timestamp = vcpu->tsc_offset,
		.tsc_to_system_mul = set->tsc_mul,
		.tsc_shift = set->tsc_shift,
	};
	gpa_t gpa = vcpu->pv.gpa[VMM_PV_CLOCK];
	u32 *version = &vcpu->pv.clock_version;

	if (!pv_has(vcpu, VMM_PV_CLOCK))
		return;
	if ((set->flags & VMM_PV_CLOCK_STABLE) && pv_tscs_agree(vcpu->vm))
		info.flags = PVCLOCK_TSC_STABLE_BIT;
	/* Odd while the rest changes. */
	info.version = ++*version;
	if (mem_write(vcpu->vm, gpa, &info.version, sizeof(info.version)))
		return;
	smp_wmb();
	mem_write(vcpu->vm, gpa, &info, sizeof(info));
	smp_wmb();
	info.version = ++*version;
	mem_write(vcpu->vm, gpa, &info.version, sizeof(info.version));
}

void pv_tsc_moved(struct vcpu *vcpu)
{
	struct vcpu *other;
	u32 i;

	if (!vcpu->vm->pv.tsc_mul)
		return;
	vm_for_each_vcpu(i, other, vcpu->vm)
		vcpu_request(other, VCPU_REQ_CLOCK);
}
