// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Functions of the tapset: ids as they are seen in the namespaces of the process that was named for it, else of the one
 * that runs the script. When that one has gone, they are the initial namespaces' ids.
 */
#include <linux/cred.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/rcupdate.h>
#include <linux/user_namespace.h>

#include "fn_memory.h"
#include "session.h"

#define TASK(number) ((struct task_struct *)(unsigned long)(number))

/* That process's task, or NULL; under rcu_read_lock(). */
static struct task_struct *reader(void)
{
	s64 pid = stapkit_session.namespaces > 0 ? stapkit_session.namespaces : stapkit_session.reader;

	return pid > 0 ? pid_task(find_pid_ns((int)pid, &init_pid_ns), PIDTYPE_TGID) : NULL;
}

static s64 pid_number(struct task_struct *task, enum pid_type type)
{
	struct pid_namespace *ns = NULL;
	struct task_struct *process;
	s64 number;

	rcu_read_lock();
	process = reader();
	if (process)
		ns = task_active_pid_ns(process);
	number = __task_pid_nr_ns(task, type, ns ? ns : &init_pid_ns);
	rcu_read_unlock();
	return number;
}

static s64 user_number(kuid_t uid)
{
	struct task_struct *process;
	s64 number;

	rcu_read_lock();
	process = reader();
	number = from_kuid_munged(process ? __task_cred(process)->user_ns : &init_user_ns, uid);
	rcu_read_unlock();
	return number;
}

static s64 group_number(kgid_t gid)
{
	struct task_struct *process;
	s64 number;

	rcu_read_lock();
	process = reader();
	number = from_kgid_munged(process ? __task_cred(process)->user_ns : &init_user_ns, gid);
	rcu_read_unlock();
	return number;
}

s64 stapkit_fn_ns_pid(struct stapkit_context *c)
{
	return pid_number(current, PIDTYPE_TGID);
}

s64 stapkit_fn_ns_tid(struct stapkit_context *c)
{
	return pid_number(current, PIDTYPE_PID);
}

s64 stapkit_fn_ns_ppid(struct stapkit_context *c)
{
	s64 number;

	rcu_read_lock();
	number = pid_number(rcu_dereference(current->real_parent), PIDTYPE_TGID);
	rcu_read_unlock();
	return number;
}

s64 stapkit_fn_ns_pgrp(struct stapkit_context *c)
{
	return pid_number(current, PIDTYPE_PGID);
}

s64 stapkit_fn_ns_sid(struct stapkit_context *c)
{
	return pid_number(current, PIDTYPE_SID);
}

s64 stapkit_fn_ns_uid(struct stapkit_context *c)
{
	return user_number(current_uid());
}

s64 stapkit_fn_ns_euid(struct stapkit_context *c)
{
	return user_number(current_euid());
}

s64 stapkit_fn_ns_gid(struct stapkit_context *c)
{
	return group_number(current_gid());
}

s64 stapkit_fn_ns_egid(struct stapkit_context *c)
{
	return group_number(current_egid());
}

/* The same for any task: its id is looked up again, so that a stale pointer is no more than a task that is not there. */
static s64 task_number(struct stapkit_context *c, s64 task, bool group)
{
	pid_t id = STAPKIT_PEEK(c, TASK(task), pid);
	struct task_struct *found;
	s64 number = 0;

	rcu_read_lock();
	found = id > 0 ? pid_task(find_pid_ns(id, &init_pid_ns), PIDTYPE_PID) : NULL;
	if (found == TASK(task))
		number = pid_number(found, group ? PIDTYPE_TGID : PIDTYPE_PID);
	rcu_read_unlock();
	return number;
}

s64 stapkit_fn_task_ns_pid(struct stapkit_context *c, s64 task)
{
	return task_number(c, task, true);
}

s64 stapkit_fn_task_ns_tid(struct stapkit_context *c, s64 task)
{
	return task_number(c, task, false);
}

static struct cred *credentials(struct stapkit_context *c, s64 task)
{
	return (struct cred *)STAPKIT_PEEK(c, TASK(task), real_cred);
}

s64 stapkit_fn_task_ns_uid(struct stapkit_context *c, s64 task)
{
	struct cred *cred = credentials(c, task);

	return cred ? user_number(STAPKIT_PEEK(c, cred, uid)) : 0;
}

s64 stapkit_fn_task_ns_euid(struct stapkit_context *c, s64 task)
{
	struct cred *cred = credentials(c, task);

	return cred ? user_number(STAPKIT_PEEK(c, cred, euid)) : 0;
}

s64 stapkit_fn_task_ns_gid(struct stapkit_context *c, s64 task)
{
	struct cred *cred = credentials(c, task);

	return cred ? group_number(STAPKIT_PEEK(c, cred, gid)) : 0;
}

s64 stapkit_fn_task_ns_egid(struct stapkit_context *c, s64 task)
{
	struct cred *cred = credentials(c, task);

	return cred ? group_number(STAPKIT_PEEK(c, cred, egid)) : 0;
}
