// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz [SEED [SECONDS [MS]]]: random bytes in all arguments and groups of state.
 * A signal every MS ends what would last for ever; a slow host does nothing but
 * take it if it comes too often.
 *
 * Nothing is asked of the results but that they are errors the interface
 * names, and that a vCPU that took a state either runs or says why not.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include "lib.h"

GUEST64(g_code, "1: inc %rax; out %al, $0x77; cpuid; jmp 1b");

static struct machine m;

static const unsigned long vm_commands[] = {
	VMM_VM_CREATE_VCPU, VMM_VM_GET_DIRTY, VMM_VM_CLEAR_DIRTY, VMM_VM_SET_CPUID,
	VMM_VM_SET_MSRS, VMM_VM_SET_CLOCK, VMM_VM_GET_CLOCK, VMM_VM_SEND_MSI, VMM_VM_SET_SLOT,
	VMM_VM_SET_PV,
	VMM_VM_SET_IRQFD, VMM_VM_SET_DOORBELL,
};

static const unsigned long vcpu_commands[] = {
	VMM_VCPU_KICK, VMM_VCPU_FETCH, VMM_VCPU_STORE, VMM_VCPU_GET_XSAVE, VMM_VCPU_SET_XSAVE,
	VMM_VCPU_LIST_MSRS, VMM_VCPU_GET_MSRS, VMM_VCPU_SET_MSRS, VMM_VCPU_GET_LAPIC,
	VMM_VCPU_SET_LAPIC, VMM_VCPU_APIC_ACCESS, VMM_VCPU_SET_EXTINT, VMM_VCPU_SET_EOI_EXITS,
	VMM_VCPU_RESET, VMM_VCPU_SET_PV, VMM_VCPU_GET_PV, VMM_VCPU_SET_HV_TIMER,
	VMM_VCPU_GET_HV_TIMER, VMM_VCPU_RUN,
};

/* Numbers near the limits of things, and of MSRs, more often than any other. */
static u64 odd_number(void)
{
	static const u64 edges[] = {
		0, 1, 2, 3, 63, 64, 127, 128, 255, 256, 4095, 4096, 0x7fffffff, 0x80000000,
		0xffffffff, 0xfee00000, 0xc0000080, 0x1b, 0x6e0, 0x830, 1ULL << 47, 1ULL << 63,
		0x7fffffffffffffff, 0xffff800000000000, 0xffffffffffffffff, 0x80000011, 0x500,
	};

	switch (rnd() % 4) {
	case 0:
		return edges[rnd() % ARRAY_SIZE(edges)];
	case 1:
		return 1ULL << rnd() % 64;
	case 2:
		return rnd() % 512;
	default:
		return rnd() >> rnd() % 64;
	}
}

/* Pointers stay in @scratch, else this program would be what is fuzzed. */
static u8 scratch[16384] __attribute__((aligned(4096)));

static void odd_bytes(u8 *buf, size_t size)
{
	size_t i;

	memset(buf, 0, size);
	for (i = 0; i + 4 <= size; i += 4) {
		u64 value = odd_number();

		if (rnd() % 3)
			memcpy(buf + i, &value, 4);
	}
	if (size >= 16 && rnd() % 4) {
		u64 pointer = (u64)scratch + rnd() % 8192;

		memcpy(buf + size - 8, &pointer, 8);
	}
}

static bool is_known(long ret)
{
	switch (ret) {
	case 0 ... 0x7fffffff:
	case -EINVAL:
	case -EFAULT:
	case -EEXIST:
	case -EBUSY:
	case -EIO:
	case -EINTR:
	case -ENOMEM:
	case -E2BIG:
	case -EMFILE:
	case -EBADF:
	case -ENOENT:
	case -ENOSPC:
		return true;
	}
	return false;
}

/* Mostly an eventfd, for both are about little else. */
static int odd_event(void)
{
	static int events[4] = { -1, -1, -1, -1 };
	int *event = &events[rnd() % ARRAY_SIZE(events)];

	/* Now and then it is closed, and then it is another one. */
	if (*event < 0 || !(rnd() % 64)) {
		close(*event);
		*event = eventfd(rnd() % 2, EFD_CLOEXEC | EFD_NONBLOCK);
	}
	return rnd() % 8 ? *event : (int)odd_number();
}

static void one_call(int fd, unsigned long command)
{
	static u8 buf[4096];
	size_t size = _IOC_SIZE(command);
	long ret;

	odd_bytes(buf, size);
	odd_bytes(scratch, 512);
	/* Slots over this program's own memory are the memory test's; others go. */
	if (command == VMM_VM_SET_SLOT) {
		((struct vmm_slot *)buf)->slot |= 1;
		((struct vmm_slot *)buf)->hva = (u64)m.ram;
		((struct vmm_slot *)buf)->size &= MIB - 1;
	}
	if (command == VMM_VM_SET_IRQFD) {
		((struct vmm_irqfd *)buf)->fd = odd_event();
		((struct vmm_irqfd *)buf)->resample_fd = rnd() % 2 ? odd_event() : 0;
		((struct vmm_irqfd *)buf)->msi.address = rnd() % 8 ? 0xfee00000 : odd_number();
	}
	if (command == VMM_VM_SET_DOORBELL)
		((struct vmm_doorbell *)buf)->fd = rnd() % 2 ? odd_event() : 0;
	ret = call(fd, command, size ? buf : NULL);
	CHECK(is_known(ret), "command %#lx: %ld", _IOC_NR(command), ret);
	if (command == VMM_VM_CREATE_VCPU && ret >= 0)
		close(ret);
}

/* A field of the state that is good otherwise gets an odd value. */
static void odd_state(void)
{
	struct vmm_page *page = m.page;
	const struct { u32 group; void *at; size_t size; } groups[] = {
		{ VMM_GROUP_GPRS, &page->gprs, sizeof(page->gprs) },
		{ VMM_GROUP_SREGS, &page->sregs, sizeof(page->sregs) },
		{ VMM_GROUP_DREGS, &page->dregs, sizeof(page->dregs) },
		{ VMM_GROUP_EVENTS, &page->events, sizeof(page->events) },
	};
	u32 fields = rnd() % 4 + 1;

	page->dirty = 0;
	while (fields--) {
		size_t g = rnd() % ARRAY_SIZE(groups), size = 1 << rnd() % 4;
		size_t at = rnd() % (groups[g].size / size) * size;
		u64 value = odd_number();

		memcpy(groups[g].at + at, &value, size);
		page->dirty |= groups[g].group;
	}
}

static u64 reasons[VMM_EXIT_REASON_COUNT], refusals;

static void one_state(void)
{
	long ret;
	int i;

	LOAD64(&m, g_code);
	fetch(&m, VMM_GROUP_ALL);
	odd_state();
	for (i = 0; i < 3; i++) {
		ret = run(&m);
		CHECK(is_known(ret), "RUN: %ld", ret);
		if (ret == -EINVAL) {
			refusals++;
			break;
		}
		if (ret)
			continue;
		CHECK(m.page->reason && m.page->reason < VMM_EXIT_REASON_COUNT, "reason %u",
		      m.page->reason);
		CHECK(m.page->reason != VMM_EXIT_CRASH || m.page->u.crash.text[0], "no text");
		reasons[m.page->reason % VMM_EXIT_REASON_COUNT]++;
	}
	m.page->dirty = 0;
}

/* What may sleep or spin for ever is ended by this. */
static void on_alarm(int signal)
{
}

int main(int argc, char **argv)
{
	u64 seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	u64 end = now_ns() + (argc > 2 ? atoi(argv[2]) : 10) * 1000000000ULL, rounds = 0;
	long alarm_ms = argc > 3 ? atoi(argv[3]) : 2;
	struct itimerval timer = { { 0, alarm_ms * 1000 }, { 0, alarm_ms * 1000 } };
	struct sigaction action = { .sa_handler = on_alarm };
	size_t i;

	machine_open(&m, 2 * MIB);
	rnd_seed(seed);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	for (; now_ns() < end; rounds++) {
		one_state();
		one_call(m.vm, vm_commands[rnd() % ARRAY_SIZE(vm_commands)]);
		one_call(m.vcpu, vcpu_commands[rnd() % ARRAY_SIZE(vcpu_commands)]);
		if (rounds % 64 == 63) {
			machine_close(&m);
			machine_open(&m, 2 * MIB);
		}
	}
	printf("# seed %lu: %lu rounds, %lu states refused\n", seed, rounds, refusals);
	for (i = 1; i < ARRAY_SIZE(reasons); i++)
		printf("#   %s: %lu\n", reason_name(i), reasons[i]);
	CHECK(rounds > 20 && refusals && reasons[VMM_EXIT_IO], "it did next to nothing");
	return failures() ? 1 : 0;
}
