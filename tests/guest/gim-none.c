// SPDX-License-Identifier: GPL-2.0
/*
 * A machine without a paravirtual interface: no hypervisor bit, no leaf, MSR or
 * call of one. With `minimal` on the command line there are the bit and a leaf
 * of frequencies, as VirtualBox has them, and nothing else either. An Intel CPU
 * tells its frequencies in any case.
 */
#include "lib/smp.h"

#define LEAF_FIRST	0x40000000
#define LEAF_TIMING	0x40000010
#define LEAF_CRYSTAL	0x15
#define LEAF_PROCESSOR	0x16

static bool minimal(void) { return cmdline_get("minimal"); }
static bool intel(void) { return cpuid(0, 0).ebx == 0x756e6547; }
static const char *not_intel(void) { return intel() ? NULL : "not an Intel CPU"; }
static const char *not_minimal(void) { return minimal() ? NULL : "no such leaf"; }

static bool is_empty(struct cpuid r) { return !(r.eax | r.ebx | r.ecx | r.edx); }

static void leaves(void)
{
	struct cpuid first = cpuid(LEAF_FIRST, 0);

	expect("hypervisor bit", cpuid(1, 0).ecx >> 31, minimal());
	expect("last leaf", first.eax, minimal() ? LEAF_TIMING : 0);
	expect("vendor", first.ebx | first.ecx | first.edx, 0);
	for (u32 leaf = LEAF_FIRST + 1; leaf < LEAF_FIRST + 0x400; leaf++) {
		if (leaf != LEAF_TIMING || !minimal())
			expect_true("other leaves", is_empty(cpuid(leaf, 0)));
	}
}

/* By a measurement of smp_init(), which a busy machine may make come out a bit off. */
static void expect_khz(const char *what, u64 khz)
{
	expect_range(what, khz, tsc_ms * 9 / 10, tsc_ms * 11 / 10);
}

/* How far the APIC's timer counts in 20 ms, undivided. */
static u64 apic_khz(void)
{
	u64 end;

	apic_write(APIC_TIMER_DIV, 0xb);
	apic_write(APIC_LVT_TIMER, LVT_MASKED | VEC_WAKE);
	apic_write(APIC_TIMER_INIT, ~0U);
	end = rdtsc() + 20 * tsc_ms;
	while (rdtsc() < end)
		;
	return (~0U - apic_read(APIC_TIMER_NOW)) / 20;
}

static void timing(void)
{
	struct cpuid t = cpuid(LEAF_TIMING, 0);
	u64 khz = apic_khz();

	expect_khz("TSC", t.eax);
	expect_range("APIC timer", t.ebx, khz * 9 / 10, khz * 11 / 10);
	expect("the rest", t.ecx | t.edx, 0);
}

static void crystal(void)
{
	struct cpuid c = cpuid(LEAF_CRYSTAL, 0), p = cpuid(LEAF_PROCESSOR, 0);
	u64 khz = apic_khz();

	expect_true("last leaf", cpuid(0, 0).eax >= LEAF_PROCESSOR);
	if (!expect_true("a ratio", c.eax && c.ebx))
		return;
	expect_khz("TSC", (u64)c.ecx / 1000 * c.ebx / c.eax);
	expect_range("APIC timer", c.ecx / 1000, khz * 9 / 10, khz * 11 / 10);
	expect_khz("processor", (u64)p.eax * 1000);
}

/* Of KVM, Hyper-V and Xen. */
static void msrs(void)
{
	static const u32 unknown[] = {
		0x11, 0x12, 0x4b564d00, 0x4b564d01, 0x4b564d03, 0x40000000, 0x40000001,
		0x40000020, 0x40000200,
	};
	u64 value;

	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		expect("read", rdmsr_safe(unknown[i], &value), GP);
		expect("write", wrmsr_safe(unknown[i], 0), GP);
	}
}

CODE64(do_vmcall, "mov $1, %eax", "vmcall");
CODE64(do_vmmcall, "mov $1, %eax", "vmmcall");

static void calls(void)
{
	expect("VMCALL", trap_call(do_vmcall, NULL), UD);
	expect("its RIP", trap_last.rip, (u64)do_vmcall_at);
	expect("VMMCALL", trap_call(do_vmmcall, NULL), UD);
	expect("its RIP", trap_last.rip, (u64)do_vmmcall_at);
	expect("VMCALL in ring 3", user_call(do_vmcall, NULL), UD);
	expect("VMMCALL in ring 3", user_call(do_vmmcall, NULL), UD);
}

static const struct guest_case cases[] = {
	{ "leaves", leaves },
	{ "timing", timing, not_minimal, .tries = 3 },
	{ "crystal", crystal, not_intel, .tries = 3 },
	{ "msrs", msrs },
	{ "calls", calls },
};

void guest_main(void)
{
	smp_init();
	cases_run(cases, ARRAY_SIZE(cases));
}
