// SPDX-License-Identifier: GPL-2.0
/*
 * A guest that does nothing but end, in the way the command line says:
 * `end=NAME` of the table below, `exit=N` with the debug exit's status.
 * What `vmm run` makes of it stands beside each.
 */
#include "lib/smp.h"

static void no_idt(void)
{
	static const struct { u16 limit; u64 base; } __attribute__((packed)) none = { 0, 0 };

	asm volatile("lidt %0" :: "m"(none));
}

static void end_triple(void)
{
	no_idt();
	asm volatile("ud2");
}

/* The guest's own handlers are there, but their stack is not. */
static void end_stack(void)
{
	idt[DF].ist = 0;
	asm volatile("mov $0x800000000, %rsp; push %rax");
}

static void end_halt(void)
{
	for (;;)
		asm volatile("cli; hlt");
}

static void halt(void *arg)
{
	end_halt();
}

static void halt_late(void *arg)
{
	sleep_us(200000);
	end_halt();
}

static void init_late(void *arg)
{
	sleep_us(200000);
	cpu_init(cpu_index());
	end_halt();
}

static void init_first(void *arg)
{
	cpu_init(0);
	end_halt();
}

/* All CPUs but the first do this. */
static void others(void (*fn)(void *))
{
	smp_init();
	for (u32 i = 1; i < cpus; i++) {
		if (!cpu_start(i))
			guest_exit(98);
		cpu_post(i, fn, NULL);
	}
}

static void end_halt_all(void)
{
	others(halt);
	sleep_us(200000);
	end_halt();
}

static void end_halt_late(void)
{
	others(halt_late);
	end_halt();
}

static void end_init_late(void)
{
	others(init_late);
	end_halt();
}

/* It begins anew where it did after power-up; there is no firmware. */
static void end_init_first(void)
{
	others(init_first);
	for (;;)
		asm volatile("pause");
}

/* The first CPU alone goes on, and is not disturbed. */
static void end_halt_others(void)
{
	others(halt);
	sleep_us(700000);
	guest_exit(5);
}

static void end_loop(void)
{
	for (;;)
		asm volatile("pause");
}

static void end_keyboard(void)
{
	outb(0x64, 0xfe);
	end_halt();
}

static void end_cf9(void)
{
	outb(0xcf9, 0x02);
	outb(0xcf9, 0x06);
	end_halt();
}

static void end_fast_a20(void)
{
	outb(0x92, inb(0x92) | 1);
	end_halt();
}

/* "SLP_TYPx" 5 is S5 in the firmware's tables, SLP_EN is bit 13. */
static void end_poweroff(void)
{
	outw(0x604, 5 << 10 | 1 << 13);
	end_halt();
}

/* pvpanic: bit 0 says that the guest panicked. */
static void end_pvpanic(void)
{
	outb(0x505, 1);
	end_halt();
}

static void end_panic_line(void)
{
	printf("Kernel panic - not syncing: a test\n");
	end_halt();
}

static const struct {
	const char *name;
	void (*end)(void);
} endings[] = {
	{ "triple", end_triple },		/* 121 */
	{ "stack", end_stack },			/* 121 */
	{ "halt", end_halt },			/* 121 */
	/* with more CPUs than one */
	{ "halt-all", end_halt_all },		/* 121 */
	{ "halt-late", end_halt_late },		/* 121 */
	{ "init-late", end_init_late },		/* 121 */
	{ "init-first", end_init_first },	/* 121 */
	{ "halt-others", end_halt_others },	/* 5 */
	{ "loop", end_loop },			/* 124 with a timeout */
	{ "keyboard", end_keyboard },		/* 122 */
	{ "cf9", end_cf9 },			/* 122 */
	{ "fast-a20", end_fast_a20 },		/* 122 */
	{ "poweroff", end_poweroff },		/* 0 */
	{ "pvpanic", end_pvpanic },		/* 120 */
	{ "panic-line", end_panic_line },	/* 120, with `serial` */
};

static u32 number(const char *s)
{
	u32 n = 0;

	for (; *s >= '0' && *s <= '9'; s++)
		n = n * 10 + *s - '0';
	return n;
}

/* `width=1` or `width=2` writes fewer bytes than four. */
static void exit_with(u32 status)
{
	const char *width = cmdline_get("width=");

	if (width && *width == '1')
		outb(0xf4, status);
	else if (width && *width == '2')
		outw(0xf4, status);
	guest_exit(status);
}

void guest_main(void)
{
	const char *status = cmdline_get("exit="), *end = cmdline_get("end=");

	if (status)
		exit_with(number(status));
	for (size_t i = 0; end && i < ARRAY_SIZE(endings); i++) {
		size_t n = strlen(endings[i].name);

		if (!memcmp(end, endings[i].name, n) && (!end[n] || end[n] == ' '))
			endings[i].end();
	}
	printf("FAIL ending: the command line names no known end= or exit=\n");
	guest_exit(99);
}
