// SPDX-License-Identifier: GPL-2.0
/*
 * CR4 writes, so that only offered bits are ever set, and CR8, which is the
 * local APIC's TPR. CR0 and CR3 are the guest's own.
 */
#include <linux/kernel.h>
#include <linux/percpu.h>
#include <asm/processor-flags.h>
#include <asm/msr-index.h>
#include <asm/trapnr.h>

#include "cr.h"
#include "event.h"
#include "hw.h"
#include "insn.h"
#include "lapic.h"
#include "run.h"
#include "state.h"

#define CR4_FLUSHES (X86_CR4_PGE | X86_CR4_PSE | X86_CR4_PAE | X86_CR4_PCIDE | X86_CR4_SMEP | \
		     X86_CR4_SMAP | X86_CR4_PKE | X86_CR4_LA57)

/* -EINVAL: #GP. "Control Registers", and MOV's own list of exceptions. */
static int cr4_write(struct vcpu *vcpu, u64 value)
{
	struct vmm_sregs sregs;
	u64 changed;

	hw->sregs_get(vcpu, &sregs);
	changed = sregs.cr4 ^ value;
	if (state_check_controls(sregs.cr0, sregs.cr3 & GENMASK_ULL(51, 0), value, sregs.efer))
		return -EINVAL;
	if ((sregs.efer & EFER_LMA) && (changed & X86_CR4_LA57))
		return -EINVAL;
	if ((changed & value & X86_CR4_PCIDE) && (sregs.cr3 & 0xfff))
		return -EINVAL;
	sregs.cr4 = value;
	hw->sregs_set(vcpu, &sregs);
	if (changed & CR4_FLUSHES)
		hw->flush(vcpu);
	return 0;
}

static int cr8_write(struct vcpu *vcpu, u64 value)
{
	if (value > 15)
		return -EINVAL;
	lapic_cr8_set(vcpu, value);
	return 0;
}

int cr_access(struct vcpu *vcpu)
{
	struct decode_insn insn;
	u64 *gpr, value;
	int ret, cr;

	ret = insn_fetch(vcpu, &insn);
	if (ret == -EAGAIN)
		return RUN_GUEST;
	if (ret < 0 || insn.map != DECODE_0F || (insn.opcode & 0xfd) != 0x20)
		return ret == RUN_USER ? ret : event_exception(vcpu, X86_TRAP_UD);
	gpr = &vcpu->gprs.r[insn.rm];
	/* "MOV CRn": LOCK before MOV CR0 is AMD's way to name CR8. */
	cr = insn.lock && insn.reg == 0 ? 8 : insn.reg;
	value = insn_code_size(vcpu) == 8 ? *gpr : (u32)*gpr;
	if (insn.opcode == 0x20) {
		if (cr != 8)
			return run_crash(vcpu, VMM_CRASH_UNKNOWN_EXIT, cr, "read of CR%d", cr);
		*gpr = lapic_cr8(vcpu);
	} else if (cr == 4 ? cr4_write(vcpu, value) : cr == 8 ? cr8_write(vcpu, value) : -EINVAL) {
		return event_exception_error(vcpu, X86_TRAP_GP, 0);
	}
	vcpu->exit.insn_len = insn.length;
	return insn_skip(vcpu);
}
