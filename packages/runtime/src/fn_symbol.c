// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Functions of the tapset: names of kernel addresses. The kernel's lookup takes no lock that a handler could wait for,
 * as it has to work while the kernel reports an oops.
 */
#include <linux/kallsyms.h>

#include "fn_symbol.h"

void stapkit_symbol_find(struct stapkit_symbol *symbol, char *text, u64 address)
{
	const char *plus, *bracket;

	BUILD_BUG_ON(KSYM_SYMBOL_LEN > STAPKIT_SYMBOL_TEXT);
	memset(symbol, 0, sizeof(*symbol));
	/* NAME+0xOFFSET/0xSIZE, then [MODULE] where it is in one; 0xADDRESS where nothing is known. */
	sprint_symbol(text, address);
	plus = strchr(text, '+');
	if (!plus || sscanf(plus, "+0x%lx/0x%lx", &symbol->offset, &symbol->size) != 2)
		return;
	symbol->name = text;
	symbol->name_length = plus - text;
	bracket = strchr(plus, '[');
	if (bracket) {
		symbol->module = bracket + 1;
		symbol->module_length = strcspn(bracket + 1, " ]");
	} else {
		symbol->module = "kernel";
		symbol->module_length = 6;
	}
}

u32 stapkit_symbol_print(char *to, u32 room, u64 address)
{
	char text[STAPKIT_SYMBOL_TEXT];
	struct stapkit_symbol s;

	stapkit_symbol_find(&s, text, address);
	if (!s.name)
		return scnprintf(to, room, "0x%llx", address);
	return scnprintf(to, room, "%.*s+%#lx/%#lx [%.*s]", (int)s.name_length, s.name, s.offset, s.size,
			 (int)s.module_length, s.module);
}

static void give_name(char *result, u64 address)
{
	char text[STAPKIT_SYMBOL_TEXT];
	struct stapkit_symbol s;

	stapkit_symbol_find(&s, text, address);
	if (s.name)
		scnprintf(result, stapkit_string_size(), "%.*s", (int)s.name_length, s.name);
	else
		scnprintf(result, stapkit_string_size(), "0x%llx", address);
}

void stapkit_fn_symname(struct stapkit_context *c, char *result, s64 address)
{
	give_name(result, address);
}

void stapkit_fn_symdata(struct stapkit_context *c, char *result, s64 address)
{
	stapkit_symbol_print(result, stapkit_string_size(), address);
}

void stapkit_fn_modname(struct stapkit_context *c, char *result, s64 address)
{
	char text[STAPKIT_SYMBOL_TEXT];
	struct stapkit_symbol s;

	result[0] = '\0';
	stapkit_symbol_find(&s, text, address);
	if (s.name)
		scnprintf(result, stapkit_string_size(), "%.*s", (int)s.module_length, s.module);
	else
		stapkit_error(c, "no module at address 0x%llx", address);
}

/* An address in the function that is being probed: by where the probe was hit, and in a return probe the function's own. */
static u64 probed_address(struct stapkit_context *c)
{
	if (c->is_return && c->family_data)
		return (unsigned long)c->family_data;
	return stapkit_probe_address(c);
}

void stapkit_fn_probefunc(struct stapkit_context *c, char *result)
{
	u64 address = probed_address(c);

	result[0] = '\0';
	if (address)
		give_name(result, address);
}

void stapkit_fn_probemod(struct stapkit_context *c, char *result)
{
	char text[STAPKIT_SYMBOL_TEXT];
	struct stapkit_symbol s;
	u64 address = probed_address(c);

	result[0] = '\0';
	if (!address)
		return;
	stapkit_symbol_find(&s, text, address);
	if (s.name)
		scnprintf(result, stapkit_string_size(), "%.*s", (int)s.module_length, s.module);
}
