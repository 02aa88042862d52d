/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef STAPKIT_PARAMETER_H
#define STAPKIT_PARAMETER_H

#include "stapkit.h"

/* Carries out the module parameter `set`; 0 or -EINVAL with a line in the kernel's log. Before anything is allocated. */
int stapkit_parameter_apply(void);

#endif
