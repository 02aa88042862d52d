// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * procfs("PATH").read and .write: files below /proc/systemtap/MODULE/. A read probe runs when a reader starts at the
 * file's beginning and fills a buffer that is then served; a write probe runs on each write, with what was written.
 */
#include <linux/fs.h>
#include <linux/mutex.h>
#include <linux/namei.h>
#include <linux/path.h>
#include <linux/proc_fs.h>
#include <linux/uaccess.h>

#include "context.h"
#include "procfs.h"
#include "session.h"

/* One file; a read and a write probe may share it. */
struct procfs_file {
	struct mutex mutex;
	struct stapkit_probe *read, *write;
	struct stapkit_procfs_text text;
	umode_t mode;
};

static struct proc_dir_entry *directory;

static const struct stapkit_procfs_point *point_of(const struct stapkit_probe *p)
{
	return p->point;
}

/* Runs a probe with the file's text as its $value. */
static void run(struct stapkit_probe *probe, struct procfs_file *file)
{
	struct stapkit_context *c;
	unsigned long flags;

	local_irq_save(flags);
	c = stapkit_context_enter(probe);
	if (c) {
		c->family_data = &file->text;
		probe->handler(c);
		stapkit_context_leave(c);
	}
	local_irq_restore(flags);
}

static ssize_t file_read(struct file *file, char __user *buffer, size_t size, loff_t *position)
{
	struct procfs_file *f = pde_data_of(file_inode(file));
	ssize_t done;

	if (mutex_lock_interruptible(&f->mutex))
		return -ERESTARTSYS;
	if (*position == 0) {
		f->text.length = 0;
		f->text.bytes[0] = '\0';
		if (f->read && READ_ONCE(f->read->armed))
			run(f->read, f);
	}
	done = simple_read_from_buffer(buffer, size, position, f->text.bytes, f->text.length);
	mutex_unlock(&f->mutex);
	return done;
}

static ssize_t file_write(struct file *file, const char __user *buffer, size_t size, loff_t *position)
{
	struct procfs_file *f = pde_data_of(file_inode(file));
	/* What $value can hold: the writer comes again with the rest. */
	size_t taken = min_t(size_t, size, min(f->text.size, stapkit_script.string_size) - 1);

	if (mutex_lock_interruptible(&f->mutex))
		return -ERESTARTSYS;
	if (copy_from_user(f->text.bytes, buffer, taken)) {
		mutex_unlock(&f->mutex);
		return -EFAULT;
	}
	f->text.bytes[taken] = '\0';
	f->text.length = taken;
	if (f->write && READ_ONCE(f->write->armed))
		run(f->write, f);
	mutex_unlock(&f->mutex);
	return taken;
}

static const struct proc_ops file_operations = {
	.proc_read = file_read,
	.proc_write = file_write,
	.proc_lseek = default_llseek,
};

/* The directory of all scripts with such probes; it stays, see transport.c. */
static int create_parent(void)
{
	struct path path;

	if (kern_path("/proc/systemtap", LOOKUP_FOLLOW, &path) == 0) {
		path_put(&path);
		return 0;
	}
	return proc_mkdir_mode("systemtap", 0755, NULL) ? 0 : -ENOMEM;
}

/* Makes the folders of a path with slashes, as far as no other probe has made them; gives the last one. */
static struct proc_dir_entry *create_folders(const struct stapkit_probe *probe, const char **name)
{
	struct proc_dir_entry *parent = directory;
	const char *path = point_of(probe)->path;
	const char *slash;

	while ((slash = strchr(path, '/')) != NULL) {
		char part[NAME_MAX + 1];
		size_t whole = slash - point_of(probe)->path;
		const struct stapkit_probe *p;
		bool made = false;

		strscpy(part, path, min_t(size_t, sizeof(part), slash - path + 1));
		stapkit_for_each_probe(p, &stapkit_family_procfs) {
			if (p >= probe)
				break;
			if (strncmp(point_of(p)->path, point_of(probe)->path, whole) == 0 &&
			    point_of(p)->path[whole] == '/')
				made = true;
		}
		/* There is no looking up of entries: a folder made for an earlier probe is reached by its path. */
		if (made)
			break;
		parent = proc_mkdir_mode(part, 0755, parent);
		if (!parent)
			return NULL;
		path = slash + 1;
	}
	*name = path;
	return parent;
}

static struct procfs_file *file_of_path(const struct stapkit_probe *probe)
{
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_procfs)
		if (p < probe && p->state && strcmp(point_of(p)->path, point_of(probe)->path) == 0)
			return p->state;
	return NULL;
}

static int prepare_one(struct stapkit_probe *p)
{
	const struct stapkit_procfs_point *point = point_of(p);
	struct procfs_file *f = file_of_path(p);
	/* stap(1): STP_PROCFS_BUFSIZE "Defaults to MAXSTRINGLEN", also where that is set when the module is loaded. */
	u32 size = point->maxsize			 ? point->maxsize :
		   stapkit_script.limits.procfs_bufsize ? stapkit_script.limits.procfs_bufsize :
							  stapkit_script.string_size;

	if (!f) {
		f = kzalloc(sizeof(*f), GFP_KERNEL);
		if (!f)
			return -ENOMEM;
		mutex_init(&f->mutex);
	}
	p->state = f;
	if (size + 1 > f->text.size) {
		char *bytes = vzalloc(size + 1);

		if (!bytes)
			return -ENOMEM;
		vfree(f->text.bytes);
		f->text.bytes = bytes;
		f->text.size = size + 1;
	}
	if (point->write)
		f->write = p;
	else
		f->read = p;
	f->mode |= (point->write ? 0222 : 0444) & ~(point->umask ? point->umask : 0077);
	return 0;
}

static int create_files(void)
{
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_procfs) {
		struct proc_dir_entry *parent;
		const char *name = NULL;

		if (file_of_path(p))
			continue;
		parent = create_folders(p, &name);
		if (!parent || !proc_create_data(name, ((struct procfs_file *)p->state)->mode, parent,
						 &file_operations, p->state))
			return -ENOMEM;
	}
	return 0;
}

static int procfs_prepare(void)
{
	char path[MODULE_NAME_LEN + 16];
	struct stapkit_probe *p;
	int err;

	stapkit_for_each_probe(p, &stapkit_family_procfs) {
		err = prepare_one(p);
		if (err)
			return err;
	}
	err = create_parent();
	if (err)
		return err;
	snprintf(path, sizeof(path), "systemtap/%s", THIS_MODULE->name);
	directory = proc_mkdir_mode(path, 0755, NULL);
	if (!directory)
		return -ENOMEM;
	return create_files();
}

static void procfs_finish(void)
{
	struct stapkit_probe *p;

	proc_remove(directory);
	directory = NULL;
	stapkit_for_each_probe(p, &stapkit_family_procfs) {
		struct procfs_file *f = p->state;

		p->state = NULL;
		/* Shared by two probes: the last one frees it. */
		if (!f)
			continue;
		if (f->read == p)
			f->read = NULL;
		else if (f->write == p)
			f->write = NULL;
		if (f->read || f->write)
			continue;
		vfree(f->text.bytes);
		kfree(f);
	}
}

const struct stapkit_family stapkit_family_procfs = {
	.name = "procfs",
	.prepare = procfs_prepare,
	.finish = procfs_finish,
};
