/* SPDX-License-Identifier: GPL-2.0 */
/*
 * In place of the kernel and of kmod/vmm.h: what the local APIC needs of them.
 * The lock is checked for pairing; time stands where the test puts it.
 */
#ifndef TESTS_KMOD_LAPIC_FAKE_H
#define TESTS_KMOD_LAPIC_FAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base.h"
#include "kmod/uapi/vmm.h"

#define KMOD_VMM_H
#define KMOD_COMPAT_H
#define KMOD_HW_H
#define KMOD_APIC_MMIO_H
#define VMM_MAX_VCPUS	255
#define CLOCK_MONOTONIC	1
#define smp_load_acquire(p)	READ_ONCE(*(p))
#define noinline		__attribute__((noinline))

struct fake_lock { bool held; };
#define raw_spinlock_t struct fake_lock
typedef s64 ktime_t;

#define raw_spin_lock_irqsave(l, flags)	do {		\
	assert_false((l)->held);			\
	(l)->held = true;				\
	(flags) = 1;					\
} while (0)
#define raw_spin_unlock_irqrestore(l, flags) do {	\
	assert_true((l)->held && (flags) == 1);		\
	(l)->held = false;				\
} while (0)

enum hrtimer_mode { HRTIMER_MODE_ABS_HARD };
enum hrtimer_restart { HRTIMER_NORESTART, HRTIMER_RESTART };

struct hrtimer {
	enum hrtimer_restart (*function)(struct hrtimer *timer);
	bool armed;
	ktime_t expires;
};

static inline void compat_hrtimer_setup(struct hrtimer *timer,
					enum hrtimer_restart (*function)(struct hrtimer *),
					int clock, enum hrtimer_mode mode)
{
	timer->function = function;
}

static inline void hrtimer_start(struct hrtimer *timer, ktime_t expires, enum hrtimer_mode mode)
{
	timer->armed = true;
	timer->expires = expires;
}

static inline int hrtimer_try_to_cancel(struct hrtimer *timer)
{
	timer->armed = false;
	return 0;
}

#define hrtimer_cancel hrtimer_try_to_cancel

enum vcpu_request { VCPU_REQ_EVENT };

#define VCPU_NO_TIMER	(~0ULL)

static struct vmm_info hw_info;

struct lapic;
struct vcpu;

struct vm {
	u32 vcpu_count;
	struct vcpu *vcpu[VMM_MAX_VCPUS];
	u32 apic_id_end;
	struct vcpu *by_apic_id[VMM_MAX_VCPUS];
	u64 irqfd_vectors[4];
	int irqfd_eois;			/* calls of irqfd_eoi(), */
	u8 irqfd_eoi;			/* and the last one's vector */
};

struct vcpu {
	struct vm *vm;
	u32 apic_id;
	bool bsp;
	struct lapic *apic;
	u64 apic_base;
	u64 eoi_exits[4];
	int eoi_vector;
	bool auto_eoi_any;
	u64 auto_eoi[4];
	u64 timer_tsc;
	int events, nmis, inits, sipis, sipi_vector;	/* what was signalled */
};

#define vm_for_each_vcpu(_i, _v, _vm) \
	for ((_i) = 0; (_i) < (_vm)->vcpu_count && ((_v) = (_vm)->vcpu[_i], true); (_i)++)

static s64 host_now;
static bool clock_stopped;
static bool tsc_untrusted;
static s64 tsc_lag;		/* how far the TSC is behind the host's time */

static inline ktime_t ktime_get(void)
{
	return host_now;
}

#define ktime_add_ns(t, ns) ((t) + (ns))

static inline bool clock_trusts_tsc(void)
{
	return !tsc_untrusted;
}

static inline u64 clock_vm_ns(struct vm *vm)
{
	return host_now;
}

static inline u64 clock_guest_tsc(struct vcpu *vcpu)
{
	return (host_now - tsc_lag) * 2;
}

static inline bool clock_host_of_vm_ns(struct vm *vm, u64 vm_ns, ktime_t *host)
{
	*host = vm_ns;
	return !clock_stopped;
}

static inline bool clock_host_of_tsc(struct vcpu *vcpu, u64 tsc, ktime_t *host)
{
	*host = tsc / 2;
	return !clock_stopped;
}

/* The host's TSC runs at 3 GHz. */
#define TSC_PER_NS	3

static inline u64 clock_host_tsc_in(u64 ns)
{
	return (host_now + ns) * TSC_PER_NS;
}

static inline bool clock_host_tsc_of_vm_ns(struct vm *vm, u64 vm_ns, u64 *host)
{
	*host = vm_ns * TSC_PER_NS;
	return !clock_stopped;
}

static inline bool clock_host_tsc_of_tsc(struct vcpu *vcpu, u64 tsc, u64 *host)
{
	*host = tsc / 2 * TSC_PER_NS;
	return !clock_stopped;
}

static inline void vcpu_request(struct vcpu *vcpu, enum vcpu_request request)
{
	vcpu->events++;
}

static inline void apic_page_check(struct vm *vm)
{
}

static inline void vcpu_signal_nmi(struct vcpu *vcpu)
{
	vcpu->nmis++;
}

static inline void vcpu_signal_init(struct vcpu *vcpu)
{
	vcpu->inits++;
}

static inline void vcpu_signal_sipi(struct vcpu *vcpu, u8 vector)
{
	vcpu->sipis++;
	vcpu->sipi_vector = vector;
}

#endif
