/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef STAPKIT_LOCK_H
#define STAPKIT_LOCK_H

#include <linux/atomic.h>

#include "stapkit.h"

/* How many hits of one probe one global's lock has cost. */
struct stapkit_blocked {
	u64 key;			/* 0 where it is free */
	atomic64_t count;
};

/* NULL until a lock has cost a hit. Where the table is, that member of the archive is linked. */
extern const struct stapkit_blocked *stapkit_blocked;
extern u32 stapkit_blocked_size;

/*
 * Counts a hit of @probe that a global's lock has cost, beside the probe's own counter. Any context.
 *
 * @name: where the module holds the global's name
 */
void stapkit_lock_blocked(const struct stapkit_probe *probe, const char *const *name);

static inline u32 stapkit_blocked_probe(const struct stapkit_blocked *b)
{
	return (u32)(b->key >> 32) - 1;
}

static inline const char *stapkit_blocked_name(const struct stapkit_blocked *b)
{
	return *(const char *const *)((const u8 *)&stapkit_script + (s32)b->key);
}

#endif
