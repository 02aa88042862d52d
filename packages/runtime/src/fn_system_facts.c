// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Functions of the tapset: facts about the system as a whole. */
#include <linux/sched/loadavg.h>

#include "fn_memory.h"

s64 stapkit_fn_load_average(struct stapkit_context *c, s64 index)
{
	BUILD_BUG_ON(FSHIFT != 11);
	if (index < 0 || index > 2) {
		stapkit_error(c, "load average index %lld is out of range", index);
		return 0;
	}
	return READ_ONCE(avenrun[index]);
}

void stapkit_fn_format_ipv6(struct stapkit_context *c, char *result, s64 address)
{
	u8 bytes[16];

	result[0] = '\0';
	if (stapkit_peek(bytes, (const void *)(unsigned long)address, sizeof(bytes)))
		scnprintf(result, stapkit_string_size(), "%pI6c", bytes);
	else
		stapkit_fault(c, "kernel read", address);
}
