// SPDX-License-Identifier: GPL-2.0
/*
 * The same VM from several threads at once: making vCPUs, changing slots,
 * running, storing, closing. What comes of it must be one of the errors that
 * the interface names; the debug kernel watches the rest.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib.h"

GUEST64(g_write, "1: mov $0x10000000, %rbx; 2: mov %rax, (%rbx); add $4096, %rbx;"
	"cmp $0x10100000, %rbx; jb 2b; out %al, $0x77; inc %rax; jmp 1b");

static struct machine m;
static bool ends;

static bool ended(void)
{
	return __atomic_load_n(&ends, __ATOMIC_RELAXED);
}

/* Runs all functions at once for @ms, each with its number. */
static void race(void *(*const *fns)(void *), size_t count, int ms)
{
	pthread_t threads[16];
	size_t i;

	__atomic_store_n(&ends, false, __ATOMIC_RELAXED);
	for (i = 0; i < count; i++)
		pthread_create(&threads[i], NULL, fns[i], (void *)i);
	usleep(ms * 1000);
	__atomic_store_n(&ends, true, __ATOMIC_RELAXED);
	for (i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
}

/* ---- making vCPUs ---------------------------------------------------------------------- */

static int made[256];

static void *make_vcpus(void *arg)
{
	u32 id;

	for (id = 0; id < 40; id++) {
		long fd = vcpu_create(m.vm, id, id ? 0 : VMM_VCPU_BSP);

		CHECK(fd >= 0 || fd == -EEXIST, "CREATE_VCPU: %ld", fd);
		if (fd >= 0) {
			__atomic_add_fetch(&made[id], 1, __ATOMIC_RELAXED);
			close(fd);
		}
	}
	return NULL;
}

static void *send_msis(void *arg)
{
	struct vmm_msi all = { .address = 0xfeeff000, .data = 0x40 };

	while (!ended()) {
		EXPECT(call(m.vm, VMM_VM_SEND_MSI, &all), 0);
		EXPECT(send_msi(m.vm, 7, 0x41), 0);
	}
	return NULL;
}

static void *set_tables(void *arg)
{
	static struct vmm_cpuid_entry entry;
	struct vmm_cpuid req = { .count = 1, .entries = (u64)&entry };

	while (!ended()) {
		long ret = call(m.vm, VMM_VM_SET_CPUID, &req);

		CHECK(ret == 0 || ret == -EBUSY, "SET_CPUID: %ld", ret);
	}
	return NULL;
}

static void vcpus(void)
{
	static void *(*const fns[])(void *) = { make_vcpus, make_vcpus, make_vcpus, send_msis,
						set_tables };
	int i;

	machine_open_empty(&m, 2 * MIB);
	memset(made, 0, sizeof(made));
	race(fns, ARRAY_SIZE(fns), 500);
	for (i = 0; i < 40; i++)
		CHECK(made[i] == 1, "vCPU %d was made %d times", i, made[i]);
	machine_close(&m);
}

/* ---- one vCPU ---------------------------------------------------------------------------- */

static int runners;

static void *run_it(void *arg)
{
	__atomic_add_fetch(&runners, 1, __ATOMIC_SEQ_CST);
	while (!ended()) {
		long ret = run(&m);

		CHECK(ret == 0 || ret == -EBUSY || ret == -EINTR || ret == -EIO || ret == -EINVAL,
		      "RUN: %ld", ret);
	}
	__atomic_sub_fetch(&runners, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

/* The registers are those of any moment, so the guest may never leave by itself. */
static void *kick_it(void *arg)
{
	while (!ended() || __atomic_load_n(&runners, __ATOMIC_SEQ_CST)) {
		EXPECT(call(m.vcpu, VMM_VCPU_KICK, NULL), 0);
		usleep(200);
	}
	return NULL;
}

static void *store_it(void *arg)
{
	while (!ended()) {
		struct vmm_groups groups = { .mask = VMM_GROUP_ALL };
		long ret = call(m.vcpu, VMM_VCPU_FETCH, &groups);

		CHECK(ret == 0 || ret == -EBUSY, "FETCH: %ld", ret);
		m.page->dirty = VMM_GROUP_SREGS | VMM_GROUP_DREGS;
		ret = call(m.vcpu, VMM_VCPU_STORE, NULL);
		CHECK(ret == 0 || ret == -EBUSY || ret == -EINVAL, "STORE: %ld", ret);
	}
	return NULL;
}

static void *set_clock(void *arg)
{
	struct vmm_clock clock = { .ns_ratio = 1ULL << 32, .tsc_ratio = 1ULL << 32 };

	while (!ended()) {
		clock.flags ^= VMM_CLOCK_RUNNING;
		EXPECT(call(m.vm, VMM_VM_SET_CLOCK, &clock), 0);
		usleep(500);
	}
	return NULL;
}

static void *set_slots(void *arg)
{
	u32 i;

	for (i = 0; !ended(); i++) {
		long ret = set_slot(m.vm, 1 + i % 3, i & 1 ? VMM_SLOT_DIRTY_LOG : 0,
				    0x10000000 + (i % 3) * MIB / 2, i % 5 ? MIB : 0, m.ram);

		CHECK(ret == 0 || ret == -EEXIST, "SET_SLOT: %ld", ret);
	}
	return NULL;
}

static void *dirty_log(void *arg)
{
	static u64 bits[4];
	struct vmm_dirty req = { .slot = 1, .count = 256, .bitmap = (u64)bits };

	while (!ended()) {
		long ret;

		memset(bits, 0xff, sizeof(bits));
		ret = call(m.vm, VMM_VM_CLEAR_DIRTY, &req);
		CHECK(ret == 0 || ret == -EINVAL, "CLEAR_DIRTY: %ld", ret);
		ret = call(m.vm, VMM_VM_GET_DIRTY, &req);
		CHECK(ret == 0 || ret == -EINVAL, "GET_DIRTY: %ld", ret);
	}
	return NULL;
}

static void *give_back(void *arg)
{
	while (!ended())
		madvise(m.ram + MIB, MIB / 2, MADV_DONTNEED);
	return NULL;
}

static void one_vcpu(void)
{
	static void *(*const fns[])(void *) = { run_it, run_it, kick_it, store_it, set_clock,
						set_slots, dirty_log, give_back };

	machine_open(&m, 2 * MIB);
	LOAD64(&m, g_write);
	race(fns, ARRAY_SIZE(fns), 3000);
	machine_close(&m);
}

/* ---- the end of a VM ------------------------------------------------------------------------- */

static u8 *shared_ram;

static void *change_memory(void *arg)
{
	while (!ended()) {
		memset(shared_ram, 1, MIB);
		madvise(shared_ram, MIB, MADV_DONTNEED);
	}
	return NULL;
}

/* VMs with mapped memory come and go, while that memory changes. */
static void *make_vms(void *arg)
{
	int rounds = 0;

	while (!ended()) {
		struct machine mine;

		machine_open(&mine, 2 * MIB);
		must(set_slot(mine.vm, 1, 0, 0x10000000, MIB, shared_ram), "SET_SLOT");
		LOAD64(&mine, g_write);
		RUN_TO(&mine, VMM_EXIT_IO);
		machine_close(&mine);
		rounds++;
	}
	CHECK(rounds > 0, "no round in the time");
	return NULL;
}

static void ends_of_vms(void)
{
	static void *(*const fns[])(void *) = { make_vms, make_vms, change_memory };

	shared_ram = memory_map(MIB);
	race(fns, ARRAY_SIZE(fns), 3000);
	munmap(shared_ram, MIB);
}

static const struct test tests[] = {
	{ "vcpus", vcpus },
	{ "one-vcpu", one_vcpu },
	{ "ends-of-vms", ends_of_vms },
};

int main(int argc, char **argv)
{
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests));
}
