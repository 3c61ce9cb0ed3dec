/* SPDX-License-Identifier: GPL-2.0 */
/* What EM's files share. */
#ifndef VMM_EM_EXIT_H
#define VMM_EM_EXIT_H

#include "pgm/walk.h"
#include "vmm/em/em.h"
#include "vmm/em/interp.h"
#include "vmm/em/mem.h"

struct em {
	struct em_config config;
	pthread_mutex_t lock;
	pthread_cond_t changed;		/* run, stop, or a vCPU's parked */
	bool run;			/* read without the lock in the fast path */
	bool stop;
	u32 count;
	struct em_vcpu vcpu[];
};

#define RFLAGS_TF	BIT_ULL(8)
#define RFLAGS_IF	BIT_ULL(9)
#define RFLAGS_DF	BIT_ULL(10)
#define RFLAGS_RF	BIT_ULL(16)
#define CR0_PE		BIT_ULL(0)
#define EFER_LMA	BIT_ULL(10)
#define SEG_DPL(attr)	((attr) >> 5 & 3)

/* 0 from a handler: run on. Else the vCPU has stopped for good. */
#define EM_STOPPED	1

/* The vCPU cannot go on; @fmt says why. Returns EM_STOPPED. */
int em_crash(struct em_vcpu *vcpu, const char *fmt, ...) __printf_fmt(2, 3);

/* Raise an exception; a triple fault crashes. For handlers to return. */
int em_raise(struct em_vcpu *vcpu, u8 vector, u32 error, u64 payload);
/* Groups of the page that the exit did not fill. 0 or EM_STOPPED. */
int em_need(struct em_vcpu *vcpu, u32 groups);
/* It runs 64-bit code. SREGS are cached. */
bool em_is_long(struct em_vcpu *vcpu);
/* Behind the instruction that exited: RIP, RF, shadow, single step. */
int em_advance(struct em_vcpu *vcpu, u32 length);
/* After an instruction was done: its shadow is over, #DB if it was a single step. */
int em_done(struct em_vcpu *vcpu, bool single_step);

/* em/io.c, em/mmio.c, em/task_exit.c */
int em_exit_io(struct em_vcpu *vcpu);
int em_exit_mmio(struct em_vcpu *vcpu);
int em_exit_task_switch(struct em_vcpu *vcpu);

/* em/cpu.c: the vCPU as the interpreter sees it. GPRS and SREGS are cached. */
void em_cpu_get(struct em_vcpu *vcpu, struct interp_cpu *cpu);
void em_cpu_put(struct em_vcpu *vcpu, const struct interp_cpu *cpu);
void em_mem_init(struct em_vcpu *vcpu, struct em_mem *mem);
extern const struct interp_ops em_interp_ops;

/* em/cpu.c: vector registers, fetched when first asked for. */
int em_vector_get(struct em_vcpu *vcpu, unsigned int reg, void *buf);
int em_vector_set(struct em_vcpu *vcpu, unsigned int reg, const void *buf);
int em_x87_get(struct em_vcpu *vcpu, void *area);
int em_x87_set(struct em_vcpu *vcpu, const void *area);
int em_vectors_flush(struct em_vcpu *vcpu);

#endif
