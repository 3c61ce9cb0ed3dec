/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The interface between vmm.ko and user space. All of it.
 *
 * /dev/vmm gives VM fds, a VM fd gives vCPU fds, and a vCPU fd is mmap()ed
 * once (VMM_VCPU_MMAP_SIZE bytes at offset 0, shared): struct vmm_page, then
 * struct vmm_history. Rights and lifetimes come from the fds. A VM belongs to
 * the address space that made it; calls from another give -EIO.
 *
 * Every structure has fixed-width fields and named padding. Padding and
 * unknown flags must be zero, else -EINVAL. Numbers are never used twice.
 * User space and module fit when the majors are equal and the module's minor
 * is at least the caller's.
 *
 * Errors common to all calls: -ENOTTY for a command this kind of fd does not
 * know (a wrong size is a wrong command), -EFAULT for a bad pointer, -EINVAL
 * for a bad value, -EIO as above, -EBUSY where a row says "not while running",
 * -ENOMEM. What else a call returns stands with it.
 */
#ifndef UAPI_VMM_H
#define UAPI_VMM_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define VMM_ABI_MAJOR		1
#define VMM_ABI_MINOR		5

#define VMM_IOC			0xd6

/* ---- /dev/vmm ---------------------------------------------------------- */

#define VMM_VENDOR_SVM		1
#define VMM_VENDOR_VMX		2

/* struct vmm_info.features: what was found and is in use on this host */
#define VMM_FEATURE_NESTED_1G		(1ULL << 0)	/* 1 GiB nested pages */
#define VMM_FEATURE_NESTED_2M		(1ULL << 1)
#define VMM_FEATURE_ASID		(1ULL << 2)	/* tagged TLB: ASID or VPID */
#define VMM_FEATURE_NEXT_RIP		(1ULL << 3)
#define VMM_FEATURE_DECODE		(1ULL << 4)	/* instruction bytes at a nested fault */
#define VMM_FEATURE_FLUSH_ASID		(1ULL << 5)
#define VMM_FEATURE_CLEAN_BITS		(1ULL << 6)
#define VMM_FEATURE_TSC_SCALING		(1ULL << 7)
#define VMM_FEATURE_TSC_STABLE		(1ULL << 8)	/* the host trusts its own TSC */
#define VMM_FEATURE_PAUSE_FILTER	(1ULL << 9)
#define VMM_FEATURE_VGIF		(1ULL << 10)
#define VMM_FEATURE_LEVEL5		(1ULL << 11)	/* nested tables have 5 levels */
#define VMM_FEATURE_PARANOIA		(1ULL << 12)	/* built with HM_PARANOIA */
#define VMM_FEATURE_TPR_SHADOW		(1ULL << 13)	/* the local APIC's TPR without exits */
#define VMM_FEATURE_APIC_REGISTERS	(1ULL << 14)	/* its registers, read without exits */
#define VMM_FEATURE_VIRTUAL_INTR	(1ULL << 15)	/* the CPU delivers its interrupts */
#define VMM_FEATURE_PREEMPTION_TIMER	(1ULL << 16)	/* the CPU times a guest's timer */
#define VMM_FEATURE_XSAVES		(1ULL << 17)	/* XSAVES for guests, without states */
#define VMM_FEATURE_PML			(1ULL << 18)	/* the CPU notes which pages are written */
#define VMM_FEATURE_NESTED_AD		(1ULL << 19)	/* accessed, dirty bits in nested tables */
/* Found, but nothing uses it: nested pages that may be executed and not read. */
#define VMM_FEATURE_EXEC_ONLY		(1ULL << 20)
#define VMM_FEATURE_STEAL_TIME		(1ULL << 21)	/* the host counts how long threads wait */

/*
 * struct vmm_info.barriers: what runs around the guest against leaks through
 * the CPU's hidden state, by the host's choice (mitigations=)
 */
#define VMM_BARRIER_VERW	(1U << 0)	/* each entry: the CPU's buffers */
#define VMM_BARRIER_DIVIDER	(1U << 1)	/* each entry: what a division left */
#define VMM_BARRIER_L1D		(1U << 2)	/* each entry: the L1 data cache */
#define VMM_BARRIER_L1D_COND	(1U << 3)	/* entries after the host read data of its own */
#define VMM_BARRIER_L1D_READS	(1U << 4)	/* of these two: without a command, by reading */
#define VMM_BARRIER_RSB		(1U << 5)	/* each exit: the return stack buffer */
#define VMM_BARRIER_RSB_ONE	(1U << 6)	/* each exit: one entry of it */
#define VMM_BARRIER_IBRS	(1U << 7)	/* each exit: IBRS written anew */
#define VMM_BARRIER_BHB		(1U << 8)	/* each exit: the branch history */
#define VMM_BARRIER_UNTRAIN	(1U << 9)	/* each exit: predictions of returns */
#define VMM_BARRIER_IBPB_EXIT	(1U << 10)	/* each exit: all branch predictions */
#define VMM_BARRIER_IBPB_VCPU	(1U << 11)	/* before another vCPU runs on a CPU */
#define VMM_BARRIER_IBPB_USER	(1U << 12)	/* before user space runs after a guest */
#define VMM_BARRIER_BP_REDUCE	(1U << 13)	/* while a VM lives: less is predicted */
#define VMM_BARRIER_NX_LARGE	(1U << 14)	/* large nested pages are not executed */

struct vmm_info {
	__u32 abi_major;
	__u32 abi_minor;
	__u32 vendor;			/* VMM_VENDOR_* */
	__u32 max_vcpus;		/* per VM */
	__u32 max_slots;		/* memory slots per VM */
	__u32 phys_bits;		/* guest-physical address width */
	__u32 tsc_khz;			/* of the host */
	__u32 asids;			/* ASIDs or VPIDs per CPU, 0: none */
	__u64 features;			/* VMM_FEATURE_* */
	__u64 xcr0;			/* state components a guest may enable */
	__u32 xsave_size;		/* bytes of struct vmm_xsave.data in use */
	__u32 barriers;			/* VMM_BARRIER_* */
};

struct vmm_cpuid_entry {
	__u32 leaf;
	__u32 subleaf;
	__u32 flags;			/* VMM_CPUID_* */
	__u32 eax, ebx, ecx, edx;
	__u32 pad;
};

#define VMM_CPUID_SUBLEAF	(1U << 0)	/* answers its subleaf only */

#define VMM_CPUID_MAX		256

/* A table of @count entries at the user address @entries. */
struct vmm_cpuid {
	__u32 count;			/* in: room, out: entries; at most VMM_CPUID_MAX */
	__u32 pad;
	__u64 entries;			/* struct vmm_cpuid_entry * */
};

struct vmm_vm_create {
	__u32 flags;			/* none yet */
	__u32 pad;
};

/* Any process that may open the device. */
#define VMM_GET_INFO		_IOR(VMM_IOC, 0x00, struct vmm_info)
/* What the CPU and the module can offer a guest. -E2BIG: @count was too small. */
#define VMM_GET_CPUID		_IOWR(VMM_IOC, 0x01, struct vmm_cpuid)
/*
 * Returns a VM fd (close-on-exec). -EBUSY: another hypervisor has the CPUs.
 * -EINTR: a signal is pending, and nothing was done.
 */
#define VMM_CREATE_VM		_IOW(VMM_IOC, 0x02, struct vmm_vm_create)

/* ---- VM fd ------------------------------------------------------------- */

struct vmm_vcpu_create {
	__u32 apic_id;			/* unique in the VM, below max_vcpus */
	__u32 flags;			/* VMM_VCPU_BSP */
};

#define VMM_VCPU_BSP		(1U << 0)

struct vmm_slot {
	__u32 slot;			/* 0 to max_slots - 1 */
	__u32 flags;			/* VMM_SLOT_* */
	__u64 gpa;			/* page-aligned, like the others */
	__u64 size;			/* bytes; 0 removes the slot */
	__u64 hva;			/* of the caller's address space */
};

#define VMM_SLOT_READONLY	(1U << 0)	/* writes give VMM_EXIT_MMIO */
#define VMM_SLOT_DIRTY_LOG	(1U << 1)

#define VMM_MAX_SLOTS		64

/*
 * Bit N of @bitmap is page @first + N of the slot. GET copies without
 * clearing; CLEAR clears the bits that are set in @bitmap and makes the next
 * write to these pages be noticed. @first is a multiple of 64, and so is
 * @count save at the slot's end.
 *
 * GET misses no write that a vCPU made before the call, running or not; one
 * made meanwhile is in this GET or in a later one. A page whose bit CLEAR has
 * cleared can be read afterwards: what is written later sets the bit again.
 * Some CPUs take a walk of page tables for a write to them, even if no bit in
 * them changes. The caller's own writes, by its own mapping, are its own to
 * remember.
 */
struct vmm_dirty {
	__u32 slot;
	__u32 pad;
	__u64 first;
	__u64 count;
	__u64 bitmap;			/* __u64 * */
};

/*
 * An MSR with a fixed answer: reads give @value; a write is dropped if
 * VMM_MSR_WRITE_IGNORED, else it exits like that of any MSR unknown here.
 */
struct vmm_msr_answer {
	__u32 index;
	__u32 flags;			/* VMM_MSR_* */
	__u64 value;
};

#define VMM_MSR_WRITE_IGNORED	(1U << 0)
#define VMM_MSR_ANSWERS_MAX	128

struct vmm_msr_answers {
	__u32 count;
	__u32 pad;
	__u64 entries;			/* struct vmm_msr_answer * */
};

/* An interrupt as a message: "Message Signalled Interrupts" of the manuals. */
struct vmm_msi {
	__u64 address;
	__u32 data;
	__u32 flags;			/* SEND_MSI: VMM_MSI_*; else 0 */
};

/*
 * Send nothing, but say whether it would do nothing: 1 if a local APIC that it
 * is for has one of the same vector that the guest has not taken yet, else 0.
 */
#define VMM_MSI_ASK		(1U << 0)

/*
 * An irqfd: what is written to the eventfd @fd is sent as @msi, by the kernel
 * and at once. However much its count is, it is one message, and the count is
 * then 0; others should not read it, and EFD_SEMAPHORE makes no sense.
 *
 * For an eventfd that has none yet, one is made (-ENOSPC: VMM_IRQFDS_MAX are
 * there), and what the eventfd holds already is sent. Else @msi and MASKED are
 * rewritten, in one piece: what is written meanwhile is sent as the old or as
 * the new message, once. REMOVE takes it away (-ENOENT: there is none), with
 * all but @fd and that flag 0; what the eventfd holds is left. Closing it
 * everywhere does the same, and so does closing the VM fd.
 *
 * While it is MASKED nothing is sent, @msi need not be a message, and the
 * count stays. If it is not 0 when the mask is taken off, that is a message:
 * as with MSI-X and its pending bit. For an edge at a masked pin of an IOAPIC,
 * which is lost, the caller reads the eventfd before that.
 *
 * RESAMPLE, when it is made only (-EEXIST later): the eventfd @resample_fd is
 * signalled at each EOI of the vector in @msi.data that was a level's, masked or
 * not, on any vCPU, so that who drives a level-triggered line looks at it again
 * and writes to @fd if it is still up. This goes by the EOIs that reach IOAPICs:
 * where the guest suppresses their broadcast, its write to the IOAPIC's EOI
 * register is the caller's to see. VMM_EXIT_EOI comes all the same if it was
 * asked for.
 *
 * -EBADF: not an fd. -EINVAL: not an eventfd, or not an interrupt message.
 */
struct vmm_irqfd {
	__s32 fd;
	__u32 flags;			/* VMM_IRQFD_* */
	__s32 resample_fd;		/* 0 without RESAMPLE */
	__u32 pad;
	struct vmm_msi msi;
};

#define VMM_IRQFD_REMOVE	(1U << 0)
#define VMM_IRQFD_MASKED	(1U << 1)
#define VMM_IRQFD_RESAMPLE	(1U << 2)

#define VMM_IRQFDS_MAX		1024

/*
 * A doorbell: a guest's write of @size bytes that begins at @address, and with
 * MATCH writes @data, adds 1 to the count of the eventfd @fd, and the guest
 * goes on: there is no exit to user space. Where the count is at its limit it
 * stays there, and nobody waits.
 *
 * Which writes: with PORT, OUT to that port, without a prefix REP or a string
 * form. Else MOV to a guest-physical address where no slot is, or a read-only
 * one; the local APIC's page goes before. All others exit as if there were no
 * doorbell, so whoever emulates the device has to take such a write for the
 * signal that it is.
 *
 * -EEXIST: some write would ring another one, too. -ENOSPC: VMM_DOORBELLS_MAX
 * for ports, or as many for memory, are there. -EBADF: not an fd. -EINVAL: not
 * an eventfd; a range beyond 64 Ki ports or phys_bits; a @size that is none or,
 * in memory, that @address is not a multiple of; @data of more than @size
 * bytes, or without MATCH.
 *
 * REMOVE takes away the one of the same @address, @size, @data and flags
 * (-ENOENT: there is none); @fd is 0. No write signals after that. A doorbell
 * outlives its eventfd, until the VM fd is closed.
 */
struct vmm_doorbell {
	__u64 address;			/* port or guest-physical */
	__u64 data;			/* 0 without MATCH */
	__s32 fd;
	__u32 size;			/* 1, 2, 4, 8 (not with PORT); 0: any, not with MATCH */
	__u32 flags;			/* VMM_DOORBELL_* */
	__u32 pad;
};

#define VMM_DOORBELL_REMOVE	(1U << 0)
#define VMM_DOORBELL_PORT	(1U << 1)
#define VMM_DOORBELL_MATCH	(1U << 2)

#define VMM_DOORBELLS_MAX	1024

/*
 * The VM's clock. At host time @host_ns (CLOCK_MONOTONIC) the VM's virtual
 * time was @vm_ns and its TSC @guest_tsc; since then both go on at @ns_ratio
 * (VM ns per host ns) and @tsc_ratio (guest per host ticks), both with 32
 * bits of fraction, as long as VMM_CLOCK_RUNNING is set. LAPIC timers and the
 * TSC of all vCPUs obey it. A @host_ns of 0 means now.
 *
 * With VMM_CLOCK_TSC_EMULATED the TSC is not made of the host's, which may be
 * of no use: RDTSC and RDTSCP exit, and a host tick is what @host_ns makes of
 * vmm_info.tsc_khz. The module sees to it all, and sets the flag itself where
 * the host does not trust its TSC, or from when it stops to.
 */
struct vmm_clock {
	__u32 flags;			/* VMM_CLOCK_* */
	__u32 pad;
	__u64 host_ns;
	__u64 host_tsc;			/* out: pair of host_ns; in: 0 */
	__u64 vm_ns;
	__u64 guest_tsc;
	__u64 ns_ratio;			/* 2 % to 20000 % of 1 << 32 */
	__u64 tsc_ratio;		/* likewise; 1 << 32 unless the CPU scales, or emulated */
};

#define VMM_CLOCK_RUNNING	(1U << 0)
#define VMM_CLOCK_TSC_EMULATED	(1U << 1)

/*
 * What the module does of a paravirtual interface. Without HYPERCALLS, VMCALL
 * and VMMCALL raise #UD. With it both exit, be the instruction the CPU's own
 * or the other vendor's, whatever the ring.
 *
 * @tsc_mul and @tsc_shift make VM nanoseconds of TSC ticks, from TSC 0 on:
 * (ticks << shift) * mul >> 32, where a negative shift goes to the right.
 * VMM_PV_CLOCK's pages tell them to the guest, so without them (@tsc_mul 0)
 * there are none.
 */
struct vmm_pv {
	__u32 flags;			/* VMM_PV_* */
	__u32 tsc_mul;			/* 0, or the highest bit is set */
	__s32 tsc_shift;		/* -31 to 31 */
	__u32 pad;
};

#define VMM_PV_HYPERCALLS	(1U << 0)
#define VMM_PV_CLOCK_STABLE	(1U << 1)	/* clock pages say so while all TSCs agree */
/*
 * Calls of KVM's interface that the module does, for ring 0; all others exit.
 * With KICK a HLT with interrupts off exits only if no other vCPU can end it.
 */
#define VMM_PV_KICK		(1U << 2)	/* 5: end another's HLT */
#define VMM_PV_SEND_IPI		(1U << 3)	/* 10: interrupts to many at once */
#define VMM_PV_YIELD		(1U << 4)	/* 11: let another run that was preempted */

/*
 * What the module does of Hyper-V's interface, by the Hypervisor Top-Level
 * Functional Specification; a virtual processor's index is its APIC ID. All
 * other MSRs of the interface exit. Calls do, too; they need
 * VMM_PV_HYPERCALLS.
 *
 * @scale makes the reference time, in units of 100 ns, of TSC ticks: ticks *
 * scale >> 64, from TSC 0 on. With 0 it is the VM's time instead, and the page
 * of the reference TSC tells no line.
 */
struct vmm_hv {
	__u32 flags;			/* VMM_HV_* */
	__u32 pad;
	__u64 scale;
};

#define VMM_HV_REF_COUNT	(1U << 0)	/* HV_X64_MSR_TIME_REF_COUNT */
#define VMM_HV_APIC		(1U << 1)	/* HV_X64_MSR_EOI, _ICR, _TPR */
#define VMM_HV_IDLE		(1U << 2)	/* HV_X64_MSR_GUEST_IDLE */
/* Calls for ring 0, as long as VMM_HV_ON_CALLS; all others exit. */
#define VMM_HV_FLUSH		(1U << 3)	/* HvFlushVirtualAddressSpace, -List */
#define VMM_HV_SEND_IPI		(1U << 4)	/* HvSendSyntheticClusterIpi */
#define VMM_HV_EX_MASKS		(1U << 5)	/* of these the forms called Ex, too */
#define VMM_HV_LONG_SPIN	(1U << 6)	/* HvNotifyLongSpinWait */
/* CPUID.80000007H:EDX[8] is 0 until VMM_HV_ON_TSC_INVARIANT */
#define VMM_HV_TSC_INVARIANT	(1U << 7)
/* HV_X64_MSR_STIMERn_CONFIG, _COUNT of timers that are lent: see struct vmm_hv_timer */
#define VMM_HV_DIRECT_TIMERS	(1U << 8)

/*
 * The same as it stands; any time, and a VM begins with none of it. The page
 * of the reference TSC, at @tsc_page, is written where there is RAM for it:
 * with the line, or, while the guest has TSCs that differ from the VM's, with
 * a sequence of 0.
 */
struct vmm_hv_state {
	__u32 flags;			/* VMM_HV_ON_* */
	__u32 pad;
	__u64 tsc_page;			/* page-aligned; 0 without its flag */
};

#define VMM_HV_ON_TSC_PAGE	(1U << 0)
#define VMM_HV_ON_CALLS		(1U << 1)
#define VMM_HV_ON_TSC_INVARIANT	(1U << 2)

/* Returns a vCPU fd (close-on-exec). -EEXIST: the APIC ID is taken. */
#define VMM_VM_CREATE_VCPU	_IOW(VMM_IOC, 0x20, struct vmm_vcpu_create)
/* Atomic, also under running vCPUs. -EEXIST: overlaps another slot. */
#define VMM_VM_SET_SLOT		_IOW(VMM_IOC, 0x21, struct vmm_slot)
#define VMM_VM_GET_DIRTY	_IOW(VMM_IOC, 0x22, struct vmm_dirty)
#define VMM_VM_CLEAR_DIRTY	_IOW(VMM_IOC, 0x23, struct vmm_dirty)
/* Once, before the first vCPU is made: -EBUSY later. */
#define VMM_VM_SET_CPUID	_IOW(VMM_IOC, 0x24, struct vmm_cpuid)
#define VMM_VM_SET_MSRS		_IOW(VMM_IOC, 0x25, struct vmm_msr_answers)
#define VMM_VM_SET_CLOCK	_IOW(VMM_IOC, 0x26, struct vmm_clock)
/* The clock as it stands now, at the host_ns and host_tsc it returns. */
#define VMM_VM_GET_CLOCK	_IOR(VMM_IOC, 0x27, struct vmm_clock)
/* Any thread, any time. -EINVAL: not an interrupt message. */
#define VMM_VM_SEND_MSI		_IOW(VMM_IOC, 0x28, struct vmm_msi)
/* Both: any thread, any time, also under running vCPUs. */
#define VMM_VM_SET_IRQFD	_IOW(VMM_IOC, 0x29, struct vmm_irqfd)
#define VMM_VM_SET_DOORBELL	_IOW(VMM_IOC, 0x2a, struct vmm_doorbell)
/* Once, before the first vCPU is made: -EBUSY later. */
#define VMM_VM_SET_PV		_IOW(VMM_IOC, 0x2b, struct vmm_pv)
#define VMM_VM_SET_HV		_IOW(VMM_IOC, 0x2c, struct vmm_hv)
/* -EINVAL: what VMM_VM_SET_HV has not asked for. */
#define VMM_VM_SET_HV_STATE	_IOW(VMM_IOC, 0x2d, struct vmm_hv_state)

/* ---- vCPU fd: the shared page ------------------------------------------ */

/* Registers in the order of their encoding. */
enum vmm_gpr {
	VMM_RAX, VMM_RCX, VMM_RDX, VMM_RBX, VMM_RSP, VMM_RBP, VMM_RSI, VMM_RDI,
	VMM_R8, VMM_R9, VMM_R10, VMM_R11, VMM_R12, VMM_R13, VMM_R14, VMM_R15,
	VMM_GPR_COUNT
};

enum vmm_seg {
	VMM_ES, VMM_CS, VMM_SS, VMM_DS, VMM_FS, VMM_GS, VMM_LDTR, VMM_TR,
	VMM_SEG_COUNT
};

struct vmm_gprs {
	__u64 r[VMM_GPR_COUNT];
	__u64 rip;
	__u64 rflags;
};

/* VT-x's access rights: type 0-3, S 4, DPL 5-6, P 7, AVL 12, L 13, DB 14, G 15 */
struct vmm_segment {
	__u64 base;
	__u32 limit;			/* in bytes, expanded by G */
	__u16 selector;
	__u16 pad0;
	__u32 attr;
	__u32 pad1;
};

#define VMM_SEG_UNUSABLE	(1U << 16)

struct vmm_dtable {
	__u64 base;
	__u16 limit;
	__u16 pad[3];
};

struct vmm_sregs {
	struct vmm_segment seg[VMM_SEG_COUNT];
	struct vmm_dtable gdtr, idtr;
	__u64 cr0, cr2, cr3, cr4, cr8;
	__u64 efer;
	__u64 xcr0;
	__u64 apic_base;
};

struct vmm_dregs {
	__u64 dr[4];
	__u64 dr6, dr7;
};

/* What stands between the vCPU and its next instruction. */
struct vmm_events {
	__u8 type;			/* VMM_EVENT_*: what is in delivery */
	__u8 vector;
	__u8 has_error;
	__u8 length;			/* of the instruction, for software events */
	__u32 error;
	__u64 payload;			/* CR2 of #PF, new DR6 bits of #DB */
	__u8 nmi_pending;		/* 0 to 2 */
	__u8 nmi_masked;
	__u8 shadow;			/* VMM_SHADOW_* */
	__u8 run_state;			/* VMM_STATE_* */
	__u8 sipi_vector;
	__u8 init_pending;		/* an INIT waits for the vCPU to run */
	__u8 sipi_pending;
	__u8 kicked;			/* VMM_PV_KICK's call came, for the next HLT */
	__u64 pad1;
};

#define VMM_EVENT_NONE		0
#define VMM_EVENT_INTR		1	/* external interrupt, acknowledged */
#define VMM_EVENT_NMI		2
#define VMM_EVENT_EXCEPTION	3	/* hardware exception */
#define VMM_EVENT_SOFT_INTR	4	/* INT n */
#define VMM_EVENT_SOFT_EXC	5	/* INT3, INTO */
#define VMM_EVENT_PRIV_EXC	6	/* INT1 */

#define VMM_SHADOW_STI		(1U << 0)
#define VMM_SHADOW_MOV_SS	(1U << 1)

#define VMM_STATE_RUNNING	0
#define VMM_STATE_HALTED	1
#define VMM_STATE_WAIT_SIPI	2
#define VMM_STATE_SHUTDOWN	3	/* after a triple fault; RUN gives -EIO */
#define VMM_STATE_IDLE		4	/* VMM_HV_IDLE: until an interrupt, whatever RFLAGS.IF */

/* Groups of state, for the masks of the page. */
#define VMM_GROUP_RAX		(1U << 0)	/* gprs.r[VMM_RAX] alone */
#define VMM_GROUP_GPRS		(1U << 1)	/* gprs, all of it */
#define VMM_GROUP_SREGS		(1U << 2)
#define VMM_GROUP_DREGS		(1U << 3)
#define VMM_GROUP_EVENTS	(1U << 4)
#define VMM_GROUP_ALL		0x1fU

enum vmm_exit_reason {
	VMM_EXIT_NONE,		/* nothing of the guest's: call RUN again */
	VMM_EXIT_KICK,		/* VMM_VCPU_KICK was called */
	VMM_EXIT_IO,		/* port I/O, string forms too */
	VMM_EXIT_MMIO,		/* access outside the slots, or a write to a read-only one */
	VMM_EXIT_RDMSR,		/* an MSR the module does not know */
	VMM_EXIT_WRMSR,
	VMM_EXIT_EXTINT,	/* the PIC's line is up and its interrupt can be taken */
	VMM_EXIT_EOI,		/* EOI of a level named by VMM_VCPU_SET_EOI_EXITS */
	VMM_EXIT_HALTED,	/* HLT with interrupts off, or INIT: it waits for another's word */
	VMM_EXIT_HYPERCALL,	/* VMCALL or VMMCALL, see struct vmm_pv */
	VMM_EXIT_TRIPLE_FAULT,	/* registers as they were at the fault */
	VMM_EXIT_CRASH,		/* nothing more can be done with this vCPU */
	VMM_EXIT_TASK_SWITCH,	/* by hardware: the CPU leaves it to software */
	VMM_EXIT_REASON_COUNT
};

struct vmm_exit_io {
	__u16 port;
	__u8 size;			/* 1, 2 or 4 */
	__u8 flags;			/* VMM_IO_* */
	__u32 data;			/* of OUT */
	__u8 addr_size;			/* 2, 4 or 8, of string forms */
	__u8 seg;			/* enum vmm_seg, of string forms */
	__u8 pad[6];
};

#define VMM_IO_IN		(1U << 0)
#define VMM_IO_STRING		(1U << 1)
#define VMM_IO_REP		(1U << 2)

struct vmm_exit_mmio {
	__u64 gpa;
	__u8 flags;			/* VMM_MMIO_* */
	__u8 insn_len;			/* bytes in insn, 0 if it was not read */
	__u8 insn[15];
	__u8 size;			/* of a plain MOV, 1, 2, 4 or 8, all of it at gpa; else 0 */
	__u8 gpr;			/* enum vmm_gpr, whose low bytes that reads into */
	__u8 pad[5];
	__u64 data;			/* that it writes */
};

#define VMM_MMIO_WRITE		(1U << 0)
#define VMM_MMIO_FETCH		(1U << 1)

struct vmm_exit_msr {
	__u32 index;
	__u32 pad;
	__u64 value;			/* of WRMSR */
};

struct vmm_exit_crash {
	__u32 why;			/* VMM_CRASH_* */
	__u32 detail;			/* number of the failed check, 0: none */
	char text[80];			/* terminated; for a person */
};

/* The CPU has checked privileges, the gate and the new TSS's descriptor. */
struct vmm_exit_task {
	__u16 selector;			/* of the new task's TSS */
	__u8 cause;			/* VMM_TASK_* */
	__u8 pad[5];
};

#define VMM_TASK_CALL		0	/* directly, or through a task gate */
#define VMM_TASK_IRET		1
#define VMM_TASK_JMP		2
#define VMM_TASK_EVENT		3	/* a gate in the IDT; events tell whose delivery it is */

#define VMM_CRASH_UNKNOWN_EXIT	1	/* see vmm_page.raw */
#define VMM_CRASH_BAD_STATE	2	/* the CPU refuses to enter; text says why */
#define VMM_CRASH_EVENT_LOOP	3	/* an exception's delivery raises it again, for good */
#define VMM_CRASH_MEMORY	4	/* the memory behind a slot cannot be had */
#define VMM_CRASH_FETCH		5	/* an instruction that exited cannot be read */

/*
 * The kernel writes it when RUN returns 0, except what is said to be the
 * caller's. Groups in @wanted (kept until changed) and those the exit itself
 * needs are filled and named in @cached; groups the caller changed are named
 * in @dirty, read once at the next RUN or VMM_VCPU_STORE, checked as a whole
 * (-EINVAL: nothing was taken), then @dirty is cleared.
 *
 * IO: RIP is behind the instruction; IN wants RAX merged and VMM_GROUP_RAX
 * set. String forms are left at the instruction with GPRS and SREGS cached.
 * MMIO: at the instruction, GPRS, SREGS, EVENTS cached; a MOV is @insn_len
 * long, without SREGS. RDMSR, WRMSR: at the instruction, @insn_len long, GPRS
 * and EVENTS cached. HYPERCALL: likewise, SREGS too.
 * TASK_SWITCH: before it, @insn_len long unless by an event, all cached.
 */
struct vmm_page {
	__u32 reason;			/* enum vmm_exit_reason */
	__u32 insn_len;			/* of the exiting instruction, where known */
	__u32 cached;			/* VMM_GROUP_* */
	__u32 wanted;			/* the caller's */
	__u32 dirty;			/* the caller's; cleared when taken */
	__u32 pad0;
	__u64 raw[4];			/* the vendor's exit code and information */
	__u64 exit_rip;			/* where the instruction that exited began */
	union {
		struct vmm_exit_io io;
		struct vmm_exit_mmio mmio;
		struct vmm_exit_msr msr;
		struct vmm_exit_crash crash;
		struct vmm_exit_task task;
		__u32 eoi_vector;
		__u8 space[128];
	} u;
	struct vmm_gprs gprs;
	struct vmm_sregs sregs;
	struct vmm_dregs dregs;
	struct vmm_events events;
};

/* One exit; the ring is read when something went wrong, at any time. */
struct vmm_history_entry {
	__u64 rip;
	__u64 info;			/* gpa, port, MSR index, ... by reason */
	__u64 tsc;			/* the host's, at the exit */
	__u32 raw;			/* the vendor's exit code */
	__u32 reason;			/* enum vmm_stat */
};

#define VMM_HISTORY_SIZE	64

/* What is counted, and named by --stats. */
enum vmm_stat {
	VMM_STAT_CPUID, VMM_STAT_RDMSR, VMM_STAT_WRMSR, VMM_STAT_IO, VMM_STAT_MMIO,
	VMM_STAT_APIC, VMM_STAT_NESTED_FAULT, VMM_STAT_INTR, VMM_STAT_NMI,
	VMM_STAT_WINDOW, VMM_STAT_HLT, VMM_STAT_CR, VMM_STAT_DR, VMM_STAT_EXCEPTION,
	VMM_STAT_XSETBV, VMM_STAT_HYPERCALL, VMM_STAT_PAUSE, VMM_STAT_TASK_SWITCH,
	VMM_STAT_CACHE, VMM_STAT_TLB, VMM_STAT_SHUTDOWN, VMM_STAT_UNDEFINED,
	VMM_STAT_BAD_STATE, VMM_STAT_OTHER,
	/* not exits, but worth counting */
	VMM_STAT_USER,			/* returns to user space */
	VMM_STAT_INJECTED,		/* events injected */
	VMM_STAT_REDELIVERED,		/* of those, again after an interrupted delivery */
	VMM_STAT_TLB_FLUSH,
	VMM_STAT_HALT_WAIT,		/* sleeps in HLT */
	VMM_STAT_L1D_FLUSH,		/* VMM_BARRIER_L1D, VMM_BARRIER_L1D_COND */
	VMM_STAT_IBPB_VCPU,		/* VMM_BARRIER_IBPB_VCPU */
	VMM_STAT_IBPB_USER,		/* VMM_BARRIER_IBPB_USER */
	/* exits again */
	VMM_STAT_DIRTY_LOG,		/* the CPU's log of written pages was full */
	VMM_STAT_TIMER,			/* the CPU's timer, for the local APIC's */
	VMM_STAT_RDTSC, VMM_STAT_RDTSCP,
	/* not exits */
	VMM_STAT_HALT_POLLED,		/* waits in HLT that ended before the vCPU slept */
	VMM_STAT_HALT_POLL_VAIN,	/* sleeps in HLT that it polled before */
	VMM_STAT_YIELD,			/* CPUs given to another vCPU, in a loop of PAUSE */
	VMM_STAT_DOORBELL,		/* exits that ended with a signal to an eventfd */
	VMM_STAT_COUNT
};

struct vmm_history {
	__u64 next;			/* exits so far; entry next % SIZE is the oldest */
	__u64 pad[3];
	__u64 stat[64];			/* by enum vmm_stat */
	struct vmm_history_entry entry[VMM_HISTORY_SIZE];
};

#define VMM_PAGE_SIZE		4096
#define VMM_VCPU_MMAP_SIZE	(2 * VMM_PAGE_SIZE)

/* ---- vCPU fd: calls ---------------------------------------------------- */

struct vmm_groups {
	__u32 mask;			/* VMM_GROUP_* */
	__u32 pad;
};

/* The standard (non-compacted) XSAVE image: "XSAVE Area" of the manuals. */
struct vmm_xsave {
	__u32 size;			/* of data, at most vmm_info.xsave_size */
	__u32 pad;
	__u64 data;			/* void * */
};

struct vmm_msr {
	__u32 index;
	__u32 pad;
	__u64 value;
};

/* VMM_VCPU_LIST_MSRS names the MSRs the module keeps for a vCPU. */
struct vmm_msrs {
	__u32 count;			/* in: entries or room; out: how many were done */
	__u32 pad;
	__u64 entries;			/* struct vmm_msr * */
};

#define VMM_MSRS_MAX		128

/* The local APIC, whole. */
struct vmm_lapic {
	__u32 reg[256];			/* at their xAPIC offsets / 4, 32 bits each */
	__u64 timer_deadline;		/* VM ns of the next expiry, 0: none */
	__u64 tsc_deadline;		/* IA32_TSC_DEADLINE */
	__u32 x2apic_id;
	__u32 esr_pending;		/* errors since ESR was written, in ESR's bits */
	__u32 pad[2];
};

/* One register of the local APIC, for the interpreter; @offset is the xAPIC's. */
struct vmm_apic_access {
	__u32 offset;			/* multiple of 4 below 4096 */
	__u32 write;			/* 0 or 1 */
	__u32 value;
	__u32 pad;
};

struct vmm_level {
	__u32 level;			/* 0 or 1 */
	__u32 pad;
};

struct vmm_eoi_exits {
	__u64 vectors[4];
};

/*
 * What the module keeps in guest memory for a vCPU, at @gpa, in the layout of
 * KVM's interface. Where there is no RAM, or RAM that cannot be written,
 * nothing is written; so @gpa need not be of RAM. A reset or INIT ends it, and
 * makes @gpa 0.
 */
struct vmm_vcpu_pv {
	__u32 what;			/* enum vmm_pv_page */
	__u32 flags;			/* VMM_PV_ENABLED */
	__u64 gpa;
};

/* Vectors whose interrupts are over as soon as they are taken: no EOI. */
struct vmm_hv_vcpu {
	__u64 auto_eoi[4];
};

/*
 * A synthetic timer that user space lends to the module, which has its MSRs
 * from then on and interrupts the vCPU when it expires. A guest's write of a
 * config that is not one of direct mode with a vector exits, and leaves the
 * timer as it was. A reset of the vCPU takes all back; INIT does not. Without
 * VMM_HV_TIMER_LENT what follows @flags is 0.
 */
struct vmm_hv_timer {
	__u32 index;			/* below VMM_HV_TIMERS */
	__u32 flags;			/* VMM_HV_TIMER_LENT */
	__u64 config, count;		/* as its MSRs; the former one of direct mode */
	/* Reference time of the next expiry, 0: none; or it is to start, if it is to run. */
	__u64 expiry;
};

#define VMM_HV_TIMERS		4
#define VMM_HV_TIMER_LENT	(1U << 0)

enum vmm_pv_page {
	VMM_PV_CLOCK,			/* struct pvclock_vcpu_time_info, 4-byte aligned */
	VMM_PV_STEAL_TIME,		/* struct kvm_steal_time, 64-byte aligned */
	VMM_PV_EOI,			/* a flag of 4 bytes, aligned */
	VMM_PV_HALT_POLL,		/* no page, @gpa 0: HLT polls; ENABLED after a reset */
	VMM_PV_PAGE_COUNT
};

#define VMM_PV_ENABLED		(1U << 0)

/*
 * Run until an exit. 0: see the page. -EINTR: a signal is pending, nothing is
 * lost. -EINVAL: a dirty group has a value that cannot be. -EIO: shut down.
 */
#define VMM_VCPU_RUN		_IO(VMM_IOC, 0x40)
/* Make the current or the next RUN return VMM_EXIT_KICK. Any thread. */
#define VMM_VCPU_KICK		_IO(VMM_IOC, 0x41)
/* Fill groups of the page; take the groups in vmm_page.dirty. Not while running. */
#define VMM_VCPU_FETCH		_IOW(VMM_IOC, 0x42, struct vmm_groups)
#define VMM_VCPU_STORE		_IO(VMM_IOC, 0x43)
#define VMM_VCPU_GET_XSAVE	_IOW(VMM_IOC, 0x44, struct vmm_xsave)
#define VMM_VCPU_SET_XSAVE	_IOW(VMM_IOC, 0x45, struct vmm_xsave)
#define VMM_VCPU_LIST_MSRS	_IOWR(VMM_IOC, 0x46, struct vmm_msrs)
#define VMM_VCPU_GET_MSRS	_IOWR(VMM_IOC, 0x47, struct vmm_msrs)
#define VMM_VCPU_SET_MSRS	_IOWR(VMM_IOC, 0x48, struct vmm_msrs)
#define VMM_VCPU_GET_LAPIC	_IOR(VMM_IOC, 0x49, struct vmm_lapic)
#define VMM_VCPU_SET_LAPIC	_IOW(VMM_IOC, 0x4a, struct vmm_lapic)
/* From the vCPU's own thread, between runs. */
#define VMM_VCPU_APIC_ACCESS	_IOWR(VMM_IOC, 0x4b, struct vmm_apic_access)
/* The PIC's INTR line. Any thread, any time. */
#define VMM_VCPU_SET_EXTINT	_IOW(VMM_IOC, 0x4c, struct vmm_level)
#define VMM_VCPU_SET_EOI_EXITS	_IOW(VMM_IOC, 0x4d, struct vmm_eoi_exits)
/* Back to the state after INIT (or power-up, for the BSP). Not while running. */
#define VMM_VCPU_RESET		_IO(VMM_IOC, 0x4e)
/* Not while running. -EINVAL: with VMM_FEATURE_VIRTUAL_INTR there can be none. */
#define VMM_VCPU_SET_HV		_IOW(VMM_IOC, 0x52, struct vmm_hv_vcpu)
/* Not while running. GET: @what is the caller's, the rest comes back. */
#define VMM_VCPU_SET_PV		_IOW(VMM_IOC, 0x50, struct vmm_vcpu_pv)
#define VMM_VCPU_GET_PV		_IOWR(VMM_IOC, 0x51, struct vmm_vcpu_pv)
/*
 * Likewise, with @index. -EINVAL of SET: what VMM_VM_SET_HV has not asked for,
 * a config of another mode, or an expiry of a timer that does not run.
 */
#define VMM_VCPU_SET_HV_TIMER	_IOW(VMM_IOC, 0x53, struct vmm_hv_timer)
#define VMM_VCPU_GET_HV_TIMER	_IOWR(VMM_IOC, 0x54, struct vmm_hv_timer)

/* ---- sizes ------------------------------------------------------------- */

_Static_assert(sizeof(struct vmm_info) == 56, "ABI");
_Static_assert(sizeof(struct vmm_cpuid_entry) == 32, "ABI");
_Static_assert(sizeof(struct vmm_cpuid) == 16, "ABI");
_Static_assert(sizeof(struct vmm_vm_create) == 8, "ABI");
_Static_assert(sizeof(struct vmm_vcpu_create) == 8, "ABI");
_Static_assert(sizeof(struct vmm_slot) == 32, "ABI");
_Static_assert(sizeof(struct vmm_dirty) == 32, "ABI");
_Static_assert(sizeof(struct vmm_msr_answer) == 16, "ABI");
_Static_assert(sizeof(struct vmm_msr_answers) == 16, "ABI");
_Static_assert(sizeof(struct vmm_msi) == 16, "ABI");
_Static_assert(sizeof(struct vmm_irqfd) == 32, "ABI");
_Static_assert(sizeof(struct vmm_doorbell) == 32, "ABI");
_Static_assert(sizeof(struct vmm_clock) == 56, "ABI");
_Static_assert(sizeof(struct vmm_pv) == 16, "ABI");
_Static_assert(sizeof(struct vmm_hv) == 16, "ABI");
_Static_assert(sizeof(struct vmm_hv_state) == 16, "ABI");
_Static_assert(sizeof(struct vmm_hv_vcpu) == 32, "ABI");
_Static_assert(sizeof(struct vmm_hv_timer) == 32, "ABI");
_Static_assert(sizeof(struct vmm_vcpu_pv) == 16, "ABI");
_Static_assert(sizeof(struct vmm_gprs) == 144, "ABI");
_Static_assert(sizeof(struct vmm_segment) == 24, "ABI");
_Static_assert(sizeof(struct vmm_sregs) == 288, "ABI");
_Static_assert(sizeof(struct vmm_dregs) == 48, "ABI");
_Static_assert(sizeof(struct vmm_events) == 32, "ABI");
_Static_assert(sizeof(struct vmm_exit_io) == 16, "ABI");
_Static_assert(sizeof(struct vmm_exit_mmio) == 40, "ABI");
_Static_assert(sizeof(struct vmm_exit_crash) == 88, "ABI");
_Static_assert(sizeof(struct vmm_exit_task) == 8, "ABI");
_Static_assert(sizeof(struct vmm_page) <= VMM_PAGE_SIZE, "ABI");
_Static_assert(sizeof(struct vmm_history) <= VMM_PAGE_SIZE, "ABI");
_Static_assert(sizeof(struct vmm_lapic) == 1056, "ABI");

#endif
