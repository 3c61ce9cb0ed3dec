// SPDX-License-Identifier: GPL-2.0
/*
 * KVM in the same host: whoever has the CPUs keeps them, the other is told,
 * and both work once the CPUs are free.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "lib.h"

GUEST16(g_out, "1: out %al, $0x77; jmp 1b");

static bool kvm_load(void)
{
	return !system("modprobe kvm_amd 2>/dev/null") && !access("/dev/kvm", F_OK);
}

static void kvm_unload(void)
{
	CHECK(!system("modprobe -r kvm_amd"), "kvm_amd does not unload");
}

/* A VM of KVM, or -errno. */
static long kvm_vm(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm;

	must(kvm < 0 ? -errno : 0, "/dev/kvm");
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	vm = vm < 0 ? -errno : vm;
	close(kvm);
	return vm;
}

static int count_log(const char *text)
{
	static char log[1 << 20];
	int size = klogctl(3, log, sizeof(log) - 1), count = 0;
	char *at;

	log[size < 0 ? 0 : size] = 0;
	for (at = log; (at = strstr(at, text)); at++)
		count++;
	return count;
}

/* Since 6.12 KVM has the CPUs from its load on, and no module of its kind beside it. */
static bool kvm_takes_all(void)
{
	struct utsname name;
	int major = 0, minor = 0;

	uname(&name);
	sscanf(name.release, "%d.%d", &major, &minor);
	return major > 6 || (major == 6 && minor >= 12);
}

static void refused(void)
{
	long vm;

	EXPECT(vm_create(), -EBUSY);
	CHECK(count_log("in use by another hypervisor") > 0, "the log does not say why");
	EXPECT(vm_create(), -EBUSY);
	vm = kvm_takes_all() ? kvm_vm() : 0;
	CHECK(vm >= 0, "KVM's second VM: %ld", vm);
	if (vm > 0)
		close(vm);
}

static void kvm_has_them(void)
{
	long vm;

	if (!kvm_load())
		skip("KVM is not at hand");
	vm = kvm_vm();
	CHECK(vm >= 0, "KVM's VM: %ld", vm);
	refused();
	close(vm);
	kvm_unload();
}

/* Ours runs on, and KVM gets its turn after it. */
static void we_have_them(void)
{
	struct machine m;
	long vm;

	machine_open(&m, 2 * MIB);
	LOAD16(&m, g_out);
	RUN_TO(&m, VMM_EXIT_IO);
	if (kvm_load()) {
		vm = kvm_vm();
		CHECK(vm == -EBUSY, "KVM's VM: %ld", vm);
		RUN_TO(&m, VMM_EXIT_IO);
	}
	machine_close(&m);
	kvm_load();
	vm = kvm_vm();
	CHECK(vm >= 0, "KVM's VM: %ld", vm);
	close(vm);
	kvm_unload();
	machine_open(&m, 2 * MIB);
	LOAD16(&m, g_out);
	RUN_TO(&m, VMM_EXIT_IO);
	machine_close(&m);
}

static const struct test tests[] = {
	{ "kvm-has-them", kvm_has_them },
	{ "we-have-them", we_have_them },
};

int main(int argc, char **argv)
{
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests));
}
