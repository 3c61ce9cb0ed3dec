// SPDX-License-Identifier: GPL-2.0
/*
 * Debug registers. MOV DR always exits; DR0-DR3 are loaded only while the
 * guest's DR7 arms one, DR6 and DR7 travel in the control block.
 */
#include <linux/kernel.h>
#include <linux/percpu.h>
#include <asm/processor-flags.h>

#include "dr.h"
#include "hw.h"

void dr_set(struct vcpu *vcpu, const struct vmm_dregs *dregs)
{
	vcpu->dregs = *dregs;
	vcpu->dregs.dr6 = (dregs->dr6 & 0xe00fULL) | 0xffff0ff0ULL;
	vcpu->dregs.dr7 = (dregs->dr7 & 0xffff2fffULL) | 0x400ULL;
	hw->dr7_set(vcpu);
}

void dr_load(struct vcpu *vcpu)
{
	set_debugreg(vcpu->dregs.dr[0], 0);
	set_debugreg(vcpu->dregs.dr[1], 1);
	set_debugreg(vcpu->dregs.dr[2], 2);
	set_debugreg(vcpu->dregs.dr[3], 3);
}

/* "Debug Registers DR4 and DR5": aliases, unless CR4.DE makes them #UD. */
static int dr_alias(struct vcpu *vcpu, unsigned int *n)
{
	struct vmm_sregs sregs;

	if (vcpu->dregs.dr7 & DR7_GENERAL_DETECT)
		return -EACCES;
	if (*n != 4 && *n != 5)
		return 0;
	hw->sregs_get(vcpu, &sregs);
	if (sregs.cr4 & X86_CR4_DE)
		return -ENOENT;
	*n += 2;
	return 0;
}

int dr_read(struct vcpu *vcpu, unsigned int n, u64 *value)
{
	int err = dr_alias(vcpu, &n);

	if (err)
		return err;
	*value = n < 4 ? vcpu->dregs.dr[n] : n == 6 ? vcpu->dregs.dr6 : vcpu->dregs.dr7;
	return 0;
}

int dr_write(struct vcpu *vcpu, unsigned int n, u64 value)
{
	struct vmm_dregs dregs = vcpu->dregs;
	int err = dr_alias(vcpu, &n);

	if (err)
		return err;
	if (n >= 6 && value >> 32)
		return -EINVAL;
	if (n < 4)
		dregs.dr[n] = value;
	else if (n == 6)
		dregs.dr6 = value;
	else
		dregs.dr7 = value;
	dr_set(vcpu, &dregs);
	return 0;
}
