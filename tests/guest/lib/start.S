/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From the multiboot 1 loader to guest_start() in long mode: the first 4 GiB
 * mapped one to one by 2 MiB pages, user-accessible so that ring 3 needs no
 * tables of its own; the top GiB, where devices are, uncached.
 */
#include "layout.h"

#define MB_FLAGS	3	/* page-aligned modules, memory map */

	.section .multiboot, "ax"
	.balign 4
	.long	0x1badb002, MB_FLAGS, -(0x1badb002 + MB_FLAGS)

	.text
	.code32
	.globl	_start
_start:
	cli
	cld
	mov	$stack_top, %esp
	mov	%eax, multiboot_magic
	mov	%ebx, multiboot_info

	mov	$pdpt + 7, %eax
	mov	%eax, pml4
	mov	$page_dirs + 7, %eax
	mov	$pdpt, %edi
	mov	$4, %ecx
1:	mov	%eax, (%edi)
	add	$4096, %eax
	add	$8, %edi
	loop	1b

	mov	$0x87, %eax			/* present, write, user, large */
	mov	$page_dirs, %edi
	mov	$2048, %ecx
2:	cmp	$0xc0000000, %eax
	jb	3f
	or	$0x18, %eax			/* PCD, PWT */
3:	mov	%eax, (%edi)
	add	$0x200000, %eax
	add	$8, %edi
	loop	2b

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
	lgdt	gdt_ptr
	ljmp	$SEL_CODE64, $4f

	.code64
4:	mov	$SEL_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%eax, %fs
	mov	%eax, %gs
	call	guest_start
5:	hlt
	jmp	5b

	.data
	.balign 8
	.globl	gdt, gdt_ptr, multiboot_magic, multiboot_info
gdt:
	.quad	0
	.quad	0x00af9b000000ffff		/* 64-bit code */
	.quad	0x00cf93000000ffff		/* data */
	.quad	0x00cffb000000ffff		/* user, 32-bit code */
	.quad	0x00cff3000000ffff		/* user data */
	.quad	0x00affb000000ffff		/* user, 64-bit code */
	.quad	0x00cff3000000ffff		/* user data */
	.quad	0x00cf9b000000ffff		/* 32-bit code */
	.quad	0x00009b010000ffff		/* 16-bit code at RM_BASE */
	.quad	0x000093010000ffff		/* 16-bit data at RM_BASE */
	.fill	GDT_SLOTS - 10, 8, 0
gdt_ptr:
	.word	GDT_SLOTS * 8 - 1
	.quad	gdt
multiboot_magic: .long 0
multiboot_info: .long 0

	.bss
	.balign 4096
	.globl	pml4, pdpt, page_dirs, stack_top
pml4:	.skip	4096
pdpt:	.skip	4096
page_dirs: .skip 4 * 4096
	.skip	32768
stack_top:
