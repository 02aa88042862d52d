// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Per-CPU ring buffers: written without locks from any context, read in batches.
 *
 * The writer's protocol, outermost writer first:
 *
 *   nest++                   with a full barrier where it was 0
 *   stamp = clock; head += size, by local compare-and-exchange: retried, with a new stamp, where an NMI came between,
 *                            so stamps never go down within a ring
 *   … fill in the record …
 *   nest-- ; where it gets 0: published = head, and again where an NMI has moved head meanwhile
 *
 * The reader's promise is the watermark: every record stamped below it has been delivered. It reads the clock, then a
 * full barrier, then each ring's nest. A ring with nest == 0 can only get records that are stamped later. Of a ring
 * that is being written to, all that is known is that its next record is no older than its last one.
 */
#include <linux/irqflags.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "ring.h"
#include "session.h"
#include "transport.h"

static struct stapkit_ring *rings;
static DECLARE_WAIT_QUEUE_HEAD(ring_wait_queue);
/* With so many bytes waiting a reader starts at once. */
#define READ_AT_ONCE 32768

/* Set by a reader that sleeps; the writer that clears it wakes it. */
static int reader_waiting;
/* Set where a reader was waited for in vain; cleared by the next that takes something. */
static bool reader_stuck;
/* The newest stamp delivered and the last watermark: where the first is not below the second, another is due. */
static u64 delivered_stamp;
static u64 delivered_watermark;

struct stapkit_ring *stapkit_ring_of(u32 cpu)
{
	return &rings[cpu];
}

static void wake_reader(struct irq_work *work)
{
	wake_up_interruptible(&ring_wait_queue);
}

void stapkit_ring_wake(void)
{
	/* Pairs with the barrier of set_current_state() in the reader's wait. */
	smp_mb();
	if (READ_ONCE(reader_waiting) && xchg(&reader_waiting, 0)) {
		preempt_disable();
		irq_work_queue(&rings[smp_processor_id()].work);
		preempt_enable();
	}
}

int stapkit_ring_create(void)
{
	size_t size = roundup_pow_of_two(clamp_t(s64, stapkit_script.limits.buffer_size, 65536, 1 << 30));
	u32 cpu;

	rings = vzalloc(array_size(nr_cpu_ids, sizeof(*rings)));
	if (!rings)
		return -ENOMEM;
	for_each_possible_cpu(cpu) {
		struct stapkit_ring *ring = &rings[cpu];

		ring->data = vzalloc_node(size, cpu_to_node(cpu));
		if (!ring->data) {
			stapkit_ring_destroy();
			return -ENOMEM;
		}
		ring->mask = size - 1;
		ring->cpu = cpu;
		local_set(&ring->head, 0);
		local_set(&ring->tail, 0);
		init_irq_work(&ring->work, wake_reader);
	}
	return 0;
}

void stapkit_ring_destroy(void)
{
	u32 cpu;

	if (!rings)
		return;
	for_each_possible_cpu(cpu) {
		if (rings[cpu].data) {
			irq_work_sync(&rings[cpu].work);
			vfree(rings[cpu].data);
		}
	}
	vfree(rings);
	rings = NULL;
}

/*
 * Moves the tail of an overwriting ring past its oldest records until @need bytes are free; false where that would
 * take records that are still being written.
 */
static bool make_room(struct stapkit_ring *ring, unsigned long head, u32 need)
{
	unsigned long tail = local_read(&ring->tail);

	while (head + need - tail > (unsigned long)ring->mask + 1) {
		struct stapkit_record *oldest;
		unsigned long next;

		if (tail == READ_ONCE(ring->published))
			return false;
		oldest = (struct stapkit_record *)(ring->data + (tail & ring->mask));
		next = tail + oldest->length;
		tail = local_cmpxchg(&ring->tail, tail, next) == tail ? next : local_read(&ring->tail);
	}
	return true;
}

static __always_inline struct stapkit_record *reserve(struct stapkit_ring *ring, u16 kind, u32 site, u32 payload,
						      bool important)
{
	u32 length = sizeof(struct stapkit_record) + ALIGN(payload, 8);
	u32 limit = ring->mask + 1 - (important ? 0 : STAPKIT_RING_RESERVE);
	struct stapkit_record *record;
	unsigned long head;
	u32 pad, at;
	u64 stamp;

	/* An NMI between the read and the write leaves nest as it found it. */
	WRITE_ONCE(ring->nest, ring->nest + 1);
	if (ring->nest == 1)
		smp_mb();
	do {
		stamp = ktime_get_mono_fast_ns();
		head = local_read(&ring->head);
		at = head & ring->mask;
		pad = at + length > ring->mask + 1 ? ring->mask + 1 - at : 0;
		if (unlikely(head + pad + length - (unsigned long)local_read(&ring->tail) > limit)) {
			if (!READ_ONCE(ring->overwrite) || length > limit / 2 || !make_room(ring, head, pad + length))
				goto full;
		}
	} while (local_cmpxchg(&ring->head, head, head + pad + length) != head);
	if (unlikely(pad)) {
		record = (struct stapkit_record *)(ring->data + at);
		record->length = pad;
		record->kind = STAPKIT_RECORD_PAD;
		record->cpu = ring->cpu;
		/* The end of the ring may cut a PAD's header short after its first 8 bytes. */
		if (pad >= sizeof(*record)) {
			record->site = 0;
			record->reserved = 0;
			record->stamp = stamp;
		}
		at = 0;
	}
	record = (struct stapkit_record *)(ring->data + at);
	record->length = length;
	record->kind = kind;
	record->cpu = ring->cpu;
	record->site = site;
	record->reserved = 0;
	record->stamp = stamp;
	ring->reserved_stamp = stamp;
	return record;
full:
	stapkit_ring_commit(ring);
	return NULL;
}

struct stapkit_record *stapkit_ring_reserve(struct stapkit_ring *ring, u16 kind, u32 site, u32 payload, bool important)
{
	return reserve(ring, kind, site, payload, important);
}

/* For the handlers' own prints, with nothing in between. Those that may sleep wait for room. */
u8 *stapkit_reserve(struct stapkit_context *c, u32 site, u32 size)
{
	struct stapkit_record *record = reserve(c->ring, STAPKIT_RECORD_PRINT, site, size, false);

	if (unlikely(!record) && c->interruptible && stapkit_transport_has_reader()) {
		stapkit_ring_make_way();
		record = reserve(c->ring, STAPKIT_RECORD_PRINT, site, size, false);
	}
	if (unlikely(!record)) {
		atomic64_inc((atomic64_t *)&stapkit_script.site_losses[site]);
		return NULL;
	}
	return (u8 *)(record + 1);
}

static __always_inline void commit(struct stapkit_ring *ring)
{
	unsigned long head;

	if (ring->nest > 1) {
		WRITE_ONCE(ring->nest, ring->nest - 1);
		return;
	}
	do {
		head = local_read(&ring->head);
		/* Before the records become visible: a reader that sees them must not take an older bound. */
		WRITE_ONCE(ring->last_stamp, ring->reserved_stamp);
		smp_store_release(&ring->published, head);
		barrier();
		smp_store_release(&ring->nest, 0);
		barrier();
		if (likely(head == (unsigned long)local_read(&ring->head)))
			break;
		/* An NMI took room after `head` was read and saw itself nested: publish for it. */
		if (READ_ONCE(ring->nest) != 0 || READ_ONCE(ring->published) == (unsigned long)local_read(&ring->head))
			break;
		WRITE_ONCE(ring->nest, 1);
	} while (1);
	if (READ_ONCE(reader_waiting))
		stapkit_ring_wake();
}

void stapkit_ring_commit(struct stapkit_ring *ring)
{
	commit(ring);
}

void stapkit_commit(struct stapkit_context *c)
{
	commit(c->ring);
}

bool stapkit_ring_text(u16 kind, u32 site, const char *text, u32 length)
{
	struct stapkit_ring *ring;
	struct stapkit_record *record;
	unsigned long flags;
	u32 room = stapkit_string_room(length);

	local_irq_save(flags);
	ring = &rings[smp_processor_id()];
	record = stapkit_ring_reserve(ring, kind, site, room, kind != STAPKIT_RECORD_TEXT);
	if (record) {
		stapkit_put_string((u8 *)(record + 1), text, length);
		stapkit_ring_commit(ring);
	} else if (kind != STAPKIT_RECORD_TEXT) {
		atomic64_inc(&ring->lost_messages);
	}
	local_irq_restore(flags);
	return record != NULL;
}

u64 stapkit_ring_lost_messages(void)
{
	u64 lost = 0;
	u32 cpu;

	for_each_possible_cpu(cpu)
		lost += atomic64_read(&rings[cpu].lost_messages);
	return lost;
}

void stapkit_warn(u32 probe, const char *text, u32 length)
{
	stapkit_ring_text(STAPKIT_RECORD_WARNING, probe, text, length);
}

void stapkit_ring_set_overwrite(bool on)
{
	u32 cpu;

	for_each_possible_cpu(cpu)
		WRITE_ONCE(rings[cpu].overwrite, on);
	/* Writers have interrupts off: after this none still goes by the old value. */
	synchronize_rcu();
}

bool stapkit_ring_has_data(void)
{
	u32 cpu;

	for_each_possible_cpu(cpu)
		if (READ_ONCE(rings[cpu].published) != (unsigned long)local_read(&rings[cpu].tail))
			return true;
	return false;
}

static unsigned long pending_bytes(void)
{
	unsigned long bytes = 0;
	u32 cpu;

	for_each_possible_cpu(cpu)
		bytes += READ_ONCE(rings[cpu].published) - (unsigned long)local_read(&rings[cpu].tail);
	return bytes;
}

/* Whether a ring that keeps what it has is more than a quarter full. */
static bool is_crowded(void)
{
	u32 cpu;

	for_each_possible_cpu(cpu) {
		const struct stapkit_ring *ring = &rings[cpu];
		unsigned long pending = READ_ONCE(ring->published) - (unsigned long)local_read(&ring->tail);

		if (!READ_ONCE(ring->overwrite) && pending > ring->mask / 4)
			return true;
	}
	return false;
}

void stapkit_ring_make_way(void)
{
	unsigned long pending = pending_bytes();
	u32 waited = 0;

	while (is_crowded() && !READ_ONCE(reader_stuck) && !fatal_signal_pending(current)) {
		unsigned long left;

		stapkit_ring_wake();
		schedule_timeout_killable(1);
		left = pending_bytes();
		if (left != pending)
			waited = 0;
		else if (++waited >= STAPKIT_READER_PATIENCE)
			WRITE_ONCE(reader_stuck, true);
		pending = left;
	}
}

int stapkit_ring_wait(bool (*done)(void))
{
	DEFINE_WAIT(wait);
	bool slept = false;
	int err = 0;

	while (!stapkit_ring_has_data() && !done()) {
		/* Records were delivered that the last watermark does not cover: the next one is due soon. */
		bool due = delivered_stamp >= delivered_watermark && delivered_stamp != 0;

		slept = true;
		prepare_to_wait(&ring_wait_queue, &wait, TASK_INTERRUPTIBLE);
		xchg(&reader_waiting, 1);
		if (!stapkit_ring_has_data() && !done())
			/* The time-out is a safety net: a writer does not pay for a barrier of its own. */
			schedule_timeout(due ? 1 : HZ / 10);
		if (signal_pending(current)) {
			err = -ERESTARTSYS;
			break;
		}
		if (due)
			break;
	}
	WRITE_ONCE(reader_waiting, 0);
	finish_wait(&ring_wait_queue, &wait);
	/*
	 * A reader that has slept waits a tick more: records come in bursts, and one that read each by itself would be
	 * busy with nothing else. It also keeps a script that probes what reading does from feeding itself.
	 */
	if (!err && slept && !done() && pending_bytes() < READ_AT_ONCE)
		schedule_timeout_interruptible(1);
	return err;
}

/* Bytes of whole records from @tail on that fit into @room; *stamp becomes the last one's. */
static u32 whole_records(struct stapkit_ring *ring, unsigned long tail, unsigned long head, u32 room, u64 *stamp)
{
	u32 bytes = 0;

	while (tail + bytes != head) {
		struct stapkit_record *record = (struct stapkit_record *)(ring->data + ((tail + bytes) & ring->mask));

		if (bytes + record->length > room)
			break;
		bytes += record->length;
		if (record->kind != STAPKIT_RECORD_PAD)
			*stamp = record->stamp;
	}
	return bytes;
}

static long copy_records(struct stapkit_ring *ring, unsigned long tail, u32 bytes, char __user *buffer)
{
	u32 at = tail & ring->mask;
	u32 first = min_t(u32, bytes, ring->mask + 1 - at);

	if (copy_to_user(buffer, ring->data + at, first) || copy_to_user(buffer + first, ring->data, bytes - first))
		return -EFAULT;
	return bytes;
}

long stapkit_ring_read(char __user *buffer, size_t size)
{
	struct stapkit_record mark = { .length = sizeof(mark), .kind = STAPKIT_RECORD_WATERMARK };
	u64 watermark = ktime_get_mono_fast_ns();
	u32 room = min_t(size_t, size, STAPKIT_BATCH_MAX) - sizeof(mark);
	u32 done = 0;
	u32 cpu;
	long err;

	/* Pairs with the barrier of the outermost writer, see the top of this file. */
	smp_mb();
	for_each_possible_cpu(cpu) {
		struct stapkit_ring *ring = &rings[cpu];
		unsigned long tail = local_read(&ring->tail);
		unsigned long head;
		u64 stamp = 0;
		u32 bytes;

		if (smp_load_acquire(&ring->nest))
			watermark = min(watermark, READ_ONCE(ring->last_stamp));
		head = smp_load_acquire(&ring->published);
		bytes = whole_records(ring, tail, head, room - done, &stamp);
		err = copy_records(ring, tail, bytes, buffer + done);
		if (err < 0)
			return err;
		if (tail + bytes != head) {
			struct stapkit_record *next =
				(struct stapkit_record *)(ring->data + ((tail + bytes) & ring->mask));

			/* A PAD of 8 or 16 bytes has no stamp; the last record's is a safe bound. */
			watermark = min(watermark, next->length >= sizeof(*next) ? next->stamp : stamp);
		}
		done += bytes;
		delivered_stamp = max(delivered_stamp, stamp);
		/* The bytes have been copied; from here on the writer may use the room. */
		smp_mb();
		local_set(&ring->tail, tail + bytes);
	}
	if (done)
		WRITE_ONCE(reader_stuck, false);
	delivered_watermark = watermark;
	mark.stamp = watermark;
	if (copy_to_user(buffer + done, &mark, sizeof(mark)))
		return -EFAULT;
	return done + sizeof(mark);
}
