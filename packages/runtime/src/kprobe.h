/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef STAPKIT_KPROBE_H
#define STAPKIT_KPROBE_H

#include <linux/kprobes.h>

#include "stapkit.h"

/* Fills in the place of @probe; @name holds its symbol's name until the kprobe has been registered. */
int stapkit_kprobe_place(struct kprobe *kp, const struct stapkit_probe *probe, char *name, size_t size);
/* Warns that the kernel refused @probe with @err. */
void stapkit_kprobe_refused(const struct stapkit_probe *probe, int err);

#endif
