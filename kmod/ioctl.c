// SPDX-License-Identifier: GPL-2.0
/* The dispatcher of ioctl tables: find the row, copy, lock, call. */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "ioctl.h"

static long ioctl_call(const struct ioctl_row *row, void *object, struct mutex *lock, void *arg)
{
	long ret;

	switch (row->lock) {
	case IOCTL_UNLOCKED:
		return row->fn(object, arg);
	case IOCTL_VM:
		if (mutex_lock_killable(lock))
			return -EINTR;
		break;
	case IOCTL_VCPU:
		if (!mutex_trylock(lock))
			return -EBUSY;
		break;
	}
	ret = row->fn(object, arg);
	mutex_unlock(lock);
	return ret;
}

static long ioctl_copy_and_call(const struct ioctl_row *row, void *object, struct mutex *lock,
				void __user *user, void *buf)
{
	unsigned int size = _IOC_SIZE(row->command);
	unsigned int dir = _IOC_DIR(row->command);
	long ret;

	if (dir & _IOC_WRITE) {
		if (copy_from_user(buf, user, size))
			return -EFAULT;
	} else {
		memset(buf, 0, size);
	}
	ret = ioctl_call(row, object, lock, buf);
	if (ret >= 0 && (dir & _IOC_READ) && copy_to_user(user, buf, size))
		return -EFAULT;
	return ret;
}

/* Apart, so that RUN, which copies nothing, does not pay for the buffer's stack. */
static noinline long ioctl_with_argument(const struct ioctl_row *row, void *object,
					 struct mutex *lock, void __user *user)
{
	u64 small[IOCTL_STACK_MAX / sizeof(u64)];
	void *buf;
	long ret;

	if (_IOC_SIZE(row->command) <= sizeof(small))
		return ioctl_copy_and_call(row, object, lock, user, small);

	buf = kmalloc(_IOC_SIZE(row->command), GFP_KERNEL_ACCOUNT);
	if (!buf)
		return -ENOMEM;
	ret = ioctl_copy_and_call(row, object, lock, user, buf);
	kfree(buf);
	return ret;
}

long ioctl_dispatch(const struct ioctl_row *rows, size_t count, void *object, struct mutex *lock,
		    unsigned int command, unsigned long arg)
{
	const struct ioctl_row *row;

	for (row = rows; row < rows + count; row++) {
		if (row->command != command)
			continue;
		if (_IOC_SIZE(command))
			return ioctl_with_argument(row, object, lock, (void __user *)arg);
		return arg ? -EINVAL : ioctl_call(row, object, lock, NULL);
	}
	return -ENOTTY;
}
