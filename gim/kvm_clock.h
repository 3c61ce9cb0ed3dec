/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From TSC ticks to nanoseconds, in the form of KVM's clock pages: shift, then
 * multiply by a fraction of 32 bits.
 */
#ifndef GIM_KVM_CLOCK_H
#define GIM_KVM_CLOCK_H

#include "base/base.h"

struct kvm_rate {
	u32 mul;		/* the highest bit is set: no precision is given away */
	s8 shift;		/* of the ticks; negative: to the right */
};

/* @tsc_khz is not 0. Never too fast, and by less than 1 in 2^31 too slow. */
struct kvm_rate kvm_clock_rate(u32 tsc_khz);
/* As the guest computes it. */
u64 kvm_clock_ns(const struct kvm_rate *rate, u64 ticks);

#endif
