/* SPDX-License-Identifier: GPL-2.0 */
/* What the Hyper-V provider's files share: its features, the VM's state and a processor's. */
#ifndef GIM_HYPERV_H
#define GIM_HYPERV_H

#include <pthread.h>

#include "gim/hyperv_call.h"
#include "gim/hyperv_timer.h"
#include "gim/hyperv_tlfs.h"
#include "gim/internal.h"

enum hyperv_feature {
	HYPERV_REF_COUNTER	= 1 << 0,
	HYPERV_TSC_PAGE		= 1 << 1,
	HYPERV_FREQUENCIES	= 1 << 2,
	HYPERV_RESET		= 1 << 3,
	HYPERV_CRASH		= 1 << 4,
	HYPERV_RELAXED_TIMING	= 1 << 5,
	HYPERV_APIC		= 1 << 6,
	HYPERV_EOI		= 1 << 7,
	HYPERV_IDLE		= 1 << 8,
	HYPERV_RUNTIME		= 1 << 9,
	HYPERV_FLUSH		= 1 << 10,
	HYPERV_IPI		= 1 << 11,
	HYPERV_EX_MASKS		= 1 << 12,
	HYPERV_SPIN		= 1 << 13,
	HYPERV_SYNIC		= 1 << 14,
	HYPERV_TIMERS		= 1 << 15,
	HYPERV_DIRECT_TIMERS	= 1 << 16,
	HYPERV_EXTENDED		= 1 << 17,
	HYPERV_TSC_INVARIANT	= 1 << 18,
	HYPERV_DEBUG		= 1 << 19,
};

/*
 * A page that overlays the guest's memory while its MSR has it enabled; see
 * hyperv_page.c.
 */
struct hyperv_page {
	u64 value;			/* of the MSR */
	u8 *now;			/* where it is, NULL: nowhere */
	u8 *below;			/* what was there, a copy */
	struct hyperv_page *next;	/* put there later, or elsewhere */
};

/* A synthetic timer. */
struct hyperv_stimer {
	struct hyperv_vp *vp;
	u32 index;
	bool lent;			/* the module has it */
	struct hyperv_timer now;	/* and else it is so */
	bool waiting;			/* for a slot, with the message of one that was */
	u64 waiting_since;
	struct tm_timer *timer;		/* NULL: not used yet */
};

struct hyperv_vp {
	struct hyperv *hv;
	u32 index;
	struct hyperv_page assist;	/* hv->lock */

	pthread_mutex_t lock;		/* guards what follows; hv->lock comes after it */
	u64 scontrol, sint[HV_SINTS];
	struct hyperv_page simp, siefp;	/* hv->lock as well to change them */
	struct hyperv_stimer stimer[HV_STIMERS];
};

struct hyperv {
	struct gim *gim;
	u64 scale;			/* see struct vmm_hv; 0: none */
	u32 vp_count;
	struct hyperv_vp *vp;
	struct hyperv_debug *debug;	/* NULL: the guest has no debugger */

	pthread_mutex_t lock;		/* guards what follows, and all pages */
	struct hyperv_page *pages;	/* those that are somewhere, the oldest first */
	u64 os_id, tsc_invariant;
	struct hyperv_page hypercall, tsc_page;
	u64 crash[5];
	u32 crashes;			/* that it told of */
};

static inline struct hyperv *hyperv_of(const struct gim *gim)
{
	return gim->state;
}

static inline bool hyperv_has(const struct hyperv *hv, u64 features)
{
	return gim_has(hv->gim, features);
}

/* Reading and writing an MSR: 0; -EINVAL: #GP. On the processor's thread. */
typedef int hyperv_read_fn(struct hyperv_vp *vp, u32 index, u64 *value);
typedef int hyperv_write_fn(struct hyperv_vp *vp, u32 index, u64 value);

/* A hypercall that is made as its form wants it: HV_STATUS_*. On the processor's thread. */
typedef u16 hyperv_call_fn(struct hyperv_vp *vp, const struct hyperv_call *call);

/* hyperv_page.c; the lock is held. */

/* -EINVAL: not RAM, and nothing has changed. A page that moves takes its content along. */
int hyperv_page_set(struct hyperv *hv, struct hyperv_page *page, u64 value);
/* Without a word to the guest: its memory starts over. */
void hyperv_page_forget(struct hyperv *hv, struct hyperv_page *page);

/* hyperv_vm.c: the MSRs that are the VM's. */
hyperv_read_fn hyperv_os_id_read, hyperv_hypercall_read, hyperv_vp_index_read, hyperv_reset_read,
	       hyperv_tsc_page_read, hyperv_frequency_read, hyperv_tsc_invariant_read;
hyperv_write_fn hyperv_os_id_write, hyperv_hypercall_write, hyperv_reset_write,
		hyperv_tsc_page_write, hyperv_tsc_invariant_write;
bool hyperv_calls_are_on(struct hyperv *hv);
/* Tell the module how it stands. The lock is held, or no vCPU runs. */
void hyperv_tell(struct hyperv *hv);

/* hyperv_vp.c: the MSRs that are a processor's. */
hyperv_read_fn hyperv_runtime_read;
hyperv_read_fn hyperv_assist_read;
hyperv_write_fn hyperv_assist_write;

/* hyperv_synic.c */
hyperv_read_fn hyperv_scontrol_read, hyperv_sversion_read, hyperv_synic_page_read,
	       hyperv_eom_read, hyperv_sint_read;
hyperv_write_fn hyperv_scontrol_write, hyperv_synic_page_write, hyperv_eom_write,
		hyperv_sint_write;
/* An interrupt for the processor. Any thread. */
void hyperv_vp_interrupt(struct hyperv_vp *vp, u8 vector);
/* vp->lock is held. False: there is no place for it now. */
bool hyperv_synic_post(struct hyperv_vp *vp, u32 sint, const struct hv_message *message);
void hyperv_synic_reset(struct hyperv_vp *vp);

/* hyperv_stimer.c */
hyperv_read_fn hyperv_stimer_read;
hyperv_write_fn hyperv_stimer_write;
u64 hyperv_time(struct hyperv *hv);
/* vp->lock is held. There may be place for messages that wait. */
void hyperv_stimers_retry(struct hyperv_vp *vp);
void hyperv_stimers_create(struct hyperv_vp *vp);
void hyperv_stimers_reset(struct hyperv_vp *vp);
void hyperv_stimers_destroy(struct hyperv_vp *vp);

/* hyperv_crash.c */
hyperv_read_fn hyperv_crash_read, hyperv_crash_ctl_read;
hyperv_write_fn hyperv_crash_write, hyperv_crash_ctl_write;

/* hyperv_debug.c */
hyperv_read_fn hyperv_debug_read, hyperv_debug_options_read;
hyperv_write_fn hyperv_debug_control_write, hyperv_debug_page_write, hyperv_debug_options_write;
hyperv_call_fn hyperv_debug_post, hyperv_debug_retrieve, hyperv_debug_reset_session;
int hyperv_debug_create(struct hyperv *hv, struct error *err);
void hyperv_debug_reset(struct hyperv_debug *debug);
void hyperv_debug_destroy(struct hyperv_debug *debug);

/* hyperv_hcall.c */
int hyperv_hypercall(struct gim *gim, struct hm_vcpu *vcpu, const struct gim_call *call);

/* hyperv_rate.c: what 64 bits of fraction make 100 ns of a tick; 0: they cannot. Pure. */
u64 hyperv_scale(u32 tsc_khz);

#endif
