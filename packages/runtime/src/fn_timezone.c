// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Functions of the tapset: the time zone of the process that runs the script; the kernel knows none. */
#include "fn_memory.h"
#include "session.h"

s64 stapkit_fn_tz_gmtoff(struct stapkit_context *c)
{
	return stapkit_session.timezone_offset;
}

void stapkit_fn_tz_name(struct stapkit_context *c, char *result)
{
	const char *name = stapkit_session.timezone_name;

	strscpy(result, *name ? name : "UTC", stapkit_string_size());
}
