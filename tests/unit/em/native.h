/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Runs one instruction on this very processor, with all registers and flags
 * given, so that tests can compare the interpreter with the real thing.
 */
#ifndef TESTS_UNIT_EM_NATIVE_H
#define TESTS_UNIT_EM_NATIVE_H

#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "base/base.h"

/* Registers in the hardware's order; read and written by the assembly below. */
struct native {
	u64 gpr[16];
	u64 rflags;
	const void *code;
	u64 host_rsp;
};

struct native native_state __attribute__((visibility("hidden")));
void native_enter(void);
void native_back(void);

asm(".pushsection .text\n"
    "native_enter:\n"
    "	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    "	mov %rsp, native_state+144(%rip)\n"
    "	push native_state+128(%rip); popfq\n"
    "	mov native_state+0(%rip), %rax; mov native_state+8(%rip), %rcx\n"
    "	mov native_state+16(%rip), %rdx; mov native_state+24(%rip), %rbx\n"
    "	mov native_state+40(%rip), %rbp; mov native_state+48(%rip), %rsi\n"
    "	mov native_state+56(%rip), %rdi; mov native_state+64(%rip), %r8\n"
    "	mov native_state+72(%rip), %r9; mov native_state+80(%rip), %r10\n"
    "	mov native_state+88(%rip), %r11; mov native_state+96(%rip), %r12\n"
    "	mov native_state+104(%rip), %r13; mov native_state+112(%rip), %r14\n"
    "	mov native_state+120(%rip), %r15; mov native_state+32(%rip), %rsp\n"
    "	jmp *native_state+136(%rip)\n"
    "native_back:\n"
    "	mov %rax, native_state+0(%rip); mov %rcx, native_state+8(%rip)\n"
    "	mov %rdx, native_state+16(%rip); mov %rbx, native_state+24(%rip)\n"
    "	mov %rsp, native_state+32(%rip); mov %rbp, native_state+40(%rip)\n"
    "	mov %rsi, native_state+48(%rip); mov %rdi, native_state+56(%rip)\n"
    "	mov %r8, native_state+64(%rip); mov %r9, native_state+72(%rip)\n"
    "	mov %r10, native_state+80(%rip); mov %r11, native_state+88(%rip)\n"
    "	mov %r12, native_state+96(%rip); mov %r13, native_state+104(%rip)\n"
    "	mov %r14, native_state+112(%rip); mov %r15, native_state+120(%rip)\n"
    "	mov native_state+144(%rip), %rsp\n"
    "	pushfq; pop native_state+128(%rip)\n"
    "	cld\n"
    "	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
    "	ret\n"
    ".popsection\n");

static volatile sig_atomic_t native_signal;

static void native_on_signal(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	native_signal = sig;
	/* A fault reports the registers as they were before. */
	uc->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)native_back;
}

/* Catch faults of the code; in every test, since cmocka sets handlers of its own. */
static inline void native_catch(void)
{
	static u8 stack[64 << 10];
	stack_t alt = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction sa = { .sa_sigaction = native_on_signal,
				.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };

	sigaltstack(&alt, NULL);
	sigaction(SIGFPE, &sa, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGILL, &sa, NULL);
}

/* A page to put code on, ready to run. */
static inline u8 *native_page(void)
{
	return mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
		    -1, 0);
}

/* Append the jump that ends a piece of code at @end. */
static inline void native_finish(u8 *end)
{
	static const u8 jump[] = { 0xff, 0x25, 0, 0, 0, 0 };
	void *back = (void *)native_back;

	memcpy(end, jump, sizeof(jump));
	memcpy(end + sizeof(jump), &back, sizeof(back));
}

/* Run the code at native_state.code; the signal it died of, or 0. */
static inline int native_run(void)
{
	native_signal = 0;
	native_enter();
	return native_signal;
}

/* A generator of its own, so that a failure comes back with its seed. */
static u64 random_state = 0x9e3779b97f4a7c15ULL;

static inline u64 random_u64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state * 0x2545f4914f6cdd1dULL;
}

/* Numbers near the ends of each width come up often. */
static inline u64 random_operand(void)
{
	u64 value = random_u64();

	switch (random_u64() % 6) {
	case 0: return value & 3;
	case 1: return 0 - (value & 3);
	case 2: return BIT_ULL(value & 63) - (value >> 6 & 1);
	case 3: return value & 0xff;
	default: return value;
	}
}

#endif
