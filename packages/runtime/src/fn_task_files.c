// SPDX-License-Identifier: GPL-2.0 OR MIT
/* A task's files: descriptors, executable, working directory. */
#include <linux/bitops.h>
#include <linux/fdtable.h>
#include <linux/fs_struct.h>
#include <linux/mm_types.h>

#include "fn_memory.h"

#define TASK(number) ((struct task_struct *)(unsigned long)(number))

/* A table that the task has left may be another's the next moment. */
static bool has_left(s64 task, const struct files_struct *files)
{
	struct files_struct *now;

	smp_rmb();
	return !stapkit_peek(&now, &TASK(task)->files, sizeof(now)) || now != files;
}

/* The table's head, all zeros for a task without one. */
static struct fdtable task_table(struct stapkit_context *c, s64 task, struct files_struct *files)
{
	struct fdtable table = {};
	struct fdtable *at;

	if (!files)
		return table;
	at = (struct fdtable *)STAPKIT_PEEK(c, files, fdt);
	if (at && !stapkit_peek(&table, at, sizeof(table))) {
		memset(&table, 0, sizeof(table));
		stapkit_fault(c, "kernel read", (unsigned long)at);
	}
	if (has_left(task, files))
		memset(&table, 0, sizeof(table));
	return table;
}

s64 stapkit_fn_task_open_file_handles(struct stapkit_context *c, s64 task)
{
	struct files_struct *files = STAPKIT_PEEK(c, TASK(task), files);
	struct fdtable table = task_table(c, task, files);
	u32 words = table.max_fds / BITS_PER_LONG;
	unsigned long bits;
	s64 count = 0;
	u32 at;

	/* A stale table may claim any size: a million descriptors are as many as a process may have by default. */
	words = min_t(u32, words, 1048576 / BITS_PER_LONG);
	for (at = 0; at < words; at++) {
		if (!stapkit_peek(&bits, table.open_fds + at, sizeof(bits))) {
			stapkit_fault(c, "kernel read", (unsigned long)(table.open_fds + at));
			return 0;
		}
		count += hweight_long(bits);
	}
	return has_left(task, files) ? 0 : count;
}

s64 stapkit_fn_task_max_file_handles(struct stapkit_context *c, s64 task)
{
	return task_table(c, task, STAPKIT_PEEK(c, TASK(task), files)).max_fds;
}

s64 stapkit_fn_task_fd_lookup(struct stapkit_context *c, s64 task, s64 fd)
{
	struct files_struct *files = STAPKIT_PEEK(c, TASK(task), files);
	struct fdtable table = task_table(c, task, files);
	struct file *file;

	if (fd < 0 || fd >= table.max_fds)
		return 0;
	if (!stapkit_peek(&file, table.fd + fd, sizeof(file))) {
		stapkit_fault(c, "kernel read", (unsigned long)(table.fd + fd));
		return 0;
	}
	return has_left(task, files) ? 0 : (s64)(unsigned long)file;
}

s64 stapkit_fn_task_exe_file(struct stapkit_context *c, s64 task)
{
	struct mm_struct *mm = STAPKIT_PEEK(c, TASK(task), mm);

	return mm ? (s64)(unsigned long)STAPKIT_PEEK(c, mm, exe_file) : 0;
}

s64 stapkit_fn_task_cwd_path(struct stapkit_context *c, s64 task)
{
	struct fs_struct *fs = STAPKIT_PEEK(c, TASK(task), fs);

	return fs ? (s64)(unsigned long)&fs->pwd : 0;
}
