// SPDX-License-Identifier: GPL-2.0
/*
 * Which vCPU is given the CPU of one that spins. The scheduler is played by
 * the few things below: it notes whom it was asked for, and refuses some.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base.h"
#include "kmod/uapi/vmm.h"

/* ---- in place of the kernel, kmod/vmm.h and kmod/vcpu.h -------------------------- */

#define KMOD_VMM_H
#define KMOD_HW_H
#define KMOD_VCPU_H
#define VMM_MAX_VCPUS		255
#define smp_load_acquire(p)	READ_ONCE(*(p))
#define PIDTYPE_PID		0

struct pid { int refs; };
struct task_struct { struct pid *pid; bool running, unwilling; int refs, asked; };

struct fake_lock { bool held; };
#define spinlock_t struct fake_lock

static struct task_struct *current;
static int yields, naps;

static void spin_lock_init(spinlock_t *lock)
{
	lock->held = false;
}

static void spin_lock(spinlock_t *lock)
{
	assert_false(lock->held);
	lock->held = true;
}

static void spin_unlock(spinlock_t *lock)
{
	assert_true(lock->held);
	lock->held = false;
}

struct vm;

struct vcpu {
	struct vm *vm;
	spinlock_t thread_lock;
	struct pid *thread;
	bool preempted, preempted_in_kernel, spinning, passed_over, at_boundary;
	struct vmm_events events;
	int cpl;
	u64 stat[VMM_STAT_COUNT];
};

struct vm {
	u32 vcpu_count, yielded_to;
	struct vcpu *vcpu[VMM_MAX_VCPUS];
};

#define CPUS	5

static struct vm vm;
static struct vcpu cpus[CPUS];
static struct task_struct tasks[CPUS];
static struct pid pids[CPUS];

static int fake_cpl(struct vcpu *vcpu)
{
	return vcpu->cpl;
}

static const struct { int (*cpl)(struct vcpu *vcpu); } fake_hw = { fake_cpl }, *hw = &fake_hw;

static void vcpu_count(struct vcpu *vcpu, enum vmm_stat stat)
{
	vcpu->stat[stat]++;
}

static struct pid *task_pid(struct task_struct *task)
{
	return task->pid;
}

static struct pid *get_task_pid(struct task_struct *task, int type)
{
	task->pid->refs++;
	return task->pid;
}

static void put_pid(struct pid *pid)
{
	if (pid)
		pid->refs--;
}

static struct task_struct *get_pid_task(struct pid *pid, int type)
{
	for (int i = 0; pid && i < CPUS; i++) {
		if (pid == &pids[i]) {
			tasks[i].refs++;
			return &tasks[i];
		}
	}
	return NULL;
}

static void put_task_struct(struct task_struct *task)
{
	task->refs--;
}

static bool task_is_running(struct task_struct *task)
{
	return task->running;
}

static int yield_to(struct task_struct *task, bool preempt)
{
	assert_int_equal(task->refs, 1);
	assert_ptr_not_equal(task, current);
	assert_true(cpus[0].at_boundary);
	task->asked++;
	yields += !task->unwilling;
	return task->unwilling ? -ESRCH : 1;
}

static void cond_resched(void)
{
	assert_true(cpus[0].at_boundary);
	naps++;
}

#include "kmod/yield.c"

/* ---- fixture: the first vCPU spins, the others are kept from running -------------- */

static int setup(void **state)
{
	memset(&vm, 0, sizeof(vm));
	memset(cpus, 0, sizeof(cpus));
	yields = naps = 0;
	for (int i = 0; i < CPUS; i++) {
		vm.vcpu[vm.vcpu_count++] = &cpus[i];
		pids[i] = (struct pid) { 0 };
		tasks[i] = (struct task_struct) { .pid = &pids[i], .running = true };
		cpus[i].vm = &vm;
		yield_init(&cpus[i]);
		current = &tasks[i];
		yield_set_thread(&cpus[i]);
	}
	for (int i = 1; i < CPUS; i++) {
		current = &tasks[i];
		yield_sched_out(&cpus[i]);
	}
	current = &tasks[0];
	return 0;
}

static int teardown(void **state)
{
	for (int i = 0; i < CPUS; i++) {
		yield_destroy(&cpus[i]);
		assert_int_equal(pids[i].refs, 0);
		assert_int_equal(tasks[i].refs, 0);
		assert_false(cpus[i].thread_lock.held || cpus[i].spinning);
	}
	return 0;
}

/* Whom it goes to, -1: nobody. */
static int yielded(void)
{
	int to = -1;

	for (int i = 0; i < CPUS; i++)
		tasks[i].asked = 0;
	yields = naps = 0;
	/* It is in the middle of an instruction, as far as others know. */
	cpus[0].at_boundary = false;
	yield_to_preempted(&cpus[0]);
	for (int i = 0; i < CPUS && yields; i++) {
		if (tasks[i].asked && !tasks[i].unwilling)
			to = i;
	}
	assert_int_equal(yields + naps, 1);
	return to;
}

/* ---- tests ---------------------------------------------------------------------- */

static void test_round_robin(void **state)
{
	for (int i = 0; i < 12; i++)
		assert_int_equal(yielded(), 1 + i % 4);
	assert_int_equal(cpus[0].stat[VMM_STAT_YIELD], 12);
}

static void test_only_preempted(void **state)
{
	yield_sched_in(&cpus[1]);
	/* It went to sleep by itself. */
	yield_sched_in(&cpus[2]);
	current = &tasks[2];
	tasks[2].running = false;
	yield_sched_out(&cpus[2]);
	current = &tasks[0];
	cpus[3].events.run_state = VMM_STATE_HALTED;
	assert_int_equal(yielded(), 4);
	assert_int_equal(yielded(), 4);
	cpus[4].events.run_state = VMM_STATE_WAIT_SIPI;
	assert_int_equal(yielded(), -1);
	assert_int_equal(cpus[0].stat[VMM_STAT_YIELD], 2);
}

static void test_kernel_for_kernel(void **state)
{
	for (int i = 1; i < CPUS; i++) {
		cpus[i].cpl = i == 3 ? 0 : 3;
		current = &tasks[i];
		yield_sched_out(&cpus[i]);
	}
	current = &tasks[0];
	assert_int_equal(yielded(), 3);
	assert_int_equal(yielded(), 3);
	cpus[0].cpl = 3;
	assert_int_equal(yielded(), 4);
	assert_int_equal(yielded(), 1);
}

/* Each of them has its turn, but half as often. */
static void test_spinning(void **state)
{
	int turns[CPUS] = { 0 };

	for (int i = 1; i < CPUS; i++)
		cpus[i].spinning = i != 2;
	for (int i = 0; i < 50; i++)
		turns[yielded()]++;
	assert_int_equal(turns[0], 0);
	assert_in_range(turns[2], 18, 22);
	for (int i = 1; i < CPUS; i++)
		assert_in_range(turns[i], i == 2 ? 18 : 9, i == 2 ? 22 : 11);
	cpus[1].spinning = cpus[3].spinning = cpus[4].spinning = false;
}

/* Nobody is left but those that spin: the second question is answered. */
static void test_all_spin(void **state)
{
	int turns[CPUS] = { 0 };

	for (int i = 1; i < CPUS; i++)
		cpus[i].spinning = true;
	assert_int_equal(yielded(), -1);
	for (int i = 0; i < 40; i++) {
		int to = yielded();

		if (to >= 0)
			turns[to]++;
	}
	for (int i = 1; i < CPUS; i++) {
		assert_in_range(turns[i], 5, 20);
		cpus[i].spinning = false;
	}
}

/* Some are refused by the scheduler: the next, but not for ever. */
static void test_refused(void **state)
{
	tasks[1].unwilling = tasks[2].unwilling = true;
	assert_int_equal(yielded(), 3);
	assert_int_equal(yielded(), 4);
	tasks[3].unwilling = true;
	vm.yielded_to = 0;
	assert_int_equal(yielded(), -1);
	assert_int_equal(tasks[4].asked, 0);
}

static void test_alone(void **state)
{
	vm.vcpu_count = 1;
	assert_int_equal(yielded(), -1);
	/* Nobody will ask. */
	yield_sched_out(&cpus[0]);
	assert_false(cpus[0].preempted);
	vm.vcpu_count = CPUS;
}

/* Another thread runs it now; one that never ran is nobody's. */
static void test_threads(void **state)
{
	current = &tasks[2];
	yield_set_thread(&cpus[1]);
	yield_set_thread(&cpus[1]);
	assert_int_equal(pids[1].refs, 0);
	assert_int_equal(pids[2].refs, 2);
	current = &tasks[0];
	assert_int_equal(yielded(), 2);
	yield_destroy(&cpus[2]);
	cpus[2].thread = NULL;
	vm.yielded_to = 1;
	assert_int_equal(yielded(), 3);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_round_robin),
		TEST(test_only_preempted),
		TEST(test_kernel_for_kernel),
		TEST(test_spinning),
		TEST(test_all_spin),
		TEST(test_refused),
		TEST(test_alone),
		TEST(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
