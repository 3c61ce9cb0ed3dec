// SPDX-License-Identifier: GPL-2.0
/*
 * Microsoft's hypervisor interface, as its "Hypervisor Top-Level Functional
 * Specification" has it: every leaf, MSR and call, by the right and by the
 * wrong. What is not announced must not work: with `bare` on the command line
 * nothing may be announced but calls and indices, else everything must be, but
 * for what stands in `lacks=HEX` (leaf 0x40000003, EAX) and `hints=HEX` (leaf
 * 0x40000004, EAX).
 */
#include "lib/hyperv.h"
#include "lib/mode.h"
#include "lib/smp.h"

/* What there is if nothing is switched off; invariant TSC is there on request. */
#define ALL_EAX		(RUNTIME | REF_COUNTER | SYNIC | TIMERS | APIC | CALLS | VP_INDEX | \
			 RESET | TSC_PAGE | IDLE | FREQUENCIES)
#define ALL_EBX		EXTENDED
#define ALL_EDX		(FREQUENCY_REGS | CRASH_REGS | DIRECT_TIMERS)
#define ALL_HINTS	(HINT_FLUSH | HINT_APIC | HINT_RESET | HINT_RELAXED | \
			 HINT_NO_AUTO_EOI | HINT_IPI | HINT_EX)

#define VECTOR		0x60		/* and 0x70, which outranks it */

PAGE_OF(call_page);
PAGE_OF(assist_page);
PAGE_OF(input_page);
PAGE_OF(other_page);

static const char *alone(void) { return cpus < 2 ? "it takes two CPUs" : NULL; }
static const char *no_ref(void) { return has(REF_COUNTER) ? NULL : "no counter"; }
static const char *no_tsc_page(void) { return has(TSC_PAGE) ? NULL : "no page"; }
static const char *no_freq(void) { return has(FREQUENCIES) ? NULL : "no frequencies"; }
static const char *no_apic(void) { return has(APIC) ? NULL : "no APIC MSRs"; }
static const char *no_eoi(void) { return hinted(HINT_APIC) ? NULL : "no leave"; }
static const char *no_runtime(void) { return has(RUNTIME) ? NULL : "no runtime"; }
static const char *no_idle(void) { return has(IDLE) ? NULL : "no idling"; }
static const char *no_ipi(void) { return hinted(HINT_IPI) ? NULL : "no IPIs"; }
static const char *no_flush(void) { return hinted(HINT_FLUSH) ? NULL : "no flush"; }
static const char *no_idle_or_alone(void) { return no_idle() ? no_idle() : alone(); }
static const char *no_ipi_or_alone(void) { return no_ipi() ? no_ipi() : alone(); }
static const char *no_flush_or_alone(void) { return no_flush() ? no_flush() : alone(); }
static const char *no_invariant(void) { return has(TSC_INVARIANT) ? NULL : "not asked for"; }
static const char *no_extended(void)
{
	return cpuid(LEAF(3), 0).ebx & EXTENDED ? NULL : "no extended calls";
}

static const char *no_crash(void) { return has_edx(CRASH_REGS) ? NULL : "no crash MSRs"; }

/* --- leaves ---------------------------------------------------------------------- */
static void leaves(void)
{
	struct cpuid v = cpuid(LEAF(0), 0), f = cpuid(LEAF(3), 0), h = cpuid(LEAF(4), 0);
	bool bare = cmdline_get("bare");
	u16 lacks = 0, no_hints = 0;

	cmdline_get_hex("lacks=", &lacks);
	cmdline_get_hex("hints=", &no_hints);
	expect("hypervisor bit", cpuid(1, 0).ecx >> 31, 1);
	expect("last leaf", v.eax, LEAF(10));
	expect("Micr", v.ebx, 0x7263694d);
	expect("osof", v.ecx, 0x666f736f);
	expect("t Hv", v.edx, 0x76482074);
	expect("Hv#1", cpuid(LEAF(1), 0).eax, 0x31237648);
	expect("features", f.eax & ~TSC_INVARIANT,
	       bare ? CALLS | VP_INDEX : ALL_EAX & ~(u64)lacks);
	expect("on request", f.eax >> 15 & 1, cmdline_get("invariant") ? 1 : 0);
	expect("not the root", f.ebx, bare ? 0 : ALL_EBX);
	expect("more features", f.edx, bare ? 0 : ALL_EDX);
	expect("hints", h.eax, bare ? 0 : ALL_HINTS & ~(u64)no_hints);
	expect_true("spins", bare ? h.ebx == NEVER_SPIN : h.ebx > 100 && h.ebx < 1000000);
	expect_true("processors", cpuid(LEAF(5), 0).eax >= cpus);
	expect("nested paging", cpuid(LEAF(6), 0).eax >> 3 & 1, 1);
	for (u32 i = 7; i <= 10; i++) {
		struct cpuid c = cpuid(LEAF(i), 0);

		expect("nothing there", c.eax | c.ebx | c.ecx | c.edx, 0);
	}
}

/* --- MSRs ------------------------------------------------------------------------- */
static const struct {
	u32 first, last;
	u64 eax, edx;			/* it comes with these */
	bool read, write;
} msrs[] = {
	{ MSR_OS_ID, MSR_CALLS, 0, 0, true, true },
	{ MSR_VP_INDEX, MSR_VP_INDEX, 0, 0, true, false },
	{ MSR_RESET, MSR_RESET, RESET, 0, true, true },
	{ MSR_RUNTIME, MSR_RUNTIME, RUNTIME, 0, true, false },
	{ MSR_EOI, MSR_EOI, APIC, 0, false, true },
	{ MSR_ICR, MSR_TPR, APIC, 0, true, true },
	{ MSR_REF_COUNT, MSR_REF_COUNT, REF_COUNTER, 0, true, false },
	{ MSR_TSC_PAGE, MSR_TSC_PAGE, TSC_PAGE, 0, true, true },
	{ MSR_TSC_HZ, MSR_APIC_HZ, FREQUENCIES, 0, true, false },
	{ MSR_ASSIST, MSR_ASSIST, 0, 0, true, true },
	{ MSR_SCONTROL, MSR_SCONTROL, SYNIC, 0, true, true },
	{ MSR_SVERSION, MSR_SVERSION, SYNIC, 0, true, false },
	{ MSR_SIEFP, MSR_EOM, SYNIC, 0, true, true },
	/* A vector of 0 is none. */
	{ MSR_SINT(0), MSR_SINT(15), SYNIC, 0, true, false },
	{ MSR_CONFIG(0), MSR_COUNT(3), TIMERS, 0, true, true },
	{ MSR_CRASH, MSR_CRASH_CTL, 0, CRASH_REGS, true, true },
	{ MSR_INVARIANT, MSR_INVARIANT, TSC_INVARIANT, 0, true, true },
};

/* All there may be; those that nobody announces raise #GP. */
static void msr_access(void)
{
	for (u32 msr = MSR_OS_ID; msr < MSR_OS_ID + 0x200; msr++) {
		bool read = false, write = false;
		u64 value;

		for (size_t i = 0; i < ARRAY_SIZE(msrs); i++) {
			if (msr < msrs[i].first || msr > msrs[i].last || !has(msrs[i].eax) ||
			    !has_edx(msrs[i].edx))
				continue;
			read = msrs[i].read;
			write = msrs[i].write;
		}
		/* Reading it waits. */
		if (msr == MSR_IDLE && has(IDLE))
			continue;
		if (!expect("read", rdmsr_safe(msr, &value), read ? NO_TRAP : GP) ||
		    !expect("write", wrmsr_safe(msr, 0), write ? NO_TRAP : GP))
			printf("MSR 0x%x\n", msr);
	}
}

/* --- the page to call through --------------------------------------------------------- */
static void calls_on(void)
{
	wrmsr(MSR_OS_ID, OS_ID);
	wrmsr(MSR_CALLS, (u64)call_page | ENABLED);
}

static void calls_off(void)
{
	wrmsr(MSR_CALLS, 0);
	wrmsr(MSR_OS_ID, 0);
}

static u64 call(bool amd, u64 input, u64 in, u64 out)
{
	register u64 r8 asm("r8") = out;
	u64 ret;

	if (amd)
		asm volatile("vmmcall" : "=a"(ret), "+c"(input), "+d"(in), "+r"(r8) :: "memory");
	else
		asm volatile("vmcall" : "=a"(ret), "+c"(input), "+d"(in), "+r"(r8) :: "memory");
	return ret;
}

static void call_page_use(void)
{
	static const u8 endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };

	memset(call_page, 0x5a, PAGE_SIZE);
	/* Nobody: no page. */
	wrmsr(MSR_OS_ID, 0);
	wrmsr(MSR_CALLS, (u64)call_page | ENABLED);
	expect("not without an identity", rdmsr(MSR_CALLS) & ENABLED, 0);
	expect_true("nothing written", is_filled(call_page, 0x5a));
	wrmsr(MSR_OS_ID, OS_ID);
	expect("identity", rdmsr(MSR_OS_ID), OS_ID);
	wrmsr(MSR_CALLS, (u64)call_page | ENABLED);
	expect("reads back", rdmsr(MSR_CALLS), (u64)call_page | ENABLED);
	expect("ENDBR64", memcmp(call_page, endbr64, sizeof(endbr64)), 0);
	expect("call", call_through(call_page, 0xff, 0, 0), INVALID_CODE);
	/* It moves, and uncovers what was there. */
	memset(other_page, 0xa5, PAGE_SIZE);
	wrmsr(MSR_CALLS, (u64)other_page | ENABLED);
	expect_true("uncovered", is_filled(call_page, 0x5a));
	expect("call there", call_through(other_page, 0xff, 0, 0), INVALID_CODE);
	wrmsr(MSR_CALLS, (u64)other_page);
	expect_true("disabled", is_filled(other_page, 0xa5));
	wrmsr(MSR_CALLS, (u64)other_page | ENABLED);
	wrmsr(MSR_OS_ID, 0);
	expect("off without an identity", rdmsr(MSR_CALLS) & ENABLED, 0);
	expect_true("uncovered again", is_filled(other_page, 0xa5));
}

static const u64 bad_pages[] = {
	NO_RAM, ROM, RAM_END, 0xfffffffffffff000, 0x8000000000000000, 0xfee00000, 0xa0000,
	0x000ffffffffff000,
};

static void bad_page_of(u32 msr)
{
	u64 before = rdmsr(msr);

	for (size_t i = 0; i < ARRAY_SIZE(bad_pages); i++) {
		expect("refused", wrmsr_safe(msr, bad_pages[i] | ENABLED), GP);
		expect("stays", rdmsr(msr), before);
		expect("disabled there", wrmsr_safe(msr, bad_pages[i] & ~LOCKED), NO_TRAP);
		wrmsr(msr, before);
	}
}

static void pages_refused(void)
{
	calls_on();
	bad_page_of(MSR_CALLS);
	expect("call", call_through(call_page, 0xff, 0, 0), INVALID_CODE);
	calls_off();
	bad_page_of(MSR_ASSIST);
	if (has(SYNIC)) {
		bad_page_of(MSR_SIMP);
		bad_page_of(MSR_SIEFP);
	}
	if (has(TSC_PAGE))
		bad_page_of(MSR_TSC_PAGE);
}

/* Three in one place. Whoever goes first leaves the others, and at last what was there. */
static void pages_overlap(void)
{
	static const u32 order[][2] = {
		{ MSR_ASSIST, MSR_CALLS }, { MSR_CALLS, MSR_ASSIST },
	};

	wrmsr(MSR_OS_ID, OS_ID);
	for (size_t i = 0; i < 2 * ARRAY_SIZE(order); i++) {
		const u32 *on = order[i & 1], *off = order[i >> 1];

		memset(call_page, 0x77, PAGE_SIZE);
		wrmsr(on[0], (u64)call_page | ENABLED);
		wrmsr(on[1], (u64)call_page | ENABLED);
		expect_true("covered", !is_filled(call_page, 0x77));
		wrmsr(off[0], 0);
		expect_true("still covered", !is_filled(call_page, 0x77));
		wrmsr(off[1], 0);
		expect_true("uncovered", is_filled(call_page, 0x77));
	}
	calls_off();
}

/* Once it is locked, only a reset moves it; so this comes last. */
static void call_page_locked(void)
{
	wrmsr(MSR_OS_ID, OS_ID);
	wrmsr(MSR_CALLS, (u64)call_page | ENABLED | LOCKED);
	expect("moved", wrmsr_safe(MSR_CALLS, (u64)other_page | ENABLED | LOCKED), GP);
	expect("unlocked", wrmsr_safe(MSR_CALLS, (u64)call_page | ENABLED), GP);
	expect("disabled", wrmsr_safe(MSR_CALLS, 0), GP);
	expect("the same", wrmsr_safe(MSR_CALLS, (u64)call_page | ENABLED | LOCKED), NO_TRAP);
	expect("call", call_through(call_page, 0xff, 0, 0), INVALID_CODE);
}

/* --- calls ------------------------------------------------------------------------------ */
static void calls_unknown(void)
{
	static const u64 unknown[] = { 0, 1, 4, 0x46, 0x7f, 0xffff, 0x8000, 0x8003 };

	calls_on();
	for (int amd = 0; amd < 2; amd++)
		for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
			for (int fast = 0; fast < 2; fast++)
				expect(amd ? "VMMCALL" : "VMCALL",
				       call(amd, unknown[i] | (fast ? FAST : 0), 0, 0),
				       INVALID_CODE);
	calls_off();
}

/* What there is, but not for us. */
static void calls_denied(void)
{
	calls_on();
	if (cmdline_get("bare")) {
		expect("spin", call(false, CALL_SPIN | FAST, 1, 0), ACCESS_DENIED);
		expect("IPI", call(false, CALL_IPI | FAST, VECTOR, 1), ACCESS_DENIED);
		expect("IPI, ex", call(true, CALL_IPI_EX, (u64)input_page, 0), ACCESS_DENIED);
		for (u64 code = CALL_FLUSH_SPACE; code <= CALL_FLUSH_LIST; code++)
			expect("flush", call(true, code, (u64)input_page, 0), ACCESS_DENIED);
		for (u64 code = CALL_FLUSH_SPACE_EX; code <= CALL_FLUSH_LIST_EX; code++)
			expect("flush, ex", call(true, code, (u64)input_page, 0), ACCESS_DENIED);
	}
	if (no_extended())
		expect("query", call(false, CALL_QUERY, 0, (u64)input_page), ACCESS_DENIED);
	expect("post message", call(false, CALL_POST_MESSAGE, 0, 0), ACCESS_DENIED);
	expect("signal event", call(true, CALL_SIGNAL_EVENT | FAST, 1, 0), ACCESS_DENIED);
	calls_off();
}

CODE64(do_vmcall, "", "vmcall");
CODE64(do_vmmcall, "", "vmmcall");

static void calls_disabled(void)
{
	expect("VMCALL", trap_call(do_vmcall, NULL), UD);
	expect("at", trap_last.rip, (u64)do_vmcall_at);
	expect("VMMCALL", trap_call(do_vmmcall, NULL), UD);
	expect("at", trap_last.rip, (u64)do_vmmcall_at);
	wrmsr(MSR_OS_ID, OS_ID);
	expect("VMCALL without a page", trap_call(do_vmcall, NULL), UD);
	wrmsr(MSR_OS_ID, 0);
}

/* In 32-bit code an input is two registers: EDX:EAX, here with EAX = 0xff. */
CODE32(vmcall32, "xor %edx, %edx; vmcall; add %edx, %eax");
CODE32(vmmcall32, "xor %edx, %edx; vmmcall; add %edx, %eax");
CODE16(vmcall16, "vmcall");
CODE16(on_ud16, "mov $6, %eax; jmp real_return");

static void calls_elsewhere(void)
{
	calls_on();
	expect("ring 3", user_call(do_vmcall, NULL), UD);
	expect("ring 3", user_call(do_vmmcall, NULL), UD);
	expect("32 bits", mode_protected(vmcall32, 0xff), INVALID_CODE);
	expect("no exception", mode_result.vector, NO_TRAP);
	expect("32 bits", mode_protected(vmmcall32, 0xff), INVALID_CODE);
	expect("no exception", mode_result.vector, NO_TRAP);
	expect("real mode", mode_real(vmcall16, 0xff), UD);
	calls_off();
}

static void calls_leave_registers(void)
{
	u64 b = 0x1111111111111111, s = b * 2, d = b * 3, c = 0xff, dx = b * 4, ret;

	calls_on();
	asm volatile("vmcall; vmmcall" : "=a"(ret), "+b"(b), "+c"(c), "+d"(dx), "+S"(s), "+D"(d));
	expect("RAX", ret, INVALID_CODE);
	expect("RBX", b, 0x1111111111111111);
	expect("RSI", s, 0x2222222222222222);
	expect("RDI", d, 0x3333333333333333);
	expect("RDX", dx, 0x4444444444444444);
	calls_off();
}

/* --- time ------------------------------------------------------------------------------- */
static struct tsc_page *const tsc_page = (struct tsc_page *)other_page;

static void ref_count(void)
{
	u64 last = rdmsr(MSR_REF_COUNT);

	expect_range("since the start", last, 1, 36000000000);
	for (int i = 0; i < 1000; i++) {
		u64 now = rdmsr(MSR_REF_COUNT);

		if (!expect_true("never back", now >= last))
			break;
		last = now;
	}
}

/* It goes on as the TSC does, at the TSC's frequency: between two readings, and around them. */
static void ref_count_rate(void)
{
	u64 before, begin, after, late, end, hz = rdmsr(MSR_TSC_HZ);

	before = rdtsc();
	begin = rdmsr(MSR_REF_COUNT);
	after = rdtsc();
	while (rdtsc() - after < hz / 20)
		;
	late = rdtsc();
	end = rdmsr(MSR_REF_COUNT);
	expect_range("units of 100 ns", end - begin, (late - after) * 100 / (hz / 100000) - 2,
		     (rdtsc() - before) * 100 / (hz / 100000) + 2);
}

/* Something like what the PIT has told; the host may have been busy. */
static void frequencies(void)
{
	expect_range("TSC", rdmsr(MSR_TSC_HZ), tsc_ms * 200, tsc_ms * 5000);
	expect("APIC", rdmsr(MSR_APIC_HZ), 1000000000);
}

static bool tsc_is_trusted(void)
{
	return !cmdline_get("unstable");
}

/* The page's time is the counter's. */
static void tsc_page_time(void)
{
	wrmsr(MSR_TSC_PAGE, (u64)tsc_page | ENABLED);
	for (int i = 0; i < 100; i++) {
		u64 before = rdmsr(MSR_REF_COUNT), now = tsc_page_read(tsc_page);
		u64 after = rdmsr(MSR_REF_COUNT);

		if (!expect_true("between", now >= before && now <= after))
			break;
	}
	wrmsr(MSR_TSC_PAGE, 0);
}

static void tsc_page_use(void)
{
	u32 sequence;

	memset(tsc_page, 0xa5, PAGE_SIZE);
	wrmsr(MSR_TSC_PAGE, (u64)tsc_page | ENABLED);
	expect("reads back", rdmsr(MSR_TSC_PAGE), (u64)tsc_page | ENABLED);
	sequence = tsc_page->sequence;
	if (tsc_is_trusted()) {
		expect_true("valid", sequence && sequence != 0xffffffff);
		expect("offset", tsc_page->offset, 0);
		wrmsr(MSR_TSC_PAGE, (u64)tsc_page | ENABLED);
		expect_true("another sequence", tsc_page->sequence != sequence);
	} else {
		expect("not valid", sequence, 0);
	}
	expect("reserved", tsc_page->reserved, 0);
	wrmsr(MSR_TSC_PAGE, (u64)tsc_page);
	expect_true("uncovered", is_filled(other_page, 0xa5));
	if (tsc_is_trusted())
		tsc_page_time();
}

/* A TSC that the guest moves is not the page's any more, and may be again. */
static void tsc_page_moved(void)
{
	u64 adjust, before, sequence;

	if (rdmsr_safe(MSR_TSC_ADJUST, &adjust) != NO_TRAP || !tsc_is_trusted())
		return;
	wrmsr(MSR_TSC_PAGE, (u64)tsc_page | ENABLED);
	sequence = tsc_page->sequence;
	before = rdmsr(MSR_REF_COUNT);
	wrmsr(MSR_TSC_ADJUST, adjust + 1000000000000);
	expect("not valid", tsc_page->sequence, 0);
	expect_true("the counter goes on", rdmsr(MSR_REF_COUNT) - before < 100000000);
	wrmsr(MSR_TSC_PAGE, (u64)tsc_page | ENABLED);
	expect("still not", tsc_page->sequence, 0);
	wrmsr(MSR_TSC_ADJUST, adjust);
	expect_true("valid", tsc_page->sequence);
	expect_true("and new", tsc_page->sequence != sequence);
	wrmsr(MSR_TSC_PAGE, 0);
	memset(tsc_page, 0xa5, PAGE_SIZE);
	wrmsr(MSR_TSC_ADJUST, adjust + 1000000000000);
	wrmsr(MSR_TSC_ADJUST, adjust);
	expect_true("given up", is_filled(other_page, 0xa5));
}

/* --- the local APIC ------------------------------------------------------------------------ */
static volatile u32 taken, flag_seen;
static bool by_flag, by_msr;
static trap_fn old_handler[2];

static volatile u32 *assist(void) { return (volatile u32 *)assist_page; }

static void on_interrupt(struct trap *t)
{
	taken++;
	flag_seen = *assist() & 1;
	if (by_flag && (__atomic_exchange_n(assist(), 0, __ATOMIC_SEQ_CST) & 1))
		return;
	if (by_msr)
		wrmsr(MSR_EOI, 0);
	else
		lapic_end();
}

static void interrupts_begin(void)
{
	old_handler[0] = trap_set(VECTOR, on_interrupt);
	old_handler[1] = trap_set(VECTOR + 0x10, on_interrupt);
	taken = flag_seen = 0;
	by_flag = by_msr = false;
	*assist() = 0;
}

static void interrupts_end(void)
{
	trap_set(VECTOR, old_handler[0]);
	trap_set(VECTOR + 0x10, old_handler[1]);
	expect("in service at the end", lapic_bit(APIC_ISR, VECTOR), 0);
	expect("and the other", lapic_bit(APIC_ISR, VECTOR + 0x10), 0);
}

static void self(u8 vector) { lapic_put(APIC_ICR, ICR_SELF | ICR_ASSERT | vector); }

static void apic_msrs_in_mode(void)
{
	u64 value;

	expect("EOI read", rdmsr_safe(MSR_EOI, &value), GP);
	wrmsr(MSR_TPR, 0x55);
	expect("TPR", lapic_get(APIC_TPR), 0x55);
	lapic_put(APIC_TPR, 0x34);
	expect("TPR read", rdmsr(MSR_TPR), 0x34);
	expect("TPR too large", wrmsr_safe(MSR_TPR, 0x100), GP);
	expect("TPR much too large", wrmsr_safe(MSR_TPR, BIT(32)), GP);
	wrmsr(MSR_TPR, 0);
	interrupts_begin();
	by_msr = true;
	wrmsr(MSR_ICR, ICR_SELF | ICR_ASSERT | VECTOR);
	expect("ICR read", rdmsr(MSR_ICR) & 0xfffff, ICR_SELF | ICR_ASSERT | VECTOR);
	sti_nop_cli();
	expect("taken", taken, 1);
	expect("ended", lapic_bit(APIC_ISR, VECTOR), 0);
	/* The other half is whom it is for. */
	wrmsr(MSR_ICR, (u64)(cpu_self()->x2apic ? 77 : 77U << 24) << 32 | ICR_ASSERT | VECTOR);
	sti_nop_cli();
	expect("for another", taken, 1);
	wrmsr(MSR_ICR, ICR_ASSERT | (VECTOR + 0x10));
	sti_nop_cli();
	expect("taken by address", taken, 2);
	/* None in service. */
	wrmsr(MSR_EOI, 0);
	interrupts_end();
}

static void apic_msrs(void)
{
	apic_msrs_in_mode();
	if (!cpu_has_x2apic())
		return;
	lapic_on(true);
	apic_msrs_in_mode();
	lapic_on(false);
}

static void eoi(void)
{
	wrmsr(MSR_ASSIST, (u64)assist_page | ENABLED);
	expect("reads back", rdmsr(MSR_ASSIST), (u64)assist_page | ENABLED);
	interrupts_begin();
	by_flag = true;
	for (u32 i = 1; i <= 3; i++) {
		self(VECTOR);
		sti_nop_cli();
		expect("taken", taken, i);
		expect("leave in the handler", flag_seen, 1);
		expect("in service after it", lapic_bit(APIC_ISR, VECTOR), 0);
		expect("no leave after it", *assist() & 1, 0);
	}
	/* One more waits, and needs the EOI. */
	self(VECTOR);
	self(VECTOR + 0x10);
	asm volatile("sti; nop; cli" ::: "memory");
	sti_nop_cli();
	sti_nop_cli();
	expect("taken in the end", taken, 5);
	/* By the register, though there was leave. */
	by_flag = false;
	self(VECTOR);
	sti_nop_cli();
	expect("leave", flag_seen, 1);
	expect("no leave", *assist() & 1, 0);
	interrupts_end();
	wrmsr(MSR_ASSIST, 0);
	interrupts_begin();
	self(VECTOR);
	sti_nop_cli();
	expect("no page, no leave", flag_seen, 0);
	interrupts_end();
}

static void runtime(void)
{
	u64 start = rdtsc(), begin = rdmsr(MSR_RUNTIME), took;

	while (rdtsc() - start < 50 * tsc_ms)
		;
	took = rdmsr(MSR_RUNTIME) - begin;
	/* The host's clocks are two, and tsc_ms may be too large. */
	expect_range("of 50 ms or more", took, 100, (rdtsc() - start) * 20000 / tsc_ms * 5);
	expect("write", wrmsr_safe(MSR_RUNTIME, 0), GP);
}

/* What waits already ends it at once, interrupts open or not. */
static void idle_pending(void)
{
	interrupts_begin();
	self(VECTOR);
	expect("idle", rdmsr(MSR_IDLE), 0);
	expect("not taken", taken, 0);
	sti_nop_cli();
	expect("taken", taken, 1);
	expect("write", wrmsr_safe(MSR_IDLE, 0), GP);
	interrupts_end();
}

static volatile u32 idles, idled;
static volatile bool stop;

/* Interrupts are off as it says that it is about to: what comes from then on ends that. */
static void idle_often(void *arg)
{
	cli();
	at_work = true;
	while (!stop) {
		idles++;
		rdmsr(MSR_IDLE);
		idled++;
		sti_nop_cli();
	}
}

static void idle(void)
{
	cpus_forget_hits();
	stop = false;
	idles = idled = 0;
	post_work(1, idle_often);
	for (u32 i = 1; i <= 5; i++) {
		expect_true("about to", wait_for(&idles, i));
		sleep_us(5000);
		expect("idle", idled, i - 1);
		if (i == 5)
			stop = true;
		ipi_send(1, ICR_ASSERT | VECTOR);
		expect_true("awake", wait_for(&idled, i));
	}
	expect_true("done", cpu_wait(1));
	expect("taken", cpu_at(1)->hits[VECTOR], 5);
}

/* --- interrupts to many ------------------------------------------------------------------- */
static u64 *const input = (u64 *)input_page;

/* A call whose input are these words, then the banks. */
static u64 call_with(u64 code, const u64 *words, u32 n, const u64 *banks, u32 count)
{
	memset(input_page, 0, PAGE_SIZE);
	memcpy(input, words, n * 8);
	memcpy(input + n, banks, count * 8);
	return call(code & 1, code | BANKS(count), (u64)input, 0);
}

static u64 ipi_ex(u64 vector, u64 format, u64 valid, const u64 *banks, u32 count)
{
	u64 words[] = { vector, format, valid };

	return call_with(CALL_IPI_EX, words, 3, banks, count);
}

static void expect_hits(const char *what, u32 vector, u64 set)
{
	expect_true("settled", cpus_settle());
	for (u32 i = 0; i < min(cpus, 64U); i++)
		if (!expect(what, cpu_at(i)->hits[vector], set >> i & 1))
			printf("CPU %u\n", i);
	cpus_forget_hits();
}

static void ipis(void)
{
	static const u64 two = 2;
	u64 all = cpus >= 64 ? ~0UL : BIT(cpus) - 1, words[] = { VECTOR, all };

	calls_on();
	cpus_forget_hits();
	expect("fast", call(false, CALL_IPI | FAST, VECTOR, all), 0);
	expect_hits("all, fast", VECTOR, all);
	expect("in memory", call_with(CALL_IPI, words, 2, NULL, 0), 0);
	expect_hits("all, in memory", VECTOR, all);
	expect("one", call(true, CALL_IPI | FAST, VECTOR, 2), 0);
	expect_hits("one", VECTOR, 2);
	expect("nobody", call(true, CALL_IPI | FAST, VECTOR, 0), 0);
	expect("nobody there", call(true, CALL_IPI | FAST, VECTOR, ~all), 0);
	expect_hits("nobody", VECTOR, 0);
	if (hinted(HINT_EX)) {
		static const u64 far[] = { 2, 0, 0, 0, ~0UL };

		expect("ex, one", ipi_ex(VECTOR, 0, 1, &two, 1), 0);
		expect_hits("ex, one", VECTOR, 2);
		expect("ex, all", ipi_ex(VECTOR, 1, 0, NULL, 0), 0);
		expect_hits("ex, all", VECTOR, all);
		expect("ex, another bank", ipi_ex(VECTOR, 0, 2, &two, 1), 0);
		expect_hits("ex, another bank", VECTOR, 0);
		expect("ex, five banks", ipi_ex(VECTOR, 0, 0x1f, far, 5), 0);
		expect_hits("ex, five banks", VECTOR, 2);
		expect("ex, no banks", ipi_ex(VECTOR, 0, 0, NULL, 0), 0);
		expect_hits("ex, no banks", VECTOR, 0);
	}
	calls_off();
}

static void ipis_refused(void)
{
	static const u64 two = 2;

	calls_on();
	cpus_forget_hits();
	expect("vector 15", call(false, CALL_IPI | FAST, 15, 2), INVALID_PARAMETER);
	expect("vector 256", call(false, CALL_IPI | FAST, 256, 2), INVALID_PARAMETER);
	expect("reserved", call(true, CALL_IPI | FAST, BIT(32) | VECTOR, 2), INVALID_PARAMETER);
	expect("repeated", call(true, CALL_IPI | FAST | REPS(1), VECTOR, 2), INVALID_INPUT);
	expect("started", call(true, CALL_IPI | FAST | REP_START(1), VECTOR, 2), INVALID_INPUT);
	expect("banks", call(true, CALL_IPI | FAST | BANKS(1), VECTOR, 2), INVALID_INPUT);
	expect("bits", call(true, CALL_IPI | FAST | BIT(27), VECTOR, 2), INVALID_INPUT);
	expect("bits", call(true, CALL_IPI | FAST | BIT(63), VECTOR, 2), INVALID_INPUT);
	if (hinted(HINT_EX)) {
		expect("ex, fast", call(true, CALL_IPI_EX | FAST, VECTOR, 0), INVALID_INPUT);
		expect("ex, vector 0", ipi_ex(0, 0, 1, &two, 1), INVALID_PARAMETER);
		expect("ex, format", ipi_ex(VECTOR, 2, 1, &two, 1), INVALID_PARAMETER);
		expect("ex, too few", ipi_ex(VECTOR, 0, 3, &two, 1), INVALID_INPUT);
		expect("ex, too many", ipi_ex(VECTOR, 0, 0, &two, 1), INVALID_INPUT);
		expect("ex, a page of banks",
		       call(true, CALL_IPI_EX | BANKS(1023), (u64)input, 0), INVALID_ALIGNMENT);
	}
	expect_hits("nothing came", VECTOR, 0);
	calls_off();
}

/* Where no input can be. */
static void calls_bad_input(void)
{
	static const u64 bad[] = {
		(u64)input_page + 1, (u64)input_page + 4, (u64)input_page + PAGE_SIZE - 8, NO_RAM,
		RAM_END, 0xfffffffffffff000, ~7UL, 0x8000000000000000, 0xfee00000,
	};
	static const u64 codes[] = {
		CALL_IPI, CALL_IPI_EX, CALL_FLUSH_SPACE, CALL_FLUSH_SPACE_EX,
		CALL_FLUSH_LIST | REPS(1), CALL_FLUSH_LIST_EX | REPS(1),
	};

	calls_on();
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		for (size_t j = 0; j < ARRAY_SIZE(codes); j++)
			if (!expect("input", call(j & 1, codes[j], bad[i], 0), INVALID_ALIGNMENT))
				printf("call 0x%lx of 0x%lx\n", codes[j], bad[i]);
	calls_off();
}

/* In 32-bit code: ECX is the vector, ESI the mask, each with a register above it. */
CODE32(ipi32, "mov %eax, %ecx; mov $0x1000b, %eax; xor %edx, %edx; xor %ebx, %ebx; mov $1, %esi;"
       "xor %edi, %edi; vmcall; or %edx, %eax");

static void ipi_in_32_bits(void)
{
	calls_on();
	interrupts_begin();
	expect("sent", mode_protected(ipi32, VECTOR), 0);
	expect("no exception", mode_result.vector, NO_TRAP);
	sti_nop_cli();
	expect("taken", taken, 1);
	interrupts_end();
	calls_off();
}

/* Before any other has started: nobody takes it, and nothing goes wrong. */
static void nobody_up(void)
{
	u64 words[] = { 0, 1, 0 };

	calls_on();
	interrupts_begin();
	expect("IPI", call(false, CALL_IPI | FAST, VECTOR, ~1UL), 0);
	expect("flush", call_with(CALL_FLUSH_SPACE, words, 3, NULL, 0), 0);
	sti_nop_cli();
	expect("taken", taken, 0);
	interrupts_end();
	calls_off();
}

/* --- flushes ------------------------------------------------------------------------------- */
static volatile u64 *const window = (u64 *)(FREE_RAM + 0x10000);
static volatile u64 *const left = (u64 *)(FREE_RAM + 0x11000);
static volatile u64 *const right = (u64 *)(FREE_RAM + 0x12000);
static volatile u64 seen, looks;

/* By PAUSE it might leave the guest, and lose what its TLB has. */
static void watch(void *arg)
{
	at_work = true;
	while (!stop) {
		seen = *window;
		looks++;
		cpu_spin();
	}
}

#define FLUSH_ALL_CPUS	1
#define FLUSH_ALL	2
#define FLUSH_NO_GLOBAL	4

static u64 flush(u32 how)
{
	static const u64 two = 2, list = (u64)(FREE_RAM + 0x10000);
	u64 cr3 = read_cr3(), words[] = { cr3, how >> 8, how & 1 ? 0 : 2 };
	u64 ex[] = { cr3, how >> 8, how & 1, how & 1 ? 0 : 1 };
	u64 code = how >> 4 & 15;

	if (code == 2)
		return call_with(CALL_FLUSH_SPACE, words, 3, NULL, 0);
	if (code == 3)
		return call_with(CALL_FLUSH_LIST | REPS(1), words, 3, &list, 0);
	if (how & 1)
		return call_with(code == 4 ? CALL_FLUSH_SPACE_EX : CALL_FLUSH_LIST_EX | REPS(1),
				 ex, 4, NULL, 0);
	return call_with(code == 4 ? CALL_FLUSH_SPACE_EX : CALL_FLUSH_LIST_EX | REPS(1), ex, 4,
			 &two, 1);
}

/* What the other sees through its window once the call is back is the new page. */
static void flushes(void)
{
	/* The call in bits 4 to 7, all by bit 0, flags from bit 8. */
	static const u32 ways[] = {
		0x20, 0x30, 0x121, 0x131, 0x220, 0x620, 0x120, 0x40, 0x50, 0x41, 0x51, 0x641,
	};

	calls_on();
	*left = 1;
	*right = 2;
	stop = false;
	pte_set((u64)window, (u64)left | PTE_P | PTE_W);
	post_work(1, watch);
	for (size_t i = 0; i < 3 * ARRAY_SIZE(ways); i++) {
		u64 want = i & 1 ? 1 : 2, end = rdtsc() + 10000 * tsc_ms, then, status;
		u32 how = ways[i % ARRAY_SIZE(ways)];

		if ((how >> 4 & 15) > 3 && !hinted(HINT_EX))
			continue;
		*pte_get((u64)window) = (u64)(i & 1 ? left : right) | PTE_P | PTE_W;
		status = flush(how);
		/* One look may have begun before. */
		then = looks;
		while (looks < then + 2 && rdtsc() < end)
			cpu_pause();
		expect("status", status & 0xffff, 0);
		expect("done", status >> 32, (how >> 4 & 1) ? 1 : 0);
		if (!expect("sees", seen, want))
			printf("by 0x%x\n", how);
	}
	stop = true;
	expect_true("done", cpu_wait(1));
	pte_reset((u64)window);
	calls_off();
}

static void flushes_refused(void)
{
	u64 words[] = { 0, 0x10, 1 }, ex[] = { 0, BIT(63), 0, 0 }, format[] = { 0, 0, 2, 0 };

	calls_on();
	expect("flags", call_with(CALL_FLUSH_SPACE, words, 3, NULL, 0), INVALID_PARAMETER);
	expect("flags, ex", call_with(CALL_FLUSH_SPACE_EX, ex, 4, NULL, 0), INVALID_PARAMETER);
	expect("format", call_with(CALL_FLUSH_SPACE_EX, format, 4, NULL, 0), INVALID_PARAMETER);
	expect("no list", call(false, CALL_FLUSH_LIST, (u64)input, 0), INVALID_INPUT);
	expect("behind the list", call(false, CALL_FLUSH_LIST | REPS(2) | REP_START(2), (u64)input,
				       0), INVALID_INPUT);
	expect("a list of a space", call(false, CALL_FLUSH_SPACE | REPS(1), (u64)input, 0),
	       INVALID_INPUT);
	expect("banks", call(false, CALL_FLUSH_SPACE | BANKS(1), (u64)input, 0), INVALID_INPUT);
	expect("too long a list", call(false, CALL_FLUSH_LIST | REPS(510), (u64)input, 0),
	       INVALID_ALIGNMENT);
	expect("fast", call(true, CALL_FLUSH_SPACE | FAST, 0, 1), INVALID_INPUT);
	expect("ex, fast", call(true, CALL_FLUSH_LIST_EX | FAST | REPS(1), 0, 1), INVALID_INPUT);
	calls_off();
}

static void spin_wait(void)
{
	bool there = cpuid(LEAF(4), 0).ebx != NEVER_SPIN;

	calls_on();
	expect("fast", call(false, CALL_SPIN | FAST, 1, 0), there ? 0 : ACCESS_DENIED);
	expect("in memory", call(true, CALL_SPIN, (u64)input, 0), there ? 0 : ACCESS_DENIED);
	if (there)
		expect("repeated", call(true, CALL_SPIN | FAST | REPS(1), 1, 0), INVALID_INPUT);
	calls_off();
}

/* --- the rest ------------------------------------------------------------------------------- */
static bool tells_invariant(void) { return cpuid(0x80000007, 0).edx >> 8 & 1; }

/* CPUID does not tell of it before it is wanted; and then, only if the CPU has it. */
static void invariant(void)
{
	expect("off", rdmsr(MSR_INVARIANT), 0);
	expect("not told", tells_invariant(), 0);
	expect("reserved", wrmsr_safe(MSR_INVARIANT, 2), GP);
	expect("reserved", wrmsr_safe(MSR_INVARIANT, BIT(63) | 1), GP);
	wrmsr(MSR_INVARIANT, 1);
	expect("on", rdmsr(MSR_INVARIANT), 1);
	if (!cmdline_get("variant"))
		expect("told", tells_invariant(), 1);
	wrmsr(MSR_INVARIANT, 0);
	expect("not told any more", tells_invariant(), 0);
}

static void query(void)
{
	static const u64 bad[] = {
		(u64)input_page + 4, NO_RAM, ROM, RAM_END, ~7UL, 0x8000000000000000,
	};

	calls_on();
	input[0] = input[1] = ~0UL;
	expect("query", call(false, CALL_QUERY, 0, (u64)input), 0);
	expect("nothing more", input[0], 0);
	expect("and no more of it", input[1], ~0UL);
	expect("fast", call(true, CALL_QUERY | FAST, 0, (u64)input), INVALID_INPUT);
	expect("repeated", call(true, CALL_QUERY | REPS(1), 0, (u64)input), INVALID_INPUT);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		expect("output", call(i & 1, CALL_QUERY, 0, bad[i]), INVALID_ALIGNMENT);
	calls_off();
}

/* --- crashes ------------------------------------------------------------------------------ */
static void crash_values(void)
{
	for (u32 i = 0; i < 5; i++)
		wrmsr(MSR_CRASH + i, ~0UL / (i + 1));
	for (u32 i = 0; i < 5; i++)
		expect("reads back", rdmsr(MSR_CRASH + i), ~0UL / (i + 1));
	expect("what there is", rdmsr(MSR_CRASH_CTL), 3UL << 62);
	expect("nothing to tell", wrmsr_safe(MSR_CRASH_CTL, 0), NO_TRAP);
	expect("a message alone", wrmsr_safe(MSR_CRASH_CTL, BIT(62)), NO_TRAP);
	expect("reserved", wrmsr_safe(MSR_CRASH_CTL, BIT(63) | 1), GP);
}

/* --- several ------------------------------------------------------------------------------ */
static u64 indices[CPU_MAX];

static void get_index(void *arg)
{
	indices[cpu_index()] = rdmsr(MSR_VP_INDEX);
}

static void vp_indices(void)
{
	get_index(NULL);
	expect("own", indices[0], 0);
	expect("write", wrmsr_safe(MSR_VP_INDEX, 0), GP);
	for (u32 i = 1; i < cpus; i++) {
		expect_true("called", cpu_call(i, get_index, NULL));
		expect("another's", indices[i], i);
	}
}

static void see_calls(void *arg)
{
	*(u64 *)arg = rdmsr(MSR_OS_ID) == OS_ID ? call_through(call_page, 0xff, 0, 0) : 0;
}

/* What one CPU sets up is there for all; one that starts anew finds it. */
static void calls_of_all(void)
{
	u64 seen = 0;

	calls_on();
	expect_true("called", cpu_call(1, see_calls, &seen));
	expect("another's call", seen, INVALID_CODE);
	expect_true("started", cpu_start(1));
	seen = 0;
	expect_true("called", cpu_call(1, see_calls, &seen));
	expect("after INIT", seen, INVALID_CODE);
	calls_off();
}

/* --- the end of it ------------------------------------------------------------------------- */
static void end_reset(void)
{
	wrmsr(MSR_RESET, 2);
	wrmsr(MSR_RESET, 1);
	for (;;)
		asm volatile("cli; hlt");
}

static void end_crash(bool message)
{
	static char text[] = "first line\nsecond\033line\n";

	for (u32 i = 0; i < 5; i++)
		wrmsr(MSR_CRASH + i, 0x1000 + i);
	if (message) {
		wrmsr(MSR_CRASH + 3, (u64)text);
		wrmsr(MSR_CRASH + 4, sizeof(text) - 1);
	}
	wrmsr(MSR_CRASH_CTL, BIT(63) | (message ? BIT(62) : 0));
	/* A text that cannot be read, and more than anybody wants to see. */
	for (u32 i = 0; i < 20; i++) {
		wrmsr(MSR_CRASH + 3, NO_RAM);
		wrmsr(MSR_CRASH_CTL, BIT(63) | BIT(62));
	}
	for (;;)
		asm volatile("cli; hlt");
}

/* --- the table ----------------------------------------------------------------------------- */
static const struct guest_case cases[] = {
	{ "leaves", leaves },
	{ "msr-access", msr_access },
	{ "call-page", call_page_use },
	{ "pages-refused", pages_refused },
	{ "pages-overlap", pages_overlap },
	{ "calls-unknown", calls_unknown },
	{ "calls-denied", calls_denied },
	{ "calls-disabled", calls_disabled },
	{ "calls-elsewhere", calls_elsewhere },
	{ "calls-leave-registers", calls_leave_registers },
	{ "ref-count", ref_count, no_ref },
	{ "ref-count-rate", ref_count_rate, no_freq },
	{ "frequencies", frequencies, no_freq },
	{ "tsc-page", tsc_page_use, no_tsc_page },
	{ "tsc-page-moved", tsc_page_moved, no_tsc_page },
	{ "crash-values", crash_values, no_crash },
	{ "apic-msrs", apic_msrs, no_apic },
	{ "eoi", eoi, no_eoi },
	{ "runtime", runtime, no_runtime },
	{ "idle-pending", idle_pending, no_idle },
	{ "invariant", invariant, no_invariant },
	{ "query", query, no_extended },
	{ "nobody-up", nobody_up, no_ipi },
	{ "ipi-in-32-bits", ipi_in_32_bits, no_ipi },
	{ "calls-bad-input", calls_bad_input, no_ipi },
	{ "flushes-refused", flushes_refused, no_flush },
	{ "spin-wait", spin_wait },
	{ "all-start", smp_start, alone },
	{ "vp-indices", vp_indices },
	{ "calls-of-all", calls_of_all, alone },
	{ "idle", idle, no_idle_or_alone },
	{ "ipis", ipis, no_ipi_or_alone },
	{ "ipis-refused", ipis_refused, no_ipi_or_alone },
	{ "flushes", flushes, no_flush_or_alone },
	{ "call-page-locked", call_page_locked },
};

void guest_main(void)
{
	const char *end = cmdline_get("end=");

	mode_init();
	mode_ivt(UD, on_ud16);
	smp_init();
	if (end && *end == 'r')
		end_reset();
	if (end)
		end_crash(*end == 'm');
	printf("%u CPUs, %lu ticks in a millisecond\n", cpus, tsc_ms);
	cases_run(cases, ARRAY_SIZE(cases));
}
