/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Calls into other modes and back: mode_call32() turns paging off, loads what
 * struct mode asks for and calls 32-bit code; mode_call16() goes on to real
 * mode. An exception in 32-bit code ends the call and is reported.
 */
#include "layout.h"

#define EFER	0xc0000080
#define CR0_PG	0x80000000

	.text
	.code64

/* void mode_call32(const struct mode *m, u32 fn, u32 arg) */
	.globl	mode_call32
mode_call32:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	pushfq
	cli
	sidt	saved_idt
	mov	%rsp, saved_rsp
	mov	%cr0, %rax
	mov	%rax, saved_cr0
	mov	%cr3, %rax
	mov	%rax, saved_cr3
	mov	%cr4, %rax
	mov	%rax, saved_cr4
	movl	$-1, mode_result + 4
	mov	%edx, %ebp
	mov	$EFER, %ecx
	rdmsr
	and	$~0x400, %eax			/* LMA follows by itself */
	mov	%eax, saved_efer
	pushq	$SEL_CODE32
	pushq	$1f
	lretq

	.code32
1:	mov	$SEL_DATA, %eax
	mov	%eax, %ss
	mov	%eax, %ds
	mov	%eax, %es
	mov	%cr0, %eax
	and	$~CR0_PG, %eax
	mov	%eax, %cr0
	mov	12(%edi), %eax
	xor	%edx, %edx
	wrmsr
	lidt	idt32_ptr
	mov	8(%edi), %eax
	mov	%eax, %cr4
	mov	4(%edi), %eax
	mov	%eax, %cr3
	mov	(%edi), %eax
	mov	%eax, %cr0
	jmp	2f
2:	mov	%ebp, %eax
	mov	saved_rsp, %esp
	sub	$256, %esp
	call	*%esi
	mov	%eax, mode_result

	.globl	mode_return
mode_return:
	mov	$SEL_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	saved_rsp, %esp
	mov	%cr0, %eax
	and	$~CR0_PG, %eax
	mov	%eax, %cr0
	mov	saved_cr4, %eax
	mov	%eax, %cr4
	mov	saved_cr3, %eax
	mov	%eax, %cr3
	mov	$EFER, %ecx
	mov	saved_efer, %eax
	xor	%edx, %edx
	wrmsr
	mov	saved_cr0, %eax
	mov	%eax, %cr0
	ljmp	$SEL_CODE64, $3f

	.code64
3:	mov	$SEL_DATA, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	mov	saved_rsp, %rsp
	lidt	saved_idt
	popfq
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

/* The 32 exceptions in 32-bit code. */
	.code32
	.macro	stub32 with_error
	.balign 16
	.ifeq	\with_error
	pushl	$0
	.endif
	pushl	$vec
	jmp	trap32
	vec = vec + 1
	.endm

	.balign 16
	.globl	trap_stubs32
trap_stubs32:
	vec = 0
	.rept	32
	stub32	((0x00227d00 >> vec) & 1)
	.endr

trap32:
	mov	$SEL_DATA, %eax
	mov	%eax, %ds
	pop	mode_result + 4
	pop	mode_result + 8
	pop	mode_result + 12
	mov	%cr2, %eax
	mov	%eax, mode_result + 16
	jmp	mode_return

/* 32-bit, no paging: EAX is the argument, EBX the offset of the 16-bit code. */
	.globl	real_thunk
	.section .rm, "ax"
real_thunk:
	mov	%esp, real_saved_esp
	mov	real_fn, %ebx
	ljmp	$SEL_CODE16, $(1f - IMAGE_BASE)

	.code16
1:	mov	$SEL_DATA16, %cx
	mov	%cx, %ds
	mov	%cx, %es
	mov	%cx, %ss
	mov	%cx, %fs
	mov	%cx, %gs
	mov	%cr0, %ecx
	and	$~1, %cl
	mov	%ecx, %cr0
	ljmp	$(RM_BASE >> 4), $(2f - IMAGE_BASE)
2:	mov	$(RM_BASE >> 4), %cx
	mov	%cx, %ds
	mov	%cx, %es
	mov	%cx, %ss
	xor	%cx, %cx
	mov	%cx, %fs
	mov	%cx, %gs
	mov	$RM_STACK, %sp
	lidtl	(real_idt - IMAGE_BASE)
	call	*%bx
	.globl	real_return
real_return:				/* for handlers that do not go back */
	cli
	mov	%cr0, %ecx
	or	$1, %cl
	mov	%ecx, %cr0
	ljmpl	$SEL_CODE32, $3f

	.code32
3:	mov	$SEL_DATA, %ecx
	mov	%ecx, %ds
	mov	%ecx, %es
	mov	%ecx, %ss
	mov	real_saved_esp, %esp
	lidt	idt32_ptr
	ret

	.balign 4
real_idt:
	.word	0x3ff
	.long	0

	.data
	.globl	idt32, mode_result, real_fn
	.balign 8
mode_result: .long 0, 0, 0, 0, 0
real_fn: .long 0
real_saved_esp: .long 0
saved_rsp: .quad 0
saved_cr0: .quad 0
saved_cr3: .quad 0
saved_cr4: .quad 0
saved_efer: .long 0
saved_idt: .skip 10
idt32_ptr:
	.word	256 * 8 - 1
	.long	idt32
	.balign 8
idt32:	.skip	256 * 8
