// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Functions of the tapset: writes to kernel and user memory, for guru scripts. They fault no more than reads do. */
#include "fn_memory.h"

static bool poke_kernel(u64 to, const void *from, u32 size)
{
	const u8 *bytes = from;

	/* The kernel's macro takes one scalar at a time and leaves through a label. */
	if (size == 8) {
		__put_kernel_nofault((void *)(unsigned long)to, from, u64, failed);
	} else if (size == 4) {
		__put_kernel_nofault((void *)(unsigned long)to, from, u32, failed);
	} else if (size == 2) {
		__put_kernel_nofault((void *)(unsigned long)to, from, u16, failed);
	} else {
		for (; size > 0; size--, to++, bytes++)
			__put_kernel_nofault((void *)(unsigned long)to, bytes, u8, failed);
	}
	return true;
failed:
	return false;
}

/* An address that a process could have is none of the kernel's. */
static bool is_kernel_address(u64 address)
{
	return address >= TASK_SIZE_MAX && (s64)address < 0;
}

static void write_kernel(struct stapkit_context *c, u64 to, const void *from, u32 size, const char *what)
{
	bool done;

	pagefault_disable();
	done = is_kernel_address(to) && poke_kernel(to, from, size);
	pagefault_enable();
	if (!done)
		stapkit_fault(c, what, to);
}

static void write_user(struct stapkit_context *c, u64 to, const void *from, u32 size, const char *what)
{
	if (copy_to_user_nofault((void __user *)(unsigned long)to, from, size))
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
