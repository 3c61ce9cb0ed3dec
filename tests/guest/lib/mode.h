/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Code for other modes than the runtime's own. CODE32() and CODE16() make a
 * routine out of assembly text: its argument and result are in EAX, and it
 * may use every other register but ESP. CODE16() runs in a copy at RM_BASE,
 * CS = DS = SS; RM(symbol) is an offset there.
 */
#ifndef GUEST_MODE_H
#define GUEST_MODE_H

#include "guest.h"

struct mode {
	u32 cr0, cr3, cr4, efer;
};

struct mode_result {
	u32 eax;
	int vector;			/* or NO_TRAP, and then: */
	u32 error, eip, cr2;
};

extern struct mode_result mode_result;
extern u64 idt32[256];
extern char rm_end[];

#define CODE32(name, body) \
	extern char name[]; \
	asm(".pushsection .text\n.code32\n" #name ":\n" body "\nret\n.code64\n.popsection\n")
#define CODE16(name, body) \
	extern char name[]; \
	asm(".pushsection .rm, \"ax\"\n.code16\n" #name ":\n" body "\nret\n.code64\n.popsection\n")
#define RM(symbol) "(" #symbol " - 0x100000)"

void mode_call32(const struct mode *m, u32 fn, u32 arg);
/* Protected mode without paging. */
u32 mode_protected(const char *fn, u32 arg);
u32 mode_real(const char *fn, u32 arg);
void mode_init(void);
/* A gate of idt32: @type is 0x8e for ring 0 alone, 0xee for ring 3 as well. */
void mode_gate32(u8 vector, const char *fn, u8 type);
/* The real-mode vector table at 0. */
void mode_ivt(u8 vector, const char *fn);

#endif
