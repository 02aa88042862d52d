/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef STAPKIT_OWNERSHIP_H
#define STAPKIT_OWNERSHIP_H

#include <linux/cred.h>

#include "session.h"

/* Whether the current process belongs to the user who runs the script. Any context. */
bool stapkit_is_own_process(void);

/* Whether probes may look at the current process. Any context. */
static inline bool stapkit_may_observe(void)
{
	return likely(!stapkit_script.own_processes) || stapkit_is_own_process();
}

/* Whether a user is the one who runs the script, in all that they act as. */
static inline bool stapkit_is_owner(const struct cred *cred)
{
	const kuid_t owner = stapkit_session.owner;

	return uid_eq(cred->uid, owner) && uid_eq(cred->euid, owner) && uid_eq(cred->suid, owner);
}

#endif
