// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Functions of the tapset: lines for the kernel's own trace. */
#include <linux/kernel.h>

#include "fn_memory.h"

void stapkit_fn_ftrace(struct stapkit_context *c, const char *message)
{
	u32 length = strlen(message);

	/* Not trace_printk(): its use makes the kernel set up large buffers and warn of a debugging kernel. */
	__trace_puts(_THIS_IP_, message, length);
	if (length == 0 || message[length - 1] != '\n')
		__trace_puts(_THIS_IP_, "\n", 1);
}
