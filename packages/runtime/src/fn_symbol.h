/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef STAPKIT_FN_SYMBOL_H
#define STAPKIT_FN_SYMBOL_H

#include "fn_memory.h"

/* What the kernel's own symbol table knows of an address. */
struct stapkit_symbol {
	const char *name;		/* NULL where nothing is known */
	u32 name_length;
	unsigned long offset, size;
	const char *module;		/* "kernel" for the kernel itself */
	u32 module_length;
};

/* Long enough for every symbol that the kernel prints. */
#define STAPKIT_SYMBOL_TEXT 768

/* Looks an address up; @text of STAPKIT_SYMBOL_TEXT bytes holds what the result points to. Any context. */
void stapkit_symbol_find(struct stapkit_symbol *symbol, char *text, u64 address);
/* "name+0x10/0x200 [kernel]", or the address where there is no symbol; gives the length. */
u32 stapkit_symbol_print(char *to, u32 room, u64 address);

#endif
