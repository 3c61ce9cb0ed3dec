// SPDX-License-Identifier: GPL-2.0
/*
 * What the loader owes a multiboot 1 image: the magic, the memory map, the
 * command line and the modules. `modules=N` on the command line says how
 * many modules were given; module I holds the line `module I` and its own
 * command line ends in `argI`.
 */
#include "lib/guest.h"
#include "lib/multiboot.h"

static const struct multiboot_info *info(void)
{
	return (void *)(u64)multiboot_info;
}

static void magic(void)
{
	expect("eax", multiboot_magic, MULTIBOOT_MAGIC);
	expect("flags", info()->flags & (MULTIBOOT_MEMORY | MULTIBOOT_CMDLINE | MULTIBOOT_MMAP),
	       MULTIBOOT_MEMORY | MULTIBOOT_CMDLINE | MULTIBOOT_MMAP);
}

/* RAM ranges are in the map, do not overlap, and hold this image. */
static void memory_map(void)
{
	u64 at = info()->mmap_addr, end = at + info()->mmap_length, ram = 0, last = 0;
	bool image = false;

	while (at < end) {
		const struct multiboot_mmap *m = (void *)at;

		if (m->type == 1) {
			expect_true("ranges rise", m->base >= last);
			last = m->base + m->length;
			ram += m->length;
			if (m->base <= IMAGE_BASE && last >= (u64)image_end)
				image = true;
		}
		at += m->size + 4;
	}
	expect("end of map", at, end);
	expect_true("image in RAM", image);
	expect_true("16 MiB of RAM or more", ram >= 16 << 20);
}

static void memory_sizes(void)
{
	expect_range("mem_lower", info()->mem_lower, 512, 640);
	expect_true("mem_upper", info()->mem_upper >= 15 << 10);
}

/* The last MiB that the sizes promise is there. */
static void memory_works(void)
{
	volatile u32 *top = (void *)((u64)(info()->mem_upper + 1024 - 4) << 10);
	u32 old = *top;

	*top = 0x5aa5c33c;
	expect("top of memory", *top, 0x5aa5c33c);
	*top = old;
}

static void modules(void)
{
	const struct multiboot_module *mod = (void *)(u64)info()->mods_addr;
	u32 n = cmdline_get("modules=")[0] - '0';
	char line[] = "module 0", arg[] = "arg0";

	if (n)
		expect("flag", info()->flags & MULTIBOOT_MODS, MULTIBOOT_MODS);
	expect("count", info()->flags & MULTIBOOT_MODS ? info()->mods_count : 0, n);
	for (u32 i = 0; i < n && i < info()->mods_count; i++, mod++) {
		const char *cmd = (void *)(u64)mod->cmdline;

		line[7] = arg[3] = '0' + i;
		expect("start is page-aligned", mod->start & 0xfff, 0);
		expect_true("start past the image", mod->start >= (u64)image_end);
		expect("length", mod->end - mod->start, 9);
		expect_true("content", !memcmp((void *)(u64)mod->start, line, 8));
		expect_true("command line",
			    strlen(cmd) >= 4 && !strcmp(cmd + strlen(cmd) - 4, arg));
	}
}

static const char *no_modules(void)
{
	return cmdline_get("modules=") ? NULL : "no modules= on the command line";
}

static const struct guest_case cases[] = {
	{ "magic", magic },
	{ "memory-map", memory_map },
	{ "memory-sizes", memory_sizes },
	{ "memory-works", memory_works },
	{ "modules", modules, no_modules },
};

GUEST(cases)
