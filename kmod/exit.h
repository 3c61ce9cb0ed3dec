/* SPDX-License-Identifier: GPL-2.0 */
/* What is done about each exit. */
#ifndef KMOD_EXIT_H
#define KMOD_EXIT_H

#include "vmm.h"

/* Handle vcpu->exit: RUN_GUEST, RUN_USER, or -errno. */
int exit_handle(struct vcpu *vcpu);

/*
 * Whether exit_handle() may be called at once, interrupts off and the guest's
 * FPU state still loaded: it neither sleeps nor touches user memory.
 */
bool exit_is_quick(const struct vcpu *vcpu);

#endif
