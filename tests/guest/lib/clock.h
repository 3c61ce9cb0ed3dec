/* SPDX-License-Identifier: GPL-2.0 */
/* The ACPI PM timer and the HPET, as registers. */
#ifndef GUEST_CLOCK_H
#define GUEST_CLOCK_H

#include "guest.h"

#define PM_PORT		0x608		/* where vmm has it */
#define PM_HZ		3579545UL

#define HPET		0xfed00000UL
#define HPET_CONFIG	0x10
#define HPET_COUNTER	0xf0
#define HPET_TN(n)	(0x100 + 0x20 * (n))
#define HPET_RUN	1
#define HPET_LEGACY	2
#define HPET_INTERRUPT	(1 << 2)
#define HPET_PERIODIC	(1 << 3)
#define HPET_SET_VALUE	(1 << 6)
#define HPET_32		(1 << 8)

static inline u32 hpet_read(u32 reg) { return mmio_read(HPET + reg); }
static inline void hpet_write(u32 reg, u32 v) { mmio_write(HPET + reg, v); }

/* Its period is in femtoseconds. */
static inline u64 hpet_hz(void)
{
	return 1000000000000000UL / hpet_read(4);
}

static inline const char *no_hpet(void)
{
	u32 period = hpet_read(4);

	return period < 100000 || period > 100000000 ? "no HPET where it should be" : NULL;
}

#endif
