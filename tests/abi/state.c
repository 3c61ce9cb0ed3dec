// SPDX-License-Identifier: GPL-2.0
/*
 * State in and out: hostile values of every group are refused and change
 * nothing, and what was taken comes back.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib.h"

static struct machine m;

GUEST64(g_count, "1: inc %rax; out %al, $0x77; jmp 1b");

/* ---- one field of a group set to what cannot be ------------------------------------------- */

struct bad {
	const char *what;
	u32 group;
	size_t offset, size;
	u64 value;
};

#define FIELD(group, field, value)						\
	{ #field " = " #value, group, offsetof(struct vmm_page, field),		\
	  sizeof(((struct vmm_page *)0)->field), value }
#define GPRS(field, value)	FIELD(VMM_GROUP_GPRS, gprs.field, value)
#define SREGS(field, value)	FIELD(VMM_GROUP_SREGS, sregs.field, value)
#define DREGS(field, value)	FIELD(VMM_GROUP_DREGS, dregs.field, value)
#define EVENTS(field, value)	FIELD(VMM_GROUP_EVENTS, events.field, value)

static const struct bad bads[] = {
	GPRS(rip, 0x0000800000000000 << 9),
	GPRS(rip, 0x7fffffffffffffff),
	GPRS(rflags, 1ULL << 63),
	GPRS(rflags, 1 << 15),
	GPRS(rflags, 1 << 22),
	SREGS(cr0, 0x180000011),
	SREGS(cr0, 0x80000010),		/* PG without PE */
	SREGS(cr0, 0x20000011),		/* NW without CD */
	SREGS(cr3, 1ULL << 63),
	SREGS(cr3, 1ULL << 52),
	SREGS(cr4, 1ULL << 32),
	SREGS(cr4, 0x2020),		/* VMXE */
	SREGS(cr4, 1 << 15 | 0x20),
	SREGS(cr4, 0),			/* long mode without PAE */
	SREGS(efer, 0x100),		/* LME under paging, without LMA */
	SREGS(efer, 0x1500),		/* SVME */
	SREGS(efer, 0x400),
	SREGS(efer, ~0ULL),
	SREGS(cr8, 16),
	SREGS(cr8, ~0ULL),
	SREGS(xcr0, 0),
	SREGS(xcr0, 2),
	SREGS(xcr0, 5),			/* AVX without SSE */
	SREGS(xcr0, 1ULL << 63 | 1),
	SREGS(xcr0, 0x27),		/* a part of AVX-512 */
	SREGS(xcr0, 0x60001),		/* AMX */
	SREGS(apic_base, ~0ULL),
	SREGS(apic_base, 1ULL << 60 | 0x900),
	SREGS(seg[VMM_CS].attr, 0xe09b),	/* L and D */
	SREGS(seg[VMM_CS].attr, 0x1a09b),	/* unusable */
	SREGS(seg[VMM_TR].attr, 0x10000),
	SREGS(seg[VMM_DS].attr, 0xf93),
	SREGS(seg[VMM_DS].attr, 0x80000093),
	SREGS(seg[VMM_DS].pad0, 1),
	SREGS(seg[VMM_LDTR].pad1, 1),
	SREGS(seg[VMM_DS].base, 1ULL << 32),
	SREGS(seg[VMM_CS].base, ~0ULL),
	SREGS(seg[VMM_FS].base, 1ULL << 60),
	SREGS(seg[VMM_TR].base, 1ULL << 63),
	SREGS(gdtr.base, 1ULL << 62),
	SREGS(idtr.base, 1ULL << 62),
	SREGS(gdtr.pad[2], 1),
	SREGS(idtr.pad[0], 0xffff),
	DREGS(dr6, 1ULL << 32),
	DREGS(dr7, 1ULL << 63),
	EVENTS(type, 7),
	EVENTS(type, 255),
	EVENTS(has_error, 2),
	EVENTS(length, 16),
	EVENTS(nmi_pending, 3),
	EVENTS(nmi_masked, 2),
	EVENTS(shadow, 4),
	EVENTS(run_state, 5),
	EVENTS(run_state, 255),
	EVENTS(init_pending, 2),
	EVENTS(sipi_pending, 2),
	EVENTS(kicked, 2),
	EVENTS(pad1, 1ULL << 63),
};

/* All groups but the shared page's masks and exit. */
struct snapshot {
	struct vmm_gprs gprs;
	struct vmm_sregs sregs;
	struct vmm_dregs dregs;
	struct vmm_events events;
};

static struct snapshot snapshot(struct machine *m)
{
	fetch(m, VMM_GROUP_ALL);
	return (struct snapshot){
		m->page->gprs, m->page->sregs, m->page->dregs, m->page->events,
	};
}

static void restore_page(const struct snapshot *s)
{
	m.page->gprs = s->gprs;
	m.page->sregs = s->sregs;
	m.page->dregs = s->dregs;
	m.page->events = s->events;
}

/* Everything is dirty and differs, one field is bad: nothing is taken, by STORE nor by RUN. */
static void refused(void)
{
	struct snapshot before, after;
	const struct bad *b;

	LOAD64(&m, g_count);
	before = snapshot(&m);
	for (b = bads; b < bads + ARRAY_SIZE(bads); b++) {
		long stored, ran;

		restore_page(&before);
		m.page->gprs.r[VMM_RBX] = 0x1234;
		m.page->sregs.cr2 = 0x5678;
		m.page->dregs.dr[0] = 0x9abc;
		m.page->events.nmi_pending = 1;
		memcpy((u8 *)m.page + b->offset, &b->value, b->size);
		m.page->dirty = VMM_GROUP_ALL;
		stored = call(m.vcpu, VMM_VCPU_STORE, NULL);
		ran = run(&m);
		CHECK(stored == -EINVAL && ran == -EINVAL, "%s: STORE %ld, RUN %ld", b->what,
		      stored, ran);
		after = snapshot(&m);
		CHECK(!memcmp(&before, &after, sizeof(before)), "%s: something was taken", b->what);
		m.page->dirty = 0;
		if (memcmp(&before, &after, sizeof(before))) {
			restore_page(&before);
			must(store(&m, VMM_GROUP_ALL), "STORE");
		}
	}
	m.page->dirty = 1U << 5;
	EXPECT(call(m.vcpu, VMM_VCPU_STORE, NULL), -EINVAL);
	EXPECT(run(&m), -EINVAL);
	m.page->dirty = 0;
	RUN_TO(&m, VMM_EXIT_IO);
}

/* Exceptions that no processor raises. */
static void refused_events(void)
{
	static const struct vmm_events rows[] = {
		{ .type = VMM_EVENT_EXCEPTION, .vector = 32 },
		{ .type = VMM_EVENT_EXCEPTION, .vector = 2 },
		{ .type = VMM_EVENT_EXCEPTION, .vector = 255 },
		{ .type = VMM_EVENT_SOFT_EXC, .vector = 32 },
		{ .type = VMM_EVENT_PRIV_EXC, .vector = 32 },
		{ .type = VMM_EVENT_EXCEPTION, .vector = 13, .has_error = 1, .error = 0x10000 },
	};
	size_t i;

	LOAD64(&m, g_count);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		m.page->events = rows[i];
		CHECK(store(&m, VMM_GROUP_EVENTS) == -EINVAL, "row %zu", i);
	}
	m.page->dirty = 0;
}

/* ---- round trips ---------------------------------------------------------------------------- */

static void groups_round_trip(void)
{
	struct snapshot want, got;
	int i;

	LOAD64(&m, g_count);
	want = snapshot(&m);
	for (i = 0; i < VMM_GPR_COUNT; i++)
		want.gprs.r[i] = 0x1111111111111111ULL * i + 5;
	want.gprs.rflags = 0x246;
	want.sregs.cr2 = 0xdeadbeef000;
	want.sregs.cr8 = 5;
	want.sregs.seg[VMM_FS].base = 0xffff800000001000;
	want.sregs.seg[VMM_GS].base = 0x7fff00000000;
	want.sregs.seg[VMM_GS].selector = 0x2b;
	for (i = 0; i < 4; i++)
		want.dregs.dr[i] = 0x1000 * (i + 1);
	want.dregs.dr6 = 0xffff0ff1;
	want.dregs.dr7 = 0x402;
	want.events = (struct vmm_events){
		.type = VMM_EVENT_EXCEPTION, .vector = 14, .has_error = 1, .error = 2,
		.payload = 0x123456, .nmi_pending = 2, .nmi_masked = 1, .shadow = VMM_SHADOW_STI,
		.run_state = VMM_STATE_HALTED,
	};
	restore_page(&want);
	EXPECT(store(&m, VMM_GROUP_ALL), 0);
	CHECK(!m.page->dirty, "dirty is left");
	got = snapshot(&m);
	CHECK(!memcmp(&want.gprs, &got.gprs, sizeof(got.gprs)), "gprs");
	CHECK(!memcmp(&want.sregs, &got.sregs, sizeof(got.sregs)), "sregs");
	CHECK(!memcmp(&want.dregs, &got.dregs, sizeof(got.dregs)), "dregs");
	CHECK(!memcmp(&want.events, &got.events, sizeof(got.events)), "events");
}

/* What waits for the vCPU to run is part of its state, though nothing has run since. */
static void pending_round_trip(void)
{
	struct vmm_msi nmi = { .address = 0xfee00000, .data = 4 << 8 };
	struct vmm_msi init = { .address = 0xfee00000, .data = 5 << 8 };
	struct snapshot got;

	LOAD64(&m, g_count);
	EXPECT(call(m.vm, VMM_VM_SEND_MSI, &nmi), 0);
	got = snapshot(&m);
	CHECK(got.events.nmi_pending == 1, "NMI: %u pending", got.events.nmi_pending);
	EXPECT(call(m.vm, VMM_VM_SEND_MSI, &init), 0);
	got = snapshot(&m);
	CHECK(got.events.init_pending == 1, "INIT is not pending");
	must(call(m.vcpu, VMM_VCPU_RESET, NULL), "RESET");
	got = snapshot(&m);
	CHECK(!got.events.init_pending && !got.events.nmi_pending, "RESET left INIT %u, NMI %u",
	      got.events.init_pending, got.events.nmi_pending);
	m.page->events.init_pending = 1;
	m.page->events.sipi_pending = 1;
	m.page->events.sipi_vector = 0x9a;
	EXPECT(store(&m, VMM_GROUP_EVENTS), 0);
	got = snapshot(&m);
	CHECK(got.events.init_pending && got.events.sipi_pending && got.events.sipi_vector == 0x9a,
	      "INIT %u, SIPI %u, vector %#x", got.events.init_pending, got.events.sipi_pending,
	      got.events.sipi_vector);
	must(call(m.vcpu, VMM_VCPU_RESET, NULL), "RESET");
}

static void msrs_round_trip(void)
{
	static struct vmm_msr list[VMM_MSRS_MAX], again[VMM_MSRS_MAX];
	struct vmm_msrs req = { .count = VMM_MSRS_MAX, .entries = (u64)list };
	u32 i;

	EXPECT(call(m.vcpu, VMM_VCPU_LIST_MSRS, &req), 0);
	CHECK(req.count > 10 && req.count < VMM_MSRS_MAX, "%u MSRs", req.count);
	EXPECT(call(m.vcpu, VMM_VCPU_GET_MSRS, &req), 0);
	EXPECT(call(m.vcpu, VMM_VCPU_SET_MSRS, &req), 0);
	memcpy(again, list, sizeof(list));
	req.entries = (u64)again;
	EXPECT(call(m.vcpu, VMM_VCPU_GET_MSRS, &req), 0);
	for (i = 0; i < req.count; i++) {
		/* The TSC goes on. */
		if (list[i].index == 0x10)
			continue;
		/* TSC_ADJUST follows writes to the TSC. */
		if (list[i].index == 0x3b)
			continue;
		CHECK(list[i].value == again[i].value, "MSR %#x: %#llx, %#llx", list[i].index,
		      list[i].value, again[i].value);
	}
}

static void msrs_refused(void)
{
	static const struct { u32 index; u64 value; } rows[] = {
		{ 0x4b564d00, 0 },		/* not the module's */
		{ 0xc0000080, ~0ULL },		/* EFER */
		{ 0xc0000080, 1 << 12 },
		{ 0x1b, ~0ULL },		/* APIC_BASE */
		{ 0x277, 0x0202020202020202 },	/* PAT */
		{ 0x2ff, 0x100 << 8 },		/* MTRR default type */
		{ 0x2ff, 2 },
		{ 0x250, 0xff },
		{ 0x200, ~0ULL },
		{ 0x201, 0x100 },
		{ 0xfe, 1 },			/* MTRR capabilities: read-only */
		{ 0x179, 1 },
		{ 0xc0000102, 1ULL << 62 },	/* KERNEL_GS_BASE */
		{ 0xc0000082, 1ULL << 62 },	/* LSTAR */
		{ 0x175, 1ULL << 62 },		/* SYSENTER_ESP */
		{ 0xc0000103, 1ULL << 32 },	/* TSC_AUX */
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vmm_msr msr = { .index = rows[i].index, .value = rows[i].value };
		struct vmm_msrs req = { .count = 1, .entries = (u64)&msr };
		long got = call(m.vcpu, VMM_VCPU_SET_MSRS, &req);

		CHECK(got == -EINVAL, "MSR %#x = %#llx: %ld", msr.index, msr.value, got);
		msr.pad = 1;
		EXPECT(call(m.vcpu, VMM_VCPU_SET_MSRS, &req), -EINVAL);
	}
}

static void xsave(void)
{
	static u8 image[8192] __attribute__((aligned(64))), again[8192];
	struct vmm_xsave req = { .size = dev_info().xsave_size, .data = (u64)image };
	u32 *words = (u32 *)image, i;
	u64 *header = (u64 *)(image + 512);

	CHECK(req.size <= sizeof(image), "xsave_size %u", req.size);
	req.size = req.size < sizeof(image) ? req.size : sizeof(image);
	EXPECT(call(m.vcpu, VMM_VCPU_GET_XSAVE, &req), 0);
	for (i = 0; i < 16 * 4; i++)	/* XMM0 to 15 */
		words[40 + i] = 0x01010101 * i;
	header[0] |= 3;
	EXPECT(call(m.vcpu, VMM_VCPU_SET_XSAVE, &req), 0);
	req.data = (u64)again;
	EXPECT(call(m.vcpu, VMM_VCPU_GET_XSAVE, &req), 0);
	CHECK(!memcmp(image + 160, again + 160, 256), "the XMM registers differ");

	req.data = (u64)image;
	words[6] = 0xffff0000;		/* MXCSR */
	EXPECT(call(m.vcpu, VMM_VCPU_SET_XSAVE, &req), -EINVAL);
	words[6] = 0x1f80;
	EXPECT(call(m.vcpu, VMM_VCPU_SET_XSAVE, &req), 0);
	header[0] |= 1ULL << 62;	/* XSTATE_BV: a component nobody knows */
	EXPECT(call(m.vcpu, VMM_VCPU_SET_XSAVE, &req), -EINVAL);
	header[0] &= ~(1ULL << 62);
	header[1] = 1ULL << 63;		/* XCOMP_BV: compacted */
	EXPECT(call(m.vcpu, VMM_VCPU_SET_XSAVE, &req), -EINVAL);
	header[1] = 0;
	header[5] = 1;			/* reserved */
	EXPECT(call(m.vcpu, VMM_VCPU_SET_XSAVE, &req), -EINVAL);
	header[5] = 0;
	EXPECT(call(m.vcpu, VMM_VCPU_SET_XSAVE, &req), 0);

	words[0] = 0x37f;		/* FCW */
	words[6] = 0x1fc0;
	EXPECT(call(m.vcpu, VMM_VCPU_SET_XSAVE, &req), 0);
	must(call(m.vcpu, VMM_VCPU_RESET, NULL), "RESET");
	req.data = (u64)again;
	EXPECT(call(m.vcpu, VMM_VCPU_GET_XSAVE, &req), 0);
	words = (u32 *)again;
	CHECK(words[0] == 0x40, "RESET left FCW and FSW %#x", words[0]);
	CHECK(words[6] == 0x1f80, "RESET left MXCSR %#x", words[6]);
	for (i = 0; i < 16 * 4; i++)
		CHECK(!words[40 + i], "RESET left XMM%u %#x", i / 4, words[40 + i]);
}

/* ---- the local APIC ------------------------------------------------------------------ */

static void lapic(void)
{
	static struct vmm_lapic good, bad, got;
	static const struct { u32 offset, value; } rows[] = {
		{ 0x80, 0x100 },	/* TPR */
		{ 0xe0, 0 },		/* DFR */
		{ 0xf0, ~0U },		/* SVR */
		{ 0x100, 1 },		/* ISR: vectors below 16 */
		{ 0x200, 0x8000 },	/* IRR */
		{ 0x104, 1 },		/* between two registers */
		{ 0x280, ~0U },		/* ESR */
		{ 0x320, 3 << 17 | 0xff000000 },
		{ 0x350, 1 << 11 },
		{ 0x3e0, 0xf0 },	/* divide */
		{ 0x30, 0 },		/* version */
		{ 0x3f4, 1 },
	};
	size_t i;

	must(call(m.vcpu, VMM_VCPU_RESET, NULL), "RESET");
	apic_write(&m, APIC_SVR, 0x1ff);
	EXPECT(call(m.vcpu, VMM_VCPU_GET_LAPIC, &good), 0);
	EXPECT(call(m.vcpu, VMM_VCPU_SET_LAPIC, &good), 0);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		bad = good;
		bad.reg[rows[i].offset / 4] = rows[i].value;
		CHECK(call(m.vcpu, VMM_VCPU_SET_LAPIC, &bad) == -EINVAL, "%#x = %#x",
		      rows[i].offset, rows[i].value);
	}
	bad = good;
	bad.pad[1] = 1;
	EXPECT(call(m.vcpu, VMM_VCPU_SET_LAPIC, &bad), -EINVAL);
	bad = good;
	bad.x2apic_id = 7;
	EXPECT(call(m.vcpu, VMM_VCPU_SET_LAPIC, &bad), -EINVAL);
	bad = good;
	bad.esr_pending = 1 << 20;
	EXPECT(call(m.vcpu, VMM_VCPU_SET_LAPIC, &bad), -EINVAL);
	bad = good;
	bad.timer_deadline = 5;		/* with no count */
	EXPECT(call(m.vcpu, VMM_VCPU_SET_LAPIC, &bad), -EINVAL);
	EXPECT(call(m.vcpu, VMM_VCPU_GET_LAPIC, &got), 0);
	CHECK(!memcmp(&got, &good, sizeof(got)), "something was taken");
}

/* ---- the page, written by another thread at the worst time --------------------------- */

static bool scribble_ends;

static void *scribble(void *arg)
{
	volatile u64 *words = (volatile u64 *)m.page;
	u64 state = 88172645463325252ULL;

	while (!__atomic_load_n(&scribble_ends, __ATOMIC_RELAXED)) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		words[state % (sizeof(struct vmm_page) / 8)] ^= 1ULL << (state >> 58);
	}
	return NULL;
}

/* Anything may come of it, save harm to the host. */
static void scribbled(void)
{
	u64 start = now_ns();
	pthread_t thread;
	int runs = 0;

	LOAD64(&m, g_count);
	scribble_ends = false;
	pthread_create(&thread, NULL, scribble, NULL);
	while (now_ns() - start < 2000000000) {
		struct vmm_groups groups = { .mask = VMM_GROUP_ALL };

		call(m.vcpu, VMM_VCPU_KICK, NULL);
		if (run(&m))
			call(m.vcpu, VMM_VCPU_RESET, NULL);
		call(m.vcpu, VMM_VCPU_FETCH, &groups);
		m.page->dirty = VMM_GROUP_ALL;
		call(m.vcpu, VMM_VCPU_STORE, NULL);
		runs++;
	}
	__atomic_store_n(&scribble_ends, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	CHECK(runs > 10, "%d runs", runs);
	m.page->dirty = m.page->wanted = 0;
	LOAD64(&m, g_count);
	/* A kick may be left over, from a run that was refused. */
	call(m.vcpu, VMM_VCPU_KICK, NULL);
	RUN_TO(&m, VMM_EXIT_KICK);
	RUN_TO(&m, VMM_EXIT_IO);
}

static const struct test tests[] = {
	{ "refused", refused },
	{ "refused-events", refused_events },
	{ "groups-round-trip", groups_round_trip },
	{ "pending-round-trip", pending_round_trip },
	{ "msrs-round-trip", msrs_round_trip },
	{ "msrs-refused", msrs_refused },
	{ "xsave", xsave },
	{ "lapic", lapic },
	{ "scribbled", scribbled },
};

int main(int argc, char **argv)
{
	machine_open(&m, 2 * MIB);
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests));
}
