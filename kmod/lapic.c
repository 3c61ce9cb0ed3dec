// SPDX-License-Identifier: GPL-2.0
/*
 * Making and unmaking the local APIC of a vCPU. What it does is in
 * lapic_irq.c (interrupts pending and in service), lapic_reg.c (registers),
 * lapic_ipi.c (messages), lapic_timer.c and lapic_state.c (saved state), all
 * of it held up by the rules in lapic_logic.c.
 *
 * Owns struct lapic; its fields say what guards them.
 *
 * Left out, everywhere: CMCI, remote reads, focus processors, SMI.
 */
#include <linux/gfp.h>
#include <linux/slab.h>

#include "lapic_internal.h"

/* EAX to EDX of @leaf as the VM's table has them, else zero. */
static void cpuid_find(struct vm *vm, u32 leaf, struct vmm_cpuid_entry *found)
{
	u32 i;

	memset(found, 0, sizeof(*found));
	for (i = 0; i < vm->cpuid_count; i++) {
		if (vm->cpuid[i].leaf == leaf) {
			*found = vm->cpuid[i];
			return;
		}
	}
}

static void lapic_features(struct lapic *apic)
{
	struct vmm_cpuid_entry leaf;

	cpuid_find(apic->vcpu->vm, 1, &leaf);
	apic->has_x2apic = leaf.ecx & BIT(21);
	apic->has_tsc_deadline = leaf.ecx & BIT(24);
	cpuid_find(apic->vcpu->vm, 0x80000008, &leaf);
	apic->phys_bits = leaf.eax & 0xff ? clamp_t(u32, leaf.eax & 0xff, 32, 52) : 36;
}

int lapic_create(struct vcpu *vcpu)
{
	struct lapic *apic = kzalloc(sizeof(*apic), GFP_KERNEL_ACCOUNT);

	if (!apic)
		return -ENOMEM;
	apic->reg = (u32 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!apic->reg) {
		kfree(apic);
		return -ENOMEM;
	}
	apic->vcpu = vcpu;
	raw_spin_lock_init(&apic->lock);
	lapic_features(apic);
	lapic_timer_create(apic);
	vcpu->apic = apic;
	lapic_reset(vcpu, false);
	return 0;
}

void lapic_destroy(struct vcpu *vcpu)
{
	struct lapic *apic = vcpu->apic;

	vcpu->apic = NULL;
	lapic_timer_destroy(apic);
	free_page((unsigned long)apic->reg);
	kfree(apic);
}
