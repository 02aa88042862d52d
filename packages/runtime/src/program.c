// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Which program a process runs.
 *
 * Two names of one file are one program, and a file is what its inode says. One that lies in an overlay has two: the
 * overlay's, which stays the same when the file is copied up, and that of the layer below, which is the one that any other
 * way to the file leads to. And there are file systems, 9p among them, that make a new inode for each name that is looked
 * up: those of one file have the same number. So it is the same program where the inode is the same, or else where the one
 * below is of the same file system and number. The numbers of btrfs are each subvolume's own: two programs of different
 * subvolumes that have the same are not told apart.
 */
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/mm_types.h>
#include <linux/namei.h>
#include <linux/sched.h>

#include "program.h"

/* Where a program is looked for that is named without a folder. */
static const char *const folders[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin" };

int stapkit_program_find(struct stapkit_program *program, const char *name)
{
	char text[256];
	int err = -ENOENT;
	u32 i;

	stapkit_program_forget(program);
	if (strchr(name, '/'))
		return kern_path(name, LOOKUP_FOLLOW, &program->path);
	for (i = 0; err && i < ARRAY_SIZE(folders); i++) {
		if (snprintf(text, sizeof(text), "%s/%s", folders[i], name) >= sizeof(text))
			return -ENAMETOOLONG;
		err = kern_path(text, LOOKUP_FOLLOW, &program->path);
	}
	return err;
}

void stapkit_program_forget(struct stapkit_program *program)
{
	if (stapkit_program_is_known(program))
		path_put(&program->path);
	program->path = (struct path){};
}

static bool is_same_file(const struct dentry *a, const struct dentry *b)
{
	const struct inode *below_a, *below_b;

	if (d_inode(a) == d_inode(b))
		return true;
	below_a = d_real_inode(a);
	below_b = d_real_inode(b);
	return below_a && below_b && below_a->i_sb == below_b->i_sb && below_a->i_ino == below_b->i_ino;
}

bool stapkit_program_is_current(const struct stapkit_program *program)
{
	const struct file *file;
	bool is = false;

	if (!stapkit_program_is_known(program) || !current->mm)
		return false;
	rcu_read_lock();
	file = rcu_dereference(current->mm->exe_file);
	if (file)
		is = is_same_file(file->f_path.dentry, program->path.dentry);
	rcu_read_unlock();
	return is;
}
