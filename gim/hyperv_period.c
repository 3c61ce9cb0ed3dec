// SPDX-License-Identifier: GPL-2.0
/* When a periodic synthetic timer expires next, see hyperv_timer.h. Pure. */
#include "gim/hyperv_timer.h"

static u64 add_up_to_max(u64 a, u64 b)
{
	return a + b < a ? ~0ULL : a + b;
}

struct hyperv_next hyperv_period_next(u64 expiry, u64 period, u64 now, bool lazy)
{
	u64 next = add_up_to_max(expiry, period);

	if (next > now)
		return (struct hyperv_next){ next, next };
	if (lazy) {
		next = add_up_to_max(now, period - (now - expiry) % period);
		return (struct hyperv_next){ next, next };
	}
	return (struct hyperv_next){ next, add_up_to_max(now, max(period / 2, (u64)1)) };
}
