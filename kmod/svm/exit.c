// SPDX-License-Identifier: GPL-2.0
/*
 * From AMD-V's exit codes to the neutral ones: "SVM Intercept Exit Codes".
 */
#include <linux/kernel.h>
#include <linux/percpu.h>
#include <asm/debugreg.h>
#include <asm/mce.h>
#include <asm/trapnr.h>

#include "../dr.h"
#include "../run.h"
#include "../vcpu.h"
#include "svm.h"

/* 1 + enum vmm_stat, so that what is not named is 0. */
#define STAT(name) (1 + VMM_STAT_##name)

static const u8 svm_stats[] = {
	[SVM_EXIT_READ_CR8]	= STAT(CR),
	[SVM_EXIT_WRITE_CR4]	= STAT(CR),
	[SVM_EXIT_WRITE_CR8]	= STAT(CR),
	[SVM_EXIT_READ_DR0 ... SVM_EXIT_READ_DR7]	= STAT(DR),
	[SVM_EXIT_WRITE_DR0 ... SVM_EXIT_WRITE_DR7]	= STAT(DR),
	[SVM_EXIT_EXCP_BASE ... SVM_EXIT_EXCP_BASE + 31] = STAT(EXCEPTION),
	[SVM_EXIT_INTR]		= STAT(INTR),
	[SVM_EXIT_NMI]		= STAT(NMI),
	[SVM_EXIT_SMI]		= STAT(INTR),
	[SVM_EXIT_INIT]		= STAT(INTR),
	[SVM_EXIT_VINTR]	= STAT(WINDOW),
	[SVM_EXIT_IRET]		= STAT(WINDOW),
	[SVM_EXIT_RDTSC]	= STAT(RDTSC),
	[SVM_EXIT_RDPMC]	= STAT(UNDEFINED),
	[SVM_EXIT_CPUID]	= STAT(CPUID),
	[SVM_EXIT_RSM]		= STAT(UNDEFINED),
	[SVM_EXIT_INVD]		= STAT(CACHE),
	[SVM_EXIT_WBINVD]	= STAT(CACHE),
	[SVM_EXIT_PAUSE]	= STAT(PAUSE),
	[SVM_EXIT_HLT]		= STAT(HLT),
	[SVM_EXIT_INVLPGA]	= STAT(UNDEFINED),
	[SVM_EXIT_IOIO]		= STAT(IO),
	[SVM_EXIT_MSR]		= STAT(RDMSR),
	[SVM_EXIT_SHUTDOWN]	= STAT(SHUTDOWN),
	[SVM_EXIT_VMRUN]	= STAT(UNDEFINED),
	[SVM_EXIT_VMMCALL]	= STAT(HYPERCALL),
	[SVM_EXIT_VMLOAD]	= STAT(UNDEFINED),
	[SVM_EXIT_VMSAVE]	= STAT(UNDEFINED),
	[SVM_EXIT_STGI]		= STAT(UNDEFINED),
	[SVM_EXIT_CLGI]		= STAT(UNDEFINED),
	[SVM_EXIT_SKINIT]	= STAT(UNDEFINED),
	[SVM_EXIT_RDTSCP]	= STAT(RDTSCP),
	[SVM_EXIT_MONITOR]	= STAT(UNDEFINED),
	[SVM_EXIT_MWAIT]	= STAT(UNDEFINED),
	[SVM_EXIT_MWAIT_COND]	= STAT(UNDEFINED),
	[SVM_EXIT_XSETBV]	= STAT(XSETBV),
	[SVM_EXIT_RDPRU]	= STAT(UNDEFINED),
};

/* An event whose delivery the exit cut off is delivered again. */
static void svm_take_interrupted(struct vcpu *vcpu)
{
	struct vmcb_control_area *c = &to_vmcb(vcpu)->control;
	struct vmm_events *ev = &vcpu->events;
	u32 info = c->exit_int_info;

	c->event_inj = 0;
	ev->type = VMM_EVENT_NONE;
	if (likely(!(info & SVM_EXITINTINFO_VALID)))
		return;
	vcpu_count(vcpu, VMM_STAT_REDELIVERED);
	ev->vector = info & SVM_EXITINTINFO_VEC_MASK;
	ev->has_error = !!(info & SVM_EXITINTINFO_VALID_ERR);
	ev->error = ev->has_error ? c->exit_int_info_err : 0;
	ev->length = 0;
	ev->payload = 0;
	switch (info & SVM_EXITINTINFO_TYPE_MASK) {
	case SVM_EXITINTINFO_TYPE_INTR:
		ev->type = VMM_EVENT_INTR;
		break;
	case SVM_EXITINTINFO_TYPE_NMI:
		ev->type = VMM_EVENT_NMI;
		ev->vector = X86_TRAP_NMI;
		break;
	case SVM_EXITINTINFO_TYPE_EXEPT:
		/* INT3 and INTO run again: RIP is still theirs. */
		if (ev->vector == BP_VECTOR || ev->vector == OF_VECTOR)
			return;
		ev->type = VMM_EVENT_EXCEPTION;
		if (ev->vector == PF_VECTOR)
			ev->payload = vcpu->cr2;
		break;
	}
}

static void svm_decode_io(struct vcpu_exit *exit)
{
	u32 info = exit->info1;

	exit->next_rip = exit->info2;
	exit->io = (struct vmm_exit_io){
		.port = info >> 16,
		.size = (info & SVM_IOIO_SIZE_MASK) >> SVM_IOIO_SIZE_SHIFT,
		.addr_size = (info & SVM_IOIO_ASIZE_MASK) >> (SVM_IOIO_ASIZE_SHIFT - 1),
		.seg = info >> 10 & 7,
		.flags = (info & SVM_IOIO_TYPE_MASK ? VMM_IO_IN : 0) |
			 (info & SVM_IOIO_STR_MASK ? VMM_IO_STRING : 0) |
			 (info & SVM_IOIO_REP_MASK ? VMM_IO_REP : 0),
	};
}

static void svm_decode_nested_fault(struct vcpu *vcpu, struct vcpu_exit *exit)
{
	struct vmcb_control_area *c = &to_vmcb(vcpu)->control;

	exit->stat = VMM_STAT_NESTED_FAULT;
	exit->gpa = exit->info2;
	exit->fault = (exit->info1 & BIT(1) ? VMM_FAULT_WRITE : 0) |
		      (exit->info1 & BIT(4) ? VMM_FAULT_FETCH : 0) |
		      (exit->info1 & BIT_ULL(33) ? VMM_FAULT_WALK : 0);
	if ((hw_info.features & VMM_FEATURE_DECODE) && c->insn_len) {
		exit->bytes = min_t(u8, c->insn_len, sizeof(exit->insn));
		memcpy(exit->insn, c->insn_bytes, exit->bytes);
	}
}

static void svm_decode_exception(struct vcpu *vcpu, struct vcpu_exit *exit)
{
	struct vcpu_svm *svm = to_svm(vcpu);
	u8 vector = exit->raw - SVM_EXIT_EXCP_BASE;

	exit->info2 = vector;
	if (vector == MC_VECTOR) {
		/* The machine's, not the guest's. */
		asm volatile("int $18");
		exit->stat = VMM_STAT_INTR;
		return;
	}
	if (vector != DB_VECTOR)
		return;
	exit->gpa = vcpu->dregs.dr6 & SVM_DR6_CAUSES;
	if (svm->stepped)
		exit->stat = VMM_STAT_WINDOW;
}

/* Undo what svm_step() did, and keep the step itself from the guest. */
static void svm_step_end(struct vcpu *vcpu)
{
	struct vcpu_svm *svm = to_svm(vcpu);
	u64 seen = svm->vmcb->save.dr6 & SVM_DR6_CAUSES;

	svm->stepped = svm->vmcb->control.exit_code == SVM_EXIT_EXCP_BASE + DB_VECTOR &&
		       seen == DR_STEP;
	vcpu->dregs.dr6 = svm->step_dr6 | (seen & ~(u64)DR_STEP);
	svm->vmcb->save.dr6 = vcpu->dregs.dr6;
	if (svm->iret_pending && (seen & DR_STEP || vcpu->gprs.rip != svm->iret_rip)) {
		/* Past the IRET, which has loaded the guest's own TF. */
		svm->iret_pending = false;
		vcpu->events.nmi_masked = 0;
	} else {
		vcpu->gprs.rflags &= ~(u64)X86_EFLAGS_TF;
	}
}

static void svm_decode_nmi_mask(struct vcpu *vcpu, u64 code)
{
	struct vcpu_svm *svm = to_svm(vcpu);

	if (code == SVM_EXIT_IRET) {
		svm->iret_pending = true;
		svm->iret_rip = vcpu->gprs.rip;
	} else if (svm->iret_pending && vcpu->gprs.rip != svm->iret_rip) {
		svm->iret_pending = false;
		vcpu->events.nmi_masked = 0;
	}
}

/*
 * A write of DR7 runs on the CPU, with the guest's DR0-DR3 in place: emulated
 * CPUs arm breakpoints when the instruction runs, and not at VMRUN. True: the
 * guest goes on with that.
 */
static bool svm_open_dr7(struct vcpu *vcpu, u64 code)
{
	struct vcpu_svm *svm = to_svm(vcpu);
	struct vmcb *vmcb = svm->vmcb;

	svm->dr7_open = code == SVM_EXIT_WRITE_DR7 &&
			!(vmcb->save.dr7 & DR7_GENERAL_DETECT);
	__assign_bit(INTERCEPT_DR7_WRITE, (unsigned long *)vmcb->control.intercepts,
		     !svm->dr7_open);
	return svm->dr7_open;
}

void svm_exit_decode(struct vcpu *vcpu)
{
	struct vmcb *vmcb = to_vmcb(vcpu);
	struct vcpu_exit *exit = &vcpu->exit;
	u64 code = vmcb->control.exit_code;

	svm_take_interrupted(vcpu);
	vcpu->events.shadow = vmcb->control.int_state & SVM_INTERRUPT_SHADOW_MASK ?
			      VMM_SHADOW_STI : 0;
	vcpu->dregs.dr6 = vmcb->save.dr6;
	/* One that the guest wrote itself has what an emulated CPU leaves of reserved bits. */
	vcpu->dregs.dr7 = (vmcb->save.dr7 & 0xffff2fffULL) | 0x400ULL;
	to_svm(vcpu)->stepped = false;
	if (unlikely(to_svm(vcpu)->stepping))
		svm_step_end(vcpu);
	exit->raw = code;
	exit->info1 = vmcb->control.exit_info_1;
	exit->info2 = vmcb->control.exit_info_2;
	exit->cr3 = vmcb->save.cr3;
	exit->bytes = 0;
	exit->insn_len = 0;
	if (unlikely(vcpu->events.nmi_masked))
		svm_decode_nmi_mask(vcpu, code);

	exit->stat = code < ARRAY_SIZE(svm_stats) && svm_stats[code] ?
		     svm_stats[code] - 1 : VMM_STAT_OTHER;
	if (unlikely(code == SVM_EXIT_WRITE_DR7 || to_svm(vcpu)->dr7_open) &&
	    svm_open_dr7(vcpu, code))
		exit->stat = VMM_STAT_WINDOW;
	if (code == SVM_EXIT_NPF)
		svm_decode_nested_fault(vcpu, exit);
	else if (code == SVM_EXIT_IOIO)
		svm_decode_io(exit);
	else if (code == SVM_EXIT_MSR)
		exit->stat = exit->info1 & 1 ? VMM_STAT_WRMSR : VMM_STAT_RDMSR;
	else if (exit->stat == VMM_STAT_EXCEPTION)
		svm_decode_exception(vcpu, exit);
	else if (code == (u32)SVM_EXIT_ERR)
		exit->stat = VMM_STAT_BAD_STATE;
	if ((hw_info.features & VMM_FEATURE_NEXT_RIP) && vmcb->control.next_rip > vmcb->save.rip)
		exit->insn_len = vmcb->control.next_rip - vmcb->save.rip;
}
