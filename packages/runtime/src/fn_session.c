// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Functions of the tapset: the script's own run. */
#include <linux/cred.h>

#include "fn_memory.h"
#include "session.h"

s64 stapkit_fn_target(struct stapkit_context *c)
{
	return stapkit_session.target;
}

s64 stapkit_fn_stp_pid(struct stapkit_context *c)
{
	return stapkit_session.reader;
}

void stapkit_fn_module_name(struct stapkit_context *c, char *result)
{
	strscpy(result, THIS_MODULE->name, stapkit_string_size());
}

/* True where the current process belongs to the user that runs the script. */
s64 stapkit_fn_is_myproc(struct stapkit_context *c)
{
	return uid_eq(current_uid(), stapkit_session.owner);
}
