// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Perf events on all CPUs: what timer.profile, perf.* and nothing else stand on. */
#include <linux/cpu.h>
#include <linux/sched.h>

#include "context.h"
#include "perf.h"
#include "session.h"

/* True where the current process is one that the probe is for. Any context. */
bool stapkit_perf_is_wanted(const struct stapkit_perf_events *set)
{
	if (set->of_target)
		return task_tgid_nr(current) == stapkit_session.target;
	return !stapkit_program_is_known(&set->program) || stapkit_program_is_current(&set->program);
}

static void overflow(struct perf_event *event, struct perf_sample_data *data, struct pt_regs *regs)
{
	struct stapkit_perf_events *set = event->overflow_handler_context;
	struct stapkit_probe *probe = set->probe;
	struct stapkit_context *c;
	unsigned long flags;

	local_irq_save(flags);
	c = stapkit_perf_is_wanted(set) ? stapkit_context_enter(probe) : NULL;
	if (c) {
		c->registers = regs;
		c->user_mode = regs && user_mode(regs);
		probe->handler(c);
		stapkit_context_leave(c);
	}
	local_irq_restore(flags);
}

int stapkit_perf_start(struct stapkit_perf_events *set, struct perf_event_attr *attr, struct stapkit_probe *probe)
{
	int err = 0;
	int cpu;

	set->probe = probe;
	set->events = kvcalloc(nr_cpu_ids, sizeof(*set->events), GFP_KERNEL);
	if (!set->events)
		return -ENOMEM;
	cpus_read_lock();
	for_each_online_cpu(cpu) {
		struct perf_event *event = perf_event_create_kernel_counter(attr, cpu, NULL, overflow, set);

		if (IS_ERR(event)) {
			err = PTR_ERR(event);
			break;
		}
		set->events[cpu] = event;
	}
	cpus_read_unlock();
	if (err)
		stapkit_perf_stop(set);
	return err;
}

void stapkit_perf_stop(struct stapkit_perf_events *set)
{
	int cpu;

	if (!set->events)
		return;
	for_each_possible_cpu(cpu)
		if (set->events[cpu])
			perf_event_release_kernel(set->events[cpu]);
	kvfree(set->events);
	set->events = NULL;
}

void stapkit_perf_refused(const struct stapkit_probe *probe, int err)
{
	char text[STAPKIT_ERROR_TEXT];

	stapkit_warn(probe->id, text,
		     scnprintf(text, sizeof(text), "probe %s registration error (rc %d)", probe->name, err));
}
