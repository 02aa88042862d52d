// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Functions of the tapset: a probed function's arguments by number, for probes without debug information. The first is
 * number 1, and lies where the calling convention puts it.
 */
#include <linux/ptrace.h>

#include "fn_memory.h"

#ifdef CONFIG_X86_64
static unsigned long *argument_place(struct pt_regs *regs, u32 index)
{
	switch (index) {
	case 0: return &regs->di;
	case 1: return &regs->si;
	case 2: return &regs->dx;
	case 3: return &regs->cx;
	case 4: return &regs->r8;
	case 5: return &regs->r9;
	}
	return NULL;
}

/* The others are on the stack, above the return address. */
static u64 argument_on_stack(struct pt_regs *regs, u32 index)
{
	return regs->sp + 8 * (index - 6 + 1);
}
#elif defined(CONFIG_ARM64)
static u64 *argument_place(struct pt_regs *regs, u32 index)
{
	return index < 8 ? &regs->regs[index] : NULL;
}

static u64 argument_on_stack(struct pt_regs *regs, u32 index)
{
	return regs->sp + 8 * (index - 8);
}
#endif

static bool check(struct stapkit_context *c, s64 number)
{
	if (!c->registers) {
		stapkit_error(c, "cannot access function args in this context");
		return false;
	}
	if (number < 1 || number > 64) {
		stapkit_error(c, "invalid arg number: %lld", number);
		return false;
	}
	return true;
}

s64 stapkit_fn_argument(struct stapkit_context *c, s64 number)
{
	struct pt_regs *regs = c->registers;
	u64 value = 0, at;

	if (!check(c, number))
		return 0;
	if (argument_place(regs, number - 1))
		return *argument_place(regs, number - 1);
	at = argument_on_stack(regs, number - 1);
	if (c->user_mode || user_mode(regs) ? !stapkit_peek_user(&value, at, 8) :
					      !stapkit_peek(&value, (void *)(unsigned long)at, 8))
		stapkit_fault(c, "argument read", at);
	return value;
}

/* @bits: 64, or 32 with zeros above, or -32 with the sign above. */
void stapkit_fn_set_argument(struct stapkit_context *c, s64 number, s64 value, s64 bits)
{
	struct pt_regs *regs = c->registers;

	if (!check(c, number))
		return;
	if (bits == 32)
		value = (u32)value;
	else if (bits == -32)
		value = (s32)value;
	if (argument_place(regs, number - 1))
		*argument_place(regs, number - 1) = value;
	else
		stapkit_error(c, "cannot set arg number %lld: it is not in a register", number);
}
