// SPDX-License-Identifier: GPL-2.0
/* See kvm_clock.h. Pure. */
#include "gim/kvm_clock.h"

#define NS_PER_MS	1000000ULL

struct kvm_rate kvm_clock_rate(u32 tsc_khz)
{
	u64 ns = NS_PER_MS, ticks = tsc_khz;
	struct kvm_rate rate = { 0 };

	/* Ticks in steps of two, until a step takes between half and one nanosecond. */
	for (; ns >= ticks; ticks *= 2)
		rate.shift++;
	for (; 2 * ns < ticks; ns *= 2)
		rate.shift--;
	rate.mul = (ns << 32) / ticks;
	return rate;
}

u64 kvm_clock_ns(const struct kvm_rate *rate, u64 ticks)
{
	ticks = rate->shift < 0 ? ticks >> -rate->shift : ticks << rate->shift;
	return mul_u64_u64_shr(ticks, rate->mul, 32);
}
