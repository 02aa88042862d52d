// SPDX-License-Identifier: GPL-2.0 OR MIT
/* What embedded C prints: formatted in the kernel, since its formats are C's own. */
#include "ring.h"
#include "session.h"

void stapkit_embedded_printf(struct stapkit_context *c, const char *format, ...);
void stapkit_embedded_warn(struct stapkit_context *c, const char *format, ...);

void stapkit_embedded_printf(struct stapkit_context *c, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vscnprintf(c->scratch, stapkit_script.string_size, format, arguments);
	va_end(arguments);
	stapkit_print_text(c, c->scratch, length);
}

void stapkit_embedded_warn(struct stapkit_context *c, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vscnprintf(c->scratch, stapkit_script.string_size, format, arguments);
	va_end(arguments);
	stapkit_warn(c->probe->id, c->scratch, length);
}
