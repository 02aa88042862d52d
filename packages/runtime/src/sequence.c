// SPDX-License-Identifier: GPL-2.0 OR MIT
/* begin, end, error and never: the probes that the session runs by itself. */
#include "context.h"
#include "sequence.h"
#include "session.h"

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

void stapkit_sequence_run(const struct stapkit_family *family)
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
