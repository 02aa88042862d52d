// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Overload control, see stap(1) on STP_OVERLOAD_INTERVAL and STP_OVERLOAD_THRESHOLD. */
#include <linux/timex.h>

#include "overload.h"
#include "ring.h"
#include "session.h"

struct overload {
	u64 since;			/* start of the interval, in cycles; 0 before the first hit */
	u64 spent;			/* cycles in handlers within it */
};

static DEFINE_PER_CPU(struct overload, overload);

void stapkit_overload_enter(struct stapkit_context *c)
{
	c->started = get_cycles();
}

void stapkit_overload_leave(struct stapkit_context *c)
{
	struct overload *o = this_cpu_ptr(&overload);
	u64 now = get_cycles();
	u64 interval = now - o->since;

	o->spent += now - c->started;
	if (likely(interval < (u64)stapkit_script.limits.overload_interval))
		return;
	if (o->since && o->spent > (u64)stapkit_script.limits.overload_threshold &&
	    interval < 2 * (u64)stapkit_script.limits.overload_interval + o->spent &&
	    !stapkit_script.limits.suppress_time_limits && !atomic_read(&stapkit_session.failed)) {
		u32 length = scnprintf(
			c->error_text, STAPKIT_ERROR_TEXT,
			"probe overhead (%llu cycles) exceeded threshold (%lld cycles) in last %lld cycles", o->spent,
			stapkit_script.limits.overload_threshold, stapkit_script.limits.overload_interval);

		atomic64_inc((atomic64_t *)&c->probe->losses[STAPKIT_LOSS_OVERLOAD]);
		stapkit_session_fail();
		stapkit_ring_text(STAPKIT_RECORD_ERROR, c->probe->id, c->error_text, length);
	}
	o->since = now;
	o->spent = 0;
}
