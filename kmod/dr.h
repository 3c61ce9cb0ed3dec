/* SPDX-License-Identifier: GPL-2.0 */
/* Debug registers: the guest's values, and the host's kept whole. */
#ifndef KMOD_DR_H
#define KMOD_DR_H

#include <linux/hw_breakpoint.h>
#include <asm/debugreg.h>

#include "vmm.h"

#define DR6_GENERAL_DETECT	BIT(13)		/* BD */
#define DR7_GENERAL_DETECT	BIT(13)		/* GD */
#define DR7_ARMED		0xff		/* L0 to G3 */

void dr_set(struct vcpu *vcpu, const struct vmm_dregs *dregs);

/* MOV DR. -EINVAL: #GP; -ENOENT: #UD; -EACCES: #DB by DR7.GD. Own thread. */
int dr_read(struct vcpu *vcpu, unsigned int n, u64 *value);
int dr_write(struct vcpu *vcpu, unsigned int n, u64 value);

/* "I/O breakpoints", which a port access that exits does not meet: B0 to B3 of DR6. */
u64 dr_port_hits(struct vcpu *vcpu, u16 port, unsigned int size);

/* Around the entry, interrupts off. */
void dr_load(struct vcpu *vcpu);

static inline void dr_enter(struct vcpu *vcpu)
{
	if (unlikely(vcpu->dregs.dr7 & DR7_ARMED))
		dr_load(vcpu);
}

static inline void dr_leave(struct vcpu *vcpu)
{
	/* The exit has cleared the host's DR7. */
	if (unlikely(hw_breakpoint_active()))
		hw_breakpoint_restore();
}

#endif
