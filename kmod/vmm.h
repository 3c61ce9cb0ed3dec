/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vmm.ko's insides: the VM, the vCPU, and who may touch what.
 *
 * Locks, outermost first:
 *
 *   vm->lock           mutex     creation of vCPUs, tables of the VM, slots (writers)
 *   vcpu->lock         mutex     the vCPU: held by RUN and by every call on it
 *   vm->hv.lock        mutex     the page of the reference TSC
 *   vm->slots_lock     rwsem     slots against change, while one is being used
 *   (mmap_lock)                  taken by get_user_pages under the above
 *   vm->mmu_lock       spinlock  nested tables; slots a second time, for the
 *                                mmu_notifier, which must not sleep; the
 *                                scheduler may try it, see mem_try_write_u8()
 *   vm->clock_lock     seqlock   the clock; writers under vm->lock
 *   (an eventfd's)               the message of its irqfd; interrupts off
 *   apic->lock         raw spinlock, interrupts off: one local APIC; never two
 *   vcpu->thread_lock  spinlock  which thread runs the vCPU; nothing under it
 *
 * A vCPU thread that faults, copies or sleeps holds no spinlock.
 */
#ifndef KMOD_VMM_H
#define KMOD_VMM_H

#include <linux/hrtimer.h>
#include <linux/kref.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/preempt.h>
#include <linux/rcuwait.h>
#include <linux/rwsem.h>
#include <linux/sched/task.h>
#include <linux/seqlock.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <asm/fpu/api.h>

#include "base.h"
#include "decode.h"
#include "uapi/vmm.h"

#define VMM_MAX_VCPUS		255

struct vm;
struct vcpu;
struct vmm_hw_ops;
struct msr_row;

/* ---- memory slots and nested tables (mem.c, npt.c) -------------------------- */

struct slot {
	u32 flags;			/* VMM_SLOT_* */
	u64 gfn, pages;			/* pages 0: unused */
	u64 hva;
	unsigned long *dirty;		/* DIRTY_LOG: a bit per page */
};

struct npt {
	u64 *root;			/* its page */
	int levels;			/* 4 or 5 */
	struct list_head dead;		/* tables taken out, freed after the next flush */
	bool flush_due;			/* HM_PARANOIA: taken or tightened, not flushed yet */
};

#define DIRTY_LOG_SIZE	512

/*
 * Where the CPU notes which pages a vCPU writes: it goes from the last entry
 * to the first, and exits when it needs one more. Guarded by mmu_lock, except
 * from the CPU. See dirty.c.
 */
struct dirty_log {
	u64 *entry;			/* a page of guest-physical addresses, NULL: no log */
	int next;			/* to be taken; -1: all have been */
};

/* ---- the VM (vm.c) ------------------------------------------------------------ */

struct vm_clock {
	struct vmm_clock set;		/* as user space set it, host_* filled in */
	u64 tsc_ratio;			/* guest ticks per beat of the host: see clock.c */
	u64 tsc_ns;			/* CLOCK_MONOTONIC at set.host_tsc */
};

/* Hyper-V's interface: see hv.c. */
struct vm_hv {
	struct vmm_hv set;		/* fixed once a vCPU exists */
	struct mutex lock;		/* guards what follows */
	struct vmm_hv_state on;
	u32 sequence;			/* of the page's last line */
};

/* Where a write rings: see doorbell.c. */
enum doorbell_space { DOORBELL_PORT, DOORBELL_MEMORY, DOORBELL_SPACES };

struct doorbell_table;

struct vm {
	struct kref ref;		/* VM fd, vCPU fds */
	struct mm_struct *mm;		/* grabbed (mmgrab), for identity */
	struct mutex lock;

	struct rw_semaphore slots_lock;
	struct slot slot[VMM_MAX_SLOTS];
	unsigned int slot_end;		/* no slot from here on was ever used */
	u64 slots_changed;		/* how often */

	spinlock_t mmu_lock;
	struct npt npt;
	struct mmu_notifier notifier;
	bool notifier_registered;
	unsigned long notifier_seq;	/* under mmu_lock: ended invalidations */
	long notifier_active;		/* under mmu_lock: running invalidations */
	u64 tlb_gen;			/* atomic by mmu_lock; see vcpu->tlb_gen */

	seqlock_t clock_lock;
	struct vm_clock clock;

	u32 cpuid_count;		/* fixed once a vCPU exists */
	struct vmm_cpuid_entry *cpuid;
	u32 msr_count;
	struct vmm_msr_answer *msr;
	struct vmm_pv pv;		/* likewise fixed */
	struct vm_hv hv;

	struct list_head irqfds;	/* see irqfd.c */
	struct list_head irqfd_resamplers;
	u32 irqfd_count;
	u64 irqfd_vectors[4];		/* whose EOI the resamplers want to know of */
	struct work_struct irqfd_work;
	struct doorbell_table __rcu *doorbells[DOORBELL_SPACES];	/* NULL: none */

	void *apic_page;		/* see apic_mmio.h; NULL: not used */
	bool apic_page_mapped;		/* under mmu_lock */

	u32 yielded_to;			/* the vCPU that was given another's CPU last */
	u32 vcpu_count;			/* published entries, see vm_for_each_vcpu */
	struct vcpu *vcpu[VMM_MAX_VCPUS];
	/* The same by APIC ID, for messages: NULL where there is none. */
	u32 apic_id_end;
	struct vcpu *by_apic_id[VMM_MAX_VCPUS];
};

/* vCPUs are only ever added while the VM lives. Any context. */
#define vm_for_each_vcpu(_i, _v, _vm)						\
	for ((_i) = 0; (_i) < smp_load_acquire(&(_vm)->vcpu_count) &&		\
	     ((_v) = (_vm)->vcpu[_i], true); (_i)++)

/* MSRs that the CPU does not switch and that only user space depends on: see msr.c. */
enum msr_shared {
	MSR_SHARED_TSC_AUX, MSR_SHARED_STAR, MSR_SHARED_LSTAR, MSR_SHARED_SFMASK,
	MSR_SHARED_COUNT
};

/* ---- the vCPU (vcpu.c, run.c) -------------------------------------------------- */

/* vcpu->requests: things to do before the next entry. Bits. */
enum vcpu_request {
	VCPU_REQ_KICK,			/* VMM_VCPU_KICK: return to user space */
	VCPU_REQ_EVENT,			/* look at interrupts again */
	VCPU_REQ_CLOCK,			/* the clock changed: TSC offset, timer */
	VCPU_REQ_NMI,			/* an NMI arrived: nmi_queued counts */
	VCPU_REQ_STARTUP,		/* INIT or SIPI did: see vcpu->startup */
	VCPU_REQ_STEAL,			/* the page of stolen time is out of date */
	VCPU_REQ_UNHALT,		/* VMM_PV_KICK's call came */
	VCPU_REQ_FLUSH,			/* another vCPU wants our TLB flushed */
	VCPU_REQ_HV_TIMER,		/* one of Hyper-V's timers may be due */
};

/* What does not by itself end a halt, */
#define VCPU_REQ_QUIET	(BIT(VCPU_REQ_EVENT) | BIT(VCPU_REQ_STEAL) | BIT(VCPU_REQ_FLUSH))
/* and what can bring no more than an interrupt. */
#define VCPU_REQ_INTR	(VCPU_REQ_QUIET | BIT(VCPU_REQ_HV_TIMER))

/*
 * vcpu->startup: INIT and SIPI that arrived, taken together, so that a SIPI is
 * known to have come after the INIT beside it; its vector in the low byte.
 */
#define STARTUP_VECTOR		0xff
#define STARTUP_INIT		BIT(8)
#define STARTUP_SIPI		BIT(9)

/* vcpu->mode: whether an IPI is needed to be heard. */
enum vcpu_mode { VCPU_OUTSIDE, VCPU_IN_GUEST };

/* What the vendor says of an exit, in neutral terms. Filled by ops->enter(). */
struct vcpu_exit {
	enum vmm_stat stat;		/* what it counts as, and its handler */
	u32 insn_len;			/* 0: not known, ask insn_length() */
	u64 raw;			/* the CPU's exit code */
	u64 info1, info2;		/* and its details, for the page's raw[] */
	u64 gpa;			/* NESTED_FAULT: the address */
	u32 fault;			/* NESTED_FAULT: VMM_FAULT_* */
	u64 next_rip;			/* IO: where to go on */
	u16 apic_offset;		/* APIC: the register that the CPU wrote for the guest, */
	u8 apic_eoi;			/* or the vector whose EOI it has done, 0: the former */
	u64 cr3;			/* only where the CPU tells neither bytes nor length */
	struct vmm_exit_io io;
	struct vmm_exit_task task;
	u8 access;			/* CR, DR: enum vcpu_access, if known */
	u8 reg, gpr;
	u16 source;			/* LMSW: the operand */
	u8 bytes;			/* in insn[]; 0: none were given */
	u8 insn[15];
	const char *refused;		/* BAD_STATE, OTHER: what the CPU disliked, if it said */
};

/* How an instruction that exited uses a register. UNKNOWN: it is to be decoded. */
enum vcpu_access {
	VCPU_ACCESS_UNKNOWN, VCPU_ACCESS_READ, VCPU_ACCESS_WRITE, VCPU_ACCESS_CLTS,
	VCPU_ACCESS_LMSW,
};

#define VMM_FAULT_WRITE		BIT(0)
#define VMM_FAULT_FETCH		BIT(1)
#define VMM_FAULT_WALK		BIT(2)	/* while walking the guest's own tables */

/*
 * Where an instruction that exited lay, where the CPU does not tell its bytes
 * or length. They are looked at again through the host address, and so are the
 * entries of the guest's tables that led there: without a page walk.
 */
#define INSN_LEVELS 5

struct insn_memo {
	u64 rip, cr3;
	u64 slots_changed;		/* vm->slots_changed at that time */
	const u64 __user *user;
	u64 bytes;			/* the first 8 from there on, */
	struct decode_insn insn;	/* and what they are */
	u8 levels;
	struct {
		const u64 __user *user;
		u64 value;
	} entry[INSN_LEVELS];
};

#define INSN_MEMOS 16

struct lapic;
struct hv_timers;

/* What is kept for a guest in its memory: see pv.c. Own thread. */
struct vcpu_pv {
	u32 enabled;			/* a bit per enum vmm_pv_page */
	gpa_t gpa[VMM_PV_PAGE_COUNT];
	u32 clock_version;
	const void *thread;		/* that ran it last, not to be followed */
	u64 run_delay;			/* and how long it had waited for a CPU by then */
	bool eoi_offered;		/* the guest finds the flag, and may clear it */
};

#define VCPU_NO_TIMER	(~0ULL)

struct vcpu {
	struct vm *vm;
	struct mutex lock;
	u32 index;			/* in vm->vcpu */
	u32 apic_id;
	bool bsp;
	struct lapic *apic;

	unsigned long requests;		/* enum vcpu_request, atomic bits */
	atomic_t nmi_queued;
	atomic_t startup;		/* STARTUP_* */
	bool extint;			/* the PIC's line */
	int mode;			/* enum vcpu_mode */
	struct rcuwait wait;		/* sleeps here in HLT and for SIPI */
	u32 halt_poll;			/* polls so many ns before, in HLT */

	struct vmm_page *page;		/* shared with user space */
	struct vmm_history *history;

	/* Architectural state that is not in the vendor's control block. */
	struct vmm_gprs gprs;		/* valid outside the guest, all of it */
	struct vmm_events events;	/* likewise */
	struct vmm_dregs dregs;
	u64 cr2;
	u64 xcr0;
	u64 apic_base;			/* IA32_APIC_BASE */
	u64 pat, misc_enable, spec_ctrl, tsc_adjust;
	u64 shared_msr[MSR_SHARED_COUNT];
	u64 mtrr_def, mtrr_fixed[11], mtrr_var[16];
	const struct msr_row *msr_row;	/* the one that was looked for last */
	s64 tsc_offset;			/* own adjustment on top of the VM's clock */
	/*
	 * With VMM_FEATURE_PREEMPTION_TIMER: the host's TSC at which the CPU
	 * must leave the guest, for the local APIC's timer and for Hyper-V's;
	 * VCPU_NO_TIMER. The second is the own thread's.
	 */
	u64 timer_tsc, hv_timer_tsc;

	struct fpu_guest fpu;
	bool fpu_loaded;		/* current's registers are the guest's */
	u32 pkru;			/* the guest's, outside it */

	struct vcpu_exit exit;
	u64 exit_start;			/* RIP of the instruction that exited */
	struct insn_memo memo[INSN_MEMOS];	/* by RIP; see insn.c */
	u64 loop_rip;			/* where an event's delivery faulted last */
	u32 loop_count;			/* and how often in a row */
	bool window_intr, window_nmi;	/* what the vendor was told */
	bool dregs_changed;		/* tell the vendor DR6, DR7 */
	u64 tlb_gen;			/* vm->tlb_gen that this vCPU has flushed for */
	int cpu;			/* where it was loaded last, -1: nowhere */
	bool l1d_is_ours;		/* the host may have brought its data there: L1TF */
	struct preempt_notifier preempt;
	spinlock_t thread_lock;
	struct pid *thread;		/* that ran it last, NULL: none yet */
	bool preempted;			/* the host keeps it from running; see yield.c */
	bool preempted_in_kernel;	/* the guest's */
	bool spinning;			/* gives its CPU away just now */
	bool passed_over;		/* and was not given one for that */
	u64 *table_cache[5];		/* zeroed pages for npt_map() */
	struct dirty_log dirty_log;
	struct vcpu_pv pv;
	bool at_boundary;		/* between two of the guest's instructions */
	u64 eoi_exits[4];
	bool auto_eoi_any;		/* of the next, for a quick look */
	u64 auto_eoi[4];		/* vectors that do not get into ISR */
	struct hv_timers *hv_timers;	/* NULL: none was ever lent; see hv_timer.c */
	int eoi_vector;			/* EOI to tell user space of, -1: none */
	void *hw;			/* the vendor's part */
	u64 exits;			/* so far; next entry of the history */
};

/* Make @vcpu notice a request: wake it, or force it out of the guest. Any context. */
void vcpu_kick(struct vcpu *vcpu);
/* Set a request and kick. Any context. */
void vcpu_request(struct vcpu *vcpu, enum vcpu_request request);
/* For the local APIC: an NMI, INIT, SIPI message arrived for @vcpu. Any context. */
void vcpu_signal_nmi(struct vcpu *vcpu);
void vcpu_signal_init(struct vcpu *vcpu);
void vcpu_signal_sipi(struct vcpu *vcpu, u8 vector);

/* ---- time (clock.c) --------------------------------------------------------------- */

/* The host trusts its TSC; it may stop to at any time. Any context. */
bool clock_trusts_tsc(void);
/* The VM's virtual time and TSC, and a vCPU's TSC, now. Any context. */
u64 clock_vm_ns(struct vm *vm);
u64 clock_vm_tsc(struct vm *vm);
u64 clock_guest_tsc(struct vcpu *vcpu);
/*
 * The CLOCK_MONOTONIC time at which the VM's time will be @vm_ns, or its TSC or
 * a vCPU's @tsc. False: the clock stands still, no time can be named. Any context.
 */
bool clock_host_of_vm_ns(struct vm *vm, u64 vm_ns, ktime_t *host);
bool clock_host_of_vm_tsc(struct vm *vm, u64 tsc, ktime_t *host);
bool clock_host_of_tsc(struct vcpu *vcpu, u64 tsc, ktime_t *host);
/* The same as a value of the host's TSC. */
bool clock_host_tsc_of_vm_ns(struct vm *vm, u64 vm_ns, u64 *host);
bool clock_host_tsc_of_vm_tsc(struct vm *vm, u64 tsc, u64 *host);
bool clock_host_tsc_of_tsc(struct vcpu *vcpu, u64 tsc, u64 *host);
/* The host's TSC in @ns from now. */
u64 clock_host_tsc_in(u64 ns);

#endif
