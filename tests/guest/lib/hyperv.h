/* SPDX-License-Identifier: GPL-2.0 */
/* Microsoft's hypervisor interface: its numbers, for the guests that try it. */
#ifndef GUEST_HYPERV_H
#define GUEST_HYPERV_H

#include "guest.h"

#define LEAF(n)		(0x40000000 + (n))
/* leaf 3, EAX and EBX */
#define RUNTIME		BIT(0)
#define REF_COUNTER	BIT(1)
#define SYNIC		BIT(2)
#define TIMERS		BIT(3)
#define APIC		BIT(4)
#define CALLS		BIT(5)
#define VP_INDEX	BIT(6)
#define RESET		BIT(7)
#define TSC_PAGE	BIT(9)
#define IDLE		BIT(10)
#define FREQUENCIES	BIT(11)
#define TSC_INVARIANT	BIT(15)
#define EXTENDED	BIT(20)
/* EDX */
#define FREQUENCY_REGS	BIT(8)
#define CRASH_REGS	BIT(10)
#define DIRECT_TIMERS	BIT(19)
/* leaf 4, EAX */
#define HINT_FLUSH	BIT(2)
#define HINT_APIC	BIT(3)
#define HINT_RESET	BIT(4)
#define HINT_RELAXED	BIT(5)
#define HINT_NO_AUTO_EOI BIT(9)
#define HINT_IPI	BIT(10)
#define HINT_EX		BIT(11)
#define NEVER_SPIN	0xffffffff

#define MSR_OS_ID	0x40000000
#define MSR_CALLS	0x40000001
#define MSR_VP_INDEX	0x40000002
#define MSR_RESET	0x40000003
#define MSR_RUNTIME	0x40000010
#define MSR_REF_COUNT	0x40000020
#define MSR_TSC_PAGE	0x40000021
#define MSR_TSC_HZ	0x40000022
#define MSR_APIC_HZ	0x40000023
#define MSR_EOI		0x40000070
#define MSR_ICR		0x40000071
#define MSR_TPR		0x40000072
#define MSR_ASSIST	0x40000073
#define MSR_SCONTROL	0x40000080
#define MSR_SVERSION	0x40000081
#define MSR_SIEFP	0x40000082
#define MSR_SIMP	0x40000083
#define MSR_EOM		0x40000084
#define MSR_SINT(n)	(0x40000090U + (n))
#define MSR_CONFIG(n)	(0x400000b0U + 2 * (n))
#define MSR_COUNT(n)	(0x400000b1U + 2 * (n))
#define MSR_IDLE	0x400000f0
#define MSR_CRASH	0x40000100
#define MSR_CRASH_CTL	0x40000105
#define MSR_INVARIANT	0x40000118
#define MSR_TSC_ADJUST	0x3b
#define ENABLED		1UL
#define LOCKED		2UL
#define OS_ID		0x8100000000000001

#define CALL_FLUSH_SPACE	0x02
#define CALL_FLUSH_LIST		0x03
#define CALL_SPIN		0x08
#define CALL_IPI		0x0b
#define CALL_FLUSH_SPACE_EX	0x13
#define CALL_FLUSH_LIST_EX	0x14
#define CALL_IPI_EX		0x15
#define CALL_POST_MESSAGE	0x5c
#define CALL_SIGNAL_EVENT	0x5d
#define CALL_QUERY		0x8001
#define FAST			BIT(16)
#define BANKS(n)		((u64)(n) << 17)
#define REPS(n)			((u64)(n) << 32)
#define REP_START(n)		((u64)(n) << 48)

enum status {
	SUCCESS, INVALID_CODE = 2, INVALID_INPUT, INVALID_ALIGNMENT, INVALID_PARAMETER,
	ACCESS_DENIED, NO_DATA = 27,
};

#define NO_RAM		0xf0000000UL	/* where nothing is, */
#define ROM		0xc0000UL	/* where nothing can be written, */
#define RAM_END		0x4000000UL	/* and where it ends */

struct tsc_page {
	volatile u32 sequence;
	u32 reserved;
	volatile u64 scale;
	volatile u64 offset;
};

/* Its time, if its sequence says that it is valid. */
static inline u64 tsc_page_read(const struct tsc_page *page)
{
	return (u64)(((unsigned __int128)rdtsc() * page->scale) >> 64) + page->offset;
}

#define MS		10000UL		/* units of 100 ns */
#define SINT_MASKED	BIT(16)
#define SINT_AUTO_EOI	BIT(17)
#define SINT_POLLING	BIT(18)
#define TIMER_EXPIRED	0x80000010
#define PENDING		1		/* in its flags */

/* A slot of the message page, and what a timer puts into it. */
struct message {
	volatile u32 type;
	volatile u8 size, flags, reserved[2];
	volatile u64 sender;
	volatile u32 timer, pad;
	volatile u64 expiry, delivery;
	u64 more[27];
};

#define PAGE_OF(name)	static u8 name[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)))

/* Through the page that the hypervisor fills. */
static inline u64 call_through(const void *page, u64 input, u64 in, u64 out)
{
	register u64 r8 asm("r8") = out;
	u64 ret;

	asm volatile("call *%[page]" : "=a"(ret), "+c"(input), "+d"(in), "+r"(r8)
		     : [page] "r"(page) : "r9", "r10", "r11", "memory", "cc");
	return ret;
}

static inline bool has(u64 eax) { return (cpuid(LEAF(3), 0).eax & eax) == eax; }
static inline bool has_edx(u64 edx) { return (cpuid(LEAF(3), 0).edx & edx) == edx; }
static inline bool hinted(u64 bits) { return (cpuid(LEAF(4), 0).eax & bits) == bits; }

static inline bool is_filled(const u8 *page, u8 with)
{
	for (size_t i = 0; i < PAGE_SIZE; i++)
		if (page[i] != with)
			return false;
	return true;
}

#endif
