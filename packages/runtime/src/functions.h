/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Functions that the tapset's `runtime: NAME` pragmas stand for: packages/tapset/RUNTIME.md lists them. Each takes the
 * context first; one that gives a string takes room of STAPKIT_STRING bytes for it next. They run in probe context:
 * interrupts may be off, nothing sleeps or allocates.
 */
#ifndef STAPKIT_FUNCTIONS_H
#define STAPKIT_FUNCTIONS_H

#include "stapkit.h"

/* The script's prototypes are written by the translator; these only keep the compiler content. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

#endif
