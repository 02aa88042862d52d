// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Functions of the tapset: text_str() and its like. */
#include "fn_quote.h"

static void quote_text(struct stapkit_context *c, char *result, const char *text, s64 length, bool quotes)
{
	const struct stapkit_quote how = {
		.address = (unsigned long)text, .source = STAPKIT_SOURCE_STRING, .unit = 1, .input = S64_MAX,
		.output = length, .quotes = quotes,
	};

	stapkit_quote(c, result, &how);
}

void stapkit_fn_text_strn(struct stapkit_context *c, char *result, const char *text, s64 length, s64 quoted)
{
	quote_text(c, result, text, length, quoted);
}

void stapkit_fn_string_quoted(struct stapkit_context *c, char *result, const char *text)
{
	quote_text(c, result, text, 0, true);
}
