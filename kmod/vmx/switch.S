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

#include "../switch.h"

#define FIELD_HOST_RSP	0x6c14

	.text

/* bool vmx_switch(u64 *gprs, u64 *host_rsp, bool launched) */
SYM_FUNC_START(vmx_switch)
	SWITCH_PUSH_HOST
	push	%rdi			/* gprs */

	cmp	%rsp, (%rsi)
	je	1f
	mov	$FIELD_HOST_RSP, %eax
	vmwrite	%rsp, %rax
	mov	%rsp, (%rsi)
1:
	bt	$0, %edx		/* CF: launched; none of the below changes it */
	mov	GPR(RAX)(%rdi), %rax
	SWITCH_LOAD_GUEST %rdi
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
	mov	%rdi, GPR(RDI)(%rax)
	SWITCH_STORE_GUEST %rax
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

	mov	%ebx, %eax
	SWITCH_FORGET_GUEST
	SWITCH_POP_HOST
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
