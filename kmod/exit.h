/* SPDX-License-Identifier: GPL-2.0 */
/* What is done about each exit. */
#ifndef KMOD_EXIT_H
#define KMOD_EXIT_H

#include "vmm.h"

/* Handle vcpu->exit: RUN_GUEST, RUN_USER, or -errno. */
int exit_handle(struct vcpu *vcpu);

#endif
