/* SPDX-License-Identifier: GPL-2.0 */
/*
 * General registers in a world switch: what both vendors do alike. For .S.
 *
 * The array of the guest's is vcpu->gprs.r, in the order of enum vmm_gpr. RAX
 * and RDI are left to the vendor: one is needed to point to the array.
 */
#ifndef KMOD_SWITCH_H
#define KMOD_SWITCH_H

#define GPR(n)	((n) * 8)
#define RAX	0
#define RCX	1
#define RDX	2
#define RBX	3
#define RBP	5
#define RSI	6
#define RDI	7

/* Those of the host that a function must give back. */
.macro SWITCH_PUSH_HOST
	push	%rbp
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
.endm

.macro SWITCH_POP_HOST
	pop	%rbx
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rbp
.endm

.macro SWITCH_LOAD_GUEST array
	mov	GPR(RCX)(\array), %rcx
	mov	GPR(RDX)(\array), %rdx
	mov	GPR(RBX)(\array), %rbx
	mov	GPR(RBP)(\array), %rbp
	mov	GPR(RSI)(\array), %rsi
	mov	GPR(8)(\array), %r8
	mov	GPR(9)(\array), %r9
	mov	GPR(10)(\array), %r10
	mov	GPR(11)(\array), %r11
	mov	GPR(12)(\array), %r12
	mov	GPR(13)(\array), %r13
	mov	GPR(14)(\array), %r14
	mov	GPR(15)(\array), %r15
.endm

.macro SWITCH_STORE_GUEST array
	mov	%rcx, GPR(RCX)(\array)
	mov	%rdx, GPR(RDX)(\array)
	mov	%rbx, GPR(RBX)(\array)
	mov	%rbp, GPR(RBP)(\array)
	mov	%rsi, GPR(RSI)(\array)
	mov	%r8,  GPR(8)(\array)
	mov	%r9,  GPR(9)(\array)
	mov	%r10, GPR(10)(\array)
	mov	%r11, GPR(11)(\array)
	mov	%r12, GPR(12)(\array)
	mov	%r13, GPR(13)(\array)
	mov	%r14, GPR(14)(\array)
	mov	%r15, GPR(15)(\array)
.endm

/* No guest value is left for speculation to use; SWITCH_POP_HOST does the others. */
.macro SWITCH_FORGET_GUEST
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%esi, %esi
	xor	%edi, %edi
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
.endm

#endif
