/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef STAPKIT_RING_H
#define STAPKIT_RING_H

#include <asm/local.h>
#include <linux/irq_work.h>

#include "stapkit.h"

/*
 * A CPU's ring. Only its CPU writes, but a non-maskable interrupt may write in the middle of another's write: space is
 * taken with a compare-and-exchange local to the CPU, and what has been taken is published when the outermost writer
 * is done. Records never wrap: where one does not fit before the end, a PAD fills the rest.
 */
struct stapkit_ring {
	/* writer */
	local_t head;			/* bytes taken since the start */
	int nest;			/* writers active; set before the clock is read, see stapkit_ring_watermark() */
	u32 mask;
	u8 *data;
	u64 last_stamp;			/* of the newest published record: later ones are stamped no earlier */
	u64 reserved_stamp;
	bool overwrite;			/* the oldest records make room: flight recorder without a reader */
	u32 cpu;
	atomic64_t lost_messages;
	struct irq_work work;
	/* published */
	unsigned long published ____cacheline_aligned_in_smp;
	/* reader; the writer too where it overwrites */
	local_t tail ____cacheline_aligned_in_smp;
};

/* Ordinary records leave this much of a ring free for errors and warnings. */
#define STAPKIT_RING_RESERVE 16384

/*
 * How many ticks, one slept after the other, a reader may take for one batch before it is held for stuck. A clock would go
 * on while the whole machine stands still.
 */
#define STAPKIT_READER_PATIENCE (2 * HZ)

int stapkit_ring_create(void);
void stapkit_ring_destroy(void);
struct stapkit_ring *stapkit_ring_of(u32 cpu);

/*
 * Takes room for a record of @payload bytes in @ring, which must be the current CPU's or one that nobody else writes
 * to. Any context, NMI included; the caller stays on the CPU until stapkit_ring_commit().
 */
struct stapkit_record *stapkit_ring_reserve(struct stapkit_ring *ring, u16 kind, u32 site, u32 payload, bool important);
void stapkit_ring_commit(struct stapkit_ring *ring);
/* A whole record of kind TEXT, WARNING, ERROR or SYSTEM. Any context. */
bool stapkit_ring_text(u16 kind, u32 site, const char *text, u32 length);
/* Errors and warnings for which even the reserve had no room. */
u64 stapkit_ring_lost_messages(void);
/* Wakes the reader, from any context. */
void stapkit_ring_wake(void);
void stapkit_ring_set_overwrite(bool on);

/* The reader's side, one reader at a time, process context. */
bool stapkit_ring_has_data(void);
long stapkit_ring_read(char __user *buffer, size_t size);
/*
 * Sleeps until the reader has taken most of what lies in the rings, so that what comes next finds room; no longer than
 * the reader makes headway, and not at all after one that made none, until it takes something. Nobody may be writing.
 * Process context.
 */
void stapkit_ring_make_way(void);
/* Sleeps until there is something to read, or @done() holds, or a signal comes. */
int stapkit_ring_wait(bool (*done)(void));

#endif
