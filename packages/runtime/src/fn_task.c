// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The task_* functions. A task is handed over as a number that may be stale or wrong, so every member is read with a
 * copy that can fail.
 */
#include <linux/cred.h>
#include <linux/fdtable.h>
#include <linux/fs_struct.h>
#include <linux/mm_types.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/rcupdate.h>
#include <linux/sched/prio.h>

#include "fn_memory.h"

#define TASK(number) ((struct task_struct *)(unsigned long)(number))

s64 stapkit_fn_task_pid(struct stapkit_context *c, s64 task)
{
	return STAPKIT_PEEK(c, TASK(task), tgid);
}

s64 stapkit_fn_task_tid(struct stapkit_context *c, s64 task)
{
	return STAPKIT_PEEK(c, TASK(task), pid);
}

s64 stapkit_fn_task_parent(struct stapkit_context *c, s64 task)
{
	return (s64)(unsigned long)STAPKIT_PEEK(c, TASK(task), real_parent);
}

s64 stapkit_fn_task_state(struct stapkit_context *c, s64 task)
{
	int exit_state = STAPKIT_PEEK(c, TASK(task), exit_state);

	if (exit_state)
		return exit_state;
#ifdef STAPKIT_HAVE_TASK_UNDERSCORE_STATE
	return STAPKIT_PEEK(c, TASK(task), __state);
#else
	return STAPKIT_PEEK(c, TASK(task), state);
#endif
}

static struct cred *task_credentials(struct stapkit_context *c, s64 task)
{
	return (struct cred *)STAPKIT_PEEK(c, TASK(task), real_cred);
}

s64 stapkit_fn_task_uid(struct stapkit_context *c, s64 task)
{
	struct cred *cred = task_credentials(c, task);

	return cred ? (s64)__kuid_val(STAPKIT_PEEK(c, cred, uid)) : 0;
}

s64 stapkit_fn_task_euid(struct stapkit_context *c, s64 task)
{
	struct cred *cred = task_credentials(c, task);

	return cred ? (s64)__kuid_val(STAPKIT_PEEK(c, cred, euid)) : 0;
}

s64 stapkit_fn_task_gid(struct stapkit_context *c, s64 task)
{
	struct cred *cred = task_credentials(c, task);

	return cred ? (s64)__kgid_val(STAPKIT_PEEK(c, cred, gid)) : 0;
}

s64 stapkit_fn_task_egid(struct stapkit_context *c, s64 task)
{
	struct cred *cred = task_credentials(c, task);

	return cred ? (s64)__kgid_val(STAPKIT_PEEK(c, cred, egid)) : 0;
}

s64 stapkit_fn_task_prio(struct stapkit_context *c, s64 task)
{
	return STAPKIT_PEEK(c, TASK(task), prio) - MAX_RT_PRIO;
}

s64 stapkit_fn_task_nice(struct stapkit_context *c, s64 task)
{
	return PRIO_TO_NICE(STAPKIT_PEEK(c, TASK(task), static_prio));
}

s64 stapkit_fn_task_cpu(struct stapkit_context *c, s64 task)
{
#ifdef STAPKIT_HAVE_THREAD_INFO_CPU
	return STAPKIT_PEEK(c, TASK(task), thread_info.cpu);
#else
	return STAPKIT_PEEK(c, TASK(task), cpu);
#endif
}

s64 stapkit_fn_task_utime(struct stapkit_context *c, s64 task)
{
	return STAPKIT_PEEK(c, TASK(task), utime);
}

s64 stapkit_fn_task_stime(struct stapkit_context *c, s64 task)
{
	return STAPKIT_PEEK(c, TASK(task), stime);
}

s64 stapkit_fn_task_start_time(struct stapkit_context *c, s64 task)
{
	return STAPKIT_PEEK(c, TASK(task), start_time);
}

/* The task of an id in the initial namespace, or 0. It may go away at any time; whoever reads from it reads safely. */
s64 stapkit_fn_pid2task(struct stapkit_context *c, s64 pid)
{
	struct task_struct *task = NULL;

	if (pid <= 0 || pid > S32_MAX)
		return 0;
	rcu_read_lock();
	task = pid_task(find_pid_ns((int)pid, &init_pid_ns), PIDTYPE_PID);
	rcu_read_unlock();
	return (s64)(unsigned long)task;
}

void stapkit_fn_task_execname(struct stapkit_context *c, char *result, s64 task)
{
	char name[TASK_COMM_LEN];

	if (!stapkit_peek(name, TASK(task)->comm, sizeof(name))) {
		stapkit_fault(c, "kernel read", (u64)(unsigned long)TASK(task)->comm);
		result[0] = '\0';
		return;
	}
	name[sizeof(name) - 1] = '\0';
	strscpy(result, name, stapkit_string_size());
}
