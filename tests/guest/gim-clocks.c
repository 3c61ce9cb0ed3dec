// SPDX-License-Identifier: GPL-2.0
/*
 * Every clock that a guest can read at any time, against each other: what one
 * counts in a fifth of a second the others count to 100 us, and no CPU finds one
 * behind what another CPU has read from it.
 *
 * A guest may be held up between any two instructions. So a clock is read
 * between two readings of the TSC, often, and the closest pair counts; within
 * that pair it was read at an unknown time, which the comparison allows for.
 */
#include "lib/clock.h"
#include "lib/hyperv.h"
#include "lib/smp.h"

#define LEAF_CRYSTAL	0x15
#define LEAF_BASE	0x40000000
#define LEAF_KVM	0x40000001
#define LEAF_TIMING	0x40000010
#define KVM_SIGNATURE	0x4b4d564b	/* "KVMK" */
#define KVM_CLOCK	BIT(3)
#define MSR_KVM_CLOCK	0x4b564d01

#define HYPERV_SIGNATURE 0x7263694d	/* "Micr" */
#define HYPERV_HZ	10000000

#define NS		1000000000UL
#define LIMIT_NS	100000
#define LOOKS		50
#define ROUNDS		1000
#define ROUNDS_MIN	8

struct kvm_clock {
	u32 version, pad;
	u64 tsc, ns;
	u32 mul;
	signed char shift;
	u8 flags, pad2[2];
};

static struct kvm_clock kvm_clocks[CPU_MAX] __attribute__((aligned(64)));

/* ---- the clocks ------------------------------------------------------------------- */

static bool kvm_has_clock(void)
{
	return cpuid(LEAF_BASE, 0).ebx == KVM_SIGNATURE && cpuid(LEAF_KVM, 0).eax & KVM_CLOCK;
}

static u64 kvm_ns(const struct kvm_clock *c, u64 ticks)
{
	ticks = c->shift < 0 ? ticks >> -c->shift : ticks << c->shift;
	return ((unsigned __int128)ticks * c->mul) >> 32;
}

/* As a guest does it that trusts no flag. */
static u64 kvm_read(void)
{
	const volatile struct kvm_clock *page = &kvm_clocks[cpu_index()];
	struct kvm_clock c;

	do {
		c.version = page->version & ~1U;
		asm volatile("" ::: "memory");
		c.tsc = page->tsc;
		c.ns = page->ns;
		c.mul = page->mul;
		c.shift = page->shift;
		asm volatile("" ::: "memory");
	} while (page->version != c.version);
	return c.ns + kvm_ns(&c, rdtsc() - c.tsc);
}

static void kvm_begin(void *arg)
{
	if (kvm_has_clock())
		wrmsr(MSR_KVM_CLOCK, (u64)&kvm_clocks[cpu_index()] | 1);
}

/* Microsoft's interface. */
static bool hyperv_is_there(void) { return cpuid(LEAF(0), 0).ebx == HYPERV_SIGNATURE; }
static bool hyperv_has_counter(void) { return hyperv_is_there() && has(REF_COUNTER); }
static bool hyperv_has_page(void) { return hyperv_is_there() && has(TSC_PAGE); }
static bool hyperv_tells_hz(void) { return hyperv_is_there() && has_edx(FREQUENCY_REGS); }

PAGE_OF(hyperv_page);
static struct tsc_page *const tsc_page = (struct tsc_page *)hyperv_page;

static u64 counter_read(void) { return rdmsr(MSR_REF_COUNT); }
static u64 counter_hz(void) { return hyperv_has_counter() ? HYPERV_HZ : 0; }
static u64 page_read(void) { return tsc_page_read(tsc_page); }
/* A page that is not valid is a TSC that is not trusted: there is the counter then. */
static u64 page_hz(void) { return hyperv_has_page() && tsc_page->sequence ? HYPERV_HZ : 0; }

/* 0: nothing tells. */
static u64 tsc_hz(void)
{
	struct cpuid crystal = cpuid(LEAF_CRYSTAL, 0), base = cpuid(LEAF_BASE, 0);

	if (cpuid(0, 0).eax >= LEAF_CRYSTAL && crystal.eax && crystal.ecx)
		return (u64)crystal.ecx * crystal.ebx / crystal.eax;
	if (base.eax >= LEAF_TIMING && base.eax < LEAF_BASE + 0x100)
		return cpuid(LEAF_TIMING, 0).eax * 1000UL;
	if (hyperv_tells_hz())
		return rdmsr(MSR_TSC_HZ);
	if (kvm_has_clock())
		return BIT(32) * NS / kvm_ns(&kvm_clocks[0], BIT(32));
	return 0;
}

static u64 pm_read(void) { return inl(PM_PORT); }
static u64 pm_hz(void) { return PM_HZ; }
static u64 hpet_count(void) { return hpet_read(HPET_COUNTER); }
static u64 kvm_hz(void) { return kvm_has_clock() ? NS : 0; }

struct clock {
	const char *name;
	u64 (*read)(void);
	u64 (*hz)(void);		/* 0: there is none */
	u64 mask;			/* where it wraps */
};

static const struct clock clocks[] = {
	{ "TSC", rdtsc, tsc_hz, UINT64_MAX },
	{ "PM timer", pm_read, pm_hz, 0xffffff },
	{ "HPET", hpet_count, hpet_hz, UINT32_MAX },
	{ "KVM", kvm_read, kvm_hz, UINT64_MAX },
	{ "Hyper-V's counter", counter_read, counter_hz, UINT64_MAX },
	{ "Hyper-V's page", page_read, page_hz, UINT64_MAX },
};

/* ---- they agree ------------------------------------------------------------------- */

struct look { u64 before, clock, after; };

static struct look look_once(const struct clock *c)
{
	struct look l;

	l.before = rdtsc();
	l.clock = c->read();
	l.after = rdtsc();
	return l;
}

static struct look look_closely(const struct clock *c)
{
	struct look best = look_once(c);

	for (int i = 1; i < LOOKS; i++) {
		struct look l = look_once(c);

		if (l.after - l.before < best.after - best.before)
			best = l;
	}
	return best;
}

static u64 to_ns(u64 ticks, u64 hz)
{
	return ticks / hz * NS + ticks % hz * NS / hz;
}

static void agree_judge(const struct clock *c, struct look begin, struct look end, u64 tsc)
{
	u64 ns = to_ns((end.clock - begin.clock) & c->mask, c->hz());
	u64 least = to_ns(end.before - begin.after, tsc);
	u64 most = to_ns(end.after - begin.before, tsc);

	printf("     %s: %lu us, by the TSC %lu to %lu us\n", c->name, ns / 1000, least / 1000,
	       most / 1000);
	expect_range(c->name, ns, least - LIMIT_NS, most + LIMIT_NS);
}

static void look_at_all(struct look *looks)
{
	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++) {
		if (clocks[i].hz())
			looks[i] = look_closely(&clocks[i]);
	}
}

/* With the one whose rate is not told there is nothing to compare. */
static void agree(void)
{
	struct look begin[ARRAY_SIZE(clocks)], end[ARRAY_SIZE(clocks)];
	u64 tsc = tsc_hz(), start;

	look_at_all(begin);
	for (start = rdtsc(); rdtsc() - start < tsc / 5;)
		cpu_pause();
	look_at_all(end);
	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++) {
		if (clocks[i].hz())
			agree_judge(&clocks[i], begin[i], end[i], tsc);
	}
}

static const char *no_rate(void) { return tsc_hz() ? NULL : "nothing tells the TSC's rate"; }

/* ---- they go on, whoever reads them ------------------------------------------------ */

static const struct clock *common;
static volatile u32 turn, went_back;
static volatile bool over;
static volatile u64 common_last;
static u64 common_worst;

static void common_look(void)
{
	u64 now = common->read(), back = (common_last - now) & common->mask;

	if (back && back <= common->mask / 2) {
		went_back++;
		if (back > common_worst)
			common_worst = back;
	}
	common_last = now;
}

/* Each behind another. Where they share a CPU of the host's, a turn takes long. */
static void take_turns(void *arg)
{
	u32 me = cpu_index();
	u64 start = rdtsc();

	for (u32 i = 0; !over; i++) {
		while (turn % cpus != me && !over)
			cpu_pause();
		if (over)
			break;
		common_look();
		if (!me && (i >= ROUNDS || (i >= ROUNDS_MIN && rdtsc() - start > 50 * tsc_ms)))
			over = true;
		turn++;
	}
}

static void monotonic(void)
{
	for (u32 i = 1; i < cpus; i++)
		expect_true("called", cpu_call(i, kvm_begin, NULL));
	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++) {
		common = &clocks[i];
		if (common->read != rdtsc && !common->hz())
			continue;
		turn = went_back = common_worst = over = 0;
		common_last = common->read();
		for (u32 cpu = 1; cpu < cpus; cpu++)
			cpu_post(cpu, take_turns, NULL);
		take_turns(NULL);
		for (u32 cpu = 1; cpu < cpus; cpu++)
			expect_true("done", cpu_wait(cpu));
		expect(common->name, went_back, 0);
		if (went_back)
			printf("     by up to %lu\n", common_worst);
	}
}

static const char *alone(void) { return cpus < 2 ? "it takes two CPUs" : NULL; }

static const struct guest_case cases[] = {
	{ "agree", agree, no_rate },
	{ "all-start", smp_start, alone },
	{ "monotonic", monotonic, alone },
};

void guest_main(void)
{
	smp_init();
	hpet_write(HPET_CONFIG, HPET_RUN);
	kvm_begin(NULL);
	if (hyperv_has_page())
		wrmsr(MSR_TSC_PAGE, (u64)tsc_page | ENABLED);
	cases_run(cases, ARRAY_SIZE(cases));
}
