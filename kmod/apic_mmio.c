// SPDX-License-Identifier: GPL-2.0
#include "apic_mmio.h"
#include "insn.h"
#include "lapic.h"
#include "run.h"
#include "vcpu.h"

int apic_mmio(struct vcpu *vcpu, u32 offset)
{
	struct decode_insn insn;
	struct decode_mov mov;
	u64 *gpr;
	int ret;

	vcpu_count(vcpu, VMM_STAT_APIC);
	ret = insn_fetch(vcpu, &insn);
	if (ret == -EAGAIN)
		return RUN_GUEST;
	if (ret != RUN_GUEST)
		return ret;
	/* Only a fault that the instruction itself made, not its event's delivery. */
	if (vcpu->events.type != VMM_EVENT_NONE)
		return -ENOSYS;
	if (decode_mov(&insn, &mov) || mov.size != 4 || (offset & 3))
		return -ENOSYS;
	if (mov.write != !!(vcpu->exit.fault & VMM_FAULT_WRITE))
		return -ENOSYS;

	gpr = &vcpu->gprs.r[mov.gpr];
	if (mov.write)
		lapic_write(vcpu, offset, mov.immediate ? insn.immediate : *gpr);
	else
		*gpr = lapic_read(vcpu, offset);
	vcpu->exit.insn_len = insn.length;
	return insn_skip(vcpu);
}
