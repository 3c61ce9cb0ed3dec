// SPDX-License-Identifier: GPL-2.0
/*
 * The console filter: passes the guest's output on and reads along.
 *
 * It keeps the last line that is not blank, for the report of a timeout or a
 * crash, and notices the line with which a Linux kernel announces its panic.
 * The line buffer is guarded by the device's lock, what the VM shares by
 * pdm->console_lock. Only the beginning of long lines is kept.
 */
#include <ctype.h>

#include "pdm/internal.h"

#define PANIC "Kernel panic - not syncing"

struct console {
	char line[200];
	u32 len;
};

/* Behind a time stamp, "[    1.234567] ", if there is one. */
static const char *console_skip_stamp(const char *line)
{
	const char *p = line;

	if (*p++ != '[')
		return line;
	while (*p == ' ')
		p++;
	if (!isdigit((unsigned char)*p))
		return line;
	while (isdigit((unsigned char)*p) || *p == '.')
		p++;
	/* CONFIG_PRINTK_CALLER: "[    1.234567][    T1] " */
	if (p[0] == ']' && p[1] == '[')
		while (*++p && *p != ']')
			;
	return p[0] == ']' && p[1] == ' ' ? p + 2 : line;
}

static void console_line(struct pdm_drv *drv)
{
	struct console *console = drv->state;
	struct pdm *pdm = drv->dev->pdm;
	const char *text;

	while (console->len && console->line[console->len - 1] == ' ')
		console->len--;
	console->line[console->len] = 0;
	if (!console->len)
		return;
	console->len = 0;

	pthread_mutex_lock(&pdm->console_lock);
	strcpy(pdm->console_last, console->line);
	pthread_mutex_unlock(&pdm->console_lock);

	text = console_skip_stamp(console->line);
	if (!strncmp(text, PANIC, sizeof(PANIC) - 1))
		pdm->config.ops->panic_line(pdm->config.ctx);
}

static void console_write(struct pdm_drv *drv, const u8 *data, u32 len)
{
	struct console *console = drv->state;
	struct pdm *pdm = drv->dev->pdm;

	__atomic_fetch_add(&pdm->console_bytes, len, __ATOMIC_RELAXED);
	drv->below->type->write(drv->below, data, len);
	for (u32 i = 0; i < len; i++) {
		if (data[i] == '\n')
			console_line(drv);
		else if (data[i] == '\t' && console->len < sizeof(console->line) - 1)
			console->line[console->len++] = ' ';
		else if (data[i] >= ' ' && console->len < sizeof(console->line) - 1)
			console->line[console->len++] = data[i];
	}
}

/* A last line without its newline counts too. */
static void console_destroy(struct pdm_drv *drv)
{
	console_line(drv);
}

const struct pdm_drv_type pdm_drv_console = {
	.name = "console",
	.state_size = sizeof(struct console),
	.destroy = console_destroy,
	.write = console_write,
};

void pdm_console_last(struct pdm *pdm, char *buf, size_t size)
{
	size_t len;

	pthread_mutex_lock(&pdm->console_lock);
	len = min(strlen(pdm->console_last), size - 1);
	memcpy(buf, pdm->console_last, len);
	pthread_mutex_unlock(&pdm->console_lock);
	buf[len] = 0;
}

u64 pdm_console_bytes(struct pdm *pdm)
{
	return __atomic_load_n(&pdm->console_bytes, __ATOMIC_RELAXED);
}
