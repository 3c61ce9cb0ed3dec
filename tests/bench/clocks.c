// SPDX-License-Identifier: GPL-2.0
/*
 * In a guest: TSC ticks for one clock_gettime() by each of the kernel's clock
 * sources, as lines `bench clock-NAME TICKS ticks`.
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#define SOURCES	"/sys/devices/system/clocksource/clocksource0/"
#define ROUNDS	5
#define TURNS	200

static void choose(const char *name)
{
	FILE *f = fopen(SOURCES "current_clocksource", "w");

	if (!f || fprintf(f, "%s\n", name) < 0 || fclose(f))
		err(1, "%s", name);
	/* Until the kernel's next tick the vDSO has the old one. */
	usleep(50000);
}

/* The least of a few rounds: one may be interrupted. */
static uint64_t measure(void)
{
	uint64_t least = UINT64_MAX, ticks;
	struct timespec ts;

	for (int round = 0; round < ROUNDS; round++) {
		ticks = __rdtsc();
		for (int i = 0; i < TURNS; i++)
			clock_gettime(CLOCK_MONOTONIC, &ts);
		ticks = __rdtsc() - ticks;
		if (ticks < least)
			least = ticks;
	}
	return least / TURNS;
}

int main(void)
{
	FILE *f = fopen(SOURCES "available_clocksource", "r");
	char line[256], *name;

	if (!f || !fgets(line, sizeof(line), f))
		err(1, SOURCES "available_clocksource");
	for (name = strtok(line, " \n"); name; name = strtok(NULL, " \n")) {
		choose(name);
		printf("bench clock-%s %llu ticks\n", name, (unsigned long long)measure());
	}
	return 0;
}
