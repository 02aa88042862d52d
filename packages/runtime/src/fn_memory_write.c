// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Functions of the tapset: writes to kernel and user memory, for guru scripts. They fault no more than reads do. */
#include "fn_memory.h"
#include "memory.h"

static void write_kernel(struct stapkit_context *c, u64 to, const void *from, u32 size, const char *what)
{
	if (stapkit_memory_write(to, from, size, false))
		stapkit_fault(c, what, to);
}

static void write_user(struct stapkit_context *c, u64 to, const void *from, u32 size, const char *what)
{
	if (stapkit_memory_write(to, from, size, true))
		stapkit_fault(c, what, to);
}

#define SET_NUMBER(bits)										\
	void stapkit_fn_set_kernel_##bits(struct stapkit_context *c, s64 address, s64 number)	\
	{											\
		u##bits value = number;								\
												\
		write_kernel(c, address, &value, sizeof(value), "kernel write");		\
	}											\
	void stapkit_fn_set_user_##bits(struct stapkit_context *c, s64 address, s64 number)	\
	{											\
		u##bits value = number;								\
												\
		write_user(c, address, &value, sizeof(value), "user write");			\
	}

SET_NUMBER(8)
SET_NUMBER(16)
SET_NUMBER(32)
SET_NUMBER(64)

/* With its NUL, where it fits into @most bytes: a string that does not is cut and has none. */
static u32 string_bytes(s64 most, const char *text)
{
	return min_t(s64, max_t(s64, most, 0), strlen(text) + 1);
}

void stapkit_fn_set_kernel_string_n(struct stapkit_context *c, s64 address, s64 most, const char *text)
{
	u32 length = string_bytes(most, text);
	u32 at;

	/* Byte by byte: a length of 8 would be taken for a number that must be written at once. */
	for (at = 0; at < length && !c->error; at++)
		write_kernel(c, address + at, text + at, 1, "kernel string write");
}

void stapkit_fn_set_user_string_n(struct stapkit_context *c, s64 address, s64 most, const char *text)
{
	write_user(c, address, text, string_bytes(most, text), "user string write");
}

void stapkit_fn_set_kernel_string(struct stapkit_context *c, s64 address, const char *text)
{
	stapkit_fn_set_kernel_string_n(c, address, S64_MAX, text);
}

void stapkit_fn_set_user_string(struct stapkit_context *c, s64 address, const char *text)
{
	stapkit_fn_set_user_string_n(c, address, S64_MAX, text);
}
