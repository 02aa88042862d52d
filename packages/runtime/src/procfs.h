/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef STAPKIT_PROCFS_H
#define STAPKIT_PROCFS_H

#include <linux/proc_fs.h>

#include "stapkit.h"

/* $value of a procfs or input probe: a text that the handler reads, or builds up. */
struct stapkit_procfs_text {
	char *bytes;
	u32 size;			/* with the NUL */
	u32 length;
};

/*
 * pde_data() since 5.17 (commit 359745d78351, "proc: remove PDE_DATA() completely"); it was PDE_DATA() before.
 */
static inline void *pde_data_of(const struct inode *inode)
{
#ifdef STAPKIT_HAVE_PDE_DATA_UPPER
	return PDE_DATA(inode);
#else
	return pde_data(inode);
#endif
}

#endif
