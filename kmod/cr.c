// SPDX-License-Identifier: GPL-2.0
/*
 * Control registers, where their accesses exit: CR4, so that only offered bits
 * are ever set; CR8, which is the local APIC's TPR; and CR0 on CPUs that want
 * to be told of changes of mode. CR3 is the guest's own.
 */
#include <linux/kernel.h>
#include <linux/percpu.h>
#include <asm/cpufeature.h>
#include <asm/processor-flags.h>
#include <asm/msr-index.h>
#include <asm/trapnr.h>

#include "cr.h"
#include "event.h"
#include "hw.h"
#include "insn.h"
#include "lapic.h"
#include "mem.h"
#include "run.h"
#include "state.h"

#define CR0_DEFINED (X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_ET | X86_CR0_NE | \
		     X86_CR0_WP | X86_CR0_AM | X86_CR0_NW | X86_CR0_CD | X86_CR0_PG)
#define CR0_FLUSHES (X86_CR0_PG | X86_CR0_PE | X86_CR0_WP)
#define CR0_LMSW 0xeULL			/* what LMSW sets and clears; PE it only sets */

#define CR4_FLUSHES (X86_CR4_PGE | X86_CR4_PSE | X86_CR4_PAE | X86_CR4_PCIDE | X86_CR4_SMEP | \
		     X86_CR4_SMAP | X86_CR4_PKE | X86_CR4_LA57)

#define CODE_64BIT BIT(13)		/* CS.L */

/* "PDPTE Registers": loaded, and checked, when PAE paging begins. */
static bool cr_pdptes_valid(struct vcpu *vcpu, u64 cr3)
{
	u64 reserved = GENMASK_ULL(63, boot_cpu_data.x86_phys_bits) | GENMASK_ULL(8, 5) | 6;
	u64 pdpte[4];
	int i;

	if (mem_read(vcpu->vm, cr3 & 0xffffffe0, pdpte, sizeof(pdpte)))
		return true;			/* device memory: nothing is there */
	for (i = 0; i < ARRAY_SIZE(pdpte); i++) {
		if ((pdpte[i] & 1) && (pdpte[i] & reserved))
			return false;
	}
	return true;
}

/* -EINVAL: #GP. "Control Registers", and MOV's own list of exceptions. */
static int cr_set(struct vcpu *vcpu, const struct vmm_sregs *old, struct vmm_sregs *new, bool flush)
{
	bool pae = (new->cr0 & X86_CR0_PG) && (new->cr4 & X86_CR4_PAE) && !(new->efer & EFER_LMA);

	if (state_check_controls(state_limits(), new->cr0, new->cr3 & GENMASK_ULL(51, 0),
				 new->cr4, new->efer))
		return -EINVAL;
	if (pae && (old->cr0 != new->cr0 || old->cr4 != new->cr4) &&
	    !cr_pdptes_valid(vcpu, new->cr3))
		return -EINVAL;
	hw->sregs_set(vcpu, new);
	if (flush)
		hw->flush(vcpu);
	return 0;
}

/* "Initializing IA-32e Mode" and how to leave it: LMA follows PG where LME is set. */
static int cr0_write(struct vcpu *vcpu, u64 value)
{
	struct vmm_sregs old, new;
	u64 changed;

	if (value >> 32)
		return -EINVAL;
	hw->sregs_get(vcpu, &old);
	new = old;
	new.cr0 = (value & CR0_DEFINED) | X86_CR0_ET;
	changed = old.cr0 ^ new.cr0;
	if (changed & X86_CR0_PG) {
		if ((old.efer & EFER_LME) && (old.seg[VMM_CS].attr & CODE_64BIT))
			return -EINVAL;
		if (old.cr4 & X86_CR4_PCIDE)
			return -EINVAL;
		new.efer &= ~(u64)EFER_LMA;
		if ((new.cr0 & X86_CR0_PG) && (new.efer & EFER_LME))
			new.efer |= EFER_LMA;
	}
	return cr_set(vcpu, &old, &new, changed & CR0_FLUSHES);
}

static int cr4_write(struct vcpu *vcpu, u64 value)
{
	struct vmm_sregs old, new;
	u64 changed;

	hw->sregs_get(vcpu, &old);
	new = old;
	new.cr4 = value;
	changed = old.cr4 ^ value;
	if ((old.efer & EFER_LMA) && (changed & X86_CR4_LA57))
		return -EINVAL;
	if ((changed & value & X86_CR4_PCIDE) && (old.cr3 & 0xfff))
		return -EINVAL;
	return cr_set(vcpu, &old, &new, changed & CR4_FLUSHES);
}

static int cr8_write(struct vcpu *vcpu, u64 value)
{
	if (value > 15)
		return -EINVAL;
	lapic_cr8_set(vcpu, value);
	return 0;
}

static int cr_write(struct vcpu *vcpu, int cr, u64 value)
{
	switch (cr) {
	case 0:
		return cr0_write(vcpu, value);
	case 4:
		return cr4_write(vcpu, value);
	case 8:
		return cr8_write(vcpu, value);
	}
	return -EINVAL;
}

static u64 cr0_read(struct vcpu *vcpu)
{
	struct vmm_sregs sregs;

	hw->sregs_get(vcpu, &sregs);
	return sregs.cr0;
}

/* What the CPU did not tell of MOV CR. RUN_GUEST, or as insn_fetch(). */
static int cr_decode(struct vcpu *vcpu)
{
	struct vcpu_exit *exit = &vcpu->exit;
	struct decode_insn insn;
	int ret;

	ret = insn_fetch(vcpu, &insn);
	if (ret != RUN_GUEST)
		return ret;
	if (insn.map != DECODE_0F || (insn.opcode & 0xfd) != 0x20)
		return -ENOSYS;
	/* "MOV CRn": LOCK before MOV CR0 is AMD's way to name CR8. */
	exit->reg = insn.lock && insn.reg == 0 ? 8 : insn.reg;
	exit->gpr = insn.rm;
	exit->insn_len = insn.length;
	exit->access = insn.opcode == 0x20 ? VCPU_ACCESS_READ : VCPU_ACCESS_WRITE;
	return RUN_GUEST;
}

static int cr_execute(struct vcpu *vcpu)
{
	struct vcpu_exit *exit = &vcpu->exit;
	u64 value = vcpu->gprs.r[exit->gpr];

	switch (exit->access) {
	case VCPU_ACCESS_READ:
		if (exit->reg != 8)
			return -ENOENT;
		vcpu->gprs.r[exit->gpr] = lapic_cr8(vcpu);
		return 0;
	case VCPU_ACCESS_WRITE:
		return cr_write(vcpu, exit->reg, insn_code_size(vcpu) == 8 ? value : (u32)value);
	case VCPU_ACCESS_CLTS:
		return cr0_write(vcpu, cr0_read(vcpu) & ~(u64)X86_CR0_TS);
	case VCPU_ACCESS_LMSW:
		return cr0_write(vcpu, (cr0_read(vcpu) & ~CR0_LMSW) |
				 (exit->source & (CR0_LMSW | X86_CR0_PE)));
	}
	return -ENOENT;
}

int cr_access(struct vcpu *vcpu)
{
	struct vcpu_exit *exit = &vcpu->exit;
	int ret = RUN_GUEST;

	if (exit->access == VCPU_ACCESS_UNKNOWN)
		ret = cr_decode(vcpu);
	if (ret != RUN_GUEST)
		return insn_fetch_failed(vcpu, ret);
	ret = cr_execute(vcpu);
	/* Until the vendor says otherwise. */
	exit->access = VCPU_ACCESS_UNKNOWN;
	if (ret == -ENOENT)
		return run_crash(vcpu, VMM_CRASH_UNKNOWN_EXIT, exit->reg, "access to CR%u",
				 exit->reg);
	if (ret)
		return event_exception_error(vcpu, X86_TRAP_GP, 0);
	return insn_skip(vcpu);
}
