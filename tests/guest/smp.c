// SPDX-License-Identifier: GPL-2.0
/*
 * How a CPU begins and begins again: INIT, SIPI and what they leave. It takes as
 * many CPUs as there are, and skips what one alone cannot show.
 */
#include "lib/smp.h"

#define VECTOR		0x60

static const char *alone(void)
{
	return cpus < 2 ? "it takes two CPUs" : NULL;
}

static const char *no_x2apic(void)
{
	return alone() ? alone() : cpu_has_x2apic() ? NULL : "no x2APIC";
}

/* --- what a CPU is made to do -------------------------------------------------- */
static void halt_closed(void *arg)
{
	at_work = true;
	for (;;)
		asm volatile("cli; hlt");
}

static void halt_open(void *arg)
{
	at_work = true;
	for (;;)
		asm volatile("sti; hlt");
}

/* --- INIT and SIPI ------------------------------------------------------------- */
static void init_waits(void)
{
	post_count(1);
	cpu_init(1);
	expect_true("stands still", stands_still());
	expect("starts", cpu_at(1)->starts, 1);
	cpu_at(1)->fn = NULL;
	cpu_sipi(1, AP_PAGE >> 12);
	expect_true("starts again", cpu_wait_start(1, 2));
}

static void init_halted(void)
{
	u32 starts = cpu_at(1)->starts;

	post_work(1, halt_closed);
	expect_true("started from HLT", cpu_start(1));
	post_work(1, halt_open);
	expect_true("started from HLT with IF", cpu_start(1));
	expect("starts", cpu_at(1)->starts, starts + 2);
}

/* A second one while the CPU waits changes nothing. */
static void init_twice(void)
{
	u32 starts = cpu_at(1)->starts;

	cpu_init(1);
	cpu_init(1);
	cpu_sipi(1, AP_PAGE >> 12);
	expect_true("starts", cpu_wait_start(1, starts + 1));
}

/* "level de-assert" is none. */
static void init_deassert(void)
{
	u32 starts = cpu_at(1)->starts;

	post_count(1);
	ipi_send(1, ICR_INIT | ICR_LEVEL);
	expect_true("counts on", counts());
	ipi_send(0, ICR_INIT | ICR_LEVEL | ICR_ALL);
	expect_true("counts on", counts());
	expect("starts", cpu_at(1)->starts, starts);
	expect_true("started", cpu_start(1));
}

static void sipi_while_running(void)
{
	u32 starts = cpu_at(1)->starts;

	post_count(1);
	cpu_sipi(1, AP_PAGE >> 12);
	expect_true("counts on", counts());
	expect("starts", cpu_at(1)->starts, starts);
	/* Nor is it kept for later. */
	cpu_init(1);
	expect_true("stands still", stands_still());
	expect("starts after INIT", cpu_at(1)->starts, starts);
	expect_true("started", cpu_start(1));
}

static void sipi_while_halted(void)
{
	u32 starts = cpu_at(1)->starts;

	cpu_sipi(1, AP_PAGE >> 12);
	expect_true("called", cpu_call(1, NULL, NULL));
	expect("starts", cpu_at(1)->starts, starts);
}

/* The one that was sent to the running CPU right before does not count. */
static void sipi_before_init(void)
{
	for (int i = 0; i < 50; i++) {
		u32 starts = cpu_at(1)->starts;

		cpu_sipi(1, AP_PAGE >> 12);
		cpu_init(1);
		cpu_at(1)->fn = NULL;
		if (!expect("starts", cpu_at(1)->starts, starts))
			sleep_us(1000);
		cpu_sipi(1, AP_PAGE >> 12);
		if (!expect_true("started", cpu_wait_start(1, starts + 1)))
			break;
	}
}

/* One SIPI is enough, however soon after INIT it comes. */
static void sipi_at_once(void)
{
	for (int i = 0; i < 50; i++) {
		u32 starts = cpu_at(1)->starts;

		post_count(1);
		cpu_init(1);
		cpu_at(1)->fn = NULL;
		cpu_sipi(1, AP_PAGE >> 12);
		if (!expect_true("started", cpu_wait_start(1, starts + 1)))
			break;
	}
}

static void sipi_vector(void)
{
	static const u16 pages[] = { AP_PAGE, AP_PAGE2 };

	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		u32 starts = cpu_at(1)->starts;

		cpu_init(1);
		cpu_sipi(1, pages[i] >> 12);
		expect_true("started", cpu_wait_start(1, starts + 1));
		expect("CS", ap_state()->cs, pages[i] >> 4);
	}
}

/* It is the first that a waiting CPU takes. */
static void sipi_twice(void)
{
	for (int i = 0; i < 50; i++) {
		u32 starts = cpu_at(1)->starts;
		u16 page = i & 1 ? AP_PAGE : AP_PAGE2, other = i & 1 ? AP_PAGE2 : AP_PAGE;

		cpu_init(1);
		cpu_sipi(1, page >> 12);
		cpu_sipi(1, other >> 12);
		if (!expect_true("started", cpu_wait_start(1, starts + 1)) ||
		    !expect("CS", ap_state()->cs, page >> 4))
			break;
		expect("starts", cpu_at(1)->starts, starts + 1);
	}
}

/* As most firmware does it. */
static void init_others(void)
{
	u32 starts[CPU_MAX];

	for (u32 i = 1; i < cpus; i++)
		starts[i] = cpu_at(i)->starts;
	ipi_send(0, ICR_INIT | ICR_ASSERT | ICR_OTHERS);
	ipi_send(0, ICR_SIPI | ICR_ASSERT | ICR_OTHERS | AP_PAGE >> 12);
	for (u32 i = 1; i < cpus; i++)
		if (!expect_true("started", cpu_wait_start(i, starts[i] + 1)))
			printf("     CPU %u\n", i);
}

static void init_storm(void)
{
	u32 random = 12345;

	for (int i = 0; i < 300; i++) {
		random = random * 1103515245 + 12345;
		cpu_init(1);
		for (u32 n = random >> 16 & 0x3ff; n; n--)
			cpu_pause();
		cpu_sipi(1, AP_PAGE >> 12);
		for (u32 n = random >> 8 & 0x3ff; n; n--)
			cpu_pause();
	}
	expect_true("started", cpu_start(1));
}

/* --- what INIT leaves ---------------------------------------------------------- */
#define MSR_MTRR_DEF	0x2ff
#define MSR_PAT		0x277
#define MSR_STAR	0xc0000081
#define MSR_KERNEL_GS	0xc0000102

static struct {
	volatile u32 ready;
	u64 tsc, mtrr, pat, star, kernel_gs, xcr0, apic_base, xmm7, st0;
	u32 mxcsr;
	u16 fcw;
} before, after;

static void look(void *arg)
{
	before.ready = false;
	after.tsc = rdtsc();
	after.mtrr = rdmsr(MSR_MTRR_DEF);
	after.pat = rdmsr(MSR_PAT);
	after.star = rdmsr(MSR_STAR);
	after.kernel_gs = rdmsr(MSR_KERNEL_GS);
	after.apic_base = rdmsr(MSR_APIC_BASE);
	asm volatile("movq %%xmm7, %0; stmxcsr %1; fnstcw %2; fstpl %3" :
		     "=m"(after.xmm7), "=m"(after.mxcsr), "=m"(after.fcw), "=m"(after.st0));
	if (cpu_has_xsave()) {
		write_cr4(read_cr4() | CR4_OSXSAVE);
		after.xcr0 = xgetbv(0);
	}
}

/* Everything as it is not after INIT, or as it would not be after reset. */
static void spoil(void *arg)
{
	before.tsc = rdtsc();
	wrmsr(MSR_MTRR_DEF, 0xc06);
	wrmsr(MSR_PAT, 0x0606060606060606);
	wrmsr(MSR_STAR, 0x0023001000000000);
	wrmsr(MSR_KERNEL_GS, 0x123456789000);
	before.mtrr = rdmsr(MSR_MTRR_DEF);
	before.pat = rdmsr(MSR_PAT);
	before.star = rdmsr(MSR_STAR);
	before.kernel_gs = rdmsr(MSR_KERNEL_GS);
	before.apic_base = rdmsr(MSR_APIC_BASE);
	before.xmm7 = 0x0123456789abcdef;
	before.mxcsr = 0x7f80;
	before.fcw = 0x0e7f;
	asm volatile("movq %0, %%xmm7; ldmxcsr %1; fninit; fldpi; fldcw %2" ::
		     "m"(before.xmm7), "m"(before.mxcsr), "m"(before.fcw));
	before.st0 = 0x400921fb54442d18;	/* pi */
	if (cpu_has_xsave()) {
		write_cr4(read_cr4() | CR4_OSXSAVE);
		xsetbv(0, cpu_has_avx() ? 7 : 3);
		before.xcr0 = xgetbv(0);
	}
	write_dr0((u64)spoil);
	write_dr6(0xffff0ff1);
	write_dr7(0x700);
	write_cr2(0x1234);
	lapic_put(APIC_TPR, 0x50);
	lapic_put(APIC_LVT_ERROR, 0x77);
	write_cr0(read_cr0() | (arg ? CR0_CD : 0));
	before.ready = true;
	asm volatile("mov $-1, %%rax; mov %%rax, %%rcx; mov %%rax, %%rdx; mov %%rax, %%rbx\n"
		     "mov %%rax, %%rbp; mov %%rax, %%rsi; mov %%rax, %%rdi; mov %%rax, %%r8\n"
		     "mov %%rax, %%r15; stc\n"
		     "1: cli; jmp 1b" ::: "memory");
}

static void spoil_and_init(void *arg)
{
	u32 starts = cpu_at(1)->starts;

	cpu_post(1, spoil, arg);
	expect_true("spoilt", wait_for(&before.ready, true));
	sleep_us(1000);
	cpu_init(1);
	cpu_at(1)->fn = NULL;
	cpu_sipi(1, AP_PAGE >> 12);
	expect_true("started", cpu_wait_start(1, starts + 1));
	expect_true("looked", cpu_call(1, look, NULL));
}

/* "IA-32 and Intel 64 Processor States Following Power-up, Reset, or INIT" */
static void init_registers(void)
{
	const struct ap_state *s = ap_state();

	spoil_and_init(NULL);
	expect("EAX", s->eax, 0);
	expect("ECX", s->ecx, 0);
	expect("EDX", s->edx & 0xf00, cpuid(1, 0).eax & 0xf00);
	expect("EBX", s->ebx, 0);
	expect("ESP", s->esp, 0);
	expect("EBP", s->ebp, 0);
	expect("ESI", s->esi, 0);
	expect("EDI", s->edi, 0);
	expect("R8", s->r8, 0);
	expect("R15", s->r15, 0);
	expect("EFLAGS", s->eflags, 2);
	expect("CR2", s->cr2, 0);
	expect("CR3", s->cr3, 0);
	expect("CR4", s->cr4, 0);
	expect("EFER", s->efer, 0);
	expect("DR0", s->dr0, 0);
	expect("DR6", s->dr6, 0xffff0ff0);
	expect("DR7", s->dr7, 0x400);
	expect("CS", s->cs, AP_PAGE >> 4);
	expect("DS", s->ds, 0);
	expect("ES", s->es, 0);
	expect("SS", s->ss, 0);
	expect("FS", s->fs, 0);
	expect("GS", s->gs, 0);
	expect("GDTR base", s->gdtr.base, 0);
	expect("GDTR limit", s->gdtr.limit, 0xffff);
	expect("IDTR base", s->idtr.base, 0);
	expect("IDTR limit", s->idtr.limit, 0xffff);
}

static void init_cr0(void)
{
	spoil_and_init((void *)1);
	expect("CR0 with CD", ap_state()->cr0, 0x10 | CR0_CD);
	spoil_and_init(NULL);
	expect("CR0 without", ap_state()->cr0, 0x10);
}

static void init_keeps(void)
{
	spoil_and_init(NULL);
	expect_true("TSC goes on", after.tsc > before.tsc);
	expect("MTRRs", after.mtrr, before.mtrr);
	expect("PAT", after.pat, before.pat);
	expect("STAR", after.star, before.star);
	expect("KERNEL_GS_BASE", after.kernel_gs, before.kernel_gs);
	expect("APIC_BASE", after.apic_base, before.apic_base);
	expect("XMM7", after.xmm7, before.xmm7);
	expect("MXCSR", after.mxcsr, before.mxcsr);
	expect("x87 control word", after.fcw, before.fcw);
	expect("ST0", after.st0, before.st0);
	expect("XCR0", after.xcr0, before.xcr0);
}

/* What of the APIC the trampoline's C half had not yet touched when it looked. */
static void look_at_apic(void *arg)
{
	u32 *seen = arg;

	seen[0] = lapic_get(APIC_ID) >> (cpu_self()->x2apic ? 0 : 24);
	seen[1] = lapic_get(APIC_LVT_ERROR);
	seen[2] = lapic_get(APIC_LVT_TIMER);
	seen[3] = lapic_get(APIC_TIMER_INIT);
	seen[4] = lapic_bit(APIC_IRR, VECTOR) | lapic_bit(APIC_ISR, VECTOR) << 1;
	seen[5] = lapic_get(APIC_LDR);
}

/* An interrupt in service, one that waits, a timer that runs. */
static void spoil_apic(void *arg)
{
	lapic_put(APIC_LVT_ERROR, 0x77);
	lapic_put(APIC_LVT_TIMER, LVT_PERIODIC | 0x78);
	lapic_put(APIC_TIMER_INIT, 0x10000000);
	if (!cpu_self()->x2apic)
		lapic_put(APIC_LDR, 0x03000000);
	ipi_send(0, ICR_SELF | ICR_ASSERT | VECTOR);
	at_work = true;
	sti();
	for (;;)
		cpu_pause();
}

static void on_vector_stay(struct trap *t)
{
	ipi_send(0, ICR_SELF | ICR_ASSERT | VECTOR);
	at_work = 2;
	for (;;)
		cpu_pause();
}

static void init_apic(void)
{
	u32 seen[6];
	trap_fn old = trap_set(VECTOR, on_vector_stay);

	at_work = false;
	cpu_post(1, spoil_apic, NULL);
	expect_true("in the handler", wait_for(&at_work, 2));
	expect_true("started", cpu_start(1));
	trap_set(VECTOR, old);
	cpus_forget_hits();
	expect_true("looked", cpu_call(1, look_at_apic, seen));
	expect("hits", cpu_at(1)->hits[VECTOR], 0);
	expect("ID", seen[0], 1);
	expect("LVT error", seen[1], LVT_MASKED);
	expect("LVT timer", seen[2], LVT_MASKED);
	expect("timer's initial count", seen[3], 0);
	expect("IRR, ISR", seen[4], 0);
	if (!cpu_at(0)->x2apic)
		expect("LDR", seen[5], 0);
}

/* INIT ends the blocking of NMIs. */
static void on_nmi_stay(struct trap *t)
{
	at_work = true;
	for (;;)
		cpu_pause();
}

static void init_in_nmi(void)
{
	trap_fn old = trap_set(NMI, on_nmi_stay);

	at_work = false;
	ipi_send(1, ICR_NMI | ICR_ASSERT);
	expect_true("in the handler", wait_for(&at_work, true));
	expect_true("started", cpu_start(1));
	trap_set(NMI, old);
	cpus_forget_hits();
	ipi_send(1, ICR_NMI | ICR_ASSERT);
	expect_true("settled", cpus_settle());
	expect("NMIs", cpu_at(1)->hits[NMI], 1);
}

/* A CPU that halts with IF=0 is no concern of the others; NMI wakes it. */
static void halt_once(void *arg)
{
	at_work = true;
	asm volatile("cli; hlt");
}

static void halted_while_others_run(void)
{
	post_work(1, halt_once);
	sleep_us(300000);
	expect_true("still halted", cpu_at(1)->fn != NULL);
	ipi_send(1, ICR_NMI | ICR_ASSERT);
	expect_true("woken", cpu_wait(1));
}

/* --- both modes of the APIC -------------------------------------------------- */
static void to_x2apic(void) { expect_true("switched", cpus_set_x2apic(true)); }
static void to_xapic(void) { expect_true("switched", cpus_set_x2apic(false)); }

static const struct guest_case cases[] = {
	{ "all-start", smp_start, alone },
	{ "init-waits", init_waits, alone },
	{ "init-halted", init_halted, alone },
	{ "init-twice", init_twice, alone },
	{ "init-deassert", init_deassert, alone },
	{ "sipi-while-running", sipi_while_running, alone },
	{ "sipi-while-halted", sipi_while_halted, alone },
	{ "sipi-before-init", sipi_before_init, alone },
	{ "sipi-at-once", sipi_at_once, alone },
	{ "sipi-vector", sipi_vector, alone },
	{ "sipi-twice", sipi_twice, alone },
	{ "init-others", init_others, alone },
	{ "init-storm", init_storm, alone },
	{ "init-registers", init_registers, alone },
	{ "init-cr0", init_cr0, alone },
	{ "init-keeps", init_keeps, alone },
	{ "init-apic", init_apic, alone },
	{ "init-in-nmi", init_in_nmi, alone },
	{ "halted-while-others-run", halted_while_others_run, alone },
	{ "to-x2apic", to_x2apic, no_x2apic },
	{ "x2-init-keeps", init_keeps, no_x2apic },
	{ "x2-init-apic", init_apic, no_x2apic },
	{ "x2-sipi-at-once", sipi_at_once, no_x2apic },
	{ "x2-init-others", init_others, no_x2apic },
	{ "to-xapic", to_xapic, no_x2apic },
	{ "xapic-sipi-at-once", sipi_at_once, no_x2apic },
};

void guest_main(void)
{
	smp_init();
	printf("%u CPUs, %lu ticks in a millisecond\n", cpus, tsc_ms);
	cases_run(cases, ARRAY_SIZE(cases));
}
