/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef STAPKIT_TRANSPORT_H
#define STAPKIT_TRANSPORT_H

#include "stapkit.h"

/* The files below /proc/stapkit/MODULE/, see stapkit_protocol.h. */
int stapkit_transport_create(void);
/* Removes them; waits for calls into them to end. */
void stapkit_transport_destroy(void);

/*
 * While the reader's own thread is busy in the kernel nobody would read on. From the first call to the second a reader
 * that has brought room for many batches stays in its read and fills them one after the other. Waits for it to be there,
 * as long as one may take for a batch. Process context, under the session's mutex.
 */
void stapkit_transport_hold_reader(void);
void stapkit_transport_release_reader(void);
/* Whether there is a reader that waits in its reads, and so empties the rings as soon as there is something in them. */
bool stapkit_transport_has_reader(void);

#endif
