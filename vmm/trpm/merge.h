/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What becomes of an event in delivery when its delivery raises an exception.
 *
 * Pure code for both rings: the kernel asks when a fault left the guest in the
 * middle of a delivery, user space when the interpreter or an exit handler
 * raises one.
 */
#ifndef TRPM_MERGE_H
#define TRPM_MERGE_H

#include "base.h"

/* The values are those of VMM_EVENT_* in the kernel interface. */
#define TRPM_EVENT_NONE		0
#define TRPM_EVENT_INTR		1
#define TRPM_EVENT_NMI		2
#define TRPM_EVENT_EXCEPTION	3
#define TRPM_EVENT_SOFT_INTR	4
#define TRPM_EVENT_SOFT_EXC	5
#define TRPM_EVENT_PRIV_EXC	6

#define TRPM_VECTOR_DE	0
#define TRPM_VECTOR_DB	1
#define TRPM_VECTOR_NMI	2
#define TRPM_VECTOR_BP	3
#define TRPM_VECTOR_UD	6
#define TRPM_VECTOR_DF	8
#define TRPM_VECTOR_TS	10
#define TRPM_VECTOR_NP	11
#define TRPM_VECTOR_SS	12
#define TRPM_VECTOR_GP	13
#define TRPM_VECTOR_PF	14
#define TRPM_VECTOR_AC	17
#define TRPM_VECTOR_VE	20
#define TRPM_VECTOR_CP	21
#define TRPM_VECTOR_VC	29
#define TRPM_VECTOR_SX	30

struct trpm_event {
	u8 type;		/* TRPM_EVENT_* */
	u8 vector;
	u8 has_error;
	u8 length;		/* of the instruction, for software events */
	u32 error;
	u64 payload;		/* CR2 of #PF, new DR6 bits of #DB */
};

enum trpm_merge {
	/* Deliver @incoming; @pending is dropped, its instruction runs again. */
	TRPM_MERGE_ALONE,
	/* Deliver @incoming, and @pending (NMI, interrupt) once that has begun. */
	TRPM_MERGE_THEN_PENDING,
	/* @incoming has become #DF; deliver that alone. */
	TRPM_MERGE_DOUBLE,
	/* Nothing can be delivered: the vCPU shuts down. */
	TRPM_MERGE_TRIPLE,
};

/* @incoming was raised while @pending (which may be TRPM_EVENT_NONE) was in delivery. */
enum trpm_merge trpm_merge(const struct trpm_event *pending, struct trpm_event *incoming);

/* True if the CPU pushes an error code for this exception. */
bool trpm_has_error(u8 vector);

#endif
