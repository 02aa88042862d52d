// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The slow side of the locks on global variables: MAXTRYLOCK further attempts, TRYLOCKDELAY microseconds apart, then the
 * hit is skipped. A handler that interrupted another on its CPU does not wait: the holder may be right below it. With
 * --suppress-time-limits there is no end to the attempts; all handlers take locks in one order, so the holder goes on.
 */
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/hash.h>

#include "context.h"
#include "lock.h"

#define BLOCKED_BITS 8

static struct stapkit_blocked blocked[1 << BLOCKED_BITS];

void stapkit_lock_blocked(const struct stapkit_probe *probe, const char *const *name)
{
	/* All names stand in the module, not far from its script. */
	u64 key = (u64)(probe->id + 1) << 32 | (u32)((const u8 *)name - (const u8 *)&stapkit_script);
	u32 start = hash_64(key, BLOCKED_BITS);
	u32 i;

	for (i = 0; i < ARRAY_SIZE(blocked); i++) {
		struct stapkit_blocked *b = &blocked[(start + i) % ARRAY_SIZE(blocked)];
		u64 old = cmpxchg(&b->key, 0, key);

		if (old == 0 || old == key) {
			atomic64_inc(&b->count);
			break;
		}
	}
	/* In a full table it is counted without a name. */
	WRITE_ONCE(stapkit_blocked, blocked);
	WRITE_ONCE(stapkit_blocked_size, ARRAY_SIZE(blocked));
}

static bool lock_slow(struct stapkit_context *c, struct stapkit_lock *lock, bool (*try)(struct stapkit_lock *))
{
	s64 attempts = c->level > 0 ? 0 : stapkit_script.limits.maxtrylock;
	bool forever = c->level == 0 && stapkit_script.limits.suppress_time_limits;

	while (forever || attempts-- > 0) {
		udelay(stapkit_script.limits.trylockdelay);
		if (try(lock))
			return true;
	}
	stapkit_lock_blocked(c->probe, &lock->name);
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
