// SPDX-License-Identifier: GPL-2.0
/*
 * The rules of Intel's "Interrupt 8 - Double Fault Exception (#DF)" (table
 * "Conditions for Generating a Double Fault") and AMD's "#DF - Double-Fault
 * Exception". Owns nothing, needs no lock.
 *
 * Left out: what the CPU itself merges before it leaves the guest, and a
 * machine check, which is never given to guests.
 */
#include "base.h"
#include "merge.h"

enum class { BENIGN, CONTRIBUTORY, PAGE_FAULT, DOUBLE_FAULT };

/* Rows that are not listed are benign. */
static const u8 trpm_class[32] = {
	[TRPM_VECTOR_DE] = CONTRIBUTORY,
	[TRPM_VECTOR_DF] = DOUBLE_FAULT,
	[TRPM_VECTOR_TS] = CONTRIBUTORY,
	[TRPM_VECTOR_NP] = CONTRIBUTORY,
	[TRPM_VECTOR_SS] = CONTRIBUTORY,
	[TRPM_VECTOR_GP] = CONTRIBUTORY,
	[TRPM_VECTOR_PF] = PAGE_FAULT,
	[TRPM_VECTOR_VE] = PAGE_FAULT,
	[TRPM_VECTOR_CP] = CONTRIBUTORY,
	[TRPM_VECTOR_VC] = CONTRIBUTORY,
	[TRPM_VECTOR_SX] = CONTRIBUTORY,
};

static enum class trpm_class_of(const struct trpm_event *event)
{
	if (event->type != TRPM_EVENT_EXCEPTION || event->vector >= ARRAY_SIZE(trpm_class))
		return BENIGN;
	return trpm_class[event->vector];
}

bool trpm_has_error(u8 vector)
{
	const u32 with = 1U << TRPM_VECTOR_DF | 1U << TRPM_VECTOR_TS | 1U << TRPM_VECTOR_NP |
			 1U << TRPM_VECTOR_SS | 1U << TRPM_VECTOR_GP | 1U << TRPM_VECTOR_PF |
			 1U << TRPM_VECTOR_AC | 1U << TRPM_VECTOR_CP | 1U << TRPM_VECTOR_VC |
			 1U << TRPM_VECTOR_SX;

	return vector < 32 && (with >> vector & 1);
}

enum trpm_merge trpm_merge(const struct trpm_event *pending, struct trpm_event *incoming)
{
	enum class first = trpm_class_of(pending);
	enum class second = trpm_class_of(incoming);

	if (pending->type == TRPM_EVENT_INTR || pending->type == TRPM_EVENT_NMI)
		return TRPM_MERGE_THEN_PENDING;
	if (first == BENIGN || second == BENIGN)
		return TRPM_MERGE_ALONE;
	if (first == DOUBLE_FAULT)
		return TRPM_MERGE_TRIPLE;
	/* A page fault after a contributory exception is handled on its own. */
	if (first == CONTRIBUTORY && second == PAGE_FAULT)
		return TRPM_MERGE_ALONE;

	*incoming = (struct trpm_event) {
		.type = TRPM_EVENT_EXCEPTION,
		.vector = TRPM_VECTOR_DF,
		.has_error = 1,
	};
	return TRPM_MERGE_DOUBLE;
}
