// SPDX-License-Identifier: GPL-2.0
/*
 * The loop of a running vCPU: requests, entry, exit.
 *
 * A request is set before the target's mode is read; the target sets its mode
 * before it reads requests, with interrupts off. So a request is seen before
 * the entry, or an IPI takes the vCPU out of the guest. Sleepers are woken by
 * rcuwait under the same rule.
 */
#include <linux/sched/signal.h>
#include <linux/smp.h>
#include <linux/vtime.h>

#include "clock.h"
#include "compat.h"
#include "cpu.h"
#include "dr.h"
#include "event.h"
#include "exit.h"
#include "fpu.h"
#include "halt.h"
#include "hv.h"
#include "hw.h"
#include "lapic.h"
#include "mitigate.h"
#include "msr.h"
#include "pv.h"
#include "run.h"
#include "state.h"
#include "vcpu.h"
#include "yield.h"

/* ---- being heard ---------------------------------------------------------------- */

void vcpu_kick(struct vcpu *vcpu)
{
	int cpu;

	rcuwait_wake_up(&vcpu->wait);
	/* Pairs with the barrier in run_enter(). */
	smp_mb();
	if (READ_ONCE(vcpu->mode) != VCPU_IN_GUEST)
		return;
	preempt_disable();
	cpu = READ_ONCE(vcpu->cpu);
	if (cpu >= 0 && cpu != smp_processor_id() && cpu_online(cpu))
		smp_send_reschedule(cpu);
	preempt_enable();
}

void vcpu_request(struct vcpu *vcpu, enum vcpu_request request)
{
	set_bit(request, &vcpu->requests);
	vcpu_kick(vcpu);
}

void vcpu_signal_nmi(struct vcpu *vcpu)
{
	atomic_inc(&vcpu->nmi_queued);
	vcpu_request(vcpu, VCPU_REQ_NMI);
}

/* A SIPI from before it found no CPU that waited for one. */
void vcpu_signal_init(struct vcpu *vcpu)
{
	atomic_set(&vcpu->startup, STARTUP_INIT);
	vcpu_request(vcpu, VCPU_REQ_STARTUP);
}

/* The first starts the vCPU, so the second finds it running. */
void vcpu_signal_sipi(struct vcpu *vcpu, u8 vector)
{
	int old = atomic_read(&vcpu->startup);

	do {
		if (old & STARTUP_SIPI)
			return;
	} while (!atomic_try_cmpxchg(&vcpu->startup, &old, old | STARTUP_SIPI | vector));
	vcpu_request(vcpu, VCPU_REQ_STARTUP);
}

/* ---- bound to a CPU ----------------------------------------------------------------- */

static void run_load(struct vcpu *vcpu)
{
	WRITE_ONCE(vcpu->cpu, smp_processor_id());
	clock_check_host(vcpu->vm);
	mitigate_load(vcpu);
	hw->load(vcpu);
	msr_load(vcpu);
}

static void run_put(struct vcpu *vcpu)
{
	hw->put(vcpu);
}

static void run_sched_in(struct preempt_notifier *pn, int cpu)
{
	struct vcpu *vcpu = container_of(pn, struct vcpu, preempt);

	pv_sched_in(vcpu);
	yield_sched_in(vcpu);
	run_load(vcpu);
}

static void run_sched_out(struct preempt_notifier *pn, struct task_struct *next)
{
	struct vcpu *vcpu = container_of(pn, struct vcpu, preempt);

	pv_sched_out(vcpu);
	yield_sched_out(vcpu);
	run_put(vcpu);
}

static struct preempt_ops run_preempt_ops = {
	.sched_in = run_sched_in,
	.sched_out = run_sched_out,
};

void run_vcpu_init(struct vcpu *vcpu)
{
	preempt_notifier_init(&vcpu->preempt, &run_preempt_ops);
}

/* ---- exits to user space ---------------------------------------------------------------- */

int run_exit_to_user(struct vcpu *vcpu, enum vmm_exit_reason reason, u32 groups)
{
	struct vmm_page *page = vcpu->page;

	page->reason = reason;
	page->exit_rip = vcpu->exit_start;
	page->insn_len = vcpu->exit.insn_len;
	page->raw[0] = vcpu->exit.raw;
	page->raw[1] = vcpu->exit.info1;
	page->raw[2] = vcpu->exit.info2;
	page->cached = 0;
	state_fetch(vcpu, (groups | READ_ONCE(page->wanted)) & VMM_GROUP_ALL);
	return RUN_USER;
}

int run_crash(struct vcpu *vcpu, u32 why, u32 detail, const char *fmt, ...)
{
	struct vmm_exit_crash *crash = &vcpu->page->u.crash;
	va_list ap;

	crash->why = why;
	crash->detail = detail;
	va_start(ap, fmt);
	vscnprintf(crash->text, sizeof(crash->text), fmt, ap);
	va_end(ap);
	return run_exit_to_user(vcpu, VMM_EXIT_CRASH, VMM_GROUP_ALL);
}

/* ---- requests ------------------------------------------------------------------------------- */

/* One NMI is latched while another is blocked or on its way; else one may be taken, one latched. */
void run_take_nmis(struct vcpu *vcpu)
{
	struct vmm_events *ev = &vcpu->events;
	int limit = ev->nmi_masked || ev->type == VMM_EVENT_NMI ? 1 : 2;

	if (!vcpu_take_request(vcpu, VCPU_REQ_NMI))
		return;
	ev->nmi_pending = min(ev->nmi_pending + atomic_xchg(&vcpu->nmi_queued, 0), limit);
}

/*
 * "INIT": waits for SIPI, but the boot processor starts over. RUN_USER: it does
 * so from now on, and may have been the last that did not.
 */
static int run_startup(struct vcpu *vcpu)
{
	struct vmm_events *ev = &vcpu->events;
	bool waited = ev->run_state == VMM_STATE_WAIT_SIPI;
	int startup = atomic_xchg(&vcpu->startup, 0);

	if (startup & STARTUP_INIT)
		vcpu_reset(vcpu, true);
	if ((startup & STARTUP_SIPI) && ev->run_state == VMM_STATE_WAIT_SIPI) {
		state_start_at(vcpu, startup & STARTUP_VECTOR);
		ev->run_state = VMM_STATE_RUNNING;
	}
	if (waited || ev->run_state != VMM_STATE_WAIT_SIPI)
		return RUN_GUEST;
	return run_exit_to_user(vcpu, VMM_EXIT_HALTED, VMM_GROUP_ALL);
}

/* RUN_GUEST, or RUN_USER. */
static int run_requests(struct vcpu *vcpu)
{
	clear_bit(VCPU_REQ_EVENT, &vcpu->requests);
	if (vcpu_take_request(vcpu, VCPU_REQ_CLOCK)) {
		clock_tell(vcpu);
		lapic_clock_changed(vcpu);
		pv_clock_changed(vcpu);
		hv_timers_look(vcpu);
	}
	if (vcpu_take_request(vcpu, VCPU_REQ_HV_TIMER))
		hv_timers_look(vcpu);
	if (vcpu_take_request(vcpu, VCPU_REQ_FLUSH))
		hw->flush(vcpu);
	run_take_nmis(vcpu);
	pv_take_kick(vcpu);
	if (vcpu_take_request(vcpu, VCPU_REQ_STEAL))
		pv_steal_update(vcpu);
	return vcpu_take_request(vcpu, VCPU_REQ_STARTUP) ? run_startup(vcpu) : RUN_GUEST;
}

#define RUN_WORK_SIGNAL	(_TIF_SIGPENDING | _TIF_NOTIFY_SIGNAL)
#define RUN_WORK	(RUN_WORK_SIGNAL | _TIF_NOTIFY_RESUME | _TIF_NEED_RESCHED)

static bool run_work_pending(void)
{
	return read_thread_flags() & RUN_WORK;
}

/* What the thread must see to before it may stay in the kernel. RUN_GUEST: it has. */
static int run_work(struct vcpu *vcpu)
{
	unsigned long flags = read_thread_flags();

	if (flags & RUN_WORK_SIGNAL)
		return -EINTR;
	/* Task work, restartable sequences and the like: done on the way to user space. */
	if (flags & _TIF_NOTIFY_RESUME)
		return run_exit_to_user(vcpu, VMM_EXIT_NONE, 0);
	schedule();
	return RUN_GUEST;
}

/* ---- entry and exit ------------------------------------------------------------------------- */

/* Beside enum run_next, within the loop: nothing is left to handle. */
#define RUN_AGAIN 3

static void run_history(struct vcpu *vcpu)
{
	struct vmm_history *history = vcpu->history;
	const struct vcpu_exit *exit = &vcpu->exit;
	struct vmm_history_entry *entry;
	enum vmm_stat stat = exit->stat;

	entry = &history->entry[vcpu->exits % VMM_HISTORY_SIZE];
	entry->rip = vcpu->exit_start;
	entry->info = stat == VMM_STAT_NESTED_FAULT ? exit->gpa : exit->info1;
	entry->tsc = rdtsc();
	entry->raw = exit->raw;
	entry->reason = stat;
	history->next = ++vcpu->exits;
	vcpu_count(vcpu, stat);
}

/* What the loop looks at before an entry has nothing new; interrupts off. */
static bool run_may_stay(struct vcpu *vcpu)
{
	struct vmm_events *ev = &vcpu->events;

	return !READ_ONCE(vcpu->requests) && !run_work_pending() && likely(cpu_is_enabled()) &&
	       READ_ONCE(vcpu->vm->tlb_gen) == vcpu->tlb_gen && ev->type == VMM_EVENT_NONE &&
	       ev->run_state == VMM_STATE_RUNNING && vcpu->eoi_vector < 0;
}

/*
 * Trips into the guest, until one ends with an exit that wants the kernel
 * whole again: RUN_SLOW, vcpu->exit tells why. RUN_AGAIN, RUN_USER: it has
 * been handled.
 */
static int run_trips(struct vcpu *vcpu)
{
	int ret;

	for (;;) {
		static_call(hw_enter)(vcpu);
		vcpu->exit_start = vcpu->gprs.rip;
		run_history(vcpu);
		/* What the guest has made of the flag cannot be looked at here. */
		if (unlikely(vcpu->pv.eoi_offered))
			return RUN_SLOW;
		ret = exit_handle_quick(vcpu);
		if (ret != RUN_GUEST)
			return ret;
		if (!run_may_stay(vcpu))
			return RUN_AGAIN;
	}
}

/*
 * Into the guest and back. RUN_SLOW: vcpu->exit is to be handled; RUN_AGAIN:
 * it was, or there was no entry; RUN_USER; -EIO: there can be none any more.
 */
static int run_enter(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	u64 gen;
	int ret;

	local_irq_disable();
	WRITE_ONCE(vcpu->mode, VCPU_IN_GUEST);
	/* Pairs with vcpu_kick() and npt_flush(): mode before requests and tlb_gen. */
	smp_mb();
	if (READ_ONCE(vcpu->requests) || run_work_pending() || unlikely(!cpu_is_enabled())) {
		/* The host is going down if it has taken the CPU from us. */
		ret = cpu_is_enabled() ? RUN_AGAIN : -EIO;
		WRITE_ONCE(vcpu->mode, VCPU_OUTSIDE);
		local_irq_enable();
		return ret;
	}
	gen = READ_ONCE(vm->tlb_gen);
	if (unlikely(vcpu->tlb_gen != gen)) {
		vcpu->tlb_gen = gen;
		hw->flush(vcpu);
	}

	vtime_account_guest_enter();
	fpu_enter(vcpu);
	dr_enter(vcpu);
	hw->prepare(vcpu);
	ret = run_trips(vcpu);
	vcpu->at_boundary = ret != RUN_SLOW || vcpu->exit.stat == VMM_STAT_INTR;
	mitigate_guest_ran(vcpu);
	dr_leave(vcpu);
	fpu_leave(vcpu);

	WRITE_ONCE(vcpu->mode, VCPU_OUTSIDE);
	/*
	 * The host's interrupt that ended it is taken here, still as guest
	 * time: behind the instruction that STI holds it back for.
	 */
	local_irq_enable();
	asm volatile("nop");
	local_irq_disable();
	vtime_account_guest_exit();
	local_irq_enable();
	return ret;
}

/* What must be seen to before an entry. RUN_GUEST: nothing more. */
static int run_prepare(struct vcpu *vcpu)
{
	if (unlikely(run_work_pending())) {
		int ret = run_work(vcpu);

		if (ret != RUN_GUEST)
			return ret;
	}
	if (READ_ONCE(vcpu->requests)) {
		int ret = run_requests(vcpu);

		if (ret != RUN_GUEST)
			return ret;
	}
	if (vcpu_take_request(vcpu, VCPU_REQ_KICK))
		return run_exit_to_user(vcpu, VMM_EXIT_KICK, 0);
	if (vcpu->eoi_vector >= 0) {
		vcpu->page->u.eoi_vector = vcpu->eoi_vector;
		vcpu->eoi_vector = -1;
		return run_exit_to_user(vcpu, VMM_EXIT_EOI, 0);
	}
	return RUN_GUEST;
}

/* RUN_GUEST: the vCPU is in a state that can execute. */
static int run_state(struct vcpu *vcpu)
{
	struct vmm_events *ev = &vcpu->events;

	if (likely(ev->run_state == VMM_STATE_RUNNING))
		return RUN_GUEST;
	if (ev->run_state == VMM_STATE_SHUTDOWN)
		return -EIO;
	if (event_is_halted(vcpu) && event_ends_halt(vcpu)) {
		ev->run_state = VMM_STATE_RUNNING;
		ev->kicked = 0;
		return RUN_GUEST;
	}
	return halt_wait(vcpu);
}

static int run_loop(struct vcpu *vcpu)
{
	int ret;

	for (;;) {
		ret = run_prepare(vcpu);
		if (ret != RUN_GUEST)
			return ret;
		ret = run_state(vcpu);
		if (ret < 0)
			return ret;
		if (ret != RUN_GUEST)
			continue;
		ret = event_prepare(vcpu);
		if (ret != RUN_GUEST)
			return ret;
		if (unlikely(pv_has(vcpu, VMM_PV_EOI)))
			pv_eoi_offer(vcpu);
		ret = run_enter(vcpu);
		if (unlikely(vcpu->pv.eoi_offered))
			pv_eoi_take_back(vcpu);
		if (ret == RUN_AGAIN)
			continue;
		if (ret == RUN_SLOW) {
			mitigate_handles(vcpu);
			ret = exit_handle(vcpu);
		}
		if (ret != RUN_GUEST)
			return ret;
		vcpu->at_boundary = true;
	}
}

long vcpu_run(struct vcpu *vcpu)
{
	long ret;

	ret = state_store(vcpu);
	if (ret)
		return ret;

	vcpu->at_boundary = true;
	pv_run_begin(vcpu);
	yield_set_thread(vcpu);
	fpu_get(vcpu);
	preempt_disable();
	preempt_notifier_register(&vcpu->preempt);
	run_load(vcpu);
	preempt_enable();

	ret = run_loop(vcpu);

	preempt_disable();
	preempt_notifier_unregister(&vcpu->preempt);
	run_put(vcpu);
	preempt_enable();
	fpu_put(vcpu);
	if (ret == RUN_USER)
		vcpu_count(vcpu, VMM_STAT_USER);
	return ret;
}
