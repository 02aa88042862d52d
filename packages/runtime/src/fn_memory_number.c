// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Functions of the tapset: numbers from kernel and user memory. Those of user space come in two forms: one that gives 0
 * where the memory can't be read, one that is an error then.
 */
#include <linux/compat.h>

#include "fn_memory.h"

#define KERNEL_NUMBER(name, type)								\
	s64 stapkit_fn_kernel_##name(struct stapkit_context *c, s64 address)			\
	{											\
		type value;									\
												\
		if (stapkit_peek(&value, (const void *)(unsigned long)address, sizeof(value)))	\
			return (s64)value;							\
		stapkit_fault(c, "kernel " #name " copy", address);				\
		return 0;									\
	}

KERNEL_NUMBER(char, u8)
KERNEL_NUMBER(short, s16)
KERNEL_NUMBER(int, s32)
KERNEL_NUMBER(long, s64)

#define USER_NUMBER(name, type)									\
	s64 stapkit_fn_user_##name(struct stapkit_context *c, s64 address)			\
	{											\
		type value;									\
												\
		return stapkit_peek_user(&value, address, sizeof(value)) ? (s64)value : 0;	\
	}											\
	s64 stapkit_fn_user_##name##_error(struct stapkit_context *c, s64 address)		\
	{											\
		type value;									\
												\
		if (stapkit_peek_user(&value, address, sizeof(value)))				\
			return (s64)value;							\
		stapkit_fault(c, "user " #name " copy", address);				\
		return 0;									\
	}

USER_NUMBER(char, u8)
USER_NUMBER(short, s16)
USER_NUMBER(ushort, u16)
USER_NUMBER(int, s32)
USER_NUMBER(int8, s8)
USER_NUMBER(uint8, u8)
USER_NUMBER(int16, s16)
USER_NUMBER(uint16, u16)
USER_NUMBER(int32, s32)
USER_NUMBER(uint32, u32)
USER_NUMBER(int64, s64)
USER_NUMBER(uint64, u64)

/* A long has the width that the current process has it in. */
s64 stapkit_fn_user_long(struct stapkit_context *c, s64 address)
{
	return in_compat_syscall() ? stapkit_fn_user_int32(c, address) : stapkit_fn_user_int64(c, address);
}

s64 stapkit_fn_user_long_error(struct stapkit_context *c, s64 address)
{
	return in_compat_syscall() ? stapkit_fn_user_int32_error(c, address) : stapkit_fn_user_int64_error(c, address);
}

s64 stapkit_fn_user_ulong(struct stapkit_context *c, s64 address)
{
	return in_compat_syscall() ? stapkit_fn_user_uint32(c, address) : stapkit_fn_user_uint64(c, address);
}

s64 stapkit_fn_user_ulong_error(struct stapkit_context *c, s64 address)
{
	return in_compat_syscall() ? stapkit_fn_user_uint32_error(c, address) :
				     stapkit_fn_user_uint64_error(c, address);
}
