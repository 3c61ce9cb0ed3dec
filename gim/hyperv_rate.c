// SPDX-License-Identifier: GPL-2.0
/*
 * "Partition Reference TSC Mechanism": reference time is a product of ticks and
 * a fraction, of which the upper half counts. Rounded down, so it is never
 * fast. Pure.
 */
#include "gim/hyperv.h"

/* 10 MHz in kHz. */
#define REFERENCE_KHZ	10000

u64 hyperv_scale(u32 tsc_khz)
{
	/* The fraction must be less than one. */
	if (tsc_khz <= REFERENCE_KHZ)
		return 0;
	return ((u128)REFERENCE_KHZ << 64) / tsc_khz;
}
