// SPDX-License-Identifier: GPL-2.0
/* Eventfds that send interrupt messages, and those that an EOI signals. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib.h"

static struct machine m;

GUEST64(g_sti_hlt, "1: sti; hlt; jmp 1b");
GUEST64(g_sti_spin, "sti; 1: jmp 1b");
GUEST64(g_bell, "sti; out %al, $0x50; 1: jmp 1b");
/* A handler: EOI by the x2APIC's MSR; 14 of its 16 bytes. */
GUEST64(g_eoi, "mov $0x80b, %ecx; xor %eax, %eax; xor %edx, %edx; wrmsr; out %al, $0x99; hlt");

static void fire(int fd)
{
	const u64 one = 1;

	CHECK(write(fd, &one, sizeof(one)) == sizeof(one), "write: errno %d", errno);
}

static bool holds_something(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return poll(&poll_fd, 1, 0) == 1;
}

static struct vmm_irqfd irqfd(int fd, u32 flags, u32 apic_id, u32 data)
{
	return (struct vmm_irqfd) {
		.fd = fd, .flags = flags,
		.msi = { .address = 0xfee00000 | apic_id << 12, .data = data },
	};
}

/* To the first vCPU. */
static long set(int fd, u32 flags, u8 vector)
{
	struct vmm_irqfd req = irqfd(fd, flags, 0, vector);

	return call(m.vm, VMM_VM_SET_IRQFD, &req);
}

static long drop(int fd)
{
	struct vmm_irqfd req = { .fd = fd, .flags = VMM_IRQFD_REMOVE };

	return call(m.vm, VMM_VM_SET_IRQFD, &req);
}

static bool is_requested(u8 vector)
{
	return apic_read(&m, APIC_IRR + vector / 32 * 16) >> (vector % 32) & 1;
}

/* The handler of @vector speaks; see GUEST_HANDLERS. */
static void expect_handler(u8 vector)
{
	if (RUN_TO(&m, VMM_EXIT_IO))
		CHECK(m.page->u.io.port == vector, "the handler of %#x, not of %#x",
		      m.page->u.io.port, vector);
}

static void load(const u8 *code, const u8 *end)
{
	guest_load64(&m, code, end);
	apic_write(&m, APIC_SVR, 0x1ff);
}

#define LOAD(name)	load(name, name##_end)

/* ---- delivery --------------------------------------------------------------------- */

static void *fire_later(void *arg)
{
	usleep(100000);
	fire(*(int *)arg);
	return NULL;
}

static void delivery(void)
{
	pthread_t thread;
	int fd = event_open(0), i;

	EXPECT(set(fd, 0, 0x41), 0);
	for (i = 0; i < 3; i++) {
		if (i == 1)
			LOAD(g_sti_spin);
		else
			LOAD(g_sti_hlt);
		if (i == 2)
			fire(fd);	/* before it runs */
		else
			pthread_create(&thread, NULL, fire_later, &fd);
		expect_handler(0x41);
		if (i != 2)
			pthread_join(thread, NULL);
	}
	CHECK(!event_take(fd), "the count was left");
	/* Whatever the count, one message; and none for none. */
	LOAD(g_sti_hlt);
	must(write(fd, &(u64){ 1000 }, 8), "write");
	CHECK(is_requested(0x41) && !holds_something(fd), "a count of 1000");
	LOAD(g_sti_hlt);
	must(write(fd, &(u64){ 0 }, 8), "write");
	CHECK(!is_requested(0x41), "a count of 0 was sent");
	EXPECT(drop(fd), 0);
	fire(fd);
	CHECK(!is_requested(0x41), "sent after it was removed");
	CHECK(event_take(fd) == 1, "the count is not left to others");
	close(fd);
}

/* NMI as a message; a vector that is none is the APIC's to complain of. */
static void other_messages(void)
{
	struct vmm_irqfd nmi;
	int fd = event_open(0);

	LOAD(g_sti_spin);
	nmi = irqfd(fd, 0, 0, 4 << 8);
	EXPECT(call(m.vm, VMM_VM_SET_IRQFD, &nmi), 0);
	fire(fd);
	expect_handler(2);
	LOAD(g_sti_spin);
	EXPECT(set(fd, 0, 3), 0);
	fire(fd);
	CHECK(!is_requested(3), "vector 3 was taken");
	/* Nobody's: lost. */
	nmi = irqfd(fd, 0, 9, 0x41);
	EXPECT(call(m.vm, VMM_VM_SET_IRQFD, &nmi), 0);
	fire(fd);
	CHECK(!is_requested(0x41) && !event_take(fd), "a message to nobody");
	close(fd);
}

/* What it holds when it is made is sent at once. */
static void held_before(void)
{
	int fd = event_open(7);

	LOAD(g_sti_hlt);
	EXPECT(set(fd, 0, 0x43), 0);
	CHECK(is_requested(0x43) && !event_take(fd), "not sent");
	close(fd);
}

/* A guest's own write, to a doorbell, becomes its interrupt. */
static void from_doorbell(void)
{
	int fd = event_open(0);
	struct vmm_doorbell bell = {
		.address = 0x50, .size = 1, .fd = fd, .flags = VMM_DOORBELL_PORT,
	};

	LOAD(g_bell);
	EXPECT(set(fd, 0, 0x44), 0);
	EXPECT(call(m.vm, VMM_VM_SET_DOORBELL, &bell), 0);
	expect_handler(0x44);
	bell.flags |= VMM_DOORBELL_REMOVE;
	bell.fd = 0;
	EXPECT(call(m.vm, VMM_VM_SET_DOORBELL, &bell), 0);
	EXPECT(drop(fd), 0);
	close(fd);
}

/* ---- rewriting, masks ------------------------------------------------------------- */

static void rewritten(void)
{
	int fd = event_open(0), copy = dup(fd);

	LOAD(g_sti_hlt);
	EXPECT(set(fd, 0, 0x41), 0);
	EXPECT(set(fd, 0, 0x52), 0);
	fire(fd);
	CHECK(!is_requested(0x41) && is_requested(0x52), "the old message was sent");
	/* A duplicate of the fd is the same eventfd, and keeps it open. */
	EXPECT(set(copy, 0, 0x53), 0);
	close(fd);
	fire(copy);
	CHECK(is_requested(0x53), "the new message was not sent");
	EXPECT(drop(copy), 0);
	EXPECT(drop(copy), -ENOENT);
	close(copy);
}

static bool ends;

static bool ended(void)
{
	return __atomic_load_n(&ends, __ATOMIC_RELAXED);
}

static void *fire_on(void *arg)
{
	while (!ended())
		fire(*(int *)arg);
	return NULL;
}

static void fire_meanwhile(pthread_t *thread, int *fd)
{
	__atomic_store_n(&ends, false, __ATOMIC_RELAXED);
	pthread_create(thread, NULL, fire_on, fd);
}

static void fire_no_more(pthread_t thread)
{
	__atomic_store_n(&ends, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
}

static u32 requests_of(int vcpu, u32 word)
{
	struct vmm_apic_access req = { .offset = APIC_IRR + word * 16 };

	must(call(vcpu, VMM_VCPU_APIC_ACCESS, &req), "APIC_ACCESS");
	return req.value;
}

/* Of two messages to two vCPUs, no half of one is ever sent with one of the other. */
static void rewritten_while_firing(void)
{
	struct vmm_irqfd both[2];
	struct vmm_apic_access svr = { .offset = APIC_SVR, .write = 1, .value = 0x1ff };
	int fd = event_open(0), other = must(vcpu_create(m.vm, 1, 0), "CREATE_VCPU"), i;
	pthread_t thread;
	u64 start;

	LOAD(g_sti_hlt);
	must(call(other, VMM_VCPU_APIC_ACCESS, &svr), "APIC_ACCESS");
	both[0] = irqfd(fd, 0, 0, 0x45);
	both[1] = irqfd(fd, 0, 1, 0x67);
	EXPECT(call(m.vm, VMM_VM_SET_IRQFD, &both[0]), 0);
	fire_meanwhile(&thread, &fd);
	for (i = 0, start = now_ns(); now_ns() - start < 500000000; i++) {
		struct vmm_irqfd masked = both[i & 1];

		masked.flags = VMM_IRQFD_MASKED;
		EXPECT(call(m.vm, VMM_VM_SET_IRQFD, i % 3 ? &both[i & 1] : &masked), 0);
	}
	fire_no_more(thread);
	EXPECT(call(m.vm, VMM_VM_SET_IRQFD, &both[0]), 0);
	CHECK(!event_take(fd), "a count is left");
	CHECK(requests_of(m.vcpu, 2) == 1 << 5 && !requests_of(m.vcpu, 3),
	      "vCPU 0 got %#x, %#x", requests_of(m.vcpu, 2), requests_of(m.vcpu, 3));
	CHECK(requests_of(other, 3) == 1 << 7 && !requests_of(other, 2),
	      "vCPU 1 got %#x, %#x", requests_of(other, 2), requests_of(other, 3));
	EXPECT(drop(fd), 0);
	close(fd);
	close(other);
}

/* A mask keeps what comes; taken off, it is sent, once. */
static void masked(void)
{
	struct vmm_irqfd nothing = { .flags = VMM_IRQFD_MASKED };
	int fd = event_open(0);

	LOAD(g_sti_hlt);
	nothing.fd = fd;
	EXPECT(call(m.vm, VMM_VM_SET_IRQFD, &nothing), 0);
	fire(fd);
	fire(fd);
	EXPECT(set(fd, VMM_IRQFD_MASKED, 0x41), 0);
	CHECK(!is_requested(0x41) && holds_something(fd), "sent in spite of the mask");
	EXPECT(set(fd, 0, 0x42), 0);
	CHECK(!is_requested(0x41) && is_requested(0x42) && !holds_something(fd),
	      "not sent with the mask taken off");
	LOAD(g_sti_hlt);
	EXPECT(set(fd, VMM_IRQFD_MASKED, 0x42), 0);
	EXPECT(set(fd, 0, 0x42), 0);
	CHECK(!is_requested(0x42), "sent twice");
	/* Taken by the caller meanwhile, it is lost. */
	EXPECT(set(fd, VMM_IRQFD_MASKED, 0x42), 0);
	fire(fd);
	CHECK(event_take(fd) == 1, "the count is not there");
	EXPECT(set(fd, 0, 0x42), 0);
	CHECK(!is_requested(0x42), "an edge that the caller took was sent");
	/* Left with what it holds. */
	EXPECT(set(fd, VMM_IRQFD_MASKED, 0x42), 0);
	fire(fd);
	EXPECT(drop(fd), 0);
	CHECK(event_take(fd) == 1 && !is_requested(0x42), "sent when it was removed");
	close(fd);
}

static void *fire_blocking(void *arg)
{
	fire(*(int *)arg);
	return NULL;
}

/* Who waits for room in the count of a masked one goes on when it is sent. */
static void full(void)
{
	int fd = event_open(0xfffffffffffffffeULL);
	pthread_t thread;

	LOAD(g_sti_hlt);
	EXPECT(set(fd, VMM_IRQFD_MASKED, 0x42), 0);
	must(fcntl(fd, F_SETFL, 0), "F_SETFL");
	pthread_create(&thread, NULL, fire_blocking, &fd);
	usleep(50000);
	CHECK(!is_requested(0x42), "sent in spite of the mask");
	EXPECT(set(fd, 0, 0x42), 0);
	pthread_join(thread, NULL);
	CHECK(is_requested(0x42), "not sent");
	EXPECT(drop(fd), 0);
	close(fd);
}

/* ---- EOI -------------------------------------------------------------------------- */

/* Out of the handler, and back to the guest's start. */
static void start_again(void)
{
	fetch(&m, VMM_GROUP_GPRS);
	m.page->gprs.rip = GUEST_CODE;
	EXPECT(store(&m, VMM_GROUP_GPRS), 0);
}

/* Of a level: of an edge nobody is told. */
static void eoi(u8 vector)
{
	struct vmm_msi level = { .address = 0xfee00000, .data = 0xc000 | vector };

	start_again();
	EXPECT(call(m.vm, VMM_VM_SEND_MSI, &level), 0);
	expect_handler(vector);
	apic_write(&m, 0xb0, 0);
}

static void resample(void)
{
	struct vmm_eoi_exits eois = { { 0, 1ULL << (0x61 - 64) } };
	int fd = event_open(0), fds[2] = { event_open(0), event_open(0) };
	int other = event_open(0), told = event_open(0), i;
	struct vmm_irqfd req = irqfd(other, VMM_IRQFD_RESAMPLE, 0, 0xc062);

	LOAD(g_sti_hlt);
	req.resample_fd = told;
	EXPECT(call(m.vm, VMM_VM_SET_IRQFD, &req), 0);
	for (i = 0; i < 2; i++) {
		req = irqfd(i ? fds[1] : fd, VMM_IRQFD_RESAMPLE, 0, 0xc061);
		req.resample_fd = i ? fd : fds[0];
		EXPECT(call(m.vm, VMM_VM_SET_IRQFD, &req), 0);
		EXPECT(call(m.vm, VMM_VM_SET_IRQFD, &req), -EEXIST);
		if (!i)
			EXPECT(drop(fd), 0);
	}
	/* fds[1] is an irqfd now, whose EOI signals fd; that one has none any more. */
	fire(fds[1]);
	expect_handler(0x61);
	CHECK(!event_take(fd), "signalled before the EOI");
	apic_write(&m, 0xb0, 0);
	CHECK(event_take(fd) == 1 && !event_take(fds[0]) && !event_take(told),
	      "not signalled by the EOI, or others");
	eoi(0x62);
	CHECK(!event_take(fd) && event_take(told) == 1, "signalled by another vector's EOI");
	/* Masked, and with another vector. */
	EXPECT(set(fds[1], VMM_IRQFD_MASKED, 0x61), 0);
	eoi(0x61);
	CHECK(event_take(fd) == 1, "not signalled while it is masked");
	EXPECT(set(fds[1], 0, 0xe3), 0);
	eoi(0x61);
	CHECK(!event_take(fd), "signalled by the vector that it had");
	eoi(0xe3);
	CHECK(event_take(fd) == 1, "not signalled by the vector that it has");
	/* User space hears of it besides. */
	EXPECT(set(fds[1], 0, 0x61), 0);
	EXPECT(call(m.vcpu, VMM_VCPU_SET_EOI_EXITS, &eois), 0);
	eoi(0x61);
	RUN_TO(&m, VMM_EXIT_EOI);
	CHECK(event_take(fd) == 1, "not signalled beside the exit");
	eois.vectors[1] = 0;
	EXPECT(call(m.vcpu, VMM_VCPU_SET_EOI_EXITS, &eois), 0);
	EXPECT(drop(fds[1]), 0);
	eoi(0x61);
	CHECK(!event_take(fd), "signalled after it was removed");
	close(fd);
	close(fds[0]);
	close(fds[1]);
	close(other);
	close(told);
}

/* An eventfd for both: the line that never falls, until it is taken away. */
static void resample_itself(void)
{
	int fd = event_open(0), i;
	struct vmm_irqfd req = irqfd(fd, VMM_IRQFD_RESAMPLE, 0, 0xc061);

	LOAD(g_sti_hlt);
	req.resample_fd = fd;
	EXPECT(call(m.vm, VMM_VM_SET_IRQFD, &req), 0);
	fire(fd);
	for (i = 0; i < 5; i++) {
		CHECK(is_requested(0x61), "round %d", i);
		start_again();
		expect_handler(0x61);
		apic_write(&m, 0xb0, 0);
	}
	EXPECT(drop(fd), 0);
	close(fd);
}

/* The guest's own EOI, by an MSR: the quickest way. */
static void resample_by_guest(void)
{
	struct vmm_cpuid_entry leaf1 = { .leaf = 1, .ecx = 1U << 21 };	/* x2APIC */
	struct vmm_cpuid cpuid = { .count = 1, .entries = (u64)&leaf1 };
	int fd = event_open(0), resampled = event_open(0), i;
	struct machine saved = m;
	struct vmm_irqfd req = irqfd(fd, VMM_IRQFD_RESAMPLE, 0, 0xc061);

	machine_open_empty(&m, 2 * MIB);
	must(call(m.vm, VMM_VM_SET_CPUID, &cpuid), "SET_CPUID");
	machine_add_vcpu(&m, 0);
	LOAD(g_sti_hlt);
	m.page->sregs.apic_base = 0xfee00d00;
	EXPECT(store(&m, VMM_GROUP_SREGS), 0);
	memcpy(m.ram + GUEST_HANDLERS + 16 * 0x61, g_eoi, g_eoi_end - g_eoi);
	req.resample_fd = resampled;
	EXPECT(call(m.vm, VMM_VM_SET_IRQFD, &req), 0);
	for (i = 0; i < 3; i++) {
		fire(fd);
		expect_handler(0x99);
		CHECK(event_take(resampled) == 1, "EOI %d was not told of", i);
		start_again();
	}
	machine_close(&m);
	m = saved;
	close(fd);
	close(resampled);
}

/* ---- ends ------------------------------------------------------------------------- */

/* Those whose eventfd is closed make room for others, by and by. */
static void closed_early(void)
{
	int round, i, fds[128];

	for (round = 0; round < 2 * VMM_IRQFDS_MAX / (int)ARRAY_SIZE(fds); round++) {
		for (i = 0; i < (int)ARRAY_SIZE(fds); i++) {
			struct vmm_irqfd req = irqfd(fds[i] = event_open(0), VMM_IRQFD_RESAMPLE, 0,
						     0x20 + i);

			req.resample_fd = i ? fds[i - 1] : m.vcpu;
			EXPECT(call(m.vm, VMM_VM_SET_IRQFD, &req), i ? 0 : -EINVAL);
		}
		for (i = 0; i < (int)ARRAY_SIZE(fds); i++)
			close(fds[i]);
		usleep(20000);
	}
}

static void *close_later(void *arg)
{
	usleep(rnd() % 2000);
	close(*(int *)arg);
	return NULL;
}

/* Closed, rewritten, removed and written to, all at once. */
static void closed_in_a_race(void)
{
	u64 start = now_ns();

	while (now_ns() - start < 2000000000) {
		int fd = event_open(0), copy = dup(fd);
		pthread_t writer, closer;
		long ret;

		EXPECT(set(fd, 0, 0x41), 0);
		fire_meanwhile(&writer, &copy);
		pthread_create(&closer, NULL, close_later, &fd);
		do {
			ret = set(fd, rnd() & 1 ? VMM_IRQFD_MASKED : 0, 0x42);
			CHECK(!ret || ret == -EBADF, "SET_IRQFD: %ld", ret);
		} while (!ret);
		pthread_join(closer, NULL);
		fire_no_more(writer);
		if (rnd() & 1)
			EXPECT(drop(copy), 0);
		close(copy);
	}
}

/* The VM goes while its interrupts come, and while eventfds are closed. */
static void vm_closed(void)
{
	struct machine saved = m;
	u64 start = now_ns();

	while (now_ns() - start < 2000000000) {
		int fd = event_open(0), copy = dup(fd), other = event_open(0);
		struct vmm_irqfd req = irqfd(other, VMM_IRQFD_RESAMPLE, 0, 0x43);
		pthread_t writer, closer;

		machine_open(&m, 2 * MIB);
		LOAD(g_sti_hlt);
		EXPECT(set(fd, 0, 0x41), 0);
		req.resample_fd = fd;
		EXPECT(call(m.vm, VMM_VM_SET_IRQFD, &req), 0);
		fire_meanwhile(&writer, &copy);
		pthread_create(&closer, NULL, close_later, &other);
		usleep(rnd() % 2000);
		machine_close(&m);
		pthread_join(closer, NULL);
		fire_no_more(writer);
		/* Nobody takes it any more. */
		fire(copy);
		CHECK(event_take(copy) >= 1, "the count is gone");
		close(fd);
		close(copy);
	}
	m = saved;
}

/* vCPUs may outlive their VM's fd; its irqfds do not. */
static void vm_fd_closed(void)
{
	struct machine saved = m;
	int fd = event_open(0);

	machine_open(&m, 2 * MIB);
	LOAD(g_sti_hlt);
	EXPECT(set(fd, 0, 0x41), 0);
	close(m.vm);
	fire(fd);
	CHECK(!is_requested(0x41) && event_take(fd) == 1, "it outlives the VM's fd");
	m.vm = -1;
	machine_close(&m);
	close(fd);
	m = saved;
}

static void leave_it_all(void *arg)
{
	pthread_t writer;
	int fd = event_open(0);

	machine_open(&m, 2 * MIB);
	LOAD(g_sti_hlt);
	EXPECT(set(fd, 0, 0x41), 0);
	EXPECT(set(event_open(0), VMM_IRQFD_MASKED, 0x41), 0);
	fire_meanwhile(&writer, &fd);
	usleep(20000);
	fflush(stdout);
	_exit(failures());
}

static void owner_exits(void)
{
	int i;

	for (i = 0; i < 10; i++)
		in_child(leave_it_all, NULL);
}

/* One eventfd for two VMs: who comes first takes it, and no harm is done. */
static void two_vms(void)
{
	struct machine saved = m;
	int fd = event_open(0), requested = 0, i;

	LOAD(g_sti_hlt);
	EXPECT(set(fd, 0, 0x41), 0);
	machine_open(&m, 2 * MIB);
	LOAD(g_sti_hlt);
	EXPECT(set(fd, 0, 0x41), 0);
	fire(fd);
	for (i = 0; i < 2; i++) {
		requested += is_requested(0x41);
		if (!i) {
			machine_close(&m);
			m = saved;
		}
	}
	CHECK(requested == 1 && !event_take(fd), "%d got it", requested);
	EXPECT(drop(fd), 0);
	close(fd);
}

/* ---- refused ---------------------------------------------------------------------- */

static void bad_values(void)
{
	static const struct {
		const char *what;
		struct vmm_irqfd req;
	} rows[] = {
		{ "an unknown flag", { .flags = 8, .msi = { 0xfee00000, 0x41 } } },
		{ "padding", { .pad = 1, .msi = { 0xfee00000, 0x41 } } },
		{ "the message's padding", { .msi = { 0xfee00000, 0x41, 1 } } },
		{ "no message", { .msi = { 0, 0 } } },
		{ "an address beside", { .msi = { 0xfed00000, 0x41 } } },
		{ "an address far above", { .msi = { 0x1fee00000, 0x41 } } },
		{ "SIPI", { .msi = { 0xfee00000, 6 << 8 } } },
		{ "a reserved mode", { .msi = { 0xfee00000, 3 << 8 } } },
		{ "a resample fd without its flag", { .resample_fd = 1,
						      .msi = { 0xfee00000, 0x41 } } },
		{ "a mask's removal", { .flags = VMM_IRQFD_REMOVE | VMM_IRQFD_MASKED } },
		{ "a resampler's removal", { .flags = VMM_IRQFD_REMOVE | VMM_IRQFD_RESAMPLE } },
		{ "a message's removal", { .flags = VMM_IRQFD_REMOVE,
					   .msi = { 0xfee00000, 0x41 } } },
		{ "flags of a masked one", { .flags = VMM_IRQFD_MASKED, .msi = { .flags = 1 } } },
	};
	int fd = event_open(1);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vmm_irqfd req = rows[i].req;
		long ret;

		req.fd = fd;
		ret = call(m.vm, VMM_VM_SET_IRQFD, &req);
		CHECK(ret == -EINVAL, "%s: %ld", rows[i].what, ret);
	}
	EXPECT(call(m.vm, VMM_VM_SET_IRQFD, NULL), -EFAULT);
	EXPECT(call(m.vcpu, VMM_VM_SET_IRQFD, &rows[0].req), -ENOTTY);
	EXPECT(drop(fd), -ENOENT);
	CHECK(event_take(fd) == 1, "something took the count");
	close(fd);
}

static void bad_fds(void)
{
	int fd = event_open(0), null = open("/dev/null", O_RDWR), path = open("/", O_PATH), i;
	const struct {
		int fd;
		long want;
	} rows[] = {
		{ -1, -EBADF }, { 0x7fffffff, -EBADF }, { fd + 100, -EBADF }, { path, -EBADF },
		{ null, -EINVAL }, { m.vm, -EINVAL }, { m.vcpu, -EINVAL },
	};

	for (i = 0; i < (int)ARRAY_SIZE(rows); i++) {
		struct vmm_irqfd req = irqfd(fd, VMM_IRQFD_RESAMPLE, 0, 0x41);

		EXPECT(set(rows[i].fd, 0, 0x41), rows[i].want);
		EXPECT(drop(rows[i].fd), rows[i].want);
		req.resample_fd = rows[i].fd;
		EXPECT(call(m.vm, VMM_VM_SET_IRQFD, &req), rows[i].want);
		EXPECT(drop(fd), -ENOENT);
	}
	close(fd);
	close(null);
	close(path);
}

static void from_elsewhere(void *arg)
{
	EXPECT(set(*(int *)arg, 0, 0x41), -EIO);
	EXPECT(drop(*(int *)arg), -EIO);
	/* An eventfd is anybody's who has it. */
	fire(*(int *)arg);
}

static void other_process(void)
{
	int fd = event_open(0);

	LOAD(g_sti_hlt);
	EXPECT(set(fd, 0, 0x41), 0);
	in_child(from_elsewhere, &fd);
	CHECK(is_requested(0x41), "the child's write was not sent");
	EXPECT(drop(fd), 0);
	close(fd);
}

static void limit(void)
{
	static int fds[VMM_IRQFDS_MAX + 1];
	struct rlimit files = { 4096, 4096 };
	int i;

	must(setrlimit(RLIMIT_NOFILE, &files), "setrlimit");
	usleep(100000);
	for (i = 0; i < VMM_IRQFDS_MAX; i++)
		EXPECT(set(fds[i] = event_open(0), 0, 0x41), 0);
	fds[i] = event_open(0);
	EXPECT(set(fds[i], 0, 0x41), -ENOSPC);
	EXPECT(set(fds[0], 0, 0x42), 0);
	EXPECT(drop(fds[1]), 0);
	EXPECT(set(fds[i], 0, 0x41), 0);
	EXPECT(set(fds[1], 0, 0x41), -ENOSPC);
	for (i = 0; i <= VMM_IRQFDS_MAX; i++)
		close(fds[i]);
}

static const struct test tests[] = {
	{ "delivery", delivery },
	{ "other-messages", other_messages },
	{ "held-before", held_before },
	{ "from-doorbell", from_doorbell },
	{ "rewritten", rewritten },
	{ "rewritten-while-firing", rewritten_while_firing },
	{ "masked", masked },
	{ "full", full },
	{ "resample", resample },
	{ "resample-itself", resample_itself },
	{ "resample-by-guest", resample_by_guest },
	{ "closed-early", closed_early },
	{ "closed-in-a-race", closed_in_a_race },
	{ "vm-closed", vm_closed },
	{ "vm-fd-closed", vm_fd_closed },
	{ "owner-exits", owner_exits },
	{ "two-vms", two_vms },
	{ "bad-values", bad_values },
	{ "bad-fds", bad_fds },
	{ "other-process", other_process },
	{ "limit", limit },
};

int main(int argc, char **argv)
{
	machine_open(&m, 2 * MIB);
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests));
}
