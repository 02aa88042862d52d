// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Functions of the tapset: the script's own run. */
#include "fn_memory.h"
#include "ownership.h"

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
	return stapkit_is_own_process();
}

s64 stapkit_fn_remote_id(struct stapkit_context *c)
{
	return stapkit_session.remote_id;
}

void stapkit_fn_remote_uri(struct stapkit_context *c, char *result)
{
	strscpy(result, stapkit_session.remote_uri, stapkit_string_size());
}

void stapkit_fn_module_size(struct stapkit_context *c, char *result)
{
#ifdef STAPKIT_HAVE_MODULE_MEMORY
	const struct module_memory *m = THIS_MODULE->mem;

	scnprintf(result, stapkit_string_size(), "%s: text: %u, data: %u, rodata: %u, init: %u", THIS_MODULE->name,
		  m[MOD_TEXT].size, m[MOD_DATA].size, m[MOD_RODATA].size, m[MOD_INIT_TEXT].size);
#else
	const struct module_layout *m = &THIS_MODULE->core_layout;

	scnprintf(result, stapkit_string_size(), "%s: text: %u, data: %u, rodata: %u, init: %u", THIS_MODULE->name,
		  m->text_size, m->size - m->ro_size, m->ro_size - m->text_size, THIS_MODULE->init_layout.size);
#endif
}
