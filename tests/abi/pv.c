// SPDX-License-Identifier: GPL-2.0
/*
 * What the module does of a paravirtual interface: hypercalls that exit, and
 * pages in the guest's memory, which go away, cannot be written, or are logged.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib.h"

#define ONE		(1ULL << 32)
#define MUL		0x80000000U
#define PV_PAGE		0x20000000UL	/* of a slot of its own */
#define PV_SLOT		1
#define EOI_AT		0x100
#define STEAL_AT	0x200

static const struct vmm_pv pv_all = {
	.flags = VMM_PV_HYPERCALLS | VMM_PV_CLOCK_STABLE | VMM_PV_KICK | VMM_PV_SEND_IPI,
	.tsc_mul = MUL, .tsc_shift = 1,
};

static struct machine m;
static u8 *memory;			/* behind PV_PAGE */

GUEST64(g_calls, "mov $99, %eax; vmcall; vmmcall; hlt");
GUEST64(g_kicks, "mov $5, %eax; xor %ecx, %ecx; vmcall; hlt; out %al, $0x77; hlt; hlt");
GUEST64(g_out, "1: out %al, $0x77; cpuid; jmp 1b");

struct clock_page {
	u32 version, pad;
	u64 tsc, ns;
	u32 mul;
	signed char shift;
	u8 flags, pad2[2];
};

static struct clock_page *clock_page(void) { return (struct clock_page *)memory; }

static void open_with(const struct vmm_pv *pv)
{
	machine_open_empty(&m, 2 * MIB);
	must(call(m.vm, VMM_VM_SET_PV, pv), "SET_PV");
	machine_add_vcpu(&m, 0);
	memory = memory_map(PAGE);
	LOAD64(&m, g_out);
}

static void close_all(void)
{
	munmap(memory, PAGE);
	machine_close(&m);
}

static long set_page(u32 what, u32 flags, u64 gpa)
{
	struct vmm_vcpu_pv req = { .what = what, .flags = flags, .gpa = gpa };

	return call(m.vcpu, VMM_VCPU_SET_PV, &req);
}

static void all_pages_on(void)
{
	EXPECT(set_page(VMM_PV_CLOCK, VMM_PV_ENABLED, PV_PAGE), 0);
	EXPECT(set_page(VMM_PV_EOI, VMM_PV_ENABLED, PV_PAGE + EOI_AT), 0);
	EXPECT(set_page(VMM_PV_STEAL_TIME, VMM_PV_ENABLED, PV_PAGE + STEAL_AT), 0);
}

/* The clock's page is written anew, and the guest is entered a few times. */
static void use_pages(void)
{
	struct vmm_clock clock = {
		.flags = VMM_CLOCK_RUNNING, .ns_ratio = ONE, .tsc_ratio = ONE,
	};
	int i;

	for (i = 0; i < 3; i++) {
		EXPECT(call(m.vm, VMM_VM_SET_CLOCK, &clock), 0);
		EXPECT(send_msi(m.vm, 0, 0x40), 0);
		RUN_TO(&m, VMM_EXIT_IO);
	}
}

/* ---- the VM's part ------------------------------------------------------------ */

static void refused(void)
{
	static const struct vmm_pv rows[] = {
		{ .flags = 1U << 31 }, { .flags = 32 }, { .pad = 1 }, { .tsc_shift = 1 },
		{ .tsc_mul = MUL - 1 }, { .tsc_mul = MUL, .tsc_shift = 32 },
		{ .tsc_mul = MUL, .tsc_shift = -32 }, { .flags = VMM_PV_KICK },
		{ .flags = VMM_PV_SEND_IPI }, { .flags = VMM_PV_YIELD },
	};
	int vm = must(vm_create(), "CREATE_VM");
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		CHECK(call(vm, VMM_VM_SET_PV, &rows[i]) == -EINVAL, "row %zu", i);
	EXPECT(call(vm, VMM_VM_SET_PV, &pv_all), 0);
	close(vm);
}

static void hypercalls(void)
{
	int i;

	open_with(&pv_all);
	LOAD64(&m, g_calls);
	for (i = 0; i < 2; i++) {
		u32 need = VMM_GROUP_GPRS | VMM_GROUP_SREGS | VMM_GROUP_EVENTS;

		if (!RUN_TO(&m, VMM_EXIT_HYPERCALL))
			break;
		CHECK(m.page->insn_len == 3, "length %u", m.page->insn_len);
		CHECK((m.page->cached & need) == need, "cached %#x", m.page->cached);
		CHECK(m.page->gprs.rip == GUEST_CODE + 5 + 3ULL * i, "rip %#llx", m.page->gprs.rip);
		CHECK(m.page->gprs.r[VMM_RAX] == 99, "rax");
		m.page->gprs.rip += 3;
		m.page->dirty = VMM_GROUP_GPRS;
	}
	RUN_TO(&m, VMM_EXIT_HALTED);
	close_all();
}

/* Nobody has asked for them: #UD, handled by OUT to port 6. */
static void no_hypercalls(void)
{
	static const struct vmm_pv none;
	u64 at;

	open_with(&none);
	for (at = GUEST_CODE + 5; at <= GUEST_CODE + 8; at += 3) {
		LOAD64(&m, g_calls);
		m.page->gprs.rip = at;
		m.page->dirty |= VMM_GROUP_GPRS;
		if (RUN_TO(&m, VMM_EXIT_IO))
			CHECK(m.page->u.io.port == 6, "port %u", m.page->u.io.port);
	}
	EXPECT(set_page(VMM_PV_CLOCK, VMM_PV_ENABLED, PV_PAGE), -EINVAL);
	close_all();
}

/* ---- kicks ---------------------------------------------------------------------- */

/* One that comes before the HLT ends it, and is part of the vCPU's state until then. */
static void kicks(void)
{
	open_with(&pv_all);
	LOAD64(&m, g_kicks);
	RUN_TO(&m, VMM_EXIT_IO);
	RUN_TO(&m, VMM_EXIT_HALTED);
	CHECK(!m.page->events.kicked, "still kicked");
	m.page->events.kicked = 1;
	EXPECT(store(&m, VMM_GROUP_EVENTS), 0);
	fetch(&m, VMM_GROUP_EVENTS);
	CHECK(m.page->events.kicked, "not kicked");
	RUN_TO(&m, VMM_EXIT_HALTED);
	CHECK(m.page->gprs.rip == (u64)(GUEST_CODE + g_kicks_end - g_kicks), "rip %#llx",
	      m.page->gprs.rip);
	CHECK(!m.page->events.kicked, "still kicked");
	close_all();
}

/* ---- pages ------------------------------------------------------------------------ */

static void clock_is_written(void)
{
	struct clock_page *page;
	u32 version;

	open_with(&pv_all);
	page = clock_page();
	must(set_slot(m.vm, PV_SLOT, 0, PV_PAGE, PAGE, memory), "SET_SLOT");
	EXPECT(set_page(VMM_PV_CLOCK, VMM_PV_ENABLED, PV_PAGE), 0);
	version = page->version;
	CHECK(version && !(version & 1), "version %u", version);
	CHECK(page->mul == MUL && page->shift == 1, "rate");
	CHECK(page->flags == 1, "flags %u", page->flags);
	CHECK(!page->pad && !page->pad2[0] && !page->pad2[1], "padding");
	CHECK(!page->tsc && !page->ns, "where it begins");
	use_pages();
	CHECK(page->version > version && !(page->version & 1), "version %u", page->version);
	close_all();
}

static void reads_back(void)
{
	struct vmm_vcpu_pv req = { .what = VMM_PV_EOI };

	open_with(&pv_all);
	EXPECT(set_page(VMM_PV_EOI, VMM_PV_ENABLED, 0x1234), 0);
	EXPECT(call(m.vcpu, VMM_VCPU_GET_PV, &req), 0);
	CHECK(req.flags == VMM_PV_ENABLED && req.gpa == 0x1234, "%u, %#llx", req.flags, req.gpa);
	EXPECT(set_page(VMM_PV_EOI, 0, 0x5678), 0);
	req = (struct vmm_vcpu_pv){ .what = VMM_PV_EOI };
	EXPECT(call(m.vcpu, VMM_VCPU_GET_PV, &req), 0);
	CHECK(!req.flags && req.gpa == 0x5678, "%u, %#llx", req.flags, req.gpa);
	EXPECT(call(m.vcpu, VMM_VCPU_RESET, NULL), 0);
	req = (struct vmm_vcpu_pv){ .what = VMM_PV_EOI };
	EXPECT(call(m.vcpu, VMM_VCPU_GET_PV, &req), 0);
	CHECK(!req.flags && !req.gpa, "%u, %#llx after a reset", req.flags, req.gpa);
	close_all();
}

/* What the module writes is in the log like what the guest does. */
static void logged(void)
{
	u64 bits = 0;

	open_with(&pv_all);
	must(set_slot(m.vm, PV_SLOT, VMM_SLOT_DIRTY_LOG, PV_PAGE, PAGE, memory), "SET_SLOT");
	get_dirty(m.vm, PV_SLOT, 1, &bits);
	CHECK(!bits, "dirty from the start");
	EXPECT(set_page(VMM_PV_CLOCK, VMM_PV_ENABLED, PV_PAGE), 0);
	get_dirty(m.vm, PV_SLOT, 1, &bits);
	CHECK(bits == 1, "the clock is not logged");
	clear_dirty(m.vm, PV_SLOT, 1, &bits);
	EXPECT(set_page(VMM_PV_CLOCK, 0, 0), 0);
	EXPECT(set_page(VMM_PV_STEAL_TIME, VMM_PV_ENABLED, PV_PAGE + STEAL_AT), 0);
	use_pages();
	get_dirty(m.vm, PV_SLOT, 1, &bits);
	CHECK(bits == 1, "stolen time is not logged");
	close_all();
}

static bool is_filled(u8 with)
{
	size_t i;

	for (i = 0; i < PAGE; i++)
		if (memory[i] != with)
			return false;
	return true;
}

static void read_only(void)
{
	open_with(&pv_all);
	memset(memory, 0xa5, PAGE);
	must(set_slot(m.vm, PV_SLOT, VMM_SLOT_READONLY, PV_PAGE, PAGE, memory), "SET_SLOT");
	all_pages_on();
	use_pages();
	CHECK(is_filled(0xa5), "written");
	close_all();
}

static void slot_goes(void)
{
	open_with(&pv_all);
	must(set_slot(m.vm, PV_SLOT, 0, PV_PAGE, PAGE, memory), "SET_SLOT");
	all_pages_on();
	use_pages();
	remove_slot(m.vm, PV_SLOT);
	memset(memory, 0xa5, PAGE);
	use_pages();
	CHECK(is_filled(0xa5), "written without a slot");
	/* And it comes back. */
	must(set_slot(m.vm, PV_SLOT, 0, PV_PAGE, PAGE, memory), "SET_SLOT");
	use_pages();
	CHECK(!is_filled(0xa5), "not written again");
	close_all();
}

/* The slot stays, and what was behind it goes. */
static void memory_goes(void)
{
	open_with(&pv_all);
	must(set_slot(m.vm, PV_SLOT, 0, PV_PAGE, PAGE, memory), "SET_SLOT");
	all_pages_on();
	use_pages();
	must(mprotect(memory, PAGE, PROT_READ), "mprotect");
	use_pages();
	must(mprotect(memory, PAGE, PROT_NONE), "mprotect");
	use_pages();
	must(munmap(memory, PAGE), "munmap");
	use_pages();
	machine_close(&m);
}

/* The last bytes of a slot: what is behind them is not the guest's. */
static void end_of_slot(void)
{
	u8 *two = memory_map(2 * PAGE);
	size_t i;

	open_with(&pv_all);
	memset(two, 0xa5, 2 * PAGE);
	must(set_slot(m.vm, PV_SLOT, 0, PV_PAGE, PAGE, two), "SET_SLOT");
	EXPECT(set_page(VMM_PV_CLOCK, VMM_PV_ENABLED, PV_PAGE + PAGE - 16), 0);
	EXPECT(set_page(VMM_PV_STEAL_TIME, VMM_PV_ENABLED, PV_PAGE + PAGE - 64), 0);
	EXPECT(set_page(VMM_PV_EOI, VMM_PV_ENABLED, PV_PAGE + PAGE - 4), 0);
	use_pages();
	for (i = PAGE; i < 2 * PAGE; i++)
		if (two[i] != 0xa5)
			break;
	CHECK(i == 2 * PAGE, "byte %zu is written", i);
	close_all();
	munmap(two, 2 * PAGE);
}

static const struct test tests[] = {
	{ "refused", refused },
	{ "hypercalls", hypercalls },
	{ "no-hypercalls", no_hypercalls },
	{ "kicks", kicks },
	{ "clock-is-written", clock_is_written },
	{ "reads-back", reads_back },
	{ "logged", logged },
	{ "read-only", read_only },
	{ "slot-goes", slot_goes },
	{ "memory-goes", memory_goes },
	{ "end-of-slot", end_of_slot },
};

int main(int argc, char **argv)
{
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests));
}
