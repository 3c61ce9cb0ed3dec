// SPDX-License-Identifier: GPL-2.0
/*
 * From VT-x's exit reasons to the neutral ones: "VMX Basic Exit Reasons".
 */
#include <linux/kernel.h>
#include <linux/percpu.h>
#include <asm/debugreg.h>
#include <asm/trapnr.h>

#include "../insn.h"
#include "../run.h"
#include "../vcpu.h"
#include "vmx.h"

struct vmx_exit_row {
	u8 stat;			/* 1 + enum vmm_stat, so that what is not named is 0 */
	u8 flags;			/* VMX_EXIT_* */
	void (*decode)(struct vcpu *vcpu, struct vcpu_exit *exit);
};

/* ---- details by reason ------------------------------------------------------------------ */

/* "Information for VM Exits Due to Vectored Events" */
static void vmx_decode_exception(struct vcpu *vcpu, struct vcpu_exit *exit)
{
	u32 info = vmcs_read(VM_EXIT_INTR_INFO);
	u8 vector = info & INTR_INFO_VECTOR_MASK;

	if ((info & INTR_INFO_INTR_TYPE_MASK) == INTR_TYPE_NMI_INTR) {
		vmx_switch_nmi();
		exit->stat = VMM_STAT_NMI;
		return;
	}
	if (vector == X86_TRAP_MC) {
		/* The machine's, not the guest's. */
		asm volatile("int $18");
		exit->stat = VMM_STAT_INTR;
		return;
	}
	exit->gpa = exit->info1 & (DR_TRAP_BITS | BIT(13) | DR_STEP);
	exit->info1 = info & INTR_INFO_DELIVER_CODE_MASK ? vmcs_read(VM_EXIT_INTR_ERROR_CODE) : 0;
	exit->info2 = vector;
	/* For insn_fetch(): neither bytes nor length come with it. */
	if (vector == X86_TRAP_UD)
		exit->cr3 = vmcs_read(GUEST_CR3);
	/* INT1 is a trap, but exits like a fault. */
	if ((info & INTR_INFO_INTR_TYPE_MASK) == INTR_TYPE_PRIV_SW_EXCEPTION)
		vcpu->gprs.rip += vmcs_read(VM_EXIT_INSTRUCTION_LEN);
}

/* A fault of IRET comes after it has unblocked NMIs, and IRET will run again. */
static void vmx_decode_iret(struct vcpu *vcpu, u32 reason, u64 qualification)
{
	u64 info = 0;

	if (reason == EXIT_REASON_EXCEPTION_NMI)
		info = vmcs_read(VM_EXIT_INTR_INFO);
	else if (reason == EXIT_REASON_EPT_VIOLATION || reason == EXIT_REASON_PML_FULL)
		info = qualification;
	if ((info & INTR_INFO_UNBLOCK_NMI) && vcpu->events.type == VMM_EVENT_NONE)
		vcpu->events.nmi_masked = 1;
}

static u64 vmx_next_rip(struct vcpu *vcpu, u32 length)
{
	u64 rip = vcpu->gprs.rip, next = rip + length;

	if (unlikely(next >> 32 && !(rip >> 32)) && insn_code_size(vcpu) != 8)
		next = (u32)next;
	return next;
}

/* "Exit Qualification for I/O Instructions", "VM-Exit Instruction-Information Field for INS". */
static void vmx_decode_io(struct vcpu *vcpu, struct vcpu_exit *exit)
{
	u64 info = exit->info1;
	u32 string;

	exit->next_rip = vmx_next_rip(vcpu, exit->insn_len);
	exit->io = (struct vmm_exit_io){
		.port = info >> 16,
		.size = (info & 7) + 1,
		.flags = (info & BIT(3) ? VMM_IO_IN : 0) | (info & BIT(4) ? VMM_IO_STRING : 0) |
			 (info & BIT(5) ? VMM_IO_REP : 0),
	};
	if (!(info & BIT(4)))
		return;
	string = vmcs_read(VMX_INSTRUCTION_INFO);
	exit->io.addr_size = 2 << (string >> 7 & 7);
	exit->io.seg = info & BIT(3) ? VMM_ES : string >> 15 & 7;
}

/* "Exit Qualification for EPT Violations". An instruction's length does not come with it. */
static void vmx_decode_ept(struct vcpu *vcpu, struct vcpu_exit *exit)
{
	u64 info = exit->info1;

	exit->gpa = vmcs_read(GUEST_PHYSICAL_ADDRESS);
	exit->info2 = exit->gpa;
	exit->cr3 = vmcs_read(GUEST_CR3);
	exit->fault = (info & EPT_VIOLATION_ACC_WRITE ? VMM_FAULT_WRITE : 0) |
		      (info & EPT_VIOLATION_ACC_INSTR ? VMM_FAULT_FETCH : 0) |
		      (info & EPT_VIOLATION_GVA_TRANSLATED ? 0 : VMM_FAULT_WALK);
}

static void vmx_decode_misconfig(struct vcpu *vcpu, struct vcpu_exit *exit)
{
	exit->info2 = vmcs_read(GUEST_PHYSICAL_ADDRESS);
	exit->refused = "EPT misconfiguration";
}

static const u8 vmx_cr_access[] = {
	VCPU_ACCESS_WRITE, VCPU_ACCESS_READ, VCPU_ACCESS_CLTS, VCPU_ACCESS_LMSW,
};

/* "Exit Qualification for Control-Register Accesses" */
static void vmx_decode_cr(struct vcpu *vcpu, struct vcpu_exit *exit)
{
	u64 info = exit->info1;

	exit->access = vmx_cr_access[info >> 4 & 3];
	exit->reg = info & 15;
	exit->gpr = info >> 8 & 15;
	exit->source = info >> 16;
}

/* "Exit Qualification for MOV DR" */
static void vmx_decode_dr(struct vcpu *vcpu, struct vcpu_exit *exit)
{
	u64 info = exit->info1;

	exit->access = info & BIT(4) ? VCPU_ACCESS_READ : VCPU_ACCESS_WRITE;
	exit->reg = info & 7;
	exit->gpr = info >> 8 & 15;
}

static const u8 vmx_task_causes[] = {
	VMM_TASK_CALL, VMM_TASK_IRET, VMM_TASK_JMP, VMM_TASK_EVENT,
};

/* "Exit Qualification for Task Switches". The length of INT n comes with the event. */
static void vmx_decode_task_switch(struct vcpu *vcpu, struct vcpu_exit *exit)
{
	exit->task = (struct vmm_exit_task){
		.selector = exit->info1, .cause = vmx_task_causes[exit->info1 >> 30 & 3],
	};
	if (exit->task.cause == VMM_TASK_EVENT)
		exit->insn_len = 0;
}

static void vmx_decode_machine_check(struct vcpu *vcpu, struct vcpu_exit *exit)
{
	asm volatile("int $18");
}

/* ---- the table ------------------------------------------------------------------------------ */

#define STAT(name) (1 + VMM_STAT_##name)

#define VMX_EXIT_INSN	1		/* by an instruction: its length is given */
#define VMX_EXIT_PLAIN	3		/* likewise, and nothing else is */

static const struct vmx_exit_row vmx_exit_rows[] = {
	[EXIT_REASON_EXCEPTION_NMI]	= { STAT(EXCEPTION), 0, vmx_decode_exception },
	[EXIT_REASON_EXTERNAL_INTERRUPT] = { STAT(INTR) },
	[EXIT_REASON_TRIPLE_FAULT]	= { STAT(SHUTDOWN) },
	[EXIT_REASON_INIT_SIGNAL]	= { STAT(INTR) },
	[EXIT_REASON_INTERRUPT_WINDOW]	= { STAT(WINDOW) },
	[EXIT_REASON_NMI_WINDOW]	= { STAT(WINDOW) },
	[EXIT_REASON_TASK_SWITCH]	= { STAT(TASK_SWITCH), VMX_EXIT_INSN,
				    vmx_decode_task_switch },
	[EXIT_REASON_CPUID]		= { STAT(CPUID), VMX_EXIT_PLAIN },
	[11]				= { STAT(UNDEFINED), VMX_EXIT_PLAIN },	/* GETSEC */
	[EXIT_REASON_HLT]		= { STAT(HLT), VMX_EXIT_PLAIN },
	[EXIT_REASON_INVD]		= { STAT(CACHE), VMX_EXIT_PLAIN },
	[EXIT_REASON_RDPMC]		= { STAT(UNDEFINED), VMX_EXIT_PLAIN },
	[EXIT_REASON_RDTSC]		= { STAT(RDTSC), VMX_EXIT_PLAIN },
	[17]				= { STAT(UNDEFINED), VMX_EXIT_PLAIN },	/* RSM */
	[EXIT_REASON_VMCALL]		= { STAT(HYPERCALL), VMX_EXIT_PLAIN },
	[EXIT_REASON_VMCLEAR ... EXIT_REASON_VMON] = { STAT(UNDEFINED), VMX_EXIT_PLAIN },
	[EXIT_REASON_CR_ACCESS]		= { STAT(CR), VMX_EXIT_INSN, vmx_decode_cr },
	[EXIT_REASON_DR_ACCESS]		= { STAT(DR), VMX_EXIT_INSN, vmx_decode_dr },
	[EXIT_REASON_IO_INSTRUCTION]	= { STAT(IO), VMX_EXIT_INSN, vmx_decode_io },
	[EXIT_REASON_MSR_READ]		= { STAT(RDMSR), VMX_EXIT_PLAIN },
	[EXIT_REASON_MSR_WRITE]		= { STAT(WRMSR), VMX_EXIT_PLAIN },
	[EXIT_REASON_MWAIT_INSTRUCTION]	= { STAT(UNDEFINED), VMX_EXIT_PLAIN },
	[EXIT_REASON_MONITOR_INSTRUCTION] = { STAT(UNDEFINED), VMX_EXIT_PLAIN },
	[EXIT_REASON_PAUSE_INSTRUCTION]	= { STAT(PAUSE), VMX_EXIT_PLAIN },
	[EXIT_REASON_TPR_BELOW_THRESHOLD] = { STAT(WINDOW) },
	[EXIT_REASON_APIC_ACCESS]	= { STAT(NESTED_FAULT), 0, vmx_decode_apic_access },
	[EXIT_REASON_EOI_INDUCED]	= { STAT(APIC), 0, vmx_decode_apic_eoi },
	[EXIT_REASON_APIC_WRITE]	= { STAT(APIC), 0, vmx_decode_apic_write },
	[EXIT_REASON_MCE_DURING_VMENTRY] = { STAT(INTR), 0, vmx_decode_machine_check },
	[EXIT_REASON_EPT_VIOLATION]	= { STAT(NESTED_FAULT), 0, vmx_decode_ept },
	[EXIT_REASON_EPT_MISCONFIG]	= { STAT(OTHER), 0, vmx_decode_misconfig },
	[EXIT_REASON_INVEPT]		= { STAT(UNDEFINED), VMX_EXIT_PLAIN },
	[EXIT_REASON_RDTSCP]		= { STAT(RDTSCP), VMX_EXIT_PLAIN },
	[EXIT_REASON_PREEMPTION_TIMER]	= { STAT(TIMER) },
	[EXIT_REASON_INVVPID]		= { STAT(UNDEFINED), VMX_EXIT_PLAIN },
	[EXIT_REASON_WBINVD]		= { STAT(CACHE), VMX_EXIT_PLAIN },
	[EXIT_REASON_XSETBV]		= { STAT(XSETBV), VMX_EXIT_PLAIN },
	[EXIT_REASON_ENCLS]		= { STAT(UNDEFINED), VMX_EXIT_PLAIN },
	[EXIT_REASON_PML_FULL]		= { STAT(DIRTY_LOG), 0, vmx_pml_full },
	[EXIT_REASON_XSAVES]		= { STAT(UNDEFINED), VMX_EXIT_PLAIN },
	[EXIT_REASON_XRSTORS]		= { STAT(UNDEFINED), VMX_EXIT_PLAIN },
};

/* ---- what every exit tells ----------------------------------------------------------- */

static const u8 vmx_vectoring_types[] = {
	[0] = VMM_EVENT_INTR, [2] = VMM_EVENT_NMI, [3] = VMM_EVENT_EXCEPTION,
	[4] = VMM_EVENT_SOFT_INTR, [5] = VMM_EVENT_PRIV_EXC, [6] = VMM_EVENT_SOFT_EXC, [7] = 0,
};

/* An event whose delivery the exit cut off is delivered again. */
static noinline void vmx_take_interrupted(struct vcpu *vcpu, u32 info)
{
	struct vmm_events *ev = &vcpu->events;

	ev->type = vmx_vectoring_types[(info & VECTORING_INFO_TYPE_MASK) >> 8];
	ev->vector = info & VECTORING_INFO_VECTOR_MASK;
	ev->has_error = !!(info & VECTORING_INFO_DELIVER_CODE_MASK);
	ev->error = ev->has_error ? vmcs_read(IDT_VECTORING_ERROR_CODE) : 0;
	ev->length = ev->type >= VMM_EVENT_SOFT_INTR ? vmcs_read(VM_EXIT_INSTRUCTION_LEN) : 0;
	ev->payload = ev->type == VMM_EVENT_EXCEPTION && ev->vector == X86_TRAP_PF ? vcpu->cr2 : 0;
	vcpu_count(vcpu, VMM_STAT_REDELIVERED);
}

static void vmx_take_interruptibility(struct vcpu *vcpu)
{
	struct vmm_events *ev = &vcpu->events;
	u32 state = vmcs_read(GUEST_INTERRUPTIBILITY_INFO);

	to_vmx(vcpu)->interruptibility = state;
	/* VMM_SHADOW_* are the same two bits. */
	ev->shadow = state & (GUEST_INTR_STATE_STI | GUEST_INTR_STATE_MOV_SS);
	ev->nmi_masked = !!(state & GUEST_INTR_STATE_NMI);
}

static_assert(VMM_SHADOW_STI == GUEST_INTR_STATE_STI);
static_assert(VMM_SHADOW_MOV_SS == GUEST_INTR_STATE_MOV_SS);

/* What instructions do not do: cut off an event's delivery, or fault behind an IRET. */
static void vmx_take_events(struct vcpu *vcpu, u32 reason, u64 qualification)
{
	u32 info = vmcs_read(IDT_VECTORING_INFO_FIELD);

	if (unlikely(info & VECTORING_INFO_VALID_MASK))
		vmx_take_interrupted(vcpu, info);
	if (reason == EXIT_REASON_EXCEPTION_NMI || reason == EXIT_REASON_EPT_VIOLATION ||
	    reason == EXIT_REASON_PML_FULL)
		vmx_decode_iret(vcpu, reason, qualification);
}

/* Exits that are more than an instruction and its length. */
static void vmx_decode_details(struct vcpu *vcpu, u32 reason)
{
	struct vcpu_exit *exit = &vcpu->exit;
	const struct vmx_exit_row *row = &vmx_exit_rows[reason];

	exit->info1 = vmcs_read(EXIT_QUALIFICATION);
	exit->insn_len = 0;
	exit->refused = NULL;
	if (unlikely(reason & VMX_EXIT_REASONS_FAILED_VMENTRY)) {
		vmx_exit_refused(vcpu);
		return;
	}
	vcpu->events.type = VMM_EVENT_NONE;
	if (unlikely(reason >= ARRAY_SIZE(vmx_exit_rows) || !row->stat)) {
		vmx_take_events(vcpu, reason, exit->info1);
		exit->stat = VMM_STAT_OTHER;
		return;
	}
	if (!(row->flags & VMX_EXIT_INSN) || reason == EXIT_REASON_TASK_SWITCH)
		vmx_take_events(vcpu, reason, exit->info1);
	exit->stat = row->stat - 1;
	if (row->flags & VMX_EXIT_INSN)
		exit->insn_len = vmcs_read(VM_EXIT_INSTRUCTION_LEN);
	/* By far the most frequent, without the indirect call. */
	if (row->decode == vmx_decode_io)
		vmx_decode_io(vcpu, exit);
	else if (row->decode)
		row->decode(vcpu, exit);
}

void vmx_exit_decode(struct vcpu *vcpu)
{
	struct vcpu_exit *exit = &vcpu->exit;
	u32 reason = vmcs_read(VM_EXIT_REASON);

	exit->raw = reason;
	exit->info2 = 0;
	exit->bytes = 0;
	vmx_take_interruptibility(vcpu);
	if (reason >= ARRAY_SIZE(vmx_exit_rows) ||
	    vmx_exit_rows[reason].flags != VMX_EXIT_PLAIN) {
		vmx_decode_details(vcpu, reason);
		return;
	}
	/* Delivered, if there was one. */
	vcpu->events.type = VMM_EVENT_NONE;
	exit->stat = vmx_exit_rows[reason].stat - 1;
	exit->info1 = 0;
	exit->insn_len = vmcs_read(VM_EXIT_INSTRUCTION_LEN);
}

/* ---- entries that did not take place ------------------------------------------------- */

/* "VM-Instruction Error Numbers", those of VMLAUNCH and VMRESUME */
static const char *const vmx_errors[] = {
	[VMXERR_VMLAUNCH_NONCLEAR_VMCS] = "VMLAUNCH of a VMCS that is not clear",
	[VMXERR_VMRESUME_NONLAUNCHED_VMCS] = "VMRESUME of a VMCS that was not launched",
	[VMXERR_VMRESUME_AFTER_VMXOFF] = "VMRESUME after VMXOFF",
	[VMXERR_ENTRY_INVALID_CONTROL_FIELD] = "invalid control field",
	[VMXERR_ENTRY_INVALID_HOST_STATE_FIELD] = "invalid host-state field",
	[VMXERR_ENTRY_EVENTS_BLOCKED_BY_MOV_SS] = "events blocked by MOV SS",
};

static const char *vmx_refusal(u32 reason, u64 qualification)
{
	switch ((u16)reason) {
	case EXIT_REASON_MSR_LOAD_FAIL:
		return "MSR loading";
	case EXIT_REASON_MCE_DURING_VMENTRY:
		return "machine check during the entry";
	}
	switch (qualification) {
	case ENTRY_FAIL_PDPTE:
		return "reserved bits in a PDPTE";
	case ENTRY_FAIL_NMI:
		return "NMI under blocking by STI";
	case ENTRY_FAIL_VMCS_LINK_PTR:
		return "VMCS link pointer";
	}
	return NULL;			/* invalid guest state: who called will look for it */
}

void vmx_exit_refused(struct vcpu *vcpu)
{
	struct vcpu_exit *exit = &vcpu->exit;
	u32 reason = vmcs_read(VM_EXIT_REASON);

	exit->stat = VMM_STAT_BAD_STATE;
	/* What was to be injected was not, and must not be by a later entry. */
	vmcs_write(VM_ENTRY_INTR_INFO_FIELD, 0);
	if (exit->raw == reason && (reason & VMX_EXIT_REASONS_FAILED_VMENTRY)) {
		if ((u16)reason == EXIT_REASON_MCE_DURING_VMENTRY)
			asm volatile("int $18");
		exit->refused = vmx_refusal(reason, exit->info1);
		return;
	}
	exit->info1 = vmcs_read(VM_INSTRUCTION_ERROR);
	exit->info2 = 0;
	exit->raw = ~0ULL;
	exit->refused = exit->info1 < ARRAY_SIZE(vmx_errors) && vmx_errors[exit->info1] ?
			vmx_errors[exit->info1] : "VM-instruction error without a name";
}
