// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Functions of the tapset: strings made from strings, and numbers from strings. */
#include "fn_memory.h"

void stapkit_fn_str_replace(struct stapkit_context *c, char *result, const char *text, const char *search,
			    const char *replacement)
{
	size_t search_length = strlen(search);
	size_t replacement_length = strlen(replacement);
	u32 room = stapkit_string_size() - 1;
	u32 at = 0;

	while (*text && at < room) {
		const char *found = search_length ? strstr(text, search) : NULL;
		size_t plain = found ? found - text : strlen(text);
		size_t take = min_t(size_t, plain, room - at);

		memcpy(result + at, text, take);
		at += take;
		text += plain;
		if (!found)
			break;
		take = min_t(size_t, replacement_length, room - at);
		memcpy(result + at, replacement, take);
		at += take;
		text += search_length;
	}
	result[at] = '\0';
}

static int digit_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'z')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'Z')
		return digit - 'A' + 10;
	return 99;
}

/* As the C library's strtol(): blanks, a sign, a prefix for base 16 or 0, then digits up to the first that is none. */
s64 stapkit_fn_strtol(struct stapkit_context *c, const char *text, s64 base)
{
	bool negative = false;
	u64 value = 0;

	while (*text == ' ' || (*text >= '\t' && *text <= '\r'))
		text++;
	if (*text == '-' || *text == '+')
		negative = *text++ == '-';
	if ((base == 0 || base == 16) && text[0] == '0' && (text[1] | 0x20) == 'x' && digit_value(text[2]) < 16) {
		text += 2;
		base = 16;
	} else if (base == 0) {
		base = text[0] == '0' ? 8 : 10;
	}
	if (base < 2 || base > 36)
		return 0;
	for (; digit_value(*text) < base; text++)
		value = value * base + digit_value(*text);
	return negative ? (s64)(0 - value) : (s64)value;
}
