/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What every file of the runtime includes: the kernel's headers that all need, the facts about the target kernel that
 * kbuild found out, and the ABI that scripts see.
 */
#ifndef STAPKIT_H
#define STAPKIT_H

#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/types.h>
#include <linux/string.h>
#include <linux/percpu.h>
#include <linux/smp.h>
#include <linux/sched.h>
#include <linux/ktime.h>
#include <linux/timekeeping.h>
#include <linux/vmalloc.h>
#include <linux/slab.h>

#include "kernel_features.h"
#include "../include/stapkit_abi.h"
#include "../include/stapkit_protocol.h"

#define stapkit_for_each_probe(p, of) \
	for (p = stapkit_script.probes; p < stapkit_script.probes + stapkit_script.probe_count; p++) \
		if (p->family == (of))

#endif
