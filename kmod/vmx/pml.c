// SPDX-License-Identifier: GPL-2.0
/*
 * VT-x: the log of written pages, "Page-Modification Logging".
 *
 * The CPU notes the address of a page when it sets the dirty bit of its EPT
 * entry. Only entries that npt_track() is asked for lack that bit, so a VM
 * without a dirty log pays nothing. Who owns the log and empties it: dirty.c.
 */
#include "vmx.h"

/* The entry to be written next; it runs down to 0, and then past the log's start. */
static void vmx_pml_rewind(void)
{
	vmcs_write(GUEST_PML_INDEX, DIRTY_LOG_SIZE - 1);
}

void vmx_pml_init(struct vcpu *vcpu)
{
	if (!(vmx_caps.use.cpu2 & SECONDARY_EXEC_ENABLE_PML))
		return;
	vmcs_write(PML_ADDRESS, __pa(vcpu->dirty_log.entry));
	vmx_pml_rewind();
}

/* The write that found no room has not been made: it is tried again at the next entry. */
void vmx_pml_full(struct vcpu *vcpu, struct vcpu_exit *exit)
{
	vmx_pml_rewind();
}
