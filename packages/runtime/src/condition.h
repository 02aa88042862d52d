/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef STAPKIT_CONDITION_H
#define STAPKIT_CONDITION_H

#include "stapkit.h"

/* Evaluates all conditions before the families arm their probes; process context. */
void stapkit_condition_start(struct stapkit_context *c);
void stapkit_condition_stop(void);
/* A handler has run that may have changed a condition. Any context. */
void stapkit_condition_changed(struct stapkit_context *c);

#endif
