// SPDX-License-Identifier: GPL-2.0
/*
 * The VM's clock: one pair of readings and two ratios, from which virtual
 * time and TSC follow for all vCPUs alike. vm->clock_lock guards it.
 *
 * The TSC is what the CPU makes of its own: scaled, if it can, and then
 * shifted. A ratio other than one is refused unless the CPU scales. With
 * VMM_CLOCK_TSC_EMULATED the same is made here, at each RDTSC, of ticks that
 * CLOCK_MONOTONIC stands for: that clock is one for all CPUs, and goes on
 * evenly where the host's TSC does not.
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

void clock_init(struct vm *vm)
{
	seqlock_init(&vm->clock_lock);
	vm->clock.set.ns_ratio = TM_RATIO_ONE;
	vm->clock.set.tsc_ratio = TM_RATIO_ONE;
}

static struct vmm_clock clock_read(struct vm *vm)
{
	struct vmm_clock set;
	unsigned int seq;

	do {
		seq = read_seqbegin(&vm->clock_lock);
		set = vm->clock.set;
	} while (read_seqretry(&vm->clock_lock, seq));
	return set;
}

/* With 32 bits of fraction. */
static u64 clock_ticks_per_ns(void)
{
	return div64_u64((u64)tsc_khz << 32, NSEC_PER_MSEC);
}

static bool clock_is_emulated(const struct vmm_clock *set)
{
	return set->flags & VMM_CLOCK_TSC_EMULATED;
}

/* The host's ticks by which the guest's are counted: of its TSC, or what its time makes. */
static u64 clock_host_ticks(const struct vmm_clock *set, u64 host_tsc, u64 host_ns)
{
	return clock_is_emulated(set) ? tm_scale(host_ns, clock_ticks_per_ns()) : host_tsc;
}

static u64 clock_host_ticks_now(const struct vmm_clock *set)
{
	return clock_is_emulated(set) ? clock_host_ticks(set, 0, ktime_get_ns()) : rdtsc();
}

static u64 clock_ns_at(const struct vmm_clock *set, u64 host_ns)
{
	if (!(set->flags & VMM_CLOCK_RUNNING) || host_ns < set->host_ns)
		return set->vm_ns;
	return set->vm_ns + tm_scale(host_ns - set->host_ns, set->ns_ratio);
}

/* What is added to the scaled TSC of the host, by the CPU and here. */
static u64 clock_offset(const struct vmm_clock *set)
{
	return set->guest_tsc - tm_scale(set->host_tsc, set->tsc_ratio);
}

static u64 clock_tsc_at(const struct vmm_clock *set, u64 host_tsc)
{
	if (!(set->flags & VMM_CLOCK_RUNNING))
		return set->guest_tsc;
	return tm_scale(host_tsc, set->tsc_ratio) + clock_offset(set);
}

u64 clock_vm_ns(struct vm *vm)
{
	struct vmm_clock set = clock_read(vm);

	return clock_ns_at(&set, ktime_get_ns());
}

u64 clock_guest_tsc(struct vcpu *vcpu)
{
	struct vmm_clock set = clock_read(vcpu->vm);

	return clock_tsc_at(&set, clock_host_ticks_now(&set)) + vcpu->tsc_offset;
}

void clock_tell(struct vcpu *vcpu)
{
	struct vmm_clock set = clock_read(vcpu->vm);

	if (clock_is_emulated(&set))
		hw->tsc(vcpu, true, TM_RATIO_ONE, 0);
	else
		hw->tsc(vcpu, false, set.tsc_ratio, clock_offset(&set) + vcpu->tsc_offset);
}

bool clock_host_of_vm_ns(struct vm *vm, u64 vm_ns, ktime_t *host)
{
	struct vmm_clock set = clock_read(vm);
	u64 ahead;

	if (!(set.flags & VMM_CLOCK_RUNNING))
		return false;
	ahead = vm_ns > set.vm_ns ? tm_unscale(vm_ns - set.vm_ns, set.ns_ratio) : 0;
	/* Round up: a timer must not find itself early. */
	ahead = min_t(u64, ahead, KTIME_MAX / 2) + 1;
	*host = ns_to_ktime(set.host_ns + ahead);
	return true;
}

/*
 * A time that is years away may come early, and is armed again. The bound
 * keeps quotients within 64 bits, where the division would fault.
 */
#define CLOCK_AHEAD_MAX	(1ULL << 54)

/* The host's ticks until the vCPU's TSC is @tsc. */
static u64 clock_ticks_ahead(struct vcpu *vcpu, const struct vmm_clock *set, u64 tsc)
{
	u64 now = clock_tsc_at(set, clock_host_ticks_now(set)) + vcpu->tsc_offset;

	return tsc > now ? min(tm_unscale(tsc - now, set->tsc_ratio), CLOCK_AHEAD_MAX) : 0;
}

bool clock_host_of_tsc(struct vcpu *vcpu, u64 tsc, ktime_t *host)
{
	struct vmm_clock set = clock_read(vcpu->vm);
	u64 ticks, ns;

	if (!(set.flags & VMM_CLOCK_RUNNING))
		return false;
	ticks = clock_ticks_ahead(vcpu, &set, tsc);
	ns = mul_u64_u64_div_u64(ticks, NSEC_PER_MSEC, tsc_khz) + 1;
	*host = ns_to_ktime(min_t(u64, ktime_get_ns() + ns, KTIME_MAX));
	return true;
}

bool clock_host_tsc_of_tsc(struct vcpu *vcpu, u64 tsc, u64 *host)
{
	struct vmm_clock set = clock_read(vcpu->vm);

	if (!(set.flags & VMM_CLOCK_RUNNING))
		return false;
	*host = rdtsc() + clock_ticks_ahead(vcpu, &set, tsc);
	return true;
}

u64 clock_host_tsc_in(u64 ns)
{
	return rdtsc() + mul_u64_u64_div_u64(min(ns, CLOCK_AHEAD_MAX), tsc_khz, NSEC_PER_MSEC) + 1;
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

/* The TSC goes on from @host_ns, which may be over or still to come. */
static void clock_catch_up(struct vmm_clock *set)
{
	s64 late = ktime_get_ns() - set->host_ns;

	if (set->flags & VMM_CLOCK_RUNNING)
		set->guest_tsc += tm_scale_signed(tm_scale_signed(late, clock_ticks_per_ns()),
						  set->tsc_ratio);
}

long clock_set(struct vm *vm, const struct vmm_clock *req)
{
	struct vmm_clock set = *req;
	struct vcpu *vcpu;
	u32 i;

	if ((set.flags & ~(VMM_CLOCK_RUNNING | VMM_CLOCK_TSC_EMULATED)) || set.pad || set.host_tsc)
		return -EINVAL;
	if (!clock_ratio_valid(set.ns_ratio) || !clock_ratio_valid(set.tsc_ratio))
		return -EINVAL;
	if (set.tsc_ratio != TM_RATIO_ONE && !clock_is_emulated(&set) &&
	    !(hw_info.features & VMM_FEATURE_TSC_SCALING))
		return -EINVAL;
	/* A timer counts on from it, and a sum that wraps would be due at once, for ever. */
	if (set.host_ns > KTIME_MAX / 2)
		return -EINVAL;

	write_seqlock_irq(&vm->clock_lock);
	set.host_tsc = clock_host_ticks_now(&set);
	if (set.host_ns)
		clock_catch_up(&set);
	else
		set.host_ns = ktime_get_ns();
	vm->clock.set = set;
	write_sequnlock_irq(&vm->clock_lock);

	vm_for_each_vcpu(i, vcpu, vm)
		vcpu_request(vcpu, VCPU_REQ_CLOCK);
	return 0;
}

void clock_get(struct vm *vm, struct vmm_clock *now)
{
	struct vmm_clock set = clock_read(vm);
	unsigned long flags;

	local_irq_save(flags);
	now->host_tsc = rdtsc();
	now->host_ns = ktime_get_ns();
	local_irq_restore(flags);
	now->flags = set.flags;
	now->pad = 0;
	now->ns_ratio = set.ns_ratio;
	now->tsc_ratio = set.tsc_ratio;
	now->vm_ns = clock_ns_at(&set, now->host_ns);
	now->guest_tsc = clock_tsc_at(&set, clock_host_ticks(&set, now->host_tsc, now->host_ns));
}
