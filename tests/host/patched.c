// SPDX-License-Identifier: GPL-2.0
/*
 * patched FUNCTION: which barriers this host's kernel has patched into a world
 * switch of vmm.ko, by following its code in memory from the start, through
 * the entry, to the end. One a line, by the names of `vmm host`.
 *
 * A conditional branch is not taken: that leads over the entry and, as if it
 * had been refused, into what follows an exit.
 */
#include <elf.h>
#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <Zydis/Zydis.h>

#define CODE_MAX	2048
#define STEPS_MAX	1000
#define PHDRS_MAX	64

enum { VERW, DIVIDER, RSB, RSB_ONE, IBRS, BHB, UNTRAIN, IBPB, BARRIERS };

static const char *const names[BARRIERS] = {
	[VERW] = "verw", [DIVIDER] = "divider", [RSB] = "rsb", [RSB_ONE] = "rsb-one",
	[IBRS] = "ibrs", [BHB] = "bhb", [UNTRAIN] = "untrain", [IBPB] = "ibpb-exit",
};

static const struct callee {
	const char *name;
	int barrier;
} callees[] = {
	{ "clear_bhb_loop", BHB }, { "entry_ibpb", IBPB }, { "entry_untrain_ret", UNTRAIN },
	{ "retbleed_untrain_ret", UNTRAIN }, { "srso_untrain_ret", UNTRAIN },
	{ "srso_alias_untrain_ret", UNTRAIN },
};

struct walk {
	uint64_t base, rip;
	unsigned int stuffed;		/* calls that only fill the return stack buffer */
	bool found[BARRIERS];
};

/* ---- the kernel's memory ---------------------------------------------------- */

/* The address of @name, or the name at @address. */
static uint64_t symbol(const char *name, uint64_t address, char found[128])
{
	FILE *f = fopen("/proc/kallsyms", "re");
	char line[256];
	uint64_t at;

	if (!f)
		err(2, "/proc/kallsyms");
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx %*c %127s", &at, found) != 2)
			continue;
		if (name ? !strcmp(found, name) : at == address)
			break;
		at = 0;
	}
	fclose(f);
	return at;
}

static void read_code(uint64_t address, uint8_t *code)
{
	int fd = open("/proc/kcore", O_RDONLY | O_CLOEXEC);
	Elf64_Phdr phdr[PHDRS_MAX];
	Elf64_Ehdr ehdr;
	ssize_t got = -1;

	if (fd < 0 || pread(fd, &ehdr, sizeof(ehdr), 0) != sizeof(ehdr) ||
	    ehdr.e_phnum > PHDRS_MAX ||
	    pread(fd, phdr, ehdr.e_phnum * sizeof(phdr[0]), ehdr.e_phoff) < 0)
		err(2, "/proc/kcore");
	for (int i = 0; i < ehdr.e_phnum; i++) {
		if (phdr[i].p_type == PT_LOAD && address - phdr[i].p_vaddr < phdr[i].p_memsz)
			got = pread(fd, code, CODE_MAX, phdr[i].p_offset + address -
				    phdr[i].p_vaddr);
	}
	if (got != CODE_MAX)
		errx(2, "/proc/kcore has nothing at %#lx", address);
	close(fd);
}

/* ---- the walk -------------------------------------------------------------------- */

static bool is_inside(const struct walk *w, uint64_t target)
{
	return target - w->base < CODE_MAX;
}

static void take_call(struct walk *w, uint64_t target)
{
	char name[128] = "?";

	if (is_inside(w, target)) {
		w->stuffed++;
		w->rip = target;
		return;
	}
	symbol(NULL, target, name);
	for (size_t i = 0; i < sizeof(callees) / sizeof(callees[0]); i++) {
		if (!strcmp(name, callees[i].name)) {
			w->found[callees[i].barrier] = true;
			return;
		}
	}
	errx(2, "a call of %s, whatever that is", name);
}

/* One instruction, w->rip already behind it. False: the function has ended. */
static bool step(struct walk *w, const ZydisDecodedInstruction *insn, uint64_t target)
{
	switch (insn->mnemonic) {
	case ZYDIS_MNEMONIC_VERW:
		w->found[VERW] = true;
		return true;
	case ZYDIS_MNEMONIC_DIV:
		w->found[DIVIDER] = true;
		return true;
	case ZYDIS_MNEMONIC_WRMSR:
		w->found[IBRS] = true;
		return true;
	case ZYDIS_MNEMONIC_CALL:
		take_call(w, target);
		return true;
	case ZYDIS_MNEMONIC_JMP:
		w->rip = target;
		return is_inside(w, target);
	case ZYDIS_MNEMONIC_RET:
		return false;
	default:
		return true;
	}
}

static void walk(struct walk *w, const uint8_t *code)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction insn;
	ZydisDecoder decoder;
	uint64_t at, target;

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	for (int steps = 0; steps < STEPS_MAX; steps++) {
		at = w->rip;
		if (!is_inside(w, at + ZYDIS_MAX_INSTRUCTION_LENGTH) ||
		    ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, code + (at - w->base),
						       ZYDIS_MAX_INSTRUCTION_LENGTH, &insn,
						       operands)))
			errx(2, "no instruction at %#lx", at);
		target = 0;
		if (operands[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
			ZydisCalcAbsoluteAddress(&insn, &operands[0], at, &target);
		w->rip = at + insn.length;
		if (!step(w, &insn, target))
			return;
	}
	errx(2, "the function does not end");
}

int main(int argc, char **argv)
{
	uint8_t code[CODE_MAX];
	struct walk w = { 0 };
	char name[128];

	if (argc != 2)
		errx(2, "usage: patched FUNCTION");
	w.base = w.rip = symbol(argv[1], 0, name);
	if (!w.base)
		errx(2, "no function %s", argv[1]);
	read_code(w.base, code);
	walk(&w, code);
	w.found[RSB] = w.stuffed > 1;
	w.found[RSB_ONE] = w.stuffed == 1;
	for (int i = 0; i < BARRIERS; i++) {
		if (w.found[i])
			puts(names[i]);
	}
	return 0;
}
