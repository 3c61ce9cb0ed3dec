// SPDX-License-Identifier: GPL-2.0
/*
 * KVM's EOI without an exit. While the EOI that the guest owes its local APIC
 * concerns nobody else, a flag in its memory is set; a guest that clears it has
 * done its EOI, and one that finds it clear writes the register.
 *
 * The flag is offered for one entry only. After that it is taken back, and the
 * EOI done if the guest took the offer, before anybody looks at the APIC.
 */
#include <linux/kernel.h>
#include <uapi/linux/kvm_para.h>

#include "lapic.h"
#include "mem.h"
#include "pv.h"

void pv_eoi_offer(struct vcpu *vcpu)
{
	u32 flag = KVM_PV_EOI_ENABLED;

	if (!lapic_eoi_is_silent(vcpu))
		return;
	vcpu->pv.eoi_offered = !mem_write(vcpu->vm, vcpu->pv.gpa[VMM_PV_EOI], &flag, sizeof(flag));
}

/*
 * It is a vCPU's own, but others can write it. They may make this one lose or
 * repeat an EOI, as they could with its registers.
 */
void pv_eoi_take_back(struct vcpu *vcpu)
{
	gpa_t gpa = vcpu->pv.gpa[VMM_PV_EOI];
	u32 flag, clear = 0;

	vcpu->pv.eoi_offered = false;
	/* Where the page is gone nobody has cleared it. */
	if (mem_read(vcpu->vm, gpa, &flag, sizeof(flag)))
		return;
	if (flag & KVM_PV_EOI_ENABLED)
		mem_write(vcpu->vm, gpa, &clear, sizeof(clear));
	else
		lapic_eoi_do(vcpu);
}
