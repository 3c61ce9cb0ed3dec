// SPDX-License-Identifier: GPL-2.0
#include <linux/gfp.h>

#include "apic_mmio.h"
#include "hw.h"
#include "insn.h"
#include "lapic.h"
#include "lapic_logic.h"
#include "mem.h"
#include "npt.h"
#include "run.h"
#include "vcpu.h"

/* ---- the page in its place -------------------------------------------------------- */

#define APIC_GFN	(APIC_DEFAULT_BASE >> PAGE_SHIFT)

int apic_page_create(struct vm *vm)
{
	if (!(hw_info.features & VMM_FEATURE_TPR_SHADOW))
		return 0;
	vm->apic_page = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	return vm->apic_page ? 0 : -ENOMEM;
}

/* Nothing maps it any more. */
void apic_page_destroy(struct vm *vm)
{
	free_page((unsigned long)vm->apic_page);
}

static bool apic_page_allowed(struct vm *vm)
{
	struct vcpu *vcpu;
	u32 i;

	vm_for_each_vcpu(i, vcpu, vm) {
		u64 base = READ_ONCE(vcpu->apic_base);

		if (lapic_mode_of(base) != LAPIC_XAPIC || base >> PAGE_SHIFT != APIC_GFN)
			return false;
	}
	return true;
}

/* It stays mapped but for slots that are put over it; who does that has the exits back. */
void apic_page_map(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;

	if (!vm->apic_page || READ_ONCE(vm->apic_page_mapped) || !apic_page_allowed(vm) ||
	    npt_prepare(vcpu))
		return;
	spin_lock(&vm->mmu_lock);
	if (apic_page_allowed(vm)) {
		npt_map(vcpu, APIC_GFN, __pa(vm->apic_page) >> PAGE_SHIFT, NPT_4K, NPT_WRITE);
		vm->apic_page_mapped = true;
	}
	mem_unlock(vm);
}

void apic_page_check(struct vm *vm)
{
	if (!vm->apic_page || apic_page_allowed(vm))
		return;
	spin_lock(&vm->mmu_lock);
	if (vm->apic_page_mapped && npt_zap(vm, APIC_GFN, APIC_GFN + 1))
		npt_flush(vm);
	vm->apic_page_mapped = false;
	mem_unlock(vm);
}

/* ---- accesses that exit --------------------------------------------------------------- */

int apic_mmio(struct vcpu *vcpu, u32 offset)
{
	struct decode_insn insn;
	struct decode_mov mov;
	u64 *gpr;
	int ret;

	vcpu_count(vcpu, VMM_STAT_APIC);
	ret = insn_fetch_mov(vcpu, &insn, &mov);
	if (ret == -EAGAIN)
		return RUN_GUEST;
	if (ret != RUN_GUEST)
		return ret;
	if (mov.size != 4 || (offset & 3))
		return -ENOSYS;

	gpr = &vcpu->gprs.r[mov.gpr];
	if (mov.write)
		lapic_write(vcpu, offset, mov.immediate ? insn.immediate : *gpr);
	else
		*gpr = lapic_read(vcpu, offset);
	vcpu->exit.insn_len = insn.length;
	return insn_skip(vcpu);
}
