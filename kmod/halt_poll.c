// SPDX-License-Identifier: GPL-2.0
/* See halt_poll.h. */
#include "halt_poll.h"

u32 halt_poll_next(u32 window, u32 max, u64 waited)
{
	u64 next = window;

	if (waited > max)
		return 0;
	if (waited > window)
		next = max(2 * next, (u64)HALT_POLL_START_NS);
	return min(next, (u64)max);
}
