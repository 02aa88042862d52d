// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Deferred printing: PRINT records that the script's handlers fill in. */
#include <linux/atomic.h>

#include "ring.h"
#include "session.h"

u8 *stapkit_reserve(struct stapkit_context *c, u32 site, u32 size)
{
	struct stapkit_record *record = stapkit_ring_reserve(c->ring, STAPKIT_RECORD_PRINT, site, size, false);

	if (unlikely(!record)) {
		atomic64_inc((atomic64_t *)&stapkit_script.site_losses[site]);
		return NULL;
	}
	return (u8 *)(record + 1);
}

void stapkit_commit(struct stapkit_context *c)
{
	stapkit_ring_commit(c->ring);
}

void stapkit_print_text(struct stapkit_context *c, const char *text, u32 length)
{
	u32 room = stapkit_string_room(length);
	struct stapkit_record *record;

	record = stapkit_ring_reserve(c->ring, STAPKIT_RECORD_TEXT, c->probe->id, room, false);
	if (!record) {
		atomic64_inc((atomic64_t *)&c->probe->losses[STAPKIT_LOSS_RING_FULL]);
		return;
	}
	stapkit_put_string((u8 *)(record + 1), text, length);
	stapkit_ring_commit(c->ring);
}

void stapkit_exit(struct stapkit_context *c)
{
	stapkit_session_request_exit();
}
