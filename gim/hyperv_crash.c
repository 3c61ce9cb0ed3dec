// SPDX-License-Identifier: GPL-2.0
/*
 * "Guest Crash Enlightenment": five values that only the guest understands,
 * and a text. Both are printed, and the VM ends as after any panic, with some
 * time for what the guest says after it. hv->lock guards the values.
 */
#include <ctype.h>

#include "base/log.h"
#include "gim/hyperv.h"

/* What is printed of a guest that goes on crashing. */
#define CRASHES_MAX	4

int hyperv_crash_read(struct hyperv_vp *vp, u32 index, u64 *value)
{
	*value = READ_ONCE(vp->hv->crash[index - HV_MSR_CRASH_P0]);
	return 0;
}

int hyperv_crash_write(struct hyperv_vp *vp, u32 index, u64 value)
{
	WRITE_ONCE(vp->hv->crash[index - HV_MSR_CRASH_P0], value);
	return 0;
}

/* What can be asked for. */
int hyperv_crash_ctl_read(struct hyperv_vp *vp, u32 index, u64 *value)
{
	*value = HV_CRASH_NOTIFY | HV_CRASH_MESSAGE;
	return 0;
}

/* Line by line, as it may be the end of the guest's log. */
static void hyperv_crash_print(char *text, u64 size)
{
	char *line = text, *next;

	for (u64 i = 0; i < size && text[i]; i++)
		if (!isprint((unsigned char)text[i]) && text[i] != '\n')
			text[i] = ' ';
	for (; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (*line)
			log_error("the guest says: %s", line);
	}
}

static void hyperv_crash_message(struct hyperv *hv, gpa_t gpa, u64 size)
{
	char text[HV_PAGE_SIZE + 1] = { 0 };

	if (!size || size > HV_PAGE_SIZE || pgm_read(hv->gim->config.pgm, gpa, text, size)) {
		log_error("the guest says something that cannot be read");
		return;
	}
	hyperv_crash_print(text, size);
}

int hyperv_crash_ctl_write(struct hyperv_vp *vp, u32 index, u64 value)
{
	struct hyperv *hv = vp->hv;
	const struct gim_config *config = &hv->gim->config;

	if (value & ~(HV_CRASH_NOTIFY | HV_CRASH_MESSAGE))
		return -EINVAL;
	if (!(value & HV_CRASH_NOTIFY))
		return 0;
	pthread_mutex_lock(&hv->lock);
	if (hv->crashes++ < CRASHES_MAX) {
		const u64 *p = hv->crash;

		log_error("the guest crashed: 0x%llx 0x%llx 0x%llx 0x%llx 0x%llx",
			  (unsigned long long)p[0], (unsigned long long)p[1],
			  (unsigned long long)p[2], (unsigned long long)p[3],
			  (unsigned long long)p[4]);
		if (value & HV_CRASH_MESSAGE)
			hyperv_crash_message(hv, p[3], p[4]);
	}
	pthread_mutex_unlock(&hv->lock);
	config->ops->panic(config->ctx);
	return 0;
}
