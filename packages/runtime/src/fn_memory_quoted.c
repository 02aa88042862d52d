// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Functions of the tapset: strings and buffers from memory as quoted text. */
#include "fn_quote.h"

/* Gives the address itself where there is nothing to read. */
void stapkit_fn_kernel_string_quoted(struct stapkit_context *c, char *result, s64 address)
{
	const struct stapkit_quote how = {
		.address = address, .source = STAPKIT_SOURCE_KERNEL, .unit = 1, .input = S64_MAX, .quotes = true,
	};

	if (!stapkit_quote(c, result, &how))
		snprintf(result, stapkit_string_size(), "0x%llx", address);
}

/* A string of the kernel's; where there is none, of the process's; else the address. For `$x$`. */
void stapkit_fn_kernel_or_user_string_quoted(struct stapkit_context *c, char *result, s64 address)
{
	struct stapkit_quote how = {
		.address = address, .source = STAPKIT_SOURCE_KERNEL, .unit = 1, .input = S64_MAX, .quotes = true,
	};

	if (stapkit_quote(c, result, &how))
		return;
	how.source = STAPKIT_SOURCE_USER;
	if (!stapkit_quote(c, result, &how))
		snprintf(result, stapkit_string_size(), "0x%llx", address);
}

static void quote_buffer(struct stapkit_context *c, char *result, u64 address, enum stapkit_source source, s64 input,
			 s64 output)
{
	const struct stapkit_quote how = {
		.address = address, .source = source, .unit = 1, .input = input, .output = output, .exact = true,
		.quotes = true,
	};

	if (stapkit_quote(c, result, &how))
		return;
	result[0] = '\0';
	stapkit_fault(c, source == STAPKIT_SOURCE_USER ? "user buffer copy" : "kernel buffer copy", address);
}

void stapkit_fn_kernel_buffer_quoted(struct stapkit_context *c, char *result, s64 address, s64 input, s64 output)
{
	quote_buffer(c, result, address, STAPKIT_SOURCE_KERNEL, input, output);
}

void stapkit_fn_user_buffer_quoted(struct stapkit_context *c, char *result, s64 address, s64 input, s64 output)
{
	quote_buffer(c, result, address, STAPKIT_SOURCE_USER, input, output);
}
