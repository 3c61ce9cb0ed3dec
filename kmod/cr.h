/* SPDX-License-Identifier: GPL-2.0 */
/* Control registers, where their accesses exit. */
#ifndef KMOD_CR_H
#define KMOD_CR_H

#include "vmm.h"

/* MOV CR, CLTS or LMSW that exited. RUN_GUEST or RUN_USER. */
int cr_access(struct vcpu *vcpu);

#endif
