// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Functions of the tapset: how full the kernel stack is. */
#include <linux/sched/task_stack.h>

#include "fn_memory.h"

static u64 stack_pointer(struct stapkit_context *c)
{
	struct pt_regs *regs = c->registers;

	if (regs && !user_mode(regs))
		return kernel_stack_pointer(regs);
	return (unsigned long)__builtin_frame_address(0);
}

s64 stapkit_fn_stack_size(struct stapkit_context *c)
{
	return THREAD_SIZE;
}

/* On an interrupt stack the sizes are those of that one's page-aligned area, as far as can be told. */
s64 stapkit_fn_stack_used(struct stapkit_context *c)
{
	u64 base = (unsigned long)task_stack_page(current);
	u64 sp = stack_pointer(c);

	if (sp >= base && sp < base + THREAD_SIZE)
		return base + THREAD_SIZE - sp;
	return THREAD_SIZE - (sp & (THREAD_SIZE - 1));
}

s64 stapkit_fn_stack_unused(struct stapkit_context *c)
{
	return THREAD_SIZE - stapkit_fn_stack_used(c);
}
