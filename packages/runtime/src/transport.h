/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef STAPKIT_TRANSPORT_H
#define STAPKIT_TRANSPORT_H

#include "stapkit.h"

/* The files below /proc/stapkit/MODULE/, see stapkit_protocol.h. */
int stapkit_transport_create(void);
/* Removes them; waits for calls into them to end. */
void stapkit_transport_destroy(void);

#endif
