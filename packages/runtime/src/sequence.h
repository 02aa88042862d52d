/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef STAPKIT_SEQUENCE_H
#define STAPKIT_SEQUENCE_H

#include "stapkit.h"

/*
 * Runs the probes of @family (begin, end or error) in the order of their sequence numbers, those of one number in the
 * order of the script, in the leader of the current thread's group. Process context, under the session's mutex, with no
 * other probe armed.
 */
void stapkit_sequence_run(const struct stapkit_family *family);

#endif
