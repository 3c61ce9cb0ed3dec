/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Vector registers in an XSAVE image, for the interpreter.
 */
#ifndef VMM_EM_XSAVE_H
#define VMM_EM_XSAVE_H

#include "base/base.h"

/* An XSAVE image in the standard format, and where CPUID 0xD puts its parts. */
struct em_xsave {
	void *image;
	u32 size;
	u32 ymm_offset;		/* component 2; 0: not there */
	u32 zmm_offset;		/* component 6 */
	u32 hi16_offset;	/* component 7 */
};

/* Vector register @reg, all 64 bytes. -ENOSYS: the image has no room for it. */
int em_xsave_get(const struct em_xsave *xsave, unsigned int reg, void *buf);
/* Parts the image has no room for must be zero, or -ENOSYS. */
int em_xsave_set(const struct em_xsave *xsave, unsigned int reg, const void *buf);

/* MMX register @reg, 0 to 7. Setting one turns x87's registers into MMX's. */
int em_xsave_mmx_get(const struct em_xsave *xsave, unsigned int reg, u64 *value);
int em_xsave_mmx_set(const struct em_xsave *xsave, unsigned int reg, u64 value);

/* x87's parts of an FXSAVE area; the others are left alone. */
int em_xsave_x87_get(const struct em_xsave *xsave, void *area);
int em_xsave_x87_set(const struct em_xsave *xsave, const void *area);

#endif
