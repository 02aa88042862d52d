// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Contexts: what a handler runs with. Each CPU has its own, so taking one needs no lock; interrupts are off while a
 * handler runs, so only a non-maskable interrupt can come between, and for it there is a second level.
 */
#include <linux/atomic.h>

#include "context.h"
#include "ring.h"

DEFINE_PER_CPU(struct stapkit_cpu, stapkit_cpu);
static struct stapkit_context *sequence_context;

static u32 frame_bytes(void)
{
	s64 depth = min_t(s64, stapkit_script.call_depth, stapkit_script.limits.maxnesting);

	return stapkit_script.probe_frame + stapkit_script.probe_strings * stapkit_script.string_room +
	       depth * (stapkit_script.function_frame + stapkit_script.function_strings * stapkit_script.string_room);
}

static struct stapkit_context *context_create(int cpu, u32 level)
{
	u32 frame = ALIGN(frame_bytes(), 16);
	u32 string = stapkit_script.string_room;
	u32 most = stapkit_stack_most();
	u32 stack = most > STAPKIT_STACK_FEW ? (most + STAPKIT_STACK_MACHINERY) * sizeof(unsigned long) : 0;
	u32 head = ALIGN(sizeof(struct stapkit_context), 64);
	u32 merged = ALIGN(sizeof(struct stapkit_merged) + stapkit_script.buckets * sizeof(s64), 16);
	struct stapkit_context *c;
	u8 *area;

	c = vzalloc_node(head + frame + merged + stack + 3 * string + STAPKIT_ERROR_TEXT,
			 cpu < 0 ? NUMA_NO_NODE : cpu_to_node(cpu));
	if (!c)
		return NULL;
	area = (u8 *)c + head;
	c->frame = area;
	c->frame_end = area + frame;
	area += frame;
	c->merged = (struct stapkit_merged *)area;
	area += merged;
	c->stack_room = stack ? (unsigned long *)area : NULL;
	area += stack;
	c->scratch = (char *)area;
	c->matched_copy = (char *)area + string;
	c->token_text = (char *)area + 2 * string;
	c->error_text = (char *)area + 3 * string;
	c->level = level;
	c->nesting_max = stapkit_script.limits.maxnesting;
	return c;
}

int stapkit_context_create(void)
{
	u32 cpu, level;

	for_each_possible_cpu(cpu) {
		for (level = 0; level < STAPKIT_CONTEXT_LEVELS; level++) {
			struct stapkit_context *c = context_create(cpu, level);

			if (!c)
				goto fail;
			c->ring = stapkit_ring_of(cpu);
			c->cpu = cpu;
			per_cpu(stapkit_cpu, cpu).level[level] = c;
		}
	}
	sequence_context = context_create(-1, 0);
	if (!sequence_context)
		goto fail;
	sequence_context->interruptible = 1;
	return 0;
fail:
	stapkit_context_destroy();
	return -ENOMEM;
}

void stapkit_context_destroy(void)
{
	u32 cpu, level;

	for_each_possible_cpu(cpu) {
		for (level = 0; level < STAPKIT_CONTEXT_LEVELS; level++) {
			vfree(per_cpu(stapkit_cpu, cpu).level[level]);
			per_cpu(stapkit_cpu, cpu).level[level] = NULL;
		}
	}
	vfree(sequence_context);
	sequence_context = NULL;
}

void stapkit_context_skip(struct stapkit_probe *probe, u32 cause)
{
	atomic64_inc((atomic64_t *)&probe->losses[cause]);
	/* stap(1), on MAXSKIPPED: "probes skipped due to reentrancy are not accumulated against this limit". */
	if (cause == STAPKIT_LOSS_NESTING && stapkit_script.limits.interruptible)
		return;
	if (atomic64_inc_return(&stapkit_session.skipped) == stapkit_script.limits.maxskipped + 1 &&
	    !stapkit_script.limits.suppress_errors && !atomic_read(&stapkit_session.failed)) {
		static const char text[] = "Skipped too many probes, check MAXSKIPPED or try again with stap -t for more details.";

		stapkit_session_fail();
		stapkit_session.skips_told = stapkit_ring_text(STAPKIT_RECORD_ERROR, probe->id, text, sizeof(text) - 1);
	}
}

/* Reports an error as "TEXT near PLACE" and ends the session where it was one too many. */
static void report_error(struct stapkit_context *c)
{
	char *text = c->error_text;
	const char *message = c->error;
	s64 errors;
	u32 length;

	if (stapkit_script.limits.suppress_errors) {
		atomic64_inc(&stapkit_session.errors);
		return;
	}
	errors = atomic64_inc_return(&stapkit_session.errors);
	if (message != text)
		strscpy(text, message, STAPKIT_ERROR_TEXT);
	length = strlen(text);
	if (c->error_place && *c->error_place)
		length += scnprintf(text + length, STAPKIT_ERROR_TEXT - length, " near %s", c->error_place);
	/* One error beyond the limit is still told: it is the one that ends the run. */
	if (errors <= stapkit_script.limits.maxerrors + 1)
		stapkit_ring_text(STAPKIT_RECORD_ERROR, c->probe->id, text, length);
	if (errors > stapkit_script.limits.maxerrors)
		stapkit_session_fail();
}

void stapkit_context_report(struct stapkit_context *c)
{
	if (!c->aborted)
		report_error(c);
	c->error = NULL;
	c->error_place = NULL;
	c->aborted = 0;
}

struct stapkit_context *stapkit_context_enter_sequence(struct stapkit_probe *probe)
{
	struct stapkit_context *c = sequence_context;

	stapkit_context_reset(c, probe, stapkit_script.limits.maxaction_interruptible);
	/* One ring for the whole run of the handler, whatever CPU it moves to: nobody else prints now. */
	c->cpu = raw_smp_processor_id();
	c->ring = stapkit_ring_of(c->cpu);
	return c;
}

void stapkit_context_leave_sequence(struct stapkit_context *c)
{
	if (c->error)
		stapkit_context_report(c);
}

void stapkit_error(struct stapkit_context *c, const char *format, ...)
{
	va_list arguments;

	if (c->error)
		return;
	va_start(arguments, format);
	vscnprintf(c->error_text, STAPKIT_ERROR_TEXT, format, arguments);
	va_end(arguments);
	c->error = c->error_text;
}

bool stapkit_catch(struct stapkit_context *c, char *message)
{
	if (c->aborted)
		return false;
	/* Without the place: that is for messages that nobody caught. */
	if (message)
		strscpy(message, c->error, stapkit_script.string_size);
	c->error = NULL;
	c->error_place = NULL;
	return true;
}
