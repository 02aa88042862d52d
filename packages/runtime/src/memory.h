/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef STAPKIT_MEMORY_H
#define STAPKIT_MEMORY_H

#include <linux/pgtable.h>
#include <linux/uaccess.h>

#include "stapkit.h"

/*
 * copy_from_kernel_nofault() without the warning "General protection fault in user access": the kernel tells canonical
 * addresses by the width that CPUID gives (x86_virt_bits), which is 57 also where a machine that could have five
 * levels of page tables runs with four. What counts is the width in use.
 */
static inline long stapkit_copy_kernel(void *to, u64 from, size_t size)
{
#ifdef CONFIG_X86_64
	const int above = 63 - __VIRTUAL_MASK_SHIFT;
	const u64 last = from + size - 1;

	if (size && (last < from || (u64)((s64)(from << above) >> above) != from ||
		     (u64)((s64)(last << above) >> above) != last))
		return -ERANGE;
#endif
	return copy_from_kernel_nofault(to, (const void *)(unsigned long)from, size);
}

/* Copies @size bytes from kernel or user memory; 0, or -EFAULT where they can't be read. Any context. */
int stapkit_memory_read(void *to, u64 address, size_t size, bool user);
/* Writes @size bytes; 0, or an error where they can't be written, read-only memory included. Any context. */
int stapkit_memory_write(u64 to, const void *from, u32 size, bool user);
/*
 * Copies a NUL-terminated string of at most @size - 1 bytes. Returns its length, or -EFAULT with *fault the address
 * that could not be read.
 */
long stapkit_memory_string(char *to, u64 address, size_t size, bool user, u64 *fault);

#endif
