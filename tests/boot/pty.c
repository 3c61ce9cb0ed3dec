// SPDX-License-Identifier: GPL-2.0
/*
 * pty STEP... -- COMMAND...: runs a command on a terminal of its own and plays
 * the person in front of it. The steps, in order, while the command runs:
 *
 *	wait=TEXT	until the command has printed it since the last wait
 *	type=TEXT	keys; \r \n \\ and \xHH are understood
 *	paste=N		N bytes at once: lines that number themselves from 1000001 on
 *	sleep=MS
 *	deaf=MS		nobody reads the terminal for that time
 *	raw, cooked	the terminal must be so by now: waits up to 5 s
 *	kill=N		a signal to the command
 *
 * After the command's end the terminal must be as before. What the command
 * printed goes to stdout; the exit status is the command's, 128 + N for a
 * signal, or 111 if a step failed, 112 if the terminal was left changed.
 * A step has 100 s.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <utmp.h>

#define STEP_MS		100000
#define SETTLE_MS	5000
#define STEP_FAILED	111
#define LEFT_CHANGED	112

static int master, slave;		/* the slave stays open, to ask for its settings */
static pid_t child;
static struct termios before;
static char heard[1 << 20];		/* since the last wait */
static size_t heard_len;

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static void __attribute__((format(printf, 1, 2), noreturn)) fail(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "\npty: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	kill(child, SIGKILL);
	exit(STEP_FAILED);
}

/* Hear for at most @ms. False: nobody has the terminal any more. */
static bool hear(int ms)
{
	struct pollfd fd = { .fd = master, .events = POLLIN };
	char buf[4096];
	ssize_t len;

	if (poll(&fd, 1, ms) <= 0)
		return true;
	len = read(master, buf, sizeof(buf));
	if (len <= 0)
		return false;
	fwrite(buf, 1, len, stdout);
	if (heard_len + len > sizeof(heard))
		heard_len = 0;
	memcpy(heard + heard_len, buf, len);
	heard_len += len;
	return true;
}

static bool ended(void)
{
	siginfo_t info = { 0 };

	return !waitid(P_PID, child, &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid;
}

static void step_wait(const char *text)
{
	bool last = false;
	int64_t until = now_ms() + STEP_MS;
	size_t len = strlen(text);
	char *found;

	while (!(found = memmem(heard, heard_len, text, len))) {
		if (now_ms() > until)
			fail("no \"%s\" in %d s", text, STEP_MS / 1000);
		if (last)
			fail("the end before \"%s\"", text);
		/* What it said last may still be there to be heard. */
		last = ended();
		hear(100);
	}
	found += len;
	heard_len -= found - heard;
	memmove(heard, found, heard_len);
}

/* A terminal nobody reads fills up, so listen while there is no room. */
static void send_keys(const char *data, size_t len)
{
	int64_t until = now_ms() + STEP_MS;
	ssize_t done;

	while (len) {
		done = write(master, data, len);
		if (done < 0 && errno != EAGAIN)
			fail("typing: %s", strerror(errno));
		if (done > 0) {
			data += done;
			len -= done;
		}
		if (now_ms() > until)
			fail("nobody takes what is typed");
		hear(done < 0 ? 10 : 0);
	}
}

static void step_type(const char *text)
{
	char buf[1024], hex[3] = "";
	size_t len = 0;

	for (; *text && len < sizeof(buf); text++) {
		if (*text != '\\') {
			buf[len++] = *text;
			continue;
		}
		text++;
		if (*text == 'x' && isxdigit((unsigned char)text[1]) &&
		    isxdigit((unsigned char)text[2])) {
			memcpy(hex, text + 1, 2);
			buf[len++] = strtol(hex, NULL, 16);
			text += 2;
		} else {
			buf[len++] = *text == 'r' ? '\r' : *text == 'n' ? '\n' : *text;
		}
	}
	send_keys(buf, len);
}

static void step_paste(const char *arg)
{
	size_t lines = strtoul(arg, NULL, 0) / 8;
	char line[24];

	for (size_t i = 1; i <= lines; i++) {
		snprintf(line, sizeof(line), "%zu\n", 1000000 + i);
		send_keys(line, strlen(line));
	}
}

static void step_sleep(const char *arg)
{
	int64_t until = now_ms() + atoi(arg), left;

	while ((left = until - now_ms()) > 0)
		hear(left);
}

static void step_deaf(const char *arg)
{
	usleep(atoi(arg) * 1000);
}

static void settle(bool raw)
{
	int64_t until = now_ms() + SETTLE_MS;
	struct termios t;

	do {
		tcgetattr(slave, &t);
		if (!(t.c_lflag & (ICANON | ECHO | ISIG)) == raw)
			return;
		hear(10);
	} while (now_ms() < until);
	fail("the terminal is not %s", raw ? "raw" : "cooked");
}

static void step_raw(const char *arg)
{
	settle(true);
}

static void step_cooked(const char *arg)
{
	settle(false);
}

static void step_kill(const char *arg)
{
	if (kill(child, atoi(arg)))
		fail("kill: %s", strerror(errno));
}

static const struct step {
	const char *name;
	void (*play)(const char *arg);
} steps[] = {
	{ "wait=", step_wait },
	{ "type=", step_type },
	{ "paste=", step_paste },
	{ "sleep=", step_sleep },
	{ "deaf=", step_deaf },
	{ "raw", step_raw },
	{ "cooked", step_cooked },
	{ "kill=", step_kill },
};

static void play(const char *word)
{
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		size_t len = strlen(steps[i].name);

		if (!strncmp(word, steps[i].name, len)) {
			steps[i].play(word + len);
			return;
		}
	}
	fail("no such step: %s", word);
}

static int wait_for_end(void)
{
	int64_t until = now_ms() + STEP_MS;
	int status;

	while (!waitpid(child, &status, WNOHANG)) {
		if (now_ms() > until)
			fail("the command does not end");
		hear(20);
	}
	while (poll(&(struct pollfd){ .fd = master, .events = POLLIN }, 1, 0) > 0 && hear(0))
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static bool same_settings(void)
{
	struct termios after;

	tcgetattr(slave, &after);
	return after.c_iflag == before.c_iflag && after.c_oflag == before.c_oflag &&
	       after.c_cflag == before.c_cflag && after.c_lflag == before.c_lflag &&
	       !memcmp(after.c_cc, before.c_cc, sizeof(after.c_cc));
}

int main(int argc, char **argv)
{
	int command, status;

	for (command = 1; command < argc && strcmp(argv[command], "--"); command++)
		;
	if (command + 1 >= argc) {
		fprintf(stderr, "usage: pty STEP... -- COMMAND...\n");
		return STEP_FAILED;
	}
	if (openpty(&master, &slave, NULL, NULL, &(struct winsize){ 24, 80, 0, 0 })) {
		perror("pty: openpty");
		return STEP_FAILED;
	}
	tcgetattr(slave, &before);
	child = fork();
	if (!child) {
		close(master);
		login_tty(slave);
		execvp(argv[command + 1], argv + command + 1);
		_exit(127);
	}
	fcntl(master, F_SETFL, O_NONBLOCK);
	for (int i = 1; i < command; i++)
		play(argv[i]);
	status = wait_for_end();
	fflush(stdout);
	if (same_settings())
		return status;
	fprintf(stderr, "\npty: the terminal was left changed, after exit status %d\n", status);
	return LEFT_CHANGED;
}
