// SPDX-License-Identifier: GPL-2.0
/*
 * KVM's paravirtual interface, as "KVM CPUID bits", "KVM-specific MSRs" and
 * "Linux KVM Hypercall" of the Linux kernel's documentation have it: every
 * leaf, MSR and call, by the right and by the wrong. What is not announced
 * must not work: with `bare` on the command line nothing may be announced,
 * else everything must be, but for what stands in `lacks=BITS`.
 */
#include "lib/mode.h"
#include "lib/smp.h"

#define LEAF_SIGNATURE	0x40000000
#define LEAF_FEATURES	0x40000001

#define CLOCK_OLD	BIT(0)
#define NO_IO_DELAY	BIT(1)
#define CLOCK		BIT(3)
#define STEAL		BIT(5)
#define PV_EOI		BIT(6)
#define KICK		BIT(7)
#define TLB_FLUSH	BIT(9)
#define SEND_IPI	BIT(11)
#define POLL		BIT(12)
#define YIELD		BIT(13)
#define STABLE		BIT(24)
#define ALL		(CLOCK_OLD | NO_IO_DELAY | CLOCK | STEAL | PV_EOI | KICK | TLB_FLUSH | \
			 SEND_IPI | POLL | YIELD)

#define MSR_WALL_OLD	0x11
#define MSR_SYSTEM_OLD	0x12
#define MSR_WALL	0x4b564d00
#define MSR_SYSTEM	0x4b564d01
#define MSR_STEAL	0x4b564d03
#define MSR_EOI		0x4b564d04
#define MSR_POLL	0x4b564d05
#define MSR_TSC_ADJUST	0x3b
#define ENABLED		1UL

#define CALL_KICK	5
#define CALL_SEND_IPI	10
#define CALL_YIELD	11

#define E_PERM		((u64)-1)
#define E_INVAL		((u64)-22)
#define E_NOSYS		((u64)-1000)

#define VECTOR		0x60		/* and 0x70, which outranks it */
#define NO_RAM		0xf0000000UL	/* where nothing is, */
#define ROM		0xc0000UL	/* where nothing can be written, */
#define RAM_END		0x4000000UL	/* and where it ends */

struct wall { u32 version, sec, nsec; };

struct clock {
	u32 version, pad;
	u64 tsc, ns;
	u32 mul;
	signed char shift;
	u8 flags, pad2[2];
};

struct steal {
	u64 steal;
	u32 version, flags;
	u8 preempted, pad[47];
};

static struct wall wall;
static struct clock clocks[CPU_MAX] __attribute__((aligned(64)));
static struct steal steals[2] __attribute__((aligned(64)));
static volatile u32 eoi_flag;

static bool has(u64 features) { return (cpuid(LEAF_FEATURES, 0).eax & features) == features; }
static const char *no_clock(void) { return has(CLOCK) ? NULL : "no clock"; }
static const char *no_steal(void) { return has(STEAL) ? NULL : "no steal time"; }
static const char *no_eoi(void) { return has(PV_EOI) ? NULL : "no EOI"; }
static const char *alone(void) { return cpus < 2 ? "it takes two CPUs" : NULL; }
static const char *no_clock_or_alone(void) { return no_clock() ? no_clock() : alone(); }
static const char *no_kick(void) { return has(KICK) ? alone() : "no kick"; }
static const char *no_ipi(void) { return has(SEND_IPI) ? alone() : "no IPIs"; }
static const char *no_steal_or_alone(void) { return no_steal() ? no_steal() : alone(); }
static const char *no_yield(void)
{
	return no_steal() ? no_steal() : has(YIELD) ? alone() : "no yield";
}
static const char *no_flush(void) { return has(TLB_FLUSH) ? alone() : "no flush"; }

/* --- leaves -------------------------------------------------------------------- */
static void leaves(void)
{
	struct cpuid s = cpuid(LEAF_SIGNATURE, 0), f = cpuid(LEAF_FEATURES, 0);
	u16 lacks = 0;

	cmdline_get_hex("lacks", &lacks);
	expect("hypervisor bit", cpuid(1, 0).ecx >> 31, 1);
	expect("last leaf", s.eax, LEAF_FEATURES);
	expect("KVMK", s.ebx, 0x4b4d564b);
	expect("VMKV", s.ecx, 0x564b4d56);
	expect("M", s.edx, 0x4d);
	expect("features", f.eax & ~STABLE, cmdline_get("bare") ? 0 : ALL & ~(u64)lacks);
	expect_true("stable clocks, if there are clocks", !has(STABLE) || has(CLOCK));
	expect("hints", f.edx, cmdline_get("realtime") ? 1 : 0);
	expect("rest", f.ebx | f.ecx, 0);
}

/* --- MSRs ----------------------------------------------------------------------- */
static const struct {
	u32 msr;
	u64 feature, reserved;		/* each of these bits is refused */
} msrs[] = {
	{ MSR_WALL_OLD, CLOCK_OLD, 3 }, { MSR_WALL, CLOCK, 3 },
	{ MSR_SYSTEM_OLD, CLOCK_OLD, 2 }, { MSR_SYSTEM, CLOCK, 2 },
	{ MSR_STEAL, STEAL, 0x3e }, { MSR_EOI, PV_EOI, 2 },
};

static void msr_values(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(msrs); i++) {
		bool there = has(msrs[i].feature);
		u64 value;

		expect("read", rdmsr_safe(msrs[i].msr, &value), there ? NO_TRAP : GP);
		expect("write", wrmsr_safe(msrs[i].msr, 0), there ? NO_TRAP : GP);
		for (int bit = 0; bit < 6; bit++) {
			if (msrs[i].reserved >> bit & 1)
				expect("reserved bit", wrmsr_safe(msrs[i].msr, BIT(bit)), GP);
		}
		if (!there)
			continue;
		wrmsr(msrs[i].msr, NO_RAM);
		expect("reads back", rdmsr(msrs[i].msr), NO_RAM);
		wrmsr(msrs[i].msr, 0);
	}
}

static void msr_unknown(void)
{
	static const u8 unknown[] = { 2, 6, 7, 8, 9, 0xff };
	u64 value;

	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		expect("read", rdmsr_safe(MSR_WALL + unknown[i], &value), GP);
		expect("write", wrmsr_safe(MSR_WALL + unknown[i], 0), GP);
	}
}

/* A switch, that is on from the start. */
static void msr_poll(void)
{
	u64 value = 7;

	expect("read", rdmsr_safe(MSR_POLL, &value), has(POLL) ? NO_TRAP : GP);
	expect("write", wrmsr_safe(MSR_POLL, 0), has(POLL) ? NO_TRAP : GP);
	expect("another bit", wrmsr_safe(MSR_POLL, 2), GP);
	expect("an address", wrmsr_safe(MSR_POLL, 0x100000001), GP);
	if (!has(POLL))
		return;
	expect("at the start", value, 1);
	expect("off", rdmsr(MSR_POLL), 0);
	apic_self(VECTOR);
	sti_hlt_cli();
	wrmsr(MSR_POLL, 1);
	expect("on", rdmsr(MSR_POLL), 1);
}

/* Pages that cannot be written, whole or in part: nothing comes of them. */
static void bad_pages(void)
{
	static const u64 pages[] = {
		NO_RAM, ROM, RAM_END - 4, RAM_END - 64, RAM_END, 0xfffffffffffff000, 0xfee00000,
		0xa0000,
	};

	for (size_t i = 0; i < ARRAY_SIZE(msrs); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(pages); j++) {
			u64 enabled = msrs[i].reserved & 1 ? 0 : ENABLED;

			if (!has(msrs[i].feature) || (pages[j] & msrs[i].reserved))
				continue;
			expect("taken", wrmsr_safe(msrs[i].msr, pages[j] | enabled), NO_TRAP);
			/* An entry, another after a sleep, and an interrupt. */
			cpuid(0, 0);
			apic_self(VECTOR);
			sti_hlt_cli();
		}
		if (has(msrs[i].feature))
			wrmsr(msrs[i].msr, 0);
	}
}

/* --- the clocks ------------------------------------------------------------------ */
static void wall_clock_of(u32 msr)
{
	u32 version;

	memset(&wall, 0, sizeof(wall));
	wrmsr(msr, (u64)&wall);
	version = wall.version;
	expect("version is even", version & 1, 0);
	expect_true("version moved", version);
	expect_range("seconds", wall.sec, 1600000000, 4000000000);
	expect_true("nanoseconds", wall.nsec < 1000000000);
	expect("reads back", rdmsr(msr), (u64)&wall);
	wrmsr(msr, (u64)&wall);
	expect_true("version moved again", wall.version != version);
	expect("version is even again", wall.version & 1, 0);
}

static void wall_clock(void)
{
	struct wall first;

	wall_clock_of(MSR_WALL);
	first = wall;
	if (has(CLOCK_OLD))
		wall_clock_of(MSR_WALL_OLD);
	/* When the machine started does not change, but the host's idea may a bit. */
	expect_range("boot time", wall.sec + 2 - first.sec, 0, 4);
}

static u64 clock_now(const struct clock *c)
{
	u64 ticks = rdtsc() - c->tsc;

	ticks = c->shift < 0 ? ticks >> -c->shift : ticks << c->shift;
	return c->ns + (u64)(((unsigned __int128)ticks * c->mul) >> 32);
}

static void clock_of(u32 msr, struct clock *c)
{
	u64 first, then;

	memset(c, 0xff, sizeof(*c));
	c->version = 7;
	wrmsr(msr, (u64)c | ENABLED);
	expect("reads back", rdmsr(msr), (u64)c | ENABLED);
	expect("version is even", c->version & 1, 0);
	expect_true("multiplier", c->mul >> 31);
	expect("padding", c->pad | c->pad2[0] | c->pad2[1], 0);
	expect("flags", c->flags, has(STABLE) ? 1 : 0);
	first = clock_now(c);
	expect_range("ns since the start", first, 1000, 3600 * 1000000000UL);
	then = first + tsc_ms * 1000;
	while (clock_now(c) < first + 1000000)
		;
	expect_true("goes on", clock_now(c) < then);
}

static void clock(void)
{
	clock_of(MSR_SYSTEM, &clocks[0]);
	if (has(CLOCK_OLD))
		clock_of(MSR_SYSTEM_OLD, &clocks[1]);
	wrmsr(MSR_SYSTEM, 0);
}

/* A millisecond by the clock is one by the PIT, which smp_init() has asked. */
static void clock_rate(void)
{
	u64 ticks, ns;

	wrmsr(MSR_SYSTEM, (u64)&clocks[0] | ENABLED);
	ticks = rdtsc();
	ns = clock_now(&clocks[0]);
	while (rdtsc() - ticks < 50 * tsc_ms)
		;
	ns = clock_now(&clocks[0]) - ns;
	expect_range("50 ms", ns, 45000000, 60000000);
	wrmsr(MSR_SYSTEM, 0);
}

/* The guest moves its TSC: time goes on, and nothing is said to a page given up. */
static void clock_moved(void)
{
	u64 adjust, before, after;
	struct clock old;

	if (rdmsr_safe(MSR_TSC_ADJUST, &adjust) != NO_TRAP)
		return;
	wrmsr(MSR_SYSTEM, (u64)&clocks[0] | ENABLED);
	old = clocks[0];
	before = clock_now(&clocks[0]);
	wrmsr(MSR_TSC_ADJUST, adjust + 1000000000000);
	after = clock_now(&clocks[0]);
	expect("the page says so", clocks[0].tsc - old.tsc, 1000000000000);
	expect_true("a new version", clocks[0].version != old.version);
	expect("even", clocks[0].version & 1, 0);
	expect_true("time goes on", after > before && after - before < 1000000000);
	if (cpus > 1)
		expect("TSCs that differ are not stable", clocks[0].flags, 0);
	wrmsr(MSR_SYSTEM, 0);
	old = clocks[0];
	wrmsr(MSR_TSC_ADJUST, adjust);
	cpuid(0, 0);
	expect("a page given up", memcmp(&old, &clocks[0], sizeof(old)), 0);
}

static void clock_on(void *arg)
{
	wrmsr(MSR_SYSTEM, (u64)&clocks[cpu_index()] | ENABLED);
}

/* All CPUs have the same time, and the last to look sees no less. */
static void clock_of_all(void)
{
	u64 last = 0;

	for (u32 i = 1; i < cpus; i++)
		expect_true("called", cpu_call(i, clock_on, NULL));
	clock_on(NULL);
	for (u32 i = 0; i < cpus; i++) {
		u64 now = clock_now(&clocks[i]);

		expect_true("no less than another's", now >= last);
		expect("flags", clocks[i].flags, has(STABLE) ? 1 : 0);
		last = now;
	}
}

/* INIT takes the page away: its CPU has to ask again. */
static void clock_after_init(void)
{
	struct clock old;
	u64 adjust;

	if (rdmsr_safe(MSR_TSC_ADJUST, &adjust) != NO_TRAP)
		return;
	expect_true("started", cpu_start(1));
	old = clocks[1];
	wrmsr(MSR_TSC_ADJUST, adjust + 1000000);
	expect_true("called", cpu_call(1, NULL, NULL));
	expect("the page of before", memcmp(&old, &clocks[1], sizeof(old)), 0);
	wrmsr(MSR_TSC_ADJUST, adjust);
	wrmsr(MSR_SYSTEM, 0);
}

/* --- calls ------------------------------------------------------------------------ */
static u64 call(bool amd, u64 nr, u64 a, u64 b, u64 c, u64 d)
{
	u64 ret = nr;

	if (amd)
		asm volatile("vmmcall" : "+a"(ret) : "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
	else
		asm volatile("vmcall" : "+a"(ret) : "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
	return ret;
}

static void calls_unknown(void)
{
	static const u64 unknown[] = {
		0, 1, 2, 3, 4, 6, 7, 8, 9, 12, 13, 99, 0xffffffff, ~0UL,
		0x100000000 | CALL_KICK, 0x8000000000000000 | CALL_SEND_IPI,
	};

	for (int amd = 0; amd < 2; amd++)
		for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
			expect(amd ? "VMMCALL" : "VMCALL", call(amd, unknown[i], 0, 0, 0, 0),
			       E_NOSYS);
}

/* Those that are not announced are unknown, too. */
static void calls_announced(void)
{
	for (int amd = 0; amd < 2; amd++) {
		expect("kick of nobody", call(amd, CALL_KICK, 0, 254, 0, 0),
		       has(KICK) ? 0 : E_NOSYS);
		expect("IPI to nobody", call(amd, CALL_SEND_IPI, 0, 0, 0, VECTOR),
		       has(SEND_IPI) ? 0 : E_NOSYS);
		expect("yield to nobody", call(amd, CALL_YIELD, 254, 0, 0, 0),
		       has(YIELD) ? 0 : E_NOSYS);
		expect("yield to itself", call(amd, CALL_YIELD, 0, 0, 0, 0),
		       has(YIELD) ? 0 : E_NOSYS);
	}
}

static u64 user_result[2];

static void call_in_ring_3(void *arg)
{
	u64 nr = (u64)arg;

	user_result[0] = call(false, nr, 0, 0, 0, 0);
	user_result[1] = call(true, nr, 0, 0, 0, 0);
}

static void calls_in_ring_3(void)
{
	static const u64 numbers[] = { 0, CALL_KICK, CALL_SEND_IPI, CALL_YIELD, 99 };

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		user_result[0] = user_result[1] = 0;
		expect("no exception", user_call(call_in_ring_3, (void *)numbers[i]), NO_TRAP);
		expect("VMCALL", user_result[0], E_PERM);
		expect("VMMCALL", user_result[1], E_PERM);
	}
}

/* In 32-bit code registers have 32 bits. */
CODE32(vmcall32, "vmcall");
CODE32(vmmcall32, "vmmcall");

static void calls_in_32_bits(void)
{
	expect("VMCALL", mode_protected(vmcall32, 99), (u32)E_NOSYS);
	expect("no exception", mode_result.vector, NO_TRAP);
	expect("VMMCALL", mode_protected(vmmcall32, 99), (u32)E_NOSYS);
	expect("no exception", mode_result.vector, NO_TRAP);
}

static void calls_leave_registers(void)
{
	u64 a = 0x1111111111111111, b = a * 2, c = a * 3, d = a * 4, ret = 99;

	asm volatile("vmcall; vmmcall" : "+a"(ret), "+b"(a), "+c"(b), "+d"(c), "+S"(d));
	expect("RBX", a, 0x1111111111111111);
	expect("RCX", b, 0x2222222222222222);
	expect("RDX", c, 0x3333333333333333);
	expect("RSI", d, 0x4444444444444444);
	expect("RAX", ret, E_NOSYS);
}

/* Other instructions that are none still raise #UD, where they stand. */
CODE64(do_ud2, "", "ud2");
CODE64(do_lock, "", ".byte 0xf0, 0x0f, 0x01, 0xc1");
CODE64(do_vmrun, "xor %eax, %eax", "vmrun");
CODE64(do_vmlaunch, "", "vmlaunch");

static void undefined(void)
{
	static const struct { void (*fn)(void *); char *at; } rows[] = {
		{ do_ud2, do_ud2_at }, { do_lock, do_lock_at }, { do_vmrun, do_vmrun_at },
		{ do_vmlaunch, do_vmlaunch_at },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		expect("vector", trap_call(rows[i].fn, NULL), UD);
		expect("RIP", trap_last.rip, (u64)rows[i].at);
	}
}

/* A debugger that steps over it stops behind it. */
CODE64(step_calls, "mov $99, %eax; pushf; orl $0x100, (%rsp); popf", "vmcall");
static volatile u64 stepped_to;

static void on_step(struct trap *t)
{
	if (!stepped_to)
		stepped_to = t->rip;
	t->rflags &= ~RFLAGS_TF;
}

static void calls_stepped(void)
{
	trap_fn old = trap_set(DB, on_step);

	stepped_to = 0;
	expect("no other exception", trap_call(step_calls, NULL), NO_TRAP);
	trap_set(DB, old);
	expect("stops behind it", stepped_to, (u64)step_calls_after);
}

/* --- stolen time ------------------------------------------------------------------- */
static void steal_on(void *arg)
{
	wrmsr(MSR_STEAL, (u64)&steals[cpu_index()] | ENABLED);
}

static void steal_off(void *arg)
{
	wrmsr(MSR_STEAL, 0);
}

static void steal_page(void)
{
	struct steal *s = &steals[0];

	memset(s, 0, sizeof(*s));
	s->version = 5;
	s->steal = 1000;
	s->preempted = 1;
	steal_on(NULL);
	cpuid(0, 0);
	expect("version is even", s->version & 1, 0);
	expect_true("version moved", s->version > 5);
	expect_true("counts on from there", s->steal >= 1000);
	expect("flags", s->flags, 0);
	expect("runs", s->preempted, 0);
	steal_off(NULL);
}

static volatile bool stop;

static void spin(void *arg)
{
	while (!stop)
		cpu_pause();
}

/* CPUs from @first on are busy; a host that has fewer than we are takes turns. */
static void busy_begin(u32 first)
{
	stop = false;
	for (u32 i = first; i < cpus; i++)
		cpu_post(i, spin, NULL);
}

static void busy_end(void)
{
	stop = true;
	for (u32 i = 1; i < cpus; i++)
		expect_true("done", cpu_wait(i));
}

static void steal_grows(void)
{
	volatile u64 *steal = &steals[0].steal;
	u64 end = rdtsc() + 10000 * tsc_ms;

	memset(steals, 0, sizeof(steals));
	steal_on(NULL);
	busy_begin(1);
	while (!*steal && rdtsc() < end)
		cpu_pause();
	expect_true("stolen", *steal);
	expect_true("less than all of it", *steal < 60000000000);
	expect("version is even", steals[0].version & 1, 0);
	busy_end();
	steal_off(NULL);
}

static volatile u64 *const window = (u64 *)(FREE_RAM + 0x10000);
static volatile u64 seen;
static volatile u32 marked_running;

/* Looks through the window and says what it sees, and that it runs. */
static void watch(void *arg)
{
	marked_running = 0;
	steal_on(NULL);
	cpuid(0, 0);
	at_work = true;
	while (!stop) {
		seen = *window;
		if (*(volatile u8 *)&steals[1].preempted)
			marked_running++;
		cpu_pause();
	}
	steal_off(NULL);
}

static bool wait_preempted(void)
{
	volatile u8 *preempted = &steals[1].preempted;
	u64 end = rdtsc() + 10000 * tsc_ms;

	while (!*preempted && rdtsc() < end)
		cpu_pause();
	return *preempted;
}

/* While it does not run, its page says so; it never finds the mark itself. */
static void preempted(void)
{
	memset(steals, 0, sizeof(steals));
	busy_begin(2);
	post_work(1, watch);
	for (int i = 0; i < 3; i++) {
		u32 version = steals[1].version;

		expect_true("marked", wait_preempted());
		expect_true("runs again", wait_change(&steals[1].version, version));
	}
	busy_end();
	expect("marked while it ran", marked_running, 0);
}

/*
 * Another page behind the window, of which the other CPU is told by the mark
 * alone. Without the flush it may go on looking through its TLB at the old one.
 */
static void tlb_flush(void)
{
	volatile u64 *left = (u64 *)(FREE_RAM + 0x11000), *right = (u64 *)(FREE_RAM + 0x12000);
	volatile u8 *mark = &steals[1].preempted;

	memset(steals, 0, sizeof(steals));
	*left = 1;
	*right = 2;
	stop = false;
	pte_set((u64)window, (u64)left | PTE_P | PTE_W);
	post_work(1, watch);
	for (int i = 0; i < 20; i++) {
		u64 want = i & 1 ? 1 : 2, end;
		u8 state = 1;

		if (!expect_true("marked", wait_preempted()))
			break;
		*pte_get((u64)window) = (u64)(i & 1 ? left : right) | PTE_P | PTE_W;
		/* If it runs again meanwhile, it is another round's turn. */
		if (!__atomic_compare_exchange_n(mark, &state, 3, false, __ATOMIC_SEQ_CST,
						 __ATOMIC_SEQ_CST)) {
			*pte_get((u64)window) = (u64)(i & 1 ? right : left) | PTE_P | PTE_W;
			i--;
			continue;
		}
		end = rdtsc() + 10000 * tsc_ms;
		while (*mark == 3 && rdtsc() < end)
			cpu_pause();
		expect_true("the mark was taken", *mark != 3);
		sleep_us(1000);
		while (seen != want && rdtsc() < end)
			cpu_pause();
		if (!expect("sees", seen, want))
			break;
	}
	busy_end();
	pte_reset((u64)window);
}

/* --- EOI ---------------------------------------------------------------------------- */
static volatile u32 flag_seen, taken;
static bool by_flag;
static trap_fn eoi_old[2];

static void on_eoi(struct trap *t)
{
	taken++;
	flag_seen = eoi_flag & 1;
	if (by_flag && flag_seen)
		eoi_flag &= ~1U;
	else
		lapic_end();
}

static void eoi_begin(u64 page)
{
	eoi_old[0] = trap_set(VECTOR, on_eoi);
	eoi_old[1] = trap_set(VECTOR + 0x10, on_eoi);
	eoi_flag = 0;
	taken = flag_seen = 0;
	by_flag = true;
	wrmsr(MSR_EOI, page | ENABLED);
}

static void eoi_end(void)
{
	wrmsr(MSR_EOI, 0);
	trap_set(VECTOR, eoi_old[0]);
	trap_set(VECTOR + 0x10, eoi_old[1]);
	expect("in service at the end", lapic_bit(APIC_ISR, VECTOR), 0);
	expect("and the other", lapic_bit(APIC_ISR, VECTOR + 0x10), 0);
}

static void eoi(void)
{
	eoi_begin((u64)&eoi_flag);
	for (u32 i = 1; i <= 3; i++) {
		apic_self(VECTOR);
		sti_nop_cli();
		expect("taken", taken, i);
		expect("flag in the handler", flag_seen, 1);
		expect("in service after it", lapic_bit(APIC_ISR, VECTOR), 0);
		expect("flag after it", eoi_flag & 1, 0);
	}
	/* The priority is back as well: it would hold this one. */
	apic_self(VECTOR + 0x10);
	sti_nop_cli();
	apic_self(VECTOR);
	sti_nop_cli();
	expect("taken in the end", taken, 5);
	eoi_end();
}

/* A guest that does not know of the flag, or finds it clear. */
static void eoi_by_register(void)
{
	eoi_begin((u64)&eoi_flag);
	by_flag = false;
	for (u32 i = 1; i <= 2; i++) {
		apic_self(VECTOR);
		sti_nop_cli();
		expect("taken", taken, i);
		expect("in service after it", lapic_bit(APIC_ISR, VECTOR), 0);
	}
	expect("flag after it", eoi_flag & 1, 0);
	eoi_end();
}

/* Another waits for the EOI: the flag would not let it in. */
static void eoi_with_another(void)
{
	eoi_begin((u64)&eoi_flag);
	by_flag = false;
	apic_self(VECTOR);
	apic_self(VECTOR + 0x10);
	sti_nop_cli();
	sti_nop_cli();
	expect("taken", taken, 2);
	eoi_flag = 0;
	by_flag = true;
	apic_self(VECTOR + 0x10);
	apic_self(VECTOR);
	asm volatile("sti; nop; cli" ::: "memory");
	sti_nop_cli();
	sti_nop_cli();
	expect("taken by flag", taken, 4);
	eoi_end();
}

static void eoi_bad_page(void)
{
	static const u64 pages[] = { NO_RAM, ROM, RAM_END, RAM_END - 2 };

	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		if (pages[i] & 2) {
			expect("unaligned", wrmsr_safe(MSR_EOI, pages[i] | ENABLED), GP);
			continue;
		}
		eoi_begin(pages[i]);
		apic_self(VECTOR);
		sti_nop_cli();
		expect("taken", taken, 1);
		expect("no flag", flag_seen, 0);
		eoi_end();
	}
}

/* --- kicks --------------------------------------------------------------------------- */
static volatile u32 halts;

static void halt_often(void *arg)
{
	cli();
	at_work = true;
	while (!stop) {
		asm volatile("hlt");
		halts++;
	}
}

/* Halts with interrupts off, which nothing but a kick ends. */
static void kick(void)
{
	stop = false;
	halts = 0;
	post_work(1, halt_often);
	for (u32 i = 1; i <= 5; i++) {
		sleep_us(5000);
		expect("halted", halts, i - 1);
		if (i == 5)
			stop = true;
		expect("kicked", call(i & 1, CALL_KICK, 0, 1, 0, 0), 0);
		expect_true("awake", wait_for(&halts, i));
	}
	expect_true("done", cpu_wait(1));
}

static volatile bool kicked;

static void halt_late(void *arg)
{
	cli();
	at_work = true;
	while (!kicked)
		cpu_pause();
	asm volatile("hlt");
	halts = 1;
}

/* One that comes too soon ends the next. */
static void kick_early(void)
{
	kicked = false;
	halts = 0;
	post_work(1, halt_late);
	call(false, CALL_KICK, 0, 1, 0, 0);
	call(true, CALL_KICK, 0, 1, 0, 0);
	kicked = true;
	expect_true("awake", cpu_wait(1));
	expect("was halted", halts, 1);
	call(false, CALL_KICK, 0, 0, 0, 0);
	asm volatile("hlt");
	expect_true("its own", true);
}

/* --- giving way ------------------------------------------------------------------------ */
/* To one that is preempted: it runs then, which it says by counting. */
static void yield(void)
{
	memset(steals, 0, sizeof(steals));
	busy_begin(2);
	post_work(1, watch);
	for (int i = 0; i < 10; i++) {
		u32 version = steals[1].version;

		if (!expect_true("marked", wait_preempted()))
			break;
		for (int j = 0; j < 10000 && steals[1].version == version; j++)
			expect("yields", call(j & 1, CALL_YIELD, 1, 0, 0, 0), 0);
		expect_true("ran", steals[1].version != version);
	}
	busy_end();
}

/* --- interrupts to many --------------------------------------------------------------- */
static void ipi_to_all(void)
{
	u64 all = cpus >= 64 ? ~0UL : BIT(cpus) - 1;

	cpus_forget_hits();
	expect("sent", call(false, CALL_SEND_IPI, all, 0, 0, VECTOR), min(cpus, 64U));
	expect_true("settled", cpus_settle());
	for (u32 i = 0; i < min(cpus, 64U); i++)
		expect("taken", cpu_at(i)->hits[VECTOR], 1);
}

static void ipi_to_one(void)
{
	cpus_forget_hits();
	/* By the first bit's number, by the bit's in either word. */
	expect("sent", call(true, CALL_SEND_IPI, 1, 0, 1, VECTOR), 1);
	expect("sent again", call(false, CALL_SEND_IPI, 2, 0, 0, VECTOR + 0x10), 1);
	expect("to nobody", call(false, CALL_SEND_IPI, 0, ~0UL, 200, VECTOR), 0);
	expect("beyond all", call(false, CALL_SEND_IPI, ~0UL, ~0UL, ~0UL - 5, VECTOR), 0);
	expect("NMI", call(false, CALL_SEND_IPI, 1, 0, 1, ICR_NMI), 1);
	expect_true("settled", cpus_settle());
	expect("taken", cpu_at(1)->hits[VECTOR], 1);
	expect("taken again", cpu_at(1)->hits[VECTOR + 0x10], 1);
	expect("NMI taken", cpu_at(1)->hits[NMI], 1);
	expect("others", cpu_at(0)->hits[VECTOR], 0);
}

static void ipi_refused(void)
{
	static const u32 icr[] = {
		0, 15, ICR_LOGICAL | VECTOR, ICR_SELF | VECTOR, ICR_ALL | VECTOR,
		ICR_OTHERS | VECTOR, ICR_INIT, ICR_SIPI | 8, ICR_LOWEST | VECTOR, ICR_SMI,
	};

	cpus_forget_hits();
	for (size_t i = 0; i < ARRAY_SIZE(icr); i++)
		expect("refused", call(i & 1, CALL_SEND_IPI, 3, 0, 0, icr[i]), E_INVAL);
	expect_true("settled", cpus_settle());
	expect("nothing came", cpu_at(1)->hits[VECTOR], 0);
}

/* --- the table ------------------------------------------------------------------------- */
static const struct guest_case cases[] = {
	{ "leaves", leaves },
	{ "msr-values", msr_values },
	{ "msr-unknown", msr_unknown },
	{ "msr-poll", msr_poll },
	{ "wall-clock", wall_clock, no_clock },
	{ "clock", clock, no_clock },
	{ "clock-rate", clock_rate, no_clock, .tries = 3 },
	{ "clock-moved", clock_moved, no_clock },
	{ "calls-unknown", calls_unknown },
	{ "calls-announced", calls_announced },
	{ "calls-in-ring-3", calls_in_ring_3 },
	{ "calls-in-32-bits", calls_in_32_bits },
	{ "calls-leave-registers", calls_leave_registers },
	{ "calls-stepped", calls_stepped },
	{ "undefined", undefined },
	{ "steal-page", steal_page, no_steal },
	{ "eoi", eoi, no_eoi },
	{ "eoi-by-register", eoi_by_register, no_eoi },
	{ "eoi-with-another", eoi_with_another, no_eoi },
	{ "eoi-bad-page", eoi_bad_page, no_eoi },
	{ "bad-pages", bad_pages },
	{ "all-start", smp_start, alone },
	{ "clock-of-all", clock_of_all, no_clock_or_alone },
	{ "clock-after-init", clock_after_init, no_clock_or_alone },
	{ "steal-grows", steal_grows, no_steal_or_alone },
	{ "preempted", preempted, no_steal_or_alone },
	{ "tlb-flush", tlb_flush, no_flush },
	{ "kick", kick, no_kick },
	{ "kick-early", kick_early, no_kick },
	{ "yield", yield, no_yield },
	{ "ipi-to-all", ipi_to_all, no_ipi },
	{ "ipi-to-one", ipi_to_one, no_ipi },
	{ "ipi-refused", ipi_refused, no_ipi },
};

void guest_main(void)
{
	mode_init();
	smp_init();
	printf("%u CPUs, %lu ticks in a millisecond\n", cpus, tsc_ms);
	cases_run(cases, ARRAY_SIZE(cases));
}
