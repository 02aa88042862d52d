// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * perf.type(N).config(M): the handler runs after every so many events, or so many times a second. That of a counter
 * never does: it counts, and @perf reads it.
 */
#include "context.h"
#include "perf.h"

/*
 * perf….process("PROC"): events are counted on every CPU, and those in other processes are passed over; those of a counter
 * are counted for each thread by itself. Without a name it is the command of -c.
 */
static int find_process(struct stapkit_perf_events *set, const char *name)
{
	if (!name || stapkit_program_is_known(&set->program))
		return 0;
	set->of_target = !*name;
	return set->of_target ? 0 : stapkit_program_find(&set->program, name);
}

static int start_one(struct stapkit_probe *p)
{
	const struct stapkit_perf_point *point = p->point;
	struct perf_event_attr attr = {
		.type = point->type,
		.config = point->config,
		.size = sizeof(attr),
		.freq = point->hertz != 0,
		.sample_period = point->counter ? 0 : point->hertz ? point->hertz : point->sample,
	};
	struct stapkit_perf_events *set = p->state;
	int err = find_process(set, point->process);

	if (!err)
		err = stapkit_perf_start(set, &attr, p);
	if (!err && point->counter && point->process)
		err = stapkit_perf_threads_start(set);
	if (err)
		stapkit_perf_refused(p, err);
	return err;
}

static void stop_one(struct stapkit_perf_events *set)
{
	stapkit_perf_threads_stop(set);
	stapkit_perf_stop(set);
}

static int perf_prepare(void)
{
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_perf) {
		p->state = kzalloc(sizeof(struct stapkit_perf_events), GFP_KERNEL);
		if (!p->state)
			return -ENOMEM;
	}
	return 0;
}

static void perf_finish(void)
{
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_perf) {
		struct stapkit_perf_events *set = p->state;

		if (set)
			stapkit_program_forget(&set->program);
		kfree(set);
		p->state = NULL;
	}
}

static int perf_arm(void)
{
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_perf)
		if (p->armed)
			start_one(p);
	return 0;
}

static void perf_disarm(void)
{
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_perf)
		if (p->state)
			stop_one(p->state);
}

static int perf_toggle(struct stapkit_probe *p, bool on)
{
	if (on)
		return start_one(p);
	stop_one(p->state);
	return 0;
}

s64 stapkit_perf_counter(struct stapkit_context *c, u32 probe)
{
	struct stapkit_perf_events *set = stapkit_script.probes[probe].state;
	struct stapkit_perf_threads *threads = set ? READ_ONCE(set->threads) : NULL;
	const struct stapkit_perf_point *point = stapkit_script.probes[probe].point;
	struct perf_event *event = set && set->events ? set->events[c->cpu] : NULL;
	s64 count;

	if (event && !point->process)
		return stapkit_perf_event_count(event);
	if (event && threads && stapkit_perf_threads_count(threads, &count))
		return count;
	stapkit_error(c, "the perf counter can't be read here");
	return 0;
}

const struct stapkit_family stapkit_family_perf = {
	.name = "perf",
	.prepare = perf_prepare,
	.arm = perf_arm,
	.disarm = perf_disarm,
	.finish = perf_finish,
	.toggle = perf_toggle,
};
