// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * What the benchmarks probe: a function that is called as often as is written to /proc/bench_target, and how many
 * nanoseconds that took, which is read from there. Under QEMU's -icount these are instructions. With the parameter
 * in_kernel it is one of the kernel's own that does nothing: noop_fsync().
 */
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/uaccess.h>

static bool in_kernel;
module_param(in_kernel, bool, 0600);

static u64 last_duration;

noinline void bench_target_hit(unsigned long number)
{
	/* Not empty, or the compiler would leave out the calls. */
	asm volatile("" : : "r"(number) : "memory");
}

static ssize_t run(struct file *file, const char __user *buffer, size_t size, loff_t *position)
{
	unsigned long hits, i;
	u64 start;
	int err = kstrtoul_from_user(buffer, size, 10, &hits);

	if (err)
		return err;
	start = ktime_get_ns();
	for (i = 0; i < hits; i++) {
		if (in_kernel)
			noop_fsync(NULL, 0, 0, 0);
		else
			bench_target_hit(i);
		if ((i & 1023) == 1023)
			cond_resched();
	}
	last_duration = ktime_get_ns() - start;
	return size;
}

static ssize_t read_duration(struct file *file, char __user *buffer, size_t size, loff_t *position)
{
	char text[24];

	return simple_read_from_buffer(buffer, size, position, text,
				       scnprintf(text, sizeof(text), "%llu\n", last_duration));
}

static const struct proc_ops operations = {
	.proc_write = run,
	.proc_read = read_duration,
	.proc_lseek = default_llseek,
};

static int __init bench_target_init(void)
{
	return proc_create("bench_target", 0600, NULL, &operations) ? 0 : -ENOMEM;
}

static void __exit bench_target_exit(void)
{
	remove_proc_entry("bench_target", NULL);
}

module_init(bench_target_init);
module_exit(bench_target_exit);
MODULE_LICENSE("Dual MIT/GPL");
