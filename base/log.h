/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Messages for the person at the terminal, all on stderr.
 *
 * Each is one line, "vmm: " in front. While the guest owns the terminal in
 * raw mode, lines end in CR LF and begin on a fresh line. What a guest can
 * trigger is logged with log_guest(), which lets the first few through and
 * then counts. Any thread may log.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Messages above @level are dropped; the default is LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);

/* True while the terminal is raw; the console backend says so. */
void log_set_raw(bool raw);

void log_print(enum log_level level, const char *fmt, ...) __printf_fmt(2, 3);

#define log_error(...) log_print(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_print(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_print(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_print(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* A warning the guest can cause at will: the first 5 per call site pass. */
#define log_guest(...) do {							\
	static unsigned int _seen;						\
	unsigned int _n = __atomic_fetch_add(&_seen, 1, __ATOMIC_RELAXED);	\
	if (_n < 5)								\
		log_print(LOG_LEVEL_WARN, __VA_ARGS__);				\
} while (0)

#endif
