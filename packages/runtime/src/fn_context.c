// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Functions of the tapset: the current task and CPU. */
#include <linux/cred.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include "functions.h"
#include "session.h"

s64 stapkit_fn_pid(struct stapkit_context *c)
{
	return current->tgid;
}

s64 stapkit_fn_tid(struct stapkit_context *c)
{
	return current->pid;
}

s64 stapkit_fn_ppid(struct stapkit_context *c)
{
	s64 pid;

	rcu_read_lock();
	pid = rcu_dereference(current->real_parent)->tgid;
	rcu_read_unlock();
	return pid;
}

void stapkit_fn_execname(struct stapkit_context *c, char *result)
{
	strscpy(result, current->comm, min_t(u32, TASK_COMM_LEN, stapkit_script.string_size));
}

s64 stapkit_fn_cpu(struct stapkit_context *c)
{
	return raw_smp_processor_id();
}
