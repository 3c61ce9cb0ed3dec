/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How long a halted vCPU polls before it sleeps: its window. Pure code.
 *
 * To fall asleep and be woken takes longer than many a wait lasts. So waits
 * that a longer window would have covered make it grow, by doubling; one that
 * no window may cover ends the polling, until short waits come again.
 */
#ifndef KMOD_HALT_POLL_H
#define KMOD_HALT_POLL_H

#include "base.h"

/* The first window: about what it takes to be woken. */
#define HALT_POLL_START_NS	10000

/*
 * The window, in nanoseconds, after a wait of @waited that had @window. None
 * is longer than @max; 0: no polling.
 */
u32 halt_poll_next(u32 window, u32 max, u64 waited);

#endif
