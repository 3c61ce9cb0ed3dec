// SPDX-License-Identifier: GPL-2.0
/*
 * The VM's clock: one pair of readings and two ratios, from which virtual
 * time and TSC follow for all vCPUs alike. vm->clock_lock guards it.
 *
 * The TSC is what the CPU makes of its own: scaled, if it can, and then
 * shifted. A ratio other than one is refused unless the CPU scales. With
 * VMM_CLOCK_TSC_EMULATED the same is made here, at each RDTSC, of the
 * nanoseconds of CLOCK_MONOTONIC, which is one for all CPUs and goes on evenly
 * where the host's TSC does not. The host's beats are one or the other. A host
 * that loses its trust in its TSC makes all VMs go over to that: whoever brings
 * a vCPU to a CPU looks.
 */
#include <linux/ktime.h>
#include <linux/moduleparam.h>
#include <linux/timekeeping.h>
#include <asm/tsc.h>

#include "clock.h"
#include "hw.h"
#include "lapic.h"
#include "shared/tm/scale.h"

bool clock_param_tsc_scaling = true;
module_param_named(tsc_scaling, clock_param_tsc_scaling, bool, 0444);
MODULE_PARM_DESC(tsc_scaling, "let the CPU scale the TSC of guests");

static bool clock_param_trust_tsc = true;
module_param_named(trust_tsc, clock_param_trust_tsc, bool, 0644);
MODULE_PARM_DESC(trust_tsc, "make guests' TSCs of the host's, unless its kernel does not trust it");

bool clock_trusts_tsc(void)
{
	return READ_ONCE(clock_param_trust_tsc) && !check_tsc_unstable();
}

void clock_init(struct vm *vm)
{
	seqlock_init(&vm->clock_lock);
	vm->clock.set.ns_ratio = TM_RATIO_ONE;
	vm->clock.set.tsc_ratio = TM_RATIO_ONE;
	vm->clock.tsc_ratio = TM_RATIO_ONE;
}

static struct vm_clock clock_read(struct vm *vm)
{
	struct vm_clock clock;
	unsigned int seq;

	do {
		seq = read_seqbegin(&vm->clock_lock);
		clock = vm->clock;
	} while (read_seqretry(&vm->clock_lock, seq));
	return clock;
}

static bool clock_runs(const struct vm_clock *clock)
{
	return clock->set.flags & VMM_CLOCK_RUNNING;
}

static bool clock_is_emulated(const struct vm_clock *clock)
{
	return clock->set.flags & VMM_CLOCK_TSC_EMULATED;
}

static u64 clock_ns_at(const struct vm_clock *clock, u64 host_ns)
{
	if (!clock_runs(clock) || host_ns < clock->set.host_ns)
		return clock->set.vm_ns;
	return clock->set.vm_ns + tm_scale(host_ns - clock->set.host_ns, clock->set.ns_ratio);
}

/* What is added to the scaled beats of the host, by the CPU or here. */
static u64 clock_offset(const struct vm_clock *clock)
{
	u64 base = clock_is_emulated(clock) ? clock->set.host_ns : clock->set.host_tsc;

	return clock->set.guest_tsc - tm_scale(base, clock->tsc_ratio);
}

static u64 clock_tsc_at(const struct vm_clock *clock, u64 beat)
{
	if (!clock_runs(clock))
		return clock->set.guest_tsc;
	return tm_scale(beat, clock->tsc_ratio) + clock_offset(clock);
}

static u64 clock_tsc_now(const struct vm_clock *clock)
{
	return clock_tsc_at(clock, clock_is_emulated(clock) ? ktime_get_ns() : rdtsc());
}

u64 clock_vm_ns(struct vm *vm)
{
	struct vm_clock clock = clock_read(vm);

	return clock_ns_at(&clock, ktime_get_ns());
}

u64 clock_vm_tsc(struct vm *vm)
{
	struct vm_clock clock = clock_read(vm);

	return clock_tsc_now(&clock);
}

u64 clock_guest_tsc(struct vcpu *vcpu)
{
	return clock_vm_tsc(vcpu->vm) + vcpu->tsc_offset;
}

void clock_tell(struct vcpu *vcpu)
{
	struct vm_clock clock = clock_read(vcpu->vm);

	if (clock_is_emulated(&clock))
		hw->tsc(vcpu, true, TM_RATIO_ONE, 0);
	else
		hw->tsc(vcpu, false, clock.tsc_ratio, clock_offset(&clock) + vcpu->tsc_offset);
}

bool clock_host_of_vm_ns(struct vm *vm, u64 vm_ns, ktime_t *host)
{
	struct vm_clock clock = clock_read(vm);
	u64 ahead;

	if (!clock_runs(&clock))
		return false;
	ahead = vm_ns > clock.set.vm_ns ?
		tm_unscale(vm_ns - clock.set.vm_ns, clock.set.ns_ratio) : 0;
	/* Round up: a timer must not find itself early. */
	ahead = min_t(u64, ahead, KTIME_MAX / 2) + 1;
	*host = ns_to_ktime(clock.set.host_ns + ahead);
	return true;
}

/*
 * A time that is years away may come early, and is armed again. The bound
 * keeps quotients within 64 bits, where the division would fault.
 */
#define CLOCK_AHEAD_MAX	(1ULL << 54)

static u64 clock_ns_of_ticks(u64 ticks)
{
	return mul_u64_u64_div_u64(min(ticks, CLOCK_AHEAD_MAX), NSEC_PER_MSEC, tsc_khz) + 1;
}

static u64 clock_ticks_of_ns(u64 ns)
{
	return mul_u64_u64_div_u64(min(ns, CLOCK_AHEAD_MAX), tsc_khz, NSEC_PER_MSEC) + 1;
}

/* The host's beats until a TSC that is @offset beside the VM's is @tsc. */
static u64 clock_beats_ahead(const struct vm_clock *clock, s64 offset, u64 tsc)
{
	u64 now = clock_tsc_now(clock) + offset;

	return tsc > now ? min(tm_unscale(tsc - now, clock->tsc_ratio), CLOCK_AHEAD_MAX) : 0;
}

static bool clock_host_of(struct vm *vm, s64 offset, u64 tsc, ktime_t *host)
{
	struct vm_clock clock = clock_read(vm);
	u64 ahead;

	if (!clock_runs(&clock))
		return false;
	ahead = clock_beats_ahead(&clock, offset, tsc);
	if (!clock_is_emulated(&clock))
		ahead = clock_ns_of_ticks(ahead);
	*host = ns_to_ktime(min_t(u64, ktime_get_ns() + ahead, KTIME_MAX));
	return true;
}

static bool clock_host_tsc_of(struct vm *vm, s64 offset, u64 tsc, u64 *host)
{
	struct vm_clock clock = clock_read(vm);
	u64 ahead;

	if (!clock_runs(&clock))
		return false;
	ahead = clock_beats_ahead(&clock, offset, tsc);
	if (clock_is_emulated(&clock))
		ahead = clock_ticks_of_ns(ahead);
	*host = rdtsc() + ahead;
	return true;
}

bool clock_host_of_tsc(struct vcpu *vcpu, u64 tsc, ktime_t *host)
{
	return clock_host_of(vcpu->vm, vcpu->tsc_offset, tsc, host);
}

bool clock_host_tsc_of_tsc(struct vcpu *vcpu, u64 tsc, u64 *host)
{
	return clock_host_tsc_of(vcpu->vm, vcpu->tsc_offset, tsc, host);
}

bool clock_host_of_vm_tsc(struct vm *vm, u64 tsc, ktime_t *host)
{
	return clock_host_of(vm, 0, tsc, host);
}

bool clock_host_tsc_of_vm_tsc(struct vm *vm, u64 tsc, u64 *host)
{
	return clock_host_tsc_of(vm, 0, tsc, host);
}

u64 clock_host_tsc_in(u64 ns)
{
	return rdtsc() + clock_ticks_of_ns(ns);
}

bool clock_host_tsc_of_vm_ns(struct vm *vm, u64 vm_ns, u64 *host)
{
	s64 now = ktime_get_ns();
	ktime_t then;

	if (!clock_host_of_vm_ns(vm, vm_ns, &then))
		return false;
	*host = clock_host_tsc_in(max(then - now, 0LL));
	return true;
}

/* The ratio must be one that every vendor's register can hold. */
static bool clock_ratio_valid(u64 ratio)
{
	return ratio >= TM_RATIO_ONE / 50 && ratio <= TM_RATIO_ONE * 200;
}

static u64 clock_ticks_per_ns(void)
{
	return div64_u64((u64)tsc_khz << 32, NSEC_PER_MSEC);
}

/* The TSC goes on from set->host_ns, which may be over or still to come. */
static void clock_catch_up(struct vmm_clock *set, u64 now)
{
	s64 late = now - set->host_ns;

	if (set->flags & VMM_CLOCK_RUNNING)
		set->guest_tsc += tm_scale_signed(tm_scale_signed(late, clock_ticks_per_ns()),
						  set->tsc_ratio);
}

static bool clock_valid(const struct vmm_clock *set)
{
	if ((set->flags & ~(VMM_CLOCK_RUNNING | VMM_CLOCK_TSC_EMULATED)) || set->pad ||
	    set->host_tsc)
		return false;
	if (!clock_ratio_valid(set->ns_ratio) || !clock_ratio_valid(set->tsc_ratio))
		return false;
	if (set->tsc_ratio != TM_RATIO_ONE && !(set->flags & VMM_CLOCK_TSC_EMULATED) &&
	    !(hw_info.features & VMM_FEATURE_TSC_SCALING))
		return false;
	/* A timer counts on from it, and a sum that wraps would be due at once, for ever. */
	return set->host_ns <= KTIME_MAX / 2;
}

/* All vCPUs are to look at the clock anew. */
static void clock_changed(struct vm *vm)
{
	struct vcpu *vcpu;
	u32 i;

	vm_for_each_vcpu(i, vcpu, vm)
		vcpu_request(vcpu, VCPU_REQ_CLOCK);
}

static void clock_make_emulated(struct vm_clock *clock)
{
	clock->set.flags |= VMM_CLOCK_TSC_EMULATED;
	clock->tsc_ratio = tm_scale(clock_ticks_per_ns(), clock->set.tsc_ratio);
}

/*
 * The TSC that is not trusted may have stood still; but what a guest has read
 * of it, it has read.
 */
static void clock_go_over(struct vm_clock *clock)
{
	struct vm_clock old = *clock;
	u64 ns = ktime_get_ns(), ahead;

	clock_make_emulated(clock);
	if (!clock_runs(&old))
		return;
	ahead = tm_scale(ns - old.tsc_ns, clock->tsc_ratio);
	clock->set.guest_tsc = max(old.set.guest_tsc + ahead, clock_tsc_at(&old, rdtsc()));
	clock->set.vm_ns = clock_ns_at(&old, ns);
	clock->set.host_ns = ns;
}

void clock_check_host(struct vm *vm)
{
	unsigned long flags;
	bool changed = false;

	if (likely(clock_trusts_tsc()) ||
	    (READ_ONCE(vm->clock.set.flags) & VMM_CLOCK_TSC_EMULATED))
		return;
	pr_info_once("the host's TSC is not trusted any more: those of guests are emulated\n");
	write_seqlock_irqsave(&vm->clock_lock, flags);
	if (!clock_is_emulated(&vm->clock)) {
		clock_go_over(&vm->clock);
		changed = true;
	}
	write_sequnlock_irqrestore(&vm->clock_lock, flags);
	if (changed)
		clock_changed(vm);
}

long clock_set(struct vm *vm, const struct vmm_clock *req)
{
	struct vm_clock clock = { .set = *req, .tsc_ratio = req->tsc_ratio };

	if (!clock_valid(req))
		return -EINVAL;
	if (clock_is_emulated(&clock) || !clock_trusts_tsc())
		clock_make_emulated(&clock);

	write_seqlock_irq(&vm->clock_lock);
	clock.set.host_tsc = rdtsc();
	clock.tsc_ns = ktime_get_ns();
	if (!clock.set.host_ns)
		clock.set.host_ns = clock.tsc_ns;
	else if (!clock_is_emulated(&clock))
		clock_catch_up(&clock.set, clock.tsc_ns);
	vm->clock = clock;
	write_sequnlock_irq(&vm->clock_lock);

	clock_changed(vm);
	return 0;
}

void clock_get(struct vm *vm, struct vmm_clock *now)
{
	struct vm_clock clock = clock_read(vm);
	unsigned long flags;
	u64 beat;

	*now = clock.set;
	local_irq_save(flags);
	now->host_tsc = rdtsc();
	now->host_ns = ktime_get_ns();
	local_irq_restore(flags);
	now->vm_ns = clock_ns_at(&clock, now->host_ns);
	beat = clock_is_emulated(&clock) ? now->host_ns : now->host_tsc;
	now->guest_tsc = clock_tsc_at(&clock, beat);
}
