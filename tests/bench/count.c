// SPDX-License-Identifier: GPL-2.0
/*
 * count COMMAND...: runs it and prints `count TICKS IDLE` on stderr: TSC ticks
 * from before it is started to after it has ended, less those in which the
 * first CPU was idle, and these. On a machine that counts instructions by its
 * TSC, and with one CPU, the first are the instructions executed meanwhile.
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

struct moment {
	uint64_t tsc, ns, idle_ns;
};

/* CPU 0's stands first; /proc/stat has it by hundredths of a second only. */
static uint64_t idle_ns(void)
{
	static const char key[] = ".idle_sleeptime";
	FILE *f = fopen("/proc/timer_list", "r");
	unsigned long long ns;
	char line[256];

	while (f && fgets(line, sizeof(line), f)) {
		char *at = strstr(line, key);

		if (at && sscanf(at + strlen(key), " : %llu", &ns) == 1) {
			fclose(f);
			return ns;
		}
	}
	errx(125, "/proc/timer_list does not tell how long the CPU was idle");
}

static struct moment now(void)
{
	struct moment m = { .idle_ns = idle_ns() };
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	m.ns = ts.tv_sec * 1000000000ULL + ts.tv_nsec;
	m.tsc = __rdtsc();
	return m;
}

int main(int argc, char **argv)
{
	struct moment start, end;
	double ticks, idle;
	int status;
	pid_t pid;

	if (argc < 2)
		errx(125, "usage: count COMMAND...");
	start = now();
	pid = fork();
	if (!pid) {
		execvp(argv[1], argv + 1);
		err(125, "%s", argv[1]);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		err(125, "%s", argv[1]);
	end = now();

	ticks = end.tsc - start.tsc;
	idle = (end.idle_ns - start.idle_ns) * (ticks / (end.ns - start.ns));
	fprintf(stderr, "count %.0f %.0f\n", ticks - idle, idle);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
