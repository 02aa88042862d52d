// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * begin, end, error and never: the probes that the session runs by itself.
 *
 * They run in the first thread of the process that sends the command, its group's leader, where that is not the one
 * that sends it: pid() is tid() there, as scripts know it from SystemTap, and C of a script's own may walk the list of
 * all tasks from `current`, in which there are only leaders. The leader is asked to by task work, which it does on its
 * way back to user space; the thread that sent the command waits. As the leader is the one that would read on, a
 * reader is kept in its read meanwhile (transport.h).
 */
#include <linux/completion.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/task_work.h>

#include "context.h"
#include "sequence.h"
#include "session.h"
#include "transport.h"

/* What the leader is asked to do. The session's mutex is held from before it is asked until it is done. */
static struct {
	struct callback_head work;
	struct completion done;
	const struct stapkit_family *family;
	bool carried_out;
} errand;

const struct stapkit_family stapkit_family_begin = { .name = "begin" };
const struct stapkit_family stapkit_family_end = { .name = "end" };
const struct stapkit_family stapkit_family_error = { .name = "error" };
const struct stapkit_family stapkit_family_never = { .name = "never" };

static s64 sequence_of(const struct stapkit_probe *probe)
{
	return ((const struct stapkit_sequence_point *)probe->point)->sequence;
}

/* The probe that comes next after @last; NULL where @last was the last. */
static struct stapkit_probe *next_probe(const struct stapkit_family *family, const struct stapkit_probe *last)
{
	struct stapkit_probe *found = NULL;
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, family) {
		if (last && (sequence_of(p) < sequence_of(last) ||
			     (sequence_of(p) == sequence_of(last) && p <= last)))
			continue;
		if (!found || sequence_of(p) < sequence_of(found))
			found = p;
	}
	return found;
}

static void run_probes(const struct stapkit_family *family)
{
	struct stapkit_probe *p = NULL;

	while ((p = next_probe(family, p)) != NULL) {
		struct stapkit_context *c;

		/* exit() or an error in one begin probe keeps the later ones from running. */
		if (family == &stapkit_family_begin && atomic_read(&stapkit_session.state) != STAPKIT_STARTING)
			return;
		c = stapkit_context_enter_sequence(p);
		if (p->condition) {
			bool holds = p->condition(c);

			/* An error in it counts as false. */
			c->error = NULL;
			c->error_place = NULL;
			if (!holds)
				continue;
		}
		p->hits++;
		p->handler(c);
		stapkit_context_leave_sequence(c);
		cond_resched();
	}
}

/* In the leader. One that is being killed has no time for handlers. */
static void carry_out(struct callback_head *work)
{
	errand.carried_out = !(current->flags & PF_EXITING);
	if (errand.carried_out)
		run_probes(errand.family);
	complete(&errand.done);
}

/* True where @leader has run the probes, or all are being killed. */
static bool ask(struct task_struct *leader, const struct stapkit_family *family)
{
	bool asked;

	errand.family = family;
	errand.carried_out = false;
	init_completion(&errand.done);
	init_task_work(&errand.work, carry_out);
	stapkit_transport_hold_reader();
	asked = task_work_add(leader, &errand.work, TWA_SIGNAL) == 0;
	/*
	 * It comes to it in any case, if only when it exits. What kills this thread kills the leader too, and the errand
	 * must not outlive the module. Killable, for a leader that is stopped may take any time.
	 */
	if (asked && wait_for_completion_killable(&errand.done))
		wait_for_completion(&errand.done);
	stapkit_transport_release_reader();
	return asked && (errand.carried_out || fatal_signal_pending(current));
}

void stapkit_sequence_run(const struct stapkit_family *family)
{
	struct task_struct *leader = current->group_leader;
	bool done;

	if (!next_probe(family, NULL))
		return;
	get_task_struct(leader);
	done = leader != current && ask(leader, family);
	put_task_struct(leader);
	if (!done)
		run_probes(family);
}
