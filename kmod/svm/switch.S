/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The world switch of AMD-V.
 *
 * VMRUN changes RAX, RSP, RIP, RFLAGS and what is in the VMCB's save area;
 * VMLOAD and VMSAVE do FS, GS, TR, LDTR and the system call MSRs; the other
 * general registers are ours. Until the host's VMLOAD is done, GS is the
 * guest's: nothing of the kernel may run, so GIF is cleared around all of it.
 * None of it can fault: who turns SVM off does so by an interrupt, which waits.
 */
#include <linux/linkage.h>
#include <asm/alternative.h>
#include <asm/cpufeatures.h>
#include <asm/nospec-branch.h>

#define GPR(n)	((n) * 8)
#define RCX	1
#define RDX	2
#define RBX	3
#define RBP	5
#define RSI	6
#define RDI	7

#ifndef UNTRAIN_RET_VM
.macro UNTRAIN_RET_VM
	CALL_UNTRAIN_RET
	ALTERNATIVE "", "call entry_ibpb", X86_FEATURE_IBPB_ON_VMEXIT
.endm
#endif

#ifndef VM_CLEAR_CPU_BUFFERS
#define VM_CLEAR_CPU_BUFFERS CLEAR_CPU_BUFFERS
#endif

	.text

/* void svm_switch(u64 *gprs, phys_addr_t guest_vmcb, phys_addr_t host_vmcb) */
SYM_FUNC_START(svm_switch)
	push	%rbp
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
	push	%rdx			/* host_vmcb, back in RAX after the exit */
	push	%rdi			/* gprs */

	clgi
	/* Where the divider keeps what the host divided last: 0 / 1. */
	ALTERNATIVE "jmp .Lno_divider", "", X86_BUG_DIV0
	xor	%eax, %eax
	xor	%edx, %edx
	mov	$1, %ecx
	div	%ecx
.Lno_divider:
	mov	%rsi, %rax		/* VMRUN wants the VMCB in RAX; the guest's RAX is in it */
	mov	GPR(RCX)(%rdi), %rcx
	mov	GPR(RDX)(%rdi), %rdx
	mov	GPR(RBX)(%rdi), %rbx
	mov	GPR(RBP)(%rdi), %rbp
	mov	GPR(RSI)(%rdi), %rsi
	mov	GPR(8)(%rdi), %r8
	mov	GPR(9)(%rdi), %r9
	mov	GPR(10)(%rdi), %r10
	mov	GPR(11)(%rdi), %r11
	mov	GPR(12)(%rdi), %r12
	mov	GPR(13)(%rdi), %r13
	mov	GPR(14)(%rdi), %r14
	mov	GPR(15)(%rdi), %r15
	mov	GPR(RDI)(%rdi), %rdi

	/* With RFLAGS.IF clear a physical interrupt would wait for the guest. */
	sti
	vmload	%rax
	/* Buffers of the CPU that the guest could sample: VERW, where it helps. */
	VM_CLEAR_CPU_BUFFERS
	vmrun	%rax
	vmsave	%rax
	cli

	/* RSP is the host's again: gprs on top, host_vmcb below. */
	mov	%rdi, %rax
	mov	(%rsp), %rdi
	mov	%rax, GPR(RDI)(%rdi)
	mov	%rcx, GPR(RCX)(%rdi)
	mov	%rdx, GPR(RDX)(%rdi)
	mov	%rbx, GPR(RBX)(%rdi)
	mov	%rbp, GPR(RBP)(%rdi)
	mov	%rsi, GPR(RSI)(%rdi)
	mov	%r8,  GPR(8)(%rdi)
	mov	%r9,  GPR(9)(%rdi)
	mov	%r10, GPR(10)(%rdi)
	mov	%r11, GPR(11)(%rdi)
	mov	%r12, GPR(12)(%rdi)
	mov	%r13, GPR(13)(%rdi)
	mov	%r14, GPR(14)(%rdi)
	mov	%r15, GPR(15)(%rdi)
	add	$8, %rsp
	pop	%rax
	vmload	%rax

	/* The return stack buffer holds what the guest put there. */
	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT
	/* As does the predictor of returns, and on some CPUs that of all branches. */
	UNTRAIN_RET_VM

	/* No guest value is left for speculation to use. */
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%esi, %esi
	xor	%edi, %edi
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	pop	%rbx
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rbp
	stgi
	RET
SYM_FUNC_END(svm_switch)
