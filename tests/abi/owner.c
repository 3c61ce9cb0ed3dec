// SPDX-License-Identifier: GPL-2.0
/*
 * Whose a VM is, and how long it lives: other processes, exec(), mappings,
 * the order in which fds go, references of the module.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib.h"

GUEST16(g_out, "1: out %al, $0x77; jmp 1b");
GUEST16(g_spin, SPIN);

/* ---- other processes ------------------------------------------------------------------ */

/* The calls of another address space, whatever they are, give -EIO. */
static void calls_from_elsewhere(void *arg)
{
	static u8 zeros[4096];
	struct machine *m = arg;

	EXPECT(call(m->vcpu, VMM_VCPU_RUN, NULL), -EIO);
	EXPECT(call(m->vcpu, VMM_VCPU_KICK, NULL), -EIO);
	EXPECT(call(m->vcpu, VMM_VCPU_FETCH, zeros), -EIO);
	EXPECT(call(m->vcpu, VMM_VCPU_STORE, NULL), -EIO);
	EXPECT(call(m->vcpu, VMM_VCPU_GET_LAPIC, zeros), -EIO);
	EXPECT(call(m->vm, VMM_VM_GET_CLOCK, zeros), -EIO);
	EXPECT(vcpu_create(m->vm, 5, 0), -EIO);
	EXPECT(set_slot(m->vm, 3, 0, 0x40000000, MIB, m->ram), -EIO);
	EXPECT(send_msi(m->vm, 0, 0x40), -EIO);
	CHECK(mmap(NULL, VMM_VCPU_MMAP_SIZE, PROT_READ, MAP_SHARED, m->vcpu, 0) == MAP_FAILED &&
	      errno == EIO, "mmap: errno %d", errno);
}

static void forked(void)
{
	struct machine m;

	machine_open(&m, 2 * MIB);
	LOAD16(&m, g_out);
	in_child(calls_from_elsewhere, &m);
	RUN_TO(&m, VMM_EXIT_IO);
	machine_close(&m);
}

/* What a child inherited keeps the VM alive, and does no harm to it. */
static void child_outlives(void)
{
	struct machine m;
	int pipes[2];
	pid_t pid;
	char c;

	machine_open(&m, 2 * MIB);
	must(pipe(pipes), "pipe");
	pid = fork();
	if (!pid) {
		close(pipes[1]);
		memset(m.page, 0x5a, PAGE);
		_exit(read(pipes[0], &c, 1) != 0);	/* until the parent closed all */
	}
	close(pipes[0]);
	machine_close(&m);
	machine_open(&m, 2 * MIB);
	LOAD16(&m, g_out);
	RUN_TO(&m, VMM_EXIT_IO);
	machine_close(&m);
	close(pipes[1]);
	child_ends_well(pid);
}

/* The VM of a process that is gone: its fds only wait to be closed. */
static void parent_is_gone(void)
{
	struct machine m;
	pid_t pid = fork();

	if (!pid) {
		machine_open(&m, 2 * MIB);
		LOAD16(&m, g_out);
		RUN_TO(&m, VMM_EXIT_IO);
		if (!fork()) {
			usleep(300000);
			calls_from_elsewhere(&m);
			_exit(failures());
		}
		_exit(failures());
	}
	child_ends_well(pid);
	usleep(500000);
}

static void fd_send(int sock, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	must(sendmsg(sock, &msg, 0), "sendmsg");
}

static int fd_receive(int sock)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof(control),
	};
	int fd;

	must(recvmsg(sock, &msg, 0), "recvmsg");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	return fd;
}

static void passed(void)
{
	int sock[2];
	struct machine m;
	pid_t pid;

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, sock), "socketpair");
	pid = fork();
	if (!pid) {
		struct machine theirs = { .ram = NULL };

		theirs.vm = fd_receive(sock[1]);
		theirs.vcpu = fd_receive(sock[1]);
		calls_from_elsewhere(&theirs);
		_exit(failures() ? 1 : 0);
	}
	machine_open(&m, 2 * MIB);
	fd_send(sock[0], m.vm);
	fd_send(sock[0], m.vcpu);
	machine_close(&m);
	child_ends_well(pid);
	close(sock[0]);
	close(sock[1]);
}

/* fds that are on their way nowhere: a socket that is never read. */
static void in_flight(void)
{
	struct machine m;
	int sock[2];

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, sock), "socketpair");
	machine_open(&m, 2 * MIB);
	fd_send(sock[0], m.vm);
	fd_send(sock[0], m.vcpu);
	fd_send(sock[0], sock[1]);
	machine_close(&m);
	close(sock[0]);
	close(sock[1]);
	/* The socket holds itself; the kernel finds out when another one closes. */
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, sock), "socketpair");
	close(sock[0]);
	close(sock[1]);
}

static void executed(void)
{
	struct machine m;
	pid_t pid;

	machine_open(&m, 2 * MIB);
	CHECK(fcntl(m.vm, F_GETFD) == FD_CLOEXEC, "the VM fd is not close-on-exec");
	CHECK(fcntl(m.vcpu, F_GETFD) == FD_CLOEXEC, "the vCPU fd is not close-on-exec");
	machine_close(&m);
	pid = fork();
	if (!pid) {
		char vm[16], vcpu[16];

		machine_open(&m, 2 * MIB);
		fcntl(m.vm, F_SETFD, 0);
		fcntl(m.vcpu, F_SETFD, 0);
		snprintf(vm, sizeof(vm), "%d", m.vm);
		snprintf(vcpu, sizeof(vcpu), "%d", m.vcpu);
		execl("/proc/self/exe", "owner", "--after-exec", vm, vcpu, NULL);
		_exit(9);
	}
	child_ends_well(pid);
}

static int after_exec(char **argv)
{
	struct machine m = { .vm = atoi(argv[2]), .vcpu = atoi(argv[3]) };

	calls_from_elsewhere(&m);
	return failures() ? 1 : 0;
}

/* ---- mmap ---------------------------------------------------------------------------------- */

static void mmap_wrong(void)
{
	static const struct { size_t size; int flags; off_t offset; } rows[] = {
		{ PAGE, MAP_SHARED, 0 },
		{ 3 * PAGE, MAP_SHARED, 0 },
		{ 64 * PAGE, MAP_SHARED, 0 },
		{ VMM_VCPU_MMAP_SIZE, MAP_PRIVATE, 0 },
		{ VMM_VCPU_MMAP_SIZE, MAP_SHARED, PAGE },
		{ PAGE, MAP_SHARED, PAGE },
		{ VMM_VCPU_MMAP_SIZE, MAP_SHARED, 0x7ffffffff000 },
	};
	struct machine m;
	size_t i;

	machine_open(&m, 2 * MIB);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		void *p = mmap(NULL, rows[i].size, PROT_READ | PROT_WRITE, rows[i].flags, m.vcpu,
			       rows[i].offset);

		CHECK(p == MAP_FAILED && errno == EINVAL, "row %zu: errno %d", i,
		      p == MAP_FAILED ? errno : 0);
	}
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, m.vm, 0) == MAP_FAILED, "mmap of a VM");
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, dev_open(), 0) == MAP_FAILED,
	      "mmap of /dev/vmm");
	machine_close(&m);
}

/* It does not grow, may be cut, and may be mapped more than once. */
static void mmap_changed(void)
{
	struct vmm_page *second;
	struct machine m;
	u8 *p;

	machine_open(&m, 2 * MIB);
	second = vcpu_map(m.vcpu);
	p = mremap(second, VMM_VCPU_MMAP_SIZE, 4 * PAGE, MREMAP_MAYMOVE);
	CHECK(p == MAP_FAILED, "the mapping grew");
	m.page->wanted = VMM_GROUP_DREGS;
	CHECK(second->wanted == VMM_GROUP_DREGS, "the two mappings differ");
	munmap((u8 *)second + PAGE, PAGE);
	mprotect(second, PAGE, PROT_READ);
	LOAD16(&m, g_out);
	RUN_TO(&m, VMM_EXIT_IO);
	CHECK(second->reason == VMM_EXIT_IO, "the second mapping has %u", second->reason);
	p = mremap(second, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, m.ram + MIB);
	CHECK(p != MAP_FAILED && ((struct vmm_page *)p)->reason == VMM_EXIT_IO, "moved");
	machine_close(&m);
}

/* A mapping holds the vCPU, and that its VM. */
static void mmap_kept(void)
{
	struct machine m;

	machine_open(&m, 2 * MIB);
	LOAD16(&m, g_out);
	RUN_TO(&m, VMM_EXIT_IO);
	close(m.vcpu);
	close(m.vm);
	CHECK(m.page->reason == VMM_EXIT_IO, "the page changed");
	memset(m.page, 0xff, PAGE);
	munmap(m.page, VMM_VCPU_MMAP_SIZE);
	munmap(m.ram, m.size);
}

/* ---- the order of closing -------------------------------------------------------------------- */

static void vm_first(void)
{
	struct machine m;
	int second;

	machine_open(&m, 2 * MIB);
	second = must(vcpu_create(m.vm, 1, 0), "CREATE_VCPU");
	LOAD16(&m, g_out);
	close(m.vm);
	RUN_TO(&m, VMM_EXIT_IO);
	RUN_TO(&m, VMM_EXIT_IO);
	close(second);
	RUN_TO(&m, VMM_EXIT_IO);
	munmap(m.page, VMM_VCPU_MMAP_SIZE);
	close(m.vcpu);
	munmap(m.ram, m.size);
}

static void vcpu_first(void)
{
	struct machine m;

	machine_open(&m, 2 * MIB);
	munmap(m.page, VMM_VCPU_MMAP_SIZE);
	close(m.vcpu);
	/* The vCPU is there still, only nobody can reach it. */
	EXPECT(vcpu_create(m.vm, 0, 0), -EEXIST);
	EXPECT(send_msi(m.vm, 0, 0x40), 0);
	m.vcpu = must(vcpu_create(m.vm, 1, 0), "CREATE_VCPU");
	m.page = vcpu_map(m.vcpu);
	LOAD16(&m, g_out);
	m.page->events.run_state = VMM_STATE_RUNNING;
	must(store(&m, VMM_GROUP_EVENTS), "STORE");
	RUN_TO(&m, VMM_EXIT_IO);
	machine_close(&m);
}

static void many_vcpus(void)
{
	struct vmm_info info = dev_info();
	int vm = must(vm_create(), "CREATE_VM"), fds[256];
	u32 i;

	for (i = 0; i < info.max_vcpus; i++)
		fds[i] = must(vcpu_create(vm, info.max_vcpus - 1 - i, 0), "CREATE_VCPU");
	EXPECT(vcpu_create(vm, 17, 0), -EEXIST);
	EXPECT(vcpu_create(vm, info.max_vcpus, 0), -EINVAL);
	for (i = 0; i < info.max_vcpus; i++)
		close(fds[i]);
	close(vm);
}

/* ---- the module ---------------------------------------------------------------------- */

static int module_remove(void)
{
	return syscall(SYS_delete_module, "vmm", O_NONBLOCK) ? -errno : 0;
}

static int module_load(void)
{
	int fd = open("/nested/vmm.ko", O_RDONLY | O_CLOEXEC), ret;

	ret = syscall(SYS_finit_module, fd, "", 0) ? -errno : 0;
	close(fd);
	return ret;
}

static void module_without_device(void *arg)
{
	struct machine *m = arg;
	int i;

	EXPECT(module_remove(), -EAGAIN);
	munmap(m->page, VMM_VCPU_MMAP_SIZE);
	close(m->vm);
	EXPECT(module_remove(), -EAGAIN);
	close(m->vcpu);
	for (i = 0; i < 20 && module_remove(); i++)
		usleep(100000);
	EXPECT(module_load(), 0);
	EXPECT(module_load(), -EEXIST);
	for (i = 0; i < 5; i++) {
		EXPECT(module_remove(), 0);
		EXPECT(module_load(), 0);
	}
}

/* Refused while a VM lives, however little is left of it, and fine after. */
static void module(void)
{
	pid_t pid;

	pid = fork();
	if (!pid) {
		struct machine m;

		machine_open(&m, 2 * MIB);
		close(dev_open());
		module_without_device(&m);
		_exit(failures() ? 1 : 0);
	}
	child_ends_well(pid);
}

/* It dies while a guest runs, with everything open. */
static void killed(void)
{
	struct machine m;
	pid_t pid;

	pid = fork();
	if (!pid) {
		machine_open(&m, 2 * MIB);
		LOAD16(&m, g_spin);
		/* Nobody sends it a signal but the one that it does not see. */
		EXPECT(run(&m), 0);
		_exit(1);
	}
	usleep(300000);
	kill(pid, SIGKILL);
	child_ends_by(pid, SIGKILL);
}

static const struct test tests[] = {
	{ "module", module },		/* before the device is open here */
	{ "parent-is-gone", parent_is_gone },
	{ "killed", killed },
	{ "executed", executed },
	{ "forked", forked },
	{ "child-outlives", child_outlives },
	{ "passed", passed },
	{ "in-flight", in_flight },
	{ "mmap-wrong", mmap_wrong },
	{ "mmap-changed", mmap_changed },
	{ "mmap-kept", mmap_kept },
	{ "vm-first", vm_first },
	{ "vcpu-first", vcpu_first },
	{ "many-vcpus", many_vcpus },
};

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "--after-exec"))
		return after_exec(argv);
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests));
}
