// SPDX-License-Identifier: GPL-2.0
/*
 * Other CPUs: how they are started, what they do while they have nothing to
 * do, and how they are given something. smp-entry.S is their way here.
 */
#include "smp.h"

#define PATIENCE_MS	10000
#define PIT_GATE	0x61

extern char ap_begin[], ap_end[];

u32 cpus = 1;
u64 tsc_ms;
static volatile bool want_x2apic;

/* --- time ---------------------------------------------------------------------- */
/* Ten milliseconds of the PIT's channel 2, which says in port 0x61 when they are over. */
static u64 measure_tsc_once(void)
{
	u64 begin;

	outb(PIT_GATE, (inb(PIT_GATE) & ~2) | 1);
	outb(0x43, 0xb0);
	outb(0x42, (PIT_HZ / 100) & 0xff);
	outb(0x42, (PIT_HZ / 100) >> 8);
	begin = rdtsc();
	while (!(inb(PIT_GATE) & 0x20))
		;
	return (rdtsc() - begin) / 10;
}

/* What a host does meanwhile makes it longer only. */
static u64 measure_tsc(void)
{
	u64 least = ~0UL;

	for (int i = 0; i < 3; i++) {
		u64 ticks = measure_tsc_once();

		least = min(least, ticks);
	}
	return least;
}

bool wait_for(volatile u32 *value, u32 want)
{
	u64 end = rdtsc() + PATIENCE_MS * tsc_ms;

	while (*value != want) {
		if (rdtsc() > end)
			return false;
		cpu_pause();
	}
	return true;
}

bool wait_change(volatile u32 *value, u32 old)
{
	u64 end = rdtsc() + PATIENCE_MS * tsc_ms;

	while (*value == old) {
		if (rdtsc() > end)
			return false;
		cpu_pause();
	}
	return true;
}

void sleep_us(u64 us)
{
	for (u64 end = rdtsc() + us * tsc_ms / 1000; rdtsc() < end;)
		cpu_pause();
}

void barrier_wait(struct barrier *b, u32 count)
{
	u32 round = b->round;

	if (atomic_add(&b->arrived, 1) == count) {
		b->arrived = 0;
		b->round = round + 1;
		return;
	}
	while (b->round == round)
		cpu_pause();
}

/* --- the local APIC ------------------------------------------------------------ */
u32 lapic_get(u32 reg)
{
	return cpu_self()->x2apic ? rdmsr(MSR_X2APIC + reg / 16) : apic_read(reg);
}

void lapic_put(u32 reg, u32 value)
{
	if (cpu_self()->x2apic)
		wrmsr(MSR_X2APIC + reg / 16, value);
	else
		apic_write(reg, value);
}

bool lapic_bit(u32 reg, u8 vector)
{
	return lapic_get(reg + (vector >> 5) * 0x10) >> (vector & 31) & 1;
}

void ipi_send(u32 dest, u32 low)
{
	if (cpu_self()->x2apic) {
		wrmsr(MSR_X2APIC + APIC_ICR / 16, (u64)dest << 32 | low);
		return;
	}
	while (apic_read(APIC_ICR) & ICR_BUSY)
		cpu_pause();
	apic_write(APIC_ICR_HIGH, dest << 24);
	apic_write(APIC_ICR, low);
}

/* "x2APIC State Transitions": from x2APIC to xAPIC only by being off. */
void lapic_on(bool x2apic)
{
	u64 base = rdmsr(MSR_APIC_BASE);

	if ((base & APIC_BASE_EXTD) && !x2apic) {
		base &= ~(APIC_BASE_EN | APIC_BASE_EXTD);
		wrmsr(MSR_APIC_BASE, base);
	}
	base |= APIC_BASE_EN;
	wrmsr(MSR_APIC_BASE, base);
	if (x2apic)
		wrmsr(MSR_APIC_BASE, base | APIC_BASE_EXTD);
	cpu_self()->x2apic = x2apic;
	lapic_put(APIC_SVR, SVR_ENABLE | VEC_SPURIOUS);
	lapic_put(APIC_LVT_LINT0, LVT_MASKED);
	lapic_put(APIC_TPR, 0);
}

static void set_x2apic(void *arg)
{
	lapic_on(want_x2apic);
}

bool cpus_set_x2apic(bool on)
{
	bool ok = true;

	want_x2apic = on;
	for (u32 i = 1; i < cpus; i++)
		ok &= cpu_call(i, set_x2apic, NULL);
	lapic_on(on);
	return ok;
}

/* --- interrupts ---------------------------------------------------------------- */
static void on_interrupt(struct trap *t)
{
	cpu_self()->hits[t->vector]++;
	lapic_end();
}

static void on_nmi(struct trap *t)
{
	cpu_self()->hits[NMI]++;
}

static void on_spurious(struct trap *t) { }

/* --- a CPU's life -------------------------------------------------------------- */
static void load_tables(struct cpu *c)
{
	struct { u16 limit; u64 base; } __attribute__((packed)) ptr;
	u64 base = (u64)c->tss, stack = (u64)(c->df_stack + sizeof(c->df_stack));

	memcpy(c->gdt, gdt, sizeof(c->gdt));
	memcpy(c->tss + 36, &stack, 8);
	c->tss[102] = sizeof(c->tss);
	c->gdt[SEL_TSS / 8] = 0x0000890000000000 | (sizeof(c->tss) - 1) | (base & 0xffffff) << 16 |
			      (base >> 24 & 0xff) << 56;
	c->gdt[SEL_TSS / 8 + 1] = base >> 32;
	ptr.limit = sizeof(c->gdt) - 1;
	ptr.base = (u64)c->gdt;
	asm volatile("lgdt %0; ltr %1" :: "m"(ptr), "r"((u16)SEL_TSS) : "memory");
	ptr.limit = sizeof(idt) - 1;
	ptr.base = (u64)idt;
	asm volatile("lidt %0" :: "m"(ptr));
}

void ap_main(u32 index);
void ap_main(u32 index)
{
	struct cpu *c = cpu_at(index);

	load_tables(c);
	write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_DE);
	c->index = index;
	c->x2apic = rdmsr(MSR_APIC_BASE) & APIC_BASE_EXTD;
	lapic_on(want_x2apic);
	atomic_add(&c->starts, 1);
	for (;;) {
		if (c->fn) {
			c->fn(c->arg);
			c->fn = NULL;
		} else {
			sti_hlt_cli();
		}
	}
}

void cpu_init(u32 i)
{
	ipi_send(i, ICR_INIT | ICR_ASSERT);
}

void cpu_sipi(u32 i, u8 vector)
{
	ipi_send(i, ICR_SIPI | ICR_ASSERT | vector);
}

bool cpu_wait_start(u32 i, u32 starts)
{
	u64 end = rdtsc() + PATIENCE_MS * tsc_ms;

	/* A start from before may have come late, and counts as well. */
	while ((int)(cpu_at(i)->starts - starts) < 0) {
		if (rdtsc() > end)
			return false;
		cpu_pause();
	}
	return cpu_call(i, NULL, NULL);
}

bool cpu_start(u32 i)
{
	struct cpu *c = cpu_at(i);
	u32 starts = c->starts;

	cpu_init(i);
	c->fn = NULL;
	cpu_sipi(i, AP_PAGE >> 12);
	return cpu_wait_start(i, starts + 1);
}

static void nothing(void *arg) { }

void cpu_post(u32 i, void (*fn)(void *), void *arg)
{
	struct cpu *c = cpu_at(i);

	c->arg = arg;
	c->fn = fn ? fn : nothing;
	ipi_send(i, ICR_ASSERT | VEC_WAKE);
}

bool cpu_wait(u32 i)
{
	u64 end = rdtsc() + PATIENCE_MS * tsc_ms;

	while (cpu_at(i)->fn) {
		if (rdtsc() > end)
			return false;
		cpu_pause();
	}
	return true;
}

bool cpu_call(u32 i, void (*fn)(void *), void *arg)
{
	cpu_post(i, fn, arg);
	return cpu_wait(i);
}

/* A message has arrived before the next that the same CPU sends does. */
bool cpus_settle(void)
{
	bool ok = true;

	for (u32 i = 1; i < cpus; i++)
		cpu_post(i, NULL, NULL);
	for (u32 i = 1; i < cpus; i++)
		ok &= cpu_wait(i);
	for (int i = 0; i < 4; i++)
		sti_nop_cli();
	return ok;
}

void cpus_forget_hits(void)
{
	for (u32 i = 0; i < cpus; i++)
		memset((void *)cpu_at(i)->hits, 0, sizeof(cpu_at(i)->hits));
}

/* --- work --------------------------------------------------------------------- */
volatile u32 counter, at_work, go_on;

static void count(void *arg)
{
	for (;;) {
		counter++;
		cpu_pause();
	}
}

bool counts(void)
{
	return wait_change(&counter, counter);
}

/* What was under way may still count a little. */
bool stands_still(void)
{
	for (int i = 0; i < 100; i++) {
		u32 seen = counter;

		sleep_us(20000);
		if (counter == seen)
			return true;
	}
	return false;
}

void post_count(u32 i)
{
	cpu_post(i, count, NULL);
	expect_true("counts", counts());
}

void post_work(u32 i, void (*fn)(void *))
{
	at_work = false;
	cpu_post(i, fn, NULL);
	expect_true("at work", wait_for(&at_work, true));
}

/* --- the beginning ------------------------------------------------------------- */
static u32 count_cpus(void)
{
	u32 n = cpuid(0, 0).eax >= 0xb ? cpuid(0xb, 1).ebx & 0xffff : 0;

	if (!n && (cpuid(1, 0).edx & BIT(28)))
		n = cpuid(1, 0).ebx >> 16 & 0xff;
	return min(n ? n : 1, (u32)CPU_MAX);
}

void smp_init(void)
{
	struct { u16 limit; u32 base; } __attribute__((packed)) *ptr = (void *)AP_GDT_PTR;

	cpus = count_cpus();
	tsc_ms = measure_tsc();
	memset(cpu_at(0), 0, (u64)cpus * CPU_AREA_SIZE);
	memcpy((void *)AP_PAGE, ap_begin, ap_end - ap_begin);
	memcpy((void *)AP_PAGE2, ap_begin, ap_end - ap_begin);
	ptr->limit = GDT_SLOTS * 8 - 1;
	ptr->base = (u64)gdt;
	for (u32 vector = 0x30; vector < VEC_SPURIOUS; vector++)
		trap_set(vector, on_interrupt);
	trap_set(VEC_USER_DONE, NULL);
	trap_set(VEC_SPURIOUS, on_spurious);
	trap_set(NMI, on_nmi);
	lapic_on(false);
}

void smp_start(void)
{
	u32 ready = 1;

	for (u32 i = 1; i < cpus; i++)
		ready += cpu_start(i);
	expect("CPUs that came up", ready, cpus);
	for (u32 i = 1; i < cpus; i++)
		expect("starts", cpu_at(i)->starts, 1);
}
