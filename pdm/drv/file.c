// SPDX-License-Identifier: GPL-2.0
/*
 * The file backend: the guest's output in a file, which is opened when the VM
 * is built. Output only. Guarded by the device's lock.
 */
#include <fcntl.h>
#include <unistd.h>

#include "pdm/internal.h"

struct file {
	int fd;
	bool failed;		/* said once */
};

static int file_create(struct pdm_drv *drv, const struct cfgm_node *node, struct error *err)
{
	const char *path = cfgm_path(node, "path");
	int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY;
	struct file *file = drv->state;

	flags |= cfgm_bool(node, "append") ? O_APPEND : O_TRUNC;
	file->fd = open(path, flags, 0666);
	return file->fd < 0 ? error_errno(err, errno, "%s", path) : 0;
}

static void file_destroy(struct pdm_drv *drv)
{
	struct file *file = drv->state;

	close(file->fd);
}

static void file_write(struct pdm_drv *drv, const u8 *data, u32 len)
{
	struct file *file = drv->state;
	ssize_t done;

	while (len) {
		done = write(file->fd, data, len);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			break;
		data += done;
		len -= done;
	}
	if (len && !file->failed) {
		file->failed = true;
		log_warn("%s: output is lost: %s", drv->dev->name, strerror(errno));
	}
}

static const struct cfgm_key file_keys[] = {
	{ .name = "path", .type = CFGM_PATH, .required = true, .help = "the file to write" },
	{ .name = "append", .type = CFGM_BOOL, .def = "false", .help = "keep what is in it" },
	{ .name = NULL },
};

const struct pdm_drv_type pdm_drv_file = {
	.name = "file",
	.help = "output into a file",
	.keys = file_keys,
	.state_size = sizeof(struct file),
	.create = file_create,
	.destroy = file_destroy,
	.write = file_write,
};
