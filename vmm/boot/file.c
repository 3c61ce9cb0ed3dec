// SPDX-License-Identifier: GPL-2.0
/*
 * The files behind an image: opened once, by path, before the VM starts, and
 * read through the descriptor ever after.
 *
 * They are read, not mapped: a kernel that is rebuilt in place while its guest
 * runs then gives a short read and a message at the next reset, where a
 * mapping would give SIGBUS; and the copy costs no memory of ours.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/boot/internal.h"

static const char *file_kind(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return "a directory";
	case S_IFIFO:
		return "a FIFO";
	case S_IFSOCK:
		return "a socket";
	case S_IFCHR:
	case S_IFBLK:
		return "a device";
	}
	return "not a regular file";
}

static int file_check(struct boot_file *file, const char *what, struct error *err)
{
	struct stat st;

	if (fstat(file->fd, &st) < 0)
		return error_errno(err, errno, "%s %s", what, file->path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, EINVAL, "%s %s: is %s, a file is needed", what, file->path,
				 file_kind(st.st_mode));
	if (!st.st_size)
		return error_set(err, EINVAL, "%s %s: the file is empty", what, file->path);
	file->size = st.st_size;
	return 0;
}

int boot_open(struct boot_file *file, const char *what, const char *path,
	      const char *cmdline, struct error *err)
{
	int ret;

	file->fd = -1;
	file->path = strdup(path);
	file->cmdline = strdup(cmdline ? cmdline : "");
	if (!file->path || !file->cmdline) {
		ret = error_errno(err, ENOMEM, "%s %s", what, path);
		goto err_close;
	}
	/* Without O_NONBLOCK a FIFO would wait here for its writer. */
	file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (file->fd < 0) {
		ret = error_errno(err, errno, "%s %s", what, path);
		goto err_close;
	}
	ret = file_check(file, what, err);
	if (ret)
		goto err_close;
	return 0;

err_close:
	boot_file_close(file);
	return ret;
}

void boot_file_close(struct boot_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	free(file->path);
	free(file->cmdline);
	*file = (struct boot_file){ .fd = -1 };
}

bool boot_file_has(const struct boot_file *file, u64 offset, u64 len)
{
	return offset <= file->size && len <= file->size - offset;
}

int boot_file_read(const struct boot_file *file, u64 offset, void *buf, u64 len,
		   struct error *err)
{
	u8 *to = buf;

	if (!boot_file_has(file, offset, len))
		return error_set(err, ENOEXEC, "%s: cut short: %llu bytes at offset %llu are "
				 "wanted, the file has %llu",
				 file->path, (unsigned long long)len, (unsigned long long)offset,
				 (unsigned long long)file->size);
	while (len) {
		ssize_t n = pread(file->fd, to, len, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, errno, "%s: cannot be read", file->path);
		if (!n)
			return error_set(err, EIO, "%s: has become shorter since it was opened",
					 file->path);
		to += n;
		offset += n;
		len -= n;
	}
	return 0;
}
