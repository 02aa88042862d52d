// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The life of a run: module load, start, exit, unload. Everything here is process context unless it says otherwise.
 */
#include <linux/cred.h>
#include <linux/init.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/umh.h>
#include <linux/workqueue.h>

#include "session.h"
#include "condition.h"
#include "context.h"
#include "global.h"
#include "parameter.h"
#include "ring.h"
#include "sequence.h"
#include "transport.h"

MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("a stapkit script");

struct stapkit_session stapkit_session = { .remote_id = -1 };

/* Serializes start, stop and unload. */
static DEFINE_MUTEX(session_mutex);
static u32 prepared_families;
static u32 armed_families;

static void abandon_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(stapkit_abandon_work, abandon_work);

void stapkit_session_request_exit(void)
{
	/* In the begin probes as well as later; whoever comes first sets the stamp. */
	if (atomic_cmpxchg(&stapkit_session.state, STAPKIT_RUNNING, STAPKIT_STOPPING) != STAPKIT_RUNNING &&
	    atomic_cmpxchg(&stapkit_session.state, STAPKIT_STARTING, STAPKIT_STOPPING) != STAPKIT_STARTING)
		return;
	WRITE_ONCE(stapkit_session.exit_stamp, ktime_get_mono_fast_ns());
	stapkit_ring_wake();
}

void stapkit_session_fail(void)
{
	atomic_set(&stapkit_session.failed, 1);
	stapkit_session_request_exit();
}

static void disarm_families(void)
{
	stapkit_condition_stop();
	while (armed_families > 0) {
		const struct stapkit_family *family = stapkit_script.families[--armed_families];

		if (family->disarm)
			family->disarm();
	}
}

static void finish_families(void)
{
	while (prepared_families > 0) {
		const struct stapkit_family *family = stapkit_script.families[--prepared_families];

		if (family->finish)
			family->finish();
	}
}

static int prepare_families(void)
{
	int err;

	for (; prepared_families < stapkit_script.family_count; prepared_families++) {
		const struct stapkit_family *family = stapkit_script.families[prepared_families];

		err = family->prepare ? family->prepare() : 0;
		if (err)
			return err;
	}
	return 0;
}

static int arm_families(void)
{
	u32 i;
	int err;

	for (; armed_families < stapkit_script.family_count; armed_families++) {
		const struct stapkit_family *family = stapkit_script.families[armed_families];

		err = family->arm ? family->arm() : 0;
		if (err)
			return err;
	}
	for (i = 0; i < stapkit_script.family_count; i++)
		if (stapkit_script.families[i]->settle)
			stapkit_script.families[i]->settle();
	return 0;
}

int stapkit_session_set_owner(u32 user)
{
	const kuid_t owner = KUIDT_INIT(user);
	int err = 0;

	mutex_lock(&session_mutex);
	if (atomic_read(&stapkit_session.state) == STAPKIT_IDLE) {
		stapkit_session.owner = owner;
		stapkit_session.has_owner = true;
	} else if (stapkit_script.own_processes && !uid_eq(stapkit_session.owner, owner)) {
		err = -EPERM;
	}
	mutex_unlock(&session_mutex);
	return err;
}

int stapkit_session_start(s64 target)
{
	int err = 0;

	mutex_lock(&session_mutex);
	if (atomic_cmpxchg(&stapkit_session.state, STAPKIT_IDLE, STAPKIT_STARTING) != STAPKIT_IDLE) {
		err = -EALREADY;
		goto unlock;
	}
	stapkit_session.target = target;
	stapkit_session.reader = current->tgid;
	if (!stapkit_session.has_owner)
		stapkit_session.owner = current_uid();
	err = prepare_families();
	if (err) {
		atomic_set(&stapkit_session.failed, 1);
		atomic_set(&stapkit_session.state, STAPKIT_STOPPING);
		goto unlock;
	}
	stapkit_sequence_run(&stapkit_family_begin);
	if (atomic_read(&stapkit_session.state) == STAPKIT_STARTING) {
		stapkit_condition_start(stapkit_context_enter_sequence(NULL));
		/* RUNNING first: a probe that fires while others are being armed is a hit like any other. */
		atomic_cmpxchg(&stapkit_session.state, STAPKIT_STARTING, STAPKIT_RUNNING);
		err = arm_families();
		if (err) {
			atomic_set(&stapkit_session.failed, 1);
			atomic_set(&stapkit_session.state, STAPKIT_STOPPING);
			disarm_families();
			goto unlock;
		}
	}
	WRITE_ONCE(stapkit_session.start_stamp, ktime_get_mono_fast_ns());
	stapkit_ring_wake();
unlock:
	mutex_unlock(&session_mutex);
	return err;
}

/* Stops the probes and, where @run_end, runs the end or error probes. */
static void session_stop(bool run_end)
{
	int state = atomic_read(&stapkit_session.state);

	if (state == STAPKIT_STOPPED)
		return;
	if (state != STAPKIT_IDLE) {
		atomic_set(&stapkit_session.state, STAPKIT_STOPPING);
		disarm_families();
		/* Handlers run with interrupts off, so this waits for the last of them. */
		synchronize_rcu();
		if (run_end && stapkit_session.start_stamp) {
			/* The handlers may have left the rings full; what end probes print is what the run was for. */
			stapkit_ring_make_way();
			if (atomic_read(&stapkit_session.failed)) {
				stapkit_sequence_run(&stapkit_family_error);
			} else {
				stapkit_sequence_run(&stapkit_family_end);
				stapkit_global_print_all();
			}
			stapkit_global_report();
		}
		finish_families();
	}
	atomic_set(&stapkit_session.state, STAPKIT_STOPPED);
	WRITE_ONCE(stapkit_session.end_stamp, ktime_get_mono_fast_ns());
	stapkit_ring_wake();
}

int stapkit_session_stop(void)
{
	mutex_lock(&session_mutex);
	session_stop(true);
	mutex_unlock(&session_mutex);
	return 0;
}

static void abandon_work(struct work_struct *work)
{
	static char *environment[] = { "HOME=/", "PATH=/sbin:/usr/sbin:/bin:/usr/bin", NULL };
	char *arguments[] = { "/sbin/rmmod", THIS_MODULE->name, NULL };

	mutex_lock(&session_mutex);
	session_stop(false);
	mutex_unlock(&session_mutex);
	/* Nobody waits: this work must be able to end before the module goes. */
	call_usermodehelper(arguments[0], arguments, environment, UMH_WAIT_EXEC);
}

void stapkit_session_abandon(void)
{
	/* After a run that ended in order the reader unloads the module itself; this is for one that dies before it does. */
	schedule_delayed_work(&stapkit_abandon_work,
			      atomic_read(&stapkit_session.state) == STAPKIT_STOPPED ? HZ : 0);
}

static int __init stapkit_init(void)
{
	int err;

	if (stapkit_script.abi != STAPKIT_ABI_VERSION) {
		pr_err("stapkit: %s was made for ABI %u, the runtime has %u\n", THIS_MODULE->name, stapkit_script.abi,
		       STAPKIT_ABI_VERSION);
		return -EINVAL;
	}
	err = stapkit_parameter_apply();
	if (err)
		return err;
	err = stapkit_ring_create();
	if (err)
		return err;
	err = stapkit_context_create();
	if (err)
		goto destroy_ring;
	err = stapkit_global_create();
	if (err)
		goto destroy_context;
	err = stapkit_script.start ? stapkit_script.start() : 0;
	if (err)
		goto destroy_global;
	err = stapkit_transport_create();
	if (err)
		goto stop_script;
	return 0;

stop_script:
	if (stapkit_script.stop)
		stapkit_script.stop();
destroy_global:
	stapkit_global_destroy();
destroy_context:
	stapkit_context_destroy();
destroy_ring:
	stapkit_ring_destroy();
	return err;
}

static void __exit stapkit_exit_module(void)
{
	/* First the end, of which a reader that waits is told; removing the files waits for it to leave. */
	mutex_lock(&session_mutex);
	session_stop(false);
	mutex_unlock(&session_mutex);
	/* No file can be opened after this, and those that were open have been closed. */
	stapkit_transport_destroy();
	cancel_delayed_work_sync(&stapkit_abandon_work);
	if (stapkit_script.stop)
		stapkit_script.stop();
	stapkit_global_destroy();
	stapkit_context_destroy();
	stapkit_ring_destroy();
}

module_init(stapkit_init);
module_exit(stapkit_exit_module);
