// SPDX-License-Identifier: GPL-2.0
/*
 * terminal.h says what. The old settings come back by terminal_release(), by
 * atexit(), and by a handler of the signals that end a process by a fault;
 * signals that end the VM in order (TERM, INT, ...) go through the former.
 */
#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "base/log.h"
#include "pdm/drv/terminal.h"

static struct termios terminal_old;
static volatile sig_atomic_t terminal_raw;
static bool terminal_taken;

static const int terminal_signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS };

/* Async-signal-safe. */
static void terminal_restore(void)
{
	if (!terminal_raw)
		return;
	terminal_raw = 0;
	tcsetattr(STDIN_FILENO, TCSANOW, &terminal_old);
}

static void terminal_fault(int signal)
{
	terminal_restore();
	/* SA_RESETHAND is set: this time it ends the process. */
	raise(signal);
}

int terminal_take(void)
{
	struct sigaction action = { .sa_handler = terminal_fault, .sa_flags = SA_RESETHAND };
	struct termios raw;

	if (terminal_taken)
		return -EBUSY;
	terminal_taken = true;
	if (tcgetattr(STDIN_FILENO, &terminal_old))
		return 0;
	atexit(terminal_restore);
	for (unsigned int i = 0; i < ARRAY_SIZE(terminal_signals); i++)
		sigaction(terminal_signals[i], &action, NULL);
	raw = terminal_old;
	cfmakeraw(&raw);
	/* A guest that writes bare newlines is legible all the same. */
	raw.c_oflag = terminal_old.c_oflag;
	terminal_raw = 1;
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	log_set_raw(true);
	return 0;
}

void terminal_release(void)
{
	terminal_restore();
	terminal_taken = false;
	log_set_raw(false);
}
