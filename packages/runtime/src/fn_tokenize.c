// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Functions of the tapset: tokenize(). What is left of the string goes with the context, so handlers on different CPUs
 * don't take each other's tokens.
 */
#include "fn_memory.h"

/* Starts over with @text unless it is empty; gives the next token that is not empty. */
void stapkit_fn_tokenize(struct stapkit_context *c, char *result, const char *text, const char *delimiters)
{
	u32 length = 0;
	char *at;

	result[0] = '\0';
	if (*text) {
		strscpy(c->token_text, text, stapkit_string_size());
		c->token_at = 0;
	}
	at = c->token_text + c->token_at;
	at += strspn(at, delimiters);
	length = strcspn(at, delimiters);
	memcpy(result, at, length);
	result[length] = '\0';
	at += length;
	/* The delimiter that ended the token goes with it. */
	c->token_at = at - c->token_text + (*at ? 1 : 0);
}
