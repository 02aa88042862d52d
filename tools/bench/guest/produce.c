// SPDX-License-Identifier: MIT
/*
 * Hits bench_target's function at a steady rate from several CPUs at once, in the guest:
 *
 *   produce CPUS HITS-PER-SECOND SECONDS FILE
 *
 * FILE tells afterwards how many hits there were, and the rate that they really came at.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ll + time.tv_nsec;
}

/* Returns the hits made on @cpu. */
static long long produce(int cpu, double rate, double seconds)
{
	int target = open("/proc/bench_target", O_WRONLY);
	long long start = now(), done = 0, elapsed;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (target < 0 || sched_setaffinity(0, sizeof(set), &set) != 0)
		exit(1);
	while ((elapsed = now() - start) < seconds * 1e9) {
		long long due = elapsed / 1e9 * rate - done;
		struct timespec pause = { .tv_nsec = 1000000 };
		char text[32];

		if (due > 0) {
			snprintf(text, sizeof(text), "%lld", due);
			if (write(target, text, strlen(text)) < 0)
				exit(1);
			done += due;
		}
		nanosleep(&pause, NULL);
	}
	return done;
}

int main(int argc, char **argv)
{
	int cpus, cpu, results[2];
	double rate, seconds;
	long long sum = 0, one, start;

	if (argc != 5 || !freopen(argv[4], "w", stdout) || pipe(results) != 0)
		return 2;
	cpus = atoi(argv[1]);
	rate = atof(argv[2]) / cpus;
	seconds = atof(argv[3]);
	start = now();
	for (cpu = 0; cpu < cpus; cpu++) {
		if (fork() == 0) {
			one = produce(cpu, rate, seconds);
			return write(results[1], &one, sizeof(one)) != sizeof(one);
		}
	}
	for (cpu = 0; cpu < cpus; cpu++) {
		if (read(results[0], &one, sizeof(one)) != sizeof(one))
			return 1;
		sum += one;
	}
	while (wait(NULL) > 0)
		;
	printf("{\"produced\":%lld,\"rate\":%.0f}\n", sum, sum / ((now() - start) / 1e9));
	return 0;
}
