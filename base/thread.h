/* SPDX-License-Identifier: GPL-2.0 */
/* Threads beside the main one, to which all signals are left. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>

/* @name, of at most 15 characters, is what ps shows of it. 0 or -errno. Any thread. */
int thread_start(pthread_t *thread, const char *name, void *(*fn)(void *arg), void *arg);

#endif
