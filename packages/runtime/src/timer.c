// SPDX-License-Identifier: GPL-2.0 OR MIT
/* timer.s … timer.hz by high-resolution timers, timer.jiffies by the kernel's timer wheel. */
#include <linux/hrtimer.h>
#include <linux/jiffies.h>
#include <linux/random.h>
#include <linux/timer.h>

#include "context.h"
#include "session.h"

struct timer_state {
	struct hrtimer hrtimer;
	struct timer_list timer;
	struct stapkit_probe *probe;
	u32 random;
	bool started;
};

/* A cheap generator: what it is for is only that timers do not fall in step. */
static u32 next_random(struct timer_state *state)
{
	u32 x = state->random;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	state->random = x;
	return x;
}

/* The interval, varied by up to ±randomize; at least 1. */
static u64 interval_of(struct timer_state *state)
{
	const struct stapkit_timer_point *point = state->probe->point;
	s64 interval = point->interval;

	if (point->randomize > 0)
		interval += (s64)(((u64)next_random(state) << 32 | next_random(state)) % (2 * point->randomize + 1)) -
			    point->randomize;
	return max_t(s64, interval, 1);
}

static enum hrtimer_restart hrtimer_fired(struct hrtimer *timer)
{
	struct timer_state *state = container_of(timer, struct timer_state, hrtimer);

	if (!stapkit_running())
		return HRTIMER_NORESTART;
	hrtimer_forward_now(timer, ns_to_ktime(interval_of(state)));
	stapkit_context_run(state->probe, NULL);
	return HRTIMER_RESTART;
}

static void timer_fired(struct timer_list *timer)
{
	struct timer_state *state = container_of(timer, struct timer_state, timer);

	if (!stapkit_running())
		return;
	mod_timer(timer, jiffies + interval_of(state));
	stapkit_context_run(state->probe, NULL);
}

static void start_one(struct stapkit_probe *p)
{
	const struct stapkit_timer_point *point = p->point;
	struct timer_state *state = p->state;

	if (point->jiffies) {
		timer_setup(&state->timer, timer_fired, 0);
		mod_timer(&state->timer, jiffies + interval_of(state));
	} else {
		/*
		 * hrtimer_setup() since 6.13 (commit 908a1d775422, "hrtimers: Introduce hrtimer_setup() to replace
		 * hrtimer_init()"); hrtimer_init() went away in 6.16.
		 */
#ifdef STAPKIT_HAVE_HRTIMER_SETUP
		hrtimer_setup(&state->hrtimer, hrtimer_fired, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
#else
		hrtimer_init(&state->hrtimer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
		state->hrtimer.function = hrtimer_fired;
#endif
		hrtimer_start(&state->hrtimer, ns_to_ktime(interval_of(state)), HRTIMER_MODE_REL);
	}
	state->started = true;
}

static void stop_one(struct stapkit_probe *p)
{
	const struct stapkit_timer_point *point = p->point;
	struct timer_state *state = p->state;

	if (!state || !state->started)
		return;
	if (point->jiffies) {
		/*
		 * timer_delete_sync() since 6.2 (commit 9b13df3fb64e, "timers: Rename del_timer_sync() to
		 * timer_delete_sync()"); the old name went away in 6.15.
		 */
#ifdef STAPKIT_HAVE_TIMER_DELETE_SYNC
		timer_delete_sync(&state->timer);
#else
		del_timer_sync(&state->timer);
#endif
	} else {
		hrtimer_cancel(&state->hrtimer);
	}
	state->started = false;
}

static int timer_prepare(void)
{
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_timer) {
		struct timer_state *state = kzalloc(sizeof(*state), GFP_KERNEL);

		if (!state)
			return -ENOMEM;
		state->probe = p;
		state->random = get_random_u32() | 1;
		p->state = state;
	}
	return 0;
}

static void timer_finish(void)
{
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_timer) {
		kfree(p->state);
		p->state = NULL;
	}
}

static int timer_arm(void)
{
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_timer)
		if (p->armed)
			start_one(p);
	return 0;
}

static void timer_disarm(void)
{
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_timer)
		stop_one(p);
}

static int timer_toggle(struct stapkit_probe *p, bool on)
{
	if (on)
		start_one(p);
	else
		stop_one(p);
	return 0;
}

const struct stapkit_family stapkit_family_timer = {
	.name = "timer",
	.prepare = timer_prepare,
	.arm = timer_arm,
	.disarm = timer_disarm,
	.finish = timer_finish,
	.toggle = timer_toggle,
};
