// SPDX-License-Identifier: GPL-2.0
/*
 * CPUID says one thing in all its leaves, follows CR4 and the APIC where it
 * must, and agrees with what the CPU then does. `hypervisor` on the command
 * line means that the hypervisor's leaves must be there.
 */
#include "lib/apic.h"

#define MSR_XSS 0xda0

static void leaf_range(void)
{
	struct cpuid last;
	u32 max = cpuid(0, 0).eax, extended = cpuid(0x80000000, 0).eax;

	expect_true("standard", max >= 0xd || (max >= 1 && !cpu_has_xsave()));
	expect_true("extended", extended >= 0x80000008 && extended < 0x80000100);
	expect("standard, hidden sub-leaf is ignored", cpuid(0, 5).eax, max);
	/* Beyond the last: Intel gives the last leaf again, AMD zeros. */
	last = cpuid(0x80000000 - 1, 0);
	expect_true("beyond", !(last.eax | last.ebx | last.ecx | last.edx) ||
		    last.eax == cpuid(max, 0).eax);
}

static void vendor(void)
{
	struct cpuid a = cpuid(0, 0), b = cpuid(0x80000000, 0);
	bool amd = a.ebx == 0x68747541, intel = a.ebx == 0x756e6547;

	expect_true("known vendor", amd || intel);
	if (amd)
		expect("twice the same", a.ecx ^ a.edx, b.ecx ^ b.edx);
}

static void basic_features(void)
{
	static const u8 edx[] = { 0, 3, 4, 5, 6, 8, 9, 13, 15, 23, 24, 25, 26 };
	struct cpuid one = cpuid(1, 0), ext = cpuid(0x80000001, 0);

	for (size_t i = 0; i < ARRAY_SIZE(edx); i++)
		expect("feature a 64-bit CPU has", one.edx >> edx[i] & 1, 1);
	expect("long mode", ext.edx >> 29 & 1, 1);
	expect("SYSCALL", ext.edx >> 11 & 1, 1);
	expect("NX", ext.edx >> 20 & 1, 1);
}

static void address_sizes(void)
{
	u32 eax = cpuid(0x80000008, 0).eax;

	expect_range("physical", eax & 0xff, 36, 52);
	expect("linear", eax >> 8 & 0xff, cpuid7_ecx() & BIT(16) ? 57 : 48);
}

static const char *no_xsave(void) { return cpu_has_xsave() ? NULL : "no XSAVE"; }

static void osxsave(void)
{
	write_cr4(read_cr4() & ~CR4_OSXSAVE);
	expect("clear", cpuid(1, 0).ecx >> 27 & 1, 0);
	write_cr4(read_cr4() | CR4_OSXSAVE);
	expect("set", cpuid(1, 0).ecx >> 27 & 1, 1);
	write_cr4(read_cr4() & ~CR4_OSXSAVE);
	expect("clear again", cpuid(1, 0).ecx >> 27 & 1, 0);
}

static void apic_id(void)
{
	u32 id = cpuid(1, 0).ebx >> 24;

	expect("leaf 1", id, apic_read(APIC_ID) >> 24);
	if (cpuid(0, 0).eax >= 0xb && cpuid(0xb, 0).ebx)
		expect("leaf 0xb", cpuid(0xb, 0).edx, id);
}

static void hypervisor(void)
{
	struct cpuid h = cpuid(0x40000000, 0);

	expect("bit", cpuid(1, 0).ecx >> 31, 1);
	expect_range("last leaf", h.eax, 0x40000000, 0x400000ff);
	expect_true("signature", h.ebx && h.ecx && h.edx);
}

static const char *not_told(void)
{
	return cmdline_get("hypervisor") ? NULL : "not told to expect a hypervisor";
}

/* CR4 bits of features that are absent are reserved; the present ones work. */
static void cr4_follows(void)
{
	static const struct { u32 ebx, ecx; u64 cr4; } rows[] = {
		{ BIT(0), 0, CR4_FSGSBASE },
		{ BIT(7), 0, CR4_SMEP },
		{ 0, BIT(2), CR4_UMIP },
	};

	/* SMEP would stop this very code, whose pages are the user's. */
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		u64 old = read_cr4();

		if (rows[i].cr4 == CR4_SMEP)
			continue;
		if ((cpuid7_ebx() & rows[i].ebx) || (cpuid7_ecx() & rows[i].ecx)) {
			write_cr4(old | rows[i].cr4);
			expect("set", read_cr4() & rows[i].cr4, rows[i].cr4);
			write_cr4(old);
		}
	}
}

static u64 xcr0_offered(void)
{
	struct cpuid d = cpuid(0xd, 0);

	return d.eax | (u64)d.edx << 32;
}

static void xsave_sizes(void)
{
	u64 offered = xcr0_offered();
	u32 top = 576;

	write_cr4(read_cr4() | CR4_OSXSAVE);
	xsetbv(0, 1);
	expect("size for x87", cpuid(0xd, 0).ebx, 576);
	for (u32 i = 2; i < 63; i++) {
		struct cpuid part;

		if (!(offered >> i & 1))
			continue;
		part = cpuid(0xd, i);
		expect_true("part has a size", part.eax);
		expect_true("part has a place", part.ebx >= 576);
		if (part.ebx + part.eax > top)
			top = part.ebx + part.eax;
	}
	expect("size of all", cpuid(0xd, 0).ecx, top);
	xsetbv(0, offered);
	expect("size of all that is on", cpuid(0xd, 0).ebx, top);
	xsetbv(0, 1);
	write_cr4(read_cr4() & ~CR4_OSXSAVE);
}

static const char *no_xsavec(void)
{
	return cpu_has_xsave() && cpuid(0xd, 1).eax & BIT(1) ? NULL : "no XSAVEC";
}

/* "XSAVE Area, Compacted Format": one behind the other, some aligned; no supervisor states. */
static void compacted_sizes(void)
{
	u64 offered = xcr0_offered();
	u32 size = 576;

	write_cr4(read_cr4() | CR4_OSXSAVE);
	xsetbv(0, 1);
	expect("size for x87", cpuid(0xd, 1).ebx, 576);
	for (u32 i = 2; i < 63; i++) {
		if (!(offered >> i & 1))
			continue;
		if (cpuid(0xd, i).ecx & 2)
			size = (size + 63) & ~63U;
		size += cpuid(0xd, i).eax;
	}
	xsetbv(0, offered);
	expect("size of all that is on", cpuid(0xd, 1).ebx, size);
	xsetbv(0, 1);
	write_cr4(read_cr4() & ~CR4_OSXSAVE);
}

/* IA32_XSS comes with XSAVES, and takes what CPUID names. */
static void xss(void)
{
	struct cpuid one = cpuid(0xd, 1);
	u64 value = 1;

	if (!cpu_has_xsave() || !(one.eax & BIT(3))) {
		expect("without XSAVES", rdmsr_safe(MSR_XSS, &value), GP);
		return;
	}
	expect("read", rdmsr_safe(MSR_XSS, &value), NO_TRAP);
	expect("at first", value, 0);
	expect("0", wrmsr_safe(MSR_XSS, 0), NO_TRAP);
	expect("a user state", wrmsr_safe(MSR_XSS, 2), GP);
	expect("no state", wrmsr_safe(MSR_XSS, BIT(62)), GP);
}

/* "XSETBV": what XCR0 and its index refuse. */
static void xsetbv_rules(void)
{
	u64 offered = xcr0_offered();
	const struct { u32 index; u64 value; bool fine; } rows[] = {
		{ 0, 1, true },
		{ 0, 3, true },
		{ 0, 0, false },			/* x87 is always on */
		{ 0, 2, false },
		{ 0, 5, false },			/* AVX without SSE */
		{ 0, 7, offered & 4 },
		{ 0, 0x23, false },			/* AVX-512 in part */
		{ 0, 0xe7, (offered & 0xe0) == 0xe0 },
		{ 0, 0xe3, false },			/* AVX-512 without AVX */
		{ 0, 0x0b, false },			/* MPX in part */
		{ 0, offered, true },
		{ 0, BIT(63) | 1, false },
		{ 0, 1 | BIT(40), false },
		{ 1, 1, false },
		{ 0x80000000, 1, false },
	};

	write_cr4(read_cr4() | CR4_OSXSAVE);
	xsetbv(0, 1);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!expect("xsetbv", xsetbv_safe(rows[i].index, rows[i].value),
			    rows[i].fine ? NO_TRAP : GP))
			printf("     XCR%u = 0x%lx\n", rows[i].index, rows[i].value);
		else
			expect("xgetbv", xgetbv(0), rows[i].fine ? rows[i].value : 1);
		xsetbv(0, 1);
	}
	write_cr4(read_cr4() & ~CR4_OSXSAVE);
}

static void xgetbv_body(void *arg)
{
	xgetbv(5);
}

static void xgetbv_index(void)
{
	write_cr4(read_cr4() | CR4_OSXSAVE);
	expect("index 5", trap_call(xgetbv_body, NULL), GP);
	write_cr4(read_cr4() & ~CR4_OSXSAVE);
}

static void rdtscp_body(void *arg)
{
	u32 lo, hi, aux;

	asm volatile("rdtscp" : "=a" (lo), "=d" (hi), "=c" (aux));
}

static void rdpid_body(void *arg)
{
	u64 aux;

	asm volatile("rdpid %0" : "=r" (aux));
}

/* Type 2: everything, the global pages as well. */
static void invpcid_body(void *arg)
{
	u64 what[2] = { 0 };

	asm volatile("invpcid %0, %1" : : "m" (what), "r" (2UL) : "memory");
}

/* A hypervisor can forbid these one by one, and what CPUID offers must run. */
static void instructions_run(void)
{
	const struct { const char *name; bool offered; void (*body)(void *arg); } rows[] = {
		{ "RDTSCP", cpuid(0x80000001, 0).edx & BIT(27), rdtscp_body },
		{ "RDPID", cpuid7_ecx() & BIT(22), rdpid_body },
		{ "INVPCID", cpuid7_ebx() & BIT(10), invpcid_body },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].offered)
			expect(rows[i].name, trap_call(rows[i].body, NULL), NO_TRAP);
	}
}

/* Leaves 2 to 4 or 0x8000001d and 0xb: the walk along the sub-leaves ends. */
static void sub_leaves_end(void)
{
	u32 i = 0;

	if (cpuid(0, 0).eax >= 4 && cpuid(4, 0).eax & 0x1f) {
		while (i < 32 && cpuid(4, i).eax & 0x1f)
			i++;
		expect_true("leaf 4", i < 32);
	}
	if (cpuid(0, 0).eax >= 0xb) {
		for (i = 0; i < 32 && cpuid(0xb, i).ecx >> 8 & 0xff; i++)
			expect("leaf 0xb, ECX", cpuid(0xb, i).ecx & 0xff, i);
		expect_true("leaf 0xb", i < 32);
	}
}

/* Never shown by this hypervisor; a bare machine may have them. */
static void nothing_nested(void)
{
	expect("VMX", cpuid(1, 0).ecx >> 5 & 1, 0);
	expect("SMX", cpuid(1, 0).ecx >> 6 & 1, 0);
	expect("SVM", cpuid(0x80000001, 0).ecx >> 2 & 1, 0);
}

/* The same on every call, with exits and all. */
static void stable(void)
{
	struct cpuid a = cpuid(1, 0), b;

	for (int i = 0; i < 50; i++) {
		b = cpuid(1, 0);
		if (memcmp(&a, &b, sizeof(a))) {
			expect("round", i, 50);
			return;
		}
	}
}

static const struct guest_case cases[] = {
	{ "leaf-range", leaf_range },
	{ "vendor", vendor },
	{ "basic-features", basic_features },
	{ "address-sizes", address_sizes },
	{ "osxsave", osxsave, no_xsave },
	{ "apic-id", apic_id },
	{ "hypervisor", hypervisor, not_told },
	{ "nothing-nested", nothing_nested, not_told },
	{ "cr4-follows", cr4_follows },
	{ "xsave-sizes", xsave_sizes, no_xsave },
	{ "compacted-sizes", compacted_sizes, no_xsavec },
	{ "xss", xss },
	{ "xsetbv", xsetbv_rules, no_xsave },
	{ "xgetbv-index", xgetbv_index, no_xsave },
	{ "instructions-run", instructions_run },
	{ "sub-leaves-end", sub_leaves_end },
	{ "stable", stable },
};

GUEST(cases)
