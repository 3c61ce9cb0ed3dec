/* SPDX-License-Identifier: GPL-2.0 */
/* VT-x: what vmx/ shares among its files. */
#ifndef KMOD_VMX_H
#define KMOD_VMX_H

#include <linux/percpu.h>
#include <asm/asm.h>
#include <asm/desc.h>
#include <asm/vmx.h>

#include "../asid.h"
#include "../hw.h"

/* ---- what every CPU offers, and what is used of it (caps.c) ----------------------- */

/* Headers differ about its name. */
#define VMX_CPU2_XSAVES	VMCS_CONTROL_BIT(XSAVES)

struct vmx_controls {
	u32 pin, cpu, cpu2, exit, entry;
};

struct vmx_caps {
	u64 basic;			/* IA32_VMX_BASIC */
	u64 ept_vpid;			/* IA32_VMX_EPT_VPID_CAP, less what is switched off */
	u64 cr0_fixed0, cr4_fixed0;	/* bits that must be set in VMX operation */
	u32 timer_rate;			/* bit of the TSC that the preemption timer counts */
	struct vmx_controls use;
};

extern struct vmx_caps vmx_caps;

/* Module parameters: whether to use what is there. */
extern bool vmx_param_vpid, vmx_param_ept_ad, vmx_param_ple;

/* This CPU's. -ENODEV: something that we cannot do without; said by name if @say. */
int vmx_caps_read(struct vmx_caps *caps, bool say);

/* ---- a CPU (vmx.c) ------------------------------------------------------------------ */

struct vcpu_vmx;

struct vmx_cpu {
	struct page *vmxon;
	struct asid_pool vpids;
	struct vcpu_vmx *current_vmcs;	/* VMPTRLD was last done for it */
	struct list_head active;	/* vcpu_vmx.active: VMCSs that this CPU may cache */
	struct desc_ptr idt;		/* with the limit that each exit raises */
};

DECLARE_PER_CPU(struct vmx_cpu, vmx_cpus);

/* ---- a vCPU ---------------------------------------------------------------------------- */

/* The host's state that no exit brings back, from load() to put(). */
struct vmx_host {
	bool aside;			/* the below is valid */
	u16 fs, gs, ds, es;
	u64 fs_base, kernel_gs_base, debugctl;
};

struct vcpu_vmx {
	void *vmcs;
	phys_addr_t vmcs_pa;
	u64 eptp;
	int cpu;			/* that may cache the VMCS, -1: none */
	bool launched;
	struct list_head active;	/* in vmx_cpu.active of @cpu */
	struct asid_tag tag;
	bool invept;			/* mappings of eptp on this CPU are stale */

	/* What fields of the VMCS hold, to write them only when they change. */
	u64 host_rsp, host_cr3, host_cr4, host_fs_base;
	u16 host_fs, host_gs;
	u64 rsp, rflags, dr7;
	s64 tsc_offset;
	u64 tsc_ratio;
	u32 interruptibility, cpu_controls;
	u32 countdown;			/* VMX_COUNTDOWN_MAX where there is no such timer */
	/* What they shall hold. */
	bool tsc_exits;
	s64 want_tsc_offset;
	u64 want_tsc_ratio;		/* 1 << 32 where there is no scaling */
	bool window_intr, window_nmi;
	u32 event, event_error, event_length;	/* for the entry, if vcpu->events has one */

	/* Likewise of the virtual APIC, see apic.c. */
	const u32 *apic_page;
	u32 apic_controls, tpr_threshold;
	u64 eoi_exits[4];
	u16 intr_status;
	u32 tpr;			/* at the last entry */

	u64 kernel_gs_base;		/* the guest's, outside load() to put() */
	u64 cstar;			/* kept; no CPU with VT-x uses it */
	struct vmx_host host;
	struct vmx_perf *perf;
	bool pebs;			/* the host uses it */
};

/* The TSC multiplier has 48 bits of fraction, our ratio 32. */
#define VMX_TSC_RATIO_SHIFT	16

static inline struct vcpu_vmx *to_vmx(struct vcpu *vcpu)
{
	return vcpu->hw;
}

/* ---- VMX instructions -------------------------------------------------------------------- */

/*
 * Reboot, crash and suspend turn VMX operation off under our feet, and then
 * these instructions raise #UD. The fault is skipped: nothing is entered any
 * more, so what is read or written no longer matters.
 */
static inline u64 vmcs_read(u64 field)
{
	u64 value;

	asm volatile("1: vmread %1, %0\n"
		     "2:\n"
		     _ASM_EXTABLE_TYPE_REG(1b, 2b, EX_TYPE_ZERO_REG, %k0)
		     : "=r" (value) : "r" (field) : "cc");
	return value;
}

void vmx_write_failed(u64 field, u64 value);

static inline void vmcs_write(u64 field, u64 value)
{
	bool failed;

	asm volatile("1: vmwrite %2, %1\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : "=@ccbe" (failed) : "r" (field), "rm" (value));
	if (unlikely(failed))
		vmx_write_failed(field, value);
}

/* ---- vmcs.c ---------------------------------------------------------------------------------- */

/*
 * Make the vCPU's VMCS current here, wherever it was; preemption off. In RUN
 * it stays so, by load(). Others that hold vcpu->lock borrow the CPU.
 */
void vmx_vmcs_load(struct vcpu_vmx *vmx);
void vmx_vmcs_borrow(struct vcpu *vcpu);
void vmx_vmcs_return(void);
/* No CPU caches it any more. May sleep. */
void vmx_vmcs_clear(struct vcpu_vmx *vmx);
/* All that this CPU caches; interrupts off, or alone. */
void vmx_vmcs_clear_cpu(void);
/* First contents; the VMCS is current. */
void vmx_vmcs_init(struct vcpu *vcpu);

/* Put the host's state aside, and take it back; preemption off. */
void vmx_host_save(struct vcpu_vmx *vmx);
void vmx_host_restore(struct vcpu_vmx *vmx);

/* ---- switch.S: one trip into the guest, interrupts off. True: it was not entered. ---- */

bool vmx_switch(u64 *gprs, u64 *host_rsp, bool launched);
/* Where exits arrive; not to be called. */
void vmx_switch_exit(void);
/* Run the kernel's handler for the NMI that ended the guest. */
void vmx_switch_nmi(void);

/* ---- exit.c, state.c, l1d.c ----------------------------------------------------------- */

/* Read the exit into vcpu->exit and vcpu->events. */
void vmx_exit_decode(struct vcpu *vcpu);
void vmx_exit_refused(struct vcpu *vcpu);

void vmx_sregs_get(struct vcpu *vcpu, struct vmm_sregs *sregs);
int vmx_code_size(struct vcpu *vcpu);
int vmx_cpl(struct vcpu *vcpu);
void vmx_sregs_set(struct vcpu *vcpu, const struct vmm_sregs *sregs);
int vmx_msr_get(struct vcpu *vcpu, u32 index, u64 *value);
int vmx_msr_set(struct vcpu *vcpu, u32 index, u64 value);
void vmx_dr7_set(struct vcpu *vcpu);
/* CR0, CR4 bits that a guest changes without an exit. */
#define VMX_CR0_GUEST	(X86_CR0_TS | X86_CR0_EM | X86_CR0_MP | X86_CR0_WP | X86_CR0_AM)
#define VMX_CR4_GUEST	(X86_CR4_TSD | X86_CR4_PGE | X86_CR4_PCE | X86_CR4_OSFXSR | \
			 X86_CR4_OSXMMEXCPT)

/* ---- pml.c ---------------------------------------------------------------------------- */

/* Point the CPU at vcpu->dirty_log, if it is to keep one; the VMCS is current. */
void vmx_pml_init(struct vcpu *vcpu);
/* An exit, see exit.c. */
void vmx_pml_full(struct vcpu *vcpu, struct vcpu_exit *exit);

/* ---- apic.c ------------------------------------------------------------------------- */

/* At module load and unload; with the MSR bitmap of all modes but x2APIC. */
int vmx_apic_setup(const void *msr_bitmap);
void vmx_apic_teardown(void);
/* First contents; the VMCS is current. */
void vmx_apic_init(struct vcpu *vcpu);
/* Before some trips into the guest. */
void vmx_apic_prepare(struct vcpu *vcpu);
/* RVI and SVI; what the guest and the CPU have changed meanwhile. */
void vmx_apic_set_status(struct vcpu *vcpu);
void vmx_apic_changed(struct vcpu *vcpu);

static inline u32 vmx_apic_tpr(const struct vcpu_vmx *vmx)
{
	return READ_ONCE(vmx->apic_page[0x080 / 4]);
}

/* Around each trip. */
static inline void vmx_apic_enter(struct vcpu *vcpu, struct vcpu_vmx *vmx)
{
	if (unlikely(vmx->apic_controls & SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY))
		vmx_apic_set_status(vcpu);
	vmx->tpr = vmx_apic_tpr(vmx);
}

static inline void vmx_apic_leave(struct vcpu *vcpu, struct vcpu_vmx *vmx)
{
	if (unlikely(vmx->tpr != vmx_apic_tpr(vmx) ||
		     (vmx->apic_controls & SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY)))
		vmx_apic_changed(vcpu);
}

void vmx_decode_apic_access(struct vcpu *vcpu, struct vcpu_exit *exit);
void vmx_decode_apic_write(struct vcpu *vcpu, struct vcpu_exit *exit);
void vmx_decode_apic_eoi(struct vcpu *vcpu, struct vcpu_exit *exit);

/* ---- vmx.c --------------------------------------------------------------------------- */

/* "MSR-Bitmap Address": one for all VMs, but for vCPUs in x2APIC mode. */
extern struct page *vmx_msr_bitmap;
/* Let the guest read, or write, an MSR without an exit. */
void vmx_msr_allow(u8 *map, u32 index, bool write);
/* Drop the vCPU's TLB entries before the next entry. */
void vmx_flush(struct vcpu *vcpu);

/*
 * The host's policy against L1TF: at module load and unload; before some trips,
 * between which the host touches nothing that a guest must not see; before each.
 */
int vmx_l1d_setup(struct vmm_info *info);
void vmx_l1d_teardown(void);
void vmx_l1d_prepare(struct vcpu *vcpu);
void vmx_l1d_flush(struct vcpu *vcpu);

/* ---- perf.c --------------------------------------------------------------------------- */

struct vmx_perf;

/* To be freed by kfree(). */
int vmx_perf_create(struct vcpu_vmx *vmx);
/* With the VMCS current. */
void vmx_perf_init(struct vcpu_vmx *vmx);
/* What perf counts now, for the next entries. */
void vmx_perf_prepare(struct vcpu_vmx *vmx);
/* Before each entry under vmx->pebs. */
void vmx_perf_quiet(void);

#endif
