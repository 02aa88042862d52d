// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Values in registers of the probed code: parameters by the calling convention, the return value, and registers by
 * their DWARF numbers.
 */
#include <linux/ptrace.h>
#include <linux/sched/task_stack.h>
#include <asm/syscall.h>

#include "memory.h"

static struct pt_regs *regs_of(struct stapkit_context *c)
{
	if (unlikely(!c->registers))
		stapkit_error(c, "no registers in this probe's context");
	return c->registers;
}

s64 stapkit_parameter(struct stapkit_context *c, u32 index)
{
	struct pt_regs *regs = regs_of(c);
	u64 value = 0;

	if (!regs)
		return 0;
#if defined(CONFIG_X86_64)
	/* System V ABI: six parameters in registers, the others above the return address. */
	switch (index) {
	case 0:
		return regs->di;
	case 1:
		return regs->si;
	case 2:
		return regs->dx;
	case 3:
		return regs->cx;
	case 4:
		return regs->r8;
	case 5:
		return regs->r9;
	}
	if (stapkit_memory_read(&value, regs->sp + 8 * (index - 5), sizeof(value), false))
		stapkit_error(c, "kernel read fault at 0x%016llx [man error::fault]", (u64)regs->sp + 8 * (index - 5));
#elif defined(CONFIG_ARM64)
	if (index < 8)
		return regs->regs[index];
	if (stapkit_memory_read(&value, regs->sp + 8 * (index - 8), sizeof(value), false))
		stapkit_error(c, "kernel read fault at 0x%016llx [man error::fault]", (u64)regs->sp + 8 * (index - 8));
#else
	stapkit_error(c, "parameters are not known on this architecture");
#endif
	return value;
}

s64 stapkit_return_value(struct stapkit_context *c)
{
	struct pt_regs *regs = regs_of(c);

	return regs ? regs_return_value(regs) : 0;
}

void stapkit_set_parameter(struct stapkit_context *c, u32 index, s64 value)
{
	struct pt_regs *regs = regs_of(c);

	if (!regs)
		return;
#if defined(CONFIG_X86_64)
	switch (index) {
	case 0:
		regs->di = value;
		return;
	case 1:
		regs->si = value;
		return;
	case 2:
		regs->dx = value;
		return;
	case 3:
		regs->cx = value;
		return;
	case 4:
		regs->r8 = value;
		return;
	case 5:
		regs->r9 = value;
		return;
	}
	stapkit_store(c, regs->sp + 8 * (index - 5), sizeof(value), value, false);
#elif defined(CONFIG_ARM64)
	if (index < 8)
		regs->regs[index] = value;
	else
		stapkit_store(c, regs->sp + 8 * (index - 8), sizeof(value), value, false);
#else
	stapkit_error(c, "parameters are not known on this architecture");
#endif
}

void stapkit_set_return_value(struct stapkit_context *c, s64 value)
{
	struct pt_regs *regs = regs_of(c);

	if (regs)
		regs_set_return_value(regs, value);
}

/* Where a register is kept, by its DWARF number; NULL for one that is not known. */
static unsigned long *register_place(struct pt_regs *regs, u32 number)
{
#if defined(CONFIG_X86_64)
	/* The DWARF numbers of the System V ABI for x86-64, figure 3.36. */
	switch (number) {
	case 0:
		return &regs->ax;
	case 1:
		return &regs->dx;
	case 2:
		return &regs->cx;
	case 3:
		return &regs->bx;
	case 4:
		return &regs->si;
	case 5:
		return &regs->di;
	case 6:
		return &regs->bp;
	case 7:
		return &regs->sp;
	case 8:
		return &regs->r8;
	case 9:
		return &regs->r9;
	case 10:
		return &regs->r10;
	case 11:
		return &regs->r11;
	case 12:
		return &regs->r12;
	case 13:
		return &regs->r13;
	case 14:
		return &regs->r14;
	case 15:
		return &regs->r15;
	case 16:
		return &regs->ip;
	}
#elif defined(CONFIG_ARM64)
	if (number < 31)
		return (unsigned long *)&regs->regs[number];
	if (number == 31)
		return (unsigned long *)&regs->sp;
	if (number == 32)
		return (unsigned long *)&regs->pc;
#endif
	return NULL;
}

s64 stapkit_register(struct stapkit_context *c, u32 number, bool user)
{
	struct pt_regs *regs = user ? (c->user_mode ? c->registers : task_pt_regs(current)) : regs_of(c);
	unsigned long *place;

	if (!regs)
		return 0;
	place = register_place(regs, number);
	if (place)
		return *place;
	stapkit_error(c, "register %u is not known", number);
	return 0;
}

void stapkit_set_register(struct stapkit_context *c, u32 number, s64 value)
{
	struct pt_regs *regs = regs_of(c);
	unsigned long *place = regs ? register_place(regs, number) : NULL;

	if (place)
		*place = value;
	else if (regs)
		stapkit_error(c, "register %u is not known", number);
}
