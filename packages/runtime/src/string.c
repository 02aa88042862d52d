// SPDX-License-Identifier: GPL-2.0 OR MIT
/* String values: copied with a cut at MAXSTRINGLEN that is counted, compared as unsigned bytes. */
#include <linux/swab.h>

#include "words.h"

u64 stapkit_word_by_bytes(const char *text)
{
	u64 word = 0;
	u32 i;

	for (i = 0; i < 8 && text[i]; i++)
		word |= (u64)(u8)text[i] << (8 * i);
	return word;
}

u32 stapkit_length(const char *text)
{
	return stapkit_length_within(text, U32_MAX - 7);
}

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
	length = stapkit_length_within(from, size);
	if (unlikely(length == size)) {
		length = size - 1;
		count_cut(c);
	}
	stapkit_move(to, from, length);
	to[length] = '\0';
}

void stapkit_append(struct stapkit_context *c, char *to, const char *from)
{
	u32 size = stapkit_script.string_size;
	u32 start = stapkit_length_within(to, size - 1);
	u32 length = stapkit_length_within(from, size);

	if (unlikely(start + length >= size)) {
		length = size - 1 - start;
		count_cut(c);
	}
	stapkit_move(to + start, from, length);
	to[start + length] = '\0';
}

int stapkit_compare(const char *a, const char *b)
{
	for (;; a += 8, b += 8) {
		u64 left = stapkit_word(a), right = stapkit_word(b);
		u64 left_end = stapkit_zero_byte(left), right_end = stapkit_zero_byte(right);

		if (left_end)
			left = stapkit_before_zero(left, left_end);
		if (right_end)
			right = stapkit_before_zero(right, right_end);
		if (left != right)
			return swab64(left) < swab64(right) ? -1 : 1;
		if (left_end)
			return 0;
	}
}
