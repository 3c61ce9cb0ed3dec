/* SPDX-License-Identifier: GPL-2.0 */
/* "Multiboot Specification version 0.6.96", Boot information format. */
#ifndef GUEST_MULTIBOOT_H
#define GUEST_MULTIBOOT_H

#define MULTIBOOT_MAGIC		0x2badb002
#define MULTIBOOT_MEMORY	0x1
#define MULTIBOOT_CMDLINE	0x4
#define MULTIBOOT_MODS		0x8
#define MULTIBOOT_MMAP		0x40

struct multiboot_info {
	u32 flags;
	u32 mem_lower, mem_upper;	/* KiB */
	u32 boot_device;
	u32 cmdline;
	u32 mods_count, mods_addr;
	u32 syms[4];
	u32 mmap_length, mmap_addr;
};

struct multiboot_module {
	u32 start, end;
	u32 cmdline;
	u32 reserved;
};

struct multiboot_mmap {
	u32 size;			/* of what follows */
	u64 base, length;
	u32 type;			/* 1: RAM */
} __attribute__((packed));

#endif
