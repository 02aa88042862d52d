// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Functions of the tapset: strings from kernel and user memory. */
#include "fn_memory.h"
#include "memory.h"

static void load(struct stapkit_context *c, char *result, u64 address, s64 most, bool user)
{
	u32 size = stapkit_string_size();
	u64 fault;

	if (most >= 0 && most < size)
		size = most + 1;
	if (stapkit_memory_string(result, address, size, user, &fault) >= 0)
		return;
	result[0] = '\0';
	stapkit_fault(c, user ? "user string copy" : "kernel string copy", fault);
}

void stapkit_fn_kernel_string(struct stapkit_context *c, char *result, s64 address)
{
	load(c, result, address, -1, false);
}

void stapkit_fn_kernel_string_n(struct stapkit_context *c, char *result, s64 address, s64 most)
{
	load(c, result, address, max_t(s64, most, 0), false);
}

void stapkit_fn_user_string(struct stapkit_context *c, char *result, s64 address)
{
	load(c, result, address, -1, true);
}

void stapkit_fn_user_string_n(struct stapkit_context *c, char *result, s64 address, s64 most)
{
	load(c, result, address, max_t(s64, most, 0), true);
}
