/* SPDX-License-Identifier: GPL-2.0 */
/* Selectors and addresses that C and assembly share. */
#ifndef GUEST_LAYOUT_H
#define GUEST_LAYOUT_H

/* The order serves SYSCALL/SYSRET and SYSENTER/SYSEXIT alike. */
#define SEL_CODE64	0x08
#define SEL_DATA	0x10
#define SEL_UCODE32	0x1b
#define SEL_UDATA	0x23
#define SEL_UCODE64	0x2b
#define SEL_UDATA2	0x33
#define SEL_CODE32	0x38
#define SEL_CODE16	0x40	/* base 64 KiB, limit 64 KiB */
#define SEL_DATA16	0x48
#define SEL_TSS		0x50	/* two slots */
#define SEL_FREE	0x60	/* eight slots for the cases */
#define GDT_SLOTS	20

#define RM_BASE		0x10000	/* the copy of the image's first 64 KiB */
#define RM_STACK	0xfff0	/* offset in that segment */
#define IMAGE_BASE	0x100000

/* Where other CPUs start, and where they put what they found there. */
#define AP_STATE	0x7000
#define AP_GDT_PTR	0x7e00
#define AP_STACK	0x8000	/* grows down; a few bytes */
#define AP_PAGE		0x8000	/* SIPI vector 8 */
#define AP_PAGE2	0x9000	/* and the same once more */
#define CPU_AREAS	0x1800000	/* struct cpu and its stack, by APIC ID */
#define CPU_AREA_SIZE	0x4000
#define CPU_MAX		255

#define VEC_USER_DONE	0x80	/* `int` by which ring 3 comes home */

#endif
