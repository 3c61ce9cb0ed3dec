// SPDX-License-Identifier: GPL-2.0
/* See thread.h. */
#include <signal.h>

#include "base/thread.h"

int thread_start(pthread_t *thread, const char *name, void *(*fn)(void *arg), void *arg)
{
	sigset_t all, old;
	int ret;

	/* It inherits the mask: there is no moment at which it has another. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = pthread_create(thread, NULL, fn, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (ret)
		return -ret;
	pthread_setname_np(*thread, name);
	return 0;
}
