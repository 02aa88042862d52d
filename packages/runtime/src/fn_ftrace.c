// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Functions of the tapset: lines for the kernel's own trace. */
#include <linux/kernel.h>

#include "fn_memory.h"

static void put(const char *text, u32 length)
{
	/* Not trace_printk(): its use makes the kernel set up large buffers and warn of a debugging kernel. */
#ifdef STAPKIT_HAVE_TRACE_PUTS_WITHOUT_SIZE
	__trace_puts(_THIS_IP_, text);
#else
	__trace_puts(_THIS_IP_, text, length);
#endif
}

void stapkit_fn_ftrace(struct stapkit_context *c, const char *message)
{
	u32 length = strlen(message);

	put(message, length);
	if (length == 0 || message[length - 1] != '\n')
		put("\n", 1);
}
