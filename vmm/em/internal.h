/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between the files of the interpreter.
 *
 * A handler does its instruction on the working copy in.cpu, which the caller
 * commits when it returned 0, so an exception needs no unwinding. It may write
 * memory or a vector register only when nothing can fault any more.
 */
#ifndef VMM_EM_INTERNAL_H
#define VMM_EM_INTERNAL_H

#include <Zydis/Zydis.h>

#include "vmm/em/alu.h"
#include "vmm/em/interp.h"

#define CR0_PE		BIT_ULL(0)
#define CR0_EM		BIT_ULL(2)
#define CR0_TS		BIT_ULL(3)
#define CR4_OSFXSR	BIT_ULL(9)
#define CR4_LA57	BIT_ULL(12)
#define CR4_OSXSAVE	BIT_ULL(18)
#define EFER_LMA	BIT_ULL(10)

enum { VECTOR_DE = 0, VECTOR_UD = 6, VECTOR_NM = 7, VECTOR_SS = 12, VECTOR_GP = 13,
       VECTOR_PF = 14, VECTOR_MF = 16 };

/* How often a locked access may lose against other vCPUs. */
#define LOCK_RETRIES	100

struct interp {
	struct interp_cpu cpu;
	const struct interp_ops *ops;
	void *ctx;
	struct interp_result *res;
	const struct interp_row *row;
	u64 next_rip;
	u8 mode;		/* 16, 32 or 64 */
	const ZydisDecodedInstruction *insn;
	const ZydisDecodedOperand *op;
};

/* What an instruction does: a handler and what the handler wants to know. */
struct interp_row {
	int (*run)(struct interp *in);
	union {
		alu_fn *alu;
		int (*step)(struct interp *in, unsigned int size);
		u8 cc;
		u8 half;	/* of an XMM register that is moved: byte offset 0 or 8 */
	};
	u8 size;		/* of a string's element */
	bool aligned;		/* the vector in memory must be aligned to its size */
};

/* Where an operand's value lives. */
struct place {
	bool memory;
	u8 size;
	u8 reg;
	u8 shift;		/* 8 for AH, CH, DH, BH */
	gva_t gva;
};

int interp_raise(struct interp *in, u8 vector);
bool interp_is_canonical(const struct interp *in, u64 address);
u8 interp_mode(const struct interp_cpu *cpu);

/* Registers by number; writing 32 bits clears the upper half. */
u64 interp_reg_get(const struct interp *in, unsigned int reg, unsigned int size);
void interp_reg_set(struct interp *in, unsigned int reg, unsigned int size, u64 value);

/* Check an access against its segment; -EFAULT is #GP or #SS. */
int interp_linear(struct interp *in, enum interp_seg seg, u64 offset, unsigned int size,
		  bool write, gva_t *gva);
/* The segment and the offset of a memory operand, cut to the address size. */
u64 interp_offset(const struct interp *in, const ZydisDecodedOperand *op);
enum interp_seg interp_segment_of(const ZydisDecodedOperand *op);
unsigned int interp_address_bits(const struct interp *in);

int interp_place(struct interp *in, const ZydisDecodedOperand *op, bool write,
		 struct place *place);
int interp_load(struct interp *in, const struct place *place, bool for_write, u64 *value);
int interp_store(struct interp *in, const struct place *place, u64 value);
/* Store @new where *@old was read; -EAGAIN and the newcomer in *@old if that is gone. */
int interp_replace(struct interp *in, const struct place *place, bool atomic, u64 *old, u64 new);
/* The value of any integer operand that is only read. */
int interp_read(struct interp *in, const ZydisDecodedOperand *op, u64 *value);
int interp_write(struct interp *in, const ZydisDecodedOperand *op, u64 value);

/* Handlers, by file. */
int interp_mov(struct interp *in);
int interp_movsx(struct interp *in);
int interp_movbe(struct interp *in);
int interp_modify(struct interp *in);
int interp_compare(struct interp *in);
int interp_double_shift(struct interp *in);
int interp_bit(struct interp *in);
int interp_setcc(struct interp *in);
int interp_cmov(struct interp *in);
int interp_xchg(struct interp *in);
int interp_xadd(struct interp *in);
int interp_cmpxchg(struct interp *in);
int interp_cmpxchg_pair(struct interp *in);
int interp_mul(struct interp *in);
int interp_imul(struct interp *in);
int interp_div(struct interp *in);
int interp_cache(struct interp *in);

int interp_string(struct interp *in);
int interp_step_movs(struct interp *in, unsigned int size);
int interp_step_stos(struct interp *in, unsigned int size);
int interp_step_lods(struct interp *in, unsigned int size);
int interp_step_cmps(struct interp *in, unsigned int size);
int interp_step_scas(struct interp *in, unsigned int size);

int interp_push(struct interp *in);
int interp_pop(struct interp *in);
int interp_jmp(struct interp *in);
int interp_call(struct interp *in);

int interp_vector(struct interp *in);
int interp_vector_half(struct interp *in);
int interp_movdir64b(struct interp *in);

int interp_x87(struct interp *in);

#endif
