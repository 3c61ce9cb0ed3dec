// SPDX-License-Identifier: GPL-2.0
/*
 * The stdio backend: the guest's console on this terminal, or on whatever
 * stdin and stdout are: pipes, files, /dev/null, closed.
 *
 * Output goes through a ring, emptied by a thread of its own, so that a reader
 * who does not read stalls that thread and not the guest: once the ring is
 * full the guest waits a moment, then output is dropped until there is room.
 * Input is read by another thread, which obeys Ctrl-A and hands the rest to
 * the device as it has room. The ring is guarded by stdio->lock, a leaf; the
 * input side belongs to its thread.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/thread.h"
#include "pdm/drv/terminal.h"
#include "pdm/internal.h"

#define RING_SIZE	(64 * 1024)
#define INPUT_SIZE	(1024 * 1024)	/* what a person may paste at once */
#define INPUT_AHEAD	4096		/* of a pipe, this much is read ahead */
#define INPUT_READ	256
#define GATHER_NS	4000000ULL	/* how long output waits for the rest of its line */
#define FULL_NS		200000000ULL	/* how long the guest waits for a slow reader */
#define DRAIN_NS	2000000000ULL	/* how long the end of the VM does */
#define INTERRUPT_NS	10000000ULL	/* between two attempts to wake the writer */
#define ESCAPE		1		/* Ctrl-A */

/* Takes the writer out of a write() that hangs; nobody else in the process uses it. */
#define STDIO_INTERRUPT	SIGRTMIN

struct stdio {
	struct pdm_drv *drv;
	bool started;

	pthread_mutex_t lock;
	pthread_cond_t data;		/* the writer has something to do */
	pthread_cond_t room;		/* the ring shrank */
	u32 head, used;			/* in ring */
	bool urgent;			/* write now: a whole line, or much */
	bool stuck;			/* nobody reads: drop what does not fit */
	bool stop;
	bool abandoned;			/* what is left in the ring is lost */
	pthread_t writer;

	pthread_t reader;
	int wake;			/* eventfd: room in the device, or stop */
	bool waiting;			/* atomic: the reader wants to hear of room */
	bool escaped;			/* the last byte was Ctrl-A */
	u32 input_head, pending;	/* in input */
	u8 input[INPUT_SIZE];		/* touched as far as it is needed */
	u8 ring[RING_SIZE];
};

static const char stdio_help[] =
	"\r\n"
	"Ctrl-A x  end the guest\r\n"
	"Ctrl-A p  pause the guest, or let it go on\r\n"
	"Ctrl-A d  show registers and the last exits of all CPUs\r\n"
	"Ctrl-A a  send Ctrl-A (Ctrl-A twice does too)\r\n"
	"Ctrl-A h  this list\r\n";

static struct timespec stdio_after(u64 ns)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ns += ts.tv_nsec;
	ts.tv_sec += ns / 1000000000;
	ts.tv_nsec = ns % 1000000000;
	return ts;
}

/* ---- output ------------------------------------------------------------------ */

/* Move what fits into the ring. Lock held. */
static u32 stdio_put(struct stdio *stdio, const u8 *data, u32 len)
{
	u32 tail = (stdio->head + stdio->used) % RING_SIZE;
	u32 first;

	len = min(len, RING_SIZE - stdio->used);
	first = min(len, RING_SIZE - tail);
	memcpy(stdio->ring + tail, data, first);
	memcpy(stdio->ring, data + first, len - first);
	if (!stdio->used && len)
		pthread_cond_signal(&stdio->data);
	stdio->used += len;
	if (!stdio->urgent && (memchr(data, '\n', len) || stdio->used >= 1024)) {
		stdio->urgent = true;
		pthread_cond_signal(&stdio->data);
	}
	return len;
}

static void stdio_write(struct pdm_drv *drv, const u8 *data, u32 len)
{
	struct stdio *stdio = drv->state;
	struct timespec until;
	u32 done;

	pthread_mutex_lock(&stdio->lock);
	done = stdio_put(stdio, data, len);
	if (done < len && !stdio->stuck) {
		until = stdio_after(FULL_NS);
		while (stdio->used == RING_SIZE && !stdio->stop && !stdio->stuck)
			stdio->stuck = pthread_cond_timedwait(&stdio->room, &stdio->lock,
							      &until) == ETIMEDOUT;
		stdio_put(stdio, data + done, len - done);
	}
	pthread_mutex_unlock(&stdio->lock);
}

/* Sleep until there is a line, or the beginning of one has waited enough. Lock held. */
static void stdio_gather(struct stdio *stdio)
{
	struct timespec until;

	while (!stdio->used && !stdio->stop)
		pthread_cond_wait(&stdio->data, &stdio->lock);
	until = stdio_after(GATHER_NS);
	while (!stdio->urgent && !stdio->stop)
		if (pthread_cond_timedwait(&stdio->data, &stdio->lock, &until))
			break;
	stdio->urgent = false;
}

/* Write what lies in one piece; how much of it is dealt with. Lock held, but not meanwhile. */
static u32 stdio_flush(struct stdio *stdio)
{
	/* Nobody but this thread moves the head. */
	u32 len = min(stdio->used, RING_SIZE - stdio->head);
	ssize_t done;
	int failed;

	pthread_mutex_unlock(&stdio->lock);
	done = write(STDOUT_FILENO, stdio->ring + stdio->head, len);
	failed = done < 0 ? errno : 0;
	if (failed == EAGAIN)
		poll(&(struct pollfd) { STDOUT_FILENO, POLLOUT, 0 }, 1, -1);
	pthread_mutex_lock(&stdio->lock);
	if (done >= 0)
		return done;
	/* If it is closed, nobody will ever read it. */
	return failed == EINTR || failed == EAGAIN ? 0 : len;
}

static void *stdio_writer(void *arg)
{
	struct stdio *stdio = arg;
	sigset_t interrupt;
	u32 done;

	sigemptyset(&interrupt);
	sigaddset(&interrupt, STDIO_INTERRUPT);
	pthread_sigmask(SIG_UNBLOCK, &interrupt, NULL);
	pthread_mutex_lock(&stdio->lock);
	while (!stdio->abandoned && (!stdio->stop || stdio->used)) {
		stdio_gather(stdio);
		while (stdio->used && !stdio->abandoned) {
			done = stdio_flush(stdio);
			if (!done)
				continue;
			stdio->head = (stdio->head + done) % RING_SIZE;
			stdio->used -= done;
			stdio->stuck = false;
			pthread_cond_broadcast(&stdio->room);
		}
	}
	pthread_mutex_unlock(&stdio->lock);
	return NULL;
}

/* ---- input --------------------------------------------------------------------- */

/* More than a person pastes is dropped: the next key may be Ctrl-A x. */
static void stdio_input_put(struct stdio *stdio, u8 byte)
{
	if (stdio->pending < INPUT_SIZE)
		stdio->input[(stdio->input_head + stdio->pending++) % INPUT_SIZE] = byte;
}

static void stdio_key(struct stdio *stdio, u8 key)
{
	struct pdm_config *config = &stdio->drv->dev->pdm->config;

	switch (key) {
	case 'x':
		config->ops->key(config->ctx, PDM_KEY_QUIT);
		break;
	case 'd':
		config->ops->key(config->ctx, PDM_KEY_DUMP);
		break;
	case 'p':
		config->ops->key(config->ctx, PDM_KEY_PAUSE);
		break;
	case 'a':
	case ESCAPE:
		stdio_input_put(stdio, ESCAPE);
		break;
	default:
		pthread_mutex_lock(&stdio->lock);
		stdio_put(stdio, (const u8 *)stdio_help, sizeof(stdio_help) - 1);
		pthread_mutex_unlock(&stdio->lock);
	}
}

/* False: there will be no more input. */
static bool stdio_read(struct stdio *stdio)
{
	u8 buf[INPUT_READ];
	ssize_t len;

	len = read(STDIN_FILENO, buf, sizeof(buf));
	if (len < 0)
		return errno == EINTR || errno == EAGAIN;
	for (ssize_t i = 0; i < len; i++) {
		if (stdio->escaped) {
			stdio->escaped = false;
			stdio_key(stdio, buf[i]);
		} else if (buf[i] == ESCAPE) {
			stdio->escaped = true;
		} else {
			stdio_input_put(stdio, buf[i]);
		}
	}
	return len > 0;
}

/* Give the device what it takes. */
static void stdio_deliver(struct stdio *stdio)
{
	u32 len;

	/* Before the device is asked, so that room made after its answer is heard of. */
	__atomic_store_n(&stdio->waiting, true, __ATOMIC_SEQ_CST);
	do {
		len = min(stdio->pending, INPUT_SIZE - stdio->input_head);
		len = pdm_chr_input(stdio->drv->dev, stdio->input + stdio->input_head, len);
		stdio->input_head = (stdio->input_head + len) % INPUT_SIZE;
		stdio->pending -= len;
	} while (stdio->pending && len);
	if (!stdio->pending)
		__atomic_store_n(&stdio->waiting, false, __ATOMIC_SEQ_CST);
}

static void *stdio_reader(void *arg)
{
	struct stdio *stdio = arg;
	/* A person's keys are read even if there is no room: one may be Ctrl-A x. */
	bool terminal = isatty(STDIN_FILENO), open = true;
	struct pollfd fds[2];
	u64 count;

	while (!__atomic_load_n(&stdio->stop, __ATOMIC_RELAXED)) {
		bool full = stdio->pending >= INPUT_AHEAD && !terminal;

		fds[0] = (struct pollfd) { .fd = stdio->wake, .events = POLLIN };
		fds[1] = (struct pollfd) { .fd = open && !full ? STDIN_FILENO : -1,
					   .events = POLLIN };
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[0].revents && read(stdio->wake, &count, sizeof(count)) < 0)
			continue;
		if (fds[1].revents)
			open = stdio_read(stdio);
		if (stdio->pending)
			stdio_deliver(stdio);
	}
	return NULL;
}

static void stdio_wake(struct stdio *stdio)
{
	u64 one = 1;
	ssize_t done = write(stdio->wake, &one, sizeof(one));

	(void)done;	/* it can only fail by being full, which wakes as well */
}

static void stdio_room(struct pdm_drv *drv)
{
	struct stdio *stdio = drv->state;

	if (__atomic_exchange_n(&stdio->waiting, false, __ATOMIC_SEQ_CST))
		stdio_wake(stdio);
}

/* ---- making and ending it ---------------------------------------------------------- */

static int stdio_create(struct pdm_drv *drv, const struct cfgm_node *node, struct error *err)
{
	struct stdio *stdio = drv->state;
	pthread_condattr_t attr;

	if (terminal_take())
		return error_set(err, EBUSY, "backend stdio serves another device already");
	stdio->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (stdio->wake < 0) {
		terminal_release();
		return error_errno(err, errno, "eventfd");
	}
	stdio->drv = drv;
	pthread_mutex_init(&stdio->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&stdio->data, &attr);
	pthread_cond_init(&stdio->room, &attr);
	pthread_condattr_destroy(&attr);
	return 0;
}

static void stdio_interrupted(int signal)
{
}

static int stdio_start(struct pdm_drv *drv, struct error *err)
{
	struct stdio *stdio = drv->state;
	/* Without SA_RESTART: that is what it is for. */
	struct sigaction interrupt = { .sa_handler = stdio_interrupted };
	int ret;

	sigaction(STDIO_INTERRUPT, &interrupt, NULL);
	/* They get no signals: SIGPIPE would come to the writer, as EPIPE does. */
	ret = thread_start(&stdio->writer, "stdout", stdio_writer, stdio);
	if (!ret) {
		ret = thread_start(&stdio->reader, "stdin", stdio_reader, stdio);
		if (ret) {
			stdio->stop = true;
			pthread_cond_signal(&stdio->data);
			pthread_join(stdio->writer, NULL);
		}
	}
	stdio->started = !ret;
	return ret ? error_errno(err, -ret, "backend stdio: a thread") : 0;
}

/* It may be just about to write when the signal comes: hence more than one. */
static void stdio_writer_join(struct stdio *stdio)
{
	struct timespec until;

	do {
		if (stdio->abandoned)
			pthread_kill(stdio->writer, STDIO_INTERRUPT);
		until = stdio_after(INTERRUPT_NS);
	} while (pthread_clockjoin_np(stdio->writer, NULL, CLOCK_MONOTONIC, &until));
}

static void stdio_stop(struct stdio *stdio)
{
	struct timespec until = stdio_after(DRAIN_NS);
	int ret = 0;

	pthread_mutex_lock(&stdio->lock);
	stdio->urgent = true;
	pthread_cond_signal(&stdio->data);
	while (stdio->used && !ret)
		ret = pthread_cond_timedwait(&stdio->room, &stdio->lock, &until);
	stdio->abandoned = ret;
	__atomic_store_n(&stdio->stop, true, __ATOMIC_RELAXED);
	pthread_cond_signal(&stdio->data);
	pthread_mutex_unlock(&stdio->lock);
	stdio_writer_join(stdio);
	stdio_wake(stdio);
	pthread_join(stdio->reader, NULL);
}

static void stdio_destroy(struct pdm_drv *drv)
{
	struct stdio *stdio = drv->state;

	if (stdio->started)
		stdio_stop(stdio);
	close(stdio->wake);
	pthread_cond_destroy(&stdio->data);
	pthread_cond_destroy(&stdio->room);
	pthread_mutex_destroy(&stdio->lock);
	terminal_release();
}

const struct pdm_drv_type pdm_drv_stdio = {
	.name = "stdio",
	.help = "this terminal",
	.state_size = sizeof(struct stdio),
	.create = stdio_create,
	.destroy = stdio_destroy,
	.start = stdio_start,
	.write = stdio_write,
	.room = stdio_room,
};
