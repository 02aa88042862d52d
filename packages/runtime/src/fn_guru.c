// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Functions of the tapset for guru scripts: what can hurt the system in the wrong place. */
#include <linux/delay.h>
#include <linux/printk.h>
#include <linux/sched/signal.h>

#include "fn_memory.h"

void stapkit_fn_mdelay(struct stapkit_context *c, s64 ms)
{
	for (; ms > 0; ms--)
		udelay(1000);
}

void stapkit_fn_udelay(struct stapkit_context *c, s64 us)
{
	for (; us > 1000; us -= 1000)
		udelay(1000);
	if (us > 0)
		udelay(us);
}

void stapkit_fn_panic(struct stapkit_context *c, const char *message)
{
	panic("%s", message);
}

void stapkit_fn_raise(struct stapkit_context *c, s64 signal)
{
	int err;

	if (signal < 0 || signal > _NSIG) {
		stapkit_error(c, "invalid signal number %lld", signal);
		return;
	}
	err = send_sig((int)signal, current, 1);
	if (err)
		stapkit_error(c, "could not raise signal %lld (%d)", signal, err);
}

void stapkit_fn_printk(struct stapkit_context *c, s64 level, const char *message)
{
	char head[3] = { KERN_SOH_ASCII, '0' + clamp_t(s64, level, 0, 7), '\0' };

	printk("%s%s\n", head, message);
}

void stapkit_fn_dump_stack(struct stapkit_context *c)
{
	dump_stack();
}
