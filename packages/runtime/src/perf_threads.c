// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * perf….process("PROC").counter("NAME"): what the threads of one program have counted, each by itself.
 *
 * An event of the thread's own would have to be made where one may sleep, and no probe is there. So the events are those
 * of the CPUs, and what one has counted from when a thread was switched to until it is switched away from is the
 * thread's. That is exact, holds for threads that were there before the script as for those that come, and a thread keeps
 * its count on whatever CPU it runs.
 */
#include <linux/hardirq.h>
#include <linux/hash.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/rculist.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/tracepoint.h>

#include "context.h"
#include "perf.h"
#include "session.h"

/* The most threads of one program, at a time, that a point counts for. */
#define CELLS 4096
#define BUCKET_BITS 10
/* How often a handler asks for the lock, which is held for a microsecond. */
#define MOST_TRIES 10000

/* What a thread has counted while it ran, up to when it was last switched away from. */
struct cell {
	const struct task_struct *task;	/* only to be compared; the cell is free before the task is */
	u64 sum;
	u32 next;			/* in its bucket or among the free ones; 0: the last */
};

/* A point's counts. */
struct stapkit_perf_threads {
	struct list_head list;
	struct stapkit_perf_events *set;
	raw_spinlock_t lock;		/* of the cells; nothing is called that a probe could be on */
	u64 *since;			/* by CPU: its event's count when the thread that runs there came */
	u32 free;
	u32 buckets[1 << BUCKET_BITS];
	struct cell cells[CELLS];	/* the first is none */
};

static DEFINE_MUTEX(points_mutex);
static LIST_HEAD(points);

/* Where the number of a thread's cell stands, or the 0 at the end of its bucket. Under the lock. */
static __always_inline u32 *place_of(struct stapkit_perf_threads *threads, const struct task_struct *task)
{
	u32 *at = &threads->buckets[hash_ptr(task, BUCKET_BITS)];

	while (*at && threads->cells[*at].task != task)
		at = &threads->cells[*at].next;
	return at;
}

/* Adds to a thread's sum. Where there are too many threads it has no cell, and can't be read. */
static notrace void add(struct stapkit_perf_threads *threads, const struct task_struct *task, u64 counted)
{
	u32 *at;

	raw_spin_lock(&threads->lock);
	at = place_of(threads, task);
	if (!*at && threads->free) {
		struct cell *cell = &threads->cells[threads->free];

		*at = threads->free;
		threads->free = cell->next;
		cell->task = task;
		cell->sum = 0;
		cell->next = 0;
	}
	if (*at)
		threads->cells[*at].sum += counted;
	raw_spin_unlock(&threads->lock);
}

static notrace void forget(struct stapkit_perf_threads *threads, const struct task_struct *task)
{
	unsigned long flags;
	u32 *at;

	raw_spin_lock_irqsave(&threads->lock, flags);
	at = place_of(threads, task);
	if (*at) {
		u32 gone = *at;

		*at = threads->cells[gone].next;
		threads->cells[gone].next = threads->free;
		threads->free = gone;
	}
	raw_spin_unlock_irqrestore(&threads->lock, flags);
}

/* What this CPU's event has counted since the thread that runs came. Interrupts are off. */
static u64 counted(const struct stapkit_perf_threads *threads, u64 *now)
{
	int cpu = raw_smp_processor_id();
	struct perf_event *event = READ_ONCE(threads->set->events)[cpu];

	*now = event ? stapkit_perf_event_count(event) : 0;
	return *now - threads->since[cpu];
}

/* Later arguments of the tracepoint are not asked for. */
static void on_switch(void *data, bool preempt, struct task_struct *task, struct task_struct *next)
{
	struct stapkit_perf_threads *threads;

	list_for_each_entry_rcu(threads, &points, list) {
		u64 now;
		u64 more = counted(threads, &now);

		if (more && !(task->flags & PF_EXITING) && stapkit_perf_is_wanted(threads->set))
			add(threads, task, more);
		threads->since[raw_smp_processor_id()] = now;
	}
}

/* A program that is run begins with nothing, before any probe sees it. */
static void on_exec(void *data, struct task_struct *task, pid_t old, struct linux_binprm *program)
{
	struct stapkit_perf_threads *threads;

	list_for_each_entry_rcu(threads, &points, list) {
		unsigned long flags;
		u64 now;

		forget(threads, task);
		local_irq_save(flags);
		counted(threads, &now);
		threads->since[raw_smp_processor_id()] = now;
		local_irq_restore(flags);
	}
}

static void on_exit(void *data, struct task_struct *task)
{
	struct stapkit_perf_threads *threads;

	list_for_each_entry_rcu(threads, &points, list)
		forget(threads, task);
}

static struct {
	const char *name;
	void *callback;
	struct tracepoint *tracepoint;
	bool registered;
} listeners[] = {
	{ .name = "sched_switch", .callback = on_switch },
	{ .name = "sched_process_exec", .callback = on_exec },
	{ .name = "sched_process_exit", .callback = on_exit },
};

static void match(struct tracepoint *tracepoint, void *unused)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(listeners); i++)
		if (strcmp(tracepoint->name, listeners[i].name) == 0)
			listeners[i].tracepoint = tracepoint;
}

static void stop_listening(void)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(listeners); i++) {
		if (listeners[i].registered)
			tracepoint_probe_unregister(listeners[i].tracepoint, listeners[i].callback, NULL);
		listeners[i].registered = false;
	}
}

static int listen(void)
{
	u32 i;

	for_each_kernel_tracepoint(match, NULL);
	for (i = 0; i < ARRAY_SIZE(listeners); i++) {
		/* Before the probes that are on the same tracepoint. */
		int err = !listeners[i].tracepoint ? -ENOENT :
			tracepoint_probe_register_prio(listeners[i].tracepoint, listeners[i].callback, NULL, 100);

		if (err) {
			stop_listening();
			return err;
		}
		listeners[i].registered = true;
	}
	return 0;
}

static void destroy(struct stapkit_perf_threads *threads)
{
	if (threads)
		kvfree(threads->since);
	kvfree(threads);
}

int stapkit_perf_threads_start(struct stapkit_perf_events *set)
{
	struct stapkit_perf_threads *threads = kvzalloc(sizeof(*threads), GFP_KERNEL);
	int err = -ENOMEM;
	u32 i;

	if (!threads)
		goto fail;
	threads->since = kvcalloc(nr_cpu_ids, sizeof(*threads->since), GFP_KERNEL);
	if (!threads->since)
		goto fail;
	threads->set = set;
	raw_spin_lock_init(&threads->lock);
	threads->free = 1;
	for (i = 1; i < CELLS - 1; i++)
		threads->cells[i].next = i + 1;
	mutex_lock(&points_mutex);
	err = list_empty(&points) ? listen() : 0;
	if (!err) {
		list_add_tail_rcu(&threads->list, &points);
		WRITE_ONCE(set->threads, threads);
	}
	mutex_unlock(&points_mutex);
	if (!err)
		return 0;
fail:
	destroy(threads);
	return err;
}

void stapkit_perf_threads_stop(struct stapkit_perf_events *set)
{
	struct stapkit_perf_threads *threads = set->threads;

	if (!threads)
		return;
	mutex_lock(&points_mutex);
	list_del_rcu(&threads->list);
	WRITE_ONCE(set->threads, NULL);
	if (list_empty(&points))
		stop_listening();
	mutex_unlock(&points_mutex);
	/* Callbacks and handlers have interrupts or preemption off, or are under SRCU: this waits for all. */
	tracepoint_synchronize_unregister();
	destroy(threads);
}

bool stapkit_perf_threads_count(struct stapkit_perf_threads *threads, s64 *count)
{
	u64 now;
	u64 sum = counted(threads, &now);
	u32 tries = 0;
	u32 *at;

	if (!stapkit_perf_is_wanted(threads->set))
		return false;
	/*
	 * This may be a handler in the middle of what holds the lock on this CPU: of a non-maskable interrupt, or of a probe
	 * on the kernel's way out of the lock.
	 */
	while (!raw_spin_trylock(&threads->lock)) {
		if (in_nmi() || ++tries == MOST_TRIES)
			return false;
		cpu_relax();
	}
	at = place_of(threads, current);
	if (*at)
		sum += threads->cells[*at].sum;
	raw_spin_unlock(&threads->lock);
	*count = sum;
	return true;
}
