/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef STAPKIT_FN_QUOTE_H
#define STAPKIT_FN_QUOTE_H

#include "fn_memory.h"

/* Where quoted text comes from. */
enum stapkit_source {
	STAPKIT_SOURCE_STRING,		/* a string value */
	STAPKIT_SOURCE_KERNEL,
	STAPKIT_SOURCE_USER,
};

struct stapkit_quote {
	u64 address;
	enum stapkit_source source;
	u32 unit;			/* bytes of a character: 1, or 2 or 4 of UTF-16 or UTF-32 */
	s64 input;			/* most characters to take */
	s64 output;			/* most bytes to give, with the NUL; 0 or too much: all the room */
	bool exact;			/* NUL is a character like any other */
	bool quotes;
};

/*
 * Writes text with what is not printable ASCII as escape sequences; where quoted text is cut short, "..." follows
 * it. False where the memory can't be read.
 */
bool stapkit_quote(struct stapkit_context *c, char *to, const struct stapkit_quote *how);

/*
 * Decodes the character at @at of the string in memory; *@next is where the one after it begins. False where it can't
 * be read, or (with *@invalid set) is no character.
 */
bool stapkit_decode(u64 at, enum stapkit_source source, u32 unit, u32 *character, u64 *next, bool *invalid);
/* Writes a character as UTF-8, 1 to 4 bytes; gives their number. */
u32 stapkit_encode(u8 *to, u32 character);

#endif
