// SPDX-License-Identifier: GPL-2.0
/*
 * TSC ticks from one taking of a contended lock to the next, of one that is
 * taken in turns: its next owner may be a CPU that the host does not run. With
 * `kick` on the command line who has spun for long halts, and is kicked by KVM's
 * call; else all spin. Prints `bench lock N ticks`.
 */
#include "lib/smp.h"

#define CALL_KICK	5
#define TURNS		50
#define SPINS		500		/* before it halts */
#define HELD		2000		/* ticks */

static volatile u32 next_ticket, now_served;
static volatile u32 halted[CPU_MAX];	/* for a ticket: the number above it, or 0 */
static struct barrier begin, end;
static volatile u32 owners, too_many;
static bool kick;

static void spend(u64 ticks)
{
	for (u64 start = rdtsc(); rdtsc() - start < ticks;)
		cpu_pause();
}

static void lock_halt(u32 ticket)
{
	u32 me = cpu_index();

	__atomic_store_n(&halted[me], ticket + 1, __ATOMIC_SEQ_CST);
	/* A kick from here on ends the next HLT. */
	while (__atomic_load_n(&now_served, __ATOMIC_SEQ_CST) != ticket)
		asm volatile("hlt" ::: "memory");
	halted[me] = 0;
}

static void lock(void)
{
	u32 ticket = atomic_add(&next_ticket, 1) - 1;

	for (u32 i = 0; now_served != ticket; i++) {
		if (kick && i == SPINS)
			lock_halt(ticket);
		cpu_pause();
	}
}

static void unlock(void)
{
	u32 ticket = now_served + 1;

	__atomic_store_n(&now_served, ticket, __ATOMIC_SEQ_CST);
	for (u64 i = 0; kick && i < cpus; i++) {
		u64 ret = CALL_KICK;

		if (halted[i] == ticket + 1)
			asm volatile("vmcall" : "+a"(ret) : "b"(0), "c"(i) : "memory");
	}
}

static void contend(void *arg)
{
	barrier_wait(&begin, cpus);
	for (int i = 0; i < TURNS; i++) {
		lock();
		/* Once all stand in line, they do so for good. */
		while (next_ticket < cpus)
			cpu_pause();
		if (owners++)
			too_many++;
		spend(HELD);
		owners--;
		unlock();
	}
	barrier_wait(&end, cpus);
}

static void bench(void)
{
	u64 ticks;

	for (u32 i = 1; i < cpus; i++)
		cpu_post(i, contend, NULL);
	ticks = rdtsc();
	contend(NULL);
	ticks = rdtsc() - ticks;
	for (u32 i = 1; i < cpus; i++)
		expect_true("done", cpu_wait(i));
	expect("taken by two", too_many, 0);
	printf("bench lock %lu ticks\n", ticks / (TURNS * cpus));
}

static const struct guest_case cases[] = {
	{ "all-start", smp_start },
	{ "lock", bench },
};

void guest_main(void)
{
	smp_init();
	kick = cmdline_get("kick");
	cases_run(cases, ARRAY_SIZE(cases));
}
