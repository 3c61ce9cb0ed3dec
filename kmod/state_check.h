/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What state a CPU can be given: rules by name. Pure code over the structures
 * of the interface; each function returns the first broken rule, or NULL.
 */
#ifndef KMOD_STATE_CHECK_H
#define KMOD_STATE_CHECK_H

#include "base.h"
#include "uapi/vmm.h"

/* What this host's CPU offers a guest. */
struct state_limits {
	u64 cr4, efer;			/* bits that may be set */
	u32 phys_bits, linear_bits;
};

/*
 * Control registers that fit together: "Checks on Guest Control Registers" and
 * AMD's "Canonicalization and Consistency Checks".
 */
const char *state_check_controls(const struct state_limits *limits, u64 cr0, u64 cr3, u64 cr4,
				 u64 efer);

/* What every CPU refuses, whatever the other groups say: for state from outside. */
const char *state_check_sregs(const struct state_limits *limits, const struct vmm_sregs *sregs);
const char *state_check_gprs(const struct state_limits *limits, const struct vmm_gprs *gprs);
const char *state_check_events(const struct vmm_events *ev);
const char *state_check_dregs(const struct vmm_dregs *dregs);

/*
 * All that VT-x checks at an entry with unrestricted guest: "Checks on the
 * Guest State Area", in its order, then "VM-Entry Interruption-Information".
 */
const char *state_check_entry(const struct state_limits *limits, const struct vmm_sregs *sregs,
			      const struct vmm_gprs *gprs, const struct vmm_events *ev);

#endif
