// SPDX-License-Identifier: GPL-2.0 OR MIT
/* kernel.data(…): hardware breakpoints on kernel memory, on every CPU. */
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>

#include "context.h"
#include "session.h"
#include "symbol.h"

static void triggered(struct perf_event *event, struct perf_sample_data *data, struct pt_regs *regs)
{
	stapkit_context_run(event->overflow_handler_context, regs);
}

static void stop_one(struct stapkit_probe *p)
{
	struct perf_event *__percpu *event = (struct perf_event *__percpu *)p->state;

	if (event)
		unregister_wide_hw_breakpoint(event);
	p->state = NULL;
}

static int start_one(struct stapkit_probe *p)
{
	const struct stapkit_watchpoint_point *point = p->point;
	struct perf_event *__percpu *event;
	struct perf_event_attr attr;
	char text[STAPKIT_ERROR_TEXT];
	int err = -ENOENT;

	hw_breakpoint_init(&attr);
	attr.bp_addr = point->symbol ? stapkit_symbol_address(point->symbol) : point->address;
	attr.bp_len = point->length;
	attr.bp_type = point->write_only ? HW_BREAKPOINT_W : HW_BREAKPOINT_RW;
	if (attr.bp_addr) {
		event = register_wide_hw_breakpoint(&attr, triggered, p);
		err = IS_ERR((void __force *)event) ? PTR_ERR((void __force *)event) : 0;
	}
	if (err)
		stapkit_warn(p->id, text,
			     scnprintf(text, sizeof(text), "probe %s registration error (rc %d)", p->name, err));
	else
		p->state = (void __force *)event;
	return err;
}

static int watchpoint_arm(void)
{
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_watchpoint)
		if (p->armed)
			start_one(p);
	return 0;
}

static void watchpoint_disarm(void)
{
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_watchpoint)
		stop_one(p);
}

static int watchpoint_toggle(struct stapkit_probe *p, bool on)
{
	if (on)
		return start_one(p);
	stop_one(p);
	return 0;
}

const struct stapkit_family stapkit_family_watchpoint = {
	.name = "watchpoint",
	.arm = watchpoint_arm,
	.disarm = watchpoint_disarm,
	.toggle = watchpoint_toggle,
};
