// SPDX-License-Identifier: GPL-2.0
#include "decode.h"

#define REX_B BIT(0)
#define REX_X BIT(1)
#define REX_R BIT(2)
#define REX_W BIT(3)

/* What follows an opcode that we know. */
enum decode_form {
	FORM_UNKNOWN,
	FORM_PLAIN,		/* nothing */
	FORM_MODRM,
	FORM_MODRM_IMM8,
	FORM_MODRM_IMM,		/* 2 or 4 bytes, by operand size */
	FORM_IMM8,
	FORM_MOFFS,		/* an address of address-size bytes */
};

static const u8 decode_one[256] = {
	[0x88 ... 0x8b] = FORM_MODRM,		/* MOV */
	[0xa0 ... 0xa3] = FORM_MOFFS,		/* MOV AL, moffs */
	[0xc6] = FORM_MODRM_IMM8,
	[0xc7] = FORM_MODRM_IMM,
	[0x90] = FORM_PLAIN,			/* PAUSE, with REP */
	[0xcc] = FORM_PLAIN,			/* INT3 */
	[0xcd] = FORM_IMM8,			/* INT n */
	[0xce] = FORM_PLAIN,			/* INTO */
	[0xcf] = FORM_PLAIN,			/* IRET */
	[0xf1] = FORM_PLAIN,			/* INT1 */
	[0xf4] = FORM_PLAIN,			/* HLT */
};

static const u8 decode_0f[256] = {
	[0x00 ... 0x01] = FORM_MODRM,		/* descriptor tables, SMSW, VMMCALL, ... */
	[0x06] = FORM_PLAIN,			/* CLTS */
	[0x08 ... 0x09] = FORM_PLAIN,		/* INVD, WBINVD */
	[0x20 ... 0x23] = FORM_MODRM,		/* MOV CR, MOV DR */
	[0x30 ... 0x33] = FORM_PLAIN,		/* WRMSR, RDTSC, RDMSR, RDPMC */
	[0xa2] = FORM_PLAIN,			/* CPUID */
};

struct decode_cursor {
	const u8 *bytes;
	unsigned int count, at;
};

static int decode_next(struct decode_cursor *c)
{
	return c->at < c->count && c->at < DECODE_MAX ? c->bytes[c->at++] : -ENODATA;
}

static int decode_skip(struct decode_cursor *c, unsigned int n)
{
	if (n > c->count - c->at)
		return -ENODATA;
	c->at += n;
	return 0;
}

/* Prefixes up to the opcode's first byte, which is returned. */
static int decode_prefixes(struct decode_insn *insn, struct decode_cursor *c, int code_size)
{
	bool opsize = false, adsize = false;
	int byte;

	for (;;) {
		byte = decode_next(c);
		if (byte < 0)
			return byte;
		if (code_size == 8 && (byte & 0xf0) == 0x40) {
			insn->rex = byte;
			continue;
		}
		if (byte == 0x66)
			opsize = true;
		else if (byte == 0x67)
			adsize = true;
		else if (byte == 0xf0)
			insn->lock = true;
		else if (byte == 0xf2)
			insn->repne = true;
		else if (byte == 0xf3)
			insn->rep = true;
		else if (byte != 0x26 && byte != 0x2e && byte != 0x36 && byte != 0x3e &&
			 byte != 0x64 && byte != 0x65)
			break;
		/* A REX that is not the last prefix does not count. */
		insn->rex = 0;
	}
	if (insn->rex & REX_W)
		insn->operand_size = 8;
	else
		insn->operand_size = opsize == (code_size == 2) ? 4 : 2;
	insn->address_size = code_size == 8 ? (adsize ? 4 : 8) :
			     adsize == (code_size == 2) ? 4 : 2;
	return byte;
}

/* ModRM, SIB and displacement: "Instruction Format" of the manuals. */
static int decode_modrm(struct decode_insn *insn, struct decode_cursor *c)
{
	int byte = decode_next(c), mod, rm, disp = 0;

	if (byte < 0)
		return byte;
	insn->modrm = byte;
	mod = byte >> 6;
	rm = byte & 7;
	insn->reg = ((byte >> 3) & 7) | (insn->rex & REX_R ? 8 : 0);
	/* MOV CR and MOV DR take any mod for a register. */
	if (mod == 3 || (insn->map == DECODE_0F && (insn->opcode & 0xfc) == 0x20)) {
		insn->rm = rm | (insn->rex & REX_B ? 8 : 0);
		return 0;
	}
	insn->memory = true;
	if (insn->address_size == 2) {
		disp = mod == 1 ? 1 : mod == 2 || rm == 6 ? 2 : 0;
		return decode_skip(c, disp);
	}
	if (rm == 4) {
		int sib = decode_next(c);

		if (sib < 0)
			return sib;
		if (mod == 0 && (sib & 7) == 5)
			disp = 4;
	} else if (mod == 0 && rm == 5) {
		disp = 4;
	}
	if (mod == 1)
		disp = 1;
	else if (mod == 2)
		disp = 4;
	return decode_skip(c, disp);
}

static int decode_immediate(struct decode_insn *insn, struct decode_cursor *c, unsigned int n)
{
	unsigned int i;
	int byte;

	for (i = 0; i < n; i++) {
		byte = decode_next(c);
		if (byte < 0)
			return byte;
		insn->immediate |= (u32)byte << (8 * i);
	}
	return 0;
}

static int decode_operands(struct decode_insn *insn, struct decode_cursor *c, enum decode_form form)
{
	int err;

	switch (form) {
	case FORM_PLAIN:
		return 0;
	case FORM_MODRM:
		return decode_modrm(insn, c);
	case FORM_MODRM_IMM8:
		err = decode_modrm(insn, c);
		return err ? err : decode_immediate(insn, c, 1);
	case FORM_MODRM_IMM:
		err = decode_modrm(insn, c);
		return err ? err : decode_immediate(insn, c, insn->operand_size == 2 ? 2 : 4);
	case FORM_IMM8:
		return decode_immediate(insn, c, 1);
	case FORM_MOFFS:
		insn->memory = true;
		return decode_skip(c, insn->address_size);
	case FORM_UNKNOWN:
		break;
	}
	return -ENOSYS;
}

int decode_insn(struct decode_insn *insn, const u8 *bytes, unsigned int count, int code_size)
{
	struct decode_cursor c = { .bytes = bytes, .count = count };
	enum decode_form form;
	int byte, err;

	memset(insn, 0, sizeof(*insn));
	byte = decode_prefixes(insn, &c, code_size);
	if (byte == 0x0f) {
		insn->map = DECODE_0F;
		byte = decode_next(&c);
	}
	if (byte < 0)
		return byte;
	insn->opcode = byte;
	form = insn->map == DECODE_0F ? decode_0f[byte] : decode_one[byte];
	err = decode_operands(insn, &c, form);
	if (err)
		return err;
	insn->length = c.at;
	return 0;
}

int decode_mov(const struct decode_insn *insn, struct decode_mov *mov)
{
	bool byte = !(insn->opcode & 1);

	memset(mov, 0, sizeof(*mov));
	if (insn->map != DECODE_ONE || !insn->memory || insn->lock)
		return -ENOSYS;
	mov->size = byte ? 1 : insn->operand_size;
	switch (insn->opcode) {
	case 0x88 ... 0x8b:
		mov->write = !(insn->opcode & 2);
		mov->gpr = insn->reg;
		if (byte && !insn->rex && mov->gpr >= 4) {
			mov->high_byte = true;
			mov->gpr -= 4;
		}
		return 0;
	case 0xa0 ... 0xa3:
		mov->write = insn->opcode & 2;
		return 0;
	case 0xc6 ... 0xc7:
		if ((insn->modrm & 0x38) != 0)
			return -ENOSYS;
		mov->write = true;
		mov->immediate = true;
		return 0;
	}
	return -ENOSYS;
}
