// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Functions of the tapset: looking into strings and taking parts of them. */
#include "fn_memory.h"

s64 stapkit_fn_strlen(struct stapkit_context *c, const char *text)
{
	return strlen(text);
}

void stapkit_fn_substr(struct stapkit_context *c, char *result, const char *text, s64 start, s64 length)
{
	s64 whole = strlen(text);

	result[0] = '\0';
	if (start < 0 || length <= 0 || start >= whole)
		return;
	length = min_t(s64, length, min_t(s64, whole - start, stapkit_string_size() - 1));
	memcpy(result, text + start, length);
	result[length] = '\0';
}

s64 stapkit_fn_stringat(struct stapkit_context *c, const char *text, s64 position)
{
	if (position < 0 || position >= stapkit_string_size()) {
		stapkit_error(c, "string index %lld out of range (max %u)", position, stapkit_string_size() - 1);
		return 0;
	}
	return position < strlen(text) ? (u8)text[position] : 0;
}

s64 stapkit_fn_strpos(struct stapkit_context *c, const char *text, const char *part)
{
	const char *found = strstr(text, part);

	return found ? found - text : -1;
}

s64 stapkit_fn_isdigit(struct stapkit_context *c, const char *text)
{
	return text[0] >= '0' && text[0] <= '9';
}
