// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The slow side of the locks on global variables: MAXTRYLOCK further attempts, TRYLOCKDELAY microseconds apart, then the
 * hit is skipped. A handler that interrupted another on its CPU does not wait: the holder may be right below it.
 */
#include <linux/delay.h>

#include "context.h"

static bool lock_slow(struct stapkit_context *c, struct stapkit_lock *lock, bool (*try)(struct stapkit_lock *))
{
	s64 attempts = c->level > 0 ? 0 : stapkit_script.limits.maxtrylock;

	while (attempts-- > 0) {
		udelay(stapkit_script.limits.trylockdelay);
		if (try(lock))
			return true;
	}
	atomic64_inc((atomic64_t *)&lock->timeouts);
	stapkit_context_skip(c->probe, STAPKIT_LOSS_LOCK_TIMEOUT);
	return false;
}

bool stapkit_lock_read_slow(struct stapkit_context *c, struct stapkit_lock *lock)
{
	return lock_slow(c, lock, stapkit_try_read);
}

bool stapkit_lock_write_slow(struct stapkit_context *c, struct stapkit_lock *lock)
{
	return lock_slow(c, lock, stapkit_try_write);
}
