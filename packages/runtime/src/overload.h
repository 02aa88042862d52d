/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef STAPKIT_OVERLOAD_H
#define STAPKIT_OVERLOAD_H

#include "stapkit.h"

/*
 * Overload control: where handlers take more than STP_OVERLOAD_THRESHOLD of STP_OVERLOAD_INTERVAL cycles of a CPU, the
 * run ends. Both are called with the context's CPU fixed.
 */
void stapkit_overload_enter(struct stapkit_context *c);
void stapkit_overload_leave(struct stapkit_context *c);

#endif
