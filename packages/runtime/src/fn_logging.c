// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Functions of the tapset: logging, and the end of a run. */
#include "functions.h"
#include "ring.h"
#include "session.h"

void stapkit_fn_log(struct stapkit_context *c, const char *message)
{
	u32 length = strlen(message);

	if (length >= stapkit_script.string_size)
		length = stapkit_script.string_size - 1;
	memcpy(c->scratch, message, length);
	c->scratch[length] = '\n';
	stapkit_print_text(c, c->scratch, length + 1);
}

void stapkit_fn_warn(struct stapkit_context *c, const char *message)
{
	u32 length = strlen(message);

	/* staprun ends the line by itself. */
	if (length > 0 && message[length - 1] == '\n')
		length--;
	stapkit_warn(c->probe->id, message, length);
}

void stapkit_fn_exit(struct stapkit_context *c)
{
	stapkit_session_request_exit();
}

void stapkit_fn_abort(struct stapkit_context *c)
{
	stapkit_session_request_exit();
	c->aborted = 1;
	c->error = "aborted";
}

void stapkit_fn_error(struct stapkit_context *c, const char *message)
{
	if (c->error)
		return;
	strscpy(c->error_text, message, STAPKIT_ERROR_TEXT);
	c->error = c->error_text;
	/* The script's own words stand by themselves. */
	c->error_place = "";
}

