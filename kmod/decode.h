/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Decoding of the few instructions that the module handles itself: the
 * one-byte and 0F ones that exit without operands in memory, and the plain
 * MOV forms that reach the local APIC. Pure code.
 */
#ifndef KMOD_DECODE_H
#define KMOD_DECODE_H

#include "base.h"

#define DECODE_MAX 15

enum decode_map { DECODE_ONE, DECODE_0F };

struct decode_insn {
	u8 length;
	u8 map;			/* enum decode_map */
	u8 opcode;
	u8 modrm;		/* if the opcode has one */
	u8 rex;
	u8 operand_size;	/* 2, 4, 8 */
	u8 address_size;	/* 2, 4, 8 */
	u8 reg, rm;		/* of ModRM, with REX; rm only if a register */
	bool memory;		/* ModRM names memory */
	bool lock, rep, repne;
	u32 immediate;		/* of C6, C7; sign-extension is the caller's */
};

/*
 * Decode from @bytes (@count of them) in code of @code_size 2, 4 or 8.
 * -ENODATA: it goes on past @count; -ENOSYS: not one of ours.
 */
int decode_insn(struct decode_insn *insn, const u8 *bytes, unsigned int count, int code_size);

/* A MOV between a register or immediate and memory. */
struct decode_mov {
	bool write;		/* to memory */
	bool immediate;		/* value instead of a register */
	u8 size;		/* of the access: 1, 2, 4, 8 */
	u8 gpr;			/* else: number of the register */
	bool high_byte;		/* AH, CH, DH, BH */
};

/* -ENOSYS: not a plain MOV with memory. */
int decode_mov(const struct decode_insn *insn, struct decode_mov *mov);

#endif
