/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef STAPKIT_PERF_H
#define STAPKIT_PERF_H

#include <linux/perf_event.h>

#include "stapkit.h"

/* One perf event on every CPU that is online, all for one probe. */
struct stapkit_perf_events {
	struct perf_event **events;	/* by CPU */
	struct stapkit_probe *probe;
	struct inode *program;		/* only hits in processes that run this file; NULL for all */
	bool of_target;			/* only hits in target() */
};

/*
 * Creates the events; each overflow runs @probe. 0, or the first error. Process context.
 */
int stapkit_perf_start(struct stapkit_perf_events *set, struct perf_event_attr *attr, struct stapkit_probe *probe);
void stapkit_perf_stop(struct stapkit_perf_events *set);
/* A warning that the kernel refused a probe. */
void stapkit_perf_refused(const struct stapkit_probe *probe, int err);

#endif
