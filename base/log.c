// SPDX-License-Identifier: GPL-2.0
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "log.h"

static enum log_level log_level = LOG_LEVEL_INFO;
static bool log_raw;

void log_set_level(enum log_level level)
{
	log_level = level;
}

void log_set_raw(bool raw)
{
	WRITE_ONCE(log_raw, raw);
}

void log_print(enum log_level level, const char *fmt, ...)
{
	bool raw = READ_ONCE(log_raw);
	char line[1024];
	ssize_t done;
	va_list ap;
	int n;

	if (level > log_level)
		return;
	n = snprintf(line, sizeof(line), "%svmm: ", raw ? "\r" : "");
	va_start(ap, fmt);
	n += vsnprintf(line + n, sizeof(line) - n, fmt, ap);
	va_end(ap);
	n = min(n, (int)sizeof(line) - 3);
	n += snprintf(line + n, sizeof(line) - n, raw ? "\r\n" : "\n");

	/* One write, so that lines of several threads do not mix. */
	done = write(STDERR_FILENO, line, n);
	(void)done;
}
