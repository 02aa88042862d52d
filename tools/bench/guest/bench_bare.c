// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The least that a probe can be: a kprobe whose handler does nothing. What a script's probe costs is counted from here. */
#include <linux/kprobes.h>
#include <linux/module.h>

static int hit(struct kprobe *kp, struct pt_regs *regs)
{
	return 0;
}

static struct kprobe probe = { .symbol_name = "bench_target:bench_target_hit", .pre_handler = hit };

static int __init bench_bare_init(void)
{
	return register_kprobe(&probe);
}

static void __exit bench_bare_exit(void)
{
	unregister_kprobe(&probe);
}

module_init(bench_bare_init);
module_exit(bench_bare_exit);
MODULE_LICENSE("Dual MIT/GPL");
