// SPDX-License-Identifier: GPL-2.0
/*
 * TSC ticks per round trip of the exits that count. Each loop is a row; the
 * cost of an empty loop is taken off. Prints `bench NAME N ticks`, the least
 * of a few rounds, since a round may be interrupted by the host.
 */
#include "lib/guest.h"

#define ROUNDS	3
#define TURNS	200

#define PORT_POST	0x80
#define UNCLAIMED_PORT	0x4f0
#define UNCLAIMED_MMIO	0xd0000010UL
#define LAPIC		0xfee00000UL

static void nothing(void) { asm volatile(""); }
static void do_cpuid(void) { cpuid(0, 0); }
static void do_rdmsr(void) { rdmsr(MSR_APIC_BASE); }
static void do_wrmsr(void) { wrmsr(0x277, 0x0007040600070406); }
static void do_out_post(void) { outb(PORT_POST, 0); }
static void do_out_unclaimed(void) { outb(UNCLAIMED_PORT, 0); }
static void do_in_unclaimed(void) { inb(UNCLAIMED_PORT); }

/* In a register: MOV has a form with a 64-bit address, which no kernel uses. */
static u64 held(u64 address)
{
	asm volatile("" : "+r"(address));
	return address;
}

static void do_mmio_read(void) { mmio_read(held(UNCLAIMED_MMIO)); }
static void do_mmio_write(void) { mmio_write(held(UNCLAIMED_MMIO), 0); }
static void do_lapic_read(void) { mmio_read(held(LAPIC + 0x20)); }
static void do_lapic_tpr(void) { mmio_write(LAPIC + 0x80, 0); }
static void do_cr8(void) { write_cr8(0); }
static void do_cr3(void) { write_cr3(read_cr3()); }
static void do_trap(void) { asm volatile("int3"); }

static void on_breakpoint(struct trap *t) { }

/* A self-IPI taken at once, with its EOI. */
static void on_ipi(struct trap *t) { mmio_write(LAPIC + 0xb0, 0); }

static void do_self_ipi(void)
{
	sti();
	mmio_write(LAPIC + 0x300, 0x40050);	/* fixed, self, vector 0x50 */
	asm volatile("nop");
	cli();
}

/* The timer in TSC-deadline mode: armed alone, and until it came in a loop and in HLT. */
#define DEADLINE_TICKS	5000

static volatile u32 deadlines;

static void on_deadline(struct trap *t)
{
	deadlines++;
	mmio_write(LAPIC + 0xb0, 0);
}

static void deadline_in(u64 ticks)
{
	wrmsr(0x6e0, rdtsc() + ticks);
}

static void do_deadline(void) { deadline_in(100000000); }

static void do_deadline_spin(void)
{
	u32 before = deadlines;

	deadline_in(DEADLINE_TICKS);
	sti();
	while (deadlines == before)
		asm volatile("");
	cli();
}

static void do_deadline_halt(void)
{
	deadline_in(DEADLINE_TICKS);
	asm volatile("sti; hlt; cli" : : : "memory");
}

/* One of Hyper-V's timers, likewise; until it came there is a read of its clock as well. */
#define HV_REF_COUNT	0x40000020
#define HV_CONFIG	0x400000b0
#define HV_COUNT	0x400000b1
#define HV_DIRECT	(BIT(12) | BIT(3))	/* and enabled by its count */
#define HV_UNITS	20			/* of 100 ns */

static void do_hv_timer(void) { wrmsr(HV_COUNT, 1UL << 60); }
static void do_hv_count(void) { rdmsr(HV_REF_COUNT); }

static void do_hv_timer_spin(void)
{
	u32 before = deadlines;

	wrmsr(HV_COUNT, rdmsr(HV_REF_COUNT) + HV_UNITS);
	sti();
	while (deadlines == before)
		asm volatile("");
	cli();
}

static void do_hv_timer_halt(void)
{
	wrmsr(HV_COUNT, rdmsr(HV_REF_COUNT) + HV_UNITS);
	asm volatile("sti; hlt; cli" : : : "memory");
}

static const char *no_hv_timer(void)
{
	bool hyperv = cpuid(1, 0).ecx >> 31 && cpuid(0x40000000, 0).ebx == 0x7263694d;

	return hyperv && cpuid(0x40000003, 0).edx >> 19 & 1 ? NULL : "no Hyper-V timers";
}

static const char *no_deadline(void)
{
	return cpu_has_tsc_deadline() ? NULL : "no TSC-deadline timer";
}

static const struct {
	const char *name;
	void (*turn)(void);
	const char *(*skip)(void);	/* why this machine cannot, or NULL */
} benches[] = {
	{ "cpuid", do_cpuid },
	{ "rdmsr-apic-base", do_rdmsr },
	{ "wrmsr-pat", do_wrmsr },
	{ "out-post", do_out_post },
	{ "out-unclaimed", do_out_unclaimed },
	{ "in-unclaimed", do_in_unclaimed },
	{ "mmio-read", do_mmio_read },
	{ "mmio-write", do_mmio_write },
	{ "lapic-read", do_lapic_read },
	{ "lapic-tpr", do_lapic_tpr },
	{ "mov-cr8", do_cr8 },
	{ "mov-cr3", do_cr3 },
	{ "int3", do_trap },
	{ "self-ipi", do_self_ipi },
	{ "deadline", do_deadline, no_deadline },
	{ "deadline-spin", do_deadline_spin, no_deadline },
	{ "deadline-halt", do_deadline_halt, no_deadline },
	{ "hv-ref-count", do_hv_count, no_hv_timer },
	{ "hv-timer", do_hv_timer, no_hv_timer },
	{ "hv-timer-spin", do_hv_timer_spin, no_hv_timer },
	{ "hv-timer-halt", do_hv_timer_halt, no_hv_timer },
};

static u64 round_ticks(void (*turn)(void))
{
	u64 start = rdtsc();

	for (int i = 0; i < TURNS; i++)
		turn();
	return rdtsc() - start;
}

static u64 least_ticks(void (*turn)(void))
{
	u64 least = ~0UL;

	for (int i = 0; i < ROUNDS; i++) {
		u64 ticks = round_ticks(turn);

		least = min(least, ticks);
	}
	return least;
}

void guest_main(void)
{
	u64 empty = least_ticks(nothing);

	trap_set(BP, on_breakpoint);
	trap_set(0x50, on_ipi);
	trap_set(0x51, on_deadline);
	mmio_write(LAPIC + 0xf0, 0x1ff);	/* SVR: enabled */
	mmio_write(LAPIC + 0x320, 0x40051);	/* LVT timer: TSC-deadline, vector 0x51 */
	if (!no_hv_timer())
		wrmsr(HV_CONFIG, HV_DIRECT | 0x51 << 4);
	for (size_t i = 0; i < ARRAY_SIZE(benches); i++) {
		const char *reason = benches[i].skip ? benches[i].skip() : NULL;
		u64 ticks;

		if (!case_begin(benches[i].name))
			continue;
		if (reason) {
			case_skip(reason);
			case_end();
			continue;
		}
		ticks = least_ticks(benches[i].turn);
		ticks -= min(ticks, empty);
		printf("bench %s %lu ticks\n", benches[i].name, ticks / TURNS);
		expect_true("time passed", ticks > 0);
		case_end();
	}
}
