// SPDX-License-Identifier: GPL-2.0
/* rival COMMAND...: runs it while a virtual machine of KVM holds the CPUs. */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int kvm = open("/dev/kvm", O_RDWR);
	int vm = ioctl(kvm, KVM_CREATE_VM, 0);

	/* Its VM is to outlive exec, for which KVM did not make it. */
	if (argc < 2 || vm < 0 || fcntl(vm, F_SETFD, 0)) {
		perror("rival: /dev/kvm");
		return 111;
	}
	execvp(argv[1], argv + 1);
	perror(argv[1]);
	return 127;
}
