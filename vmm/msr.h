/* SPDX-License-Identifier: GPL-2.0 */
/* Fixed answers for MSRs that guests of a vendor expect to exist. */
#ifndef VMM_MSR_H
#define VMM_MSR_H

#include "base/base.h"
#include "kmod/uapi/vmm.h"

/* @vendor_ebx is EBX of CPUID leaf 0. NULL and 0: none for this vendor. */
const struct vmm_msr_answer *msr_answers(u32 vendor_ebx, u32 *count);

#endif
