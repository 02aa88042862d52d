// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Functions of the tapset: UTF-16 and UTF-32 strings from memory, as UTF-8. */
#include "fn_quote.h"

static void load(struct stapkit_context *c, char *result, u64 address, enum stapkit_source source, u32 unit)
{
	const char *what = source == STAPKIT_SOURCE_USER ? "user" : "kernel";
	u32 room = stapkit_string_size();
	u64 at = address;
	u32 used = 0;

	for (;;) {
		bool invalid = false;
		u32 character, length;
		u8 bytes[4];

		if (!stapkit_decode(at, source, unit, &character, &at, &invalid)) {
			result[0] = '\0';
			stapkit_error(c, "%s string %s at 0x%016llx [man error::fault]", what,
				      invalid ? "conversion error" : "copy fault", address);
			return;
		}
		if (!character)
			break;
		length = stapkit_encode(bytes, character);
		if (used + length >= room)
			break;
		memcpy(result + used, bytes, length);
		used += length;
	}
	result[used] = '\0';
}

void stapkit_fn_kernel_string_utf16(struct stapkit_context *c, char *result, s64 address)
{
	load(c, result, address, STAPKIT_SOURCE_KERNEL, 2);
}

void stapkit_fn_kernel_string_utf32(struct stapkit_context *c, char *result, s64 address)
{
	load(c, result, address, STAPKIT_SOURCE_KERNEL, 4);
}

void stapkit_fn_user_string_utf16(struct stapkit_context *c, char *result, s64 address)
{
	load(c, result, address, STAPKIT_SOURCE_USER, 2);
}

void stapkit_fn_user_string_utf32(struct stapkit_context *c, char *result, s64 address)
{
	load(c, result, address, STAPKIT_SOURCE_USER, 4);
}
