/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Numbers of Microsoft's hypervisor interface, for both rings, by the names of
 * the "Hypervisor Top-Level Functional Specification".
 */
#ifndef GIM_HYPERV_TLFS_H
#define GIM_HYPERV_TLFS_H

#include "base.h"

/* "Feature and Interface Discovery": CPUID leaves. */
#define HV_LEAF_VENDOR		0x40000000
#define HV_LEAF_INTERFACE	0x40000001
#define HV_LEAF_IDENTITY	0x40000002
#define HV_LEAF_FEATURES	0x40000003
#define HV_LEAF_HINTS		0x40000004
#define HV_LEAF_LIMITS		0x40000005
#define HV_LEAF_HARDWARE	0x40000006
#define HV_LEAF_LAST		0x4000000a
/* Of the synthetic debugger, which the specification does not have. */
#define HV_LEAF_SYNDBG_VENDOR	0x40000080
#define HV_LEAF_SYNDBG_INTERFACE 0x40000081
#define HV_LEAF_SYNDBG_PLATFORM	0x40000082

/* Leaf FEATURES, EAX and EBX: HV_PARTITION_PRIVILEGE_MASK. */
#define HV_ACCESS_VP_RUNTIME		BIT(0)
#define HV_ACCESS_REF_COUNTER		BIT(1)
#define HV_ACCESS_SYNIC			BIT(2)
#define HV_ACCESS_SYNTHETIC_TIMERS	BIT(3)
#define HV_ACCESS_INTR_CTRL		BIT(4)
#define HV_ACCESS_HYPERCALL		BIT(5)
#define HV_ACCESS_VP_INDEX		BIT(6)
#define HV_ACCESS_RESET			BIT(7)
#define HV_ACCESS_REFERENCE_TSC		BIT(9)
#define HV_ACCESS_GUEST_IDLE		BIT(10)
#define HV_ACCESS_FREQUENCY		BIT(11)
#define HV_ACCESS_TSC_INVARIANT		BIT(15)
#define HV_POST_MESSAGES		BIT(4)
#define HV_SIGNAL_EVENTS		BIT(5)
#define HV_DEBUGGING			BIT(11)
#define HV_EXTENDED_HYPERCALLS		BIT(20)
/* EDX */
#define HV_GUEST_DEBUGGING		BIT(1)
#define HV_FREQUENCY_REGS		BIT(8)
#define HV_GUEST_CRASH_REGS		BIT(10)
#define HV_DEBUG_REGS			BIT(11)
#define HV_DIRECT_TIMERS		BIT(19)

/* Leaf HINTS, EAX: what the guest is recommended to use. EBX: see there. */
#define HV_HINT_REMOTE_FLUSH		BIT(2)
#define HV_HINT_APIC_MSRS		BIT(3)
#define HV_HINT_RESET			BIT(4)
#define HV_HINT_RELAXED_TIMING		BIT(5)
#define HV_HINT_NO_AUTO_EOI		BIT(9)
#define HV_HINT_CLUSTER_IPI		BIT(10)
#define HV_HINT_EX_MASKS		BIT(11)
#define HV_SPIN_NEVER			0xffffffff
#define HV_SPIN_TRIES			4095	/* a good time to give way */

/* Leaf HARDWARE, EAX. */
#define HV_HARDWARE_MSR_BITMAP		BIT(1)
#define HV_HARDWARE_SLAT		BIT(3)

/* "Synthetic MSRs" */
#define HV_MSR_GUEST_OS_ID	0x40000000
#define HV_MSR_HYPERCALL	0x40000001
#define HV_MSR_VP_INDEX		0x40000002
#define HV_MSR_RESET		0x40000003
#define HV_MSR_VP_RUNTIME	0x40000010
#define HV_MSR_TIME_REF_COUNT	0x40000020
#define HV_MSR_REFERENCE_TSC	0x40000021
#define HV_MSR_TSC_FREQUENCY	0x40000022
#define HV_MSR_APIC_FREQUENCY	0x40000023
#define HV_MSR_EOI		0x40000070
#define HV_MSR_ICR		0x40000071
#define HV_MSR_TPR		0x40000072
#define HV_MSR_VP_ASSIST_PAGE	0x40000073
#define HV_MSR_SCONTROL		0x40000080
#define HV_MSR_SVERSION		0x40000081
#define HV_MSR_SIEFP		0x40000082
#define HV_MSR_SIMP		0x40000083
#define HV_MSR_EOM		0x40000084
#define HV_MSR_SINT0		0x40000090
#define HV_MSR_SINT15		0x4000009f
#define HV_MSR_STIMER0_CONFIG	0x400000b0
#define HV_MSR_STIMER3_COUNT	0x400000b7
#define HV_MSR_GUEST_IDLE	0x400000f0
#define HV_MSR_SYNDBG_CONTROL	0x400000f1
#define HV_MSR_SYNDBG_STATUS	0x400000f2
#define HV_MSR_SYNDBG_SEND	0x400000f3
#define HV_MSR_SYNDBG_RECEIVE	0x400000f4
#define HV_MSR_SYNDBG_PENDING	0x400000f5
#define HV_MSR_DEBUG_OPTIONS	0x400000ff
#define HV_MSR_CRASH_P0		0x40000100
#define HV_MSR_CRASH_P4		0x40000104
#define HV_MSR_CRASH_CTL	0x40000105
#define HV_MSR_TSC_INVARIANT	0x40000118
#define HV_MSR_FIRST		0x40000000
#define HV_MSR_LAST		0x400001ff

/* MSRs that hold a page's address: what else is in them. */
#define HV_PAGE_ENABLE		BIT_ULL(0)
#define HV_HYPERCALL_LOCKED	BIT_ULL(1)
#define HV_PAGE_SIZE		4096ULL

/* "SynIC": sources, and what their MSRs hold. */
#define HV_SINTS		16
#define HV_SYNIC_VERSION	1
#define HV_SCONTROL_ENABLE	BIT_ULL(0)
#define HV_SINT_VECTOR		0xff
#define HV_SINT_MASKED		BIT_ULL(16)
#define HV_SINT_AUTO_EOI	BIT_ULL(17)
#define HV_SINT_POLLING		BIT_ULL(18)

/* HV_MESSAGE, of which each source has one in the page of SIMP. */
struct hv_message {
	u32 type;			/* 0: none is there */
	u8 size;			/* of the payload in use */
	u8 flags;
	u8 reserved[2];
	u64 sender;
	u64 payload[30];
};

#define HV_MESSAGE_PENDING		BIT(0)	/* of flags: more wait, write EOM */
#define HV_MESSAGE_TIMER_EXPIRED	0x80000010

/* "Synthetic Timer Configuration Register" */
#define HV_STIMERS		4
#define HV_STIMER_ENABLE	BIT_ULL(0)
#define HV_STIMER_PERIODIC	BIT_ULL(1)
#define HV_STIMER_LAZY		BIT_ULL(2)
#define HV_STIMER_AUTO_ENABLE	BIT_ULL(3)
#define HV_STIMER_VECTOR(c)	((c) >> 4 & 0xff)
#define HV_STIMER_DIRECT	BIT_ULL(12)
#define HV_STIMER_SINT(c)	((c) >> 16 & 15)
#define HV_STIMER_VALID		0xf1fffULL

/* HV_MSR_TSC_INVARIANT: CPUID tells of it. */
#define HV_TSC_INVARIANT_ON	BIT_ULL(0)

#define HV_RESET_NOW		BIT_ULL(0)

/* HV_MSR_CRASH_CTL: of a write, P3 and P4 are the address and length of a message. */
#define HV_CRASH_MESSAGE	BIT_ULL(62)
#define HV_CRASH_NOTIFY		BIT_ULL(63)

/* The synthetic debugger: what its leaf and its MSRs hold. */
#define HV_SYNDBG_KERNEL	BIT(1)		/* of HV_LEAF_SYNDBG_PLATFORM, EAX */
#define HV_SYNDBG_SEND		BIT_ULL(0)	/* of its control */
#define HV_SYNDBG_RECEIVE	BIT_ULL(1)
#define HV_SYNDBG_SIZE(c)	((c) >> 16 & 0xffff)
#define HV_SYNDBG_SENT		BIT_ULL(0)	/* of its status */
#define HV_SYNDBG_RECEIVED(size) (BIT_ULL(2) | (u64)(size) << 16)
#define HV_DEBUG_USE_CALLS	BIT_ULL(2)	/* of HV_MSR_DEBUG_OPTIONS */

/* "HvPostDebugData", and its like; times are in 100 ns. */
#define HV_DEBUG_DATA_MAX	4088
#define HV_DEBUG_TIMEOUT_MAX	4000000

struct hv_post_debug_in {
	u32 count, options;		/* then that many bytes */
};

#define HV_RETRIEVE_LOOP	BIT(0)		/* wait for it */
#define HV_RETRIEVE_TEST	BIT(1)		/* only whether there is a debugger */

struct hv_retrieve_debug_in {
	u32 count, options;
	u64 timeout;
};

struct hv_retrieve_debug_out {
	u32 count, remaining;		/* then that many bytes */
};

#define HV_RESET_INCOMING	BIT(0)		/* forget what has come */
#define HV_RESET_OUTGOING	BIT(1)
#define HV_RESET_CONFIG		BIT(2)		/* tell the addresses */

struct hv_debug_config {
	u32 host_ip, target_ip;
	u16 host_port, target_port;
	u8 host_mac[6], target_mac[6];
};

/* "Reference TSC Page": HV_REFERENCE_TSC_PAGE. */
struct hv_tsc_page {
	u32 sequence;			/* 0: not valid, go by the MSR */
	u32 reserved;
	u64 scale;
	s64 offset;
};

/* "Hypercall Codes" */
#define HV_CALL_FLUSH_SPACE		0x0002
#define HV_CALL_FLUSH_LIST		0x0003
#define HV_CALL_LONG_SPIN_WAIT		0x0008
#define HV_CALL_SEND_IPI		0x000b
#define HV_CALL_FLUSH_SPACE_EX		0x0013
#define HV_CALL_FLUSH_LIST_EX		0x0014
#define HV_CALL_SEND_IPI_EX		0x0015
#define HV_CALL_POST_MESSAGE		0x005c
#define HV_CALL_SIGNAL_EVENT		0x005d
#define HV_CALL_POST_DEBUG_DATA		0x0069
#define HV_CALL_RETRIEVE_DEBUG_DATA	0x006a
#define HV_CALL_RESET_DEBUG_SESSION	0x006b
#define HV_EXT_CALL_QUERY_CAPABILITIES	0x8001

/* "Hypercall Status Codes" */
#define HV_STATUS_SUCCESS			0
#define HV_STATUS_INVALID_HYPERCALL_CODE	2
#define HV_STATUS_INVALID_HYPERCALL_INPUT	3
#define HV_STATUS_INVALID_ALIGNMENT		4
#define HV_STATUS_INVALID_PARAMETER		5
#define HV_STATUS_ACCESS_DENIED			6
#define HV_STATUS_INVALID_CONNECTION_ID		18
#define HV_STATUS_INSUFFICIENT_BUFFERS		19
#define HV_STATUS_NO_DATA			27

#endif
