// SPDX-License-Identifier: GPL-2.0
/*
 * Every command on every kind of fd, with arguments that must be refused:
 * wrong fd, wrong size, padding, flags, ranges, pointers, order.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib.h"

enum kind { DEV, VM, VCPU, KINDS };

struct command {
	const char *name;
	unsigned long nr;
	enum kind kind;
};

#define COMMAND(kind, name)	{ #name, name, kind }

static const struct command commands[] = {
	COMMAND(DEV, VMM_GET_INFO),
	COMMAND(DEV, VMM_GET_CPUID),
	COMMAND(DEV, VMM_CREATE_VM),
	COMMAND(VM, VMM_VM_CREATE_VCPU),
	COMMAND(VM, VMM_VM_SET_SLOT),
	COMMAND(VM, VMM_VM_GET_DIRTY),
	COMMAND(VM, VMM_VM_CLEAR_DIRTY),
	COMMAND(VM, VMM_VM_SET_CPUID),
	COMMAND(VM, VMM_VM_SET_MSRS),
	COMMAND(VM, VMM_VM_SET_CLOCK),
	COMMAND(VM, VMM_VM_GET_CLOCK),
	COMMAND(VM, VMM_VM_SEND_MSI),
	COMMAND(VM, VMM_VM_SET_PV),
	COMMAND(VM, VMM_VM_SET_HV),
	COMMAND(VM, VMM_VM_SET_HV_STATE),
	COMMAND(VM, VMM_VM_SET_IRQFD),
	COMMAND(VM, VMM_VM_SET_DOORBELL),
	COMMAND(VCPU, VMM_VCPU_RUN),
	COMMAND(VCPU, VMM_VCPU_KICK),
	COMMAND(VCPU, VMM_VCPU_FETCH),
	COMMAND(VCPU, VMM_VCPU_STORE),
	COMMAND(VCPU, VMM_VCPU_GET_XSAVE),
	COMMAND(VCPU, VMM_VCPU_SET_XSAVE),
	COMMAND(VCPU, VMM_VCPU_LIST_MSRS),
	COMMAND(VCPU, VMM_VCPU_GET_MSRS),
	COMMAND(VCPU, VMM_VCPU_SET_MSRS),
	COMMAND(VCPU, VMM_VCPU_GET_LAPIC),
	COMMAND(VCPU, VMM_VCPU_SET_LAPIC),
	COMMAND(VCPU, VMM_VCPU_APIC_ACCESS),
	COMMAND(VCPU, VMM_VCPU_SET_EXTINT),
	COMMAND(VCPU, VMM_VCPU_SET_EOI_EXITS),
	COMMAND(VCPU, VMM_VCPU_RESET),
	COMMAND(VCPU, VMM_VCPU_SET_HV),
	COMMAND(VCPU, VMM_VCPU_SET_PV),
	COMMAND(VCPU, VMM_VCPU_GET_PV),
	COMMAND(VCPU, VMM_VCPU_SET_HV_TIMER),
	COMMAND(VCPU, VMM_VCPU_GET_HV_TIMER),
};

static struct machine m;
static int fds[KINDS];

static void open_all(void)
{
	machine_open(&m, 2 * MIB);
	fds[DEV] = dev_open();
	fds[VM] = m.vm;
	fds[VCPU] = m.vcpu;
}

#define EXPECT_OF(c, got, want) do {						\
	long _got = (got);							\
	CHECK(_got == (want), "%s: %ld, not %ld", (c)->name, _got, (long)(want)); \
} while (0)

/* ---- the fd and the command's number -------------------------------------------------- */

static void wrong_fd(void)
{
	static u8 zeros[4096];
	int other[] = { eventfd(0, 0), open("/dev/null", O_RDWR), open("/dev/zero", O_RDWR) };
	const struct command *c;
	int i;

	for (c = commands; c < commands + ARRAY_SIZE(commands); c++) {
		for (i = 0; i < KINDS; i++) {
			if (i != (int)c->kind)
				EXPECT_OF(c, call(fds[i], c->nr, zeros), -ENOTTY);
		}
		for (i = 0; i < (int)ARRAY_SIZE(other); i++)
			EXPECT_OF(c, call(other[i], c->nr, zeros), -ENOTTY);
		EXPECT_OF(c, call(-1, c->nr, zeros), -EBADF);
	}
	for (i = 0; i < (int)ARRAY_SIZE(other); i++)
		close(other[i]);
}

static void wrong_size(void)
{
	static const int deltas[] = { -8, -1, 1, 8, 64 };
	static u8 zeros[8192];
	const struct command *c;
	size_t i;

	for (c = commands; c < commands + ARRAY_SIZE(commands); c++) {
		for (i = 0; i < ARRAY_SIZE(deltas); i++) {
			int size = (int)_IOC_SIZE(c->nr) + deltas[i];

			if (size < 0)
				continue;
			EXPECT_OF(c, call(fds[c->kind], _IOC(_IOC_DIR(c->nr), VMM_IOC,
					  _IOC_NR(c->nr), size), zeros), -ENOTTY);
		}
		/* The direction is part of it as well, and so is the type. */
		EXPECT_OF(c, call(fds[c->kind], c->nr ^ _IOC(_IOC_READ, 0, 0, 0), zeros), -ENOTTY);
		EXPECT_OF(c, call(fds[c->kind], c->nr ^ _IOC(0, 1, 0, 0), zeros), -ENOTTY);
	}
}

static void unknown_numbers(void)
{
	static u8 zeros[64];
	unsigned int nr, kind;
	size_t i;

	for (nr = 0; nr < 256; nr++) {
		for (i = 0; i < ARRAY_SIZE(commands) && _IOC_NR(commands[i].nr) != nr; i++)
			;
		if (i < ARRAY_SIZE(commands))
			continue;
		for (kind = 0; kind < KINDS; kind++) {
			EXPECT(call(fds[kind], _IO(VMM_IOC, nr), NULL), -ENOTTY);
			EXPECT(call(fds[kind], _IOWR(VMM_IOC, nr, zeros), zeros), -ENOTTY);
		}
	}
}

/* A command without an argument takes none. */
static void stray_argument(void)
{
	const struct command *c;

	for (c = commands; c < commands + ARRAY_SIZE(commands); c++) {
		if (!_IOC_SIZE(c->nr))
			EXPECT_OF(c, call(fds[c->kind], c->nr, (void *)1), -EINVAL);
	}
}

/* ---- pointers --------------------------------------------------------------------------- */

static void bad_pointers(void)
{
	u8 *p = memory_map(2 * PAGE);
	const struct command *c;
	size_t i;

	munmap(p + PAGE, PAGE);
	for (c = commands; c < commands + ARRAY_SIZE(commands); c++) {
		void *bad[] = {
			NULL, (void *)8, p + PAGE, p + PAGE - 4, (void *)0x7ffffffff000,
			(void *)0x800000000000, (void *)0xffff888000000000,
			(void *)0xffffffff81000000, (void *)-8L,
		};

		if (!_IOC_SIZE(c->nr))
			continue;
		for (i = 0; i < ARRAY_SIZE(bad); i++)
			EXPECT_OF(c, call(fds[c->kind], c->nr, bad[i]), -EFAULT);
	}
	munmap(p, PAGE);
}

/* What is only read may be read-only; what is written back may not. */
static void readonly_pointers(void)
{
	u8 *p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT(call(fds[DEV], VMM_GET_INFO, p), -EFAULT);
	EXPECT(call(fds[VM], VMM_VM_GET_CLOCK, p), -EFAULT);
	EXPECT(call(fds[VCPU], VMM_VCPU_GET_LAPIC, p), -EFAULT);
	EXPECT(call(fds[VCPU], VMM_VCPU_APIC_ACCESS, p), -EFAULT);
	EXPECT(call(fds[VCPU], VMM_VCPU_FETCH, p), 0);
	munmap(p, PAGE);
}

/* The pointer in the argument, for those that have one. */
static void bad_inner_pointers(void)
{
	struct vmm_info info = dev_info();
	u8 *half = memory_map(2 * PAGE);
	u64 bad[] = { 0, (u64)half + PAGE, 0xffff888000000000, 0xffffffffffffff00 };
	int vm = must(vm_create(), "CREATE_VM");
	size_t i;

	munmap(half + PAGE, PAGE);
	must(set_slot(m.vm, 1, VMM_SLOT_DIRTY_LOG, 0x10000000, MIB, m.ram), "SET_SLOT");
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		struct vmm_cpuid cpuid = { .count = VMM_CPUID_MAX, .entries = bad[i] };
		struct vmm_msr_answers answers = { .count = 2, .entries = bad[i] };
		struct vmm_msrs msrs = { .count = VMM_MSRS_MAX, .entries = bad[i] };
		struct vmm_xsave xsave = { .size = info.xsave_size, .data = bad[i] };
		struct vmm_dirty dirty = { .slot = 1, .count = 256, .bitmap = bad[i] };

		EXPECT(call(fds[DEV], VMM_GET_CPUID, &cpuid), -EFAULT);
		EXPECT(call(vm, VMM_VM_SET_CPUID, &cpuid), -EFAULT);
		EXPECT(call(vm, VMM_VM_SET_MSRS, &answers), -EFAULT);
		EXPECT(call(m.vcpu, VMM_VCPU_LIST_MSRS, &msrs), -EFAULT);
		EXPECT(call(m.vcpu, VMM_VCPU_GET_MSRS, &msrs), -EFAULT);
		EXPECT(call(m.vcpu, VMM_VCPU_SET_MSRS, &msrs), -EFAULT);
		EXPECT(call(m.vcpu, VMM_VCPU_GET_XSAVE, &xsave), -EFAULT);
		EXPECT(call(m.vcpu, VMM_VCPU_SET_XSAVE, &xsave), -EFAULT);
		EXPECT(call(m.vm, VMM_VM_GET_DIRTY, &dirty), -EFAULT);
		EXPECT(call(m.vm, VMM_VM_CLEAR_DIRTY, &dirty), -EFAULT);
	}
	munmap(half, PAGE);
	close(vm);
	remove_slot(m.vm, 1);
}

/* ---- values -------------------------------------------------------------------------------- */

/* An argument of a command, and what must come of it. */
struct value {
	const char *what;
	unsigned long nr;
	enum kind kind;
	long want;
	union {
		struct vmm_vm_create vm;
		struct vmm_vcpu_create vcpu;
		struct vmm_slot slot;
		struct vmm_dirty dirty;
		struct vmm_cpuid cpuid;
		struct vmm_msr_answers answers;
		struct vmm_msi msi;
		struct vmm_clock clock;
		struct vmm_groups groups;
		struct vmm_xsave xsave;
		struct vmm_msrs msrs;
		struct vmm_apic_access access;
		struct vmm_level level;
		struct vmm_pv pv;
		struct vmm_vcpu_pv page;
		struct vmm_hv hv;
		struct vmm_hv_state on;
	} arg;
};

#define ONE	(1ULL << 32)

static const struct value values[] = {
	{ "a flag", VMM_CREATE_VM, DEV, -EINVAL, { .vm = { .flags = 1 } } },
	{ "padding", VMM_CREATE_VM, DEV, -EINVAL, { .vm = { .pad = 1 } } },
	{ "padding", VMM_GET_CPUID, DEV, -EINVAL, { .cpuid = { .count = 256, .pad = 1 } } },
	{ "too many", VMM_GET_CPUID, DEV, -EINVAL, { .cpuid = { .count = 257 } } },
	{ "too few", VMM_GET_CPUID, DEV, -E2BIG, { .cpuid = { .count = 0 } } },
	{ "the APIC ID taken", VMM_VM_CREATE_VCPU, VM, -EEXIST, { .vcpu = { .apic_id = 0 } } },
	{ "a second BSP", VMM_VM_CREATE_VCPU, VM, -EEXIST,
	  { .vcpu = { .apic_id = 1, .flags = VMM_VCPU_BSP } } },
	{ "an APIC ID too high", VMM_VM_CREATE_VCPU, VM, -EINVAL, { .vcpu = { .apic_id = 255 } } },
	{ "an APIC ID too high", VMM_VM_CREATE_VCPU, VM, -EINVAL, { .vcpu = { .apic_id = -1U } } },
	{ "a flag", VMM_VM_CREATE_VCPU, VM, -EINVAL, { .vcpu = { .apic_id = 1, .flags = 2 } } },
	{ "a slot too high", VMM_VM_SET_SLOT, VM, -EINVAL, { .slot = { .slot = 64 } } },
	{ "a slot too high", VMM_VM_SET_SLOT, VM, -EINVAL, { .slot = { .slot = -1U } } },
	{ "a flag", VMM_VM_SET_SLOT, VM, -EINVAL, { .slot = { .slot = 9, .flags = 4 } } },
	{ "a dirty slot too high", VMM_VM_GET_DIRTY, VM, -EINVAL, { .dirty = { .slot = 64 } } },
	{ "no dirty log", VMM_VM_GET_DIRTY, VM, -EINVAL, { .dirty = { .slot = 0 } } },
	{ "no dirty log", VMM_VM_CLEAR_DIRTY, VM, -EINVAL, { .dirty = { .slot = 0 } } },
	{ "CPUID after a vCPU", VMM_VM_SET_CPUID, VM, -EBUSY, { .cpuid = { .count = 1 } } },
	{ "padding", VMM_VM_SET_CPUID, VM, -EINVAL, { .cpuid = { .count = 1, .pad = 1 } } },
	{ "MSRs after a vCPU", VMM_VM_SET_MSRS, VM, -EBUSY, { .answers = { .count = 1 } } },
	{ "padding", VMM_VM_SET_MSRS, VM, -EINVAL, { .answers = { .count = 1, .pad = 1 } } },
	{ "a message's flag", VMM_VM_SEND_MSI, VM, -EINVAL,
	  { .msi = { .address = 0xfee00000, .data = 0x40, .flags = 2 } } },
	{ "a message's flag", VMM_VM_SEND_MSI, VM, -EINVAL,
	  { .msi = { .address = 0xfee00000, .data = 0x40, .flags = 1U << 31 } } },
	{ "to ask for no MSI address", VMM_VM_SEND_MSI, VM, -EINVAL,
	  { .msi = { .address = 0x1000, .flags = VMM_MSI_ASK } } },
	{ "no MSI address", VMM_VM_SEND_MSI, VM, -EINVAL, { .msi = { .address = 0x1000 } } },
	{ "no MSI address", VMM_VM_SEND_MSI, VM, -EINVAL,
	  { .msi = { .address = 0x1fee00000ULL, .data = 0x40 } } },
	{ "a clock's flag", VMM_VM_SET_CLOCK, VM, -EINVAL,
	  { .clock = { .flags = 4, .ns_ratio = ONE, .tsc_ratio = ONE } } },
	{ "a clock's flag", VMM_VM_SET_CLOCK, VM, -EINVAL,
	  { .clock = { .flags = 1U << 31, .ns_ratio = ONE, .tsc_ratio = ONE } } },
	{ "padding", VMM_VM_SET_CLOCK, VM, -EINVAL,
	  { .clock = { .pad = 1, .ns_ratio = ONE, .tsc_ratio = ONE } } },
	{ "host_tsc", VMM_VM_SET_CLOCK, VM, -EINVAL,
	  { .clock = { .host_tsc = 1, .ns_ratio = ONE, .tsc_ratio = ONE } } },
	{ "too slow", VMM_VM_SET_CLOCK, VM, -EINVAL,
	  { .clock = { .ns_ratio = ONE / 50 - 1, .tsc_ratio = ONE } } },
	{ "too fast", VMM_VM_SET_CLOCK, VM, -EINVAL,
	  { .clock = { .ns_ratio = ONE * 200 + 1, .tsc_ratio = ONE } } },
	{ "no speed", VMM_VM_SET_CLOCK, VM, -EINVAL, { .clock = { .tsc_ratio = ONE } } },
	{ "the TSC too slow", VMM_VM_SET_CLOCK, VM, -EINVAL,
	  { .clock = { .ns_ratio = ONE, .tsc_ratio = ONE / 50 - 1 } } },
	{ "the TSC too fast", VMM_VM_SET_CLOCK, VM, -EINVAL,
	  { .clock = { .ns_ratio = ONE, .tsc_ratio = ONE * 200 + 1 } } },
	{ "no TSC speed", VMM_VM_SET_CLOCK, VM, -EINVAL, { .clock = { .ns_ratio = ONE } } },
	{ "emulated too slow", VMM_VM_SET_CLOCK, VM, -EINVAL,
	  { .clock = { .flags = 2, .ns_ratio = ONE, .tsc_ratio = ONE / 50 - 1 } } },
	{ "emulated too fast", VMM_VM_SET_CLOCK, VM, -EINVAL,
	  { .clock = { .flags = 2, .ns_ratio = ONE, .tsc_ratio = ONE * 200 + 1 } } },
	{ "emulated at no speed", VMM_VM_SET_CLOCK, VM, -EINVAL,
	  { .clock = { .flags = 2, .ns_ratio = ONE } } },
	{ "emulated at every speed", VMM_VM_SET_CLOCK, VM, -EINVAL,
	  { .clock = { .flags = 2, .ns_ratio = -1ULL, .tsc_ratio = -1ULL } } },
	{ "a time no clock will see", VMM_VM_SET_CLOCK, VM, -EINVAL,
	  { .clock = { .flags = 1, .host_ns = -1ULL, .ns_ratio = ONE, .tsc_ratio = ONE } } },
	{ "a group", VMM_VCPU_FETCH, VCPU, -EINVAL, { .groups = { .mask = 0x20 } } },
	{ "a group", VMM_VCPU_FETCH, VCPU, -EINVAL, { .groups = { .mask = 1U << 31 } } },
	{ "padding", VMM_VCPU_FETCH, VCPU, -EINVAL, { .groups = { .mask = 1, .pad = 1 } } },
	{ "padding", VMM_VCPU_GET_XSAVE, VCPU, -EINVAL, { .xsave = { .size = 576, .pad = 1 } } },
	{ "too big", VMM_VCPU_GET_XSAVE, VCPU, -EINVAL, { .xsave = { .size = 1 << 20 } } },
	{ "padding", VMM_VCPU_SET_XSAVE, VCPU, -EINVAL, { .xsave = { .size = 576, .pad = 1 } } },
	{ "too big", VMM_VCPU_SET_XSAVE, VCPU, -EINVAL, { .xsave = { .size = -1U } } },
	{ "too small", VMM_VCPU_SET_XSAVE, VCPU, -EINVAL, { .xsave = { .size = 575 } } },
	{ "padding", VMM_VCPU_LIST_MSRS, VCPU, -EINVAL, { .msrs = { .count = 128, .pad = 1 } } },
	{ "no room", VMM_VCPU_LIST_MSRS, VCPU, -E2BIG, { .msrs = { .count = 0 } } },
	{ "padding", VMM_VCPU_GET_MSRS, VCPU, -EINVAL, { .msrs = { .count = 1, .pad = 1 } } },
	{ "too many", VMM_VCPU_GET_MSRS, VCPU, -EINVAL, { .msrs = { .count = 129 } } },
	{ "too many", VMM_VCPU_SET_MSRS, VCPU, -EINVAL, { .msrs = { .count = -1U } } },
	{ "none at all", VMM_VCPU_GET_MSRS, VCPU, 0, { .msrs = { .count = 0 } } },
	{ "padding", VMM_VCPU_APIC_ACCESS, VCPU, -EINVAL,
	  { .access = { .offset = 32, .pad = 1 } } },
	{ "an odd offset", VMM_VCPU_APIC_ACCESS, VCPU, -EINVAL, { .access = { .offset = 33 } } },
	{ "too far", VMM_VCPU_APIC_ACCESS, VCPU, -EINVAL, { .access = { .offset = 4096 } } },
	{ "too far", VMM_VCPU_APIC_ACCESS, VCPU, -EINVAL, { .access = { .offset = -4U } } },
	{ "neither", VMM_VCPU_APIC_ACCESS, VCPU, -EINVAL,
	  { .access = { .offset = 32, .write = 2 } } },
	{ "half a level", VMM_VCPU_SET_EXTINT, VCPU, -EINVAL, { .level = { .level = 2 } } },
	{ "PV after a vCPU", VMM_VM_SET_PV, VM, -EBUSY, { .pv = { .flags = 0 } } },
	{ "Hyper-V after a vCPU", VMM_VM_SET_HV, VM, -EBUSY, { .hv = { .flags = 0 } } },
	{ "a flag", VMM_VM_SET_HV_STATE, VM, -EINVAL, { .on = { .flags = 1U << 31 } } },
	{ "padding", VMM_VM_SET_HV_STATE, VM, -EINVAL, { .on = { .pad = 1 } } },
	{ "a page without its flag", VMM_VM_SET_HV_STATE, VM, -EINVAL,
	  { .on = { .tsc_page = 4096 } } },
	{ "not aligned", VMM_VM_SET_HV_STATE, VM, -EINVAL,
	  { .on = { .flags = VMM_HV_ON_TSC_PAGE, .tsc_page = 8 } } },
	{ "no such page", VMM_VCPU_SET_PV, VCPU, -EINVAL, { .page = { .what = 4 } } },
	{ "no such page", VMM_VCPU_SET_PV, VCPU, -EINVAL, { .page = { .what = -1U } } },
	{ "a flag", VMM_VCPU_SET_PV, VCPU, -EINVAL, { .page = { .what = 1, .flags = 2 } } },
	{ "no rate for a clock", VMM_VCPU_SET_PV, VCPU, -EINVAL, { .page = { .what = 0 } } },
	{ "not aligned", VMM_VCPU_SET_PV, VCPU, -EINVAL,
	  { .page = { .what = VMM_PV_STEAL_TIME, .flags = 1, .gpa = 32 } } },
	{ "not aligned", VMM_VCPU_SET_PV, VCPU, -EINVAL,
	  { .page = { .what = VMM_PV_STEAL_TIME, .gpa = 1 } } },
	{ "a page to poll", VMM_VCPU_SET_PV, VCPU, -EINVAL,
	  { .page = { .what = VMM_PV_HALT_POLL, .flags = 1, .gpa = 4 } } },
	{ "no such page", VMM_VCPU_GET_PV, VCPU, -EINVAL, { .page = { .what = 4 } } },
	{ "a flag", VMM_VCPU_GET_PV, VCPU, -EINVAL, { .page = { .what = 1, .flags = 1 } } },
	{ "an address", VMM_VCPU_GET_PV, VCPU, -EINVAL, { .page = { .what = 1, .gpa = 64 } } },
	{ "padding", VMM_VCPU_SET_EXTINT, VCPU, -EINVAL, { .level = { .pad = 1 } } },
};

static void refused_values(void)
{
	const struct value *v;

	for (v = values; v < values + ARRAY_SIZE(values); v++) {
		struct value copy = *v;
		long got = call(fds[v->kind], v->nr, &copy.arg);

		CHECK(got == v->want, "command %#lx, %s: %ld, not %ld", _IOC_NR(v->nr), v->what,
		      got, v->want);
	}
}

/* ---- tables -------------------------------------------------------------------------- */

static void cpuid_tables(void)
{
	static struct vmm_cpuid_entry entries[VMM_CPUID_MAX];
	struct vmm_cpuid req = { .count = VMM_CPUID_MAX, .entries = (u64)entries };
	int vm = must(vm_create(), "CREATE_VM");

	EXPECT(call(dev_open(), VMM_GET_CPUID, &req), 0);
	CHECK(req.count > 10 && req.count < VMM_CPUID_MAX, "%u entries", req.count);
	EXPECT(call(vm, VMM_VM_SET_CPUID, &req), 0);
	EXPECT(call(vm, VMM_VM_SET_CPUID, &req), 0);
	entries[3].pad = 1;
	EXPECT(call(vm, VMM_VM_SET_CPUID, &req), -EINVAL);
	entries[3].pad = 0;
	entries[3].flags |= 1U << 5;
	EXPECT(call(vm, VMM_VM_SET_CPUID, &req), -EINVAL);
	req.count = 0;
	EXPECT(call(vm, VMM_VM_SET_CPUID, &req), -EINVAL);
	req.count = VMM_CPUID_MAX + 1;
	EXPECT(call(vm, VMM_VM_SET_CPUID, &req), -EINVAL);
	close(vm);
}

static void msr_tables(void)
{
	static struct vmm_msr_answer entries[VMM_MSR_ANSWERS_MAX + 1];
	struct vmm_msr_answers req = { .count = VMM_MSR_ANSWERS_MAX, .entries = (u64)entries };
	int vm = must(vm_create(), "CREATE_VM");
	u32 i;

	for (i = 0; i < ARRAY_SIZE(entries); i++)
		entries[i].index = 0x4b564d00 + i;
	EXPECT(call(vm, VMM_VM_SET_MSRS, &req), 0);
	req.count++;
	EXPECT(call(vm, VMM_VM_SET_MSRS, &req), -EINVAL);
	req.count = 1;
	entries[0].flags = 2;
	EXPECT(call(vm, VMM_VM_SET_MSRS, &req), -EINVAL);
	entries[0].flags = 0;
	entries[0].index = 0xc0000080;	/* the module's own */
	EXPECT(call(vm, VMM_VM_SET_MSRS, &req), -EINVAL);
	close(vm);
}

static void dirty_ranges(void)
{
	static u64 bits[16];
	static const struct { u64 first, count; long want; } rows[] = {
		{ 0, 0, 0 }, { 0, 64, 0 }, { 0, 100, 0 }, { 64, 36, 0 }, { 100, 0, -EINVAL },
		{ 0, 101, -EINVAL }, { 0, 63, -EINVAL }, { 1, 64, -EINVAL }, { 64, 64, -EINVAL },
		{ 128, 0, -EINVAL }, { -64ULL, 64, -EINVAL }, { 64, -64ULL, -EINVAL },
		{ 0, -1ULL, -EINVAL }, { 1ULL << 63, 1ULL << 63, -EINVAL },
	};
	size_t i;

	must(set_slot(m.vm, 1, VMM_SLOT_DIRTY_LOG, 0x10000000, 100 * PAGE, m.ram), "SET_SLOT");
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vmm_dirty req = {
			.slot = 1, .first = rows[i].first, .count = rows[i].count,
			.bitmap = (u64)bits,
		};

		CHECK(call(m.vm, VMM_VM_GET_DIRTY, &req) == rows[i].want, "GET, row %zu", i);
		CHECK(call(m.vm, VMM_VM_CLEAR_DIRTY, &req) == rows[i].want, "CLEAR, row %zu", i);
	}
	remove_slot(m.vm, 1);
}

static void info_is_sane(void)
{
	struct vmm_info info = dev_info();

	CHECK(info.abi_major == VMM_ABI_MAJOR, "major %u", info.abi_major);
	CHECK(info.vendor == VMM_VENDOR_SVM || info.vendor == VMM_VENDOR_VMX, "vendor");
	CHECK(info.max_vcpus == 255 && info.max_slots == VMM_MAX_SLOTS, "limits");
	CHECK(info.phys_bits >= 36 && info.phys_bits <= 52, "phys_bits %u", info.phys_bits);
	CHECK(info.tsc_khz > 1000, "tsc_khz %u", info.tsc_khz);
	CHECK((info.xcr0 & 1) && info.xsave_size >= 576, "xcr0, xsave_size");
	CHECK(!(info.barriers & ~(VMM_BARRIER_NX_LARGE * 2 - 1)), "barriers %#x", info.barriers);
}

static const struct test tests[] = {
	{ "info", info_is_sane },
	{ "wrong-fd", wrong_fd },
	{ "wrong-size", wrong_size },
	{ "unknown-numbers", unknown_numbers },
	{ "stray-argument", stray_argument },
	{ "bad-pointers", bad_pointers },
	{ "readonly-pointers", readonly_pointers },
	{ "bad-inner-pointers", bad_inner_pointers },
	{ "refused-values", refused_values },
	{ "cpuid-tables", cpuid_tables },
	{ "msr-tables", msr_tables },
	{ "dirty-ranges", dirty_ranges },
};

int main(int argc, char **argv)
{
	open_all();
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests));
}
