// SPDX-License-Identifier: GPL-2.0
/* The C face of mode.S. */
#include "mode.h"

extern char trap_stubs32[][16], real_thunk[];
extern u32 real_fn;

void mode_gate32(u8 vector, const char *fn, u8 type)
{
	u64 at = (u64)fn;

	idt32[vector] = (at & 0xffff) | SEL_CODE32 << 16 | (u64)type << 40 | (at >> 16) << 48;
}

void mode_init(void)
{
	for (int i = 0; i < 32; i++)
		mode_gate32(i, trap_stubs32[i], 0x8e);
	memcpy((void *)RM_BASE, (void *)IMAGE_BASE, rm_end - (char *)IMAGE_BASE);
}

u32 mode_protected(const char *fn, u32 arg)
{
	static const struct mode m = { .cr0 = CR0_PE | CR0_NE | 0x10 };

	mode_call32(&m, (u64)fn, arg);
	return mode_result.eax;
}

u32 mode_real(const char *fn, u32 arg)
{
	real_fn = (u64)fn - IMAGE_BASE;
	return mode_protected(real_thunk, arg);
}

void mode_ivt(u8 vector, const char *fn)
{
	/* The compiler takes a store near address 0 for a mistake. */
	u64 at = vector * 4;

	asm volatile("movl %1, (%0)" :: "r"(at),
		     "r"((u32)(RM_BASE >> 4 << 16 | ((u64)fn - IMAGE_BASE))) : "memory");
}
