/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef STAPKIT_SYMBOL_H
#define STAPKIT_SYMBOL_H

#include "stapkit.h"

/*
 * The address of a symbol of the kernel or of "module:symbol"; 0 where there is none, or where the kernel does not let
 * it be found. Process context.
 */
unsigned long stapkit_symbol_address(const char *name);

#endif
