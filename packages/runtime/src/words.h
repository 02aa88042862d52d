/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Strings, eight bytes at a time. The kernel's own strlen() and strncmp() go byte by byte, and most strings of scripts
 * are names of at most 15 bytes. Reading a word may go beyond a string's end but never into another page, so that it
 * can't fault; little-endian machines only, as all of stapkit.
 */
#ifndef STAPKIT_WORDS_H
#define STAPKIT_WORDS_H

#include <linux/mm.h>

#include "stapkit.h"

/* The high bit of the lowest byte of @word that is 0 is set, and none below it; 0 where no byte is. */
static inline u64 stapkit_zero_byte(u64 word)
{
	return (word - 0x0101010101010101ull) & ~word & 0x8080808080808080ull;
}

/* The bytes of @word below the one that @zero, which is not 0, points to. */
static inline u64 stapkit_before_zero(u64 word, u64 zero)
{
	return word & (((zero & -zero) >> 7) - 1);
}

u64 stapkit_word_by_bytes(const char *text);

/* The next eight bytes of a string; what comes after its NUL is anything. */
static inline u64 stapkit_word(const char *text)
{
	if (unlikely(((unsigned long)text & ~PAGE_MASK) > PAGE_SIZE - sizeof(u64)))
		return stapkit_word_by_bytes(text);
	return *(const u64 __attribute__((aligned(1), may_alias)) *)text;
}

/* Bytes before the NUL, at most @limit. */
static inline u32 stapkit_length_within(const char *text, u32 limit)
{
	u32 at;

	for (at = 0; at < limit; at += 8) {
		u64 zero = stapkit_zero_byte(stapkit_word(text + at));

		if (zero) {
			at += __ffs64(zero) / 8;
			break;
		}
	}
	return at < limit ? at : limit;
}

#endif
