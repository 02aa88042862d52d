// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Clocks. Each of them may be read in any context, NMI included. */
#include <linux/jiffies.h>
#include <linux/sched/clock.h>
#include <linux/timex.h>

#include "functions.h"

s64 stapkit_fn_gettimeofday_ns(struct stapkit_context *c)
{
	return ktime_get_real_fast_ns();
}

s64 stapkit_fn_ktime_get_ns(struct stapkit_context *c)
{
	return ktime_get_mono_fast_ns();
}

s64 stapkit_fn_jiffies(struct stapkit_context *c)
{
	return (s64)jiffies;
}

s64 stapkit_fn_HZ(struct stapkit_context *c)
{
	return HZ;
}

s64 stapkit_fn_get_cycles(struct stapkit_context *c)
{
	return (s64)get_cycles();
}

s64 stapkit_fn_cpu_clock_ns(struct stapkit_context *c, s64 cpu)
{
	if (cpu < 0 || cpu >= nr_cpu_ids || !cpu_possible(cpu)) {
		stapkit_error(c, "invalid cpu %lld", cpu);
		return 0;
	}
	return cpu_clock(cpu);
}

s64 stapkit_fn_local_clock_ns(struct stapkit_context *c)
{
	return local_clock();
}
