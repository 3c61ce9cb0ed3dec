// SPDX-License-Identifier: GPL-2.0
/*
 * The host's own life while a guest runs: CPUs that go and come, and suspend
 * as far as the kernel's pm_test goes. Each time the guest counts on, and a
 * new VM can be made.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib.h"

#define CPU1	"/sys/devices/system/cpu/cpu1/online"

GUEST64(g_count, "mov $1000, %ecx; 1: loop 1b; cli; inc %rax; mov %rax, 0x20000; jmp g_count");

static struct machine m;
static bool ends;

static void *run_it(void *arg)
{
	while (!__atomic_load_n(&ends, __ATOMIC_RELAXED)) {
		long ret = run(&m);

		CHECK(ret == 0 || ret == -EINTR, "RUN: %ld", ret);
		CHECK(ret || m.page->reason == VMM_EXIT_KICK, "RUN: %s",
		      reason_name(m.page->reason));
	}
	return NULL;
}

static void expect_progress(const char *when)
{
	volatile u64 *counter = (volatile u64 *)(m.ram + GUEST_FREE);
	u64 before = *counter, start = now_ns();

	while (*counter == before && now_ns() - start < 5000000000)
		usleep(1000);
	CHECK(*counter != before, "the guest stands still %s", when);
}

static void expect_new_vm(const char *when)
{
	long fd = vm_create();

	CHECK(fd >= 0, "no VM can be made %s: %ld", when, fd);
	close(fd);
}

static void with_guest(void (*fn)(void))
{
	pthread_t thread;

	machine_open(&m, 2 * MIB);
	LOAD64(&m, g_count);
	__atomic_store_n(&ends, false, __ATOMIC_RELAXED);
	pthread_create(&thread, NULL, run_it, NULL);
	expect_progress("at first");
	fn();
	__atomic_store_n(&ends, true, __ATOMIC_RELAXED);
	EXPECT(call(m.vcpu, VMM_VCPU_KICK, NULL), 0);
	pthread_join(thread, NULL);
	machine_close(&m);
}

/* ---- CPUs ------------------------------------------------------------------------------- */

static void go_and_come(void)
{
	int i;

	for (i = 0; i < 5; i++) {
		EXPECT(file_write(CPU1, "0"), 0);
		expect_progress("with a CPU gone");
		expect_new_vm("with a CPU gone");
		EXPECT(file_write(CPU1, "1"), 0);
		expect_progress("with the CPU back");
	}
}

static void hotplug(void)
{
	if (access(CPU1, F_OK)) {
		printf("# one CPU only\n");
		return;
	}
	with_guest(go_and_come);
	/* The first VM comes while it is away: the CPU is prepared as it comes. */
	EXPECT(file_write(CPU1, "0"), 0);
	machine_open(&m, 2 * MIB);
	EXPECT(file_write(CPU1, "1"), 0);
	machine_close(&m);
	with_guest(go_and_come);
	/* And the last one goes while it is away. */
	machine_open(&m, 2 * MIB);
	EXPECT(file_write(CPU1, "0"), 0);
	machine_close(&m);
	EXPECT(file_write(CPU1, "1"), 0);
	with_guest(go_and_come);
}

/* ---- suspend ------------------------------------------------------------------------------- */

static void suspend_to(const char *level, const char *state)
{
	int err;

	/* The kernel waits five seconds at the level, then resumes. */
	file_write("/sys/module/suspend/parameters/pm_test_delay", "1");
	if (file_write("/sys/power/pm_test", level))
		return;
	err = file_write("/sys/power/state", state);
	printf("# suspend to %s, %s: %s\n", state, level, err ? strerror(-err) : "done");
	CHECK(!err || err == -EINVAL, "%s: %s", level, strerror(-err));
	file_write("/sys/power/pm_test", "none");
	expect_progress("after suspend");
	expect_new_vm("after suspend");
}

static void suspend_and_resume(void)
{
	static const char *const levels[] = { "freezer", "devices", "platform", "processors",
					      "core" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(levels); i++)
		suspend_to(levels[i], "mem");
	suspend_to("devices", "freeze");
}

static void suspend(void)
{
	if (access("/sys/power/pm_test", F_OK))
		printf("# no pm_test in this kernel\n");
	else
		with_guest(suspend_and_resume);
}

static const struct test tests[] = {
	{ "hotplug", hotplug },
	{ "suspend", suspend },
};

int main(int argc, char **argv)
{
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests));
}
