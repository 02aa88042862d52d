/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * How tapset functions look at memory that may not be there: copies that fail instead of faulting, so that a stale or
 * made-up pointer is a script error and nothing worse. Good in any context, NMI included.
 */
#ifndef STAPKIT_FN_MEMORY_H
#define STAPKIT_FN_MEMORY_H

#include <linux/ptrace.h>
#include <linux/uaccess.h>

#include "functions.h"
#include "memory.h"

/* Copies @size bytes of kernel memory; false where they can't be read. */
static inline bool stapkit_peek(void *to, const void *from, size_t size)
{
	return stapkit_copy_kernel(to, (unsigned long)from, size) == 0;
}

/* Copies @size bytes of the current process's memory; false where they can't be read without a page fault. */
static inline bool stapkit_peek_user(void *to, u64 from, size_t size)
{
	return copy_from_user_nofault(to, (const void __user *)(unsigned long)from, size) == 0;
}

static inline void stapkit_fault(struct stapkit_context *c, const char *what, u64 address)
{
	stapkit_error(c, "%s fault at 0x%016llx [man error::fault]", what, address);
}

/* One member of a structure at a kernel address; all zeros and a script error where it can't be read. */
#define STAPKIT_PEEK(c, pointer, member) ({							\
	typeof((pointer)->member) value_;							\
												\
	if (!stapkit_peek((void *)&value_, (const void *)&(pointer)->member, sizeof(value_))) {	\
		memset((void *)&value_, 0, sizeof(value_));					\
		stapkit_fault(c, "kernel read", (unsigned long)&(pointer)->member);		\
	}											\
	value_;											\
})

/* Where the probed code is; 0 where the probe has no registers. */
static inline u64 stapkit_probe_address(const struct stapkit_context *c)
{
	u64 address;

	if (!c->registers)
		return 0;
	address = instruction_pointer((struct pt_regs *)c->registers);
#ifdef CONFIG_X86
	/* A kprobe is hit behind the breakpoint's one byte. */
	if (strcmp(c->probe->family->name, "kprobe") == 0)
		address--;
#endif
	return address;
}

/* Room of a string value in bytes, its NUL included. */
static inline u32 stapkit_string_size(void)
{
	return stapkit_script.string_size;
}

#endif
