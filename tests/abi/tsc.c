// SPDX-License-Identifier: GPL-2.0
/*
 * The TSC of two vCPUs that run at once: whoever reads it sees nothing older
 * than what the other has read, real and emulated.
 */
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib.h"

#define ONE	(1ULL << 32)
#define SEEN	GUEST_FREE	/* the highest value that either has read */
#define ROUNDS	20000

/*
 * Port 77: ROUNDS are over; port 78: RAX is less than R8, which the other had
 * before. SEEN is at RBX.
 */
GUEST64(g_race, "mov $0x20000, %ebx; mov $20000, %edi;"
	"1: mov (%rbx), %r8; lfence; rdtsc; shl $32, %rdx; or %rdx, %rax; mov %rax, %r9;"
	"cmp %r8, %rax; jae 2f; out %al, $0x78;"
	"2: mov (%rbx), %rax; 3: cmp %rax, %r9; jbe 4f; lock cmpxchg %r9, (%rbx); jne 3b;"
	"4: dec %edi; jnz 1b; out %al, $0x77; hlt");

_Static_assert(SEEN == 0x20000 && ROUNDS == 20000, "g_race");

static struct machine first, second;

static void *race(void *arg)
{
	struct machine *m = arg;

	RUN_TO(m, VMM_EXIT_IO);
	fetch(m, VMM_GROUP_GPRS);
	CHECK(m->page->u.io.port == 0x77, "read %#llx after %#llx", m->page->gprs.r[VMM_RAX],
	      m->page->gprs.r[VMM_R8]);
	return NULL;
}

static void never_back(u32 flags)
{
	struct vmm_clock clock = {
		.flags = VMM_CLOCK_RUNNING | flags, .ns_ratio = ONE, .tsc_ratio = ONE,
	};
	pthread_t threads[2];

	must(call(first.vm, VMM_VM_SET_CLOCK, &clock), "SET_CLOCK");
	memset(first.ram + SEEN, 0, 8);
	LOAD64(&first, g_race);
	LOAD64(&second, g_race);
	pthread_create(&threads[0], NULL, race, &first);
	pthread_create(&threads[1], NULL, race, &second);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
}

static void real(void)
{
	never_back(0);
}

static void emulated(void)
{
	u64 exits = second.history->stat[VMM_STAT_RDTSC];

	never_back(VMM_CLOCK_TSC_EMULATED);
	CHECK(second.history->stat[VMM_STAT_RDTSC] == exits + ROUNDS, "%llu exits",
	      second.history->stat[VMM_STAT_RDTSC] - exits);
}

static const struct test tests[] = {
	{ "real", real },
	{ "emulated", emulated },
};

int main(int argc, char **argv)
{
	machine_open(&first, 2 * MIB);
	second = first;
	second.vcpu = must(vcpu_create(first.vm, 1, 0), "CREATE_VCPU");
	second.page = vcpu_map(second.vcpu);
	second.history = (void *)((u8 *)second.page + VMM_PAGE_SIZE);
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests));
}
