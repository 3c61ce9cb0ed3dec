/* SPDX-License-Identifier: GPL-2.0 */
/* A vCPU that waits: in HLT, or for SIPI. See halt.c. */
#ifndef KMOD_HALT_H
#define KMOD_HALT_H

#include "vmm.h"

/* Wait until something happens to this vCPU. 0 or -EINTR. Own thread. */
int halt_wait(struct vcpu *vcpu);

#endif
