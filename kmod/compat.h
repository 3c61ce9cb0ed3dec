/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between the kernels we build for, and nothing else. Each
 * HAVE_* is probed from the headers by Kbuild.
 */
#ifndef KMOD_COMPAT_H
#define KMOD_COMPAT_H

#include <linux/eventfd.h>
#include <linux/hrtimer.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/syscore_ops.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/nospec-branch.h>

/* smp_send_reschedule() is a macro with a trace point in it. */
#ifdef HAVE_TRACE_IPI_SEND_CPU
#include <trace/events/ipi.h>
#endif

/*
 * VMSCAPE: the predictor is flushed before user space runs again, where the
 * host asks. True: nothing had asked for it yet. Interrupts off.
 */
#ifdef HAVE_IBPB_EXIT_TO_USER
#define COMPAT_FEATURE_IBPB_USER	X86_FEATURE_IBPB_EXIT_TO_USER
static inline bool compat_ibpb_before_user(void)
{
	if (!cpu_feature_enabled(X86_FEATURE_IBPB_EXIT_TO_USER) ||
	    this_cpu_read(x86_ibpb_exit_to_user))
		return false;
	this_cpu_write(x86_ibpb_exit_to_user, true);
	return true;
}
#else
#define COMPAT_FEATURE_IBPB_USER	0
static inline bool compat_ibpb_before_user(void)
{
	return false;
}
#endif

/* TSA: kernels that know of it tell buffers that guests can sample from those of user space. */
#ifdef X86_FEATURE_CLEAR_CPU_BUF_VM
#define COMPAT_FEATURE_VERW_SVM		X86_FEATURE_CLEAR_CPU_BUF_VM
#else
#define COMPAT_FEATURE_VERW_SVM		X86_FEATURE_CLEAR_CPU_BUF
#endif

/* SRSO: a bit of BP_CFG makes the CPU predict less while a guest may train it. */
#ifdef HAVE_BP_SPEC_REDUCE
#define COMPAT_FEATURE_BP_REDUCE	X86_FEATURE_SRSO_BP_SPEC_REDUCE
static inline void compat_bp_reduce(bool on)
{
	u64 config;

	if (!cpu_feature_enabled(X86_FEATURE_SRSO_BP_SPEC_REDUCE))
		return;
	rdmsrl(MSR_ZEN4_BP_CFG, config);
	config &= ~BIT_ULL(MSR_ZEN4_BP_CFG_BP_SPEC_REDUCE_BIT);
	wrmsrl(MSR_ZEN4_BP_CFG, config | (u64)on << MSR_ZEN4_BP_CFG_BP_SPEC_REDUCE_BIT);
}
#else
#define COMPAT_FEATURE_BP_REDUCE	0
static inline void compat_bp_reduce(bool on)
{
}
#endif

#ifdef HAVE_REGISTER_SYSCORE
#define COMPAT_SYSCORE_ARG	void *data
#define COMPAT_SYSCORE(_name, _suspend, _resume, _shutdown)			\
	static const struct syscore_ops _name##_ops = {				\
		.suspend = _suspend, .resume = _resume, .shutdown = _shutdown,	\
	};									\
	static struct syscore _name = { .ops = &_name##_ops }
#define compat_register_syscore		register_syscore
#define compat_unregister_syscore	unregister_syscore
#else
#define COMPAT_SYSCORE_ARG	void
#define COMPAT_SYSCORE(_name, _suspend, _resume, _shutdown)			\
	static struct syscore_ops _name = {					\
		.suspend = _suspend, .resume = _resume, .shutdown = _shutdown,	\
	}
#define compat_register_syscore		register_syscore_ops
#define compat_unregister_syscore	unregister_syscore_ops
#endif

#ifdef HAVE_HRTIMER_SETUP
#define compat_hrtimer_setup		hrtimer_setup
#else
static inline void compat_hrtimer_setup(struct hrtimer *timer,
					enum hrtimer_restart (*function)(struct hrtimer *),
					clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = function;
}
#endif

/* How long this thread has waited for a CPU; asked only if sched_info_on(). */
#ifdef CONFIG_SCHED_INFO
static inline u64 compat_run_delay(void)
{
	return READ_ONCE(current->sched_info.run_delay);
}
#else
static inline u64 compat_run_delay(void)
{
	return 0;
}
#endif

/* Adds 1 to an eventfd's count, unless that is full. Any context. */
#ifdef HAVE_EVENTFD_SIGNAL_ONE
#define compat_eventfd_signal		eventfd_signal
#else
static inline void compat_eventfd_signal(struct eventfd_ctx *event)
{
	eventfd_signal(event, 1);
}
#endif

#ifndef HAVE_VM_FLAGS_SET
static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}
#endif

#endif
