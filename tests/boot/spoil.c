// SPDX-License-Identifier: GPL-2.0
/*
 * To be preloaded into vmm: before one of its runs, the vCPU gets a state that
 * VT-x refuses to enter with, and that no guest can bring about by itself.
 */
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm.h"

#define SPOILT_RUN	10

static void spoil(int vcpu)
{
	struct vmm_groups groups = { .mask = VMM_GROUP_EVENTS };
	struct vmm_page *page = mmap(NULL, VMM_VCPU_MMAP_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
				     vcpu, 0);

	if (page == MAP_FAILED || syscall(SYS_ioctl, vcpu, VMM_VCPU_FETCH, &groups))
		return;
	page->events.shadow = VMM_SHADOW_STI | VMM_SHADOW_MOV_SS;
	page->dirty |= VMM_GROUP_EVENTS;
	munmap(page, VMM_VCPU_MMAP_SIZE);
}

int ioctl(int fd, unsigned long request, ...)
{
	static int runs;
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (request == VMM_VCPU_RUN && ++runs == SPOILT_RUN)
		spoil(fd);
	return syscall(SYS_ioctl, fd, request, arg);
}
