// SPDX-License-Identifier: GPL-2.0
/*
 * x87 loads and stores of device memory: FLD, FST, FILD, FIST and kin.
 *
 * The conversion is this processor's own: the guest's x87 state is put in place
 * of ours, the same instruction runs on a buffer, and ours comes back. The
 * vector registers stay ours throughout. Left out: what computes with memory
 * (FADD and kin), and the environment (FLDENV, FRSTOR).
 */
#include "vmm/em/internal.h"

#define FXSAVE_MXCSR	24	/* "Layout of the Legacy Region" */
#define FSW_IE		BIT(0)
#define FSW_OE		BIT(3)
#define FSW_UE		BIT(4)
#define FSW_ES		BIT(7)

struct x87_area {
	u16 fcw, fsw;
	u8 ftw, zero;
	u16 fop;
	u64 fip, fdp;
	u8 rest[512 - FXSAVE_MXCSR];
} __attribute__((aligned(16)));

_Static_assert(sizeof(struct x87_area) == 512, "FXSAVE's area");

struct x87_data {
	u8 bytes[10];
};

#define X87(name, insn)								\
	static void x87_##name(struct x87_area *guest, struct x87_data *data)	\
	{									\
		struct x87_area host;						\
										\
		asm volatile("fxsave64 %0; fxrstor64 %1; " insn " %2; fxsave64 %1; fxrstor64 %0" \
			     : "=m" (host), "+m" (*guest), "+m" (*data));	\
	}
X87(fld4, "flds") X87(fld8, "fldl") X87(fld10, "fldt")
X87(fst4, "fsts") X87(fst8, "fstl")
X87(fstp4, "fstps") X87(fstp8, "fstpl") X87(fstp10, "fstpt")
X87(fild2, "filds") X87(fild4, "fildl") X87(fild8, "fildll")
X87(fist2, "fists") X87(fist4, "fistl")
X87(fistp2, "fistps") X87(fistp4, "fistpl") X87(fistp8, "fistpll")
X87(fisttp2, "fisttps") X87(fisttp4, "fisttpl") X87(fisttp8, "fisttpll")

static const struct {
	ZydisMnemonic mnemonic;
	u8 size;
	bool store;
	void (*run)(struct x87_area *guest, struct x87_data *data);
} table[] = {
	{ ZYDIS_MNEMONIC_FLD, 4, false, x87_fld4 },
	{ ZYDIS_MNEMONIC_FLD, 8, false, x87_fld8 },
	{ ZYDIS_MNEMONIC_FLD, 10, false, x87_fld10 },
	{ ZYDIS_MNEMONIC_FST, 4, true, x87_fst4 },
	{ ZYDIS_MNEMONIC_FST, 8, true, x87_fst8 },
	{ ZYDIS_MNEMONIC_FSTP, 4, true, x87_fstp4 },
	{ ZYDIS_MNEMONIC_FSTP, 8, true, x87_fstp8 },
	{ ZYDIS_MNEMONIC_FSTP, 10, true, x87_fstp10 },
	{ ZYDIS_MNEMONIC_FILD, 2, false, x87_fild2 },
	{ ZYDIS_MNEMONIC_FILD, 4, false, x87_fild4 },
	{ ZYDIS_MNEMONIC_FILD, 8, false, x87_fild8 },
	{ ZYDIS_MNEMONIC_FIST, 2, true, x87_fist2 },
	{ ZYDIS_MNEMONIC_FIST, 4, true, x87_fist4 },
	{ ZYDIS_MNEMONIC_FISTP, 2, true, x87_fistp2 },
	{ ZYDIS_MNEMONIC_FISTP, 4, true, x87_fistp4 },
	{ ZYDIS_MNEMONIC_FISTP, 8, true, x87_fistp8 },
	{ ZYDIS_MNEMONIC_FISTTP, 2, true, x87_fisttp2 },
	{ ZYDIS_MNEMONIC_FISTTP, 4, true, x87_fisttp4 },
	{ ZYDIS_MNEMONIC_FISTTP, 8, true, x87_fisttp8 },
};

/* The guest's x87 beside our own vectors, and whether it may be used at all. */
static int x87_load(struct interp *in, struct x87_area *area)
{
	int ret;

	if (in->cpu.cr0 & (CR0_EM | CR0_TS))
		return interp_raise(in, VECTOR_NM);
	asm volatile("fxsave64 %0" : "=m" (*area));
	ret = in->ops->x87_get(in->ctx, area);
	if (!ret && (area->fsw & FSW_ES))
		ret = interp_raise(in, VECTOR_MF);
	return ret;
}

/* An exception that is not masked keeps a store from memory, but not an inexact result. */
static bool x87_stores(const struct x87_area *area)
{
	return !(area->fsw & ~area->fcw & (FSW_IE | FSW_OE | FSW_UE));
}

static int x87_execute(struct interp *in, const struct place *place, unsigned int row)
{
	struct interp_exception *ex = &in->res->exception;
	struct x87_data data = { 0 };
	struct x87_area area;
	int ret;

	ret = x87_load(in, &area);
	if (!ret && !table[row].store)
		ret = in->ops->read(in->ctx, place->gva, &data, place->size, false, ex);
	if (ret)
		return ret;
	table[row].run(&area, &data);
	area.fop = (in->insn->opcode & 7) << 8 | in->res->bytes[in->insn->raw.modrm.offset];
	area.fip = in->cpu.rip;
	area.fdp = place->gva;
	if (table[row].store && x87_stores(&area))
		ret = in->ops->write(in->ctx, place->gva, &data, place->size, ex);
	return ret ? ret : in->ops->x87_set(in->ctx, &area);
}

int interp_x87(struct interp *in)
{
	const ZydisDecodedOperand *memory = NULL;
	struct place place;
	unsigned int i;
	int ret;

	for (i = 0; i < in->insn->operand_count; i++)
		if (in->op[i].type == ZYDIS_OPERAND_TYPE_MEMORY)
			memory = &in->op[i];
	if (!memory || !in->ops->x87_get)
		return -ENOSYS;
	for (i = 0; i < ARRAY_SIZE(table); i++) {
		if (table[i].mnemonic != in->insn->mnemonic || table[i].size != memory->size / 8)
			continue;
		ret = interp_place(in, memory, table[i].store, &place);
		return ret ? ret : x87_execute(in, &place, i);
	}
	return -ENOSYS;
}
