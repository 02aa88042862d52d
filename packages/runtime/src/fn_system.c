// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Functions of the tapset: commands that staprun runs for the script. */
#include "fn_memory.h"
#include "ring.h"

void stapkit_fn_system(struct stapkit_context *c, const char *command)
{
	if (!stapkit_ring_text(STAPKIT_RECORD_SYSTEM, c->probe->id, command, strlen(command)))
		atomic64_inc((atomic64_t *)&c->probe->losses[STAPKIT_LOSS_RING_FULL]);
}
