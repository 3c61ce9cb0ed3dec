// SPDX-License-Identifier: GPL-2.0
/*
 * String instructions, alone or repeated.
 *
 * A repetition is done in batches, so that an interrupt waits for one batch at
 * most. The state after each iteration is committed at once: a fault in the
 * middle leaves the registers where the processor would ("Repeat String
 * Operation Prefix").
 */
#include "vmm/em/internal.h"

#define BATCH	256

/* The prefix that counts, the last of F2 and F3; 0 without one. */
static u8 rep_prefix(const struct interp *in)
{
	u8 rep = 0;
	unsigned int i;

	for (i = 0; i < in->insn->raw.prefix_count; i++) {
		u8 value = in->insn->raw.prefixes[i].value;

		if (value == 0xf2 || value == 0xf3)
			rep = value;
	}
	return rep;
}

/* DS or what overrides it. */
static enum interp_seg source_segment(const struct interp *in)
{
	static const struct { u64 attribute; enum interp_seg seg; } overrides[] = {
		{ ZYDIS_ATTRIB_HAS_SEGMENT_ES, INTERP_ES },
		{ ZYDIS_ATTRIB_HAS_SEGMENT_CS, INTERP_CS },
		{ ZYDIS_ATTRIB_HAS_SEGMENT_SS, INTERP_SS },
		{ ZYDIS_ATTRIB_HAS_SEGMENT_FS, INTERP_FS },
		{ ZYDIS_ATTRIB_HAS_SEGMENT_GS, INTERP_GS },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(overrides); i++) {
		if (in->insn->attributes & overrides[i].attribute)
			return overrides[i].seg;
	}
	return INTERP_DS;
}

/* The element that RSI or RDI points to. */
static int element(struct interp *in, enum interp_gpr reg, unsigned int size, bool write,
		   struct place *place)
{
	enum interp_seg seg = reg == INTERP_RDI ? INTERP_ES : source_segment(in);
	u64 offset = interp_reg_get(in, reg, interp_address_bits(in) / 8);

	*place = (struct place){ .memory = true, .size = size };
	return interp_linear(in, seg, offset, size, write, &place->gva);
}

static void advance(struct interp *in, enum interp_gpr reg, unsigned int size)
{
	unsigned int width = interp_address_bits(in) / 8;
	u64 value = interp_reg_get(in, reg, width);

	interp_reg_set(in, reg, width, in->cpu.rflags & FLAG_DF ? value - size : value + size);
}

static int load_element(struct interp *in, enum interp_gpr reg, unsigned int size, u64 *value)
{
	struct place place;
	int ret = element(in, reg, size, false, &place);

	return ret ? ret : interp_load(in, &place, false, value);
}

int interp_step_movs(struct interp *in, unsigned int size)
{
	struct place dst;
	u64 value;
	int ret;

	ret = element(in, INTERP_RDI, size, true, &dst);
	if (!ret)
		ret = load_element(in, INTERP_RSI, size, &value);
	if (!ret)
		ret = interp_store(in, &dst, value);
	if (ret)
		return ret;
	advance(in, INTERP_RSI, size);
	advance(in, INTERP_RDI, size);
	return 0;
}

int interp_step_stos(struct interp *in, unsigned int size)
{
	struct place dst;
	int ret;

	ret = element(in, INTERP_RDI, size, true, &dst);
	if (!ret)
		ret = interp_store(in, &dst, interp_reg_get(in, INTERP_RAX, size));
	if (!ret)
		advance(in, INTERP_RDI, size);
	return ret;
}

int interp_step_lods(struct interp *in, unsigned int size)
{
	u64 value;
	int ret = load_element(in, INTERP_RSI, size, &value);

	if (ret)
		return ret;
	interp_reg_set(in, INTERP_RAX, size, value);
	advance(in, INTERP_RSI, size);
	return 0;
}

int interp_step_cmps(struct interp *in, unsigned int size)
{
	u64 a, b;
	int ret;

	ret = load_element(in, INTERP_RSI, size, &a);
	if (!ret)
		ret = load_element(in, INTERP_RDI, size, &b);
	if (ret)
		return ret;
	alu_sub(8 * size, a, b, &in->cpu.rflags);
	advance(in, INTERP_RSI, size);
	advance(in, INTERP_RDI, size);
	return 0;
}

int interp_step_scas(struct interp *in, unsigned int size)
{
	u64 value;
	int ret = load_element(in, INTERP_RDI, size, &value);

	if (ret)
		return ret;
	alu_sub(8 * size, interp_reg_get(in, INTERP_RAX, size), value, &in->cpu.rflags);
	advance(in, INTERP_RDI, size);
	return 0;
}

/* CMPS and SCAS end a repetition by ZF: F3 goes on while equal, F2 while not. */
static bool ends_by_flag(const struct interp *in, u8 rep)
{
	bool zf = in->cpu.rflags & FLAG_ZF;

	if (in->row->step != interp_step_cmps && in->row->step != interp_step_scas)
		return false;
	return zf != (rep == 0xf3);
}

int interp_string(struct interp *in)
{
	unsigned int width = interp_address_bits(in) / 8;
	unsigned int left = in->cpu.rflags & FLAG_TF ? 1 : BATCH;
	u8 rep = rep_prefix(in);
	struct interp_cpu done;
	u64 count;
	int ret;

	if (!rep)
		return in->row->step(in, in->row->size);
	for (count = interp_reg_get(in, INTERP_RCX, width); count; count--) {
		if (!left--) {
			in->res->complete = false;
			return 0;
		}
		done = in->cpu;
		ret = in->row->step(in, in->row->size);
		if (ret) {
			in->cpu = done;
			return ret;
		}
		interp_reg_set(in, INTERP_RCX, width, count - 1);
		if (ends_by_flag(in, rep))
			return 0;
	}
	return 0;
}
