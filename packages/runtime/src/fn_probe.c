// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Functions of the tapset: what the probe is called and what kind it is. */
#include "fn_memory.h"

void stapkit_fn_pp(struct stapkit_context *c, char *result)
{
	strscpy(result, c->probe->name, stapkit_string_size());
}

void stapkit_fn_pn(struct stapkit_context *c, char *result)
{
	strscpy(result, c->probe->written, stapkit_string_size());
}

/* Copies what follows @before in @text, up to one of @stops. */
static bool copy_between(char *result, const char *text, const char *before, const char *stops)
{
	const char *start = strstr(text, before);
	size_t length;

	if (!start)
		return false;
	start += strlen(before);
	length = min_t(size_t, strcspn(start, stops), stapkit_string_size() - 1);
	memcpy(result, start, length);
	result[length] = '\0';
	return true;
}

void stapkit_fn_ppfunc(struct stapkit_context *c, char *result)
{
	if (!copy_between(result, c->probe->name, "function(\"", "@\"+") &&
	    !copy_between(result, c->probe->name, "statement(\"", "@\"+"))
		result[0] = '\0';
}

void stapkit_fn_pnlabel(struct stapkit_context *c, char *result)
{
	if (!copy_between(result, c->probe->written, ".label(\"", "\""))
		result[0] = '\0';
}

void stapkit_fn_probe_type(struct stapkit_context *c, char *result)
{
	strscpy(result, c->probe->family ? c->probe->family->name : "end", stapkit_string_size());
}

s64 stapkit_fn_is_return(struct stapkit_context *c)
{
	return c->is_return;
}
