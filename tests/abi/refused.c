// SPDX-License-Identifier: GPL-2.0
/*
 * State that a CPU would refuse: a row or more for every class of "Checks on
 * the Guest State Area" (Intel, volume 3) and of VMRUN's "Canonicalization and
 * Consistency Checks" (AMD, volume 2). Each is refused by the call, or it ends
 * in a crash that names the check; then the same vCPU goes on with good state.
 *
 * AMD-V looks at few of these, so a row tells what VT-x makes of it. What the
 * module puts right by itself, since no register can be loaded like that,
 * must run.
 *
 * Not here, since the interface cannot say it: limits of GDTR and IDTR above
 * 16 bits, IA32_DEBUGCTL, pending debug exceptions without their cause, the
 * activity state (a halted vCPU waits in the module).
 */
#include <stdlib.h>
#include <string.h>

#include "lib.h"

static struct machine m;

GUEST64(g_long, "1: out %al, $0x77; jmp 1b");
GUEST16(g_real, "1: out %al, $0x77; jmp 1b");

#define PDPTES	GUEST_FREE		/* for the guest with PAE */

#define CR0_PE	1ULL
#define CR0_PG	(1ULL << 31)

/* ---- the grounds: guests that run -------------------------------------------------- */

static void long_mode(void)
{
	LOAD64(&m, g_long);
}

static void real_mode(void)
{
	LOAD16(&m, g_real);
}

static void protected_mode(void)
{
	int i;

	real_mode();
	m.page->sregs.cr0 |= CR0_PE;
	for (i = VMM_ES; i <= VMM_GS; i++) {
		m.page->sregs.seg[i].limit = 0xffffffff;
		m.page->sregs.seg[i].attr = i == VMM_CS ? 0xc09b : 0xc093;
	}
	must(store(&m, VMM_GROUP_SREGS), "protected mode");
}

static void v8086(void)
{
	int i;

	real_mode();
	m.page->sregs.cr0 |= CR0_PE;
	m.page->gprs.rflags |= 1 << 17 | 3 << 12;
	for (i = VMM_ES; i <= VMM_GS; i++)
		m.page->sregs.seg[i].attr = 0xf3;
	must(store(&m, VMM_GROUP_SREGS | VMM_GROUP_GPRS), "virtual 8086");
}

/* PAE without long mode; the tables are those of long mode, a level lower. */
static void pae(void)
{
	protected_mode();
	memset(m.ram + PDPTES, 0, 32);
	*(u64 *)(m.ram + PDPTES) = (PDPTES + PAGE) | 1;
	*(u64 *)(m.ram + PDPTES + PAGE) = 0x83;
	m.page->sregs.cr3 = PDPTES;
	m.page->sregs.cr4 |= 1 << 5;
	m.page->sregs.cr0 |= CR0_PG;
	must(store(&m, VMM_GROUP_SREGS), "PAE");
}

/* ---- the rows ---------------------------------------------------------------------------- */

enum outcome {
	INVALID,		/* the call says -EINVAL, on every CPU */
	NAMED,			/* VT-x crashes with a text that has .name in it */
	OVERSEEN,		/* the same, but Bochs 2.7 does not look at it */
	RUNS,			/* put right on VT-x */
};

struct poke {
	u32 group;
	size_t offset, size;
	u64 value;
};

struct row {
	const char *what;
	void (*ground)(void);
	enum outcome outcome;
	const char *name;
	struct poke poke[4];
};

#define POKE(group, field, value)						\
	{ group, offsetof(struct vmm_page, field),				\
	  sizeof(((struct vmm_page *)0)->field), value }
#define G(field, value)	POKE(VMM_GROUP_GPRS, gprs.field, value)
#define S(field, value)	POKE(VMM_GROUP_SREGS, sregs.field, value)
#define D(field, value)	POKE(VMM_GROUP_DREGS, dregs.field, value)
#define E(field, value)	POKE(VMM_GROUP_EVENTS, events.field, value)
#define SEG(seg_, field, value)	S(seg[VMM_##seg_].field, value)

static const struct row controls[] = {
	{ "CR0 above 31", long_mode, INVALID, NULL, { S(cr0, 0x180000011) } },
	{ "CR0.PG without PE", real_mode, INVALID, NULL, { S(cr0, 0x80000010) } },
	{ "CR0.NW without CD", long_mode, INVALID, NULL, { S(cr0, 0xa0000011) } },
	{ "CR4 reserved, high", long_mode, INVALID, NULL, { S(cr4, 1ULL << 32 | 0x20) } },
	{ "CR4 reserved, low", long_mode, INVALID, NULL, { S(cr4, 1 << 15 | 0x20) } },
	{ "CR4.VMXE", long_mode, INVALID, NULL, { S(cr4, 0x2020) } },
	{ "CR4.PCIDE outside long mode", protected_mode, INVALID, NULL, { S(cr4, 1 << 17) } },
	{ "CR3 reserved", long_mode, INVALID, NULL, { S(cr3, 1ULL << 52 | GUEST_TABLES) } },
	{ "CR3 reserved in real mode", real_mode, INVALID, NULL, { S(cr3, 1ULL << 63) } },
	{ "long mode without PAE", long_mode, INVALID, NULL, { S(cr4, 0) } },
	{ "LME under PG without LMA", long_mode, INVALID, NULL, { S(efer, 0x100) } },
	{ "LMA without LME", long_mode, INVALID, NULL, { S(efer, 0x400) } },
	{ "LMA without PG", real_mode, INVALID, NULL, { S(efer, 0x500) } },
	{ "EFER reserved", long_mode, INVALID, NULL, { S(efer, 0x502) } },
	{ "EFER.SVME", long_mode, INVALID, NULL, { S(efer, 0x1500) } },
	{ "DR7 above 31", long_mode, INVALID, NULL, { D(dr7, 1ULL << 32 | 0x400) } },
	{ "DR6 above 31", long_mode, INVALID, NULL, { D(dr6, 1ULL << 32 | 0xffff0ff0) } },
	{ "PDPTE reserved", pae, NAMED, "PDPTE", { S(cr3, PDPTES + 32) } },
	{ "GDTR not canonical", long_mode, INVALID, NULL, { S(gdtr.base, 1ULL << 62) } },
	{ "IDTR not canonical", long_mode, INVALID, NULL, { S(idtr.base, 1ULL << 62) } },
};

static const struct row segments[] = {
	{ "CS unusable", long_mode, INVALID, NULL, { SEG(CS, attr, 0x1a09b) } },
	{ "CS.L and CS.D", long_mode, INVALID, NULL, { SEG(CS, attr, 0xe09b) } },
	{ "CS base above 4 GiB", long_mode, INVALID, NULL, { SEG(CS, base, 1ULL << 32) } },
	{ "SS base above 4 GiB", long_mode, INVALID, NULL, { SEG(SS, base, 1ULL << 32) } },
	{ "DS base above 4 GiB", long_mode, INVALID, NULL, { SEG(DS, base, ~0ULL) } },
	{ "ES base above 4 GiB", long_mode, INVALID, NULL, { SEG(ES, base, 1ULL << 32) } },
	{ "FS not canonical", long_mode, INVALID, NULL, { SEG(FS, base, 1ULL << 60) } },
	{ "GS not canonical", long_mode, INVALID, NULL, { SEG(GS, base, 1ULL << 60) } },
	{ "TR not canonical", long_mode, INVALID, NULL, { SEG(TR, base, 1ULL << 60) } },
	{ "LDTR not canonical", protected_mode, INVALID, NULL,
	  { SEG(LDTR, attr, 0x82), SEG(LDTR, base, 1ULL << 60) } },
	{ "attributes reserved", long_mode, INVALID, NULL, { SEG(DS, attr, 0xf93) } },

	{ "CS type 2", protected_mode, NAMED, "CS is neither", { SEG(CS, attr, 0xc093 ^ 3) } },
	{ "CS is read-only data", real_mode, NAMED, "CS is neither", { SEG(CS, attr, 0x91) } },
	{ "CS data with DPL 3", real_mode, NAMED, "CS is a data", { SEG(CS, attr, 0xf3) } },
	{ "CS a system segment", protected_mode, NAMED, "CS is a system",
	  { SEG(CS, attr, 0xc08b) } },
	{ "CS DPL above SS DPL", protected_mode, NAMED, "CS.DPL is not SS.DPL",
	  { SEG(CS, attr, 0xc0fb) } },
	{ "CS conforming, DPL 3", protected_mode, NAMED, "CS is conforming",
	  { SEG(CS, attr, 0xc0ff) } },
	{ "CS absent", protected_mode, NAMED, "CS or TR is unusable", { SEG(CS, attr, 0xc01b) } },
	{ "CS.G with a limit within a page", protected_mode, NAMED, "CS.G",
	  { SEG(CS, limit, 0xffffeffe) } },
	{ "CS.G clear with a large limit", real_mode, NAMED, "CS.G", { SEG(CS, limit, 0x1fffff) } },
	{ "CS not accessed", protected_mode, RUNS, NULL, { SEG(CS, attr, 0xc09a) } },

	{ "SS read-only", protected_mode, NAMED, "SS is not writable", { SEG(SS, attr, 0xc091) } },
	{ "SS code", protected_mode, NAMED, "SS is not writable", { SEG(SS, attr, 0xc09b) } },
	{ "SS a system segment", protected_mode, NAMED, "SS is a system",
	  { SEG(SS, attr, 0xc083) } },
	{ "SS DPL 3 in real mode", real_mode, NAMED, "DPL", { SEG(SS, attr, 0xf3) } },
	{ "SS.G", protected_mode, NAMED, "SS.G", { SEG(SS, limit, 0xffff0000) } },
	{ "SS absent", protected_mode, RUNS, NULL, { SEG(SS, attr, 0xc013) } },

	{ "DS execute-only", protected_mode, NAMED, "a data segment is code",
	  { SEG(DS, attr, 0xc099) } },
	{ "ES a system segment", protected_mode, NAMED, "a data segment is a system",
	  { SEG(ES, attr, 0xc083) } },
	{ "FS.G", protected_mode, NAMED, "G of a data segment", { SEG(FS, limit, 0xffff0000) } },
	{ "GS.G clear", real_mode, NAMED, "G of a data segment", { SEG(GS, limit, 1 << 20) } },
	{ "DS absent", protected_mode, RUNS, NULL, { SEG(DS, attr, 0xc013) } },
	{ "DS not accessed", protected_mode, RUNS, NULL, { SEG(DS, attr, 0xc092) } },

	{ "TR unusable", long_mode, INVALID, NULL, { SEG(TR, attr, 0x1008b) } },
	{ "TR in the LDT", long_mode, NAMED, "TR is in the LDT", { SEG(TR, selector, 4) } },
	{ "TR an LDT", protected_mode, NAMED, "TR is not a busy", { SEG(TR, attr, 0x82) } },
	{ "TR a code segment", protected_mode, NAMED, "TR is no system", { SEG(TR, attr, 0x9b) } },
	{ "TR.G", protected_mode, NAMED, "TR.G", { SEG(TR, limit, 1 << 20) } },
	{ "TR absent", protected_mode, NAMED, "CS or TR is unusable", { SEG(TR, attr, 0x0b) } },
	{ "TR not busy", protected_mode, RUNS, NULL, { SEG(TR, attr, 0x89) } },
	{ "TR of 16 bits in long mode", long_mode, RUNS, NULL, { SEG(TR, attr, 0x83) } },
	{ "LDTR in the LDT", protected_mode, NAMED, "LDTR is in the LDT",
	  { SEG(LDTR, attr, 0x82), SEG(LDTR, selector, 12) } },
	{ "LDTR a TSS", protected_mode, NAMED, "LDTR is not", { SEG(LDTR, attr, 0x8b) } },
	{ "LDTR data", protected_mode, NAMED, "LDTR is not", { SEG(LDTR, attr, 0x92) } },
	{ "LDTR.G", protected_mode, NAMED, "LDTR.G",
	  { SEG(LDTR, attr, 0x82), SEG(LDTR, limit, 1 << 20) } },
	{ "LDTR absent", protected_mode, RUNS, NULL, { SEG(LDTR, attr, 2) } },

	{ "virtual 8086, base", v8086, NAMED, "virtual-8086: a base", { SEG(DS, base, 0x10) } },
	{ "virtual 8086, limit", v8086, NAMED, "virtual-8086: a segment's limit",
	  { SEG(ES, limit, 0xfffff) } },
	{ "virtual 8086, attributes", v8086, NAMED, "virtual-8086: a segment's attr",
	  { SEG(SS, attr, 0x93) } },
	{ "virtual 8086, CS", v8086, NAMED, "virtual-8086: a segment's attr",
	  { SEG(CS, attr, 0x9b) } },
};

static const struct row flags[] = {
	{ "RIP not canonical", long_mode, INVALID, NULL, { G(rip, 1ULL << 62) } },
	{ "RIP above 4 GiB", protected_mode, NAMED, "RIP above 4 GiB", { G(rip, 1ULL << 32) } },
	{ "RFLAGS above 31", long_mode, INVALID, NULL, { G(rflags, 1ULL << 32) } },
	{ "RFLAGS bit 3", long_mode, INVALID, NULL, { G(rflags, 1 << 3 | 2) } },
	{ "RFLAGS bit 15", long_mode, INVALID, NULL, { G(rflags, 1 << 15 | 2) } },
	{ "RFLAGS bit 1 clear", long_mode, RUNS, NULL, { G(rflags, 0) } },
	{ "RFLAGS.VM in long mode", long_mode, NAMED, "virtual-8086", { G(rflags, 1 << 17 | 2) } },
	{ "RFLAGS.VM in real mode", v8086, OVERSEEN, "RFLAGS.VM", { S(cr0, 0x10) } },
};

static const struct row events[] = {
	{ "type reserved", long_mode, INVALID, NULL, { E(type, 7) } },
	{ "exception 32", long_mode, INVALID, NULL,
	  { E(type, VMM_EVENT_EXCEPTION), E(vector, 32) } },
	{ "exception 2", long_mode, INVALID, NULL, { E(type, VMM_EVENT_EXCEPTION), E(vector, 2) } },
	{ "NMI with vector 3", long_mode, INVALID, NULL, { E(type, VMM_EVENT_NMI), E(vector, 3) } },
	{ "error code of #UD", long_mode, INVALID, NULL,
	  { E(type, VMM_EVENT_EXCEPTION), E(vector, 6), E(has_error, 1) } },
	{ "error code of an interrupt", long_mode, INVALID, NULL,
	  { E(type, VMM_EVENT_INTR), E(vector, 0x20), E(has_error, 1) } },
	{ "error code above 16 bits", long_mode, INVALID, NULL,
	  { E(type, VMM_EVENT_EXCEPTION), E(vector, 13), E(has_error, 1), E(error, 0x10000) } },
	{ "INT n of no length", long_mode, INVALID, NULL,
	  { E(type, VMM_EVENT_SOFT_INTR), E(vector, 0x80) } },
	{ "INT3 of no length", long_mode, INVALID, NULL,
	  { E(type, VMM_EVENT_SOFT_EXC), E(vector, 3) } },
	{ "INT1 of no length", long_mode, INVALID, NULL,
	  { E(type, VMM_EVENT_PRIV_EXC), E(vector, 1) } },
	{ "INT n of 16 bytes", long_mode, INVALID, NULL,
	  { E(type, VMM_EVENT_SOFT_INTR), E(vector, 0x80), E(length, 16) } },
	{ "interrupt with IF clear", long_mode, NAMED, "RFLAGS.IF",
	  { E(type, VMM_EVENT_INTR), E(vector, 0x20) } },
	{ "interrupt after STI", long_mode, NAMED, "shadow",
	  { E(type, VMM_EVENT_INTR), E(shadow, VMM_SHADOW_STI), G(rflags, 0x202) } },
	{ "interrupt after MOV SS", long_mode, NAMED, "shadow",
	  { E(type, VMM_EVENT_INTR), E(shadow, VMM_SHADOW_MOV_SS), G(rflags, 0x202) } },
	{ "NMI after MOV SS", long_mode, NAMED, "shadow",
	  { E(type, VMM_EVENT_NMI), E(vector, 2), E(shadow, VMM_SHADOW_MOV_SS) } },
	{ "STI and MOV SS", long_mode, NAMED, "shadows of STI and MOV SS",
	  { E(shadow, VMM_SHADOW_STI | VMM_SHADOW_MOV_SS), G(rflags, 0x202) } },
	{ "STI with IF clear", long_mode, NAMED, "shadow of STI", { E(shadow, VMM_SHADOW_STI) } },
	{ "shadow reserved", long_mode, INVALID, NULL, { E(shadow, 4) } },
	{ "run state", long_mode, INVALID, NULL, { E(run_state, VMM_STATE_IDLE + 1) } },
	{ "NMI while masked", long_mode, RUNS, NULL,
	  { E(type, VMM_EVENT_NMI), E(vector, 2), E(nmi_masked, 1) } },
	{ "single step in a shadow", long_mode, RUNS, NULL,
	  { E(shadow, VMM_SHADOW_MOV_SS), G(rflags, 0x102) } },
};

/* ---- trying them -------------------------------------------------------------------------- */

static bool vmx;

static void poke_all(const struct row *row)
{
	const struct poke *p;

	for (p = row->poke; p < row->poke + ARRAY_SIZE(row->poke) && p->group; p++) {
		memcpy((u8 *)m.page + p->offset, &p->value, p->size);
		m.page->dirty |= p->group;
	}
}

/* What the entry made of it. A triple fault is the guest's own affair. */
static void check_entry(const struct row *row)
{
	const struct vmm_exit_crash *crash = &m.page->u.crash;
	bool crashed = m.page->reason == VMM_EXIT_CRASH;

	if (row->outcome == NAMED && vmx)
		CHECK(crashed, "%s: no crash, but exit %s", row->what,
		      reason_name(m.page->reason));
	if (row->outcome == RUNS)
		CHECK(!crashed, "%s: %s", row->what, crash->text);
	if (!crashed)
		return;
	CHECK(crash->why == VMM_CRASH_BAD_STATE, "%s: crash %u", row->what, crash->why);
	CHECK(memchr(crash->text, 0, sizeof(crash->text)), "%s: text without end", row->what);
	if (row->name)
		CHECK(strstr(crash->text, row->name), "%s: \"%s\" does not name \"%s\"", row->what,
		      crash->text, row->name);
}

static void try(const struct row *row)
{
	long ret;

	row->ground();
	fetch(&m, VMM_GROUP_ALL);
	poke_all(row);
	do {
		ret = run(&m);
	} while (ret == -EINTR);
	if (row->outcome == INVALID)
		CHECK(ret == -EINVAL, "%s: RUN %ld", row->what, ret);
	else
		CHECK(!ret, "%s: RUN %ld", row->what, ret);
	if (!ret)
		check_entry(row);
	/* Nothing of it is left behind. */
	m.page->dirty = 0;
	row->ground();
	must(run(&m), "RUN");
	CHECK(m.page->reason != VMM_EXIT_CRASH, "%s: without what is wrong with it: %s", row->what,
	      m.page->u.crash.text);
	long_mode();
	RUN_TO(&m, VMM_EXIT_IO);
}

static void try_all(const struct row *rows, size_t count)
{
	const struct row *row;

	for (row = rows; row < rows + count; row++)
		try(row);
}

static void refused_controls(void)
{
	/* For the row that has them: a reserved bit in the first. */
	*(u64 *)(m.ram + PDPTES + 32) = (PDPTES + PAGE) | 3;
	try_all(controls, ARRAY_SIZE(controls));
}

static void refused_segments(void)
{
	try_all(segments, ARRAY_SIZE(segments));
}

static void refused_flags(void)
{
	try_all(flags, ARRAY_SIZE(flags));
}

static void refused_events(void)
{
	try_all(events, ARRAY_SIZE(events));
}

/* "Checks on Guest Control Registers, Debug Registers, and MSRs", those that are MSRs here. */
static void refused_msrs(void)
{
	static const struct vmm_msr rows[] = {
		{ .index = 0x175, .value = 1ULL << 62 },	/* SYSENTER_ESP */
		{ .index = 0x176, .value = 1ULL << 62 },	/* SYSENTER_EIP */
		{ .index = 0x277, .value = 2 },			/* PAT */
		{ .index = 0x277, .value = 8 },
		{ .index = 0x1d9, .value = 1ULL << 20 },	/* DEBUGCTL */
		{ .index = 0xc0000080, .value = 0x502 },	/* EFER */
		{ .index = 0xc0000080, .value = 0 },		/* LME under paging */
		{ .index = 0xc0000082, .value = 1ULL << 62 },	/* LSTAR */
		{ .index = 0xc0000100, .value = 1ULL << 62 },	/* FS.base */
		{ .index = 0xc0000101, .value = 1ULL << 62 },	/* GS.base */
		{ .index = 0xc0000102, .value = 1ULL << 62 },	/* KernelGSbase */
	};
	size_t i;

	long_mode();
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vmm_msrs req = { .count = 1, .entries = (u64)&rows[i] };
		long ret = call(m.vcpu, VMM_VCPU_SET_MSRS, &req);

		CHECK(ret == -EINVAL, "MSR %#x = %#llx: %ld", rows[i].index, rows[i].value, ret);
		RUN_TO(&m, VMM_EXIT_IO);
	}
}

static const struct test tests[] = {
	{ "controls", refused_controls },
	{ "segments", refused_segments },
	{ "flags", refused_flags },
	{ "events", refused_events },
	{ "msrs", refused_msrs },
};

int main(int argc, char **argv)
{
	int ret;

	vmx = dev_info().vendor == VMM_VENDOR_VMX;
	machine_open(&m, 4 * MIB);
	ret = tests_main(argc, argv, tests, ARRAY_SIZE(tests));
	machine_close(&m);
	return ret;
}
