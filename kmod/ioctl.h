/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One table per kind of fd says what a command is, how much is copied, which
 * lock it needs; one dispatcher does all three. A function gets the object
 * and its copied, private argument.
 */
#ifndef KMOD_IOCTL_H
#define KMOD_IOCTL_H

#include <linux/fs.h>

#include "vmm.h"

enum ioctl_lock {
	IOCTL_UNLOCKED,
	IOCTL_VM,		/* vm->lock */
	IOCTL_VCPU,		/* vcpu->lock, -EBUSY while it runs */
};

/* The largest argument that is copied on the stack; larger ones are allocated. */
#define IOCTL_STACK_MAX 64

struct ioctl_row {
	unsigned int command;	/* its size is the argument's */
	enum ioctl_lock lock;
	long (*fn)(void *object, void *arg);
};

/* @lock is the mutex that rows other than IOCTL_UNLOCKED ask for. */
long ioctl_dispatch(const struct ioctl_row *rows, size_t count, void *object, struct mutex *lock,
		    unsigned int command, unsigned long arg);

#endif
