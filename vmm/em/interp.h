/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The instruction interpreter: does one instruction of a guest in software,
 * because its memory operand is a device's.
 *
 * It knows nothing of the VM. The vCPU's state is a struct that the caller
 * fills and puts back; memory is a set of callbacks on guest-linear addresses
 * (vmm/em/mem.h has them on top of the page walk). One struct interp belongs
 * to one vCPU's thread, so there is no lock.
 */
#ifndef VMM_EM_INTERP_H
#define VMM_EM_INTERP_H

#include "base/base.h"

/* Index into gpr[]: the hardware's encoding. */
enum interp_gpr {
	INTERP_RAX, INTERP_RCX, INTERP_RDX, INTERP_RBX,
	INTERP_RSP, INTERP_RBP, INTERP_RSI, INTERP_RDI,
	INTERP_GPR_COUNT = 16,
};

/* Index into seg[]: the hardware's encoding. */
enum interp_seg {
	INTERP_ES, INTERP_CS, INTERP_SS, INTERP_DS, INTERP_FS, INTERP_GS,
	INTERP_SEG_COUNT,
};

struct interp_segment {
	u64 base;
	u32 limit;		/* in bytes, expanded by G */
	u32 access;		/* as VT-x lays them out: type 3:0, S 4, DPL 6:5, P 7, ... */
	u16 selector;
};

#define INTERP_SEG_CODE		BIT(3)
#define INTERP_SEG_DOWN		BIT(2)	/* data: expands down */
#define INTERP_SEG_RW		BIT(1)	/* data: writable; code: readable */
#define INTERP_SEG_LONG		BIT(13)
#define INTERP_SEG_BIG		BIT(14)	/* D/B */
#define INTERP_SEG_UNUSABLE	BIT(16)

struct interp_cpu {
	u64 gpr[INTERP_GPR_COUNT];
	u64 rip;
	u64 rflags;
	u64 cr0, cr3, cr4, efer;
	u64 xcr0;
	struct interp_segment seg[INTERP_SEG_COUNT];
	u8 cpl;
};

/* What to inject when an operation returns -EFAULT. */
struct interp_exception {
	u8 vector;
	bool has_error;
	u32 error_code;
	u64 cr2;		/* with vector 14 */
};

#define INTERP_MAX_ACCESS	64
#define INTERP_MAX_LENGTH	15
#define INTERP_MMX		32	/* vector registers from here on are MMX's */

/*
 * Each returns 0; -EFAULT with @ex filled, to be injected into the guest; or
 * another -errno, which ends the interpretation. An access that faults has had
 * no effect. Linear addresses are canonical, or below 4 GiB outside of 64-bit
 * mode; accesses may cross pages.
 */
struct interp_ops {
	/* Instruction bytes; never crosses a page. */
	int (*fetch)(void *ctx, gva_t gva, void *buf, unsigned int size,
		     struct interp_exception *ex);
	/* @for_write: a write to the same place follows, so fault as it would. */
	int (*read)(void *ctx, gva_t gva, void *buf, unsigned int size, bool for_write,
		    struct interp_exception *ex);
	int (*write)(void *ctx, gva_t gva, const void *buf, unsigned int size,
		     struct interp_exception *ex);
	/*
	 * Replace *@old by *@new atomically; @size is 1, 2, 4, 8 or 16. If
	 * something else stood there: -EAGAIN, and that in *@old. Where nothing
	 * can be compared (a device's register), it is a write.
	 */
	int (*exchange)(void *ctx, gva_t gva, void *old, const void *new, unsigned int size,
		       struct interp_exception *ex);
	/*
	 * Vector register @reg, 0 to 31, all 64 bytes, or from INTERP_MMX on one
	 * of MMX, 8 bytes of it. NULL: no vector instructions.
	 */
	int (*vector_get)(void *ctx, unsigned int reg, void *buf);
	int (*vector_set)(void *ctx, unsigned int reg, const void *buf);
	/* x87's parts of an FXSAVE area of 512 bytes. NULL: no x87. */
	int (*x87_get)(void *ctx, void *area);
	int (*x87_set)(void *ctx, const void *area);
};

/* What one call came to. */
struct interp_result {
	struct interp_exception exception;	/* after -EFAULT */
	bool complete;		/* false after 0: a REP in the middle; RIP still points to it */
	bool single_step;	/* TF was set: #DB with DR6.BS is due */
	bool shadow_end;	/* an interrupt shadow that was in force is over */
	u8 length;		/* of the instruction, 0 if it was not decoded */
	u8 fetched;		/* how many of @bytes were read */
	u8 bytes[INTERP_MAX_LENGTH];
};

/*
 * Interpret the instruction at CS:RIP.
 *
 * 0: done, or one batch of a REP's iterations; @cpu is the state after it.
 * -EFAULT: @res->exception is to be injected; @cpu is the state before the
 *    instruction, save for the iterations of a REP that were done.
 * -ENOSYS: not an instruction it knows; @cpu is untouched. interp_describe().
 * -EAGAIN: a locked access kept losing against other vCPUs; let the guest run.
 * Another -errno of a callback: @cpu as after -EFAULT.
 */
int interp_one(struct interp_cpu *cpu, const struct interp_ops *ops, void *ctx,
	       struct interp_result *res);

/*
 * The instruction of @res as text, bytes behind it: "mov [rax], ecx (89 08)".
 * @buf is always terminated.
 */
void interp_describe(const struct interp_cpu *cpu, const struct interp_result *res, char *buf,
		     size_t size);

#endif
