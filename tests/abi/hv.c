// SPDX-License-Identifier: GPL-2.0
/*
 * What the module does of Hyper-V's interface: values that it refuses, the
 * page of the reference TSC in memory that goes away, cannot be written, or is
 * logged, MSRs and calls that exit unless they were asked for, idling.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib.h"

#define ONE		(1ULL << 32)
#define HALF		(1ULL << 63)
#define TSC_PAGE	0x20000000UL	/* of a slot of its own */
#define SLOT		1

static const struct vmm_pv calls = { .flags = VMM_PV_HYPERCALLS };
static const struct vmm_hv all = {
	.flags = VMM_HV_REF_COUNT | VMM_HV_APIC | VMM_HV_IDLE | VMM_HV_FLUSH | VMM_HV_SEND_IPI |
		 VMM_HV_EX_MASKS | VMM_HV_LONG_SPIN,
	.scale = HALF,
};

static struct machine m;
static u8 *memory;			/* behind TSC_PAGE */

GUEST64(g_out, "1: out %al, $0x77; jmp 1b");
GUEST64(g_ref, "mov $0x40000020, %ecx; rdmsr; hlt");
GUEST64(g_idle, "cli; mov $0x400000f0, %ecx; rdmsr; out %al, $0x77; hlt");
/* HvNotifyLongSpinWait, fast */
GUEST64(g_call, "mov $0x10008, %ecx; vmcall; out %al, $0x77; hlt");

struct tsc_page {
	u32 sequence, reserved;
	u64 scale, offset;
};

static struct tsc_page *tsc_page(void) { return (struct tsc_page *)memory; }

static void open_with(const struct vmm_hv *hv)
{
	machine_open_empty(&m, 2 * MIB);
	must(call(m.vm, VMM_VM_SET_PV, &calls), "SET_PV");
	must(call(m.vm, VMM_VM_SET_HV, hv), "SET_HV");
	machine_add_vcpu(&m, 0);
	memory = memory_map(PAGE);
	LOAD64(&m, g_out);
}

static void close_all(void)
{
	munmap(memory, PAGE);
	machine_close(&m);
}

static long state(u32 flags, u64 page)
{
	struct vmm_hv_state req = { .flags = flags, .tsc_page = page };

	return call(m.vm, VMM_VM_SET_HV_STATE, &req);
}

static void set_tsc_adjust(u64 value)
{
	struct vmm_msr msr = { .index = 0x3b, .value = value };
	struct vmm_msrs req = { .count = 1, .entries = (u64)&msr };

	EXPECT(call(m.vcpu, VMM_VCPU_SET_MSRS, &req), 0);
}

static void refused(void)
{
	static const struct vmm_hv rows[] = {
		{ .flags = 1U << 31 }, { .flags = 1U << 9 }, { .pad = 1 },
		{ .flags = VMM_HV_FLUSH }, { .flags = VMM_HV_SEND_IPI },
		{ .flags = VMM_HV_LONG_SPIN },
	};
	int vm = must(vm_create(), "CREATE_VM");
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		CHECK(call(vm, VMM_VM_SET_HV, &rows[i]) == -EINVAL, "row %zu", i);
	EXPECT(call(vm, VMM_VM_SET_PV, &calls), 0);
	EXPECT(call(vm, VMM_VM_SET_HV, &all), 0);
	close(vm);
}

static void page_is_written(void)
{
	u32 sequence;
	u64 bits = 0;

	open_with(&all);
	must(set_slot(m.vm, SLOT, VMM_SLOT_DIRTY_LOG, TSC_PAGE, PAGE, memory), "SET_SLOT");
	EXPECT(state(VMM_HV_ON_TSC_PAGE, TSC_PAGE), 0);
	sequence = tsc_page()->sequence;
	CHECK(sequence, "not valid");
	CHECK(tsc_page()->scale == HALF && !tsc_page()->offset, "another line");
	get_dirty(m.vm, SLOT, 1, &bits);
	CHECK(bits == 1, "not logged");
	set_tsc_adjust(12345);
	CHECK(!tsc_page()->sequence, "valid with a TSC that was moved");
	set_tsc_adjust(0);
	CHECK(tsc_page()->sequence && tsc_page()->sequence != sequence, "the old sequence");
	EXPECT(state(0, 0), 0);
	memset(memory, 0xa5, PAGE);
	set_tsc_adjust(1);
	CHECK(memory[0] == 0xa5, "written after it was given up");
	close_all();
}

/* Nothing is known of the TSC. */
static void no_line(void)
{
	static const struct vmm_hv none = { .flags = VMM_HV_REF_COUNT };

	open_with(&none);
	memset(memory, 0xa5, PAGE);
	must(set_slot(m.vm, SLOT, 0, TSC_PAGE, PAGE, memory), "SET_SLOT");
	EXPECT(state(VMM_HV_ON_TSC_PAGE, TSC_PAGE), 0);
	CHECK(!tsc_page()->sequence, "valid");
	LOAD64(&m, g_ref);
	RUN_TO(&m, VMM_EXIT_HALTED);
	close_all();
}

static void page_goes(void)
{
	open_with(&all);
	memset(memory, 0xa5, PAGE);
	/* No slot, a slot that cannot be written, nothing behind it, the end of all. */
	EXPECT(state(VMM_HV_ON_TSC_PAGE, TSC_PAGE), 0);
	must(set_slot(m.vm, SLOT, VMM_SLOT_READONLY, TSC_PAGE, PAGE, memory), "SET_SLOT");
	EXPECT(state(VMM_HV_ON_TSC_PAGE, TSC_PAGE), 0);
	set_tsc_adjust(1);
	set_tsc_adjust(0);
	CHECK(memory[0] == 0xa5, "a page that cannot be written was");
	remove_slot(m.vm, SLOT);
	must(set_slot(m.vm, SLOT, 0, TSC_PAGE, PAGE, memory), "SET_SLOT");
	must(mprotect(memory, PAGE, PROT_NONE), "mprotect");
	set_tsc_adjust(1);
	must(munmap(memory, PAGE), "munmap");
	set_tsc_adjust(0);
	EXPECT(state(VMM_HV_ON_TSC_PAGE, -PAGE), 0);
	set_tsc_adjust(1);
	machine_close(&m);
}

/* What was not asked for exits. */
static void not_asked_for(void)
{
	static const struct vmm_hv none;

	open_with(&none);
	EXPECT(state(VMM_HV_ON_CALLS, 0), 0);
	LOAD64(&m, g_ref);
	RUN_TO(&m, VMM_EXIT_RDMSR);
	LOAD64(&m, g_idle);
	RUN_TO(&m, VMM_EXIT_RDMSR);
	LOAD64(&m, g_call);
	RUN_TO(&m, VMM_EXIT_HYPERCALL);
	close_all();
}

/* Calls are the module's while the guest has them on. */
static void calls_on_and_off(void)
{
	open_with(&all);
	LOAD64(&m, g_call);
	RUN_TO(&m, VMM_EXIT_HYPERCALL);
	EXPECT(state(VMM_HV_ON_CALLS, 0), 0);
	LOAD64(&m, g_call);
	RUN_TO(&m, VMM_EXIT_IO);
	EXPECT(state(0, 0), 0);
	LOAD64(&m, g_call);
	RUN_TO(&m, VMM_EXIT_HYPERCALL);
	close_all();
}

/* Idle is a state that is seen, kept and ended by an interrupt, with interrupts off. */
static void idles(void)
{
	open_with(&all);
	LOAD64(&m, g_idle);
	apic_write(&m, APIC_SVR, 0x1ff);
	EXPECT(call(m.vcpu, VMM_VCPU_KICK, NULL), 0);
	RUN_TO(&m, VMM_EXIT_KICK);
	EXPECT(send_msi(m.vm, 0, 0x40), 0);
	RUN_TO(&m, VMM_EXIT_IO);
	LOAD64(&m, g_out);
	apic_write(&m, APIC_SVR, 0x1ff);
	EXPECT(send_msi(m.vm, 0, 0x40), 0);
	m.page->events.run_state = VMM_STATE_IDLE;
	EXPECT(store(&m, m.page->dirty | VMM_GROUP_EVENTS), 0);
	fetch(&m, VMM_GROUP_EVENTS);
	CHECK(m.page->events.run_state == VMM_STATE_IDLE, "run state %u",
	      m.page->events.run_state);
	RUN_TO(&m, VMM_EXIT_IO);
	close_all();
}

static const struct test tests[] = {
	{ "refused", refused },
	{ "page-is-written", page_is_written },
	{ "no-line", no_line },
	{ "page-goes", page_goes },
	{ "not-asked-for", not_asked_for },
	{ "calls-on-and-off", calls_on_and_off },
	{ "idles", idles },
};

int main(int argc, char **argv)
{
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests));
}
