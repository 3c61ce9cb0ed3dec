// SPDX-License-Identifier: GPL-2.0
/*
 * A vCPU that waits. One in HLT polls for a while before it sleeps, as long
 * as that pays (halt_poll.c) and nobody else wants the CPU.
 *
 * Whoever ends a wait sets a request, and makes what has come to be seen
 * before that; so the poll looks at requests alone while there are none. What
 * it may miss, the sleep looks for again under the rule of run.c.
 */
#include <linux/ktime.h>
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>
#include <linux/sched/stat.h>

#include "event.h"
#include "halt.h"
#include "halt_poll.h"
#include "hv.h"
#include "lapic.h"
#include "pv.h"
#include "vcpu.h"

/* No polling is worth more than this. */
#define HALT_POLL_MAX_NS	1000000

static uint halt_poll_ns = 200000;
module_param(halt_poll_ns, uint, 0644);
MODULE_PARM_DESC(halt_poll_ns, "how long a halted vCPU may poll before it sleeps, 0: not at all");

static bool halt_may_end(struct vcpu *vcpu)
{
	if (READ_ONCE(vcpu->requests) & ~VCPU_REQ_QUIET)
		return true;
	return event_is_halted(vcpu) && event_ends_halt(vcpu);
}

/* The host has nothing else for this CPU to do, and nothing to tell this thread. */
static bool halt_may_poll(void)
{
	return single_task_running() && !need_resched() && !signal_pending(current);
}

/* True: the wait is over. */
static bool halt_poll(struct vcpu *vcpu, ktime_t end)
{
	do {
		if (READ_ONCE(vcpu->requests) && halt_may_end(vcpu)) {
			vcpu_count(vcpu, VMM_STAT_HALT_POLLED);
			return true;
		}
		cpu_relax();
	} while (halt_may_poll() && ktime_before(ktime_get(), end));
	vcpu_count(vcpu, VMM_STAT_HALT_POLL_VAIN);
	return false;
}

static int halt_sleep(struct vcpu *vcpu)
{
	vcpu_count(vcpu, VMM_STAT_HALT_WAIT);
	return rcuwait_wait_event(&vcpu->wait, halt_may_end(vcpu), TASK_INTERRUPTIBLE);
}

int halt_wait(struct vcpu *vcpu)
{
	u32 max = min_t(u32, READ_ONCE(halt_poll_ns), HALT_POLL_MAX_NS);
	bool halted = event_is_halted(vcpu);
	bool polls = halted && pv_has(vcpu, VMM_PV_HALT_POLL);
	u32 window = polls ? min(vcpu->halt_poll, max) : 0;
	ktime_t start = ktime_get();
	int err = 0;

	lapic_timer_sleep(vcpu);
	hv_timers_sleep(vcpu);
	if (!window || !halt_poll(vcpu, ktime_add_ns(start, window)))
		err = halt_sleep(vcpu);
	lapic_timer_wake(vcpu);
	if (err)
		return -EINTR;
	if (halted)
		vcpu->halt_poll = halt_poll_next(window, max, ktime_get() - start);
	return 0;
}
