// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Functions of the tapset: what the last regular expression matched. */
#include "fn_memory.h"

void stapkit_fn_matched(struct stapkit_context *c, char *result, s64 group)
{
	s32 start, end;

	result[0] = '\0';
	if (!c->matched_text) {
		stapkit_error(c, "no matched regular expression");
		return;
	}
	if (group < 0 || group >= c->matched_groups) {
		stapkit_error(c, "invalid subexpression %lld of %u", group, c->matched_groups);
		return;
	}
	start = c->matched[2 * group];
	end = c->matched[2 * group + 1];
	if (start < 0 || end < start)
		return;
	memcpy(result, c->matched_text + start, end - start);
	result[end - start] = '\0';
}

s64 stapkit_fn_ngroups(struct stapkit_context *c)
{
	if (!c->matched_text)
		stapkit_error(c, "no matched regular expression");
	return c->matched_groups;
}
