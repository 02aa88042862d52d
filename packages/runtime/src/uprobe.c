// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Places in user-space code, by uprobes: a file and an offset in it, for every process or one. */
#include <linux/fs.h>
#include <linux/uprobes.h>

#include "context.h"
#include "ownership.h"
#include "program.h"

struct uprobe_state {
	struct uprobe_consumer consumer;
	struct stapkit_probe *probe;
	struct stapkit_program file;	/* or a library */
	struct inode *inode;		/* the file's, below any overlay: code is mapped from there; held by it */
	struct uprobe *uprobe;
	bool registered;
};

static void hit(struct uprobe_consumer *consumer, struct pt_regs *regs, bool is_return)
{
	struct uprobe_state *state = container_of(consumer, struct uprobe_state, consumer);
	const struct stapkit_uprobe_point *point = state->probe->point;
	struct stapkit_context *c;
	unsigned long flags;

	if ((point->pid && point->pid != current->tgid) || !stapkit_may_observe())
		return;
	local_irq_save(flags);
	c = stapkit_context_enter(state->probe);
	if (c) {
		c->registers = regs;
		c->user_mode = 1;
		c->is_return = is_return;
		state->probe->handler(c);
		stapkit_context_leave(c);
	}
	local_irq_restore(flags);
}

/*
 * Handlers got a third argument, and return handlers a fourth, in 6.13 (commit da09a9e0c3ea, "uprobe: Add data pointer
 * to consumer handlers").
 */
#ifdef STAPKIT_HAVE_UPROBE_HANDLER_DATA
static int uprobe_hit(struct uprobe_consumer *consumer, struct pt_regs *regs, __u64 *data)
#else
static int uprobe_hit(struct uprobe_consumer *consumer, struct pt_regs *regs)
#endif
{
	hit(consumer, regs, false);
	return 0;
}

#ifdef STAPKIT_HAVE_UPROBE_HANDLER_DATA
static int uprobe_returned(struct uprobe_consumer *consumer, unsigned long function, struct pt_regs *regs, __u64 *data)
#else
static int uprobe_returned(struct uprobe_consumer *consumer, unsigned long function, struct pt_regs *regs)
#endif
{
	hit(consumer, regs, true);
	return 0;
}

/*
 * Which processes get breakpoints of a script that may only look at its user's own: theirs, so that no other is slowed
 * down. What a process may do can change later, so each hit asks again. Filters had a second argument until 6.12
 * (commit 59da880afed2, "uprobes: get rid of enum uprobe_filter_ctx in uprobe filter callbacks").
 */
#ifdef STAPKIT_HAVE_UPROBE_FILTER_WITHOUT_CONTEXT
static bool uprobe_is_wanted(struct uprobe_consumer *consumer, struct mm_struct *mm)
#else
static bool uprobe_is_wanted(struct uprobe_consumer *consumer, enum uprobe_filter_ctx context, struct mm_struct *mm)
#endif
{
	bool wanted = true;
#ifdef CONFIG_MEMCG
	const struct task_struct *task;

	rcu_read_lock();
	task = mm == current->mm ? current : rcu_dereference(mm->owner);
	wanted = task && stapkit_is_owner(__task_cred(task));
	rcu_read_unlock();
#endif
	return wanted;
}

/*
 * uprobe_register() gives a struct uprobe since 6.12 (commit 3c83a9ad0295, "uprobes: make uprobe_register() return
 * struct uprobe *"), takes the semaphore's offset itself, and is undone in two steps.
 */
static int start_one(struct stapkit_probe *p)
{
	const struct stapkit_uprobe_point *point = p->point;
	struct uprobe_state *state = p->state;
	int err;

	err = stapkit_program_find(&state->file, point->path);
	if (err)
		return err;
	state->inode = d_real_inode(state->file.path.dentry);
	if (point->is_return)
		state->consumer.ret_handler = uprobe_returned;
	else
		state->consumer.handler = uprobe_hit;
	if (stapkit_script.own_processes)
		state->consumer.filter = uprobe_is_wanted;
#ifdef STAPKIT_HAVE_UPROBE_REGISTER_RESULT
	state->uprobe = uprobe_register(state->inode, point->offset, point->semaphore, &state->consumer);
	err = IS_ERR(state->uprobe) ? PTR_ERR(state->uprobe) : 0;
#else
	err = point->semaphore ?
		      uprobe_register_refctr(state->inode, point->offset, point->semaphore, &state->consumer) :
		      uprobe_register(state->inode, point->offset, &state->consumer);
#endif
	state->registered = !err;
	if (err)
		stapkit_program_forget(&state->file);
	return err;
}

static void stop_one(struct stapkit_probe *p)
{
	struct uprobe_state *state = p->state;

	if (!state || !state->registered)
		return;
#ifdef STAPKIT_HAVE_UPROBE_REGISTER_RESULT
	uprobe_unregister_nosync(state->uprobe, &state->consumer);
	uprobe_unregister_sync();
#else
	uprobe_unregister(state->inode, ((const struct stapkit_uprobe_point *)p->point)->offset, &state->consumer);
#endif
	stapkit_program_forget(&state->file);
	state->registered = false;
}

static int uprobe_prepare(void)
{
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_uprobe) {
		struct uprobe_state *state = kzalloc(sizeof(*state), GFP_KERNEL);

		if (!state)
			return -ENOMEM;
		state->probe = p;
		p->state = state;
	}
	return 0;
}

static void uprobe_finish(void)
{
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_uprobe) {
		kfree(p->state);
		p->state = NULL;
	}
}

static int uprobe_arm(void)
{
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_uprobe) {
		char text[STAPKIT_ERROR_TEXT];
		int err = p->armed ? start_one(p) : 0;

		if (err)
			stapkit_warn(p->id, text,
				     scnprintf(text, sizeof(text), "probe %s registration error (rc %d)", p->name, err));
	}
	return 0;
}

static void uprobe_disarm(void)
{
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_uprobe)
		stop_one(p);
}

static int uprobe_toggle(struct stapkit_probe *p, bool on)
{
	if (on)
		return start_one(p);
	stop_one(p);
	return 0;
}

const struct stapkit_family stapkit_family_uprobe = {
	.name = "uprobe",
	.prepare = uprobe_prepare,
	.arm = uprobe_arm,
	.disarm = uprobe_disarm,
	.finish = uprobe_finish,
	.toggle = uprobe_toggle,
};
