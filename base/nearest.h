/* SPDX-License-Identifier: GPL-2.0 */
/* The name a person may have meant: the nearest of those that exist. */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include "base.h"

struct nearest {
	const char *word;	/* what was written; set by the caller, the rest is 0 */
	const char *name;	/* the nearest so far, NULL while none is near enough */
	unsigned int distance;
};

/* Consider @name, which must stay as long as @n is read. */
void nearest_offer(struct nearest *n, const char *name);

#endif
