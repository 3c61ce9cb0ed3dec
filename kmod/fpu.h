/* SPDX-License-Identifier: GPL-2.0 */
/*
 * x87, SSE and all that XSAVE knows: the guest's in the registers while RUN
 * runs, the caller's again before it returns.
 */
#ifndef KMOD_FPU_H
#define KMOD_FPU_H

#include <asm/fpu/api.h>

#include "vmm.h"

/* At module load: what this host can offer; fills hw_info. */
int fpu_setup(void);

int fpu_create(struct vcpu *vcpu);
void fpu_destroy(struct vcpu *vcpu);

/* As power-up leaves it: "Processor State After Reset". Own thread, not in RUN. */
void fpu_reset(struct vcpu *vcpu);

/* Guest's registers in, caller's out; and back. Own thread; idempotent. */
void fpu_get(struct vcpu *vcpu);
void fpu_put(struct vcpu *vcpu);

/* Around the entry, interrupts off: registers, XCR0, PKRU. */
void fpu_enter(struct vcpu *vcpu);
void fpu_leave(struct vcpu *vcpu);

/* XSETBV's rules, "XGETBV and XSETBV". */
bool fpu_xcr0_valid(u64 xcr0);

long fpu_get_xsave(struct vcpu *vcpu, const struct vmm_xsave *req);
long fpu_set_xsave(struct vcpu *vcpu, const struct vmm_xsave *req);

#endif
