/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef STAPKIT_OVERLOAD_H
#define STAPKIT_OVERLOAD_H

#include <linux/timex.h>

#include "stapkit.h"

/*
 * Overload control: where handlers take more than STP_OVERLOAD_THRESHOLD of STP_OVERLOAD_INTERVAL cycles of a CPU, the
 * run ends.
 */
struct stapkit_overload {
	u64 since;			/* start of the interval, in cycles; 0 before the first hit */
	u64 spent;			/* cycles in handlers within it */
};

/* An interval is over. */
void stapkit_overload_judge(struct stapkit_overload *o, struct stapkit_context *c, u64 now);

/* Accounts for the handler that @c ran; on the context's CPU. */
static inline void stapkit_overload_account(struct stapkit_overload *o, struct stapkit_context *c)
{
	u64 now = get_cycles();

	o->spent += now - c->started;
	if (unlikely(now - o->since >= (u64)stapkit_script.limits.overload_interval))
		stapkit_overload_judge(o, c, now);
}

#endif
