// SPDX-License-Identifier: GPL-2.0
/*
 * Debug registers. MOV DR exits, save that AMD-V lets a write of DR7 run on the
 * CPU; DR0-DR3 are loaded only while the guest's DR7 arms one, DR6 and DR7
 * travel in the control block.
 */
#include <linux/kernel.h>
#include <linux/percpu.h>
#include <asm/processor-flags.h>

#include "dr.h"
#include "hw.h"

#define DR7_RW_IO	2	/* R/W of DR7 */

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

u64 dr_port_hits(struct vcpu *vcpu, u16 port, unsigned int size)
{
	u64 dr7 = vcpu->dregs.dr7, hits = 0;
	struct vmm_sregs sregs;
	unsigned int i;

	hw->sregs_get(vcpu, &sregs);
	if (!(sregs.cr4 & X86_CR4_DE))
		return 0;
	for (i = 0; i < 4; i++) {
		unsigned int control = dr7 >> (16 + 4 * i) & 15;
		u64 first = vcpu->dregs.dr[i] & ~(u64)(control >> 2);

		if ((dr7 >> (2 * i) & 3) && (control & 3) == DR7_RW_IO &&
		    first < port + size && port <= first + (control >> 2))
			hits |= BIT(i);
	}
	return hits;
}
