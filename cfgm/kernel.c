// SPDX-License-Identifier: GPL-2.0
/*
 * Is this file a kernel rather than a config? Only magic numbers are looked
 * at; whether it can be booted, the loader says.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cfgm/cfgm.h"

/* Multiboot 1, "OS image format": within the first 8192 bytes, aligned to 4. */
#define MULTIBOOT_MAGIC		0x1badb002
#define MULTIBOOT_REACH		8192
/* The Linux boot protocol's "Real-mode kernel header". */
#define BZIMAGE_MAGIC_AT	0x202

static u32 word_at(const u8 *buf, size_t at)
{
	u32 word;

	memcpy(&word, buf + at, sizeof(word));
	return word;
}

static bool has_multiboot(const u8 *buf, size_t len)
{
	for (size_t at = 0; at + 12 <= len; at += 4) {
		u32 sum = word_at(buf, at) + word_at(buf, at + 4) + word_at(buf, at + 8);

		if (word_at(buf, at) == MULTIBOOT_MAGIC && !sum)
			return true;
	}
	return false;
}

const char *cfgm_kernel_kind(const char *path)
{
	u8 buf[MULTIBOOT_REACH];
	const char *kind = NULL;
	struct stat st;
	ssize_t len;
	int fd;

	/* The open must not wait for a pipe's writer, the read must not eat from it. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return NULL;
	len = !fstat(fd, &st) && S_ISREG(st.st_mode) ? pread(fd, buf, sizeof(buf), 0) : -1;
	close(fd);
	if (len >= BZIMAGE_MAGIC_AT + 4 && !memcmp(buf + BZIMAGE_MAGIC_AT, "HdrS", 4))
		kind = "bzImage";
	else if (len >= 4 && !memcmp(buf, "\177ELF", 4))
		kind = "ELF";
	else if (len > 0 && has_multiboot(buf, len))
		kind = "multiboot";
	return kind;
}
