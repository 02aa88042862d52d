/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef STAPKIT_PROGRAM_H
#define STAPKIT_PROGRAM_H

#include <linux/path.h>

#include "stapkit.h"

/* A file that processes run. All families that go by a program's name ask here. */
struct stapkit_program {
	/*
	 * Held while it is wanted: then a look-up of the name finds the same inode, also where the file system makes a new
	 * one for each look-up, and the file system is not unmounted. Without a dentry there is no program.
	 */
	struct path path;
};

/*
 * Finds the file of that name. One without a folder is looked for where the system's programs are. 0 or a negative
 * errno. Process context.
 */
int stapkit_program_find(struct stapkit_program *program, const char *name);
/* Lets it go. May be called twice, or where nothing was found. Process context. */
void stapkit_program_forget(struct stapkit_program *program);

static inline bool stapkit_program_is_known(const struct stapkit_program *program)
{
	return program->path.dentry;
}

/*
 * True where the current process runs that file. It is asked of the process itself, so it is right from the moment that
 * exec gives it its new memory. Any context.
 */
bool stapkit_program_is_current(const struct stapkit_program *program);

#endif
