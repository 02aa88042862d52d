// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Deferred printing: PRINT records that the script's handlers fill in. */
#include <linux/atomic.h>
#include <linux/uaccess.h>

#include "memory.h"
#include "ring.h"
#include "session.h"

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

u8 *stapkit_put_memory(u8 *at, u64 address, u32 length, bool user)
{
	u32 room = stapkit_string_room(length);

	memset(at, 0, room);
	*(u32 *)at = length;
	if (user)
		(void)!copy_from_user_nofault(at + 4, (const void __user *)(unsigned long)address, length);
	else
		(void)!stapkit_copy_kernel(at + 4, address, length);
	return at + room;
}

void stapkit_check_memory(struct stapkit_context *c, u64 address, u32 length, bool user)
{
	u32 done;

	for (done = 0; done < length;) {
		u8 piece[64];
		u32 size = min_t(u32, length - done, sizeof(piece));
		const void *from = (const void *)(unsigned long)(address + done);

		if (user ? copy_from_user_nofault(piece, (const void __user *)from, size) :
			   stapkit_copy_kernel(piece, (unsigned long)from, size)) {
			stapkit_error(c, "%s string copy fault at 0x%016llx [man error::fault]", user ? "user" : "kernel", address + done);
			return;
		}
		done += size;
	}
}
