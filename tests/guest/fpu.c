// SPDX-License-Identifier: GPL-2.0
/*
 * Vector and x87 registers hold what the guest put there, whatever exits come
 * in between: each register file is filled with a pattern, the exits are run,
 * and the file is stored and compared. A row is a register file times every
 * kind of exit. Then XSAVE's own rules.
 */
#include "lib/apic.h"

#define UNCLAIMED_MMIO	0xd0000000
#define TURNS		20

static u8 pattern[4096] __attribute__((aligned(64)));
static u8 stored[4096] __attribute__((aligned(64)));

/* --- exits that must leave the registers alone --------------------------------- */
static volatile u32 ticks;

static void on_tick(struct trap *t)
{
	ticks++;
	apic_eoi();
}

static void exit_out(void) { outb(0x80, 1); }
static void exit_cpuid(void) { cpuid(0, 0); }
static void exit_rdmsr(void) { rdmsr(MSR_APIC_BASE); }
static void exit_mmio(void) { mmio_read(UNCLAIMED_MMIO); }
static void exit_lapic(void) { apic_read(APIC_ID); }
static void exit_cr0(void) { write_cr0(read_cr0()); }

/* The host goes away for a while, and runs others with our registers. */
static void exit_hlt(void)
{
	apic_write(APIC_LVT_TIMER, 0x50);
	apic_write(APIC_TIMER_INIT, 100000);
	sti_hlt_cli();
}

/* Memory never touched: the page is made at the first access. */
static void exit_fresh_page(void)
{
	static u64 at = FREE_RAM;

	*(volatile u8 *)at = 1;
	at += PAGE_SIZE;
}

static void (*const exits[])(void) = {
	exit_out, exit_cpuid, exit_rdmsr, exit_mmio, exit_lapic, exit_cr0, exit_hlt,
	exit_fresh_page,
};

static void all_exits(void)
{
	trap_set(0x50, on_tick);
	apic_write(APIC_SVR, SVR_ENABLE | 0xff);
	apic_write(APIC_TIMER_DIV, 0xb);
	for (int i = 0; i < TURNS; i++) {
		for (size_t e = 0; e < ARRAY_SIZE(exits); e++)
			exits[e]();
	}
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
}

/* --- the register files ---------------------------------------------------------- */
#define EACH_8(m) m(0) m(1) m(2) m(3) m(4) m(5) m(6) m(7)
#define EACH_16(m) EACH_8(m) m(8) m(9) m(10) m(11) m(12) m(13) m(14) m(15)
#define EACH_32(m) EACH_16(m) m(16) m(17) m(18) m(19) m(20) m(21) m(22) m(23) \
	m(24) m(25) m(26) m(27) m(28) m(29) m(30) m(31)

#define LOAD(insn, reg, n, size) \
	asm volatile(insn " %0, %%" reg #n :: "m"(pattern[(n) * (size)]));
#define STORE(insn, reg, n, size) \
	asm volatile(insn " %%" reg #n ", %0" : "=m"(stored[(n) * (size)]));

#define MMX_IN(n) LOAD("movq", "mm", n, 8)
#define MMX_OUT(n) STORE("movq", "mm", n, 8)
#define SSE_IN(n) LOAD("movups", "xmm", n, 16)
#define SSE_OUT(n) STORE("movups", "xmm", n, 16)
#define AVX_IN(n) LOAD("vmovups", "ymm", n, 32)
#define AVX_OUT(n) STORE("vmovups", "ymm", n, 32)
#define ZMM_IN(n) LOAD("vmovups", "zmm", n, 64)
#define ZMM_OUT(n) STORE("vmovups", "zmm", n, 64)
#define MASK_IN(n) LOAD("kmovw", "k", n, 2)
#define MASK_OUT(n) STORE("kmovw", "k", n, 2)

static void mmx_load(void) { EACH_8(MMX_IN) }
static void mmx_store(void) { EACH_8(MMX_OUT) }
static void sse_load(void) { EACH_16(SSE_IN) }
static void sse_store(void) { EACH_16(SSE_OUT) }
static void avx_load(void) { EACH_16(AVX_IN) }
static void avx_store(void) { EACH_16(AVX_OUT) }
static void zmm_load(void) { EACH_32(ZMM_IN) }
static void zmm_store(void) { EACH_32(ZMM_OUT) }
static void mask_load(void) { EACH_8(MASK_IN) }
static void mask_store(void) { EACH_8(MASK_OUT) }

static void check_file(u64 xcr0, size_t size, void (*load)(void), void (*store)(void))
{
	for (size_t i = 0; i < size; i++)
		pattern[i] = i * 7 + (i >> 8) + 1;
	memset(stored, 0, sizeof(stored));
	if (xcr0) {
		write_cr4(read_cr4() | CR4_OSXSAVE);
		xsetbv(0, xcr0);
	}
	load();
	all_exits();
	store();
	asm volatile("emms");
	if (xcr0) {
		expect("XCR0", xgetbv(0), xcr0);
		xsetbv(0, 1);
		write_cr4(read_cr4() & ~CR4_OSXSAVE);
	}
	for (size_t i = 0; i < size; i++) {
		if (pattern[i] != stored[i]) {
			printf("     at byte %u\n", (u32)i);
			expect("register", stored[i], pattern[i]);
			return;
		}
	}
}

static bool xsave_offers(u64 bits)
{
	return cpu_has_xsave() && (cpuid(0xd, 0).eax & bits) == bits;
}

static const char *no_xsave(void) { return cpu_has_xsave() ? NULL : "no XSAVE"; }
static const char *no_avx(void) { return cpu_has_avx() && xsave_offers(4) ? NULL : "no AVX"; }
static const char *no_avx512(void) { return xsave_offers(0xe0) ? NULL : "no AVX-512"; }

static void mmx(void) { check_file(0, 64, mmx_load, mmx_store); }
static void sse(void) { check_file(0, 256, sse_load, sse_store); }
static void avx(void) { check_file(7, 512, avx_load, avx_store); }
static void zmm(void) { check_file(0xe7, 2048, zmm_load, zmm_store); }
static void masks(void) { check_file(0xe7, 16, mask_load, mask_store); }

static void x87_stack(void)
{
	u16 control = 0x0f7f, status = 0;
	u64 sum = 0;

	asm volatile("fninit; fldcw %0; fld1; fldpi; fldl2e; fldz" :: "m"(control));
	all_exits();
	control = 0;
	asm volatile("fnstcw %0; fnstsw %1" : "=m"(control), "=m"(status));
	expect("control word", control, 0x0f7f);
	expect("top of stack", status >> 11 & 7, 4);
	asm volatile("faddp; faddp; faddp; fistpll %0" : "=m"(sum));
	expect("sum, rounded to zero", sum, 5);	/* 0 + 1.44 + 3.14 + 1 */
	asm volatile("fninit");
}

static void mxcsr(void)
{
	u32 v = 0x7fa5, got = 0;

	asm volatile("ldmxcsr %0" :: "m"(v));
	all_exits();
	asm volatile("stmxcsr %0" : "=m"(got));
	expect("mxcsr", got, 0x7fa5);
	v = 0x1f80;
	asm volatile("ldmxcsr %0" :: "m"(v));
}

static void mxcsr_bad(void *arg)
{
	u32 v = 0x80001f80;

	asm volatile("ldmxcsr %0" :: "m"(v));
}

static void mxcsr_reserved(void)
{
	expect("vector", trap_call(mxcsr_bad, NULL), GP);
}

/* --- CR0.TS, the lazy switch of a guest kernel --------------------------------------- */
static u32 nm_hits;

static void on_nm(struct trap *t)
{
	nm_hits++;
	asm volatile("clts");
}

static void task_switched(void)
{
	u64 v = 0x123456789abcdef, got = 0;

	asm volatile("movq %0, %%xmm3" :: "m"(v));
	nm_hits = 0;
	trap_set(NM, on_nm);
	write_cr0(read_cr0() | CR0_TS);
	all_exits();
	expect("TS", read_cr0() & CR0_TS, CR0_TS);
	expect("not yet", nm_hits, 0);
	asm volatile("movq %%xmm3, %0" : "=m"(got));
	expect("once", nm_hits, 1);
	expect("xmm3", got, v);
	expect("TS", read_cr0() & CR0_TS, 0);
	asm volatile("lmsw %w0" :: "r"(read_cr0() | CR0_TS));
	expect("LMSW sets TS", read_cr0() & CR0_TS, CR0_TS);
	asm volatile("clts");
	expect("CLTS", read_cr0() & CR0_TS, 0);
	trap_set(NM, NULL);
}

/* --- FXSAVE and XSAVE ------------------------------------------------------------------ */
static void fxsave(void)
{
	for (int i = 0; i < 256; i++)
		pattern[i] = i;
	sse_load();
	asm volatile("fxsave %0" : "=m"(stored));
	expect("XMM0 to 15", memcmp(stored + 160, pattern, 256), 0);
	asm volatile("xorps %xmm5, %xmm5");
	asm volatile("fxrstor %0" :: "m"(stored));
	memset(stored, 0, 256);
	sse_store();
	expect("restored", memcmp(stored, pattern, 256), 0);
}

static void xsave_round(void)
{
	u32 offset = cpuid(0xd, 2).ebx;

	for (int i = 0; i < 512; i++)
		pattern[i] = i * 3;
	write_cr4(read_cr4() | CR4_OSXSAVE);
	xsetbv(0, 7);
	avx_load();
	memset(stored, 0, sizeof(stored));
	asm volatile("xsave %0" : "=m"(stored) : "a"(7), "d"(0));
	expect("header", *(u64 *)(stored + 512) & 6, 6);
	expect("low halves", memcmp(stored + 160, pattern, 16), 0);
	expect("high halves", memcmp(stored + offset, pattern + 16, 16), 0);
	asm volatile("vzeroall");
	all_exits();
	asm volatile("xrstor %0" :: "m"(stored), "a"(7), "d"(0));
	memset(stored, 0, 512);
	avx_store();
	expect("restored", memcmp(stored, pattern, 512), 0);
	xsetbv(0, 1);
	write_cr4(read_cr4() & ~CR4_OSXSAVE);
}

static void xrstor_body(void *arg)
{
	asm volatile("xrstor %0" :: "m"(stored), "a"(7), "d"(0));
}

static void xrstor_refuses(void)
{
	write_cr4(read_cr4() | CR4_OSXSAVE);
	xsetbv(0, 3);
	memset(stored, 0, sizeof(stored));
	stored[512] = 0x80;			/* a part that is not on */
	expect("XSTATE_BV", trap_call(xrstor_body, NULL), GP);
	stored[512] = 3;
	stored[24] = 0x80;
	stored[25] = 0x1f;
	expect("fine", trap_call(xrstor_body, NULL), NO_TRAP);
	xsetbv(0, 1);
	write_cr4(read_cr4() & ~CR4_OSXSAVE);
	asm volatile("fninit");
}

/* AVX off in XCR0: #UD, even while the registers hold something. */
static void avx_body(void *arg)
{
	asm volatile("vmovups %ymm0, %ymm1");
}

static void avx_without_xcr0(void)
{
	write_cr4(read_cr4() | CR4_OSXSAVE);
	xsetbv(0, 3);
	expect("off", trap_call(avx_body, NULL), UD);
	xsetbv(0, 7);
	expect("on", trap_call(avx_body, NULL), NO_TRAP);
	xsetbv(0, 1);
	write_cr4(read_cr4() & ~CR4_OSXSAVE);
	expect("no OSXSAVE", trap_call(avx_body, NULL), UD);
}

static const struct guest_case cases[] = {
	{ "mmx", mmx },
	{ "sse", sse },
	{ "avx", avx, no_avx },
	{ "avx512", zmm, no_avx512 },
	{ "avx512-masks", masks, no_avx512 },
	{ "x87-stack", x87_stack },
	{ "mxcsr", mxcsr },
	{ "mxcsr-reserved", mxcsr_reserved },
	{ "task-switched", task_switched },
	{ "fxsave", fxsave },
	{ "xsave", xsave_round, no_avx },
	{ "xrstor-refuses", xrstor_refuses, no_xsave },
	{ "avx-without-xcr0", avx_without_xcr0, no_avx },
};

GUEST(cases)
