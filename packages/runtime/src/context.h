/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef STAPKIT_CONTEXT_H
#define STAPKIT_CONTEXT_H

#include <linux/hardirq.h>
#include <linux/irqflags.h>
#include <linux/sched/task_stack.h>
#include <linux/timex.h>

#include "condition.h"
#include "overload.h"
#include "session.h"
#include "stapkit.h"

/* A handler, and one in a non-maskable interrupt that comes in its middle. */
#define STAPKIT_CONTEXT_LEVELS 2

/* What a CPU has. */
struct stapkit_cpu {
	struct stapkit_context *level[STAPKIT_CONTEXT_LEVELS];
	u32 active;
	struct stapkit_overload overload;
};

DECLARE_PER_CPU(struct stapkit_cpu, stapkit_cpu);

/* Walks of the stack up to so many frames are kept on the stack; longer ones, up to the most, in the context. */
#define STAPKIT_STACK_FEW 48
#define STAPKIT_STACK_MOST 1024
/* The frames between a probed place and the handler, a probe's own, are fewer than these. */
#define STAPKIT_STACK_MACHINERY 16

/* MAXBACKTRACE: the most frames that are given, the probed place's own included (stap(1)). */
static inline u32 stapkit_stack_most(void)
{
	return clamp_t(s64, stapkit_script.limits.maxbacktrace, 1, STAPKIT_STACK_MOST);
}

int stapkit_context_create(void);
void stapkit_context_destroy(void);

/* Counts one lost hit of @probe. Any context. */
void stapkit_context_skip(struct stapkit_probe *probe, u32 cause);
/* Reports the handler's error and forgets it. */
void stapkit_context_report(struct stapkit_context *c);

/*
 * Makes a context ready for a handler. There is no error in it: whoever ran last has reported his. What does not change
 * while a module is loaded is set when the context is made.
 */
static inline void stapkit_context_reset(struct stapkit_context *c, struct stapkit_probe *probe, s64 actions)
{
	c->actions = actions;
	c->nesting = 0;
	c->probe = probe;
	c->registers = NULL;
	c->arguments = NULL;
	c->entry_data = NULL;
	c->family_data = NULL;
	c->user_mode = 0;
	c->is_return = 0;
	c->matched_groups = 0;
	c->matched_text = NULL;
	c->result = 0;
}

/*
 * True where fewer than MINSTACKSPACE bytes are left on the task's stack. Those of interrupts are the kernel's affair:
 * they are empty when a handler comes, but for what is being interrupted.
 */
static inline bool stapkit_context_stack_low(void)
{
	unsigned long used_from = (unsigned long)task_stack_page(current);
	unsigned long left = current_stack_pointer - used_from;

	return left < (unsigned long)stapkit_script.limits.minstackspace;
}

/*
 * Takes this CPU's context for a hit of @probe; NULL where the session is not running or the hit has to be skipped
 * (which is counted). Interrupts are off from before this call until after stapkit_context_leave(). Inline, as is all
 * that every hit goes through: a call and what it has to save are a good part of what a counter costs.
 */
static inline struct stapkit_context *stapkit_context_enter(struct stapkit_probe *probe)
{
	struct stapkit_cpu *cpu;
	struct stapkit_context *c;
	u32 active;

	if (unlikely(!stapkit_running()))
		return NULL;
	cpu = this_cpu_ptr(&stapkit_cpu);
	active = cpu->active;
	/* What interrupts a handler is an NMI, or a probe on something the handler itself called: that one would wait
	 * for locks which are held below it. */
	if (unlikely(active && (active >= STAPKIT_CONTEXT_LEVELS || !in_nmi()))) {
		stapkit_context_skip(probe, STAPKIT_LOSS_NESTING);
		return NULL;
	}
	if (unlikely(stapkit_context_stack_low())) {
		stapkit_context_skip(probe, STAPKIT_LOSS_LOW_STACK);
		return NULL;
	}
	cpu->active = active + 1;
	barrier();
	c = cpu->level[active];
	stapkit_context_reset(c, probe, stapkit_script.limits.maxaction);
	c->started = get_cycles();
	return c;
}

/* Reports the handler's error, if any, and gives the context back. */
static inline void stapkit_context_leave(struct stapkit_context *c)
{
	struct stapkit_cpu *cpu = this_cpu_ptr(&stapkit_cpu);

	if (unlikely(c->error))
		stapkit_context_report(c);
	stapkit_overload_account(&cpu->overload, c);
	if (unlikely(c->probe->changes_conditions))
		stapkit_condition_changed(c);
	barrier();
	cpu->active = c->level;
}

/* Enters, runs the handler with @registers and leaves; interrupts may be on. Inline also where a family has two uses. */
static __always_inline void stapkit_context_run(struct stapkit_probe *probe, void *registers)
{
	struct stapkit_context *c;
	unsigned long flags;

	local_irq_save(flags);
	c = stapkit_context_enter(probe);
	if (likely(c)) {
		c->registers = registers;
		probe->handler(c);
		stapkit_context_leave(c);
	}
	local_irq_restore(flags);
}

/*
 * The one context for begin, end and error probes: process context, interrupts on, nothing else runs. Serialized by
 * the session's mutex.
 */
struct stapkit_context *stapkit_context_enter_sequence(struct stapkit_probe *probe);
void stapkit_context_leave_sequence(struct stapkit_context *c);

#endif
