// SPDX-License-Identifier: GPL-2.0
/*
 * Which CPUs take a message, in every way to say whom it is for: from each other,
 * and from the IOAPIC. It takes as many CPUs as there are, and skips what one
 * alone cannot show.
 */
#include "lib/smp.h"

#define VECTOR		0x60
#define VEC_HELD	0x38	/* in service it lets VEC_WAKE through */
#define SENDERS		16	/* destinations that are tried of many CPUs */

static const char *alone(void)
{
	return cpus < 2 ? "it takes two CPUs" : NULL;
}

static const char *no_x2apic(void)
{
	return alone() ? alone() : cpu_has_x2apic() ? NULL : "no x2APIC";
}

/* --- who takes it -------------------------------------------------------------- */
typedef bool (*takes_fn)(u32 cpu, u32 dest);

static bool takes_physical(u32 cpu, u32 dest) { return cpu == dest; }
static bool takes_all(u32 cpu, u32 dest) { return true; }
static bool takes_others(u32 cpu, u32 dest) { return cpu; }
static bool takes_self(u32 cpu, u32 dest) { return !cpu; }
static bool takes_none(u32 cpu, u32 dest) { return false; }

static u8 flat_id(u32 cpu) { return 1 << (cpu & 7); }
static bool takes_flat(u32 cpu, u32 dest) { return flat_id(cpu) & dest; }

/* Four in a cluster, 15 clusters; who comes after has none. */
static u8 cluster_id(u32 cpu) { return cpu < 60 ? cpu / 4 << 4 | 1 << (cpu & 3) : 0; }

static bool takes_cluster(u32 cpu, u32 dest)
{
	return dest == 0xff || (cluster_id(cpu) >> 4 == dest >> 4 && (cluster_id(cpu) & dest & 15));
}

static bool takes_x2_cluster(u32 cpu, u32 dest)
{
	return dest == ~0u || (cpu >> 4 == dest >> 16 && (dest >> (cpu & 15) & 1));
}

static void set_flat(void *arg)
{
	lapic_put(APIC_DFR, 0xffffffff);
	lapic_put(APIC_LDR, (u32)flat_id(cpu_index()) << 24);
}

static void set_cluster(void *arg)
{
	lapic_put(APIC_DFR, 0x0fffffff);
	lapic_put(APIC_LDR, (u32)cluster_id(cpu_index()) << 24);
}

static void everywhere(void (*fn)(void *), void *arg)
{
	for (u32 i = 1; i < cpus; i++)
		expect_true("called", cpu_call(i, fn, arg));
	fn(arg);
}

/* All have @vector as often as they should. */
static bool expect_hits(u32 dest, u8 vector, takes_fn takes)
{
	for (u32 i = 0; i < cpus; i++) {
		if (expect("interrupts", cpu_at(i)->hits[vector], takes(i, dest)))
			continue;
		printf("     of CPU %u, destination 0x%x\n", i, dest);
		return false;
	}
	return true;
}

static bool send_expect(u32 dest, u32 low, takes_fn takes)
{
	u8 vector = (low & 0x700) == ICR_NMI ? NMI : VECTOR;

	cpus_forget_hits();
	ipi_send(dest, low | VECTOR);
	if (!cpu_self()->x2apic)
		expect("delivery status", lapic_get(APIC_ICR) & ICR_BUSY, 0);
	return expect_true("settled", cpus_settle()) && expect_hits(dest, vector, takes);
}

/* Some of the destinations 0 to @end - 1, the first and the last among them. */
static void send_each(u32 end, u32 low, takes_fn takes)
{
	u32 step = end > SENDERS ? end / SENDERS : 1;

	for (u32 dest = 0; dest < end; dest += step)
		if (!send_expect(dest, low, takes))
			return;
	send_expect(end - 1, low, takes);
}

static void ipi_physical(void) { send_each(cpus, ICR_ASSERT, takes_physical); }
static void ipi_level(void) { send_each(cpus, ICR_ASSERT | ICR_LEVEL, takes_physical); }
static void ipi_others(void) { send_expect(0, ICR_OTHERS | ICR_ASSERT, takes_others); }
static void ipi_all(void) { send_expect(0, ICR_ALL | ICR_ASSERT, takes_all); }
static void ipi_self(void) { send_expect(1, ICR_SELF | ICR_ASSERT, takes_self); }
static void ipi_nmi(void) { send_each(cpus, ICR_NMI | ICR_ASSERT, takes_physical); }

static void ipi_nmi_others(void)
{
	send_expect(0, ICR_OTHERS | ICR_ASSERT | ICR_NMI, takes_others);
}

static void ipi_broadcast(void)
{
	send_expect(cpu_self()->x2apic ? ~0u : 0xff, ICR_ASSERT, takes_all);
}

/* Of whatever kind: nobody is interrupted, started over or lost. */
static void send_nobody(u32 dest)
{
	static const u32 modes[] = { 0, ICR_LOWEST, ICR_NMI, ICR_INIT, ICR_SIPI };

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		send_expect(dest, ICR_ASSERT | modes[i], takes_none);
}

/* 255 is an ID like any other in x2APIC mode. */
static void ipi_nobody(void)
{
	if (cpus < 0xfe)
		send_nobody(0xfe);
	if (cpus < 0xf0)
		send_nobody(cpus);
	if (!cpu_self()->x2apic)
		return;
	send_nobody(0xff);
	send_nobody(0x100);
	send_nobody(0x7fffffff);
}

/* Delivery modes without a meaning, and those that nobody has an answer to. */
static void ipi_senseless(void)
{
	send_expect(1, 0x300 | ICR_ASSERT, takes_none);
	send_expect(1, 0x700 | ICR_ASSERT, takes_none);
	send_expect(1, ICR_SMI | ICR_ASSERT, takes_none);
}

static void ipi_flat(void)
{
	everywhere(set_flat, NULL);
	for (u32 i = 0; i < min(cpus, 8u); i++)
		send_expect(1 << i, ICR_LOGICAL | ICR_ASSERT, takes_flat);
	send_expect(0x03, ICR_LOGICAL | ICR_ASSERT, takes_flat);
	send_expect(0xfa, ICR_LOGICAL | ICR_ASSERT, takes_flat);
	send_expect(0xff, ICR_LOGICAL | ICR_ASSERT, takes_flat);
	send_expect(0x00, ICR_LOGICAL | ICR_ASSERT, takes_flat);
	send_expect(0x02, ICR_LOGICAL | ICR_NMI | ICR_ASSERT, takes_flat);
}

static void ipi_cluster(void)
{
	everywhere(set_cluster, NULL);
	for (u32 i = 0; i < min(cpus, 8u); i++)
		send_expect(cluster_id(i), ICR_LOGICAL | ICR_ASSERT, takes_cluster);
	send_expect(0x03, ICR_LOGICAL | ICR_ASSERT, takes_cluster);
	send_expect(0x0f, ICR_LOGICAL | ICR_ASSERT, takes_cluster);
	send_expect(0x1f, ICR_LOGICAL | ICR_ASSERT, takes_cluster);
	send_expect(0xff, ICR_LOGICAL | ICR_ASSERT, takes_cluster);
	send_expect(0x0e, ICR_LOGICAL | ICR_NMI | ICR_ASSERT, takes_cluster);
	everywhere(set_flat, NULL);
}

static void ipi_x2_cluster(void)
{
	send_expect(0x00001, ICR_LOGICAL | ICR_ASSERT, takes_x2_cluster);
	send_expect(0x00002, ICR_LOGICAL | ICR_ASSERT, takes_x2_cluster);
	send_expect(0x0ffff, ICR_LOGICAL | ICR_ASSERT, takes_x2_cluster);
	send_expect(0x0fffe, ICR_LOGICAL | ICR_ASSERT, takes_x2_cluster);
	send_expect(0x10003, ICR_LOGICAL | ICR_ASSERT, takes_x2_cluster);
	send_expect(0x3ffff, ICR_LOGICAL | ICR_ASSERT, takes_x2_cluster);
	send_expect(0xfffff, ICR_LOGICAL | ICR_ASSERT, takes_x2_cluster);
	send_expect(0x00000, ICR_LOGICAL | ICR_ASSERT, takes_x2_cluster);
	send_expect(0xffffffff, ICR_LOGICAL | ICR_ASSERT, takes_x2_cluster);
	send_expect(0x00002, ICR_LOGICAL | ICR_NMI | ICR_ASSERT, takes_x2_cluster);
}

/* Exactly one of those that are meant. */
static bool expect_one(u32 dest, takes_fn takes)
{
	u32 meant = 0, others = 0;

	for (u32 i = 0; i < cpus; i++)
		*(takes(i, dest) ? &meant : &others) += cpu_at(i)->hits[VECTOR];
	return expect("among those meant", meant, 1) & expect("among others", others, 0);
}

static void ipi_lowest(void)
{
	static const u8 dests[] = { 0x01, 0x02, 0x03, 0xff, 0xff, 0xff, 0xff };

	everywhere(set_flat, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(dests); i++) {
		if (cpus < 2 && !(dests[i] & 1))
			continue;
		cpus_forget_hits();
		ipi_send(dests[i], ICR_LOGICAL | ICR_LOWEST | ICR_ASSERT | VECTOR);
		expect_true("settled", cpus_settle());
		expect_one(dests[i], takes_flat);
	}
}

/* Who does the most urgent work is not chosen, nor who takes none at all. */
static void set_svr(void *arg) { lapic_put(APIC_SVR, (u64)arg | VEC_SPURIOUS); }

static void ipi_lowest_priority(void)
{
	everywhere(set_flat, NULL);
	for (int i = 0; i < 6; i++) {
		cpus_forget_hits();
		lapic_put(APIC_TPR, 0x20);
		ipi_send(0x03, ICR_LOGICAL | ICR_LOWEST | ICR_ASSERT | VECTOR);
		lapic_put(APIC_TPR, 0);
		expect_true("settled", cpus_settle());
		expect("CPU with the higher TPR", cpu_at(0)->hits[VECTOR], 0);
		expect_one(0x03, takes_flat);
	}
	for (int i = 0; i < 4; i++) {
		cpus_forget_hits();
		set_svr(0);
		ipi_send(0x03, ICR_LOGICAL | ICR_LOWEST | ICR_ASSERT | VECTOR);
		set_svr((void *)SVR_ENABLE);
		expect_true("settled", cpus_settle());
		expect("CPU that is disabled", cpu_at(0)->hits[VECTOR], 0);
		expect_one(0x03, takes_flat);
	}
}

/* "Error Handling": the sender finds out, and nobody else hears of it. */
static void look_at_esr(void *arg)
{
	lapic_put(APIC_ESR, 0);
	*(u32 *)arg = lapic_get(APIC_ESR);
}

static void ipi_illegal_vector(void)
{
	u32 esr;

	everywhere(look_at_esr, &esr);
	for (u32 vector = 0; vector < 16; vector++) {
		cpus_forget_hits();
		ipi_send(1, ICR_ASSERT | vector);
		expect_true("settled", cpus_settle());
		look_at_esr(&esr);
		expect("the sender's ESR", esr & 0xe0, 0x20);
		expect_true("looked", cpu_call(1, look_at_esr, &esr));
		expect("the receiver's ESR", esr, 0);
		expect_hits(1, vector, takes_none);
	}
	look_at_esr(&esr);
	expect("ESR once more", esr, 0);
}

static volatile u32 saw_irr;

/* Disabled by software: "NMI, INIT, SMI and SIPI" only. */
static void disable_soft(void *arg)
{
	set_svr(0);
	at_work = true;
	while (!go_on)
		cpu_pause();
	saw_irr = lapic_bit(APIC_IRR, VECTOR);
	lapic_on(cpu_self()->x2apic);
}

static void soft_disabled(void)
{
	cpus_forget_hits();
	go_on = false;
	saw_irr = 2;
	post_work(1, disable_soft);
	ipi_send(1, ICR_ASSERT | VECTOR);
	ipi_send(1, ICR_NMI | ICR_ASSERT);
	expect_true("NMI", wait_for(&cpu_at(1)->hits[NMI], 1));
	go_on = true;
	expect_true("goes on", cpu_wait(1));
	expect("IRR", saw_irr, 0);
	expect_true("settled", cpus_settle());
	expect("interrupts", cpu_at(1)->hits[VECTOR], 0);
	go_on = false;
	post_work(1, disable_soft);
	expect_true("started", cpu_start(1));
}

/* Disabled for good, an APIC is not on the bus: not even INIT gets there. */
static void disable_hard(void *arg)
{
	u64 base = rdmsr(MSR_APIC_BASE);

	wrmsr(MSR_APIC_BASE, base & ~(APIC_BASE_EN | APIC_BASE_EXTD));
	at_work = true;
	while (!go_on) {
		counter++;
		cpu_pause();
	}
	lapic_on(cpu_self()->x2apic);
}

static void hard_disabled(void)
{
	u32 starts = cpu_at(1)->starts;

	cpus_forget_hits();
	go_on = false;
	post_work(1, disable_hard);
	ipi_send(1, ICR_ASSERT | VECTOR);
	ipi_send(1, ICR_NMI | ICR_ASSERT);
	cpu_init(1);
	cpu_sipi(1, AP_PAGE >> 12);
	expect_true("counts on", counts());
	go_on = true;
	expect_true("goes on", cpu_wait(1));
	expect_true("settled", cpus_settle());
	expect("starts", cpu_at(1)->starts, starts);
	expect("NMIs", cpu_at(1)->hits[NMI], 0);
	expect("interrupts", cpu_at(1)->hits[VECTOR], 0);
}

/* Many senders, one receiver: each vector is taken once, or merged with itself. */
static struct barrier together;

static void bombard(void *arg)
{
	u8 vector = VECTOR + cpu_index();

	barrier_wait(&together, min(cpus, 8u));
	for (u32 n = 0; n < 100; n++) {
		u32 hits = cpu_at(0)->hits[vector];

		ipi_send(0, ICR_ASSERT | vector);
		if (!wait_change(&cpu_at(0)->hits[vector], hits))
			break;
	}
	barrier_wait(&together, min(cpus, 8u));
}

static void receive(void *arg)
{
	barrier_wait(&together, min(cpus, 8u));
	for (u32 i = 1; i < min(cpus, 8u); i++)
		for (u64 end = rdtsc() + 20000 * tsc_ms;
		     rdtsc() < end && cpu_at(0)->hits[VECTOR + i] < 100;)
			sti_nop_cli();
	barrier_wait(&together, min(cpus, 8u));
}

static void ipi_from_all(void)
{
	cpus_forget_hits();
	for (u32 i = 1; i < min(cpus, 8u); i++)
		cpu_post(i, bombard, NULL);
	receive(NULL);
	for (u32 i = 1; i < min(cpus, 8u); i++) {
		expect_true("done", cpu_wait(i));
		expect("interrupts", cpu_at(0)->hits[VECTOR + i], 100);
	}
}

/* --- the IOAPIC and who takes what it sends ------------------------------------ */
#define PIN_PIT		2
#define PIN_RTC		8
#define REMOTE_IRR	0x4000
#define PIN_LEVEL	0x8000
#define IOAPIC_EOI	0x40

static void route(u8 pin, u8 dest, u32 low)
{
	ioapic_write(0x10 + 2 * pin, LVT_MASKED);
	ioapic_write(0x11 + 2 * pin, (u32)dest << 24);
	ioapic_write(0x10 + 2 * pin, low);
}

static u32 pin_low(u8 pin) { return ioapic_read(0x10 + 2 * pin); }

static u32 all_hits(u8 vector)
{
	u32 n = 0;

	for (u32 i = 0; i < cpus; i++)
		n += cpu_at(i)->hits[vector];
	return n;
}

/* With IF open for ourselves, as we may be meant. */
static bool wait_hits(u8 vector, u32 n)
{
	for (u64 end = rdtsc() + 5000 * tsc_ms; rdtsc() < end && all_hits(vector) < n;)
		sti_nop_cli();
	return all_hits(vector) >= n;
}

/* One edge of the PIT. */
static bool edge_expect(u8 dest, u32 low, u8 vector, u32 n)
{
	bool ok;

	cpus_forget_hits();
	route(PIN_PIT, dest, low | VECTOR);
	pit_once(PIT_HZ / 2000);
	ok = expect_true("arrived", wait_hits(vector, n));
	route(PIN_PIT, 0, LVT_MASKED);
	pit_stop();
	return ok & expect_true("settled", cpus_settle());
}

static void ioapic_physical(void)
{
	for (u32 dest = 0; dest < min(cpus, 8u); dest++)
		if (edge_expect(dest, 0, VECTOR, 1))
			expect_hits(dest, VECTOR, takes_physical);
	if (edge_expect(0xff, 0, VECTOR, cpus))
		expect_hits(0xff, VECTOR, takes_all);
}

static void ioapic_logical(void)
{
	static const u8 dests[] = { 0x01, 0x02, 0x03 };

	everywhere(set_flat, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(dests); i++) {
		u32 n = 0;

		for (u32 cpu = 0; cpu < cpus; cpu++)
			n += takes_flat(cpu, dests[i]);
		if (edge_expect(dests[i], ICR_LOGICAL, VECTOR, n))
			expect_hits(dests[i], VECTOR, takes_flat);
		if (edge_expect(dests[i], ICR_LOGICAL | ICR_LOWEST, VECTOR, 1))
			expect_one(dests[i], takes_flat);
	}
}

/* Eight bits of a destination reach the first cluster. */
static void ioapic_x2_logical(void)
{
	if (edge_expect(0x02, ICR_LOGICAL, VECTOR, 1))
		expect_hits(0x02, VECTOR, takes_x2_cluster);
	if (edge_expect(0x03, ICR_LOGICAL, VECTOR, 2))
		expect_hits(0x03, VECTOR, takes_x2_cluster);
}

static void ioapic_nmi(void)
{
	if (edge_expect(1, ICR_NMI, NMI, 1))
		expect_hits(1, NMI, takes_physical);
}

static void ioapic_init(void)
{
	u32 starts = cpu_at(1)->starts;

	post_count(1);
	route(PIN_PIT, 1, ICR_INIT);
	pit_once(PIT_HZ / 2000);
	sleep_us(5000);
	expect_true("stands still", stands_still());
	route(PIN_PIT, 0, LVT_MASKED);
	pit_stop();
	cpu_at(1)->fn = NULL;
	cpu_sipi(1, AP_PAGE >> 12);
	expect_true("started", cpu_wait_start(1, starts + 1));
	everywhere(set_flat, NULL);
}

/* The message with a bad vector is the receiver's error. */
static void ioapic_illegal_vector(void)
{
	u32 esr;

	expect_true("looked", cpu_call(1, look_at_esr, &esr));
	expect_true("looked", cpu_call(1, look_at_esr, &esr));
	route(PIN_PIT, 1, 5);
	pit_once(PIT_HZ / 2000);
	sleep_us(20000);
	route(PIN_PIT, 0, LVT_MASKED);
	pit_stop();
	expect_true("looked", cpu_call(1, look_at_esr, &esr));
	expect("ESR", esr & 0xe0, 0x40);
}

/* From one to the next while it fires; each takes its own. */
static void ioapic_retarget(void)
{
	u32 n = min(cpus, 8u);

	cpus_forget_hits();
	route(PIN_PIT, 0, VECTOR);
	pit_start(PIT_HZ / 500);
	for (u32 i = 0; i < 60; i++) {
		u32 cpu = i % n, hits = cpu_at(cpu)->hits[VECTOR];

		ioapic_write(0x11 + 2 * PIN_PIT, cpu << 24);
		for (u64 end = rdtsc() + 5000 * tsc_ms;
		     rdtsc() < end && cpu_at(cpu)->hits[VECTOR] == hits;)
			sti_nop_cli();
		if (!expect_true("goes on", cpu_at(cpu)->hits[VECTOR] != hits))
			break;
	}
	route(PIN_PIT, 0, LVT_MASKED);
	pit_stop();
	expect_true("settled", cpus_settle());
}

/* The RTC's line stays asserted from its period's end until register C is read. */
static void rtc_begin(void)
{
	cmos_write(0x0a, 0x26);
	cmos_write(0x0b, cmos_read(0x0b) | 0x40);
	cmos_read(0x0c);
}

static void rtc_end(void)
{
	cmos_write(0x0b, cmos_read(0x0b) & ~0x70);
	cmos_read(0x0c);
}

static void on_level(struct trap *t) { cpu_self()->hits[t->vector]++; }	/* no EOI */

static void end_interrupt(void *arg) { lapic_end(); }

static void look_at_tmr(void *arg)
{
	*(u32 *)arg = lapic_bit(APIC_TMR, VEC_HELD) | lapic_bit(APIC_ISR, VEC_HELD) << 1;
}

static void edge_self(void *arg)
{
	ipi_send(0, ICR_SELF | ICR_ASSERT | VEC_HELD);
	sti_nop_cli();
	lapic_end();
}

/* In service on CPU 1; nothing but its EOI there makes the line count again. */
static void level_held(u32 low)
{
	u32 seen = 0;

	expect("remote IRR", pin_low(PIN_RTC) & REMOTE_IRR, REMOTE_IRR);
	expect_true("looked", cpu_call(1, look_at_tmr, &seen));
	expect("ISR, TMR", seen, 3);
	ioapic_write(0x11 + 2 * PIN_RTC, 0);
	edge_self(NULL);
	/* Were the line sent again, it would come now. */
	sti_nop_cli();
	expect("remote IRR after the EOI of an edge", pin_low(PIN_RTC) & REMOTE_IRR, REMOTE_IRR);
	expect("hits of CPU 0", cpu_at(0)->hits[VEC_HELD], 1);
	expect("hits of CPU 1", cpu_at(1)->hits[VEC_HELD], 1);
}

static void ioapic_level(void)
{
	trap_fn old = trap_set(VEC_HELD, on_level);

	cpus_forget_hits();
	rtc_begin();
	route(PIN_RTC, 1, PIN_LEVEL | VEC_HELD);
	expect_true("arrived", wait_hits(VEC_HELD, 1));
	expect_true("settled", cpus_settle());
	level_held(PIN_LEVEL | VEC_HELD);
	/* Still asserted: it goes to the new destination. */
	expect_true("ended", cpu_call(1, end_interrupt, NULL));
	expect_true("arrived again", wait_hits(VEC_HELD, 3));
	expect("hits of CPU 0", cpu_at(0)->hits[VEC_HELD], 2);
	expect("remote IRR", pin_low(PIN_RTC) & REMOTE_IRR, REMOTE_IRR);
	rtc_end();
	lapic_end();
	expect("remote IRR at the end", pin_low(PIN_RTC) & REMOTE_IRR, 0);
	route(PIN_RTC, 0, LVT_MASKED);
	trap_set(VEC_HELD, old);
}

/* With EOI broadcasts suppressed, the IOAPIC's own register ends it. */
static void ioapic_directed_eoi(void)
{
	trap_fn old = trap_set(VEC_HELD, on_level);

	cpus_forget_hits();
	expect_true("called", cpu_call(1, set_svr, (void *)(SVR_ENABLE | SVR_NO_BROADCAST)));
	rtc_begin();
	route(PIN_RTC, 1, PIN_LEVEL | VEC_HELD);
	expect_true("arrived", wait_hits(VEC_HELD, 1));
	rtc_end();
	expect_true("ended", cpu_call(1, end_interrupt, NULL));
	expect("remote IRR after EOI", pin_low(PIN_RTC) & REMOTE_IRR, REMOTE_IRR);
	mmio_write(IOAPIC + IOAPIC_EOI, VEC_HELD + 1);
	expect("remote IRR after another's", pin_low(PIN_RTC) & REMOTE_IRR, REMOTE_IRR);
	mmio_write(IOAPIC + IOAPIC_EOI, VEC_HELD);
	expect("remote IRR at the end", pin_low(PIN_RTC) & REMOTE_IRR, 0);
	route(PIN_RTC, 0, LVT_MASKED);
	expect_true("called", cpu_call(1, set_svr, (void *)SVR_ENABLE));
	trap_set(VEC_HELD, old);
}

static const char *no_directed_eoi(void)
{
	if (alone())
		return alone();
	return lapic_get(APIC_VERSION) & BIT(24) ? NULL : "EOI broadcasts cannot be suppressed";
}

/* --- both modes of the APIC -------------------------------------------------- */
static void to_x2apic(void) { expect_true("switched", cpus_set_x2apic(true)); }
static void to_xapic(void) { expect_true("switched", cpus_set_x2apic(false)); }

static void x2_self_ipi(void)
{
	cpus_forget_hits();
	wrmsr(0x83f, VECTOR);
	expect_true("settled", cpus_settle());
	expect_hits(0, VECTOR, takes_self);
}

static const struct guest_case cases[] = {
	{ "all-start", smp_start, alone },
	{ "ipi-physical", ipi_physical },
	{ "ipi-level", ipi_level },
	{ "ipi-broadcast", ipi_broadcast },
	{ "ipi-nobody", ipi_nobody },
	{ "ipi-others", ipi_others },
	{ "ipi-all", ipi_all },
	{ "ipi-self", ipi_self },
	{ "ipi-nmi", ipi_nmi, alone },
	{ "ipi-nmi-others", ipi_nmi_others, alone },
	{ "ipi-senseless", ipi_senseless, alone },
	{ "ipi-flat", ipi_flat },
	{ "ipi-cluster", ipi_cluster },
	{ "ipi-lowest", ipi_lowest },
	{ "ipi-lowest-priority", ipi_lowest_priority, alone },
	{ "ipi-illegal-vector", ipi_illegal_vector, alone },
	{ "ipi-from-all", ipi_from_all, alone },
	{ "soft-disabled", soft_disabled, alone },
	{ "hard-disabled", hard_disabled, alone },
	{ "ioapic-physical", ioapic_physical },
	{ "ioapic-logical", ioapic_logical, alone },
	{ "ioapic-nmi", ioapic_nmi, alone },
	{ "ioapic-init", ioapic_init, alone },
	{ "ioapic-illegal-vector", ioapic_illegal_vector, alone },
	{ "ioapic-retarget", ioapic_retarget, alone },
	{ "ioapic-level", ioapic_level, alone },
	{ "ioapic-directed-eoi", ioapic_directed_eoi, no_directed_eoi },
	{ "to-x2apic", to_x2apic, no_x2apic },
	{ "x2-physical", ipi_physical, no_x2apic },
	{ "x2-broadcast", ipi_broadcast, no_x2apic },
	{ "x2-nobody", ipi_nobody, no_x2apic },
	{ "x2-others", ipi_others, no_x2apic },
	{ "x2-all", ipi_all, no_x2apic },
	{ "x2-self", ipi_self, no_x2apic },
	{ "x2-self-ipi", x2_self_ipi, no_x2apic },
	{ "x2-nmi", ipi_nmi, no_x2apic },
	{ "x2-nmi-others", ipi_nmi_others, no_x2apic },
	{ "x2-cluster", ipi_x2_cluster, no_x2apic },
	{ "x2-illegal-vector", ipi_illegal_vector, no_x2apic },
	{ "x2-soft-disabled", soft_disabled, no_x2apic },
	{ "x2-ioapic-physical", ioapic_physical, no_x2apic },
	{ "x2-ioapic-logical", ioapic_x2_logical, no_x2apic },
	{ "x2-ioapic-level", ioapic_level, no_x2apic },
	{ "to-xapic", to_xapic, no_x2apic },
	{ "ipi-physical-again", ipi_physical, no_x2apic },
};

void guest_main(void)
{
	smp_init();
	printf("%u CPUs, %lu ticks in a millisecond\n", cpus, tsc_ms);
	cases_run(cases, ARRAY_SIZE(cases));
}
