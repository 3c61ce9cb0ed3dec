/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Clocks that run at a ratio of each other, for both rings. A ratio has 32
 * bits of fraction. The CPU scales a TSC by the same rule, with its fraction
 * in other places: AMD-V's 8.32 is the ratio itself, VT-x's 16.48 is the ratio
 * shifted left by 16.
 */
#ifndef TM_SCALE_H
#define TM_SCALE_H

#include "base.h"

#define TM_RATIO_ONE	(1ULL << 32)

/* @ticks * @ratio, rounded down, modulo 2^64: a counter that wraps goes on wrapping. */
u64 tm_scale(u64 ticks, u64 ratio);
/* The same for a difference that may be negative; towards 0. */
s64 tm_scale_signed(s64 ticks, u64 ratio);
/* The fewest ticks that scale to @scaled or more; UINT64_MAX if none do. @ratio is not 0. */
u64 tm_unscale(u64 scaled, u64 ratio);

#endif
