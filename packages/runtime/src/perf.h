/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef STAPKIT_PERF_H
#define STAPKIT_PERF_H

#include <linux/perf_event.h>

#include "program.h"
#include "stapkit.h"

/* One perf event on every CPU that is online, all for one probe. */
struct stapkit_perf_events {
	struct perf_event **events;	/* by CPU */
	struct stapkit_probe *probe;
	struct stapkit_program program;	/* only hits in processes that run this file, where there is one */
	bool of_target;			/* only hits in target() */
	struct stapkit_perf_threads *threads;	/* of a counter of one program, while it counts */
};

/*
 * Creates the events; each overflow runs @probe. 0, or the first error. Process context.
 */
int stapkit_perf_start(struct stapkit_perf_events *set, struct perf_event_attr *attr, struct stapkit_probe *probe);
void stapkit_perf_stop(struct stapkit_perf_events *set);
bool stapkit_perf_is_wanted(const struct stapkit_perf_events *set);
/* A warning that the kernel refused a probe. */
void stapkit_perf_refused(const struct stapkit_probe *probe, int err);

/* What an event has counted. Of one that counts on this CPU to the moment: interrupts are off. */
static inline u64 stapkit_perf_event_count(struct perf_event *event)
{
	/* What the hardware has counted since the event was last scheduled in. */
	if (event->oncpu == raw_smp_processor_id())
		event->pmu->read(event);
	return local64_read(&event->count);
}

/* Shares out what a set's events count among the threads of its program, from now on. Process context. */
int stapkit_perf_threads_start(struct stapkit_perf_events *set);
void stapkit_perf_threads_stop(struct stapkit_perf_events *set);
/* What the current thread has counted; false where it is none of the program's. Interrupts are off. */
bool stapkit_perf_threads_count(struct stapkit_perf_threads *threads, s64 *count);

#endif
