// SPDX-License-Identifier: GPL-2.0
/*
 * The rules of an entry, each broken alone: it is the one that is named. Some
 * states that keep all of them are the ground.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "kmod/state_check.c"

static const struct state_limits limits = {
	.cr4 = 0x3706ff, .efer = 0xd01, .phys_bits = 40, .linear_bits = 48,
};

struct state {
	struct vmm_sregs s;
	struct vmm_gprs g;
	struct vmm_events e;
};

static struct vmm_segment segment(u16 selector, u64 base, u32 limit, u32 attr)
{
	return (struct vmm_segment){
		.selector = selector, .base = base, .limit = limit, .attr = attr,
	};
}

/* "Processor State After Reset" */
static void real(struct state *st)
{
	memset(st, 0, sizeof(*st));
	for (int i = VMM_ES; i <= VMM_GS; i++)
		st->s.seg[i] = segment(0, 0, 0xffff, 0x93);
	st->s.seg[VMM_CS] = segment(0xf000, 0xffff0000, 0xffff, 0x9b);
	st->s.seg[VMM_LDTR] = segment(0, 0, 0xffff, 0x82);
	st->s.seg[VMM_TR] = segment(0, 0, 0xffff, 0x8b);
	st->s.cr0 = 0x60000010;
	st->g.rip = 0xfff0;
	st->g.rflags = 2;
}

/* With what leaving protected mode can leave in CS. */
static void real_data(struct state *st)
{
	real(st);
	st->s.seg[VMM_CS].attr = 0x93;
}

static void long_mode(struct state *st)
{
	real(st);
	for (int i = VMM_ES; i <= VMM_GS; i++)
		st->s.seg[i] = segment(0x18, 0, 0xffffffff, 0xc093);
	st->s.seg[VMM_CS] = segment(0x10, 0, 0xffffffff, 0xa09b);
	st->s.seg[VMM_DS].attr = VMM_SEG_UNUSABLE;
	st->s.cr0 = 0x80050033;
	st->s.cr4 = 0x20;
	st->s.efer = 0xd01;
	st->g.rip = 0xffffffff81000000;
	st->g.rflags = 0x202;
}

static void v8086(struct state *st)
{
	real(st);
	for (int i = VMM_ES; i <= VMM_GS; i++)
		st->s.seg[i] = segment(0x1234, 0x12340, 0xffff, 0xf3);
	st->s.cr0 = 0x31;
	st->g.rflags = 0x23202;
}

static const char *check(const struct state *st)
{
	return state_check_entry(&limits, &st->s, &st->g, &st->e);
}

static void test_sound(void **state)
{
	struct state st;

	real(&st);
	assert_null(check(&st));
	real_data(&st);
	assert_null(check(&st));
	long_mode(&st);
	assert_null(check(&st));
	st.e.type = VMM_EVENT_INTR;
	st.e.vector = 0x20;
	assert_null(check(&st));
	v8086(&st);
	assert_null(check(&st));
}

struct broken {
	const char *rule;		/* what its name begins with */
	void (*ground)(struct state *st);
	size_t offset, size;		/* of the field in struct state */
	u64 value;
};

#define BREAK(_rule, _ground, _field, _value) \
	{ _rule, _ground, offsetof(struct state, _field), sizeof(((struct state *)0)->_field), \
	  _value }

static const struct broken rows[] = {
	BREAK("CR0 has bits above 31", real, s.cr0, 1ULL << 32),
	BREAK("CR0.PG without PE", real, s.cr0, 0x80000010),
	BREAK("CR0.NW without CD", real, s.cr0, 0x20000010),
	BREAK("CR4 has bits", long_mode, s.cr4, 0x2020),
	BREAK("EFER has bits", long_mode, s.efer, 0x1d01),
	BREAK("CR3 beyond", long_mode, s.cr3, 1ULL << 40),
	BREAK("EFER.LMA is not", long_mode, s.efer, 0x901),
	BREAK("EFER.LMA is not", real, s.efer, 0xd00),
	BREAK("long mode without", long_mode, s.cr4, 0),
	BREAK("CR4.PCIDE outside", real, s.cr4, 0x20000),
	BREAK("padding of a segment", real, s.seg[VMM_FS].pad1, 1),
	BREAK("a segment's attributes", real, s.seg[VMM_FS].attr, 0x193),
	BREAK("a segment's base is above", long_mode, s.seg[VMM_ES].base, 1ULL << 32),
	BREAK("a segment's base is not canonical", long_mode, s.seg[VMM_GS].base, 1ULL << 47),
	BREAK("CS or TR is unusable", long_mode, s.seg[VMM_CS].attr, VMM_SEG_UNUSABLE),
	BREAK("CS or TR is unusable", long_mode, s.seg[VMM_TR].attr, VMM_SEG_UNUSABLE),
	BREAK("CS.L and CS.D", long_mode, s.seg[VMM_CS].attr, 0xe09b),
	BREAK("GDTR or IDTR", long_mode, s.gdtr.base, 1ULL << 47),
	BREAK("padding of GDTR", long_mode, s.idtr.pad[2], 1),
	BREAK("CR8", long_mode, s.cr8, 16),

	BREAK("CS is neither", long_mode, s.seg[VMM_CS].attr, 0xa09a),
	BREAK("CS is neither", real, s.seg[VMM_CS].attr, 0x91),
	BREAK("CS is a data segment", real, s.seg[VMM_CS].attr, 0xf3),
	BREAK("CS.DPL is not", long_mode, s.seg[VMM_CS].attr, 0xa0fb),
	BREAK("CS is conforming", long_mode, s.seg[VMM_CS].attr, 0xa0ff),
	BREAK("CS is a system", long_mode, s.seg[VMM_CS].attr, 0xa08b),
	BREAK("CS is a system", long_mode, s.seg[VMM_CS].attr, 0xa01b),
	BREAK("CS.G", real, s.seg[VMM_CS].limit, 0x1fffff),
	BREAK("CS.G", long_mode, s.seg[VMM_CS].limit, 0xfffff000),
	BREAK("SS.DPL", real_data, s.seg[VMM_SS].attr, 0xf3),
	BREAK("SS is not writable", long_mode, s.seg[VMM_SS].attr, 0xc091),
	BREAK("SS is a system", long_mode, s.seg[VMM_SS].attr, 0xc013),
	BREAK("SS.G", long_mode, s.seg[VMM_SS].limit, 0x123),
	BREAK("a data segment is not accessed", long_mode, s.seg[VMM_ES].attr, 0xc092),
	BREAK("a data segment is code", long_mode, s.seg[VMM_ES].attr, 0xc099),
	BREAK("a data segment is a system", long_mode, s.seg[VMM_ES].attr, 0xc013),
	BREAK("G of a data", long_mode, s.seg[VMM_FS].limit, 0),
	BREAK("TR is in the LDT", real, s.seg[VMM_TR].selector, 4),
	BREAK("TR is not a busy", long_mode, s.seg[VMM_TR].attr, 0x89),
	BREAK("TR is not a busy", long_mode, s.seg[VMM_TR].attr, 0x83),
	BREAK("TR is no system", real, s.seg[VMM_TR].attr, 0x9b),
	BREAK("TR.G", real, s.seg[VMM_TR].limit, 0x100000),
	BREAK("LDTR is in the LDT", real, s.seg[VMM_LDTR].selector, 4),
	BREAK("LDTR is not", real, s.seg[VMM_LDTR].attr, 0x83),
	BREAK("LDTR.G", real, s.seg[VMM_LDTR].limit, 0x100000),
	BREAK("virtual-8086: a base", v8086, s.seg[VMM_SS].base, 0x12350),
	BREAK("virtual-8086: a segment's limit", v8086, s.seg[VMM_SS].limit, 0xfffff),
	BREAK("virtual-8086: a segment's attr", v8086, s.seg[VMM_SS].attr, 0x93),

	BREAK("RFLAGS has reserved", long_mode, g.rflags, 0x20a),
	BREAK("RIP is not canonical", long_mode, g.rip, 1ULL << 47),
	BREAK("RIP above 4 GiB", real, g.rip, 1ULL << 32),
	BREAK("RFLAGS bit 1", long_mode, g.rflags, 0x200),
	BREAK("RFLAGS.VM", v8086, s.cr0, 0x10),
	BREAK("shadows of", long_mode, e.shadow, 3),
	BREAK("shadow of STI with", real, e.shadow, 1),
	BREAK("an interrupt with", real, e.type, VMM_EVENT_INTR),
	BREAK("event type", long_mode, e.type, 7),
	BREAK("event flags", long_mode, e.nmi_pending, 3),
	BREAK("run state", long_mode, e.run_state, 5),
};

static void test_each_rule(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct broken *row = &rows[i];
		const char *said;
		struct state st;

		row->ground(&st);
		memcpy((u8 *)&st + row->offset, &row->value, row->size);
		said = check(&st);
		if (!said || strncmp(said, row->rule, strlen(row->rule)))
			fail_msg("row %zu: \"%s\" expected, \"%s\" said", i, row->rule,
				 said ? said : "nothing");
	}
}

static void test_shadow_and_event(void **state)
{
	struct state st;

	long_mode(&st);
	st.e.shadow = VMM_SHADOW_MOV_SS;
	assert_null(check(&st));
	st.e.type = VMM_EVENT_NMI;
	st.e.vector = 2;
	assert_string_equal(check(&st), "an interrupt or NMI in a shadow");
}

static void test_events(void **state)
{
	struct vmm_events ev = { .type = VMM_EVENT_EXCEPTION, .vector = 32 };

	assert_string_equal(state_check_events(&ev), "exception vector above 31");
	ev.vector = 2;
	assert_string_equal(state_check_events(&ev), "exception 2");
	ev.vector = 13;
	ev.has_error = 1;
	assert_null(state_check_events(&ev));
	ev.vector = 6;
	assert_string_equal(state_check_events(&ev), "error code of an event that has none");
	ev.vector = 13;
	ev.error = 0x10000;
	assert_string_equal(state_check_events(&ev), "error code or length");
	ev = (struct vmm_events){ .type = VMM_EVENT_SOFT_INTR, .vector = 0x80, .length = 2 };
	assert_null(state_check_events(&ev));
	ev.has_error = 1;
	assert_string_equal(state_check_events(&ev), "error code of an event that has none");
	ev.has_error = 0;
	ev.length = 0;
	assert_string_equal(state_check_events(&ev), "software event without a length");
	ev = (struct vmm_events){ .type = VMM_EVENT_NMI, .vector = 2 };
	assert_null(state_check_events(&ev));
	ev.vector = 0;
	assert_string_equal(state_check_events(&ev), "NMI with a vector other than 2");
	ev.vector = 2;
	ev.pad1 = 1;
	assert_string_equal(state_check_events(&ev), "event flags");
	ev = (struct vmm_events){ .shadow = 4 };
	assert_string_equal(state_check_events(&ev), "interrupt shadow");
}

static void test_dregs(void **state)
{
	struct vmm_dregs dregs = { .dr6 = 0xffff0ff0, .dr7 = 0x400 };

	assert_null(state_check_dregs(&dregs));
	dregs.dr7 |= 1ULL << 32;
	assert_non_null(state_check_dregs(&dregs));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sound),
		cmocka_unit_test(test_each_rule),
		cmocka_unit_test(test_shadow_and_event),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_dregs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
