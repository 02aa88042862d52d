// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Overload control, see stap(1) on STP_OVERLOAD_INTERVAL and STP_OVERLOAD_THRESHOLD. */
#include "overload.h"
#include "ring.h"
#include "session.h"

void stapkit_overload_judge(struct stapkit_overload *o, struct stapkit_context *c, u64 now)
{
	u64 interval = now - o->since;

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
