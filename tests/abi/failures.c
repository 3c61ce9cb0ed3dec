// SPDX-License-Identifier: GPL-2.0
/*
 * Every allocation and every copy from or to user space fails once: the Nth of
 * them does, by /proc/thread-self/fail-nth, for N from 1 until a round sees no
 * failure. Each must end in an errno; the host's own checks find what leaked
 * or warned.
 *
 * Wants a kernel with fault injection: the debug kernel.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib.h"

#define DEBUG	"/sys/kernel/debug/"

GUEST16(g_touch, "mov $0x2000, %bx; mov %ax, (%bx); out %al, $0x77; hlt");

static int nth_fd;

static void fail_nth(int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", n);

	/* The write may be hit by what is left of the last round. */
	if (pwrite(nth_fd, text, len, 0) != len)
		must(pwrite(nth_fd, text, len, 0) == len ? 0 : -errno, "fail-nth");
}

/* True: a failure was injected since fail_nth(), and not into this very read. */
static bool fail_nth_done(void)
{
	char text[16] = "";
	bool hit = pread(nth_fd, text, sizeof(text) - 1, 0) > 0 && atoi(text) == 0;

	fail_nth(0);
	return hit;
}

static bool is_clean_failure(long ret)
{
	return ret == -ENOMEM || ret == -EFAULT || ret == -EMFILE || ret == -ENFILE;
}

struct round {
	struct machine *m;
	int made;		/* fd that the call gave, -1: none */
	bool hit;		/* a failure was injected */
};

/* The call with its @nth failure: what it returned. */
static long attempt(long (*fn)(struct round *), struct round *round, int nth)
{
	long ret;

	fail_nth(nth);
	ret = fn(round);
	round->hit = fail_nth_done();
	return ret;
}

/*
 * @fn makes the call; a round that was hit must fail cleanly or succeed all
 * the same, one that was not must succeed.
 */
static void until_it_succeeds(const char *name, long (*fn)(struct round *), struct machine *m)
{
	int n, hits = 0;

	for (n = 1; n < 2000; n++) {
		struct round round = { m, -1 };
		long ret = attempt(fn, &round, n);

		if (round.made >= 0)
			close(round.made);
		hits += round.hit;
		CHECK(ret >= 0 || is_clean_failure(ret), "%s, failure %d: %ld", name, n, ret);
		if (round.hit)
			continue;
		CHECK(ret >= 0, "%s: %ld without a failure", name, ret);
		printf("# %s: %d failures\n", name, hits);
		return;
	}
	CHECK(false, "%s: no end of failures", name);
}

static long try_vm(struct round *r)
{
	return r->made = vm_create();
}

static long try_vcpu(struct round *r)
{
	return r->made = vcpu_create(r->m->vm, 0, VMM_VCPU_BSP);
}

static void create(void)
{
	struct machine m;
	int n;

	until_it_succeeds("CREATE_VM", try_vm, NULL);
	/* A vCPU stays with its VM, so each round wants a fresh one. */
	for (n = 1; n < 2000; n++) {
		struct round round = { &m, -1 };
		long ret;

		m.vm = must(vm_create(), "CREATE_VM");
		ret = attempt(try_vcpu, &round, n);
		CHECK(ret >= 0 || is_clean_failure(ret), "CREATE_VCPU, failure %d: %ld", n, ret);
		/* A failure leaves nothing behind that is in the way. */
		if (ret < 0)
			ret = round.made = vcpu_create(m.vm, 0, VMM_VCPU_BSP);
		CHECK(ret >= 0, "CREATE_VCPU, again: %ld", ret);
		close(m.vm);
		close(round.made);
		if (!round.hit)
			break;
	}
}

static long try_slot(struct round *r)
{
	return set_slot(r->m->vm, 1, VMM_SLOT_DIRTY_LOG, 0x10000000, MIB, r->m->ram);
}

static long try_cpuid(struct round *r)
{
	static struct vmm_cpuid_entry entries[VMM_CPUID_MAX];
	struct vmm_cpuid req = { .count = VMM_CPUID_MAX, .entries = (u64)entries };

	return call(r->m->vm, VMM_VM_SET_CPUID, &req);
}

static long try_msrs(struct round *r)
{
	static struct vmm_msr_answer entries[VMM_MSR_ANSWERS_MAX];
	struct vmm_msr_answers req = { .count = VMM_MSR_ANSWERS_MAX, .entries = (u64)entries };
	u32 i;

	for (i = 0; i < VMM_MSR_ANSWERS_MAX; i++)
		entries[i].index = 0x4b564d00 + i;
	return call(r->m->vm, VMM_VM_SET_MSRS, &req);
}

static long try_irqfd(struct round *r)
{
	struct vmm_irqfd req = {
		.flags = VMM_IRQFD_RESAMPLE, .msi = { .address = 0xfee00000, .data = 0x41 },
	};
	long ret;

	/* What a failure leaves goes with the eventfd. */
	req.fd = req.resample_fd = r->made = eventfd(0, EFD_CLOEXEC);
	ret = req.fd < 0 ? -errno : call(r->m->vm, VMM_VM_SET_IRQFD, &req);
	if (ret)
		return ret;
	req = (struct vmm_irqfd) { .fd = req.fd, .flags = VMM_IRQFD_REMOVE };
	return call(r->m->vm, VMM_VM_SET_IRQFD, &req);
}

static long try_doorbell(struct round *r)
{
	struct vmm_doorbell req = { .flags = VMM_DOORBELL_PORT };
	static u16 port;
	long ret;

	/* Another one each time, for a removal may fail. */
	req.address = port++;
	req.fd = r->made = eventfd(0, EFD_CLOEXEC);
	ret = req.fd < 0 ? -errno : call(r->m->vm, VMM_VM_SET_DOORBELL, &req);
	if (ret)
		return ret;
	req.flags |= VMM_DOORBELL_REMOVE;
	req.fd = 0;
	return call(r->m->vm, VMM_VM_SET_DOORBELL, &req);
}

static void tables(void)
{
	struct machine m;

	machine_open_empty(&m, 2 * MIB);
	until_it_succeeds("SET_SLOT", try_slot, &m);
	until_it_succeeds("SET_CPUID", try_cpuid, &m);
	until_it_succeeds("SET_MSRS", try_msrs, &m);
	until_it_succeeds("SET_IRQFD", try_irqfd, &m);
	until_it_succeeds("SET_DOORBELL", try_doorbell, &m);
	machine_close(&m);
}

static long try_get_lapic(struct round *r)
{
	static struct vmm_lapic lapic;

	return call(r->m->vcpu, VMM_VCPU_GET_LAPIC, &lapic);
}

static long try_xsave(struct round *r)
{
	static u8 image[4096] __attribute__((aligned(64)));
	struct vmm_xsave req = { .size = sizeof(image), .data = (u64)image };
	long ret = call(r->m->vcpu, VMM_VCPU_GET_XSAVE, &req);

	return ret ? ret : call(r->m->vcpu, VMM_VCPU_SET_XSAVE, &req);
}

static long try_get_msrs(struct round *r)
{
	static struct vmm_msr entries[VMM_MSRS_MAX];
	struct vmm_msrs req = { .count = VMM_MSRS_MAX, .entries = (u64)entries };
	long ret = call(r->m->vcpu, VMM_VCPU_LIST_MSRS, &req);

	return ret ? ret : call(r->m->vcpu, VMM_VCPU_GET_MSRS, &req);
}

static void state(void)
{
	struct machine m;

	machine_open(&m, 2 * MIB);
	until_it_succeeds("GET_LAPIC", try_get_lapic, &m);
	until_it_succeeds("XSAVE", try_xsave, &m);
	until_it_succeeds("MSRS", try_get_msrs, &m);
	machine_close(&m);
}

static long try_run(struct round *r)
{
	return run(r->m);
}

/* Memory that is not there yet, in the host's tables nor in ours, when RUN is called. */
static void running(void)
{
	int n;

	for (n = 1; n < 2000; n++) {
		struct machine m;
		struct round round = { &m, -1 };
		long ret;

		machine_open(&m, 2 * MIB);
		LOAD16(&m, g_touch);
		madvise(m.ram + 0x2000, PAGE, MADV_DONTNEED);
		ret = attempt(try_run, &round, n);
		if (ret)
			CHECK(is_clean_failure(ret), "RUN, failure %d: %ld", n, ret);
		else if (m.page->reason == VMM_EXIT_CRASH)
			CHECK(m.page->u.crash.why == VMM_CRASH_MEMORY ||
			      m.page->u.crash.why == VMM_CRASH_FETCH, "RUN, failure %d: %s", n,
			      m.page->u.crash.text);
		else
			CHECK(m.page->reason == VMM_EXIT_IO, "RUN, failure %d: %s", n,
			      reason_name(m.page->reason));
		machine_close(&m);
		if (!round.hit) {
			CHECK(!ret && m.size, "RUN without a failure: %ld", ret);
			printf("# RUN: %d failures\n", n - 1);
			return;
		}
	}
	CHECK(false, "no end of failures");
}

static const struct test tests[] = {
	{ "create", create },
	{ "tables", tables },
	{ "state", state },
	{ "running", running },
};

/* Allocations that may sleep are among those that fail; the log has a line for each. */
static void setup(void)
{
	static const char *const kinds[] = { "failslab", "fail_page_alloc", "fail_usercopy" };
	char path[128];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		snprintf(path, sizeof(path), DEBUG "%s/verbose", kinds[i]);
		must(file_write(path, "1"), path);
		snprintf(path, sizeof(path), DEBUG "%s/ignore-gfp-wait", kinds[i]);
		file_write(path, "N");
	}
	file_write(DEBUG "fail_page_alloc/min-order", "0");
	file_write(DEBUG "fail_page_alloc/ignore-gfp-highmem", "N");
}

int main(int argc, char **argv)
{
	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (nth_fd < 0)
		skip("this kernel injects no faults");
	setup();
	dev_open();
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests));
}
