// SPDX-License-Identifier: GPL-2.0 OR MIT
/* $value of procfs probes, and what input probes were typed: read and written by handlers. */
#include "procfs.h"

const char *stapkit_procfs_value(struct stapkit_context *c)
{
	struct stapkit_procfs_text *text = c->family_data;

	return text ? text->bytes : "";
}

void stapkit_procfs_set(struct stapkit_context *c, const char *from, bool append)
{
	struct stapkit_procfs_text *text = c->family_data;
	u32 length = strlen(from);

	if (!text || from == text->bytes)
		return;
	if (!append)
		text->length = 0;
	if (length > text->size - 1 - text->length) {
		length = text->size - 1 - text->length;
		atomic64_inc((atomic64_t *)&c->probe->losses[STAPKIT_LOSS_STRING_CUT]);
	}
	memcpy(text->bytes + text->length, from, length);
	text->length += length;
	text->bytes[text->length] = '\0';
}
