// SPDX-License-Identifier: GPL-2.0
/*
 * A vCPU that spins waits for another, often for one that holds a lock and
 * was preempted by the host. Its CPU goes to one of those: round robin, so
 * that the right one has its turn soon. Which one that is, the host cannot
 * know; but who waits in the guest's kernel waits for the kernel, and who
 * spun itself when it was last seen is less likely to be of help.
 *
 * What others see of a vCPU here may be out of date: then the wrong one runs
 * for a while. vcpu->thread_lock guards its thread.
 *
 * Who gives way holds on to nothing of the guest's, so it is at a boundary: the
 * guest may be told that it does not run. See pv_steal.c.
 */
#include "hw.h"
#include "vcpu.h"
#include "yield.h"

/* To go on asking costs more than it can bring. */
#define YIELD_TRIES	3

void yield_init(struct vcpu *vcpu)
{
	spin_lock_init(&vcpu->thread_lock);
}

void yield_destroy(struct vcpu *vcpu)
{
	put_pid(vcpu->thread);
}

void yield_set_thread(struct vcpu *vcpu)
{
	struct pid *old = vcpu->thread;

	if (likely(old == task_pid(current)))
		return;
	spin_lock(&vcpu->thread_lock);
	vcpu->thread = get_task_pid(current, PIDTYPE_PID);
	spin_unlock(&vcpu->thread_lock);
	put_pid(old);
}

static struct task_struct *yield_get_task(struct vcpu *vcpu)
{
	struct task_struct *task;

	spin_lock(&vcpu->thread_lock);
	task = get_pid_task(vcpu->thread, PIDTYPE_PID);
	spin_unlock(&vcpu->thread_lock);
	return task;
}

void yield_sched_out(struct vcpu *vcpu)
{
	/* Nobody asks where there is one vCPU; one that sleeps has chosen to. */
	if (READ_ONCE(vcpu->vm->vcpu_count) == 1 || !task_is_running(current))
		return;
	WRITE_ONCE(vcpu->preempted_in_kernel, hw->cpl(vcpu) == 0);
	WRITE_ONCE(vcpu->preempted, true);
}

void yield_sched_in(struct vcpu *vcpu)
{
	WRITE_ONCE(vcpu->preempted, false);
}

/* May @other be what the guest waits for? */
static bool yield_is_wanted(struct vcpu *other, bool in_kernel)
{
	if (!READ_ONCE(other->preempted) ||
	    READ_ONCE(other->events.run_state) != VMM_STATE_RUNNING ||
	    (in_kernel && !READ_ONCE(other->preempted_in_kernel)))
		return false;
	if (!READ_ONCE(other->spinning))
		return true;
	/* What it waits for may have come meanwhile: every other time it is asked. */
	WRITE_ONCE(other->passed_over, !other->passed_over);
	return !READ_ONCE(other->passed_over);
}

/* True: @other has run since, or is about to. */
static bool yield_to_vcpu(struct vcpu *other)
{
	struct task_struct *task = yield_get_task(other);
	bool yielded;

	if (!task)
		return false;
	yielded = yield_to(task, true) > 0;
	put_task_struct(task);
	return yielded;
}

static bool yield_round(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	u32 count = smp_load_acquire(&vm->vcpu_count), first = READ_ONCE(vm->yielded_to) + 1, i;
	bool in_kernel = hw->cpl(vcpu) == 0;
	int tries = YIELD_TRIES;

	for (i = 0; i < count && tries; i++) {
		u32 at = (first + i) % count;
		struct vcpu *other = vm->vcpu[at];

		if (other == vcpu || !yield_is_wanted(other, in_kernel))
			continue;
		if (yield_to_vcpu(other)) {
			WRITE_ONCE(vm->yielded_to, at);
			return true;
		}
		tries--;
	}
	return false;
}

void yield_to_preempted(struct vcpu *vcpu)
{
	vcpu->at_boundary = true;
	WRITE_ONCE(vcpu->spinning, true);
	if (yield_round(vcpu))
		vcpu_count(vcpu, VMM_STAT_YIELD);
	else
		cond_resched();
	WRITE_ONCE(vcpu->spinning, false);
}

void yield_to_preempted_one(struct vcpu *vcpu, struct vcpu *other)
{
	vcpu->at_boundary = true;
	if (READ_ONCE(other->preempted) && yield_to_vcpu(other))
		vcpu_count(vcpu, VMM_STAT_YIELD);
}
