/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The arithmetic of TM_VIRTUAL_SYNC: a clock that waits for its timers and
 * then makes up for it, as a function of TM_VIRTUAL. Pure; TM's lock guards it.
 *
 * The clock stands at its limit, the deadline of a timer that has not run,
 * for as long as it takes, and so falls behind. Its lag is always computed as
 * a difference from TM_VIRTUAL, so no rounding adds up.
 */
#ifndef TM_SYNC_H
#define TM_SYNC_H

#include "base/base.h"

struct tm_sync {
	u64 virt;		/* at this TM_VIRTUAL time ... */
	u64 now;		/* ... the clock was here: virt - dropped - its lag */
	u64 dropped;		/* of the lag, given up for good */
	u64 limit;		/* the clock goes no further */
	bool catching_up;
};

/* One that has not begun: at 0, with no timer to wait for. */
#define TM_SYNC_START ((struct tm_sync){ .limit = UINT64_MAX })

/* The clock at @virt, which is not before any that @s has seen. */
u64 tm_sync_now(const struct tm_sync *s, u64 virt);
/* The TM_VIRTUAL time at which the clock will be at @ns, were there no limit. */
u64 tm_sync_virt_of(const struct tm_sync *s, u64 ns);
/*
 * From @virt on the limit is another, or now if that has passed. If this lets
 * the clock go on, it is decided whether it hurries or gives its lag up.
 */
void tm_sync_limit(struct tm_sync *s, u64 virt, u64 limit);

#endif
