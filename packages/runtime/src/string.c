// SPDX-License-Identifier: GPL-2.0 OR MIT
/* String values: copied with a cut at MAXSTRINGLEN that is counted, compared as unsigned bytes. */
#include "stapkit.h"

static void count_cut(struct stapkit_context *c)
{
	if (c->probe)
		atomic64_inc((atomic64_t *)&c->probe->losses[STAPKIT_LOSS_STRING_CUT]);
}

void stapkit_copy(struct stapkit_context *c, char *to, const char *from)
{
	u32 size = stapkit_script.string_size;
	u32 length;

	if (to == from)
		return;
	length = strnlen(from, size);
	if (unlikely(length == size)) {
		length = size - 1;
		count_cut(c);
	}
	memcpy(to, from, length);
	to[length] = '\0';
}

void stapkit_append(struct stapkit_context *c, char *to, const char *from)
{
	u32 size = stapkit_script.string_size;
	u32 start = strnlen(to, size - 1);
	u32 length = strnlen(from, size);

	if (unlikely(start + length >= size)) {
		length = size - 1 - start;
		count_cut(c);
	}
	memcpy(to + start, from, length);
	to[start + length] = '\0';
}

int stapkit_compare(const char *a, const char *b)
{
	return strcmp(a, b);
}
