/* SPDX-License-Identifier: GPL-2.0 */
/* What to load "VMX-Preemption Timer" with; pure. */
#ifndef KMOD_VMX_COUNTDOWN_H
#define KMOD_VMX_COUNTDOWN_H

#include "base.h"

/* Nothing to wait for, or nothing so near: an exit in a while does no harm. */
#define VMX_COUNTDOWN_MAX	0xffffffffU

/*
 * It goes down by one whenever bit @rate of the TSC changes, and exits at 0.
 * Never early, which would only mean to enter again: one for what the shift
 * loses, one for a first change that is near.
 */
static inline u32 vmx_countdown(u64 now, u64 at, unsigned int rate)
{
	u64 units;

	if (at <= now)
		return 0;
	units = (at - now) >> rate;
	return units > VMX_COUNTDOWN_MAX - 2 ? VMX_COUNTDOWN_MAX : units + 2;
}

#endif
