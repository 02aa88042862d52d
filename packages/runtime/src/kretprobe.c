// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Function returns, by kretprobes. Values for @entry are taken when the function is entered and lie in the kretprobe's
 * own per-call data until it returns.
 */
#include <linux/kprobes.h>

#include "context.h"
#include "entry.h"
#include "kprobe.h"
#include "session.h"

struct kretprobe_state {
	struct kretprobe rp;
	struct stapkit_entry entry;
	struct stapkit_probe *probe;
	unsigned long *callers;
	bool registered;
};

/* Held while a probe is armed or disarmed after the run has begun. */
static DEFINE_MUTEX(toggle_mutex);

static struct kretprobe_state *state_of(struct kretprobe_instance *instance)
{
	/* Instances pointed to their kretprobe until 5.11 (commit d741bf41d7c7, "kprobes: Remove kretprobe hash"). */
#ifdef STAPKIT_HAVE_KRETPROBE_INSTANCE_RP
	struct kretprobe *rp = instance->rp;
#else
	struct kretprobe *rp = get_kretprobe(instance);
#endif

	return rp ? container_of(rp, struct kretprobe_state, rp) : NULL;
}

/* Takes the values of @entry; non-zero gives the instance back, so that the return is not seen. */
static int kretprobe_entered(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct kretprobe_state *state = state_of(instance);
	struct stapkit_probe *probe = state ? state->probe : NULL;
	struct stapkit_context *c;
	unsigned long flags;
	int skip = 1;

	if (!probe || !stapkit_running() || !stapkit_kprobe_called(probe, state->callers, regs))
		return 1;
	if (!probe->entry)
		return 0;
	local_irq_save(flags);
	c = stapkit_context_enter(probe);
	if (c) {
		c->registers = regs;
		c->entry_data = instance->data;
		probe->entry(c);
		skip = c->error != NULL;
		/* A value that can't be read is an error of the handler that asked for it. */
		stapkit_context_leave(c);
	}
	local_irq_restore(flags);
	return skip;
}

static int kretprobe_returned(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct kretprobe_state *state = state_of(instance);
	struct stapkit_probe *probe = state ? state->probe : NULL;
	struct stapkit_context *c;
	unsigned long flags;

	if (!probe)
		return 0;
	local_irq_save(flags);
	c = stapkit_context_enter(probe);
	if (c) {
		c->registers = regs;
		c->is_return = 1;
		c->entry_data = instance->data;
		/* The function that returns, for probefunc() and probemod(). */
		c->family_data = state->rp.kp.addr;
		probe->handler(c);
		stapkit_context_leave(c);
	}
	local_irq_restore(flags);
	return 0;
}

/*
 * A function that many others are probed with is entered through ftrace: its kretprobe is registered, but not armed, and
 * what the kernel does when one is hit is called from here. As in a kprobe that is hit in another, what is entered
 * meanwhile is missed: the kernel may hold locks then.
 */
static DEFINE_PER_CPU(bool, entering);

static void function_entered(struct stapkit_entry *entry, struct pt_regs *regs)
{
	struct kretprobe_state *state = container_of(entry, struct kretprobe_state, entry);

	preempt_disable_notrace();
	if (likely(!__this_cpu_read(entering))) {
		__this_cpu_write(entering, true);
		barrier();
		state->rp.kp.pre_handler(&state->rp.kp, regs);
		barrier();
		__this_cpu_write(entering, false);
	} else {
		stapkit_context_skip(state->probe, STAPKIT_LOSS_NESTING);
	}
	preempt_enable_notrace();
}
NOKPROBE_SYMBOL(function_entered);

static int register_one(struct stapkit_probe *p, u32 flags)
{
	const struct stapkit_kprobe_point *point = p->point;
	struct kretprobe_state *state = p->state;
	char name[KSYM_NAME_LEN];
	int err;

	if (state->registered)
		return 0;
	memset(&state->rp, 0, sizeof(state->rp));
	state->rp.handler = kretprobe_returned;
	state->rp.entry_handler = kretprobe_entered;
	state->rp.data_size = p->entry_size + p->entry_strings * stapkit_script.string_room;
	/*
	 * As many calls at a time as can be expected: functions that sleep are in flight in many tasks. stap(1) calls it
	 * KRETACTIVE.
	 */
	state->rp.maxactive = point->maxactive > 0 ? point->maxactive : max_t(u32, 10, 4 * num_possible_cpus()) + 15;
	err = stapkit_kprobe_callers(p, &state->callers);
	if (!err)
		err = stapkit_kprobe_place(&state->rp.kp, p, name, sizeof(name));
	state->rp.kp.flags = flags;
	if (!err)
		err = register_kretprobe(&state->rp);
	state->rp.kp.symbol_name = NULL;
	state->registered = !err;
	return err;
}

static int start_one(struct stapkit_probe *p)
{
	struct kretprobe_state *state = p->state;

	if (!state->entry.group)
		return register_one(p, 0);
	stapkit_entry_switch(&state->entry, true);
	return 0;
}

static void count_missed(struct stapkit_probe *p)
{
	struct kretprobe_state *state = p->state;

	atomic64_add(state->rp.nmissed, (atomic64_t *)&p->losses[STAPKIT_LOSS_RETURN_MISSED]);
	atomic64_add(state->rp.kp.nmissed, (atomic64_t *)&p->losses[STAPKIT_LOSS_NESTING]);
	state->rp.nmissed = 0;
	state->rp.kp.nmissed = 0;
}

static void unregister_one(struct stapkit_probe *p)
{
	struct kretprobe_state *state = p->state;

	if (!state->registered)
		return;
	unregister_kretprobe(&state->rp);
	state->registered = false;
	count_missed(p);
}

static int kretprobe_toggle(struct stapkit_probe *p, bool on)
{
	struct kretprobe_state *state = p->state;
	int err = 0;

	mutex_lock(&toggle_mutex);
	stapkit_entry_switch(&state->entry, false);
	if (on)
		err = start_one(p);
	else if (!state->entry.group)
		unregister_one(p);
	mutex_unlock(&toggle_mutex);
	return err;
}

/* ftrace does not take the function: its kretprobe is armed instead. */
static void kretprobe_instead(struct stapkit_entry *entry)
{
	struct stapkit_probe *p = entry->probe;
	int err;

	mutex_lock(&toggle_mutex);
	unregister_one(p);
	mutex_unlock(&toggle_mutex);
	err = entry->on ? kretprobe_toggle(p, true) : 0;
	if (err)
		stapkit_kprobe_refused(p, err);
}

static void kretprobe_attach(struct stapkit_probe *p)
{
	struct kretprobe_state *state = p->state;

	mutex_lock(&toggle_mutex);
	if (register_one(p, KPROBE_FLAG_DISABLED) == 0) {
		if (state->rp.kp.flags & KPROBE_FLAG_FTRACE)
			stapkit_entry_add(&state->entry);
		/* Left to itself, it is registered anew. */
		if (!state->entry.group)
			unregister_one(p);
	}
	mutex_unlock(&toggle_mutex);
}

static int kretprobe_prepare(void)
{
	struct kretprobe_state *states;
	struct stapkit_probe *p;
	u32 count = 0;

	stapkit_for_each_probe(p, &stapkit_family_kretprobe)
		count++;
	states = kvcalloc(count, sizeof(*states), GFP_KERNEL);
	if (!states)
		return -ENOMEM;
	stapkit_for_each_probe(p, &stapkit_family_kretprobe) {
		states->probe = p;
		states->entry.probe = p;
		states->entry.hit = function_entered;
		states->entry.refused = kretprobe_instead;
		p->state = states++;
	}
	return 0;
}

static void kretprobe_finish(void)
{
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_kretprobe) {
		struct kretprobe_state *state = p->state;

		if (state)
			kfree(state->callers);
	}

	stapkit_for_each_probe(p, &stapkit_family_kretprobe) {
		kvfree(p->state);
		break;
	}
	stapkit_for_each_probe(p, &stapkit_family_kretprobe)
		p->state = NULL;
}

static int kretprobe_arm(void)
{
	bool many = stapkit_entry_many();
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_kretprobe) {
		int err;

		if (many)
			kretprobe_attach(p);
		err = p->armed ? start_one(p) : 0;
		if (err)
			stapkit_kprobe_refused(p, err);
	}
	return stapkit_kprobe_follow(&stapkit_family_kretprobe, kretprobe_attach);
}

static void kretprobe_disarm(void)
{
	struct stapkit_probe *p;
	struct kretprobe **list;
	u32 count = 0;

	stapkit_kprobe_unfollow(&stapkit_family_kretprobe);
	stapkit_entry_release();
	stapkit_for_each_probe(p, &stapkit_family_kretprobe)
		count++;
	list = kvmalloc_array(count, sizeof(*list), GFP_KERNEL);
	count = 0;
	stapkit_for_each_probe(p, &stapkit_family_kretprobe) {
		struct kretprobe_state *state = p->state;

		if (!state || !state->registered)
			continue;
		if (list)
			list[count++] = &state->rp;
		else
			unregister_kretprobe(&state->rp);
		state->registered = false;
	}
	if (list && count)
		unregister_kretprobes(list, count);
	kvfree(list);
	stapkit_for_each_probe(p, &stapkit_family_kretprobe)
		if (p->state)
			count_missed(p);
}

const struct stapkit_family stapkit_family_kretprobe = {
	.name = "kretprobe",
	.prepare = kretprobe_prepare,
	.arm = kretprobe_arm,
	.disarm = kretprobe_disarm,
	.finish = kretprobe_finish,
	.toggle = kretprobe_toggle,
	.settle = stapkit_entry_settle,
};
