/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef STAPKIT_CONTEXT_H
#define STAPKIT_CONTEXT_H

#include "stapkit.h"

/* A handler, and one in a non-maskable interrupt that comes in its middle. */
#define STAPKIT_CONTEXT_LEVELS 2

int stapkit_context_create(void);
void stapkit_context_destroy(void);

/*
 * Takes this CPU's context for a hit of @probe; NULL where the session is not running or the hit has to be skipped
 * (which is counted). Interrupts are off from before this call until after stapkit_context_leave().
 */
struct stapkit_context *stapkit_context_enter(struct stapkit_probe *probe);
/* Reports the handler's error, if any, and gives the context back. */
void stapkit_context_leave(struct stapkit_context *c);
/* Enters, runs the handler with @registers and leaves; interrupts may be on. */
void stapkit_context_run(struct stapkit_probe *probe, void *registers);

/*
 * The one context for begin, end and error probes: process context, interrupts on, nothing else runs. Serialized by
 * the session's mutex.
 */
struct stapkit_context *stapkit_context_enter_sequence(struct stapkit_probe *probe);
void stapkit_context_leave_sequence(struct stapkit_context *c);

/* Counts one lost hit of @probe. Any context. */
void stapkit_context_skip(struct stapkit_probe *probe, u32 cause);

#endif
