/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The terminal on stdin, made raw and put back whatever happens.
 *
 * A process has one terminal, and a signal handler has no context: so this is
 * the one place with state of its own.
 */
#ifndef PDM_DRV_TERMINAL_H
#define PDM_DRV_TERMINAL_H

#include "base/base.h"

/* -EBUSY: someone has it already. No terminal on stdin is fine. */
int terminal_take(void);
void terminal_release(void);

#endif
