// SPDX-License-Identifier: GPL-2.0
/*
 * Several CPUs at work on the same thing for a while: `seconds=N` for all cases
 * together, 2 if not given. Whoever sees something wrong says what, and all
 * stop.
 */
#include "lib/smp.h"

#define VEC_ASK		0x70
#define VEC_FLUSH	0x71
#define VEC_TOKEN	0x72
#define VEC_TIMER	0x73
#define WORKERS		16	/* of more CPUs, these take part */

static u32 workers;			/* CPUs 0 to workers - 1 */
static u64 until;			/* TSC */
static volatile u32 stop;
static volatile u32 rounds;		/* what was done; a case that does nothing proves nothing */

static struct {
	volatile u32 count;
	const char *what;
	u64 got, want;
	u32 cpu;
} wrong;

static void complain(const char *what, u64 got, u64 want)
{
	if (atomic_add(&wrong.count, 1) == 1) {
		wrong.what = what;
		wrong.got = got;
		wrong.want = want;
		wrong.cpu = cpu_index();
	}
	stop = true;
}

static bool over(void)
{
	if (rdtsc() > until)
		stop = true;
	return stop;
}

static u32 random(void)
{
	static u32 state[CPU_MAX];
	u32 *s = &state[cpu_index()];

	*s = *s * 1664525 + 1013904223 + cpu_index();
	return *s >> 8;
}

/* @fn on all workers, ourselves among them if @first; interrupts are open. */
static void (*work)(void);

static void work_open(void *arg)
{
	sti();
	work();
	cli();
}

static void run_all(void (*fn)(void), void (*first)(void))
{
	work = fn;
	for (u32 i = 1; i < workers; i++)
		cpu_post(i, work_open, NULL);
	sti();
	first();
	cli();
	for (u32 i = 1; i < workers; i++) {
		/* It may want an answer from us to come to its end. */
		for (u64 end = rdtsc() + 20000 * tsc_ms; cpu_at(i)->fn && rdtsc() < end;)
			sti_nop_cli();
		if (cpu_at(i)->fn)
			complain("a CPU does not come to its end", i, 0);
	}
	if (wrong.count) {
		printf("     CPU %u, round %u:\n", wrong.cpu, rounds);
		expect(wrong.what, wrong.got, wrong.want);
	}
	expect_true("did something", rounds > 0);
	printf("     %u rounds\n", rounds);
}

/* Open to interrupts, until @*value is @want. */
static bool await(volatile u32 *value, u32 want)
{
	u64 end = rdtsc() + 10000 * tsc_ms;

	while (*value != want && !wrong.count) {
		if (rdtsc() > end)
			return false;
		cpu_pause();
	}
	return true;
}

/* --- questions and answers ----------------------------------------------------- */
static volatile u32 asked[WORKERS][WORKERS];	/* [of whom][by whom]: the question's number */
static volatile u32 answered[WORKERS][WORKERS];
static volatile u32 total, questions;

static void on_ask(struct trap *t)
{
	u32 self = cpu_index();

	lapic_end();
	for (u32 i = 0; i < workers; i++)
		answered[self][i] = asked[self][i];
}

static void ask(void)
{
	u32 self = cpu_index();

	while (!over()) {
		u32 other = random() % workers, n = asked[other][self] + 1;

		if (other == self)
			continue;
		asked[other][self] = n;
		atomic_add(&questions, 1);
		ipi_send(other, ICR_ASSERT | VEC_ASK);
		if (!await(&answered[other][self], n)) {
			complain("an answer did not come", answered[other][self], n);
			return;
		}
		atomic_add(&total, 1);
		atomic_add(&rounds, 1);
	}
}

static void ipis(void)
{
	trap_set(VEC_ASK, on_ask);
	run_all(ask, ask);
	expect("answers", total, questions);
}

/* --- mappings that change ------------------------------------------------------ */
#define WINDOW		0x10000000UL	/* 2 MiB of addresses without RAM */
#define POOL		0x1400000UL	/* 4 MiB of RAM, each page holding its address */
#define POOL_SIZE	0x400000UL
#define ABSENT		(~0UL)
#define HOT		4

static const u16 hot_page[HOT] = { 0, 1, 2, 511 };
static volatile u64 mapped[HOT];	/* what is to be read there */
static volatile u32 map_version;	/* odd: it is being changed */
static volatile u32 flushes_wanted, flushed[WORKERS];
static u64 *window_table;

CODE64(window_read, "", "mov (%rdi), %rax");

static void on_window_fault(struct trap *t)
{
	if (t->rip != (u64)window_read_at) {
		complain("a page fault elsewhere", t->cr2, 0);
		guest_exit(99);
	}
	t->rax = ABSENT;
	t->rip = (u64)window_read_after;
}

static u64 read_hot(u32 i)
{
	u64 value;

	asm volatile("call window_read" : "=a"(value) : "D"(WINDOW + hot_page[i] * PAGE_SIZE)
		     : "memory");
	return value;
}

static void flush_window(void)
{
	if (map_version & 2)
		for (u32 i = 0; i < HOT; i++)
			invlpg(WINDOW + hot_page[i] * PAGE_SIZE);
	else
		write_cr3(read_cr3());
}

static void on_flush(struct trap *t)
{
	flush_window();
	if (cpu_index() < WORKERS)
		flushed[cpu_index()] = flushes_wanted;
	lapic_end();
}

/* Whoever has flushed sees what is mapped now; while it changes, nobody can tell. */
static void check_window(void)
{
	for (u32 i = 0; i < HOT; i++) {
		u32 version = map_version;
		u64 want = mapped[i], got = read_hot(i);

		if (version & 1 || map_version != version)
			continue;
		if (got != want)
			complain("read through an old mapping", got, want);
		atomic_add(&rounds, 1);
	}
}

static void read_window(void)
{
	while (!over())
		check_window();
}

static void shoot_down(void)
{
	flush_window();
	flushes_wanted++;
	ipi_send(0, ICR_OTHERS | ICR_ASSERT | VEC_FLUSH);
	for (u32 i = 1; i < workers; i++)
		if (!await(&flushed[i], flushes_wanted))
			complain("a flush is not answered", flushed[i], flushes_wanted);
}

static u64 pool_page(void) { return POOL + random() % (POOL_SIZE / PAGE_SIZE) * PAGE_SIZE; }

/* Small pages: one is mapped elsewhere or not at all. */
static void change_small(u64 *pde)
{
	u32 i = random() % HOT;
	u64 page = random() % 3 ? pool_page() : ABSENT;

	if (*pde & PTE_PS) {
		u64 base = *pde & ~0x1fffffUL;

		for (u32 n = 0; n < 512; n++)
			window_table[n] = (base + n * PAGE_SIZE) | PTE_P | PTE_W;
		*pde = (u64)window_table | PTE_P | PTE_W;
	}
	window_table[hot_page[i]] = page == ABSENT ? 0 : page | PTE_P | PTE_W;
	mapped[i] = page;
}

static void change_large(u64 *pde)
{
	u64 base = POOL + (random() & 1) * (POOL_SIZE / 2);

	*pde = base | PTE_P | PTE_W | PTE_PS;
	for (u32 i = 0; i < HOT; i++)
		mapped[i] = base + hot_page[i] * PAGE_SIZE;
}

static void change_window(void)
{
	u64 *pde = &page_dirs[WINDOW >> 21];

	while (!over()) {
		map_version++;
		if (random() % 8)
			change_small(pde);
		else
			change_large(pde);
		shoot_down();
		map_version++;
		check_window();
	}
}

static void tlb_shootdown(void)
{
	trap_fn old = trap_set(PF, on_window_fault);

	trap_set(VEC_FLUSH, on_flush);
	window_table = pte_alloc_table();
	for (u64 page = POOL; page < POOL + POOL_SIZE; page += PAGE_SIZE)
		*(volatile u64 *)page = page;
	map_version = 1;
	change_large(&page_dirs[WINDOW >> 21]);
	shoot_down();
	map_version = 2;
	run_all(read_window, change_window);
	/* Wholly idle CPUs took the last ones, too. */
	expect_true("settled", cpus_settle());
	trap_set(PF, old);
}

/* --- CPUs that come and go ----------------------------------------------------- */
/* A sum that is the same each time, unless a register or the memory was lost. */
static void calculate(void)
{
	u32 numbers[64];

	for (u32 n = 0; !stop; n++) {
		u32 sum = 0;

		for (u32 i = 0; i < ARRAY_SIZE(numbers); i++)
			numbers[i] = i * n;
		for (u32 i = 0; i < ARRAY_SIZE(numbers); i++)
			sum += numbers[i];
		if (sum != n * 2016)
			complain("a sum", sum, n * 2016);
	}
}

static void restart_some(void)
{
	while (!over()) {
		u32 i = 1 + random() % (workers - 1);

		sleep_us(random() % 500);
		if (!cpu_start(i)) {
			complain("a CPU did not start", i, 0);
			return;
		}
		cpu_post(i, work_open, NULL);
		rounds++;
	}
}

static void offline_online(void) { run_all(calculate, restart_some); }

/* --- code that another CPU writes ---------------------------------------------- */
#define CODE_PAGE	0x1300000UL
#define CODE_ALIAS	(WINDOW + 0x200000)	/* the same at another address */

static volatile u32 code_version, code_ran[WORKERS];

/* mov $value, %eax; ret */
static void write_code(u64 at, u32 value)
{
	volatile u8 *code = (u8 *)at;

	*(volatile u32 *)(code + 1) = value;
	code[5] = 0xc3;
	code[0] = 0xb8;
}

static u32 call_code(u64 at)
{
	u32 value;

	asm volatile("call *%1" : "=a"(value) : "r"(at) : "memory");
	return value;
}

/* "Handling Self- and Cross-Modifying Code": each that is to run it serialises first. */
static void run_code(void)
{
	u32 self = cpu_index(), seen = 0;

	while (!stop) {
		u32 version = code_version, got;

		if (version == seen)
			continue;
		cpuid(0, 0);
		got = call_code(version & 1 ? CODE_PAGE : CODE_ALIAS);
		if (got != version * 3)
			complain("code that is not there any more", got, version * 3);
		code_ran[self] = seen = version;
	}
}

static void change_code(void)
{
	while (!over()) {
		u32 version = code_version + 1, got;

		write_code(version & 2 ? CODE_PAGE : CODE_ALIAS, version * 3);
		code_version = version;
		for (u32 i = 1; i < workers; i++)
			if (!await(&code_ran[i], version))
				complain("the code is not run", code_ran[i], version);
		cpuid(0, 0);
		got = call_code(CODE_PAGE);
		if (got != version * 3)
			complain("code that is not there any more", got, version * 3);
		rounds++;
	}
}

static void cross_modifying(void)
{
	pte_set(CODE_ALIAS, CODE_PAGE | PTE_P | PTE_W);
	run_all(run_code, change_code);
	pte_reset(CODE_ALIAS);
}

/* --- sleep --------------------------------------------------------------------- */
static volatile u32 tokens[WORKERS], timers[WORKERS];

static void on_token(struct trap *t)
{
	tokens[cpu_index()]++;
	lapic_end();
}

static void on_timer(struct trap *t)
{
	timers[cpu_index()]++;
	lapic_end();
}

/* A token goes round; who has none sleeps, and is woken by it alone. */
static void pass_tokens(void)
{
	u32 self = cpu_index(), passed = 0;

	while (!stop) {
		cli();
		while (tokens[self] == passed && !stop)
			sti_hlt_cli();
		sti();
		passed = tokens[self];
		ipi_send((self + 1) % workers, ICR_ASSERT | VEC_TOKEN);
		atomic_add(&rounds, 1);
	}
}

/* The first one never sleeps, so that it would notice if all others did. */
static void watch_tokens(void)
{
	u32 passed = 0;

	ipi_send(1, ICR_ASSERT | VEC_TOKEN);
	while (!over()) {
		if (!await(&tokens[0], passed + 1)) {
			complain("the token was lost", tokens[0], passed + 1);
			break;
		}
		passed++;
		ipi_send(1, ICR_ASSERT | VEC_TOKEN);
	}
	stop = true;
	/* Who sleeps finds out. */
	for (u32 i = 1; i < workers; i++)
		ipi_send(i, ICR_ASSERT | VEC_WAKE);
}

static void sleep_tokens(void)
{
	trap_set(VEC_TOKEN, on_token);
	run_all(pass_tokens, watch_tokens);
}

/* Each is woken by its own timer. */
static void sleep_self(void)
{
	u32 self = cpu_index(), seen = timers[self];

	lapic_put(APIC_TIMER_DIV, 0xb);
	lapic_put(APIC_LVT_TIMER, VEC_TIMER);
	while (!over()) {
		u64 end = rdtsc() + 10000 * tsc_ms;

		cli();
		lapic_put(APIC_TIMER_INIT, 1000 + random() % 300000);
		while (timers[self] == seen && rdtsc() < end)
			sti_hlt_cli();
		sti();
		if (timers[self] != seen + 1)
			complain("timer interrupts", timers[self], seen + 1);
		seen = timers[self];
		atomic_add(&rounds, 1);
	}
	lapic_put(APIC_TIMER_INIT, 0);
	lapic_put(APIC_LVT_TIMER, LVT_MASKED);
}

static void sleep_timers(void)
{
	trap_set(VEC_TIMER, on_timer);
	run_all(sleep_self, sleep_self);
}

/* --- the run ------------------------------------------------------------------- */
static const struct guest_case cases[] = {
	{ "ipis", ipis },
	{ "tlb-shootdown", tlb_shootdown },
	{ "offline-online", offline_online },
	{ "cross-modifying", cross_modifying },
	{ "sleep-tokens", sleep_tokens },
	{ "sleep-timers", sleep_timers },
	{ "ipis-again", ipis },
};

static u32 seconds(void)
{
	const char *s = cmdline_get("seconds=");
	u32 n = 0;

	for (; s && *s >= '0' && *s <= '9'; s++)
		n = n * 10 + *s - '0';
	return s ? n : 2;
}

void guest_main(void)
{
	static const struct guest_case start = { "all-start", smp_start };
	u64 share;

	smp_init();
	workers = min(cpus, (u32)WORKERS);
	share = seconds() * 1000 * tsc_ms / ARRAY_SIZE(cases);
	printf("%u CPUs, %u seconds\n", cpus, seconds());
	cases_run(&start, 1);
	for (size_t i = 0; i < ARRAY_SIZE(cases) && workers > 1; i++) {
		memset(&wrong, 0, sizeof(wrong));
		rounds = stop = 0;
		until = rdtsc() + share;
		cases_run(&cases[i], 1);
	}
}
