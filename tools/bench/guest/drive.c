// SPDX-License-Identifier: MIT
/*
 * Runs a script's module over bench_target, in the guest, with nothing but system calls in between:
 *
 *   drive MODULE.ko|- SET WARM BATCHES HITS
 *
 * loads the module with set="SET" (or none, where it is -), lets bench_target call its function WARM times, and then
 * BATCHES times HITS times. What the module prints is read and counted in between. One line of JSON tells all.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "stapkit_protocol.h"

static struct {
	unsigned long long prints, losses, first;
	int errors, ended;
} seen;

static char batch[STAPKIT_BATCH_MAX] __attribute__((aligned(8)));

static void fail(const char *what)
{
	fprintf(stderr, "drive: %s: %s\n", what, strerror(errno));
	exit(1);
}

static long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ll + time.tv_nsec;
}

/* Kilobytes that modules and their data take: all of a module's larger data is got from vmalloc(). */
static long long memory_used(void)
{
	static char text[4096];
	int file = open("/proc/meminfo", O_RDONLY);
	long long kilobytes = -1;
	char *found;

	if (file < 0 || read(file, text, sizeof(text) - 1) < 0)
		fail("/proc/meminfo");
	close(file);
	found = strstr(text, "VmallocUsed:");
	if (found)
		sscanf(found, "VmallocUsed: %lld", &kilobytes);
	return kilobytes;
}

/* Takes all that is there. */
static void drain(int trace)
{
	for (;;) {
		long got = read(trace, batch, sizeof(batch));
		long at = 0, records = 0;

		if (got < 0 && errno == EAGAIN)
			return;
		if (got < 0)
			fail("read trace");
		while (at < got) {
			struct stapkit_record *record = (struct stapkit_record *)(batch + at);
			long long *payload = (long long *)(record + 1);

			at += record->length;
			if (record->kind != STAPKIT_RECORD_PAD && record->kind != STAPKIT_RECORD_WATERMARK)
				records++;
			if (record->kind == STAPKIT_RECORD_PRINT || record->kind == STAPKIT_RECORD_TEXT) {
				seen.prints++;
				seen.first = payload[0];
			} else if (record->kind == STAPKIT_RECORD_LOSS) {
				seen.losses += payload[1];
			} else if (record->kind == STAPKIT_RECORD_ERROR || record->kind == STAPKIT_RECORD_WARNING) {
				seen.errors++;
				fprintf(stderr, "drive: %.*s\n", *(int *)payload, (char *)payload + 4);
			} else if (record->kind == STAPKIT_RECORD_END) {
				seen.ended = 1;
			}
		}
		if (!records)
			return;
	}
}

static long long run(int target, const char *hits)
{
	char text[32] = "";

	if (write(target, hits, strlen(hits)) < 0)
		fail("run");
	lseek(target, 0, SEEK_SET);
	if (read(target, text, sizeof(text) - 1) < 0)
		fail("read the time");
	return atoll(text);
}

static void command(int control, const char *text)
{
	if (write(control, text, strlen(text)) < 0)
		fail(text);
}

int main(int argc, char **argv)
{
	int control = -1, trace = -1, target, i, batches;
	char path[256], set[4096], name[64] = "";
	long long load = 0, started = 0, unload = 0, memory = 0;

	if (argc != 6) {
		fprintf(stderr, "usage: drive MODULE.ko|- SET WARM BATCHES HITS\n");
		return 2;
	}
	batches = atoi(argv[4]);
	target = open("/proc/bench_target", O_RDWR);
	if (target < 0)
		fail("/proc/bench_target");
	if (strcmp(argv[1], "-") != 0) {
		int module = open(argv[1], O_RDONLY | O_CLOEXEC);

		if (module < 0)
			fail(argv[1]);
		snprintf(name, sizeof(name), "%s", basename(strdupa(argv[1])));
		*strstr(name, ".ko") = '\0';
		snprintf(set, sizeof(set), *argv[2] ? "set=\"%s\"" : "", argv[2]);
		memory = memory_used();
		load = now();
		if (syscall(SYS_finit_module, module, set, 0) != 0)
			fail("load");
		load = now() - load;
		snprintf(path, sizeof(path), "/proc/stapkit/%s/control", name);
		control = open(path, O_RDWR);
		snprintf(path, sizeof(path), "/proc/stapkit/%s/trace", name);
		trace = open(path, O_RDONLY | O_NONBLOCK);
		if (control < 0 || trace < 0)
			fail(path);
		started = now();
		command(control, "start");
		started = now() - started;
		memory = memory_used() - memory;
	}
	if (atoi(argv[3]) > 0)
		run(target, argv[3]);
	if (trace >= 0)
		drain(trace);
	printf("{\"batches\":[");
	for (i = 0; i < batches; i++) {
		printf("%s%lld", i ? "," : "", run(target, argv[5]));
		if (trace >= 0)
			drain(trace);
	}
	printf("]");
	if (trace >= 0) {
		unload = now();
		command(control, "exit");
		while (!seen.ended)
			drain(trace);
		close(trace);
		close(control);
		while (syscall(SYS_delete_module, name, O_NONBLOCK) != 0 && errno != ENOENT)
			usleep(1000);
		unload = now() - unload;
	}
	printf(",\"prints\":%llu,\"losses\":%llu,\"errors\":%d,\"last\":%llu,\"load\":%lld,\"start\":%lld,\"unload\":%lld,\"memory\":%lld}\n",
	       seen.prints, seen.losses, seen.errors, seen.first, load, started, unload, memory);
	return 0;
}
