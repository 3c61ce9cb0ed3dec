// SPDX-License-Identifier: GPL-2.0
/* Being heard: kicks, signals, stops, two threads on one vCPU. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib.h"

static struct machine m;

GUEST16(g_spin, SPIN);
GUEST16(g_count, "1: inc %eax; out %al, $0x77; jmp 1b");
GUEST16(g_sti_hlt, "sti; hlt");

static void kick_before_run(void)
{
	int i;

	LOAD16(&m, g_count);
	EXPECT(call(m.vcpu, VMM_VCPU_KICK, NULL), 0);
	EXPECT(call(m.vcpu, VMM_VCPU_KICK, NULL), 0);
	RUN_TO(&m, VMM_EXIT_KICK);
	/* One return uses up all of them. */
	RUN_TO(&m, VMM_EXIT_IO);
	for (i = 0; i < 100; i++) {
		EXPECT(call(m.vcpu, VMM_VCPU_KICK, NULL), 0);
		RUN_TO(&m, VMM_EXIT_KICK);
	}
	/* What the caller changed is taken all the same. */
	EXPECT(call(m.vcpu, VMM_VCPU_KICK, NULL), 0);
	m.page->gprs.r[VMM_RAX] = 0x40;
	m.page->dirty = VMM_GROUP_RAX;
	RUN_TO(&m, VMM_EXIT_KICK);
	CHECK(!m.page->dirty, "dirty is left");
	RUN_TO(&m, VMM_EXIT_IO);
	CHECK(m.page->u.io.data == 0x41, "data %#x", m.page->u.io.data);
}

static void *kick_later(void *arg)
{
	usleep(100000);
	EXPECT(call(m.vcpu, VMM_VCPU_KICK, NULL), 0);
	return NULL;
}

static void kick_while_running(void)
{
	static const char *const what[] = { "spinning", "halted" };
	pthread_t thread;
	int i;

	for (i = 0; i < 2; i++) {
		if (i)
			LOAD16(&m, g_sti_hlt);
		else
			LOAD16(&m, g_spin);
		pthread_create(&thread, NULL, kick_later, NULL);
		CHECK(run(&m) == 0 && m.page->reason == VMM_EXIT_KICK, "%s: %s", what[i],
		      reason_name(m.page->reason));
		pthread_join(thread, NULL);
	}
}

static bool storm_ends;

static void *storm(void *arg)
{
	while (!__atomic_load_n(&storm_ends, __ATOMIC_RELAXED))
		call(m.vcpu, VMM_VCPU_KICK, NULL);
	return NULL;
}

/* Whatever else happens, the guest counts on: no OUT is lost, none comes twice. */
static void expect_counting(u64 until)
{
	u32 next = 1, other = 0;
	u64 start = now_ns();

	while (now_ns() - start < until) {
		long ret = run(&m);

		if (ret == -EINTR || (!ret && m.page->reason == VMM_EXIT_KICK)) {
			other++;
			continue;
		}
		if (ret || m.page->reason != VMM_EXIT_IO || m.page->u.io.data != (next & 0xff)) {
			CHECK(false, "RUN gave %ld, %s, data %#x, not %#x", ret,
			      reason_name(m.page->reason), m.page->u.io.data, next & 0xff);
			return;
		}
		next++;
	}
	CHECK(other > 3, "%u interruptions only", other);
	CHECK(next > 3, "%u rounds only", next);
}

static void kick_storm(void)
{
	pthread_t thread;

	LOAD16(&m, g_count);
	storm_ends = false;
	pthread_create(&thread, NULL, storm, NULL);
	expect_counting(1000000000);
	__atomic_store_n(&storm_ends, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	EXPECT(call(m.vcpu, VMM_VCPU_KICK, NULL), 0);
	RUN_TO(&m, VMM_EXIT_KICK);
}

/* ---- signals ---------------------------------------------------------------------------- */

static volatile int alarms;

static void on_alarm(int signal)
{
	alarms++;
}

static void alarm_every(int us)
{
	struct itimerval timer = { { 0, us }, { 0, us } };

	signal(SIGALRM, on_alarm);
	setitimer(ITIMER_REAL, &timer, NULL);
}

static void signals(void)
{
	LOAD16(&m, g_spin);
	alarms = 0;
	alarm_every(50000);
	EXPECT(run(&m), -EINTR);
	CHECK(alarms > 0, "no signal");
	LOAD16(&m, g_sti_hlt);
	EXPECT(run(&m), -EINTR);
	EXPECT(run(&m), -EINTR);
	alarm_every(3000);
	LOAD16(&m, g_count);
	expect_counting(1000000000);
	alarm_every(0);
}

/* A blocked signal does not count, a pending one does before anything runs. */
static void pending_signal(void)
{
	sigset_t set, old;

	LOAD16(&m, g_count);
	signal(SIGUSR1, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, &old);
	raise(SIGUSR2);
	RUN_TO(&m, VMM_EXIT_IO);
	signal(SIGUSR2, on_alarm);
	sigprocmask(SIG_SETMASK, &old, NULL);
	RUN_TO(&m, VMM_EXIT_IO);
}

/* A child that runs a spinning guest until it is told otherwise. */
static pid_t spinner(void)
{
	pid_t pid = fork();

	if (!pid) {
		machine_open(&m, 2 * MIB);
		LOAD16(&m, g_spin);
		while (run(&m) == -EINTR)
			;
		_exit(1);
	}
	usleep(300000);
	return pid;
}

static void sigkill(void)
{
	pid_t pid = spinner();
	u64 start = now_ns();

	kill(pid, SIGKILL);
	child_ends_by(pid, SIGKILL);
	CHECK(now_ns() - start < 3000000000, "it took %llu ms", (now_ns() - start) / 1000000ULL);
}

static void sigstop(void)
{
	pid_t pid = spinner();
	int status, i;

	for (i = 0; i < 3; i++) {
		kill(pid, SIGSTOP);
		must(waitpid(pid, &status, WUNTRACED), "waitpid");
		CHECK(WIFSTOPPED(status), "status %#x", status);
		usleep(20000);
		kill(pid, SIGCONT);
		must(waitpid(pid, &status, WCONTINUED), "waitpid");
		CHECK(WIFCONTINUED(status), "status %#x", status);
	}
	kill(pid, SIGTERM);
	child_ends_by(pid, SIGTERM);
}

/* ---- two threads ---------------------------------------------------------------------------- */

static void *run_thread(void *arg)
{
	RUN_TO(&m, VMM_EXIT_KICK);
	return NULL;
}

/* Which calls a running vCPU takes; see the tables in vcpu.c. */
static void busy(void)
{
	static const unsigned long refused[] = {
		VMM_VCPU_RUN, VMM_VCPU_FETCH, VMM_VCPU_STORE, VMM_VCPU_GET_XSAVE,
		VMM_VCPU_SET_XSAVE, VMM_VCPU_GET_MSRS, VMM_VCPU_SET_MSRS, VMM_VCPU_GET_LAPIC,
		VMM_VCPU_SET_LAPIC, VMM_VCPU_APIC_ACCESS, VMM_VCPU_RESET,
	};
	static u8 zeros[4096];
	struct vmm_level level = { 0 };
	struct vmm_eoi_exits eois = { { 0 } };
	pthread_t thread;
	size_t i;

	LOAD16(&m, g_spin);
	pthread_create(&thread, NULL, run_thread, NULL);
	usleep(100000);
	for (i = 0; i < ARRAY_SIZE(refused); i++) {
		long got = call(m.vcpu, refused[i], _IOC_SIZE(refused[i]) ? zeros : NULL);

		CHECK(got == -EBUSY, "command %#lx: %ld", _IOC_NR(refused[i]), got);
	}
	EXPECT(call(m.vcpu, VMM_VCPU_SET_EXTINT, &level), 0);
	EXPECT(call(m.vcpu, VMM_VCPU_SET_EOI_EXITS, &eois), 0);
	EXPECT(send_msi(m.vm, 0, 0x40), 0);
	EXPECT(call(m.vcpu, VMM_VCPU_KICK, NULL), 0);
	pthread_join(thread, NULL);
}

static void *close_later(void *arg)
{
	usleep(100000);
	close(m.vcpu);
	close(m.vm);
	usleep(100000);
	pthread_kill(*(pthread_t *)arg, SIGALRM);
	return NULL;
}

/* The fds go while RUN is under way: it holds the file until it returns. */
static void closed_while_running(void)
{
	pthread_t self = pthread_self(), thread;
	struct machine saved = m;
	long ret;

	machine_open(&m, 2 * MIB);
	LOAD16(&m, g_spin);
	signal(SIGALRM, on_alarm);
	pthread_create(&thread, NULL, close_later, &self);
	/* -EBADF: it had to come back for work of the thread's own, and found them gone. */
	ret = run(&m);
	CHECK(ret == -EINTR || ret == -EBADF, "RUN %ld", ret);
	pthread_join(thread, NULL);
	munmap(m.page, VMM_VCPU_MMAP_SIZE);
	munmap(m.ram, m.size);
	m = saved;
}

static const struct test tests[] = {
	{ "kick-before-run", kick_before_run },
	{ "kick-while-running", kick_while_running },
	{ "kick-storm", kick_storm },
	{ "signals", signals },
	{ "pending-signal", pending_signal },
	{ "sigkill", sigkill },
	{ "sigstop", sigstop },
	{ "busy", busy },
	{ "closed-while-running", closed_while_running },
};

int main(int argc, char **argv)
{
	machine_open(&m, 2 * MIB);
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests));
}
