/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef STAPKIT_INPUT_H
#define STAPKIT_INPUT_H

#include "stapkit.h"

/* Where what the user types goes: set by the input family while it is armed. Process context. */
extern void (*stapkit_input_receive)(const char *bytes, size_t length);

#endif
