// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Text with its unprintable characters as escape sequences. */
#include <linux/ctype.h>

#include "fn_quote.h"

static bool fetch(void *to, u64 from, u32 size, enum stapkit_source source)
{
	switch (source) {
	case STAPKIT_SOURCE_USER:
		return stapkit_peek_user(to, from, size);
	case STAPKIT_SOURCE_KERNEL:
		return stapkit_peek(to, (const void *)(unsigned long)from, size);
	default:
		memcpy(to, (const void *)(unsigned long)from, size);
		return true;
	}
}

bool stapkit_decode(u64 at, enum stapkit_source source, u32 unit, u32 *character, u64 *next, bool *invalid)
{
	u16 first, second;
	u8 byte;

	*next = at + unit;
	switch (unit) {
	case 1:
		if (!fetch(&byte, at, 1, source))
			return false;
		*character = byte;
		return true;
	case 2:
		if (!fetch(&first, at, 2, source))
			return false;
		*character = first;
		if (first < 0xd800 || first > 0xdfff)
			return true;
		*invalid = true;
		if (first > 0xdbff || !fetch(&second, at + 2, 2, source) || second < 0xdc00 || second > 0xdfff)
			return false;
		*invalid = false;
		*character = 0x10000 + ((first & 0x3ff) << 10) + (second & 0x3ff);
		*next = at + 4;
		return true;
	default:
		if (!fetch(character, at, 4, source))
			return false;
		*invalid = *character > 0x10ffff || (*character >= 0xd800 && *character <= 0xdfff);
		return !*invalid;
	}
}

u32 stapkit_encode(u8 *to, u32 character)
{
	if (character < 0x80) {
		to[0] = character;
		return 1;
	}
	if (character < 0x800) {
		to[0] = 0xc0 | character >> 6;
		to[1] = 0x80 | (character & 0x3f);
		return 2;
	}
	if (character < 0x10000) {
		to[0] = 0xe0 | character >> 12;
		to[1] = 0x80 | (character >> 6 & 0x3f);
		to[2] = 0x80 | (character & 0x3f);
		return 3;
	}
	to[0] = 0xf0 | character >> 18;
	to[1] = 0x80 | (character >> 12 & 0x3f);
	to[2] = 0x80 | (character >> 6 & 0x3f);
	to[3] = 0x80 | (character & 0x3f);
	return 4;
}

/* Writes one character, escaped where need be, at most 10 bytes; gives their number. */
static u32 escape(char *to, u32 character, u32 unit)
{
	static const char letters[] = "\aa\bb\ff\nn\rr\tt\vv\\\\";
	const char *letter;

	if (character < 0x80 && isprint(character) && character != '\\' && character != '"') {
		to[0] = character;
		return 1;
	}
	to[0] = '\\';
	if (character == '"') {
		to[1] = '"';
		return 2;
	}
	for (letter = letters; *letter; letter += 2) {
		if ((u32)*letter == character) {
			to[1] = letter[1];
			return 2;
		}
	}
	if (character < 0x100 && (unit == 1 || character < 0x80)) {
		to[1] = '0' + (character >> 6);
		to[2] = '0' + (character >> 3 & 7);
		to[3] = '0' + (character & 7);
		return 4;
	}
	if (character < 0x10000)
		return 1 + sprintf(to + 1, "u%04X", character);
	return 1 + sprintf(to + 1, "U%08X", character);
}

bool stapkit_quote(struct stapkit_context *c, char *to, const struct stapkit_quote *how)
{
	u32 room = stapkit_string_size();
	u64 at = how->address;
	/* The closing quote and the dots of a quoted text that is cut, and the NUL. */
	u32 tail = how->quotes ? 5 : 1;
	bool invalid = false;
	s64 left = how->input;
	char piece[16];
	u32 used = 0;
	u32 safe;		/* how much of the text leaves room for the tail */
	bool cut = false;

	if (how->output > 0 && how->output < room)
		room = how->output;
	if (how->quotes && room < 3) {
		to[0] = '\0';
		return true;
	}
	if (how->quotes)
		to[used++] = '"';
	safe = used;
	while (left-- > 0) {
		u32 character, length;

		if (!stapkit_decode(at, how->source, how->unit, &character, &at, &invalid)) {
			if (!invalid)
				return false;
			character = 0xfffd;
		}
		invalid = false;
		if (!character && !how->exact)
			break;
		length = escape(piece, character, how->unit);
		/* All the text may use up what the dots would need, once it is known to end there. */
		if (used + length + (how->quotes ? 2 : 1) > room) {
			cut = true;
			break;
		}
		memcpy(to + used, piece, length);
		used += length;
		if (used + tail <= room)
			safe = used;
	}
	if (cut) {
		used = min(used, safe);
		if (how->quotes)
			to[used++] = '"';
		if (how->quotes && used + 4 <= room) {
			memcpy(to + used, "...", 3);
			used += 3;
		}
	} else if (how->quotes) {
		to[used++] = '"';
	}
	to[used] = '\0';
	return true;
}
