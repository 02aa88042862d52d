// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Addresses of symbols by name. kallsyms_lookup_name() has not been exported since 5.7 (commit 0bd476e6c671,
 * "kallsyms: unexport kallsyms_lookup_name() and kallsyms_on_each_symbol()"), but a kprobe on it tells where it is.
 */
#include <linux/kprobes.h>
#include <linux/mutex.h>

#include "symbol.h"

typedef unsigned long (*lookup_fn)(const char *name);

static DEFINE_MUTEX(lookup_mutex);
static lookup_fn lookup;

static int ignore(struct kprobe *kp, struct pt_regs *regs)
{
	return 0;
}

unsigned long stapkit_symbol_address(const char *name)
{
	unsigned long address = 0;

	mutex_lock(&lookup_mutex);
	if (!lookup) {
		struct kprobe kp = { .symbol_name = "kallsyms_lookup_name", .pre_handler = ignore };

		if (register_kprobe(&kp) == 0) {
			lookup = (lookup_fn)kp.addr;
			unregister_kprobe(&kp);
		}
	}
	if (lookup)
		address = lookup(name);
	mutex_unlock(&lookup_mutex);
	return address;
}
