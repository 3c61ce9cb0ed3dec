/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The 256 entries, the common frame (struct trap in guest.h), and the calls
 * that survive an exception: trap_call() and user_call().
 */
#include "layout.h"

	.text
	.code64

/* Vectors whose exceptions push an error code: 8, 10-14, 17, 21. */
#define HAS_ERROR 0x00227d00

	.balign 16
	.globl	trap_stubs
trap_stubs:
	.macro	stub with_error
	.balign 16
	.ifeq	\with_error
	push	$0
	.endif
	push	$vec
	jmp	trap_common
	vec = vec + 1
	.endm

	vec = 0
	.rept	32
	stub	((HAS_ERROR >> vec) & 1)
	.endr
	.rept	224
	stub	0
	.endr

trap_common:
	cld
	push	%rax
	push	%rcx
	push	%rdx
	push	%rbx
	push	%rbp
	push	%rsi
	push	%rdi
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%cr2, %rax
	push	%rax
	mov	%rsp, %rdi
	mov	%rsp, %rbx
	and	$-16, %rsp
	call	trap_dispatch
	mov	%rbx, %rsp
	add	$8, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdi
	pop	%rsi
	pop	%rbp
	pop	%rbx
	pop	%rdx
	pop	%rcx
	pop	%rax
	add	$16, %rsp
	.globl	trap_iret
trap_iret:
	iretq

/* int trap_call(void (*fn)(void *), void *arg): the vector raised, or -1. */
	.globl	trap_call, trap_resume
trap_call:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	pushfq
	push	trap_sp
	push	%rax				/* alignment */
	mov	%rsp, trap_sp
	mov	%rdi, %rax
	mov	%rsi, %rdi
	call	*%rax
	mov	$-1, %eax
trap_resume:
	mov	trap_sp, %rsp
	pop	%rcx
	pop	trap_sp
	popfq
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

/* int user_call(void (*fn)(void *), void *arg): as trap_call(), in ring 3. */
	.globl	user_call
user_call:
	mov	%rdi, %rax
	mov	$user_enter, %edi
	mov	%rsi, user_arg
	mov	%rax, user_fn
	xor	%esi, %esi
	sub	$8, %rsp
	call	trap_call
	add	$8, %rsp
	cmp	$VEC_USER_DONE, %eax
	jne	1f
	mov	$-1, %eax
1:	ret

user_enter:
	mov	%rsp, tss + 4			/* RSP0: below what trap_call() saved */
	pushq	$SEL_UDATA
	pushq	$user_stack_top - 8
	pushq	$2
	pushq	$SEL_UCODE64
	pushq	$user_body
	iretq
user_body:
	mov	user_arg, %rdi
	sub	$8, %rsp
	and	$-16, %rsp
	call	*user_fn
	int	$VEC_USER_DONE

	.bss
	.balign 16
	.globl	trap_sp, user_stack_top
trap_sp: .quad 0
user_fn: .quad 0
user_arg: .quad 0
	.skip	8
	.skip	8192
user_stack_top:
