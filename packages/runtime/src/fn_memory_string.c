// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Functions of the tapset: strings from kernel and user memory. */
#include "fn_memory.h"

/*
 * Copies a string of at most @most bytes and as many as there is room for. In steps that end at multiples of 64, so
 * that no step reaches into a page behind the one that the string ends in.
 */
static bool copy_string(char *to, u64 from, s64 most, bool user)
{
	u32 room = stapkit_string_size() - 1;
	u32 done = 0;

	if (most >= 0 && most < room)
		room = most;
	while (done < room) {
		u32 step = min_t(u32, 64 - ((from + done) & 63), room - done);
		const char *nul;

		if (!(user ? stapkit_peek_user(to + done, from + done, step) :
			     stapkit_peek(to + done, (const void *)(unsigned long)(from + done), step)))
			return false;
		nul = memchr(to + done, '\0', step);
		if (nul)
			return true;
		done += step;
	}
	to[done] = '\0';
	return true;
}

static void load(struct stapkit_context *c, char *result, u64 address, s64 most, bool user)
{
	if (copy_string(result, address, most, user))
		return;
	result[0] = '\0';
	stapkit_fault(c, user ? "user string copy" : "kernel string copy", address);
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
