// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Functions of the tapset: who the current thread is. Plain loads from `current`, which is always there. */
#include <linux/cred.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>

#include "functions.h"

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
	s64 result;

	rcu_read_lock();
	result = rcu_dereference(current->real_parent)->tgid;
	rcu_read_unlock();
	return result;
}

s64 stapkit_fn_pgrp(struct stapkit_context *c)
{
	return task_pgrp_nr_ns(current, &init_pid_ns);
}

s64 stapkit_fn_sid(struct stapkit_context *c)
{
	return task_session_nr_ns(current, &init_pid_ns);
}

s64 stapkit_fn_uid(struct stapkit_context *c)
{
	return __kuid_val(current_uid());
}

s64 stapkit_fn_euid(struct stapkit_context *c)
{
	return __kuid_val(current_euid());
}

s64 stapkit_fn_gid(struct stapkit_context *c)
{
	return __kgid_val(current_gid());
}

s64 stapkit_fn_egid(struct stapkit_context *c)
{
	return __kgid_val(current_egid());
}

s64 stapkit_fn_cpu(struct stapkit_context *c)
{
	return raw_smp_processor_id();
}

s64 stapkit_fn_task_current(struct stapkit_context *c)
{
	return (s64)(unsigned long)current;
}

/* The name may change while it is copied; it never loses its NUL (see __set_task_comm()). */
static inline void copy_name(char *result, const struct task_struct *task)
{
	if (likely(stapkit_script.string_size >= TASK_COMM_LEN)) {
		/* A known size: two words. */
		memcpy(result, task->comm, TASK_COMM_LEN);
		result[TASK_COMM_LEN - 1] = '\0';
	} else {
		strscpy(result, task->comm, stapkit_script.string_size);
	}
}

void stapkit_fn_execname(struct stapkit_context *c, char *result)
{
	copy_name(result, current);
}

void stapkit_fn_pexecname(struct stapkit_context *c, char *result)
{
	rcu_read_lock();
	copy_name(result, rcu_dereference(current->real_parent));
	rcu_read_unlock();
}
