// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Functions of the tapset: random numbers, from a generator of each CPU's own, which needs no lock. */
#include <linux/percpu.h>
#include <linux/timex.h>

#include "fn_memory.h"

static DEFINE_PER_CPU(u32, random_state);

s64 stapkit_fn_randint(struct stapkit_context *c, s64 limit)
{
	u32 x = raw_cpu_read(random_state);

	if (!x)
		x = (u32)ktime_get_mono_fast_ns() ^ (u32)get_cycles() ^ (u32)(unsigned long)c ^ 0x9e3779b9;
	/* xorshift32 (Marsaglia, "Xorshift RNGs", 2003); 0 would stay 0. A step lost to a nested handler does no harm. */
	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	raw_cpu_write(random_state, x ? x : 1);
	/* Of 32 random bits; the limit is at most 2^20 by the documentation. */
	return limit > 0 ? (s64)((u64)x * (u64)min_t(s64, limit, U32_MAX) >> 32) : 0;
}
