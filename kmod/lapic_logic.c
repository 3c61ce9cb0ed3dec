// SPDX-License-Identifier: GPL-2.0
/*
 * The local APIC's rules without its state. Pure: no locks, nothing owned.
 * Titles in quotes are those of the APIC chapter of Intel's manual, volume 3.
 */
#include "lapic_logic.h"

int lapic_vector_highest(const u32 *words)
{
	int i;

	for (i = 7; i >= 0; i--) {
		u32 word = READ_ONCE(words[i * 4]);

		if (word)
			return i * 32 + 31 - __builtin_clz(word);
	}
	return -1;
}

u8 lapic_ppr(u8 tpr, u8 isrv)
{
	return tpr >> 4 >= isrv >> 4 ? tpr : isrv & 0xf0;
}

/* "Arbitration Priority Register", as AMD's manual defines it. */
u8 lapic_apr(u8 tpr, u8 isrv, u8 irrv)
{
	u8 served = isrv & 0xf0, waiting = irrv & 0xf0, task = tpr & 0xf0;

	if (task >= waiting && task > served)
		return tpr;
	return max(max(task, served), waiting);
}

/* EXTD is bit 10, EN bit 11: together they number the modes. */
enum lapic_mode lapic_mode_of(u64 base)
{
	static const enum lapic_mode modes[4] = {
		LAPIC_OFF, LAPIC_INVALID, LAPIC_XAPIC, LAPIC_X2APIC
	};

	return modes[base >> 10 & 3];
}

bool lapic_mode_may_follow(enum lapic_mode from, enum lapic_mode to)
{
	static const bool allowed[4][4] = {
		[LAPIC_OFF] = { [LAPIC_OFF] = true, [LAPIC_XAPIC] = true },
		[LAPIC_XAPIC] = {
			[LAPIC_OFF] = true, [LAPIC_XAPIC] = true, [LAPIC_X2APIC] = true
		},
		[LAPIC_X2APIC] = { [LAPIC_OFF] = true, [LAPIC_X2APIC] = true },
	};

	return allowed[from][to];
}

/* INIT "level de-assert" did something to the APICs of old; now it is dropped. */
static enum lapic_delivery drop_deassert(enum lapic_delivery mode, u32 data)
{
	bool level = data & BIT(15), assert = data & BIT(14);

	return mode == LAPIC_INIT && level && !assert ? LAPIC_NOTHING : mode;
}

/*
 * "Message Address Register Format", "Message Data Register Format". The level
 * bit of other modes than INIT is not looked at: what is not asserted is not
 * sent. The redirection hint counts in logical mode only.
 */
int lapic_message_from_msi(u64 address, u32 data, struct lapic_message *msg)
{
	enum lapic_delivery mode = data >> 8 & 7;
	bool hint = address & BIT(3), logical = address & BIT(2);
	u32 dest = address >> 12 & 0xff;

	if (address >> 20 != 0xfee || mode == LAPIC_NOTHING || mode == LAPIC_SIPI)
		return -EINVAL;
	*msg = (struct lapic_message) {
		.mode = mode == LAPIC_LOWEST ? LAPIC_FIXED : drop_deassert(mode, data),
		.shorthand = LAPIC_BY_DEST,
		.vector = data & 0xff,
		.level = data & BIT(15),
		.lowest = mode == LAPIC_LOWEST || (mode == LAPIC_FIXED && hint && logical),
		.logical = logical,
		.broadcast = !logical && dest == 0xff,
		.dest = dest,
	};
	return 0;
}

/* "Valid Combinations": with the sender among the receivers, Fixed alone makes sense. */
static bool icr_combines(enum lapic_delivery mode, enum lapic_shorthand shorthand)
{
	if (mode == LAPIC_EXTINT)
		return false;
	return mode == LAPIC_FIXED || shorthand == LAPIC_BY_DEST || shorthand == LAPIC_OTHERS;
}

/* "Interrupt Command Register (ICR)". The trigger mode of an IPI is that of INIT alone. */
void lapic_message_from_icr(u32 low, u32 high, bool x2apic, struct lapic_message *msg)
{
	enum lapic_delivery mode = low >> 8 & 7;
	enum lapic_shorthand shorthand = low >> 18 & 3;
	bool logical = low & BIT(11);
	u32 dest = x2apic ? high : high >> 24;

	*msg = (struct lapic_message) {
		.mode = mode == LAPIC_LOWEST ? LAPIC_FIXED : drop_deassert(mode, low),
		.shorthand = shorthand,
		.vector = low & 0xff,
		.lowest = mode == LAPIC_LOWEST,
		.logical = logical,
		.broadcast = x2apic ? dest == ~0U : !logical && dest == 0xff,
		.dest = dest,
	};
	if (!icr_combines(mode, shorthand))
		msg->mode = LAPIC_NOTHING;
}

/* "Logical Destination Mode" of the xAPIC: flat or cluster model. */
static bool logical_xapic(u32 dest, u8 logical_id, bool flat)
{
	if (dest > 0xff)
		return false;
	if (flat)
		return dest & logical_id;
	if (dest == 0xff)
		return true;
	return dest >> 4 == logical_id >> 4 && (dest & logical_id & 0xf);
}

static bool logical_x2apic(u32 dest, u32 ldr)
{
	return dest >> 16 == ldr >> 16 && (dest & ldr & 0xffff);
}

bool lapic_message_matches(const struct lapic_message *msg, const struct lapic_address *own)
{
	if (msg->broadcast)
		return true;
	if (!msg->logical)
		return msg->dest == own->id;
	if (own->x2apic)
		return logical_x2apic(msg->dest, own->ldr);
	return logical_xapic(msg->dest, own->ldr >> 24, own->dfr >> 28 == 0xf);
}

/* Bits 3, 1, 0: divide by 2, 4 .. 128, then 1. */
u32 lapic_timer_divider(u32 dcr)
{
	u32 code = (dcr >> 1 & 4) | (dcr & 3);

	return code == 7 ? 1 : 2U << code;
}

u64 lapic_timer_span(u32 count, u32 dcr)
{
	return (u64)count * lapic_timer_divider(dcr);
}

u64 lapic_timer_next(u64 deadline, u64 period, u64 now)
{
	if (!period)
		return 0;
	return deadline + ((now - deadline) / period + 1) * period;
}

u32 lapic_timer_count(u64 deadline, u64 now, u32 initial, u32 dcr)
{
	u32 divider = lapic_timer_divider(dcr);
	u64 left;

	if (deadline <= now)
		return 0;
	left = deadline - now;
	return min((left - 1) / divider + 1, (u64)initial);
}
