// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * kernel.trace: the script's callback has the tracepoint's own prototype; here it is found by name and registered. The
 * kernel's own tracepoints are walked with for_each_kernel_tracepoint(); those of modules are not exported by any walk,
 * so they are learned from the notifications about modules that carry tracepoints: registering the notifier reports
 * those that are loaded already.
 */
#include <linux/irqflags.h>
#include <linux/module.h>
#include <linux/tracepoint.h>

#include "context.h"
#include "session.h"

struct tracepoint_state {
	struct tracepoint *tracepoint;
	bool registered;
};

void stapkit_tracepoint_hit(struct stapkit_probe *probe, const u64 *arguments)
{
	struct stapkit_context *c;
	unsigned long flags;

	local_irq_save(flags);
	c = stapkit_context_enter(probe);
	if (c) {
		c->arguments = arguments;
		probe->handler(c);
		stapkit_context_leave(c);
	}
	local_irq_restore(flags);
}

static const struct stapkit_tracepoint_point *point_of(const struct stapkit_probe *p)
{
	return p->point;
}

static void match(struct tracepoint *tracepoint, void *unused)
{
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_tracepoint) {
		struct tracepoint_state *state = p->state;

		if (!state->tracepoint && strcmp(point_of(p)->name, tracepoint->name) == 0)
			state->tracepoint = tracepoint;
	}
}

#ifdef CONFIG_MODULES
static int module_event(struct notifier_block *block, unsigned long event, void *data)
{
	struct tp_module *tp = data;
	int i;

	if (event == MODULE_STATE_COMING)
		for (i = 0; i < tp->mod->num_tracepoints; i++)
			match(tracepoint_ptr_deref(&tp->mod->tracepoints_ptrs[i]), NULL);
	return NOTIFY_OK;
}

static struct notifier_block module_block = { .notifier_call = module_event };
#endif

static int tracepoint_prepare(void)
{
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_tracepoint) {
		p->state = kzalloc(sizeof(struct tracepoint_state), GFP_KERNEL);
		if (!p->state)
			return -ENOMEM;
	}
	for_each_kernel_tracepoint(match, NULL);
#ifdef CONFIG_MODULES
	register_tracepoint_module_notifier(&module_block);
	unregister_tracepoint_module_notifier(&module_block);
#endif
	return 0;
}

static void tracepoint_finish(void)
{
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_tracepoint) {
		kfree(p->state);
		p->state = NULL;
	}
}

static int register_one(struct stapkit_probe *p)
{
	struct tracepoint_state *state = p->state;
	int err = state->tracepoint ? tracepoint_probe_register(state->tracepoint, point_of(p)->callback, p) : -ENOENT;

	state->registered = !err;
	return err;
}

static void unregister_one(struct stapkit_probe *p)
{
	struct tracepoint_state *state = p->state;

	if (!state || !state->registered)
		return;
	tracepoint_probe_unregister(state->tracepoint, point_of(p)->callback, p);
	state->registered = false;
}

static int tracepoint_arm(void)
{
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_tracepoint) {
		int err = p->armed ? register_one(p) : 0;
		char text[STAPKIT_ERROR_TEXT];

		if (err)
			stapkit_warn(p->id, text,
				     scnprintf(text, sizeof(text), "probe %s registration error (rc %d)", p->name, err));
	}
	return 0;
}

static void tracepoint_disarm(void)
{
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_tracepoint)
		unregister_one(p);
	/* Callbacks run under SRCU or RCU; this waits for both. */
	tracepoint_synchronize_unregister();
}

static int tracepoint_toggle(struct stapkit_probe *p, bool on)
{
	if (on)
		return register_one(p);
	unregister_one(p);
	return 0;
}

const struct stapkit_family stapkit_family_tracepoint = {
	.name = "tracepoint",
	.prepare = tracepoint_prepare,
	.arm = tracepoint_arm,
	.disarm = tracepoint_disarm,
	.finish = tracepoint_finish,
	.toggle = tracepoint_toggle,
};
