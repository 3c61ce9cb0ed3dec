/* SPDX-License-Identifier: GPL-2.0 */
/*
 * "Hypercall Interface" of the Hypervisor Top-Level Functional Specification:
 * what a call's registers and lists say, for both rings.
 */
#ifndef GIM_HYPERV_CALL_H
#define GIM_HYPERV_CALL_H

#include "base.h"

struct hyperv_call {
	u16 code;
	bool fast;			/* @in and @out are the input itself */
	bool reserved;			/* bits are set that must not be */
	u16 header;			/* variable part of it, in units of 8 bytes */
	u16 count, start;		/* of repetitions */
	u64 in, out;			/* guest-physical addresses, or see @fast */
};

/* How a call is to be made. */
struct hyperv_form {
	u16 code;
	u16 in, out;			/* bytes, without what follows */
	bool set;			/* a variable header: the banks of a set of processors */
	bool list;			/* it is repeated, with 8 bytes of input for each */
};

/* @r: general registers by their encoding; @wide: of 64-bit code. */
void hyperv_call_decode(struct hyperv_call *call, const u64 *r, bool wide);
/* HV_STATUS_*, and how many repetitions were done, into the registers. */
void hyperv_call_result(u64 *r, bool wide, u16 status, u16 done);
/* HV_STATUS_*: a call of this form may be made so. */
u16 hyperv_call_check(const struct hyperv_call *call, const struct hyperv_form *form);

/* Virtual processors by their index; there are no others. */
#define HYPERV_BANKS	4

struct hyperv_set {
	u64 bank[HYPERV_BANKS];		/* 64 of them each */
};

/* "Sparse Virtual Processor Set" */
#define HYPERV_SET_SPARSE	0
#define HYPERV_SET_ALL		1

/*
 * Expand one. @banks: the first HYPERV_BANKS at most of the @count that were
 * given. HV_STATUS_*.
 */
u16 hyperv_set_expand(struct hyperv_set *set, u64 format, u64 valid, const u64 *banks, u16 count);

#endif
