// SPDX-License-Identifier: GPL-2.0
/*
 * Hyper-V's synthetic timers that are lent to the module: what is refused, who
 * has their MSRs, when they interrupt, and that the clock, a reset and another
 * VM find them as they should be.
 */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "lib.h"

#define ONE		(1ULL << 32)
#define MS		10000ULL		/* units of 100 ns */
#define VECTOR		0x60

#define ON		(1ULL << 0)
#define PERIODIC	(1ULL << 1)
#define LAZY		(1ULL << 2)
#define AUTO		(1ULL << 3)
#define MESSAGE		(2ULL << 16)
#define DIRECT_TO(v)	(1ULL << 12 | (v) << 4)
#define DIRECT		DIRECT_TO(VECTOR)
#define LENT		VMM_HV_TIMER_LENT

#define MSR_CONFIG	0x400000b0
#define MSR_COUNT	0x400000b1

static struct machine m;
static const struct vmm_pv calls = { .flags = VMM_PV_HYPERCALLS };

GUEST64(g_halt, "sti; 1: hlt; jmp 1b");
GUEST64(g_spin, "sti; 1: jmp 1b");
/* MSR RCX, with RAX and RDX */
GUEST64(g_read, "rdmsr; out %al, $0x77; hlt");
GUEST64(g_write, "wrmsr; out %al, $0x77; hlt");
GUEST64(g_cli_hlt, "cli; hlt");
/* An interrupt is counted at 0x20000 and ended, until there were ESI of them. */
GUEST64(g_count, "1: sti; hlt; cli; cmp %esi, 0x20000; jb 1b; out %al, $0x77; hlt");
GUEST64(g_counted, "incl 0x20000; mov $0x40000070, %ecx; wrmsr; iretq");

/* ---- a VM and its timers -------------------------------------------------------------- */

static void open_scaled(struct machine *to, u64 scale)
{
	const struct vmm_hv hv = {
		.flags = VMM_HV_DIRECT_TIMERS | VMM_HV_REF_COUNT | VMM_HV_APIC, .scale = scale,
	};

	machine_open_empty(to, 2 * MIB);
	must(call(to->vm, VMM_VM_SET_PV, &calls), "SET_PV");
	must(call(to->vm, VMM_VM_SET_HV, &hv), "SET_HV");
	machine_add_vcpu(to, 0);
	LOAD64(to, g_halt);
	apic_write(to, APIC_SVR, 0x1ff);
}

/* Reference time by the TSC, as user space sets it. */
static u64 tsc_scale(void)
{
	return (u64)(((unsigned __int128)10000 << 64) / dev_info().tsc_khz);
}

static void open_one(void)
{
	open_scaled(&m, tsc_scale());
}

/* Without the reset that LOAD64() does. */
static void load(const u8 *code, const u8 *end)
{
	memcpy(m.ram + GUEST_CODE, code, end - code);
	memset(&m.page->gprs, 0, sizeof(m.page->gprs));
	m.page->gprs.rip = GUEST_CODE;
	m.page->gprs.rflags = 2;
	m.page->gprs.r[VMM_RSP] = GUEST_STACK;
	memset(&m.page->events, 0, sizeof(m.page->events));
	m.page->dirty = VMM_GROUP_GPRS | VMM_GROUP_EVENTS;
}

#define LOAD(name)	load(name, name##_end)

static void set_clock(u32 flags, u64 ns_ratio, u64 guest_tsc, u64 vm_ns)
{
	const struct vmm_clock clock = {
		.flags = flags, .ns_ratio = ns_ratio, .tsc_ratio = ONE, .guest_tsc = guest_tsc,
		.vm_ns = vm_ns,
	};

	must(call(m.vm, VMM_VM_SET_CLOCK, &clock), "SET_CLOCK");
}

static void start_clock(void)
{
	set_clock(VMM_CLOCK_RUNNING, ONE, 0, 0);
}

static u64 ref_now(void)
{
	struct vmm_clock clock = { 0 };

	must(call(m.vm, VMM_VM_GET_CLOCK, &clock), "GET_CLOCK");
	return (u64)((unsigned __int128)clock.guest_tsc * tsc_scale() >> 64);
}

static long lend(u32 index, u64 config, u64 count, u64 expiry)
{
	const struct vmm_hv_timer req = {
		.index = index, .flags = LENT, .config = config, .count = count, .expiry = expiry,
	};

	return call(m.vcpu, VMM_VCPU_SET_HV_TIMER, &req);
}

static long take_back(u32 index)
{
	const struct vmm_hv_timer req = { .index = index };

	return call(m.vcpu, VMM_VCPU_SET_HV_TIMER, &req);
}

static struct vmm_hv_timer get(u32 index)
{
	struct vmm_hv_timer timer = { .index = index };

	EXPECT(call(m.vcpu, VMM_VCPU_GET_HV_TIMER, &timer), 0);
	return timer;
}

#define CHECK_TIMER(n, f, cfg, cnt, exp) do {					\
	struct vmm_hv_timer _t = get(n);					\
	CHECK(_t.index == (n) && _t.flags == (f) && _t.config == (cfg) &&	\
	      _t.count == (cnt) && _t.expiry == (exp),				\
	      "timer %u: flags %u, config %#llx, count %llu, expiry %llu", _t.index,	\
	      _t.flags, _t.config, _t.count, _t.expiry);			\
} while (0)

/* A guest that waits, by turns asleep and awake. */
static void load_waiting(void)
{
	static bool awake;

	awake = !awake;
	if (awake)
		LOAD(g_spin);
	else
		LOAD(g_halt);
}

/* The guest waits for an interrupt; it is @vector's. */
static void expect_interrupt(u8 vector)
{
	load_waiting();
	RUN_TO(&m, VMM_EXIT_IO);
	CHECK(m.page->u.io.port == vector, "vector %#x", m.page->u.io.port);
	apic_write(&m, 0xb0, 0);
}

static void on_alarm(int signal)
{
}

static void expect_none_for(u32 us)
{
	const struct sigaction action = { .sa_handler = on_alarm };

	load_waiting();
	sigaction(SIGALRM, &action, NULL);
	ualarm(us, 0);
	EXPECT(run(&m), -EINTR);
}

static void expect_none(void)
{
	expect_none_for(30000);
}

/* ---- the call --------------------------------------------------------------------------- */

static void refused(void)
{
	static const struct vmm_hv_timer rows[] = {
		{ .index = 4 }, { .index = -1U }, { .index = 4, .flags = LENT, .config = DIRECT },
		{ .flags = 2 }, { .flags = 1U << 31 }, { .flags = LENT | 2, .config = DIRECT },
		/* not lent, and yet something */
		{ .config = DIRECT }, { .count = 1 }, { .expiry = 1 },
		/* not direct, no vector, bits that there are not */
		{ .flags = LENT }, { .flags = LENT, .config = ON | MESSAGE },
		{ .flags = LENT, .config = DIRECT_TO(0) },
		{ .flags = LENT, .config = DIRECT_TO(15) },
		{ .flags = LENT, .config = DIRECT | 1 << 13 },
		{ .flags = LENT, .config = DIRECT | 1 << 15 },
		{ .flags = LENT, .config = DIRECT | 1 << 20 },
		{ .flags = LENT, .config = DIRECT | 1ULL << 63 },
		/* it does not run */
		{ .flags = LENT, .config = DIRECT, .expiry = 1 },
		{ .flags = LENT, .config = DIRECT, .count = 1, .expiry = 1 },
		{ .flags = LENT, .config = DIRECT | ON, .expiry = 1 },
		{ .flags = LENT, .config = DIRECT | AUTO, .count = 1, .expiry = 1 },
		/* a time that is not what it says */
		{ .flags = LENT, .config = DIRECT | ON, .count = 1, .expiry = 2 },
	};
	static const struct vmm_hv_timer gets[] = {
		{ .index = 4 }, { .index = -1U }, { .flags = LENT }, { .flags = 2 },
		{ .config = 1 }, { .count = 1 }, { .expiry = 1 },
	};
	size_t i;
	u32 n;

	open_one();
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		CHECK(call(m.vcpu, VMM_VCPU_SET_HV_TIMER, &rows[i]) == -EINVAL, "row %zu", i);
	for (i = 0; i < ARRAY_SIZE(gets); i++)
		CHECK(call(m.vcpu, VMM_VCPU_GET_HV_TIMER, &gets[i]) == -EINVAL, "row %zu", i);
	for (n = 0; n < VMM_HV_TIMERS; n++)
		CHECK_TIMER(n, 0, 0, 0, 0);
	EXPECT(take_back(0), 0);
	/* And what is refused changes nothing. */
	EXPECT(lend(1, DIRECT, 5, 0), 0);
	EXPECT(lend(1, DIRECT | ON, 5, 6), -EINVAL);
	CHECK_TIMER(1, LENT, DIRECT, 5, 0);
	machine_close(&m);
}

static void not_asked_for(void)
{
	const struct vmm_hv hv = { .flags = VMM_HV_REF_COUNT };

	machine_open_empty(&m, 2 * MIB);
	must(call(m.vm, VMM_VM_SET_HV, &hv), "SET_HV");
	machine_add_vcpu(&m, 0);
	EXPECT(lend(0, DIRECT, 0, 0), -EINVAL);
	EXPECT(take_back(0), -EINVAL);
	CHECK_TIMER(0, 0, 0, 0, 0);
	machine_close(&m);
}

static void *run_for_long(void *arg)
{
	RUN_TO(&m, VMM_EXIT_KICK);
	return NULL;
}

static void not_while_running(void)
{
	pthread_t thread;

	open_one();
	LOAD(g_halt);
	pthread_create(&thread, NULL, run_for_long, NULL);
	usleep(20000);
	EXPECT(lend(0, DIRECT, 0, 0), -EBUSY);
	EXPECT(call(m.vcpu, VMM_VCPU_GET_HV_TIMER, &(struct vmm_hv_timer){ 0 }), -EBUSY);
	EXPECT(call(m.vcpu, VMM_VCPU_KICK, NULL), 0);
	pthread_join(thread, NULL);
	machine_close(&m);
}

/* ---- MSRs ------------------------------------------------------------------------------- */

static void msr(const u8 *code, const u8 *end, u32 index, u64 value, u32 reason)
{
	load(code, end);
	m.page->gprs.r[VMM_RCX] = index;
	m.page->gprs.r[VMM_RAX] = (u32)value;
	m.page->gprs.r[VMM_RDX] = value >> 32;
	RUN_TO(&m, reason);
}

#define READ(index, reason)		msr(g_read, g_read_end, index, 0, reason)
#define WRITE(index, value, reason)	msr(g_write, g_write_end, index, value, reason)

static void expect_msr(u32 index, u64 value)
{
	u64 got;

	READ(index, VMM_EXIT_IO);
	fetch(&m, VMM_GROUP_GPRS);
	got = m.page->gprs.r[VMM_RAX] | m.page->gprs.r[VMM_RDX] << 32;
	CHECK(got == value, "MSR %#x: %#lx, not %#lx", index, got, value);
}

/* Those that are not lent are user space's, by reading, writing and for each bit. */
static void not_lent(void)
{
	u32 n;

	open_one();
	start_clock();
	EXPECT(lend(1, DIRECT, 7, 0), 0);
	for (n = 0; n < VMM_HV_TIMERS; n++) {
		u32 reads = n == 1 ? VMM_EXIT_IO : VMM_EXIT_RDMSR;
		u32 writes = n == 1 ? VMM_EXIT_IO : VMM_EXIT_WRMSR;

		READ(MSR_CONFIG + 2 * n, reads);
		READ(MSR_COUNT + 2 * n, reads);
		WRITE(MSR_CONFIG + 2 * n, DIRECT, writes);
		WRITE(MSR_COUNT + 2 * n, 5, writes);
	}
	EXPECT(take_back(1), 0);
	READ(MSR_CONFIG + 2, VMM_EXIT_RDMSR);
	WRITE(MSR_COUNT + 2, 5, VMM_EXIT_WRMSR);
	machine_close(&m);
}

static void lent(void)
{
	static const u64 exits[] = {
		0, ON | MESSAGE, DIRECT_TO(15), DIRECT | 1 << 13, DIRECT | 1ULL << 63,
	};
	u64 far = 1000000 * MS;
	size_t i;

	open_one();
	start_clock();
	EXPECT(lend(2, DIRECT | AUTO, far, 0), 0);
	expect_msr(MSR_CONFIG + 4, DIRECT | AUTO);
	expect_msr(MSR_COUNT + 4, far);
	WRITE(MSR_COUNT + 4, far + 1, VMM_EXIT_IO);
	expect_msr(MSR_CONFIG + 4, DIRECT | AUTO | ON);
	CHECK_TIMER(2, LENT, DIRECT | AUTO | ON, far + 1, far + 1);
	/* What is no config of direct mode is for user space, and changes nothing here. */
	for (i = 0; i < ARRAY_SIZE(exits); i++) {
		WRITE(MSR_CONFIG + 4, exits[i], VMM_EXIT_WRMSR);
		CHECK(m.page->u.msr.value == exits[i], "%#llx", m.page->u.msr.value);
		CHECK_TIMER(2, LENT, DIRECT | AUTO | ON, far + 1, far + 1);
	}
	WRITE(MSR_COUNT + 4, 0, VMM_EXIT_IO);
	CHECK_TIMER(2, LENT, DIRECT | AUTO, 0, 0);
	WRITE(MSR_CONFIG + 4, DIRECT_TO(0x81) | ON, VMM_EXIT_IO);
	WRITE(MSR_COUNT + 4, far, VMM_EXIT_IO);
	CHECK_TIMER(2, LENT, DIRECT_TO(0x81) | ON, far, far);
	WRITE(MSR_CONFIG + 4, DIRECT, VMM_EXIT_IO);
	CHECK_TIMER(2, LENT, DIRECT, far, 0);
	machine_close(&m);
}

/* ---- expiring ------------------------------------------------------------------------------ */

static void one_shot_by(u64 scale)
{
	u64 then;

	open_scaled(&m, scale);
	start_clock();
	/* One that is over comes at once, */
	EXPECT(lend(0, DIRECT | ON, 1, 0), 0);
	expect_interrupt(VECTOR);
	CHECK_TIMER(0, LENT, DIRECT, 1, 0);
	/* one to come not before its time, and once; */
	then = ref_now() + 10 * MS;
	EXPECT(lend(0, DIRECT | ON, then, 0), 0);
	CHECK_TIMER(0, LENT, DIRECT | ON, then, then);
	expect_interrupt(VECTOR);
	if (scale)
		CHECK(ref_now() >= then, "%lu too soon", then - ref_now());
	CHECK_TIMER(0, LENT, DIRECT, then, 0);
	expect_none();
	/* one that never does, not at all. */
	EXPECT(lend(0, DIRECT | ON, ~0ULL, 0), 0);
	EXPECT(lend(1, DIRECT | ON, tsc_scale(), 0), 0);
	EXPECT(lend(2, DIRECT | ON, tsc_scale() - 1, 0), 0);
	EXPECT(lend(3, DIRECT | ON | PERIODIC, ~0ULL, 0), 0);
	expect_none();
	machine_close(&m);
}

static void one_shot(void) { one_shot_by(tsc_scale()); }
static void one_shot_no_scale(void) { one_shot_by(0); }

/* The first comes first, each with its vector, and one that is stopped does not. */
static void several(void)
{
	u64 now;

	open_one();
	start_clock();
	now = ref_now();
	EXPECT(lend(0, DIRECT_TO(0x70) | ON, now + 400 * MS, 0), 0);
	EXPECT(lend(1, DIRECT_TO(0x71) | ON, now + 200 * MS, 0), 0);
	EXPECT(lend(2, DIRECT_TO(0x72) | ON, now + 100 * MS, 0), 0);
	EXPECT(lend(3, DIRECT_TO(0x73) | ON, now + 300 * MS, 0), 0);
	EXPECT(take_back(2), 0);
	expect_interrupt(0x71);
	expect_interrupt(0x73);
	expect_interrupt(0x70);
	expect_none();
	machine_close(&m);
}

/* A guest that is asleep when the timer is far, and awake when it expires; and likewise. */
static void wakes(void)
{
	u64 then;
	int i;

	open_one();
	start_clock();
	for (i = 0; i < 4; i++) {
		then = ref_now() + 40 * MS;
		EXPECT(lend(i, DIRECT | ON, then, 0), 0);
		expect_none_for(5000);
		if (i & 1)
			expect_none_for(5000);
		expect_interrupt(VECTOR);
		CHECK(ref_now() >= then, "too soon");
	}
	machine_close(&m);
}

/* It has expired @times times since @base, or more often if the host is slow. */
static void expect_beat(u64 base, u32 times)
{
	struct vmm_hv_timer timer = get(0);
	u64 since = timer.expiry - base;

	CHECK(timer.config == (DIRECT | ON | PERIODIC) && timer.count == 20 * MS,
	      "config %#llx, count %llu", timer.config, timer.count);
	CHECK(since >= times * 20 * MS && since % (20 * MS) == 0, "%lu since, not %u", since,
	      times);
}

/* Behind by many periods: each comes, at half the period; lazily, none of them. */
static void periodic(void)
{
	u64 begin, base;
	u32 i;

	open_one();
	start_clock();
	EXPECT(lend(0, DIRECT | ON | PERIODIC, 20 * MS, 0), 0);
	base = get(0).expiry;
	for (i = 1; i <= 3; i++) {
		expect_interrupt(VECTOR);
		expect_beat(base, i);
		CHECK(ref_now() >= base + (i - 1) * 20 * MS, "too soon");
	}
	usleep(400000);
	begin = ref_now();
	base = get(0).expiry;
	CHECK(begin - base > 300 * MS, "not behind: %lu", begin - base);
	for (i = 1; i <= 3; i++) {
		expect_interrupt(VECTOR);
		expect_beat(base, i);
	}
	CHECK(get(0).expiry < begin, "has left some out");
	CHECK(ref_now() - begin >= 20 * MS, "too fast: %lu", ref_now() - begin);
	EXPECT(lend(0, DIRECT | ON | PERIODIC | LAZY, 20 * MS, base), 0);
	expect_interrupt(VECTOR);
	CHECK(get(0).expiry >= begin && (get(0).expiry - base) % (20 * MS) == 0,
	      "lazy: %llu of %lu", get(0).expiry, base);
	machine_close(&m);
}

/* The guest's clock as fast as it can be, and a period of nothing: it gets on, and not too fast. */
static void not_a_storm(void)
{
	u64 begin, ticks;

	open_scaled(&m, 0);
	LOAD(g_count);
	memcpy(m.ram + GUEST_HANDLERS + 16 * VECTOR, g_counted, g_counted_end - g_counted);
	memset(m.ram + 0x20000, 0, 4);
	m.page->gprs.r[VMM_RSI] = 200;
	set_clock(VMM_CLOCK_RUNNING, ONE * 200, 0, 0);
	EXPECT(lend(0, DIRECT | ON | PERIODIC, 1, 0), 0);
	begin = now_ns();
	RUN_TO(&m, VMM_EXIT_IO);
	CHECK(m.page->u.io.port == 0x77, "port %#x", m.page->u.io.port);
	ticks = now_ns() - begin;
	CHECK(ticks > 199 * 20000, "200 interrupts in %lu ns", ticks);
	machine_close(&m);
}

/* The latest that a time can be does not turn into the earliest. */
static void far_times(void)
{
	open_one();
	set_clock(VMM_CLOCK_RUNNING, ONE, ~0ULL - (1ULL << 50), ~0ULL - (1ULL << 50));
	EXPECT(lend(0, DIRECT | ON | PERIODIC, ~0ULL, 0), 0);
	EXPECT(lend(1, DIRECT | ON | PERIODIC, ~0ULL - 1, 0), 0);
	EXPECT(lend(2, DIRECT | ON, ~0ULL, 0), 0);
	EXPECT(lend(3, DIRECT | ON, ~0ULL - 1, 0), 0);
	CHECK(get(0).expiry == ~0ULL, "%llu", get(0).expiry);
	expect_none();
	machine_close(&m);
}

/* ---- the clock, a reset, another VM --------------------------------------------------------- */

static void set_tsc_adjust(u64 value)
{
	struct vmm_msr adjust = { .index = 0x3b, .value = value };
	struct vmm_msrs req = { .count = 1, .entries = (u64)&adjust };

	EXPECT(call(m.vcpu, VMM_VCPU_SET_MSRS, &req), 0);
}

/* Where the guest's own TSC goes is no matter to anybody, and nobody looks too often. */
static void tsc_moved(void)
{
	static const u64 values[] = { 1ULL << 40, 1ULL << 63, -(1ULL << 40), -1ULL };
	u64 then, exits;
	size_t i;

	open_one();
	start_clock();
	for (i = 0; i < 2 * ARRAY_SIZE(values); i++) {
		set_tsc_adjust(values[i / 2]);
		then = ref_now() + 30 * MS;
		EXPECT(lend(0, DIRECT | ON, then, 0), 0);
		exits = m.history->next;
		expect_interrupt(VECTOR);
		CHECK(ref_now() >= then, "too soon");
		exits = m.history->next - exits;
		CHECK(exits < 60, "%lu exits", exits);
	}
	machine_close(&m);
}

static void clock_stops(void)
{
	u64 then = 20 * MS, tsc = dev_info().tsc_khz * 5ULL;	/* after 5 ms */

	open_one();
	set_clock(0, ONE, tsc, 5000000);
	EXPECT(lend(0, DIRECT | ON, then, 0), 0);
	expect_none();
	/* It goes on, stops again and is set to a later time. */
	set_clock(VMM_CLOCK_RUNNING, ONE, tsc, 5000000);
	set_clock(0, ONE, tsc, 5000000);
	expect_none();
	set_clock(VMM_CLOCK_RUNNING, ONE, tsc, 5000000);
	expect_interrupt(VECTOR);
	CHECK(ref_now() >= then, "too soon");
	EXPECT(lend(0, DIRECT | ON, 1000000 * MS, 0), 0);
	expect_none();
	set_clock(VMM_CLOCK_RUNNING, ONE, tsc * 1000000, 5000000);
	expect_interrupt(VECTOR);
	machine_close(&m);
}

/* The host's TSC is found out while a timer runs. */
static void tsc_not_trusted(void)
{
	static const char param[] = "/sys/module/vmm/parameters/trust_tsc";
	u64 then;
	int i;

	for (i = 0; i < 4; i++) {
		open_one();
		start_clock();
		then = ref_now() + 40 * MS;
		EXPECT(lend(0, DIRECT | ON, then, 0), 0);
		expect_none_for(5000);
		EXPECT(file_write(param, "N"), 0);
		if (i & 1)
			expect_none_for(5000);
		expect_interrupt(VECTOR);
		CHECK(ref_now() >= then, "too soon");
		EXPECT(file_write(param, "Y"), 0);
		EXPECT(lend(0, DIRECT | ON, ref_now() + 10 * MS, 0), 0);
		expect_interrupt(VECTOR);
		machine_close(&m);
	}
}

static void reset(void)
{
	open_one();
	start_clock();
	EXPECT(lend(0, DIRECT | ON, ref_now() + 10 * MS, 0), 0);
	EXPECT(lend(3, DIRECT | ON | PERIODIC, 5 * MS, 0), 0);
	EXPECT(call(m.vcpu, VMM_VCPU_RESET, NULL), 0);
	CHECK_TIMER(0, 0, 0, 0, 0);
	CHECK_TIMER(3, 0, 0, 0, 0);
	LOAD64(&m, g_halt);
	apic_write(&m, APIC_SVR, 0x1ff);
	expect_none();
	READ(MSR_CONFIG, VMM_EXIT_RDMSR);
	machine_close(&m);
}

/* What GET says, SET makes, in a VM that is as late. */
static void moves(void)
{
	struct machine old;
	struct vmm_hv_timer timers[2];
	u64 then;

	open_one();
	start_clock();
	then = ref_now() + 20 * MS;
	EXPECT(lend(0, DIRECT_TO(0x70) | ON, then, 0), 0);
	EXPECT(lend(1, DIRECT_TO(0x71) | ON | PERIODIC | AUTO, 30 * MS, 0), 0);
	timers[0] = get(0);
	timers[1] = get(1);
	old = m;
	open_one();
	set_clock(VMM_CLOCK_RUNNING, ONE, dev_info().tsc_khz * 3ULL, 0);
	EXPECT(call(m.vcpu, VMM_VCPU_SET_HV_TIMER, &timers[0]), 0);
	EXPECT(call(m.vcpu, VMM_VCPU_SET_HV_TIMER, &timers[1]), 0);
	CHECK_TIMER(0, LENT, timers[0].config, then, then);
	CHECK_TIMER(1, LENT, timers[1].config, 30 * MS, timers[1].expiry);
	expect_interrupt(0x70);
	expect_interrupt(0x71);
	CHECK_TIMER(1, LENT, timers[1].config, 30 * MS, timers[1].expiry + 30 * MS);
	machine_close(&m);
	machine_close(&old);
}

/* A halt that no interrupt ends is told of, whatever the timers do. */
static void halts_for_ever(void)
{
	int i;

	open_one();
	start_clock();
	EXPECT(lend(0, DIRECT | ON | PERIODIC, 1, 0), 0);
	for (i = 0; i < 50; i++) {
		LOAD(g_cli_hlt);
		usleep(i * 10);
		RUN_TO(&m, VMM_EXIT_HALTED);
	}
	machine_close(&m);
}

/* With a timer that runs, and one that has just expired. */
static void closes(void)
{
	int i;

	for (i = 0; i < 20; i++) {
		open_one();
		start_clock();
		EXPECT(lend(0, DIRECT | ON, ref_now() + i * MS / 10, 0), 0);
		EXPECT(lend(1, DIRECT | ON | PERIODIC, 1, 0), 0);
		machine_close(&m);
	}
}

static const struct test tests[] = {
	{ "refused", refused },
	{ "not-asked-for", not_asked_for },
	{ "not-while-running", not_while_running },
	{ "not-lent", not_lent },
	{ "lent", lent },
	{ "one-shot", one_shot },
	{ "one-shot-no-scale", one_shot_no_scale },
	{ "several", several },
	{ "wakes", wakes },
	{ "periodic", periodic },
	{ "not-a-storm", not_a_storm },
	{ "far-times", far_times },
	{ "tsc-moved", tsc_moved },
	{ "clock-stops", clock_stops },
	{ "tsc-not-trusted", tsc_not_trusted },
	{ "reset", reset },
	{ "moves", moves },
	{ "halts-for-ever", halts_for_ever },
	{ "closes", closes },
};

int main(int argc, char **argv)
{
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests));
}
