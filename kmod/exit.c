// SPDX-License-Identifier: GPL-2.0
/*
 * The table of exits, by neutral reason: every reason has an owner. What is
 * not in it crashes that VM with its registers, never the host.
 */
#include <linux/kernel.h>
#include <linux/percpu.h>
#include <asm/debugreg.h>
#include <asm/msr-index.h>
#include <asm/trapnr.h>

#include "apic_mmio.h"
#include "cpuid.h"
#include "cr.h"
#include "dirty.h"
#include "doorbell.h"
#include "dr.h"
#include "event.h"
#include "exit.h"
#include "fpu.h"
#include "hv.h"
#include "hw.h"
#include "insn.h"
#include "lapic.h"
#include "mem.h"
#include "msr.h"
#include "pv.h"
#include "run.h"
#include "state.h"
#include "vcpu.h"
#include "yield.h"

/* Exits that exist to return control: nothing to do but look at events again. */
static int exit_again(struct vcpu *vcpu)
{
	return RUN_GUEST;
}

static int exit_timer(struct vcpu *vcpu)
{
	lapic_timer_exit(vcpu);
	hv_timers_look(vcpu);
	return RUN_GUEST;
}

static int exit_cpuid(struct vcpu *vcpu)
{
	cpuid_execute(vcpu);
	return insn_skip(vcpu);
}

/* Where emulated: the vendor has seen to CR4.TSD. */
static int exit_rdtsc(struct vcpu *vcpu)
{
	u64 tsc = clock_guest_tsc(vcpu);

	vcpu->gprs.r[VMM_RAX] = (u32)tsc;
	vcpu->gprs.r[VMM_RDX] = tsc >> 32;
	return insn_skip(vcpu);
}

static int exit_rdtscp(struct vcpu *vcpu)
{
	vcpu->gprs.r[VMM_RCX] = (u32)vcpu->shared_msr[MSR_SHARED_TSC_AUX];
	return exit_rdtsc(vcpu);
}

/* Without its length it may be RDTSCP as well, as an emulated CPU has it. */
static int exit_rdtsc_slow(struct vcpu *vcpu)
{
	struct decode_insn insn;
	int ret;

	if (vcpu->exit.insn_len)
		return exit_rdtsc(vcpu);
	ret = insn_fetch(vcpu, &insn);
	if (ret != RUN_GUEST)
		return insn_fetch_failed(vcpu, ret);
	vcpu->exit.insn_len = insn.length;
	return insn.opcode == 0x01 ? exit_rdtscp(vcpu) : exit_rdtsc(vcpu);
}

/* The #DB of a single step over the access may be pending. */
static int exit_io_debug(struct vcpu *vcpu)
{
	u64 hits = dr_port_hits(vcpu, vcpu->exit.io.port, vcpu->exit.io.size);
	struct vmm_events *ev = &vcpu->events;

	if (!hits)
		return RUN_GUEST;
	if (ev->type != VMM_EVENT_EXCEPTION || ev->vector != X86_TRAP_DB)
		return event_debug(vcpu, hits);
	ev->payload |= hits;
	return RUN_GUEST;
}

static u32 exit_io_data(struct vcpu *vcpu)
{
	return vcpu->gprs.r[VMM_RAX] & GENMASK(vcpu->exit.io.size * 8 - 1, 0);
}

static int exit_io(struct vcpu *vcpu)
{
	struct vcpu_exit *exit = &vcpu->exit;
	int ret;

	exit->io.data = exit_io_data(vcpu);
	exit->insn_len = exit->next_rip - vcpu->gprs.rip;
	vcpu->page->u.io = exit->io;
	if (exit->io.flags & VMM_IO_STRING)
		return run_exit_to_user(vcpu, VMM_EXIT_IO,
					VMM_GROUP_GPRS | VMM_GROUP_SREGS | VMM_GROUP_EVENTS);
	ret = insn_advance(vcpu, exit->next_rip);
	if (unlikely(vcpu->dregs.dr7 & DR7_ARMED) && ret == RUN_GUEST)
		ret = exit_io_debug(vcpu);
	if (ret != RUN_GUEST || (doorbell_any(vcpu->vm, DOORBELL_PORT) && doorbell_port(vcpu)))
		return ret;
	return run_exit_to_user(vcpu, VMM_EXIT_IO, VMM_GROUP_RAX);
}

/* Doorbells alone; debug registers are still in the CPU. */
static int exit_io_quick(struct vcpu *vcpu)
{
	if (!doorbell_any(vcpu->vm, DOORBELL_PORT) || (vcpu->dregs.dr7 & DR7_ARMED))
		return RUN_SLOW;
	vcpu->exit.io.data = exit_io_data(vcpu);
	return doorbell_port(vcpu) ? insn_advance(vcpu, vcpu->exit.next_rip) : RUN_SLOW;
}

/* exit.insn_len is known afterwards, if this returns RUN_GUEST. */
static int exit_find_length(struct vcpu *vcpu)
{
	struct decode_insn insn;
	int ret;

	if (vcpu->exit.insn_len)
		return RUN_GUEST;
	ret = insn_fetch(vcpu, &insn);
	if (ret == RUN_GUEST)
		vcpu->exit.insn_len = insn.length;
	return ret;
}

static int exit_msr_to_user(struct vcpu *vcpu, enum vmm_exit_reason reason)
{
	struct vmm_exit_msr *msr = &vcpu->page->u.msr;
	int ret = exit_find_length(vcpu);

	if (ret != RUN_GUEST)
		return ret == -EAGAIN ? RUN_GUEST : ret;
	msr->index = vcpu->gprs.r[VMM_RCX];
	msr->pad = 0;
	msr->value = (u32)vcpu->gprs.r[VMM_RAX] | vcpu->gprs.r[VMM_RDX] << 32;
	return run_exit_to_user(vcpu, reason, VMM_GROUP_GPRS | VMM_GROUP_EVENTS);
}

static int exit_rdmsr(struct vcpu *vcpu)
{
	u64 value = 0;
	int err = msr_read(vcpu, vcpu->gprs.r[VMM_RCX], &value);

	if (err == -ENOENT)
		return exit_msr_to_user(vcpu, VMM_EXIT_RDMSR);
	if (err)
		return event_exception_error(vcpu, X86_TRAP_GP, 0);
	vcpu->gprs.r[VMM_RAX] = (u32)value;
	vcpu->gprs.r[VMM_RDX] = value >> 32;
	return insn_skip(vcpu);
}

static int exit_wrmsr(struct vcpu *vcpu)
{
	u64 value = (u32)vcpu->gprs.r[VMM_RAX] | vcpu->gprs.r[VMM_RDX] << 32;
	int err = msr_write(vcpu, vcpu->gprs.r[VMM_RCX], value);

	if (err == -ENOENT)
		return exit_msr_to_user(vcpu, VMM_EXIT_WRMSR);
	if (err)
		return event_exception_error(vcpu, X86_TRAP_GP, 0);
	return insn_skip(vcpu);
}

static int exit_hlt(struct vcpu *vcpu)
{
	int ret = insn_skip(vcpu);

	if (ret != RUN_GUEST || vcpu->events.type != VMM_EVENT_NONE)
		return ret;
	vcpu->events.run_state = VMM_STATE_HALTED;
	if (!(vcpu->gprs.rflags & X86_EFLAGS_IF) && !vcpu->events.nmi_pending &&
	    !vcpu->events.kicked && !(READ_ONCE(vcpu->requests) & ~VCPU_REQ_INTR) &&
	    !pv_may_be_kicked(vcpu))
		return run_exit_to_user(vcpu, VMM_EXIT_HALTED, VMM_GROUP_ALL);
	return RUN_GUEST;
}

static struct vmm_exit_mmio *exit_mmio_fill(struct vcpu *vcpu)
{
	struct vmm_exit_mmio *mmio = &vcpu->page->u.mmio;
	struct vcpu_exit *exit = &vcpu->exit;

	memset(mmio, 0, sizeof(*mmio));
	mmio->gpa = exit->gpa;
	mmio->flags = (exit->fault & VMM_FAULT_WRITE ? VMM_MMIO_WRITE : 0) |
		      (exit->fault & VMM_FAULT_FETCH ? VMM_MMIO_FETCH : 0);
	mmio->insn_len = exit->bytes;
	memcpy(mmio->insn, exit->insn, exit->bytes);
	return mmio;
}

/* User space interprets whatever instruction it is. */
static int exit_interpret(struct vcpu *vcpu)
{
	exit_mmio_fill(vcpu);
	return run_exit_to_user(vcpu, VMM_EXIT_MMIO,
				VMM_GROUP_GPRS | VMM_GROUP_SREGS | VMM_GROUP_EVENTS);
}

/*
 * It is a MOV nearly always, and that needs no interpreter. But what crosses
 * into a page faults at its first byte, and cannot be told from what begins there.
 */
static int exit_mmio(struct vcpu *vcpu)
{
	unsigned int offset = vcpu->exit.gpa & ~PAGE_MASK;
	struct vmm_exit_mmio *mmio;
	struct decode_insn insn;
	struct decode_mov mov;
	int ret;

	if (!offset)
		return exit_interpret(vcpu);
	ret = insn_fetch_mov(vcpu, &insn, &mov);
	if (ret == -EAGAIN)
		return RUN_GUEST;
	if (ret == RUN_USER)
		return ret;
	if (ret == -ENOSYS || offset + mov.size > PAGE_SIZE || (mov.high_byte && !mov.write))
		return exit_interpret(vcpu);
	vcpu->exit.insn_len = insn.length;
	mmio = exit_mmio_fill(vcpu);
	mmio->size = mov.size;
	mmio->gpr = mov.write ? 0 : mov.gpr;
	mmio->data = mov.write ? insn_mov_value(vcpu, &insn, &mov) : 0;
	return run_exit_to_user(vcpu, VMM_EXIT_MMIO, VMM_GROUP_GPRS | VMM_GROUP_EVENTS);
}

static int exit_nested_fault(struct vcpu *vcpu)
{
	struct vcpu_exit *exit = &vcpu->exit;
	int err, ret;

	if (lapic_claims(vcpu, exit->gpa) && !(exit->fault & VMM_FAULT_WALK)) {
		apic_page_map(vcpu);
		ret = apic_mmio(vcpu, exit->gpa & ~PAGE_MASK);
		return ret == -ENOSYS ? exit_interpret(vcpu) : ret;
	}
	err = mem_fault(vcpu, exit->gpa, exit->fault);
	switch (err) {
	case 0:
		return RUN_GUEST;
	case -ENOENT:
		vcpu_count(vcpu, VMM_STAT_MMIO);
		ret = doorbell_any(vcpu->vm, DOORBELL_MEMORY) ? doorbell_memory(vcpu) : -ENOSYS;
		return ret == -ENOSYS ? exit_mmio(vcpu) : ret;
	case -EINTR:
		/* The access is tried again once the signal has been seen to. */
		return -EINTR;
	}
	return run_crash(vcpu, VMM_CRASH_MEMORY, -err,
			 "memory of the slot at guest-physical %#llx: error %d",
			 exit->gpa, err);
}

static int exit_apic(struct vcpu *vcpu)
{
	if (vcpu->exit.apic_eoi)
		lapic_eoi_done(vcpu, vcpu->exit.apic_eoi);
	else
		lapic_written(vcpu, vcpu->exit.apic_offset);
	return RUN_GUEST;
}

static int exit_cr(struct vcpu *vcpu)
{
	return cr_access(vcpu);
}

/* What the CPU did not tell of MOV DR. RUN_GUEST, or as insn_fetch(). */
static int exit_dr_decode(struct vcpu *vcpu)
{
	struct vcpu_exit *exit = &vcpu->exit;
	struct decode_insn insn;
	int ret;

	ret = insn_fetch(vcpu, &insn);
	if (ret != RUN_GUEST)
		return ret;
	exit->reg = insn.reg;
	exit->gpr = insn.rm;
	exit->insn_len = insn.length;
	exit->access = insn.opcode == 0x21 ? VCPU_ACCESS_READ : VCPU_ACCESS_WRITE;
	return RUN_GUEST;
}

static int exit_dr_execute(struct vcpu *vcpu)
{
	struct vcpu_exit *exit = &vcpu->exit;
	u64 *gpr = &vcpu->gprs.r[exit->gpr];
	bool wide = insn_code_size(vcpu) == 8;
	u64 value;
	int err;

	if (exit->access == VCPU_ACCESS_WRITE)
		return dr_write(vcpu, exit->reg, wide ? *gpr : (u32)*gpr);
	err = dr_read(vcpu, exit->reg, &value);
	if (!err)
		*gpr = wide ? value : (u32)value;
	return err;
}

static int exit_dr(struct vcpu *vcpu)
{
	int ret = RUN_GUEST;

	/* It faults rather than exits; an emulated CPU may see that otherwise. */
	if (insn_cpl(vcpu))
		return event_exception_error(vcpu, X86_TRAP_GP, 0);
	if (vcpu->exit.access == VCPU_ACCESS_UNKNOWN)
		ret = exit_dr_decode(vcpu);
	if (ret != RUN_GUEST)
		return insn_fetch_failed(vcpu, ret);
	ret = exit_dr_execute(vcpu);
	/* Until the vendor says otherwise. */
	vcpu->exit.access = VCPU_ACCESS_UNKNOWN;
	switch (ret) {
	case -EINVAL:
		return event_exception_error(vcpu, X86_TRAP_GP, 0);
	case -ENOENT:
		return event_exception(vcpu, X86_TRAP_UD);
	case -EACCES:
		return event_debug(vcpu, DR6_GENERAL_DETECT);
	}
	return insn_skip(vcpu);
}

static int exit_xsetbv(struct vcpu *vcpu)
{
	u64 value = (u32)vcpu->gprs.r[VMM_RAX] | vcpu->gprs.r[VMM_RDX] << 32;

	if ((u32)vcpu->gprs.r[VMM_RCX] != 0 || !fpu_xcr0_valid(value))
		return event_exception_error(vcpu, X86_TRAP_GP, 0);
	vcpu->xcr0 = value;
	return insn_skip(vcpu);
}

/* Caches are coherent and shared with the host: nothing to write back. */
static int exit_cache(struct vcpu *vcpu)
{
	return insn_skip(vcpu);
}

static int exit_pause(struct vcpu *vcpu)
{
	yield_to_preempted(vcpu);
	return insn_skip(vcpu);
}

static int exit_hypercall(struct vcpu *vcpu)
{
	int ret;

	if (!(vcpu->vm->pv.flags & VMM_PV_HYPERCALLS))
		return event_exception(vcpu, X86_TRAP_UD);
	ret = exit_find_length(vcpu);
	if (ret != RUN_GUEST)
		return insn_fetch_failed(vcpu, ret);
	if (pv_hypercall(vcpu) || hv_hypercall(vcpu))
		return insn_skip(vcpu);
	return run_exit_to_user(vcpu, VMM_EXIT_HYPERCALL,
				VMM_GROUP_GPRS | VMM_GROUP_SREGS | VMM_GROUP_EVENTS);
}

/* #UD comes here only for the hypercall that the other vendor's CPUs have. */
static int exit_invalid_opcode(struct vcpu *vcpu)
{
	struct decode_insn insn;
	int ret = insn_fetch(vcpu, &insn);

	if (ret != RUN_GUEST)
		return insn_fetch_failed(vcpu, ret);
	if (!pv_is_hypercall(&insn))
		return event_exception(vcpu, X86_TRAP_UD);
	vcpu->exit.insn_len = insn.length;
	return exit_hypercall(vcpu);
}

/* Instructions that are not offered. */
static int exit_undefined(struct vcpu *vcpu)
{
	return event_exception(vcpu, X86_TRAP_UD);
}

static int exit_dirty_log(struct vcpu *vcpu)
{
	dirty_log_full(vcpu);
	return RUN_GUEST;
}

/* Too rare and too long for the kernel; what it consumes of events, user space says. */
static int exit_task_switch(struct vcpu *vcpu)
{
	vcpu->page->u.task = vcpu->exit.task;
	return run_exit_to_user(vcpu, VMM_EXIT_TASK_SWITCH, VMM_GROUP_ALL);
}

/* The vendor has put what there is of the exception into info1 (error) and gpa (CR2 or DR6). */
#define EXIT_LOOP_MAX 1000

static bool exit_is_loop(struct vcpu *vcpu)
{
	/*
	 * An exception whose delivery raises it again holds a real CPU for
	 * good. Here each round exits, so the host lives; give up on it.
	 */
	if (vcpu->events.type != VMM_EVENT_EXCEPTION || vcpu->loop_rip != vcpu->gprs.rip) {
		vcpu->loop_rip = vcpu->gprs.rip;
		vcpu->loop_count = 0;
		return false;
	}
	return ++vcpu->loop_count > EXIT_LOOP_MAX;
}

static int exit_exception(struct vcpu *vcpu)
{
	struct vcpu_exit *exit = &vcpu->exit;
	u8 vector = exit->info2;

	if (exit_is_loop(vcpu))
		return run_crash(vcpu, VMM_CRASH_EVENT_LOOP, vector,
				 "delivery of exception %u raises it again, without end", vector);
	switch (vector) {
	case X86_TRAP_DB:
		return event_debug(vcpu, exit->gpa);
	case X86_TRAP_AC:
		return event_exception_error(vcpu, vector, exit->info1);
	case X86_TRAP_UD:
		return exit_invalid_opcode(vcpu);
	}
	return run_crash(vcpu, VMM_CRASH_UNKNOWN_EXIT, vector, "exception %u", vector);
}

static int exit_shutdown(struct vcpu *vcpu)
{
	vcpu->events.run_state = VMM_STATE_SHUTDOWN;
	return run_exit_to_user(vcpu, VMM_EXIT_TRIPLE_FAULT, VMM_GROUP_ALL);
}

static int exit_other(struct vcpu *vcpu)
{
	struct vcpu_exit *exit = &vcpu->exit;

	if (exit->refused)
		return run_crash(vcpu, VMM_CRASH_UNKNOWN_EXIT, 0, "%s (%#llx, %#llx)",
				 exit->refused, exit->info1, exit->info2);
	return run_crash(vcpu, VMM_CRASH_UNKNOWN_EXIT, 0,
			 "exit %#llx (%#llx, %#llx) has no handler",
			 vcpu->exit.raw, vcpu->exit.info1, vcpu->exit.info2);
}

/* What of the rules by name is broken; AMD-V looks at few of them. */
static const char *exit_broken_rule(struct vcpu *vcpu)
{
	const struct state_limits *limits = state_limits();
	struct vmm_sregs sregs = { 0 };
	const char *broken;

	hw->sregs_get(vcpu, &sregs);
	if (hw->vendor == VMM_VENDOR_VMX)
		return state_check_entry(limits, &sregs, &vcpu->gprs, &vcpu->events);
	broken = state_check_sregs(limits, &sregs);
	return broken ? broken : state_check_events(&vcpu->events);
}

/*
 * The CPU's own word comes first, where it has one, then ours. Where we find
 * nothing wrong, its numbers are what there is to go by.
 */
static int exit_bad_state(struct vcpu *vcpu)
{
	const char *broken = exit_broken_rule(vcpu), *refused = vcpu->exit.refused;
	u32 detail = refused ? vcpu->exit.info1 : 0;

	if (broken)
		return run_crash(vcpu, VMM_CRASH_BAD_STATE, detail, "not entered: %s%s%s",
				 refused ? refused : "", refused ? ": " : "", broken);
	return run_crash(vcpu, VMM_CRASH_BAD_STATE, detail,
			 "not entered: %s (%#llx, %#llx)",
			 refused ? refused : "no broken rule is known",
			 vcpu->exit.raw, vcpu->exit.info1);
}

static int (*const exit_table[VMM_STAT_COUNT])(struct vcpu *vcpu) = {
	[VMM_STAT_CPUID]	= exit_cpuid,
	[VMM_STAT_RDMSR]	= exit_rdmsr,
	[VMM_STAT_WRMSR]	= exit_wrmsr,
	[VMM_STAT_IO]		= exit_io,
	[VMM_STAT_NESTED_FAULT]	= exit_nested_fault,
	[VMM_STAT_APIC]		= exit_apic,
	[VMM_STAT_INTR]		= exit_again,
	[VMM_STAT_NMI]		= exit_again,
	[VMM_STAT_WINDOW]	= exit_again,
	[VMM_STAT_HLT]		= exit_hlt,
	[VMM_STAT_CR]		= exit_cr,
	[VMM_STAT_DR]		= exit_dr,
	[VMM_STAT_EXCEPTION]	= exit_exception,
	[VMM_STAT_XSETBV]	= exit_xsetbv,
	[VMM_STAT_HYPERCALL]	= exit_hypercall,
	[VMM_STAT_UNDEFINED]	= exit_undefined,
	[VMM_STAT_PAUSE]	= exit_pause,
	[VMM_STAT_TASK_SWITCH]	= exit_task_switch,
	[VMM_STAT_CACHE]	= exit_cache,
	[VMM_STAT_SHUTDOWN]	= exit_shutdown,
	[VMM_STAT_BAD_STATE]	= exit_bad_state,
	[VMM_STAT_OTHER]	= exit_other,
	[VMM_STAT_DIRTY_LOG]	= exit_dirty_log,
	[VMM_STAT_TIMER]	= exit_timer,
	[VMM_STAT_RDTSC]	= exit_rdtsc_slow,
	[VMM_STAT_RDTSCP]	= exit_rdtscp,
};

int exit_handle(struct vcpu *vcpu)
{
	enum vmm_stat stat = vcpu->exit.stat;

	/* The paths that matter, without the indirect call and its thunk. */
	if (stat == VMM_STAT_IO)
		return exit_io(vcpu);
	if (stat == VMM_STAT_CPUID)
		return exit_cpuid(vcpu);
	if (stat == VMM_STAT_WRMSR)
		return exit_wrmsr(vcpu);
	if (stat == VMM_STAT_INTR)
		return RUN_GUEST;
	if (WARN_ON_ONCE(stat >= VMM_STAT_COUNT || !exit_table[stat]))
		return exit_other(vcpu);
	return exit_table[stat](vcpu);
}

int exit_handle_quick(struct vcpu *vcpu)
{
	enum vmm_stat stat = vcpu->exit.stat;

	if (unlikely(stat == VMM_STAT_APIC))
		return exit_apic(vcpu);
	if (stat == VMM_STAT_IO)
		return exit_io_quick(vcpu);
	/* Without the length it would be looked for in memory. */
	if (!vcpu->exit.insn_len)
		return RUN_SLOW;
	if (stat == VMM_STAT_CPUID)
		return exit_cpuid(vcpu);
	if (stat == VMM_STAT_RDMSR)
		return exit_rdmsr(vcpu);
	if (stat == VMM_STAT_WRMSR && msr_write_is_quick(vcpu->gprs.r[VMM_RCX]))
		return exit_wrmsr(vcpu);
	if (stat == VMM_STAT_RDTSC)
		return exit_rdtsc(vcpu);
	if (stat == VMM_STAT_RDTSCP)
		return exit_rdtscp(vcpu);
	return RUN_SLOW;
}
