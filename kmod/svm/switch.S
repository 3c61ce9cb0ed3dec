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

#include "../switch.h"

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
	SWITCH_PUSH_HOST
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
	SWITCH_LOAD_GUEST %rdi
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
	SWITCH_STORE_GUEST %rdi
	add	$8, %rsp
	pop	%rax
	vmload	%rax

	/* The return stack buffer holds what the guest put there. */
	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT
	/* As does the predictor of returns, and on some CPUs that of all branches. */
	UNTRAIN_RET_VM

	SWITCH_FORGET_GUEST
	SWITCH_POP_HOST
	stgi
	RET
SYM_FUNC_END(svm_switch)
