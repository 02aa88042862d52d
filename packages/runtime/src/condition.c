// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Probes with an `if (…)`: armed only while it holds. After a handler that may have changed one, all conditions are
 * evaluated again; where one differs from what is armed, a work item does the arming, since that may sleep.
 */
#include <linux/irq_work.h>
#include <linux/mutex.h>
#include <linux/workqueue.h>

#include "condition.h"
#include "session.h"

static bool active;
static DEFINE_MUTEX(condition_mutex);

static void toggle_work(struct work_struct *work);
static DECLARE_WORK(condition_work, toggle_work);
static void queue_toggle(struct irq_work *work);
static struct irq_work condition_irq_work;

static void toggle_work(struct work_struct *work)
{
	struct stapkit_probe *p;
	u32 i;

	mutex_lock(&condition_mutex);
	for (p = stapkit_script.probes; p < stapkit_script.probes + stapkit_script.probe_count; p++) {
		bool on;

		if (!active || !p->condition)
			continue;
		on = READ_ONCE(p->wanted);
		if (on == p->armed)
			continue;
		if (!p->family->toggle || p->family->toggle(p, on) == 0)
			WRITE_ONCE(p->armed, on);
	}
	for (i = 0; active && i < stapkit_script.family_count; i++)
		if (stapkit_script.families[i]->settle)
			stapkit_script.families[i]->settle();
	mutex_unlock(&condition_mutex);
}

static void queue_toggle(struct irq_work *work)
{
	schedule_work(&condition_work);
}

/* Evaluates the condition of @p with @c, whose handler is done. */
static void evaluate(struct stapkit_context *c, struct stapkit_probe *p)
{
	c->error = NULL;
	WRITE_ONCE(p->wanted, p->condition(c));
	c->error = NULL;
	c->error_place = NULL;
}

void stapkit_condition_start(struct stapkit_context *c)
{
	struct stapkit_probe *p;

	init_irq_work(&condition_irq_work, queue_toggle);
	for (p = stapkit_script.probes; p < stapkit_script.probes + stapkit_script.probe_count; p++) {
		p->armed = true;
		if (!p->condition)
			continue;
		evaluate(c, p);
		p->armed = p->wanted;
	}
	active = true;
}

void stapkit_condition_stop(void)
{
	if (!active)
		return;
	mutex_lock(&condition_mutex);
	active = false;
	mutex_unlock(&condition_mutex);
	irq_work_sync(&condition_irq_work);
	cancel_work_sync(&condition_work);
}

void stapkit_condition_changed(struct stapkit_context *c)
{
	struct stapkit_probe *p;

	for (p = stapkit_script.probes; p < stapkit_script.probes + stapkit_script.probe_count; p++) {
		if (!p->condition)
			continue;
		evaluate(c, p);
		if (p->wanted != READ_ONCE(p->armed))
			irq_work_queue(&condition_irq_work);
	}
}
