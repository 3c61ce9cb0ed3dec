// SPDX-License-Identifier: GPL-2.0
/*
 * The runtime's C half: output, the run of the cases, the exit. Output goes
 * to the debug console, port 0xe9, or with `serial` on the command line to
 * COM1. A case that traps where it did not say so has failed; the next one
 * runs all the same.
 */
#include "guest.h"
#include "multiboot.h"

#define PORT_DEBUG	0xe9
#define PORT_EXIT	0xf4
#define PORT_COM1	0x3f8

static bool to_serial;
static u32 failed_cases, passed_cases, skipped_cases;
static const char *case_name;
static bool case_failed, case_skipped;
static u32 case_tries;			/* still to come */

void *memset(void *p, int c, size_t n)
{
	void *at = p;

	asm volatile("rep stosb" : "+D"(at), "+c"(n) : "a"(c) : "memory");
	return p;
}

void *memcpy(void *to, const void *from, size_t n)
{
	void *at = to;

	asm volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(n) :: "memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (; n; n--, x++, y++) {
		if (*x != *y)
			return *x - *y;
	}
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++)
		;
	return (u8)*a - (u8)*b;
}

static void put(char c)
{
	if (!to_serial) {
		outb(PORT_DEBUG, c);
		return;
	}
	while (!(inb(PORT_COM1 + 5) & 0x20))
		;
	outb(PORT_COM1, c);
}

static void put_number(u64 v, unsigned int base, int width, char pad)
{
	char digits[24];
	int n = 0;

	do {
		digits[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	for (; width > n; width--)
		put(pad);
	while (n)
		put(digits[--n]);
}

/* %d %u %x with l, a width and 0; %s %c %%. */
void printf(const char *fmt, ...)
{
	__builtin_va_list ap;

	__builtin_va_start(ap, fmt);
	for (; *fmt; fmt++) {
		char pad = ' ';
		int width = 0;
		bool wide = false;

		if (*fmt != '%') {
			put(*fmt);
			continue;
		}
		if (*++fmt == '0')
			pad = '0';
		for (; *fmt >= '0' && *fmt <= '9'; fmt++)
			width = width * 10 + *fmt - '0';
		for (; *fmt == 'l'; fmt++)
			wide = true;
		if (*fmt == 's') {
			for (const char *s = __builtin_va_arg(ap, const char *); *s; s++)
				put(*s);
		} else if (*fmt == 'c') {
			put(__builtin_va_arg(ap, int));
		} else if (*fmt == '%') {
			put('%');
		} else {
			u64 v = wide ? __builtin_va_arg(ap, u64) : __builtin_va_arg(ap, u32);
			u64 sign = wide ? v >> 63 : v >> 31 & 1;

			if (*fmt == 'd' && sign) {
				put('-');
				v = wide ? -v : (u32)-v;
			}
			put_number(v, *fmt == 'x' ? 16 : 10, width, pad);
		}
	}
	__builtin_va_end(ap);
}

void guest_exit(u32 status)
{
	for (;;)
		outl(PORT_EXIT, status);
}

static const char *cmdline(void)
{
	const struct multiboot_info *mbi = (void *)(u64)multiboot_info;

	return mbi->flags & MULTIBOOT_CMDLINE ? (void *)(u64)mbi->cmdline : "";
}

const char *cmdline_get(const char *key)
{
	size_t n = strlen(key);

	for (const char *p = cmdline(); *p; p++) {
		if ((p == cmdline() || p[-1] == ' ') && !memcmp(p, key, n))
			return p + n;
	}
	return NULL;
}

void cmdline_get_hex(const char *key, u16 *value)
{
	const char *s = cmdline_get(key);

	if (!s)
		return;
	for (*value = 0; *s && *s != ' '; s++)
		*value = *value << 4 | (*s <= '9' ? *s - '0' : *s - 'a' + 10);
}

/* @name is in @list, whose names end in a comma, a space or the end. */
static bool listed(const char *list, const char *name)
{
	size_t n = strlen(name);

	while (list && *list && *list != ' ') {
		if (!memcmp(list, name, n) && (!list[n] || list[n] == ' ' || list[n] == ','))
			return true;
		while (*list && *list != ' ' && *list++ != ',')
			;
	}
	return false;
}

/* `only=` and `without=` on the command line choose among the cases. */
bool case_begin(const char *name)
{
	case_name = name;
	case_failed = case_skipped = false;
	if (listed(cmdline_get("without="), name)) {
		printf("skip %s: the command line says so\n", name);
		skipped_cases++;
		return false;
	}
	return !cmdline_get("only=") || listed(cmdline_get("only="), name);
}

void case_end(void)
{
	if (case_skipped) {
		skipped_cases++;
	} else if (case_failed) {
		failed_cases++;
	} else {
		passed_cases++;
		printf("ok %s\n", case_name);
	}
}

void case_skip(const char *reason)
{
	case_skipped = true;
	printf("skip %s: %s\n", case_name, reason);
}

/* How the line of a failure begins. */
static const char *case_fail(void)
{
	case_failed = true;
	return case_tries ? "     once more:" : "FAIL";
}

bool expect(const char *what, u64 got, u64 want)
{
	if (got == want)
		return true;
	printf("%s %s: %s: expected 0x%lx got 0x%lx\n", case_fail(), case_name, what, want, got);
	return false;
}

bool expect_true(const char *what, bool ok)
{
	return expect(what, ok, true);
}

bool expect_range(const char *what, u64 got, u64 low, u64 high)
{
	if (got >= low && got <= high)
		return true;
	printf("%s %s: %s: expected %lu to %lu got %lu\n", case_fail(), case_name, what, low, high,
	       got);
	return false;
}

static void case_run(void *arg)
{
	const struct guest_case *c = arg;

	c->run();
}

static void case_try(const struct guest_case *c)
{
	int vector;

	case_failed = case_skipped = false;
	vector = trap_call(case_run, (void *)c);
	cli();
	if (vector != NO_TRAP)
		printf("%s %s: expected no trap got vector %d error 0x%lx rip 0x%lx cr2 0x%lx\n",
		       case_fail(), c->name, vector, trap_last.error, trap_last.rip, trap_last.cr2);
}

void cases_run(const struct guest_case *cases, size_t n)
{
	for (const struct guest_case *c = cases; c < cases + n; c++) {
		const char *reason = c->skip ? c->skip() : NULL;

		if (!case_begin(c->name))
			continue;
		if (reason) {
			case_skip(reason);
			case_end();
			continue;
		}
		case_tries = c->tries ? c->tries : 1;
		do {
			case_tries--;
			case_try(c);
		} while (case_failed && case_tries);
		case_tries = 0;
		case_end();
	}
}

static void pic_quiet(void)
{
	static const struct { u16 port; u8 value; } script[] = {
		{ 0x20, 0x11 }, { 0x21, 0x20 }, { 0x21, 0x04 }, { 0x21, 0x01 }, { 0x21, 0xff },
		{ 0xa0, 0x11 }, { 0xa1, 0x28 }, { 0xa1, 0x02 }, { 0xa1, 0x01 }, { 0xa1, 0xff },
	};

	for (size_t i = 0; i < ARRAY_SIZE(script); i++)
		outb(script[i].port, script[i].value);
}

void guest_start(void);
void guest_start(void)
{
	/* Only a good magic makes the pointer to the command line one. */
	to_serial = multiboot_magic == MULTIBOOT_MAGIC && cmdline_get("serial");
	if (to_serial) {
		outb(PORT_COM1 + 1, 0);		/* no interrupts */
		outb(PORT_COM1 + 3, 3);		/* 8 bits, no parity */
	}
	idt_load();
	write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_DE);
	asm volatile("fninit");
	pic_quiet();
	guest_main();
	printf("done: %u ok, %u failed, %u skipped\n", passed_cases, failed_cases, skipped_cases);
	guest_exit(min(failed_cases, 99u));
}
