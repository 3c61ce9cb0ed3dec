// SPDX-License-Identifier: GPL-2.0
/*
 * When an interrupt is taken and when not: IF and its shadows, HLT, NMI and
 * its blocking, TPR, priorities, EOI, and the ways in through PIC and IOAPIC.
 * Every handler writes down its vector and the RIP it came from.
 */
#include "lib/apic.h"

#define LOG_SIZE	64
#define PATIENCE	100000000	/* ticks of the TSC, for half a millisecond of the PIT */

static struct {
	u8 vector;
	u64 rip;
} taken[LOG_SIZE];
static volatile u32 taken_count;

static void note(struct trap *t)
{
	if (taken_count < LOG_SIZE) {
		taken[taken_count].vector = t->vector;
		taken[taken_count].rip = t->rip;
	}
	taken_count++;
}

static void on_irq(struct trap *t)
{
	note(t);
	apic_eoi();
}

static void on_nmi(struct trap *t)
{
	note(t);
}

/* What the APIC gives when a request is gone again; it wants no EOI. */
static void on_spurious(struct trap *t) { }

static bool in_service(void)
{
	u32 any = 0;

	for (u32 reg = APIC_ISR; reg < APIC_TMR; reg += 0x10)
		any |= apic_read(reg);
	return any;
}

/* A clean start for each case: nothing pending, in service or masked. */
static void reset(void)
{
	static const u8 ours[] = { 0x41, 0x50, 0x55, 0x60, 0x61, 0x70 };

	cli();
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		trap_set(ours[i], on_irq);
	trap_set(NMI, on_nmi);
	apic_write(APIC_SVR, SVR_ENABLE | 0xff);
	apic_write(APIC_LVT_LINT0, LVT_MASKED);
	apic_write(APIC_DFR, 0xffffffff);
	apic_write(APIC_LDR, 0x01000000);
	trap_set(0xff, on_spurious);
	write_cr8(0);
	for (int i = 0; i < 16 && in_service(); i++)
		apic_eoi();
	sti_nop_cli();
	taken_count = 0;
}

static void expect_taken(u32 n, u8 vector)
{
	if (expect("interrupts taken", taken_count, n) && n)
		expect("vector", taken[n - 1].vector, vector);
}

/* --- IF and its shadows --------------------------------------------------- */
/*
 * A hypervisor on an emulated CPU cannot keep a shadow over an exit that comes
 * at that very moment, such as the host's interrupt.
 */
#define TRIES	5

extern char sti_one[], sti_two[], ss_one[], ss_two[], hlt_after[], popf_after[], iret_to[],
	cr8_after[];

static void sti_shadow(void)
{
	reset();
	apic_self(0x50);
	asm volatile("sti\n sti_one: nop\n sti_two: nop\n cli" ::: "memory");
	expect_taken(1, 0x50);
	expect("rip", taken[0].rip, (u64)sti_two);
}

static void sti_cli(void)
{
	reset();
	apic_self(0x50);
	asm volatile("sti; cli; nop; nop" ::: "memory");
	expect_taken(0, 0);
	sti_nop_cli();
	expect_taken(1, 0x50);
}

/* STI when IF is set already makes no shadow; here it must only not lose it. */
static void sti_twice(void)
{
	reset();
	apic_self(0x50);
	asm volatile("sti; sti; nop; nop; cli" ::: "memory");
	expect_taken(1, 0x50);
}

/* The manual leaves it open whether the shadow of STI adds to that of MOV SS. */
static void mov_ss_shadow(void)
{
	reset();
	apic_self(0x50);
	asm volatile("mov %%ss, %%ecx; sti; mov %%ecx, %%ss\n ss_one: nop\n ss_two: nop; nop; cli"
		     ::: "rcx", "memory");
	expect_taken(1, 0x50);
	expect_range("rip", taken[0].rip, (u64)ss_one, (u64)ss_two);
}

static void popf_opens(void)
{
	reset();
	apic_self(0x50);
	asm volatile("push $0x202; popfq\n popf_after: nop; cli" ::: "memory");
	expect_taken(1, 0x50);
	expect("rip", taken[0].rip, (u64)popf_after);
}

static void iret_opens(void)
{
	reset();
	apic_self(0x50);
	asm volatile("mov %%rsp, %%rcx; push %0; push %%rcx; push $0x202; push %1; push $iret_to\n"
		     "iretq\n iret_to: nop; cli"
		     :: "i"(SEL_DATA), "i"(SEL_CODE64) : "rcx", "memory");
	expect_taken(1, 0x50);
	expect("rip", taken[0].rip, (u64)iret_to);
}

/* Exits between the request and the window change nothing. */
static void window(void)
{
	reset();
	apic_self(0x50);
	for (int i = 0; i < 10; i++) {
		cpuid(0, 0);
		inb(0x80);
		apic_read(APIC_ID);
	}
	expect_taken(0, 0);
	expect("IRR", apic_bit(APIC_IRR, 0x50), 1);
	sti_nop_cli();
	expect_taken(1, 0x50);
	expect("IRR", apic_bit(APIC_IRR, 0x50), 0);
}

static void software_leaves_apic(void)
{
	reset();
	trap_set(0x60, on_nmi);			/* no EOI */
	asm volatile("int $0x60");
	expect_taken(1, 0x60);
	expect("ISR", apic_bit(APIC_ISR, 0x60), 0);
}

/* --- HLT ------------------------------------------------------------------ */
static void hlt_pending(void)
{
	reset();
	apic_self(0x50);
	asm volatile("sti; hlt\n hlt_after: cli" ::: "memory");
	expect_taken(1, 0x50);
	expect("rip", taken[0].rip, (u64)hlt_after);
}

static void hlt_timer(void)
{
	reset();
	apic_write(APIC_TIMER_DIV, 0xb);
	apic_write(APIC_LVT_TIMER, 0x50);
	apic_write(APIC_TIMER_INIT, 1000000);
	sti_hlt_cli();
	apic_write(APIC_TIMER_INIT, 0);
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
	expect_taken(1, 0x50);
}

/*
 * The PIT as an NMI wakes HLT with IF clear; the interrupt that is pending
 * stays so.
 */
static void hlt_nmi(void)
{
	u32 seen;

	reset();
	apic_self(0x50);
	pit_start(PIT_HZ / 500);
	ioapic_set(2, ICR_NMI);
	asm volatile("hlt" ::: "memory");
	ioapic_set(2, LVT_MASKED);
	pit_stop();
	seen = taken_count;
	expect_true("woken", seen >= 1);
	expect("vector", taken[0].vector, NMI);
	sti_nop_cli();
	expect_taken(seen + 1, 0x50);
}

/* --- NMI ------------------------------------------------------------------ */
static void settle(void)
{
	for (int i = 0; i < 20; i++)
		cpuid(0, 0);
}

static void nmi_with_if_clear(void)
{
	reset();
	write_cr8(15);
	apic_nmi_self();
	settle();
	expect_taken(1, NMI);
}

static volatile u32 nested_in_nmi;

/* Two sent while one is handled are one, and wait for the IRET. */
static void on_nmi_send_two(struct trap *t)
{
	note(t);
	if (taken_count > 1)
		return;
	apic_nmi_self();
	apic_nmi_self();
	settle();
	nested_in_nmi = taken_count;
}

static void nmi_blocked(void)
{
	reset();
	trap_set(NMI, on_nmi_send_two);
	apic_nmi_self();
	settle();
	expect("in the handler", nested_in_nmi, 1);
	expect_taken(2, NMI);
	expect("rip after IRET", taken[1].rip, taken[0].rip);
}

/* Any IRET ends the blocking, that of another handler too. */
static void on_nmi_breakpoint(struct trap *t)
{
	note(t);
	if (taken_count > 1)
		return;
	apic_nmi_self();
	settle();
	expect("before IRET", taken_count, 1);
	asm volatile("int3");
	settle();
	expect("after IRET", taken_count, 2);
}

static void on_nothing(struct trap *t) { }

static void nmi_unblocked_early(void)
{
	reset();
	trap_set(NMI, on_nmi_breakpoint);
	trap_set(BP, on_nothing);
	apic_nmi_self();
	settle();
	trap_set(BP, NULL);
	expect_taken(2, NMI);
}

/* A maskable interrupt in the NMI handler, when that opens IF. */
static void on_nmi_open(struct trap *t)
{
	note(t);
	apic_self(0x50);
	sti_nop_cli();
}

static void nmi_then_irq(void)
{
	reset();
	trap_set(NMI, on_nmi_open);
	apic_nmi_self();
	settle();
	expect_taken(2, 0x50);
}

/* --- priorities ------------------------------------------------------------ */
static void tpr_masks(void)
{
	reset();
	write_cr8(5);
	expect("TPR", apic_read(APIC_TPR), 0x50);
	expect("PPR", apic_read(APIC_PPR), 0x50);
	apic_self(0x55);
	sti_nop_cli();
	expect_taken(0, 0);
	apic_self(0x60);
	sti_nop_cli();
	expect_taken(1, 0x60);
	write_cr8(4);
	sti_nop_cli();
	expect_taken(2, 0x55);
}

static void tpr_mmio(void)
{
	reset();
	apic_write(APIC_TPR, 0x7a);
	expect("CR8", read_cr8(), 7);
	expect("PPR", apic_read(APIC_PPR), 0x7a);
	apic_self(0x70);
	sti_nop_cli();
	expect_taken(0, 0);
	apic_write(APIC_TPR, 0);
	sti_nop_cli();
	expect_taken(1, 0x70);
}

static void cr8_opens(void)
{
	reset();
	write_cr8(15);
	apic_self(0x50);
	sti();
	settle();
	expect_taken(0, 0);
	asm volatile("mov %0, %%cr8\n cr8_after: nop; nop; cli" :: "r"(0UL) : "memory");
	expect_taken(1, 0x50);
	expect("rip", taken[0].rip, (u64)cr8_after);
}

static void order(void)
{
	static const u8 want[] = { 0x61, 0x60, 0x50, 0x41 };

	reset();
	apic_self(0x50);
	apic_self(0x60);
	apic_self(0x41);
	apic_self(0x61);
	asm volatile("sti; nop; nop; nop; nop; nop; cli" ::: "memory");
	expect("interrupts taken", taken_count, 4);
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		expect("vector", taken[i].vector, want[i]);
}

static void merged(void)
{
	reset();
	apic_self(0x50);
	apic_self(0x50);
	sti_nop_cli();
	sti_nop_cli();
	expect_taken(1, 0x50);
}

static volatile u32 in_handler, ppr_in_handler;

/* The same class waits for the EOI, a higher one does not. */
static void on_irq_nest(struct trap *t)
{
	note(t);
	ppr_in_handler = apic_read(APIC_PPR);
	apic_self(0x55);
	apic_self(0x60);
	sti_nop_cli();
	in_handler = taken_count;
	apic_eoi();
}

static void nested(void)
{
	reset();
	trap_set(0x50, on_irq_nest);
	apic_self(0x50);
	sti_nop_cli();
	sti_nop_cli();
	expect("in the handler", in_handler, 2);
	expect("PPR", ppr_in_handler, 0x50);
	expect("nested vector", taken[1].vector, 0x60);
	expect_taken(3, 0x55);
}

static void on_irq_no_eoi(struct trap *t) { note(t); }

/* EOI ends the highest in service. */
static void eoi_order(void)
{
	reset();
	trap_set(0x50, on_irq_no_eoi);
	trap_set(0x60, on_irq_no_eoi);
	apic_self(0x50);
	sti_nop_cli();
	apic_self(0x60);
	sti_nop_cli();
	expect_taken(2, 0x60);
	expect("ISR 0x50", apic_bit(APIC_ISR, 0x50), 1);
	expect("ISR 0x60", apic_bit(APIC_ISR, 0x60), 1);
	apic_eoi();
	expect("ISR 0x50", apic_bit(APIC_ISR, 0x50), 1);
	expect("ISR 0x60", apic_bit(APIC_ISR, 0x60), 0);
	apic_eoi();
	expect("ISR 0x50", apic_bit(APIC_ISR, 0x50), 0);
	expect("PPR", apic_read(APIC_PPR), 0);
}

/* --- the ways to address oneself ------------------------------------------- */
static void send_and_expect(u32 high, u32 low, u32 n)
{
	reset();
	apic_write(APIC_ICR_HIGH, high);
	apic_write(APIC_ICR, low | ICR_ASSERT | 0x50);
	sti_nop_cli();
	expect_taken(n, 0x50);
	expect("delivery status", apic_read(APIC_ICR) & 0x1000, 0);
}

static void ipi_self(void) { send_and_expect(0, ICR_SELF, 1); }
static void ipi_all(void) { send_and_expect(0, ICR_ALL, 1); }
static void ipi_others(void) { send_and_expect(0, ICR_OTHERS, 0); }
static void ipi_physical(void) { send_and_expect(apic_read(APIC_ID), 0, 1); }
static void ipi_physical_none(void) { send_and_expect(0x0e000000, 0, 0); }
static void ipi_broadcast(void) { send_and_expect(0xff000000, 0, 1); }
static void ipi_flat(void) { send_and_expect(0x01000000, ICR_LOGICAL, 1); }
static void ipi_flat_none(void) { send_and_expect(0x02000000, ICR_LOGICAL, 0); }

static void ipi_cluster(void)
{
	reset();
	apic_write(APIC_DFR, 0x0fffffff);
	apic_write(APIC_LDR, 0x22000000);	/* cluster 2, bit 1 */
	apic_write(APIC_ICR_HIGH, 0x21000000);
	apic_write(APIC_ICR, ICR_LOGICAL | ICR_ASSERT | 0x50);
	sti_nop_cli();
	expect_taken(0, 0);
	apic_write(APIC_ICR_HIGH, 0x23000000);
	apic_write(APIC_ICR, ICR_LOGICAL | ICR_ASSERT | 0x50);
	sti_nop_cli();
	expect_taken(1, 0x50);
}

/* --- the APIC's own registers ------------------------------------------------ */
static void soft_disabled(void)
{
	reset();
	apic_write(APIC_LVT_LINT0, 0x50);
	apic_write(APIC_SVR, 0xff);
	expect("LVT", apic_read(APIC_LVT_LINT0) & LVT_MASKED, LVT_MASKED);
	apic_write(APIC_LVT_LINT0, 0x50);
	expect("LVT stays masked", apic_read(APIC_LVT_LINT0) & LVT_MASKED, LVT_MASKED);
	apic_self(0x50);
	sti_nop_cli();
	expect_taken(0, 0);
	apic_write(APIC_SVR, SVR_ENABLE | 0xff);
	apic_write(APIC_LVT_LINT0, LVT_MASKED);
}

/* "Error Handling": the first write of ESR shows what was found before it. */
static void esr_illegal_vector(void)
{
	reset();
	apic_write(APIC_LVT_ERROR, 0x60);
	apic_write(APIC_ESR, 0);
	apic_self(0x05);
	apic_write(APIC_ESR, 0);
	expect("send illegal vector", apic_read(APIC_ESR) & 0x20, 0x20);
	sti_nop_cli();
	expect_taken(1, 0x60);
	apic_write(APIC_ESR, 0);
	apic_write(APIC_ESR, 0);
	expect("cleared", apic_read(APIC_ESR), 0);
	apic_write(APIC_LVT_ERROR, LVT_MASKED);
}

static void version(void)
{
	u32 v = apic_read(APIC_VERSION);

	expect_range("version", v & 0xff, 0x10, 0x15);
	expect_range("last LVT entry", v >> 16 & 0xff, 3, 6);
	expect("id", apic_read(APIC_ID) >> 24, cpuid(1, 0).ebx >> 24);
}

/* --- the PIC ------------------------------------------------------------------ */
static volatile u32 pic_hits;
static u8 isr_seen;

static void on_pic(struct trap *t)
{
	note(t);
	pic_hits++;
	outb(0x20, 0x0b);			/* OCW3: read ISR */
	isr_seen = inb(0x20);
	outb(0x20, 0x20);
	apic_read(APIC_ID);
}

static void pic_mask(u16 mask)
{
	outb(0x21, mask);
	outb(0xa1, mask >> 8);
}

/* The PIT's IRQ 0 through LINT0 as ExtINT. */
static void extint_pit(void)
{
	reset();
	pic_hits = 0;
	trap_set(0x20, on_pic);
	apic_write(APIC_LVT_LINT0, LVT_EXTINT);
	pit_start(PIT_HZ / 500);
	pic_mask(0xfffe);
	while (pic_hits < 3)
		sti_hlt_cli();
	pic_mask(0xffff);
	pit_stop();
	apic_write(APIC_LVT_LINT0, LVT_MASKED);
	expect("vector", taken[0].vector, 0x20);
	expect("PIC ISR", isr_seen, 1);
	expect("APIC ISR", apic_bit(APIC_ISR, 0x20), 0);
}

/* Masked at LINT0, the PIC keeps its request. */
static void lint0_masked(void)
{
	reset();
	trap_set(0x20, on_pic);
	pit_once(PIT_HZ / 2000);
	pic_mask(0xfffe);
	for (u64 end = rdtsc() + PATIENCE; rdtsc() < end && !(inb(0x20) & 1);)
		outb(0x20, 0x0a);		/* OCW3: read IRR */
	sti_nop_cli();
	expect_taken(0, 0);
	outb(0x20, 0x0a);
	expect("PIC IRR", inb(0x20) & 1, 1);
	apic_write(APIC_LVT_LINT0, LVT_EXTINT);
	asm volatile("sti; nop; nop; nop; nop; cli" ::: "memory");
	apic_write(APIC_LVT_LINT0, LVT_MASKED);
	pic_mask(0xffff);
	pit_stop();
	expect_taken(1, 0x20);
}

/* Poll mode acknowledges without INTA: bit 7 and the number. */
static void pic_poll(void)
{
	u8 v = 0;

	reset();
	pit_once(PIT_HZ / 2000);
	pic_mask(0xfffe);
	for (u64 end = rdtsc() + PATIENCE; rdtsc() < end && !(v & 0x80);) {
		outb(0x20, 0x0c);
		v = inb(0x20);
	}
	expect("polled", v, 0x80);
	outb(0x20, 0x0b);
	expect("in service", inb(0x20), 1);
	outb(0x20, 0x20);
	outb(0x20, 0x0b);
	expect("after EOI", inb(0x20), 0);
	pic_mask(0xffff);
	pit_stop();
}

static u8 master_isr, slave_isr;

static void on_rtc(struct trap *t)
{
	note(t);
	outb(0xa0, 0x0b);
	slave_isr = inb(0xa0);
	outb(0x20, 0x0b);
	master_isr = inb(0x20);
	cmos_read(0x0c);
	outb(0xa0, 0x20);
	outb(0x20, 0x20);
}

/* IRQ 8 comes through the slave: both have it in service. */
static void pic_cascade(void)
{
	u8 b = cmos_read(0x0b);

	reset();
	trap_set(0x28, on_rtc);
	apic_write(APIC_LVT_LINT0, LVT_EXTINT);
	cmos_write(0x0a, 0x26);			/* 1024 Hz */
	cmos_write(0x0b, b | 0x40);
	cmos_read(0x0c);
	pic_mask(0xfefb);
	while (taken_count < 3)
		sti_hlt_cli();
	pic_mask(0xffff);
	cmos_write(0x0b, b);
	apic_write(APIC_LVT_LINT0, LVT_MASKED);
	expect("vector", taken[0].vector, 0x28);
	expect("slave ISR", slave_isr, 1);
	expect("master ISR", master_isr, 4);
}

static void pic_registers(void)
{
	pic_mask(0xa55a);
	expect("IMR", inb(0x21) | inb(0xa1) << 8, 0xa55a);
	pic_mask(0xffff);
}

/* --- the IOAPIC ---------------------------------------------------------------- */
static void ioapic_pit(void)
{
	reset();
	pit_start(PIT_HZ / 500);
	ioapic_set(2, 0x70);
	while (taken_count < 3)
		sti_hlt_cli();
	ioapic_set(2, LVT_MASKED | 0x70);
	pit_stop();
	expect("vector", taken[0].vector, 0x70);
	sti_nop_cli();
	taken_count = 0;
	sti_nop_cli();
	expect_taken(0, 0);
}

static void ioapic_rtc(void)
{
	u8 b = cmos_read(0x0b);

	reset();
	cmos_write(0x0a, 0x26);
	cmos_write(0x0b, b | 0x40);
	ioapic_set(8, 0x61);
	/* Only now: an edge while the pin is masked is lost, and none comes after it. */
	cmos_read(0x0c);
	while (taken_count < 3) {
		sti_hlt_cli();
		cmos_read(0x0c);
	}
	ioapic_set(8, LVT_MASKED | 0x61);
	cmos_write(0x0b, b);
	cmos_read(0x0c);
	expect("vector", taken[0].vector, 0x61);
}

static void ioapic_registers(void)
{
	u32 version = ioapic_read(1);

	expect("pins", version >> 16 & 0xff, 23);
	expect_range("version", version & 0xff, 0x11, 0x20);
	ioapic_write(0x10 + 2 * 5, LVT_MASKED | 0x1a955);
	/* Delivery status and remote IRR are read-only. */
	expect("entry", ioapic_read(0x10 + 2 * 5), (LVT_MASKED | 0x1a955) & ~0x5000);
	ioapic_write(0x10 + 2 * 5, LVT_MASKED);
}

static const struct guest_case cases[] = {
	{ "sti-shadow", sti_shadow, .tries = TRIES },
	{ "sti-cli", sti_cli, .tries = TRIES },
	{ "sti-twice", sti_twice },
	{ "mov-ss-shadow", mov_ss_shadow, .tries = TRIES },
	{ "popf-opens", popf_opens },
	{ "iret-opens", iret_opens },
	{ "window", window },
	{ "software-leaves-apic", software_leaves_apic },
	{ "hlt-pending", hlt_pending },
	{ "hlt-timer", hlt_timer },
	{ "hlt-nmi", hlt_nmi },
	{ "nmi-with-if-clear", nmi_with_if_clear },
	{ "nmi-blocked", nmi_blocked },
	{ "nmi-unblocked-early", nmi_unblocked_early },
	{ "nmi-then-irq", nmi_then_irq },
	{ "tpr-masks", tpr_masks },
	{ "tpr-mmio", tpr_mmio },
	{ "cr8-opens", cr8_opens },
	{ "order", order },
	{ "merged", merged },
	{ "nested", nested },
	{ "eoi-order", eoi_order },
	{ "ipi-self", ipi_self },
	{ "ipi-all", ipi_all },
	{ "ipi-others", ipi_others },
	{ "ipi-physical", ipi_physical },
	{ "ipi-physical-none", ipi_physical_none },
	{ "ipi-broadcast", ipi_broadcast },
	{ "ipi-flat", ipi_flat },
	{ "ipi-flat-none", ipi_flat_none },
	{ "ipi-cluster", ipi_cluster },
	{ "soft-disabled", soft_disabled },
	{ "esr-illegal-vector", esr_illegal_vector },
	{ "version", version },
	{ "pic-registers", pic_registers },
	{ "extint-pit", extint_pit },
	{ "lint0-masked", lint0_masked },
	{ "pic-poll", pic_poll },
	{ "pic-cascade", pic_cascade },
	{ "ioapic-registers", ioapic_registers },
	{ "ioapic-pit", ioapic_pit },
	{ "ioapic-rtc", ioapic_rtc },
};

GUEST(cases)
