/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef STAPKIT_GLOBAL_H
#define STAPKIT_GLOBAL_H

#include "stapkit.h"

/* Allocates what the script's arrays and statistics need; process context. */
int stapkit_global_create(void);
void stapkit_global_destroy(void);
/* Prints the globals that are only written, when the run ends. */
void stapkit_global_print_all(void);
/* Prints what was measured (`stap -t`), last of all. */
void stapkit_global_report(void);

#endif
