// SPDX-License-Identifier: GPL-2.0
/* Scaling by a ratio, and back. */
#include "scale.h"

u64 tm_scale(u64 ticks, u64 ratio)
{
	return mul_u64_u64_shr(ticks, ratio, 32);
}

s64 tm_scale_signed(s64 ticks, u64 ratio)
{
	/* The negation of the smallest is itself, and as a u64 its amount. */
	return ticks < 0 ? -tm_scale(-(u64)ticks, ratio) : tm_scale(ticks, ratio);
}

u64 tm_unscale(u64 scaled, u64 ratio)
{
	u64 ticks;

	if (ratio == TM_RATIO_ONE)
		return scaled;
	/* The quotient must fit, or the CPU's division faults. */
	if (scaled >> 32 >= ratio)
		return ~0ULL;
	ticks = mul_u64_u64_div_u64(scaled, TM_RATIO_ONE, ratio);
	if (ticks == ~0ULL)
		return ticks;
	return ticks + (tm_scale(ticks, ratio) < scaled);
}
