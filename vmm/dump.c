// SPDX-License-Identifier: GPL-2.0
/*
 * The state of vCPUs as text. Reads only: the shared page, and guest memory by
 * a walk that sets no accessed bits. EM is paused, so nothing moves.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <Zydis/Zydis.h>

#include "pgm/walk.h"
#include "vmm/barrier.h"
#include "vmm/dump.h"

#define CODE_BEFORE	16
#define CODE_BYTES	64
#define CODE_LINES	4
#define STACK_WORDS	16
#define HISTORY_LINES	16
#define EFER_LMA	BIT_ULL(10)

static const char *const dump_stat_names[VMM_STAT_COUNT] = {
	[VMM_STAT_CPUID] = "cpuid", [VMM_STAT_RDMSR] = "rdmsr", [VMM_STAT_WRMSR] = "wrmsr",
	[VMM_STAT_IO] = "io", [VMM_STAT_MMIO] = "mmio", [VMM_STAT_APIC] = "apic",
	[VMM_STAT_NESTED_FAULT] = "nested-fault", [VMM_STAT_INTR] = "host-interrupt",
	[VMM_STAT_NMI] = "host-nmi", [VMM_STAT_WINDOW] = "window", [VMM_STAT_HLT] = "hlt",
	[VMM_STAT_CR] = "control-register", [VMM_STAT_DR] = "debug-register",
	[VMM_STAT_EXCEPTION] = "exception", [VMM_STAT_XSETBV] = "xsetbv",
	[VMM_STAT_HYPERCALL] = "hypercall", [VMM_STAT_PAUSE] = "pause",
	[VMM_STAT_TASK_SWITCH] = "task-switch", [VMM_STAT_CACHE] = "cache",
	[VMM_STAT_TLB] = "tlb", [VMM_STAT_SHUTDOWN] = "shutdown",
	[VMM_STAT_UNDEFINED] = "undefined", [VMM_STAT_BAD_STATE] = "bad-state",
	[VMM_STAT_OTHER] = "other",
	[VMM_STAT_USER] = "to-user", [VMM_STAT_INJECTED] = "injected",
	[VMM_STAT_REDELIVERED] = "redelivered", [VMM_STAT_TLB_FLUSH] = "tlb-flush",
	[VMM_STAT_HALT_WAIT] = "halt-wait",
	[VMM_STAT_L1D_FLUSH] = "l1d-flush", [VMM_STAT_IBPB_VCPU] = "ibpb-vcpu",
	[VMM_STAT_IBPB_USER] = "ibpb-user",
	[VMM_STAT_DIRTY_LOG] = "dirty-log", [VMM_STAT_TIMER] = "timer",
	[VMM_STAT_RDTSC] = "rdtsc", [VMM_STAT_RDTSCP] = "rdtscp",
	[VMM_STAT_HALT_POLLED] = "halt-polled", [VMM_STAT_HALT_POLL_VAIN] = "halt-poll-vain",
	[VMM_STAT_YIELD] = "yield",
	[VMM_STAT_DOORBELL] = "doorbell",
};

static const char *dump_stat_name(u32 stat)
{
	return stat < VMM_STAT_COUNT ? dump_stat_names[stat] : "?";
}

/* ---- registers ------------------------------------------------------------------------ */

static void dump_gprs(FILE *out, const struct vmm_gprs *gprs)
{
	static const char *const names[VMM_GPR_COUNT] = {
		"RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
		"R8 ", "R9 ", "R10", "R11", "R12", "R13", "R14", "R15",
	};
	/* In the order people are used to. */
	static const u8 order[VMM_GPR_COUNT] = {
		VMM_RAX, VMM_RBX, VMM_RCX, VMM_RDX, VMM_RSI, VMM_RDI, VMM_RBP, VMM_RSP,
		VMM_R8, VMM_R9, VMM_R10, VMM_R11, VMM_R12, VMM_R13, VMM_R14, VMM_R15,
	};

	for (unsigned int i = 0; i < VMM_GPR_COUNT; i++)
		fprintf(out, "%s=%016" PRIx64 "%s", names[order[i]], (u64)gprs->r[order[i]],
			i % 4 == 3 ? "\n" : " ");
	fprintf(out, "RIP=%016" PRIx64 " RFLAGS=%08" PRIx64 "\n", (u64)gprs->rip,
		(u64)gprs->rflags);
}

static void dump_sregs(FILE *out, const struct vmm_sregs *sregs)
{
	static const char *const names[VMM_SEG_COUNT] = {
		"ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR",
	};

	for (unsigned int i = 0; i < VMM_SEG_COUNT; i++) {
		const struct vmm_segment *seg = &sregs->seg[i];

		fprintf(out, "%-4s %04x base=%016" PRIx64 " limit=%08x attr=%05x%s\n", names[i],
			seg->selector, (u64)seg->base, seg->limit, seg->attr,
			seg->attr & VMM_SEG_UNUSABLE ? " unusable" : "");
	}
	fprintf(out, "GDTR base=%016" PRIx64 " limit=%04x  IDTR base=%016" PRIx64 " limit=%04x\n",
		(u64)sregs->gdtr.base, sregs->gdtr.limit, (u64)sregs->idtr.base, sregs->idtr.limit);
	fprintf(out, "CR0=%08" PRIx64 " CR2=%016" PRIx64 " CR3=%" PRIx64 " CR4=%08" PRIx64
		" CR8=%" PRIx64 "\n", (u64)sregs->cr0, (u64)sregs->cr2, (u64)sregs->cr3,
		(u64)sregs->cr4, (u64)sregs->cr8);
	fprintf(out, "EFER=%" PRIx64 " XCR0=%" PRIx64 " APIC_BASE=%" PRIx64 "\n",
		(u64)sregs->efer, (u64)sregs->xcr0, (u64)sregs->apic_base);
}

static void dump_events(FILE *out, const struct vmm_events *events)
{
	static const char *const types[] = {
		"none", "interrupt", "NMI", "exception", "INT n", "INT3/INTO", "INT1",
	};
	static const char *const states[] = {
		"running", "halted", "wait-for-SIPI", "shutdown", "idle",
	};

	fprintf(out, "state %s",
		events->run_state < ARRAY_SIZE(states) ? states[events->run_state] : "?");
	if (events->type != VMM_EVENT_NONE)
		fprintf(out, ", in delivery: %s %u, error %x, payload %" PRIx64,
			events->type < ARRAY_SIZE(types) ? types[events->type] : "?",
			events->vector, events->error, (u64)events->payload);
	fprintf(out, "%s%s%s\n", events->nmi_pending ? ", NMI pending" : "",
		events->nmi_masked ? ", NMI masked" : "", events->shadow ? ", shadow" : "");
}

/* ---- memory ---------------------------------------------------------------------------- */

static int dump_walk_read(void *ctx, gpa_t gpa, void *buf, unsigned int size)
{
	return pgm_read(ctx, gpa, buf, size);
}

/* Copy from guest-linear memory; returns how many bytes could be had. */
static u32 dump_read(struct em_vcpu *vcpu, struct pgm *pgm, gva_t gva, u8 *buf, u32 len)
{
	static const struct pgm_walk_ops ops = { .read = dump_walk_read };
	const struct vmm_sregs *sregs = &vcpu->hm->page->sregs;
	struct pgm_paging paging = {
		.cr0 = sregs->cr0, .cr3 = sregs->cr3, .efer = sregs->efer, .maxphyaddr = 52,
		/* No SMAP, no keys: this is not the guest reading. */
		.cr4 = sregs->cr4 & (BIT_ULL(4) | BIT_ULL(5) | BIT_ULL(7) | BIT_ULL(12)),
		.have_1g = true,
	};
	struct pgm_walk walk;
	u32 done, chunk;

	for (done = 0; done < len; done += chunk) {
		chunk = min(len - done, (u32)(4096 - ((gva + done) & 4095)));
		if (pgm_walk(&paging, &ops, pgm, gva + done, 0, &walk) != PGM_WALK_OK ||
		    pgm_read(pgm, walk.gpa, buf + done, chunk))
			break;
	}
	return done;
}

static ZydisMachineMode dump_mode(const struct vmm_sregs *sregs)
{
	const struct vmm_segment *cs = &sregs->seg[VMM_CS];

	if ((sregs->efer & EFER_LMA) && (cs->attr & BIT(13)))
		return ZYDIS_MACHINE_MODE_LONG_64;
	return cs->attr & BIT(14) ? ZYDIS_MACHINE_MODE_LEGACY_32 : ZYDIS_MACHINE_MODE_LEGACY_16;
}

static void dump_code(FILE *out, struct em_vcpu *vcpu, struct pgm *pgm)
{
	const struct vmm_page *page = vcpu->hm->page;
	ZydisMachineMode mode = dump_mode(&page->sregs);
	u64 base = mode == ZYDIS_MACHINE_MODE_LONG_64 ? 0 : page->sregs.seg[VMM_CS].base;
	gva_t rip = base + page->gprs.rip;
	ZydisDisassembledInstruction insn;
	u8 code[CODE_BYTES];
	u32 len, at = 0;

	len = dump_read(vcpu, pgm, rip - CODE_BEFORE, code, CODE_BEFORE);
	if (len == CODE_BEFORE) {
		fprintf(out, "before RIP:");
		for (u32 i = 0; i < len; i++)
			fprintf(out, " %02x", code[i]);
		fputc('\n', out);
	}
	len = dump_read(vcpu, pgm, rip, code, sizeof(code));
	if (!len)
		fprintf(out, "code at RIP cannot be read\n");
	for (int i = 0; i < CODE_LINES && at < len; i++) {
		if (!ZYAN_SUCCESS(ZydisDisassembleIntel(mode, rip + at, code + at, len - at,
							&insn)))
			break;
		fprintf(out, "%s %016" PRIx64 "  %-40s ;", i ? "  " : "=>", rip + at, insn.text);
		for (u32 b = 0; b < insn.info.length; b++)
			fprintf(out, " %02x", code[at + b]);
		fputc('\n', out);
		at += insn.info.length;
	}
	if (len && !at)
		fprintf(out, "=> %016" PRIx64 "  %02x ... no instruction\n", rip, code[0]);
}

static void dump_stack(FILE *out, struct em_vcpu *vcpu, struct pgm *pgm)
{
	const struct vmm_page *page = vcpu->hm->page;
	bool wide = dump_mode(&page->sregs) == ZYDIS_MACHINE_MODE_LONG_64;
	u32 size = wide ? 8 : 4, len;
	u64 words[STACK_WORDS];
	gva_t sp = page->gprs.r[VMM_RSP] + (wide ? 0 : page->sregs.seg[VMM_SS].base);

	len = dump_read(vcpu, pgm, sp, (u8 *)words, STACK_WORDS * size) / size;
	if (!len)
		fprintf(out, "stack cannot be read\n");
	for (u32 i = 0; i < len; i++) {
		u64 word = 0;

		memcpy(&word, (u8 *)words + i * size, size);
		if (i % 4 == 0)
			fprintf(out, "stack %016" PRIx64 ":", sp + i * size);
		fprintf(out, " %0*" PRIx64 "%s", wide ? 16 : 8, word,
			i % 4 == 3 || i == len - 1 ? "\n" : "");
	}
}

/* ---- exits -------------------------------------------------------------------------------- */

static void dump_history(FILE *out, const struct vmm_history *history)
{
	u64 next = history->next;
	u64 count = min(next, (u64)HISTORY_LINES), last = 0;

	if (!count)
		fprintf(out, "no exits so far\n");
	else
		fprintf(out, "last exits, of %" PRIu64
			", oldest first (TSC ticks since the one before):\n",
			next);
	for (u64 i = next - count; i < next; i++) {
		const struct vmm_history_entry *e = &history->entry[i % VMM_HISTORY_SIZE];

		fprintf(out, "  %-16s rip=%016" PRIx64 " info=%" PRIx64 " raw=%x +%" PRIu64 "\n",
			dump_stat_name(e->reason), (u64)e->rip, (u64)e->info, e->raw,
			last ? (u64)e->tsc - last : 0);
		last = e->tsc;
	}
}

void dump_vcpu(FILE *out, struct em_vcpu *vcpu, struct pgm *pgm)
{
	struct vmm_page *page = vcpu->hm->page;
	u32 dirty = page->dirty;
	int ret;

	/* What an exit handler changed has not been taken yet, and is the newer. */
	ret = hm_vcpu_fetch(vcpu->hm, VMM_GROUP_ALL & ~dirty);
	fprintf(out, "--- CPU %u", vcpu->index);
	if (vcpu->state == EM_CRASHED)
		fprintf(out, ": %s", vcpu->crash);
	fputc('\n', out);
	if (ret < 0) {
		fprintf(out, "its state cannot be read: %s\n", strerror(-ret));
		dump_history(out, vcpu->hm->history);
		return;
	}
	dump_gprs(out, &page->gprs);
	dump_sregs(out, &page->sregs);
	dump_events(out, &page->events);
	dump_code(out, vcpu, pgm);
	dump_stack(out, vcpu, pgm);
	dump_history(out, vcpu->hm->history);
}

void dump_all(FILE *out, struct em *em, struct pgm *pgm)
{
	for (u32 i = 0; i < em_vcpu_count(em); i++)
		dump_vcpu(out, em_vcpu(em, i), pgm);
	fflush(out);
}

/* ---- statistics ------------------------------------------------------------------------------ */

struct dump_count {
	u32 stat;
	u64 count;
};

static int dump_compare(const void *a, const void *b)
{
	const struct dump_count *x = a, *y = b;

	return x->count < y->count ? 1 : x->count > y->count ? -1 : (int)x->stat - (int)y->stat;
}

void dump_stats(FILE *out, struct hm_vm *hm)
{
	struct dump_count counts[VMM_STAT_COUNT];
	u64 exits = 0;

	for (u32 stat = 0; stat < VMM_STAT_COUNT; stat++) {
		counts[stat] = (struct dump_count) { .stat = stat };
		for (u32 i = 0; i < hm_vcpu_count(hm); i++)
			counts[stat].count += hm_vcpu(hm, i)->history->stat[stat];
	}
	for (u32 i = 0; i < hm_vcpu_count(hm); i++)
		exits += hm_vcpu(hm, i)->history->next;
	qsort(counts, VMM_STAT_COUNT, sizeof(counts[0]), dump_compare);
	fprintf(out, "%12" PRIu64 "  exits\n", exits);
	for (u32 i = 0; i < VMM_STAT_COUNT && counts[i].count; i++)
		fprintf(out, "%12" PRIu64 "  %s\n", counts[i].count,
			dump_stat_name(counts[i].stat));
	for (const struct barrier *b = barriers; b->bit; b++) {
		if (b->each && (hm_vm_info(hm)->barriers & b->bit))
			fprintf(out, "%12" PRIu64 "  %s, at each %s\n", exits, b->name, b->each);
	}
	fflush(out);
}
