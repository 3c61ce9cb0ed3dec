// SPDX-License-Identifier: GPL-2.0
/*
 * Vector and MMX registers in an XSAVE image of the standard format.
 *
 * A component whose bit in XSTATE_BV is clear is in its initial state,
 * whatever its bytes say, so reading it gives zeros, and writing one register
 * of it clears the others first. The image is the caller's.
 */
#include "vmm/em/xsave.h"

#define XSAVE_FCW	0	/* "Layout of the Legacy Region": x87's part of it */
#define XSAVE_FSW	2
#define XSAVE_FTW	4	/* a bit for each register that is not empty */
#define XSAVE_MXCSR	24	/* which is not x87's */
#define XSAVE_ST	32	/* ST(0) to ST(7), 16 bytes each, 10 of them used */
#define XSAVE_XMM	160	/* in the legacy area: "XSAVE-Managed State" */
#define XSAVE_BV	512	/* XSTATE_BV: which components are not in their initial state */

/* A run of bytes of one vector register, and the component it lives in. */
struct part {
	u32 at;		/* in the image; 0: nowhere */
	u8 from, size;	/* in the register */
	u8 component;
};

/* The parts of @reg in order of size; returns how many. */
static unsigned int parts_of(const struct em_xsave *xsave, unsigned int reg, struct part part[3])
{
	u32 zmm = xsave->zmm_offset, ymm = xsave->ymm_offset, hi16 = xsave->hi16_offset;

	if (reg >= 16) {
		part[0] = (struct part){ hi16 ? hi16 + 64 * (reg - 16) : 0, 0, 64, 7 };
		return 1;
	}
	part[0] = (struct part){ XSAVE_XMM + 16 * reg, 0, 16, 1 };
	part[1] = (struct part){ ymm ? ymm + 16 * reg : 0, 16, 16, 2 };
	part[2] = (struct part){ zmm ? zmm + 32 * reg : 0, 32, 32, 6 };
	return 3;
}

static bool is_zero(const u8 *p, unsigned int size)
{
	while (size--) {
		if (*p++)
			return false;
	}
	return true;
}

int em_xsave_get(const struct em_xsave *xsave, unsigned int reg, void *buf)
{
	const u8 *image = xsave->image;
	struct part part[3];
	unsigned int i, count = parts_of(xsave, reg & 31, part);
	u64 bv;

	if (xsave->size < XSAVE_BV + sizeof(bv) || !part[0].at)
		return -ENOSYS;
	memcpy(&bv, image + XSAVE_BV, sizeof(bv));
	memset(buf, 0, 64);
	for (i = 0; i < count; i++) {
		if (!part[i].at || part[i].at + part[i].size > xsave->size)
			continue;
		if (bv & BIT_ULL(part[i].component))
			memcpy((u8 *)buf + part[i].from, image + part[i].at, part[i].size);
	}
	return 0;
}

/* Bytes of each component over all registers, to clear it when it leaves its initial state. */
static u32 component_size(u8 component)
{
	return component == 7 ? 16 * 64 : component == 6 ? 16 * 32 : 16 * 16;
}

int em_xsave_set(const struct em_xsave *xsave, unsigned int reg, const void *buf)
{
	u8 *image = xsave->image;
	struct part part[3];
	unsigned int i, count = parts_of(xsave, reg & 31, part);
	u64 bv;

	if (xsave->size < XSAVE_BV + sizeof(bv) || !part[0].at)
		return -ENOSYS;
	memcpy(&bv, image + XSAVE_BV, sizeof(bv));
	for (i = 0; i < count; i++) {
		const u8 *value = (const u8 *)buf + part[i].from;
		u32 first = part[i].at - (reg & 15) * part[i].size;
		u32 all = component_size(part[i].component);
		bool room = part[i].at && first + all <= xsave->size;

		if (!(bv & BIT_ULL(part[i].component))) {
			if (is_zero(value, part[i].size))
				continue;
			if (room)
				memset(image + first, 0, all);
		}
		if (!room)
			return -ENOSYS;
		memcpy(image + part[i].at, value, part[i].size);
		bv |= BIT_ULL(part[i].component);
	}
	memcpy(image + XSAVE_BV, &bv, sizeof(bv));
	return 0;
}

/* ---- MMX --------------------------------------------------------------------------- */

#define FCW_INIT	0x37f
#define FSW_TOP		0x3800
#define X87		BIT_ULL(0)

/* Where MMX register @reg is: the image has x87's registers in the order of its stack. */
static u32 mmx_at(const u8 *image, unsigned int reg)
{
	u16 fsw;

	memcpy(&fsw, image + XSAVE_FSW, sizeof(fsw));
	return XSAVE_ST + 16 * ((reg - (fsw >> 11 & 7)) & 7);
}

static u64 components(const struct em_xsave *xsave)
{
	u64 bv;

	memcpy(&bv, (const u8 *)xsave->image + XSAVE_BV, sizeof(bv));
	return bv;
}

int em_xsave_mmx_get(const struct em_xsave *xsave, unsigned int reg, u64 *value)
{
	const u8 *image = xsave->image;

	if (xsave->size < XSAVE_BV + sizeof(u64))
		return -ENOSYS;
	*value = 0;
	if (components(xsave) & X87)
		memcpy(value, image + mmx_at(image, reg), sizeof(*value));
	return 0;
}

/* x87 as it is after reset, if that was left unsaid. */
static void x87_init(const struct em_xsave *xsave)
{
	u64 bv = components(xsave);
	u8 *image = xsave->image;
	u16 fcw = FCW_INIT;

	if (bv & X87)
		return;
	memset(image, 0, XSAVE_MXCSR);
	memset(image + XSAVE_ST, 0, 8 * 16);
	memcpy(image + XSAVE_FCW, &fcw, sizeof(fcw));
	bv |= X87;
	memcpy(image + XSAVE_BV, &bv, sizeof(bv));
}

/* "x87 FPU and MMX": TOP becomes 0, no register is empty, the exponent is all ones. */
int em_xsave_mmx_set(const struct em_xsave *xsave, unsigned int reg, u64 value)
{
	u8 registers[8][16], *image = xsave->image;
	u16 fsw, exponent = 0xffff;
	unsigned int i;

	if (xsave->size < XSAVE_BV + sizeof(u64))
		return -ENOSYS;
	x87_init(xsave);
	for (i = 0; i < 8; i++)
		memcpy(registers[i], image + mmx_at(image, i), 16);
	memcpy(registers[reg], &value, sizeof(value));
	memcpy(registers[reg] + sizeof(value), &exponent, sizeof(exponent));
	memcpy(image + XSAVE_ST, registers, sizeof(registers));
	memcpy(&fsw, image + XSAVE_FSW, sizeof(fsw));
	fsw &= ~FSW_TOP;
	memcpy(image + XSAVE_FSW, &fsw, sizeof(fsw));
	image[XSAVE_FTW] = 0xff;
	return 0;
}

/* ---- x87 --------------------------------------------------------------------------- */

static void x87_copy(u8 *to, const u8 *from)
{
	memcpy(to, from, XSAVE_MXCSR);
	memcpy(to + XSAVE_ST, from + XSAVE_ST, 8 * 16);
}

int em_xsave_x87_get(const struct em_xsave *xsave, void *area)
{
	if (xsave->size < XSAVE_BV + sizeof(u64))
		return -ENOSYS;
	x87_init(xsave);
	x87_copy(area, xsave->image);
	return 0;
}

int em_xsave_x87_set(const struct em_xsave *xsave, const void *area)
{
	if (xsave->size < XSAVE_BV + sizeof(u64))
		return -ENOSYS;
	x87_init(xsave);
	x87_copy(xsave->image, area);
	return 0;
}
