// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Functions of the tapset: strings and buffers from memory as quoted text. Where the memory can't be read they give the
 * address, except those with an error of their own.
 */
#include "fn_quote.h"

static void give_address(char *result, u64 address)
{
	snprintf(result, stapkit_string_size(), "0x%llx", address);
}

static bool quote_string(struct stapkit_context *c, char *result, u64 address, enum stapkit_source source, u32 unit,
			 s64 input, s64 output)
{
	const struct stapkit_quote how = {
		.address = address, .source = source, .unit = unit, .input = input, .output = output, .quotes = true,
	};

	return stapkit_quote(c, result, &how);
}

void stapkit_fn_kernel_string_quoted(struct stapkit_context *c, char *result, s64 address)
{
	if (!quote_string(c, result, address, STAPKIT_SOURCE_KERNEL, 1, S64_MAX, 0))
		give_address(result, address);
}

void stapkit_fn_kernel_string_quoted_utf16(struct stapkit_context *c, char *result, s64 address)
{
	if (!quote_string(c, result, address, STAPKIT_SOURCE_KERNEL, 2, S64_MAX, 0))
		give_address(result, address);
}

void stapkit_fn_kernel_string_quoted_utf32(struct stapkit_context *c, char *result, s64 address)
{
	if (!quote_string(c, result, address, STAPKIT_SOURCE_KERNEL, 4, S64_MAX, 0))
		give_address(result, address);
}

void stapkit_fn_user_string_n_quoted(struct stapkit_context *c, char *result, s64 address, s64 input, s64 output)
{
	if (!quote_string(c, result, address, STAPKIT_SOURCE_USER, 1, input, output))
		give_address(result, address);
}

void stapkit_fn_user_string_quoted_utf16(struct stapkit_context *c, char *result, s64 address)
{
	if (!quote_string(c, result, address, STAPKIT_SOURCE_USER, 2, S64_MAX, 0))
		give_address(result, address);
}

void stapkit_fn_user_string_quoted_utf32(struct stapkit_context *c, char *result, s64 address)
{
	if (!quote_string(c, result, address, STAPKIT_SOURCE_USER, 4, S64_MAX, 0))
		give_address(result, address);
}

/* Kernel memory first, then the process's own; @unit as in stapkit_quote. */
void stapkit_fn_kernel_or_user_string_quoted(struct stapkit_context *c, char *result, s64 address, s64 unit)
{
	if (!quote_string(c, result, address, STAPKIT_SOURCE_KERNEL, unit, S64_MAX, 0) &&
	    !quote_string(c, result, address, STAPKIT_SOURCE_USER, unit, S64_MAX, 0))
		give_address(result, address);
}

static bool quote_buffer(struct stapkit_context *c, char *result, u64 address, enum stapkit_source source, s64 input,
			 s64 output)
{
	const struct stapkit_quote how = {
		.address = address, .source = source, .unit = 1, .input = input, .output = output, .exact = true,
		.quotes = true,
	};

	return stapkit_quote(c, result, &how);
}

void stapkit_fn_kernel_buffer_quoted(struct stapkit_context *c, char *result, s64 address, s64 input, s64 output)
{
	if (!quote_buffer(c, result, address, STAPKIT_SOURCE_KERNEL, input, output))
		give_address(result, address);
}

void stapkit_fn_kernel_buffer_quoted_error(struct stapkit_context *c, char *result, s64 address, s64 input,
					   s64 output)
{
	if (quote_buffer(c, result, address, STAPKIT_SOURCE_KERNEL, input, output))
		return;
	result[0] = '\0';
	stapkit_fault(c, "kernel buffer copy", address);
}

void stapkit_fn_user_buffer_quoted(struct stapkit_context *c, char *result, s64 address, s64 input, s64 output)
{
	if (!quote_buffer(c, result, address, STAPKIT_SOURCE_USER, input, output))
		give_address(result, address);
}

void stapkit_fn_user_buffer_quoted_error(struct stapkit_context *c, char *result, s64 address, s64 input, s64 output)
{
	if (quote_buffer(c, result, address, STAPKIT_SOURCE_USER, input, output))
		return;
	result[0] = '\0';
	stapkit_fault(c, "user buffer copy", address);
}
