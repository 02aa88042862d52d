/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef STAPKIT_ENTRY_H
#define STAPKIT_ENTRY_H

#include <linux/ptrace.h>

#include "stapkit.h"

struct stapkit_entry_group;

/* A probe at a function's entry that is hit through ftrace. Part of the probe's own state. */
struct stapkit_entry {
	struct stapkit_probe *probe;
	/* Runs the probe, in the registers that a kprobe would give it. Any context, preemption on or off. */
	void (*hit)(struct stapkit_entry *entry, struct pt_regs *regs);
	/* ftrace does not take the function after all: it is no longer in a group. Process context. */
	void (*refused)(struct stapkit_entry *entry);
	/* entry.c's own */
	struct stapkit_entry_group *group;	/* NULL where the probe is not hit through ftrace */
	unsigned long ip;
	struct stapkit_entry *next;		/* another probe of the same function */
	bool on;
};

/* True where the script has so many probes at function entries that these are worth being armed all at once. */
bool stapkit_entry_many(void);
/* Takes @entry in, not armed, where its probe's function can be traced by ftrace; else its group stays NULL. */
void stapkit_entry_add(struct stapkit_entry *entry);
/* Says whether @entry, which has a group, is to be hit; it is from the next settling on. */
void stapkit_entry_switch(struct stapkit_entry *entry, bool on);
/* Arms and disarms what has been switched, all of it at once. A family's `settle`. Process context. */
void stapkit_entry_settle(void);
/* The module @name goes: its functions are let go of. */
void stapkit_entry_forget(const char *name);
/* Lets go of everything. When it returns no entry is being hit. */
void stapkit_entry_release(void);

#endif
