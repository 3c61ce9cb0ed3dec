/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The world switch of VT-x.
 *
 * VMLAUNCH and VMRESUME change RSP, RIP, RFLAGS and what else is in the VMCS;
 * the other general registers are ours. An exit arrives at vmx_switch_exit
 * with HOST_RSP, which is written only when the stack is another than before.
 * The caller holds interrupts off; an NMI may come at any time and finds the
 * kernel's state, as the CPU loads GS with the exit.
 */
#include <linux/linkage.h>
#include <asm/asm.h>
#include <asm/cpufeatures.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>
#include <asm/percpu.h>
#include <asm/segment.h>
#include <asm/unwind_hints.h>

#define GPR(n)	((n) * 8)
#define RAX	0
#define RCX	1
#define RDX	2
#define RBX	3
#define RBP	5
#define RSI	6
#define RDI	7

#define FIELD_HOST_RSP	0x6c14

	.text

/* bool vmx_switch(u64 *gprs, u64 *host_rsp, bool launched) */
SYM_FUNC_START(vmx_switch)
	push	%rbp
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
	push	%rdi			/* gprs */

	cmp	%rsp, (%rsi)
	je	1f
	mov	$FIELD_HOST_RSP, %eax
	vmwrite	%rsp, %rax
	mov	%rsp, (%rsi)
1:
	bt	$0, %edx		/* CF: launched; none of the below changes it */
	mov	GPR(RAX)(%rdi), %rax
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

	/*
	 * Buffers of the CPU that the guest could sample: VERW, where it helps.
	 * For Intel's CPUs the kernel has one feature for user space and guests.
	 */
	CLEAR_CPU_BUFFERS
	jnc	.Llaunch

	UNWIND_HINT_SAVE
.Lresume:
	vmresume
	jmp	.Lrefused
.Llaunch:
	vmlaunch
	jmp	.Lrefused

	/* VMX operation was turned off under us: as if refused. */
	_ASM_EXTABLE(.Lresume, .Lrefused)
	_ASM_EXTABLE(.Llaunch, .Lrefused)

SYM_INNER_LABEL_ALIGN(vmx_switch_exit, SYM_L_GLOBAL)
	UNWIND_HINT_RESTORE
	ENDBR
	push	%rax
	mov	8(%rsp), %rax		/* gprs */
	pop	GPR(RAX)(%rax)
	mov	%rcx, GPR(RCX)(%rax)
	mov	%rdx, GPR(RDX)(%rax)
	mov	%rbx, GPR(RBX)(%rax)
	mov	%rbp, GPR(RBP)(%rax)
	mov	%rsi, GPR(RSI)(%rax)
	mov	%rdi, GPR(RDI)(%rax)
	mov	%r8,  GPR(8)(%rax)
	mov	%r9,  GPR(9)(%rax)
	mov	%r10, GPR(10)(%rax)
	mov	%r11, GPR(11)(%rax)
	mov	%r12, GPR(12)(%rax)
	mov	%r13, GPR(13)(%rax)
	mov	%r14, GPR(14)(%rax)
	mov	%r15, GPR(15)(%rax)
	xor	%ebx, %ebx		/* entered */

.Lout:
	add	$8, %rsp		/* gprs */
	/* The return stack buffer holds what the guest put there: before any RET. */
	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT, \
			   X86_FEATURE_RSB_VMEXIT_LITE

	/* Where predictions are not to outlive the guest, all of them are dropped. */
	ALTERNATIVE "", "call entry_ibpb", X86_FEATURE_IBPB_ON_VMEXIT

	/* Where IBRS guards the kernel, each exit asks for the write anew. */
	ALTERNATIVE "jmp .Lno_ibrs", "", X86_FEATURE_KERNEL_IBRS
	mov	PER_CPU_VAR(x86_spec_ctrl_current), %rdx
	mov	%edx, %eax
	shr	$32, %rdx
	mov	$MSR_IA32_SPEC_CTRL, %ecx
	wrmsr
	lfence
.Lno_ibrs:
#ifdef CONFIG_X86_64
	CLEAR_BRANCH_HISTORY_VMEXIT
#endif

	/* No guest value is left for speculation to use. */
	mov	%ebx, %eax
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
	RET

.Lrefused:
	mov	$1, %ebx
	jmp	.Lout
SYM_FUNC_END(vmx_switch)

/*
 * void vmx_switch_nmi(void): what the IDT would do for the NMI that ended the
 * guest, but on this stack. The handler's IRET also ends the blocking of NMIs.
 */
SYM_FUNC_START(vmx_switch_nmi)
	push	%rbp
	mov	%rsp, %rbp
	and	$-16, %rsp
	push	$__KERNEL_DS
	push	%rbp
	pushf
	push	$__KERNEL_CS
	call	VMX_NMI_HANDLER
	/* Its IRET has done that, but who checks stack frames cannot know. */
	mov	%rbp, %rsp
	pop	%rbp
	RET
SYM_FUNC_END(vmx_switch_nmi)
