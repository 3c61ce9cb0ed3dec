/* SPDX-License-Identifier: GPL-2.0 */
/* What is done about each exit. */
#ifndef KMOD_EXIT_H
#define KMOD_EXIT_H

#include "vmm.h"

/* Handle vcpu->exit: RUN_GUEST, RUN_USER, or -errno. */
int exit_handle(struct vcpu *vcpu);

/*
 * The same at once, interrupts off and the guest's FPU state still loaded, for
 * exits that neither sleep nor touch user memory. RUN_SLOW: not one of them.
 */
int exit_handle_quick(struct vcpu *vcpu);

#endif
