// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Reads and writes of the probed system's memory. All go through copies that the kernel guards with its exception
 * table, so that no address can fault the kernel; what can't be read is the script's error, with the address.
 */
#include <linux/mm.h>
#include <linux/uaccess.h>

#include "memory.h"

int stapkit_memory_read(void *to, u64 address, size_t size, bool user)
{
	return user ? copy_from_user_nofault(to, (const void __user *)(unsigned long)address, size) :
		      stapkit_copy_kernel(to, address, size);
}

s64 stapkit_load(struct stapkit_context *c, u64 address, u32 size, bool is_signed, bool user)
{
	union {
		u8 b1;
		u16 b2;
		u32 b4;
		u64 b8;
	} value;

	/* The size is a constant in each branch, so that the copies are single instructions. */
	switch (size) {
	case 1:
		if (stapkit_memory_read(&value, address, 1, user))
			break;
		return is_signed ? (s64)(s8)value.b1 : (s64)value.b1;
	case 2:
		if (stapkit_memory_read(&value, address, 2, user))
			break;
		return is_signed ? (s64)(s16)value.b2 : (s64)value.b2;
	case 4:
		if (stapkit_memory_read(&value, address, 4, user))
			break;
		return is_signed ? (s64)(s32)value.b4 : (s64)value.b4;
	case 8:
		if (stapkit_memory_read(&value, address, 8, user))
			break;
		return value.b8;
	}
	stapkit_error(c, "%s read fault at 0x%016llx [man error::fault]", user ? "user" : "kernel", address);
	return 0;
}

/* The kernel's macro takes one scalar at a time and leaves through a label. */
static int poke_kernel(u64 to, const void *from, u32 size)
{
	const u8 *bytes = from;

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
	return 0;
failed:
	return -EFAULT;
}

int stapkit_memory_write(u64 to, const void *from, u32 size, bool user)
{
	u64 there;
	u32 done;
	int err = 0;

	if (user)
		return copy_to_user_nofault((void __user *)(unsigned long)to, from, size);
	/*
	 * A non-canonical address raises a general protection fault, which the kernel's fixup warns of: reading first, by
	 * a function that knows such addresses, keeps it away. What can be read but not written faults in the write.
	 */
	for (done = 0; done < size && !err; done += min_t(u32, size - done, sizeof(there)))
		err = stapkit_copy_kernel(&there, to + done, min_t(u32, size - done, sizeof(there)));
	if (err)
		return err;
	pagefault_disable();
	err = poke_kernel(to, from, size);
	pagefault_enable();
	return err;
}

void stapkit_store(struct stapkit_context *c, u64 address, u32 size, s64 value, bool user)
{
	/* The low bytes come first on every machine that stapkit runs on. */
	if (stapkit_memory_write(address, &value, size, user))
		stapkit_error(c, "%s write fault at 0x%016llx [man error::fault]", user ? "user" : "kernel", address);
}

long stapkit_memory_string(char *to, u64 address, size_t size, bool user, u64 *fault)
{
	size_t done = 0;

	/* In pieces that do not cross a page, so that a string which ends before a hole can be read. */
	while (done < size - 1) {
		size_t piece = min_t(size_t, size - 1 - done, 64 - ((address + done) & 63));
		size_t length;

		if (stapkit_memory_read(to + done, address + done, piece, user)) {
			*fault = address + done;
			to[done] = '\0';
			return -EFAULT;
		}
		length = strnlen(to + done, piece);
		done += length;
		if (length < piece)
			return done;
	}
	to[done] = '\0';
	return done;
}

void stapkit_load_string(struct stapkit_context *c, char *to, u64 address, s64 length, bool user)
{
	size_t size = stapkit_script.string_size;
	u64 fault = 0;

	if (length >= 0 && length < (s64)size)
		size = length + 1;
	if (stapkit_memory_string(to, address, size, user, &fault) < 0)
		stapkit_error(c, "%s string copy fault at 0x%016llx [man error::fault]", user ? "user" : "kernel", fault);
}
