// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * perf.type(N).config(M): the handler runs after every so many events, or so many times a second. That of a counter
 * never does: it counts, and @perf reads it.
 */
#include <linux/fs.h>
#include <linux/namei.h>
#include <linux/path.h>

#include "context.h"
#include "perf.h"

/* Where a program is looked for that is named without a folder. */
static const char *const folders[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin" };

static int find_path(const char *name, struct path *path)
{
	char text[256];
	int err = -ENOENT;
	u32 i;

	if (strchr(name, '/'))
		return kern_path(name, LOOKUP_FOLLOW, path);
	for (i = 0; err && i < ARRAY_SIZE(folders); i++) {
		if (snprintf(text, sizeof(text), "%s/%s", folders[i], name) >= sizeof(text))
			return -ENAMETOOLONG;
		err = kern_path(text, LOOKUP_FOLLOW, path);
	}
	return err;
}

/*
 * perf….process("PROC"): events are counted on every CPU, and those in other processes are passed over. Without a name
 * it is the command of -c.
 */
static int find_process(struct stapkit_perf_events *set, const char *name)
{
	struct path path;
	int err;

	if (!name || set->program)
		return 0;
	set->of_target = !*name;
	if (set->of_target)
		return 0;
	err = find_path(name, &path);
	if (err)
		return err;
	set->program = igrab(d_real_inode(path.dentry));
	path_put(&path);
	return set->program ? 0 : -ENOENT;
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
	int err = find_process(p->state, point->process);

	if (!err)
		err = stapkit_perf_start(p->state, &attr, p);
	if (err)
		stapkit_perf_refused(p, err);
	return err;
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

		if (set && set->program)
			iput(set->program);
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
			stapkit_perf_stop(p->state);
}

static int perf_toggle(struct stapkit_probe *p, bool on)
{
	if (on)
		return start_one(p);
	stapkit_perf_stop(p->state);
	return 0;
}

s64 stapkit_perf_counter(struct stapkit_context *c, u32 probe)
{
	struct stapkit_perf_events *set = stapkit_script.probes[probe].state;
	struct perf_event *event = set && set->events ? set->events[c->cpu] : NULL;

	if (!event) {
		stapkit_error(c, "the perf counter can't be read here");
		return 0;
	}
	/* What the hardware has counted since the event was last scheduled in; interrupts are off. */
	if (event->oncpu == raw_smp_processor_id())
		event->pmu->read(event);
	return local64_read(&event->count);
}

const struct stapkit_family stapkit_family_perf = {
	.name = "perf",
	.prepare = perf_prepare,
	.arm = perf_arm,
	.disarm = perf_disarm,
	.finish = perf_finish,
	.toggle = perf_toggle,
};
