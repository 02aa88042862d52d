/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef STAPKIT_KPROBE_H
#define STAPKIT_KPROBE_H

#include <linux/kprobes.h>

#include "stapkit.h"

/* Fills in the place of @probe; @name holds its symbol's name until the kprobe has been registered. */
int stapkit_kprobe_place(struct kprobe *kp, const struct stapkit_probe *probe, char *name, size_t size);

/* Where @probe goes; 0 where its symbol is not known. */
unsigned long stapkit_kprobe_address(const struct stapkit_probe *probe);

/*
 * Warns that the kernel refused @probe with @err. That its module is not loaded yet is no fault: it is armed when the
 * module comes.
 */
void stapkit_kprobe_refused(const struct stapkit_probe *probe, int err);

/*
 * Sets @addresses to those of the callers that @probe asks for, one an entry of its point; to NULL where it asks for
 * none. What was there is freed.
 */
int stapkit_kprobe_callers(const struct stapkit_probe *probe, unsigned long **addresses);
bool stapkit_kprobe_called_from(const struct stapkit_probe *probe, const unsigned long *addresses, struct pt_regs *regs);

/* Whether the function was called from where @probe asks for. Probe context. */
static inline bool stapkit_kprobe_called(const struct stapkit_probe *probe, const unsigned long *addresses,
					 struct pt_regs *regs)
{
	return likely(!addresses) || stapkit_kprobe_called_from(probe, addresses, regs);
}

/*
 * From follow to unfollow, the probes of @family in modules are armed when these are loaded, and disarmed when they go.
 * Where there are many, each is given to @attach before it is armed.
 */
int stapkit_kprobe_follow(const struct stapkit_family *family, void (*attach)(struct stapkit_probe *probe));
void stapkit_kprobe_unfollow(const struct stapkit_family *family);

#endif
