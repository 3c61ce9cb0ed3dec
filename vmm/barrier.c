// SPDX-License-Identifier: GPL-2.0
/*
 * What each barrier is called and is good for. Which of them run is the
 * host's choice: struct vmm_info.barriers.
 */
#include "vmm/barrier.h"

const struct barrier barriers[] = {
	{ VMM_BARRIER_VERW, "verw", "entry", "MDS, TAA, RFDS, TSA" },
	{ VMM_BARRIER_DIVIDER, "divider", "entry", "DIV0" },
	{ VMM_BARRIER_L1D, "l1d-flush-always", NULL, "L1TF" },
	{ VMM_BARRIER_L1D_COND, "l1d-flush", NULL, "L1TF" },
	{ VMM_BARRIER_L1D_READS, "l1d-by-reading", NULL, "L1TF without microcode" },
	{ VMM_BARRIER_RSB, "rsb", "exit", "Spectre v2" },
	{ VMM_BARRIER_RSB_ONE, "rsb-one", "exit", "PBRSB" },
	{ VMM_BARRIER_IBRS, "ibrs", "exit", "Spectre v2, Retbleed" },
	{ VMM_BARRIER_BHB, "bhb", "exit", "BHI" },
	{ VMM_BARRIER_UNTRAIN, "untrain", "exit", "Retbleed, SRSO" },
	{ VMM_BARRIER_IBPB_EXIT, "ibpb-exit", "exit", "Retbleed, SRSO, VMSCAPE" },
	{ VMM_BARRIER_IBPB_VCPU, "ibpb-vcpu", NULL, "Spectre v2" },
	{ VMM_BARRIER_IBPB_USER, "ibpb-user", NULL, "VMSCAPE" },
	{ VMM_BARRIER_BP_REDUCE, "bp-reduce", NULL, "SRSO" },
	{ VMM_BARRIER_NX_LARGE, "nx-large", NULL, "iTLB multihit" },
	{ 0 }
};
