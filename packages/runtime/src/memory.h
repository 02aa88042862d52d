/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef STAPKIT_MEMORY_H
#define STAPKIT_MEMORY_H

#include "stapkit.h"

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
