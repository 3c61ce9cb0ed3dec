// SPDX-License-Identifier: GPL-2.0
/* When a periodic synthetic timer expires next, see hyperv_timer.h. Pure. */
#include "gim/hyperv_timer.h"

struct hyperv_next hyperv_period_next(u64 expiry, u64 period, u64 now, bool lazy)
{
	u64 next = hyperv_time_add(expiry, period);

	if (next > now)
		return (struct hyperv_next){ next, next };
	if (lazy) {
		next = hyperv_time_add(now, period - (now - expiry) % period);
		return (struct hyperv_next){ next, next };
	}
	return (struct hyperv_next){ next, hyperv_time_add(now, max(period / 2, (u64)1)) };
}
