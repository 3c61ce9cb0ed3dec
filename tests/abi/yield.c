// SPDX-License-Identifier: GPL-2.0
/*
 * More vCPUs than CPUs that wait for one another: who spins in a loop of PAUSE
 * gives its CPU to one that was kept from running, and to none that sleeps.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib.h"

/*
 * RBX rounds. Whose turn it is stands at 0x20000, counted on from turn to
 * turn: RSI is the first of this vCPU, RDI how many there are. Who has it
 * counts at 0x20008.
 */
GUEST64(g_turns, "jmp 2f; 1: pause; 2: cmp %esi, 0x20000; jne 1b;"
	"mov 0x20008, %rdx; mov $2000, %ecx; 3: loop 3b; inc %rdx; mov %rdx, 0x20008;"
	"add %edi, %esi; incl 0x20000; dec %rbx; jnz 2b; out %al, $0x77; hlt");
/* Spins for RBX rounds; sleeps if they are none. */
GUEST64(g_pauses, "test %rbx, %rbx; jz 2f; 1: pause; dec %rbx; jnz 1b; out %al, $0x77; hlt;"
	"2: sti; hlt; jmp 2b");

#define CPUS_MAX	16
#define ROUNDS		100UL

static struct machine cpus[CPUS_MAX];

/* vCPUs of one VM, each a machine with that VM's memory. */
static void open_cpus(int count)
{
	int i;

	machine_open(&cpus[0], 2 * MIB);
	for (i = 1; i < count; i++) {
		cpus[i] = cpus[0];
		machine_add_vcpu(&cpus[i], i);
	}
}

static void close_cpus(int count)
{
	while (--count > 0) {
		munmap(cpus[count].page, VMM_VCPU_MMAP_SIZE);
		close(cpus[count].vcpu);
	}
	machine_close(&cpus[0]);
}

static void load(int cpu, const u8 *code, const u8 *end, u64 rounds)
{
	struct machine *m = &cpus[cpu];

	guest_load64(m, code, end);
	m->page->gprs.r[VMM_RBX] = rounds;
	/* IF: Bochs 2.7 lets no interrupt of the host's end a guest that spins without it. */
	m->page->gprs.rflags |= 0x200;
	m->page->dirty = VMM_GROUP_GPRS;
}

static u64 sum(int count, u32 stat)
{
	u64 all = 0;

	while (count--)
		all += cpus[count].history->stat[stat];
	return all;
}

static void *run_to_out(void *arg)
{
	RUN_TO((struct machine *)arg, VMM_EXIT_IO);
	return NULL;
}

static void *run_to_kick(void *arg)
{
	RUN_TO((struct machine *)arg, VMM_EXIT_KICK);
	return NULL;
}

static bool loops_exit(void)
{
	return dev_info().features & VMM_FEATURE_PAUSE_FILTER;
}

static void takes_turns(void)
{
	int count = 2 * sysconf(_SC_NPROCESSORS_ONLN) + 2, i;
	pthread_t threads[CPUS_MAX];
	u64 yields, turns, start;

	count = count < CPUS_MAX ? count : CPUS_MAX;
	open_cpus(count);
	for (i = 0; i < count; i++) {
		load(i, g_turns, g_turns_end, ROUNDS);
		cpus[i].page->gprs.r[VMM_RSI] = i;
		cpus[i].page->gprs.r[VMM_RDI] = count;
	}
	start = now_ns();
	for (i = 0; i < count; i++)
		must(-pthread_create(&threads[i], NULL, run_to_out, &cpus[i]), "pthread_create");
	for (i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	turns = *(u64 *)(cpus[0].ram + GUEST_FREE + 8);
	CHECK(turns == count * ROUNDS, "%lu turns of %lu", turns, count * ROUNDS);
	yields = sum(count, VMM_STAT_YIELD);
	printf("# %d vCPUs, %lu turns, %lu exits from PAUSE, %lu yields, %lu ms\n", count, turns,
	       sum(count, VMM_STAT_PAUSE), yields, (now_ns() - start) / 1000000);
	if (loops_exit())
		CHECK(yields >= 10 && yields <= sum(count, VMM_STAT_PAUSE), "%lu yields", yields);
	else
		CHECK(!yields, "%lu yields, and nothing to cause them", yields);
	close_cpus(count);
}

/* One vCPU, then one beside another that sleeps: there is nobody to yield to. */
static void to_nobody(void)
{
	pthread_t sleeper;
	int count;

	for (count = 1; count <= 2; count++) {
		open_cpus(count);
		load(0, g_pauses, g_pauses_end, 20000);
		if (count == 2) {
			load(1, g_pauses, g_pauses_end, 0);
			must(-pthread_create(&sleeper, NULL, run_to_kick, &cpus[1]),
			     "pthread_create");
			while (!cpus[1].history->stat[VMM_STAT_HALT_WAIT])
				usleep(1000);
		}
		RUN_TO(&cpus[0], VMM_EXIT_IO);
		CHECK(!loops_exit() || sum(1, VMM_STAT_PAUSE) > 3, "%lu exits from PAUSE",
		      sum(1, VMM_STAT_PAUSE));
		CHECK(!sum(count, VMM_STAT_YIELD), "%lu yields", sum(count, VMM_STAT_YIELD));
		if (count == 2) {
			EXPECT(call(cpus[1].vcpu, VMM_VCPU_KICK, NULL), 0);
			pthread_join(sleeper, NULL);
		}
		close_cpus(count);
	}
}

static const struct test tests[] = {
	{ "takes-turns", takes_turns },
	{ "to-nobody", to_nobody },
};

int main(int argc, char **argv)
{
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests));
}
