/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The local APIC's rules without its state: vectors in bitmaps, priorities,
 * who a message is for, and the timer's arithmetic.
 */
#ifndef KMOD_LAPIC_LOGIC_H
#define KMOD_LAPIC_LOGIC_H

#include "base.h"

/* ---- 256 vectors: 8 words of 32 bits, 16 bytes apart as in the xAPIC page ---- */

static inline bool lapic_vector_test(const u32 *words, u8 vector)
{
	return READ_ONCE(words[vector / 32 * 4]) >> (vector % 32) & 1;
}

/* The caller orders writers among themselves; readers may look at any time. */
static inline void lapic_vector_assign(u32 *words, u8 vector, bool value)
{
	u32 *word = &words[vector / 32 * 4];
	u32 bit = 1U << (vector % 32);

	WRITE_ONCE(*word, value ? *word | bit : *word & ~bit);
}

/* The highest set vector, else -1. */
int lapic_vector_highest(const u32 *words);

/* ---- priorities: "Task and Processor Priorities" ----------------------------- */

/* @isrv: the highest vector in service, 0: none. */
u8 lapic_ppr(u8 tpr, u8 isrv);
u8 lapic_apr(u8 tpr, u8 isrv, u8 irrv);
/* @vector's class is above @ppr's. */
static inline bool lapic_outranks(int vector, u8 ppr)
{
	return vector >> 4 > ppr >> 4;
}

/* ---- IA32_APIC_BASE: "Local x2APIC State Transitions" ------------------------ */

enum lapic_mode { LAPIC_OFF, LAPIC_XAPIC, LAPIC_INVALID, LAPIC_X2APIC };

enum lapic_mode lapic_mode_of(u64 base);
bool lapic_mode_may_follow(enum lapic_mode from, enum lapic_mode to);

/* ---- messages ---------------------------------------------------------------- */

enum lapic_delivery {
	LAPIC_FIXED, LAPIC_LOWEST, LAPIC_SMI, LAPIC_NOTHING, LAPIC_NMI, LAPIC_INIT,
	LAPIC_SIPI, LAPIC_EXTINT
};

enum lapic_shorthand { LAPIC_BY_DEST, LAPIC_SELF, LAPIC_ALL, LAPIC_OTHERS };

struct lapic_message {
	enum lapic_delivery mode;	/* NOTHING: goes nowhere; never LOWEST, see @lowest */
	enum lapic_shorthand shorthand;
	u8 vector;
	bool level;			/* level-triggered */
	bool lowest;			/* for one alone of those it is for */
	bool logical;
	bool broadcast;			/* the sender's "all ones" */
	u32 dest;
};

/* What a message is matched against. */
struct lapic_address {
	bool x2apic;
	u32 id, ldr, dfr;
};

/* -EINVAL: not an interrupt message, or one that no APIC takes. */
int lapic_message_from_msi(u64 address, u32 data, struct lapic_message *msg);
void lapic_message_from_icr(u32 low, u32 high, bool x2apic, struct lapic_message *msg);
/* By destination; the shorthand is the sender's business. */
bool lapic_message_matches(const struct lapic_message *msg, const struct lapic_address *own);
/* "Deriving Logical x2APIC ID from the Local x2APIC ID" */
static inline u32 lapic_x2apic_ldr(u32 id)
{
	return id >> 4 << 16 | 1U << (id & 15);
}

/* ---- the timer, in VM nanoseconds: its bus clock is 1 GHz ----------------------- */

/* "Divide Configuration Register": 1 to 128. */
u32 lapic_timer_divider(u32 dcr);
/* How long @count lasts. */
u64 lapic_timer_span(u32 count, u32 dcr);
/*
 * The first expiry after @now of a timer that expired at @deadline <= @now and
 * every @period since; what lies between is lost, not queued.
 */
u64 lapic_timer_next(u64 deadline, u64 period, u64 now);
/* The current count at @now; @deadline 0: stopped. */
u32 lapic_timer_count(u64 deadline, u64 now, u32 initial, u32 dcr);

#endif
