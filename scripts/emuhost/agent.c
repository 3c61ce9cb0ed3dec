// SPDX-License-Identifier: GPL-2.0
/*
 * Process 1 of the emulated host, after /init: runs a list of jobs one after
 * another and tells the outside all of it over a debug port.
 *
 * Everything leaves through I/O port 0xe9, which QEMU and Bochs both hand to
 * the outside byte by byte, with no driver, no baud rate and nothing to lose
 * when the machine stops. What leaves is a stream of frames: four bytes of
 * magic, type, job number, length, payload. stdout and stderr of the job, the
 * kernel's log as it grows, and how the job ended each have a type, so that
 * they stay apart and in order. Input enters by the second serial port.
 *
 * /nested/jobs holds strings, each ended by a zero byte, for each job:
 * timeout in seconds (0: none), flags, number of arguments, the arguments.
 * Flags: i  the second serial port carries the job's stdin (see input_feed())
 *        t  the same, and the job has a terminal
 *        f  stdout is not for the person: a tar of files to bring out
 *        r  raw stdin from /nested/stdin
 *        s  stop the list if this job fails
 *
 * Everything a job leaves running is killed with it: as process 1 we are the
 * parent of what it forgot. Single-threaded; leaves out any security.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define PORT		0xe9
#define INPUT_TTY	"/dev/ttyS1"
#define NSEC		1000000000LL
#define DLE		0x10	/* on the input line: the next byte is a literal or 'e', the end */

enum frame_type {
	FRAME_OUT	= 'o',	/* stdout of the job */
	FRAME_ERR	= 'e',	/* stderr of the job */
	FRAME_FILE	= 'f',	/* stdout of a job with the flag f */
	FRAME_KMSG	= 'k',	/* a line of the kernel's log */
	FRAME_BEGIN	= 'b',	/* the job starts */
	FRAME_EXIT	= 'x',	/* the job ended: struct outcome */
	FRAME_CREDIT	= 'c',	/* bytes of input consumed, u32 */
	FRAME_DONE	= 'q',	/* the list is done */
};

struct frame {
	uint8_t magic[4];
	uint8_t type;
	uint8_t zero;
	uint16_t job;
	uint32_t length;
} __attribute__((packed));

struct outcome {
	uint32_t status;	/* as a shell tells it: 128 + N for signal N */
	uint32_t timed_out;
	uint64_t nsec;
} __attribute__((packed));

struct job {
	long timeout;
	const char *flags;
	char **argv;
	unsigned int number;
	pid_t pid;
	int out, err, in;	/* our ends of its pipes or terminal, -1 once closed */
};

static int kmsg_fd = -1;
static int tty_fd = -1;

/* The console still works when nothing else does. */
static void die(const char *what)
{
	int saved = errno, console = open("/dev/console", O_WRONLY | O_NOCTTY);

	dprintf(console, "agent: %s: %s\n", what, strerror(saved));
	tcdrain(console);
	sync();
	reboot(RB_POWER_OFF);
	_exit(1);
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NSEC + t.tv_nsec;
}

/* The C library's outsb() does not tell the compiler that it reads memory. */
static void port_write(const void *data, size_t length)
{
	asm volatile("rep outsb" : "+S"(data), "+c"(length) : "d"(PORT) : "memory");
}

static void frame_send(enum frame_type type, unsigned int job, const void *data, size_t length)
{
	struct frame f = {
		.magic = { 0x01, 'v', 'm', 0x02 }, .type = type, .job = job, .length = length,
	};

	port_write(&f, sizeof(f));
	port_write(data, length);
}

/* Sends what @fd has to say; closes it and returns -1 at its end. */
static int stream_forward(int fd, enum frame_type type, unsigned int job)
{
	char buf[4096];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n > 0) {
		frame_send(type, job, buf, n);
		return fd;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return fd;
	close(fd);
	return -1;
}

/* One read gives one record: "level,seq,usec,flags;text\n" and more lines. */
static void kmsg_forward(unsigned int job)
{
	char buf[8192];
	ssize_t n;

	for (;;) {
		n = read(kmsg_fd, buf, sizeof(buf));
		if (n < 0 && errno == EPIPE)	/* records were overwritten: go on with the rest */
			continue;
		if (n <= 0)
			return;
		frame_send(FRAME_KMSG, job, buf, n);
	}
}

/*
 * Input comes escaped, so that its end can be told, and is acknowledged, so
 * that the sender never has more under way than the line's buffers hold.
 */
static void input_feed(struct job *job)
{
	static bool escaped;
	uint8_t raw[512], buf[512];
	ssize_t n = read(tty_fd, raw, sizeof(raw));
	uint32_t taken = n > 0 ? n : 0;
	size_t length = 0;
	bool end = false;

	for (ssize_t i = 0; i < n; i++) {
		if (!escaped && raw[i] == DLE) {
			escaped = true;
			continue;
		}
		if (escaped && raw[i] == 'e')
			end = true;
		else
			buf[length++] = raw[i];
		escaped = false;
	}
	if (job->in >= 0 && length && write(job->in, buf, length) < 0)
		end = true;	/* the job closed its stdin: the rest goes nowhere */
	if (job->in >= 0 && end) {
		close(job->in);
		job->in = -1;
	}
	if (taken)
		frame_send(FRAME_CREDIT, job->number, &taken, sizeof(taken));
}

static bool job_has(const struct job *job, char flag)
{
	return strchr(job->flags, flag);
}

static void terminal_size(int fd)
{
	const char *rows = getenv("LINES"), *columns = getenv("COLUMNS");
	struct winsize size = {
		.ws_row = rows ? atoi(rows) : 24, .ws_col = columns ? atoi(columns) : 80,
	};

	ioctl(fd, TIOCSWINSZ, &size);
}

static void child_exec(const struct job *job, int child[3])
{
	signal(SIGPIPE, SIG_DFL);
	setsid();
	for (int i = 0; i < 3; i++)
		dup2(child[i], i);
	if (job_has(job, 't'))
		ioctl(0, TIOCSCTTY, 1);
	close_range(3, ~0U, 0);
	/* The port is ours; besides, a task that has any pays for them at each system call. */
	ioperm(PORT, 1, 0);
	execvp(job->argv[0], job->argv);
	fprintf(stderr, "%s: %s\n", job->argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* The child's ends of what connects it to us: stdin, stdout, stderr. */
static void job_connect(struct job *job, int child[3])
{
	int in[2], out[2], err[2];
	const char *source = job_has(job, 'r') ? "/nested/stdin" : "/dev/null";

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		die("pipe");
	job->out = out[0];
	job->err = err[0];
	job->in = in[1];
	child[0] = in[0];
	child[1] = out[1];
	child[2] = err[1];
	if (!job_has(job, 'i')) {
		close(in[0]);
		close(in[1]);
		job->in = -1;
		child[0] = open(source, O_RDONLY | O_CLOEXEC);
	}
}

static void terminal_connect(struct job *job, int child[3])
{
	job->out = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (job->out < 0 || grantpt(job->out) || unlockpt(job->out))
		die("/dev/ptmx");
	job->err = -1;
	job->in = dup(job->out);
	child[0] = open(ptsname(job->out), O_RDWR | O_NOCTTY | O_CLOEXEC);
	child[1] = dup(child[0]);
	child[2] = dup(child[0]);
	terminal_size(child[0]);
}

static void job_start(struct job *job)
{
	int child[3];

	if (job_has(job, 't'))
		terminal_connect(job, child);
	else
		job_connect(job, child);
	fcntl(job->out, F_SETFL, O_NONBLOCK);
	fcntl(job->err, F_SETFL, O_NONBLOCK);
	job->pid = fork();
	if (job->pid < 0)
		die("fork");
	if (!job->pid)
		child_exec(job, child);
	for (int i = 0; i < 3; i++)
		close(child[i]);
}

/* Collects the dead; true once the job itself is among them. */
static bool job_reap(const struct job *job, struct outcome *outcome)
{
	bool ended = false;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != job->pid)
			continue;
		ended = true;
		outcome->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
	return ended;
}

/* Input is read only while a write of it to the job cannot block. */
static bool input_wanted(const struct job *job)
{
	struct pollfd room = { .fd = job->in, .events = POLLOUT };

	return strpbrk(job->flags, "it") && (job->in < 0 || poll(&room, 1, 0) == 1);
}

/* Waits for something to happen until @until, and passes it on. */
static void job_poll(struct job *job, int signals, int64_t until)
{
	int64_t left = until - now();
	bool input = input_wanted(job);
	struct timespec wait = { left > 0 ? left / NSEC : 0, left > 0 ? left % NSEC : 0 };
	enum frame_type out_type = job_has(job, 'f') ? FRAME_FILE : FRAME_OUT;
	struct pollfd fds[] = {
		{ .fd = job->out, .events = POLLIN },
		{ .fd = job->err, .events = POLLIN },
		{ .fd = kmsg_fd, .events = POLLIN },
		{ .fd = input ? tty_fd : -1, .events = POLLIN },
		{ .fd = input ? -1 : job->in, .events = POLLOUT },
		{ .fd = signals, .events = POLLIN },
	};
	char drop[64];

	if (ppoll(fds, sizeof(fds) / sizeof(fds[0]), until ? &wait : NULL, NULL) < 0)
		return;
	if (fds[0].revents)
		job->out = stream_forward(job->out, out_type, job->number);
	if (fds[1].revents)
		job->err = stream_forward(job->err, FRAME_ERR, job->number);
	if (fds[2].revents)
		kmsg_forward(job->number);
	if (fds[3].revents)
		input_feed(job);
	if (fds[5].revents && read(signals, drop, sizeof(drop)) < 0)
		return;
}

/* After the end: nothing of the job stays, and its last words are heard. */
static void job_finish(struct job *job, int signals)
{
	int64_t until = now() + NSEC;

	kill(-1, SIGKILL);
	while ((job->out >= 0 || job->err >= 0) && now() < until)
		job_poll(job, signals, until);
	close(job->out);
	close(job->err);
	close(job->in);
	while (waitpid(-1, NULL, 0) > 0)
		;
	kmsg_forward(job->number);
}

/* What a file of /proc holds, as a string; "" without one. */
static const char *proc_read(const char *task, const char *file, char *buf, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", task, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = read(fd, buf, size - 1);
	close(fd);
	buf[n > 0 ? n : 0] = 0;
	return buf;
}

/* The kernel's own threads have no command line. */
static void task_tell(const struct job *job, const char *task)
{
	char name[32], line[64], stack[2048], text[2304];
	int n;

	if (!strncmp(task, "/proc/1/", 8) || !*proc_read(task, "cmdline", line, sizeof(line)))
		return;
	n = snprintf(text, sizeof(text), "no end: %s, %s%s", task,
		     proc_read(task, "comm", name, sizeof(name)),
		     proc_read(task, "stack", stack, sizeof(stack)));
	frame_send(FRAME_ERR, job->number, text, n);
}

/* Where in the kernel each thread is, for who has to find out why there was no end. */
static void job_tell_tasks(const struct job *job)
{
	glob_t tasks;

	if (glob("/proc/[0-9]*/task/*", 0, NULL, &tasks))
		return;
	for (size_t i = 0; i < tasks.gl_pathc; i++)
		task_tell(job, tasks.gl_pathv[i]);
	globfree(&tasks);
}

static uint32_t job_run(struct job *job, int signals)
{
	int64_t start = now(), deadline = job->timeout ? start + job->timeout * NSEC : 0;
	struct outcome outcome = { 0 };

	frame_send(FRAME_BEGIN, job->number, NULL, 0);
	job_start(job);
	while (!job_reap(job, &outcome)) {
		if (deadline && now() >= deadline && !outcome.timed_out) {
			outcome.timed_out = 1;
			deadline = 0;
			job_tell_tasks(job);
			kill(-1, SIGKILL);
		}
		job_poll(job, signals, deadline);
	}
	outcome.nsec = now() - start;
	job_finish(job, signals);
	frame_send(FRAME_EXIT, job->number, &outcome, sizeof(outcome));
	return outcome.status;
}

static char *file_read(const char *path, size_t *size)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *buf;

	if (fd < 0 || fstat(fd, &st))
		die(path);
	buf = malloc(st.st_size + 1);
	if (!buf || read(fd, buf, st.st_size) != st.st_size)
		die(path);
	close(fd);
	*size = st.st_size;
	return buf;
}

static char *string_next(char **cursor)
{
	char *s = *cursor;

	*cursor += strlen(s) + 1;
	return s;
}

static void jobs_run(int signals)
{
	size_t size;
	char *cursor = file_read("/nested/jobs", &size), *end = cursor + size;
	struct job job = { 0 };
	long argc;

	while (cursor < end) {
		job.timeout = atol(string_next(&cursor));
		job.flags = string_next(&cursor);
		argc = atol(string_next(&cursor));
		job.argv = calloc(argc + 1, sizeof(*job.argv));
		if (!job.argv)
			die("calloc");
		for (long i = 0; i < argc; i++)
			job.argv[i] = string_next(&cursor);
		if (job_run(&job, signals) && job_has(&job, 's'))
			break;
		free(job.argv);
		job.number++;
	}
}

static int child_pipe[2];

static void on_child(int signal)
{
	int saved = errno;
	ssize_t n = write(child_pipe[1], "", 1);	/* full: a wake-up is under way already */

	(void)n;
	errno = saved;
}

static void input_open(void)
{
	struct termios t;

	tty_fd = open(INPUT_TTY, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (tty_fd < 0 || tcgetattr(tty_fd, &t))
		return;
	cfmakeraw(&t);
	cfsetspeed(&t, B115200);
	tcsetattr(tty_fd, TCSANOW, &t);
}

int main(void)
{
	struct sigaction action = { .sa_handler = on_child, .sa_flags = SA_RESTART };

	if (ioperm(PORT, 1, 1))
		die("ioperm");
	if (pipe2(child_pipe, O_NONBLOCK | O_CLOEXEC))
		die("pipe");
	sigaction(SIGCHLD, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	input_open();
	kmsg_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg_fd < 0)
		die("/dev/kmsg");
	lseek(kmsg_fd, 0, SEEK_END);
	jobs_run(child_pipe[0]);
	frame_send(FRAME_DONE, 0, NULL, 0);
	sync();
	sleep(1);	/* Bochs: the tail of the serial log */
	reboot(RB_POWER_OFF);
	return 1;
}
