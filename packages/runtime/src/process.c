// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The life of processes and threads, and their system calls: process.begin and the like. Where a task is seen for the
 * first time, by entering or leaving a system call, its begin probes run, in its own context: a new task leaves the
 * call that made it, one that was there before the script is seen at its next call. A program that is run anew begins
 * anew. The death of a task is seen where it enters do_exit(), since the tracepoint comes when its memory is gone.
 */
#include <linux/bitmap.h>
#include <linux/kprobes.h>
#include <linux/sched/signal.h>
#include <linux/sched/task_stack.h>
#include <linux/threads.h>
#include <linux/tracepoint.h>
#include <linux/vmalloc.h>
#include <asm/syscall.h>

#include "context.h"
#include "ownership.h"
#include "program.h"

struct process_state {
	struct stapkit_program program;	/* where the point names one */
};

/* One of the kernel's tracepoints that the family listens to. */
struct listener {
	const char *name;
	void *callback;
	struct tracepoint *tracepoint;
	bool registered;
};

/* A bit for each task that was seen; NULL where no probe is about beginnings. */
static unsigned long *seen;

static const struct stapkit_process_point *point_of(const struct stapkit_probe *p)
{
	return p->point;
}

/* Whether the current process is the target or comes from it. */
static bool descends(s64 target)
{
	const struct task_struct *task;
	bool found = false;

	rcu_read_lock();
	for (task = current; task->tgid > 1 && !found; task = rcu_dereference(task->real_parent))
		found = task->tgid == target;
	rcu_read_unlock();
	return found;
}

static bool concerns(const struct stapkit_probe *p)
{
	const struct stapkit_process_point *point = point_of(p);
	const struct process_state *state = p->state;

	if (!stapkit_may_observe())
		return false;
	if (point->pid)
		return current->tgid == point->pid;
	if (point->path)
		return stapkit_program_is_current(&state->program);
	return !stapkit_session.target || descends(stapkit_session.target);
}

static void run(struct stapkit_probe *p, const u64 *arguments)
{
	struct stapkit_context *c;
	unsigned long flags;

	local_irq_save(flags);
	c = stapkit_context_enter(p);
	if (c) {
		c->registers = task_pt_regs(current);
		c->user_mode = 1;
		c->arguments = arguments;
		p->handler(c);
		stapkit_context_leave(c);
	}
	local_irq_restore(flags);
}

static void fire(enum stapkit_process_event event, const u64 *arguments)
{
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_process)
		if (point_of(p)->event == event && READ_ONCE(p->armed) && concerns(p))
			run(p, arguments);
}

/* Kernel threads have no life as processes. */
static bool is_listening(void)
{
	return stapkit_running() && !(current->flags & PF_KTHREAD);
}

/* Runs the begin probes of a task that was not seen before. */
static void meet(void)
{
	pid_t pid = task_pid_nr(current);

	if (seen && !test_bit(pid, seen) && !test_and_set_bit(pid, seen))
		fire(thread_group_leader(current) ? STAPKIT_PROCESS_BEGIN : STAPKIT_THREAD_BEGIN, NULL);
}

static void on_enter(void *data, struct pt_regs *regs, long number)
{
	unsigned long given[6];
	u64 arguments[7] = { number };
	int i;

	if (!is_listening())
		return;
	meet();
	syscall_get_arguments(current, regs, given);
	for (i = 0; i < 6; i++)
		arguments[i + 1] = given[i];
	fire(STAPKIT_PROCESS_SYSCALL, arguments);
}

static void on_exit_call(void *data, struct pt_regs *regs, long result)
{
	u64 arguments[2] = { syscall_get_nr(current, regs), result };

	if (!is_listening())
		return;
	meet();
	fire(STAPKIT_PROCESS_SYSCALL_RETURN, arguments);
}

static void on_exec(void *data, struct task_struct *task, pid_t old, struct linux_binprm *program)
{
	if (!is_listening())
		return;
	if (seen)
		set_bit(task_pid_nr(current), seen);
	fire(STAPKIT_PROCESS_BEGIN, NULL);
}

static int on_death(struct kprobe *kp, struct pt_regs *regs)
{
	if (!is_listening())
		return 0;
	fire(thread_group_leader(current) ? STAPKIT_PROCESS_END : STAPKIT_THREAD_END, NULL);
	/* The number may be another task's soon. */
	if (seen)
		clear_bit(task_pid_nr(current), seen);
	return 0;
}
NOKPROBE_SYMBOL(on_death);

static struct listener listeners[] = {
	{ .name = "sched_process_exec", .callback = on_exec },
	{ .name = "sys_enter", .callback = on_enter },
	{ .name = "sys_exit", .callback = on_exit_call },
};

static struct kprobe death = { .symbol_name = "do_exit", .pre_handler = on_death };
static bool death_registered;

static void match(struct tracepoint *tracepoint, void *unused)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(listeners); i++)
		if (strcmp(listeners[i].name, tracepoint->name) == 0)
			listeners[i].tracepoint = tracepoint;
}

static bool has(enum stapkit_process_event event)
{
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_process)
		if (point_of(p)->event == event)
			return true;
	return false;
}

static bool has_begin(void)
{
	return has(STAPKIT_PROCESS_BEGIN) || has(STAPKIT_THREAD_BEGIN);
}

static int process_prepare(void)
{
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_process) {
		p->state = kzalloc(sizeof(struct process_state), GFP_KERNEL);
		if (!p->state)
			return -ENOMEM;
	}
	if (has_begin()) {
		seen = vzalloc(BITS_TO_LONGS(PID_MAX_LIMIT) * sizeof(long));
		if (!seen)
			return -ENOMEM;
	}
	for_each_kernel_tracepoint(match, NULL);
	return 0;
}

static void process_finish(void)
{
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_process) {
		kfree(p->state);
		p->state = NULL;
	}
	vfree(seen);
	seen = NULL;
}

static void warn(const struct stapkit_probe *p, const char *what, int err)
{
	char text[STAPKIT_ERROR_TEXT];

	stapkit_warn(p->id, text, scnprintf(text, sizeof(text), "probe %s registration error (%s, rc %d)", p->name, what, err));
}

/* Finds the programs that points name. */
static void find_programs(void)
{
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_process) {
		struct process_state *state = p->state;
		int err = point_of(p)->path ? stapkit_program_find(&state->program, point_of(p)->path) : 0;

		if (err)
			warn(p, point_of(p)->path, err);
	}
}

static int process_arm(void)
{
	struct stapkit_probe *first = NULL;
	struct stapkit_probe *p;
	bool calls = has_begin() || has(STAPKIT_PROCESS_SYSCALL) || has(STAPKIT_PROCESS_SYSCALL_RETURN);
	u32 i;
	int err;

	stapkit_for_each_probe(p, &stapkit_family_process)
		if (!first)
			first = p;
	find_programs();
	if (seen || has(STAPKIT_PROCESS_END) || has(STAPKIT_THREAD_END)) {
		/* Fields that an earlier registration filled in. */
		death.addr = NULL;
		death.flags = 0;
		err = register_kprobe(&death);
		death_registered = !err;
		if (err)
			warn(first, death.symbol_name, err);
	}
	for (i = 0; i < ARRAY_SIZE(listeners); i++) {
		struct listener *one = &listeners[i];

		if (one->callback == on_exec ? !has(STAPKIT_PROCESS_BEGIN) : !calls)
			continue;
		err = one->tracepoint ? tracepoint_probe_register(one->tracepoint, one->callback, NULL) : -ENOENT;
		one->registered = !err;
		if (err)
			warn(first, one->name, err);
	}
	return 0;
}

static void process_disarm(void)
{
	struct stapkit_probe *p;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(listeners); i++) {
		if (listeners[i].registered)
			tracepoint_probe_unregister(listeners[i].tracepoint, listeners[i].callback, NULL);
		listeners[i].registered = false;
	}
	/* Callbacks run under SRCU or RCU; this waits for both. */
	tracepoint_synchronize_unregister();
	if (death_registered)
		unregister_kprobe(&death);
	death_registered = false;
	stapkit_for_each_probe(p, &stapkit_family_process) {
		struct process_state *state = p->state;

		if (state)
			stapkit_program_forget(&state->program);
	}
}

const struct stapkit_family stapkit_family_process = {
	.name = "process",
	.prepare = process_prepare,
	.arm = process_arm,
	.disarm = process_disarm,
	.finish = process_finish,
};
