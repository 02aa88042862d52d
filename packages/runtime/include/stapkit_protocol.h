/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What a running module and staprun say to each other. Both sides go by this file: the C runtime includes it, and
 * packages/staprun/src/protocol.ts mirrors it (a test compares the two).
 *
 * Files, all below /proc/stapkit/MODULE/, mode 0600:
 *
 *   control   written by staprun: one command a write, see below. The module notices when its last opener goes away
 *             without having said "detach", and then stops its probes by itself.
 *   trace     read by staprun: blocks until there is something, then returns one batch of whole records, never a part
 *             of one (a reader's buffer is at least STAPKIT_BATCH_MAX bytes). 0 bytes: the run is over and everything
 *             has been delivered. Several CPUs' records come one CPU after the other; each batch ends with a
 *             WATERMARK, and sorting by (stamp, cpu, position in the stream) up to it restores the one true order.
 *             While begin, end or error probes run, in the first thread of the process that sent the command, nobody
 *             there may be able to read again: a reader with room for several batches gets several in one read then.
 *   sites     read by staprun: the module's description as JSON: print sites, probes, names (see ModuleDescription in
 *             packages/translator/src/description.ts).
 *
 * Commands on `control`, plain text with an optional newline; the write returns -errno where one fails:
 *
 *   timezone OFFSET NAME what tz_gmtoff() and tz_name() give: seconds west of UTC, the zone's short name; before start
 *   remote N URI         what remote_id() and remote_uri() give, one word of at most 255 bytes; before start
 *   namespaces PID       the process whose namespaces ns_pid() and the like go by; before start
 *   owner UID            the user for whom it runs, where that is not the real user of the process that says start; before
 *                        start, or when attaching: -EPERM where the script is for one user's own processes and they are
 *                        another
 *   start [TARGET-PID]   run the begin probes, then arm the others; returns when that is done
 *   exit                 disarm, run the end (or error) probes, deliver the rest; returns when that is done
 *   detach               from now on the module lives on without a reader; a read of `trace` that waits returns 0, so
 *                        that the reader can leave
 *   attach               takes a detached module over: from now on it is the opener's, and ends with it
 *
 *   input BYTES          what the user typed, for input probes; at most a page a write, sent as it comes
 *
 * All numbers are in the byte order of the machine. Every record starts at a multiple of 8.
 */
#ifndef STAPKIT_PROTOCOL_H
#define STAPKIT_PROTOCOL_H

#define STAPKIT_PROTOCOL_VERSION 1
#define STAPKIT_BATCH_MAX (256 * 1024)
/* The most that a read gives. */
#define STAPKIT_READ_MAX (64 * 1024 * 1024)

enum stapkit_record_kind {
	STAPKIT_RECORD_PAD = 0,		/* nothing; skip `length` bytes */
	STAPKIT_RECORD_PRINT = 1,	/* `site` and its packed arguments */
	STAPKIT_RECORD_TEXT = 2,	/* bytes for the output as they are; the payload starts with a __u32 length */
	STAPKIT_RECORD_WARNING = 3,	/* text as in TEXT; `site` is a probe or ~0 */
	STAPKIT_RECORD_ERROR = 4,	/* text as in TEXT; a handler's error */
	STAPKIT_RECORD_START = 5,	/* begin probes have run and all others are armed */
	STAPKIT_RECORD_EXIT = 6,	/* the script asks to end: staprun answers with the command "exit" */
	STAPKIT_RECORD_END = 7,		/* end probes have run; payload: __s64 exit status, __s64 errors beyond the ERROR
					 * records; below 0 where one of those was no handler's */
	STAPKIT_RECORD_LOSS = 8,	/* payload: struct stapkit_loss; `site` is its owner */
	STAPKIT_RECORD_WATERMARK = 9,	/* every record stamped below `stamp` has been delivered */
	STAPKIT_RECORD_HISTOGRAM = 10,	/* payload: struct stapkit_histogram */
	STAPKIT_RECORD_SYSTEM = 11,	/* system(): a command to run; text as in TEXT */
};

enum stapkit_loss_cause {
	STAPKIT_LOSS_NESTING = 0,
	STAPKIT_LOSS_LOCK_TIMEOUT = 1,
	STAPKIT_LOSS_RING_FULL = 2,
	STAPKIT_LOSS_MAP_FULL = 3,
	STAPKIT_LOSS_STRING_CUT = 4,
	STAPKIT_LOSS_RETURN_MISSED = 5,
	STAPKIT_LOSS_OVERLOAD = 6,
	STAPKIT_LOSS_LOW_STACK = 7,
};

struct stapkit_loss {
	unsigned int cause;		/* enum stapkit_loss_cause */
	unsigned int name_length;	/* of a LOCK_TIMEOUT, where it is known; else 0 */
	unsigned long long count;
	char name[];			/* the global's, then zeros to the next multiple of 8 */
};

/*
 * The owner of a LOSS, in its `site`: a probe's id, or with this bit a print site's. Messages that did not fit even
 * into their reserve have the owner ~0.
 */
#define STAPKIT_LOSS_OWNER_SITE 0x80000000u

/*
 * Packed arguments of PRINT, in the order of the site's `arguments`:
 *   long     8 bytes
 *   string   __u32 length, then the bytes without a NUL, then zeros to the next multiple of 8
 */
struct stapkit_record {
	unsigned int length;		/* bytes with this header, a multiple of 8 */
	unsigned short kind;
	unsigned short cpu;
	unsigned int site;
	unsigned int reserved;		/* 0 */
	unsigned long long stamp;	/* CLOCK_MONOTONIC, nanoseconds */
};

/*
 * Payload of HISTOGRAM: this, then the counts of all buckets, 8 bytes each, up to the record's end.
 *   linear   below the range, then each interval from `low` on, then above the range
 *   log      128: -2^63 … -2, -1, then 0 as the 65th, then 1, 2, 4 … 2^62; each by its value nearest to 0
 */
struct stapkit_histogram {
	unsigned int kind;		/* 1 linear, 2 log */
	int elision;			/* HIST_ELISION */
	long long low;			/* 0 where log */
	long long interval;		/* 0 where log */
};

#endif
