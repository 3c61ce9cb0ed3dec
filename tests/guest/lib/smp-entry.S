/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a CPU gets from a SIPI to ap_main(): smp.c copies ap_begin to a page
 * below 1 MiB. Before anything else it writes down what INIT left in the
 * registers (struct ap_state), all of it relative to a DS and an SS of zero.
 */
#include "layout.h"

	.text
	.code16
	.globl	ap_begin, ap_end
ap_begin:
	mov	%eax, AP_STATE + 0x00
	mov	%ecx, AP_STATE + 0x04
	mov	%edx, AP_STATE + 0x08
	mov	%ebx, AP_STATE + 0x0c
	mov	%esp, AP_STATE + 0x10
	mov	%ebp, AP_STATE + 0x14
	mov	%esi, AP_STATE + 0x18
	mov	%edi, AP_STATE + 0x1c
	mov	$AP_STACK, %esp
	pushfl
	pop	%eax
	mov	%eax, AP_STATE + 0x20
	mov	%cr0, %eax
	mov	%eax, AP_STATE + 0x24
	mov	%cr2, %eax
	mov	%eax, AP_STATE + 0x28
	mov	%cr3, %eax
	mov	%eax, AP_STATE + 0x2c
	mov	%cr4, %eax
	mov	%eax, AP_STATE + 0x30
	mov	%dr6, %eax
	mov	%eax, AP_STATE + 0x34
	mov	%dr7, %eax
	mov	%eax, AP_STATE + 0x38
	mov	%dr0, %eax
	mov	%eax, AP_STATE + 0x3c
	mov	$0xc0000080, %ecx		/* EFER */
	rdmsr
	mov	%eax, AP_STATE + 0x40
	mov	%cs, AP_STATE + 0x44
	mov	%ds, AP_STATE + 0x46
	mov	%es, AP_STATE + 0x48
	mov	%ss, AP_STATE + 0x4a
	mov	%fs, AP_STATE + 0x4c
	mov	%gs, AP_STATE + 0x4e
	sgdtl	AP_STATE + 0x50
	sidtl	AP_STATE + 0x58

	lgdtl	AP_GDT_PTR
	mov	%cr0, %eax
	or	$1, %al
	mov	%eax, %cr0
	ljmpl	$SEL_CODE32, $ap_protected
ap_end:

	.code32
ap_protected:
	mov	$SEL_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%eax, %fs
	mov	%eax, %gs
	mov	$0x20, %eax			/* CR4.PAE */
	mov	%eax, %cr4
	mov	$pml4, %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx		/* EFER.LME, NXE, SCE */
	rdmsr
	or	$0x901, %eax
	wrmsr
	mov	$0x80010033, %eax		/* PG, WP, NE, ET, MP, PE */
	mov	%eax, %cr0
	ljmp	$SEL_CODE64, $ap_long

	.code64
ap_long:
	mov	%r8, AP_STATE + 0x60
	mov	%r15, AP_STATE + 0x68
	mov	$1, %eax
	cpuid
	shr	$24, %ebx			/* the APIC ID */
	mov	%ebx, %edi
	inc	%ebx
	imul	$CPU_AREA_SIZE, %ebx, %esp
	add	$CPU_AREAS, %rsp
	call	ap_main
1:	hlt
	jmp	1b
