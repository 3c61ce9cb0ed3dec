/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What went wrong, as one line for a person.
 *
 * Nothing below the command line prints an error or ends the process: a
 * function that fails fills the struct error its caller handed down and
 * returns the negative errno; the command line prints the text once, behind
 * "vmm: ". The text names the thing and its value, and where it helps, what
 * to do next. It has no newline and no final full stop.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "base.h"

struct error {
	int code;		/* positive errno; 0 while nothing failed */
	char text[512];		/* always terminated */
};

/*
 * Fill @err (which may be NULL) and return -@code. A text already there is
 * replaced. @code is a positive errno.
 */
int error_set(struct error *err, int code, const char *fmt, ...) __printf_fmt(3, 4);

/* The same with ": " and strerror(@code) appended. */
int error_errno(struct error *err, int code, const char *fmt, ...) __printf_fmt(3, 4);

/* Put a context ("config.cfg:3: ") in front of the text already in @err. */
void error_prefix(struct error *err, const char *fmt, ...) __printf_fmt(2, 3);

#endif
