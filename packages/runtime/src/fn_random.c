// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Functions of the tapset: random numbers, from a generator of the context's own, which needs no lock. */
#include <linux/timex.h>

#include "fn_memory.h"

s64 stapkit_fn_randint(struct stapkit_context *c, s64 limit)
{
	u32 x = c->seed;

	if (!x)
		x = (u32)ktime_get_mono_fast_ns() ^ (u32)get_cycles() ^ (u32)(unsigned long)c ^ 0x9e3779b9;
	/* xorshift32 (Marsaglia, "Xorshift RNGs", 2003); 0 would stay 0. */
	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	c->seed = x ? x : 1;
	/* Of 32 random bits; the limit is at most 2^20 by the documentation. */
	return limit > 0 ? (s64)((u64)x * (u64)min_t(s64, limit, U32_MAX) >> 32) : 0;
}
