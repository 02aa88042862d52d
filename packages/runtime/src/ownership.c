// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Whose process it is, for scripts made with --privilege=stapusr (stap(1), "UNPRIVILEGED USERS"): they see nothing that an
 * ordinary program of that user would be denied. What the kernel denies such a program is told by ptrace(2): a process is
 * a user's own where all its user ids are theirs, and it may be dumped. One that a set-user-id program has given up its
 * rights in, or whose file the user may not read, may still hold what is not for the user.
 */
#include <linux/mm_types.h>
#include <linux/rcupdate.h>
#include <linux/sched/coredump.h>

#include "context.h"
#include "ownership.h"
#include "ring.h"

#ifdef STAPKIT_HAVE_TASK_EXEC_STATE
#include <linux/sched/exec_state.h>
#endif

/* Whether the current process's own user may have it dumped. */
static bool is_dumpable(void)
{
#ifdef STAPKIT_HAVE_TASK_EXEC_STATE
	bool is;

	rcu_read_lock();
	is = READ_ONCE(rcu_dereference(current->exec_state)->dumpable) == TASK_DUMPABLE_OWNER;
	rcu_read_unlock();
	return is;
#else
	return get_dumpable(current->mm) == SUID_DUMP_USER;
#endif
}

bool stapkit_is_own_process(void)
{
	if (!stapkit_is_owner(current_cred()))
		return false;
	/* Root may look at all that is root's. */
	if (uid_eq(stapkit_session.owner, GLOBAL_ROOT_UID))
		return true;
	/* Without memory it is about to end, and nothing can be read of it. */
	return !current->mm || is_dumpable();
}

void stapkit_trespass(struct stapkit_context *c, const char *message, const char *place)
{
	u32 length;

	if (c->error)
		return;
	length = scnprintf(c->error_text, STAPKIT_ERROR_TEXT, "%s near %s", message, place);
	atomic64_inc(&stapkit_session.errors);
	stapkit_session_fail();
	stapkit_ring_text(STAPKIT_RECORD_ERROR, c->probe->id, c->error_text, length);
	/* Told already, and not for the script to catch. */
	c->aborted = 1;
	c->error = "aborted";
}

bool stapkit_expect_own_process(struct stapkit_context *c, const char *message, const char *place)
{
	if (stapkit_is_own_process())
		return true;
	stapkit_trespass(c, message, place);
	return false;
}
