// SPDX-License-Identifier: GPL-2.0 OR MIT
/* timer.profile: every CPU at the rate of its clock tick, by the CPU clock of perf, which needs no hardware. */
#include "context.h"
#include "perf.h"

static int start_one(struct stapkit_probe *p)
{
	const struct stapkit_profile_point *point = p->point;
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.size = sizeof(attr),
		.pinned = 1,
		.freq = 0,
		.sample_period = NSEC_PER_SEC / (point->hertz ? point->hertz : HZ),
	};
	int err = stapkit_perf_start(p->state, &attr, p);

	if (err)
		stapkit_perf_refused(p, err);
	return err;
}

static int profile_prepare(void)
{
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_profile) {
		p->state = kzalloc(sizeof(struct stapkit_perf_events), GFP_KERNEL);
		if (!p->state)
			return -ENOMEM;
	}
	return 0;
}

static void profile_finish(void)
{
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_profile) {
		kfree(p->state);
		p->state = NULL;
	}
}

static int profile_arm(void)
{
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_profile)
		if (p->armed)
			start_one(p);
	return 0;
}

static void profile_disarm(void)
{
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_profile)
		if (p->state)
			stapkit_perf_stop(p->state);
}

static int profile_toggle(struct stapkit_probe *p, bool on)
{
	if (on)
		return start_one(p);
	stapkit_perf_stop(p->state);
	return 0;
}

const struct stapkit_family stapkit_family_profile = {
	.name = "profile",
	.prepare = profile_prepare,
	.arm = profile_arm,
	.disarm = profile_disarm,
	.finish = profile_finish,
	.toggle = profile_toggle,
};
