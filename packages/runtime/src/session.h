/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef STAPKIT_SESSION_H
#define STAPKIT_SESSION_H

#include <linux/uidgid.h>

#include "stapkit.h"

/*
 * The life of a run, as stap(1) tells it: begin probes run in STARTING, all others in RUNNING; an exit request or an
 * error too many leads to STOPPING, in which nothing but end or error probes runs.
 */
enum stapkit_state {
	STAPKIT_IDLE = 0,
	STAPKIT_STARTING,
	STAPKIT_RUNNING,
	STAPKIT_STOPPING,
	STAPKIT_STOPPED,
};

struct stapkit_session {
	atomic_t state;
	atomic_t failed;		/* ended by errors: error probes run instead of end probes */
	atomic64_t errors;
	atomic64_t skipped;
	bool skips_told;		/* there is an ERROR record that says they were too many */
	s64 target;			/* target() */
	s64 reader;			/* process that started the run: stp_pid() */
	kuid_t owner;			/* and its user, or whom it acts for */
	bool has_owner;			/* the reader said who that is */
	s64 namespaces;			/* process whose namespaces ns_pid() and the like go by; 0: the reader */
	s32 timezone_offset;		/* seconds west of UTC, and the zone's name: as the reader told */
	char timezone_name[32];
	s32 remote_id;			/* remote_id() and remote_uri(): as the reader told; -1 and "" else */
	char remote_uri[256];
	u64 start_stamp;		/* when START and EXIT were due; 0 before */
	u64 exit_stamp;
	u64 end_stamp;
	bool detached;
};

extern struct stapkit_session stapkit_session;

static inline bool stapkit_running(void)
{
	return atomic_read(&stapkit_session.state) == STAPKIT_RUNNING;
}

/* Asks for the end of the run, from any context. */
void stapkit_session_request_exit(void);
/* An error or skipped probe too many: like an exit request, and error probes will run. */
void stapkit_session_fail(void);
/* The commands of the control file; process context. The first is refused where another than the owner attaches. */
int stapkit_session_set_owner(u32 user);
int stapkit_session_start(s64 target);
int stapkit_session_stop(void);
/* The reader has gone: stops the probes and has the module unloaded. */
void stapkit_session_abandon(void);

/* A WARNING record. Any context. */
void stapkit_warn(u32 probe, const char *text, u32 length);

#endif
