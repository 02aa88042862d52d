/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The thin ABI: all that a script's C file includes. It names no kernel type and includes no kernel header, so that a
 * script compiles in milliseconds and its object fits every kernel that the runtime was built for. What the runtime
 * owns is reached through functions; the structures below are our own, and visible so that hot paths can be inline.
 *
 * Conventions: `c` is the context of the running handler. A function that can fail sets c->error (see stapkit_fail())
 * and the caller tests it. Strings are NUL-terminated and at most STAPKIT_STRING bytes with their NUL.
 */
#ifndef STAPKIT_ABI_H
#define STAPKIT_ABI_H

#define STAPKIT_ABI_VERSION 1

#ifndef _LINUX_TYPES_H
typedef signed char s8;
typedef unsigned char u8;
typedef short s16;
typedef unsigned short u16;
typedef int s32;
typedef unsigned int u32;
typedef long long s64;
typedef unsigned long long u64;
typedef __SIZE_TYPE__ size_t;
#define bool _Bool
#define true 1
#define false 0
#define NULL ((void *)0)
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))
void *memcpy(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
#endif

/*
 * Bytes of a string value with its NUL: `-D MAXSTRINGLEN=N`. It can be set anew when the module is loaded: scripts' C
 * takes sizes from stapkit_script, and only embedded C knows it as a constant, which room is never less than.
 */
#ifndef MAXSTRINGLEN
#define MAXSTRINGLEN 512
#endif
#define STAPKIT_STRING MAXSTRINGLEN
#define STAPKIT_STRING_LEAST 16
#define STAPKIT_STRING_MOST 65536

/* The n-th string behind a structure of numbers: frames and the values for @entry. */
#define STAPKIT_ROOM(structure, n) ((char *)((structure) + 1) + (size_t)(n) * stapkit_script.string_room)

#define STAPKIT_KEYS_MAX 9

struct stapkit_context;
struct stapkit_probe;
struct stapkit_map;
struct stapkit_statistic;

/* ------------------------------------------------------------------------------------------------ what a script is */

/* A probe family: how its probes are armed. Families are archive members; only those a script names are linked. */
struct stapkit_family {
	const char *name;
	/* Checks and allocates, in process context, before the begin probes. Undone by finish. */
	int (*prepare)(void);
	/* Starts its probes; the session is running. */
	int (*arm)(void);
	/* Stops its probes; when it returns no handler of it runs or will run. */
	void (*disarm)(void);
	void (*finish)(void);
	/* Arms or disarms one probe whose condition changed; NULL where the handler tests it. */
	int (*toggle)(struct stapkit_probe *probe, bool on);
	/* Does what arm and toggle have put off, so that it is done for all probes at once; NULL where they put off nothing. */
	void (*settle)(void);
};

/* One probe. The script fills in the first part, the rest is the runtime's. */
struct stapkit_probe {
	void (*handler)(struct stapkit_context *c);
	/* Takes the values for @entry; return probes only. */
	void (*entry)(struct stapkit_context *c);
	/* `if (…)` of the point; an error in it counts as false. */
	bool (*condition)(struct stapkit_context *c);
	/* Where a handler of this probe may change another's condition. */
	bool changes_conditions;
	const struct stapkit_family *family;
	const void *point;		/* the family's own description of the place */
	const char *name;		/* pp() */
	const char *written;
	const char *place;		/* file:line:col */
	u32 id;
	u32 entry_size;			/* bytes that `entry` fills in with numbers, */
	u32 entry_strings;		/* and how many strings after them */
	/* runtime */
	void *state;			/* the family's own */
	bool wanted;			/* its condition held when it was last evaluated */
	bool armed;
	u64 hits;
	u64 losses[8];			/* by enum stapkit_loss_cause */
};

enum stapkit_type {
	STAPKIT_LONG = 0,
	STAPKIT_STRING_TYPE = 1,
	STAPKIT_STATISTIC = 2,
};

/* What is kept of a statistic. */
struct stapkit_statistic_kind {
	u8 histogram;			/* 0 none, 1 linear, 2 log */
	u8 variance;			/* 1 where @variance is used */
	u8 variance_shift;
	u32 buckets;			/* with the under- and overflow buckets */
	s64 low, high, interval;
};

/* A global variable, for -G, for allocation, and for messages. */
struct stapkit_global {
	const char *name;
	u8 type;			/* enum stapkit_type */
	u8 keys;			/* how many; 0 for a scalar */
	u8 library;
	u8 wrap;
	u8 key_types[STAPKIT_KEYS_MAX];
	u32 size;			/* entries; 0 leaves it to MAXMAPENTRIES */
	u32 orders;			/* how many sorted foreach walk it */
	const char *initial;		/* of a string; NULL for the empty one */
	void *storage;			/* s64, or a pointer to the string, map or statistic */
	const struct stapkit_statistic_kind *statistic;
	const struct stapkit_global_kind *kind;	/* how it is allocated; NULL for numbers */
};

/* Arrays and statistics are archive members, linked where a global is one. */
struct stapkit_global_kind {
	int (*create)(struct stapkit_global *global);
	void (*destroy)(struct stapkit_global *global);
};

extern const struct stapkit_global_kind stapkit_string_kind, stapkit_map_kind, stapkit_statistic_kind;

/* The limits that can be changed at load: set="MAXACTION=5000,…". */
struct stapkit_limits {
	s64 maxaction;
	s64 maxaction_interruptible;
	s64 maxnesting;
	s64 maxmapentries;
	s64 maxerrors;
	s64 maxskipped;
	s64 interruptible;		/* 0: hits skipped due to reentrancy count towards maxskipped too */
	s64 maxtrylock;
	s64 trylockdelay;
	s64 maxbacktrace;
	s64 minstackspace;
	s64 overload_interval;
	s64 overload_threshold;
	s64 procfs_bufsize;		/* 0: the size of strings */
	s64 hist_elision;
	s64 buffer_size;		/* bytes of each CPU's ring */
	s64 suppress_errors;		/* --suppress-handler-errors */
	s64 suppress_time_limits;	/* --suppress-time-limits: no overload control */
};

/* The script as a whole; its object defines `stapkit_script`. */
struct stapkit_script {
	u32 abi;
	u32 string_size;		/* bytes of a string with its NUL: MAXSTRINGLEN */
	u32 string_room;		/* what a string's place takes; set when the module is loaded */
	u32 probe_count;
	u32 global_count;
	u32 site_count;
	u32 family_count;
	u32 probe_frame;		/* bytes of the largest probe's numbers, and its strings */
	u32 probe_strings;
	u32 function_frame;		/* the same of the largest function */
	u32 function_strings;
	u32 call_depth;			/* longest chain of calls; ~0 where functions recurse */
	struct stapkit_probe *probes;
	struct stapkit_global *globals;
	u64 *site_losses;		/* records that each print site lost */
	const struct stapkit_family *const *families;
	const char *description;	/* JSON, see ModuleDescription */
	u32 description_length;
	struct stapkit_limits limits;
	int (*start)(void);		/* the script's own set-up: embedded C units */
	void (*stop)(void);
	void (*print_globals)(struct stapkit_context *c);
	u32 buckets;			/* of the largest histogram */
	void (*report)(struct stapkit_context *c);	/* printed last, also where the run has failed */
	bool own_processes;		/* only the processes of the user's own may be looked at */
};

extern struct stapkit_script stapkit_script;

/* ------------------------------------------------------------------------------------------------------- context */

/*
 * What a handler runs with. One handler at a time uses it; it is never shared between CPUs. Cleared fields are set
 * again on each hit; the area behind `frame` holds the locals of the probe and of every active function.
 */
struct stapkit_context {
	s64 actions;			/* statements left in this hit */
	const char *error;		/* what went wrong; NULL while nothing did */
	const char *error_place;	/* where; NULL where the message says all */
	u8 *frame;			/* next free byte for locals */
	u8 *frame_end;
	u32 nesting;			/* active function calls */
	u32 nesting_max;
	struct stapkit_probe *probe;
	void *registers;		/* struct pt_regs of the probed code, where there is one */
	const u64 *arguments;		/* a tracepoint's arguments */
	void *entry_data;		/* values taken at function entry */
	s64 result;			/* what the handler gives back: $verdict */
	void *family_data;		/* what the family passes to its own context functions */
	struct stapkit_ring *ring;
	u32 cpu;
	u8 level;			/* 0, or 1 for a handler that interrupted another */
	u8 interruptible;		/* begin, end, error: process context, interrupts on */
	u8 user_mode;			/* `registers` are those of user code */
	u8 is_return;
	u8 aborted;			/* abort(): `error` is set, but it is none */
	u64 started;			/* cycles at entry */
	char *error_text;		/* room for a formatted message, STAPKIT_ERROR_TEXT bytes */
	char *scratch;			/* room for one string while a function works */
	const char *matched_text;	/* subject of the last regular expression */
	u32 matched_groups;
	s32 matched[2 * 10];
	u32 seed;			/* of randint() */
	char *matched_copy;
	struct stapkit_merged *merged;	/* room for one merged statistic */
	char *token_text;		/* what tokenize() works on, and how far it has come */
	u32 token_at;
	unsigned long *stack_room;	/* for longer walks of the stack than the stack itself has room for; NULL: none */
};

#define STAPKIT_ERROR_TEXT 512

/* Ends the handler with an error; @place says where, e.g. "operator '/' at x.stp:1:8". */
static inline void stapkit_fail(struct stapkit_context *c, const char *message, const char *place)
{
	if (!c->error) {
		c->error = message;
		c->error_place = place;
	}
}

/* Adds the place to an error that a runtime function raised. */
static inline void stapkit_blame(struct stapkit_context *c, const char *place)
{
	if (c->error && !c->error_place)
		c->error_place = place;
}

/* Takes @n statements off the budget; true while it lasts. */
static inline bool stapkit_act(struct stapkit_context *c, s64 n)
{
	c->actions -= n;
	return likely(c->actions >= 0);
}

/* Takes @size bytes for the locals of a function; NULL when calls are nested too deeply. */
static inline void *stapkit_push(struct stapkit_context *c, u32 size)
{
	u8 *frame = c->frame;

	if (unlikely(c->nesting >= c->nesting_max || frame + size > c->frame_end))
		return NULL;
	c->nesting++;
	c->frame = frame + size;
	return frame;
}

static inline void stapkit_pop(struct stapkit_context *c, void *frame)
{
	c->nesting--;
	c->frame = frame;
}

/* Ends an error: its text goes to @message, where one is given. False for abort(), which nothing catches. */
bool stapkit_catch(struct stapkit_context *c, char *message);

/*
 * For scripts that may look at nothing but their user's own processes. The first ends the run where the current process
 * is another's, and is false then; the second ends it in any case. Nothing catches that.
 */
bool stapkit_expect_own_process(struct stapkit_context *c, const char *message, const char *place);
void stapkit_trespass(struct stapkit_context *c, const char *message, const char *place);

/* Raises an error with a printf-like text (kernel format directives). */
void stapkit_error(struct stapkit_context *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ------------------------------------------------------------------------------------------------------- families */

extern const struct stapkit_family stapkit_family_begin, stapkit_family_end, stapkit_family_error,
	stapkit_family_never, stapkit_family_timer, stapkit_family_profile, stapkit_family_kprobe,
	stapkit_family_kretprobe, stapkit_family_tracepoint, stapkit_family_perf, stapkit_family_procfs,
	stapkit_family_netfilter, stapkit_family_watchpoint, stapkit_family_uprobe, stapkit_family_input,
	stapkit_family_process;

struct stapkit_sequence_point {		/* begin, end, error */
	s64 sequence;
};

struct stapkit_timer_point {
	s64 interval;			/* nanoseconds, or jiffies */
	s64 randomize;
	bool jiffies;
};

struct stapkit_profile_point {
	u32 hertz;			/* 0: the kernel's own tick */
};

/* A return address that must be on the stack, so many bytes above the stack pointer. */
struct stapkit_caller {
	const char *symbol;
	const char *module;
	u64 offset;
	u32 above;
	bool last;			/* of those that must all be there; another alternative follows */
};

struct stapkit_kprobe_point {
	const char *symbol;
	u64 address;
	u64 offset;
	const char *module;
	const char *function;		/* probefunc() */
	s32 maxactive;			/* 0: the kernel's choice */
	const struct stapkit_caller *callers;	/* NULL: whoever calls */
	u32 caller_count;
};

struct stapkit_tracepoint_point {
	const char *name;
	const char *module;
	void *callback;			/* void (*)(void *data, …), the script's own */
};

struct stapkit_perf_point {
	u32 type;
	u64 config;
	u64 sample;
	u64 hertz;
	const char *process;
	const char *counter;
};

struct stapkit_procfs_point {
	const char *path;
	bool write;
	u32 umask;
	u32 maxsize;
};

enum stapkit_process_event {
	STAPKIT_PROCESS_BEGIN,
	STAPKIT_PROCESS_END,
	STAPKIT_THREAD_BEGIN,
	STAPKIT_THREAD_END,
	STAPKIT_PROCESS_SYSCALL,
	STAPKIT_PROCESS_SYSCALL_RETURN,
};

struct stapkit_process_point {
	const char *path;		/* of a program; NULL: whatever runs */
	s64 pid;			/* 0: every process, or those that come from target() where that is set */
	enum stapkit_process_event event;
};

struct stapkit_input_point {
	bool line;
};

struct stapkit_netfilter_point {
	s32 protocol;
	u32 hook;
	s32 priority;
};

struct stapkit_watchpoint_point {
	const char *symbol;
	u64 address;
	u32 length;
	bool write_only;
};

struct stapkit_uprobe_point {
	const char *path;
	s64 pid;
	u64 offset;
	u64 semaphore;
	bool is_return;
	const char *function;
};

/* Called by the callbacks that a script has for its tracepoints. */
void stapkit_tracepoint_hit(struct stapkit_probe *probe, const u64 *arguments);

/* --------------------------------------------------------------------------------------------------------- output */

/*
 * Reserves a PRINT record with @size bytes of arguments in this CPU's ring. Returns where they go, or NULL where there
 * is no room (the loss is counted for @site). Nothing between this and stapkit_commit() may fail or call a function
 * that prints.
 */
u8 *stapkit_reserve(struct stapkit_context *c, u32 site, u32 size);
void stapkit_commit(struct stapkit_context *c);

static inline u32 stapkit_string_room(u32 length)
{
	return (4 + length + 7) & ~7u;
}

static inline u8 *stapkit_put_long(u8 *at, s64 value)
{
	*(s64 *)at = value;
	return at + 8;
}

/* Copies a few bytes: for the lengths that names have this takes less than the start of a copying instruction. */
static inline void stapkit_move(void *to, const void *from, u32 length)
{
	typedef u64 __attribute__((aligned(1), may_alias)) word;
	typedef u32 __attribute__((aligned(1), may_alias)) half;
	typedef u16 __attribute__((aligned(1), may_alias)) quarter;
	u8 *t = to;
	const u8 *f = from;

	if (unlikely(length > 64)) {
		memcpy(to, from, length);
		return;
	}
	for (; length >= 8; length -= 8, t += 8, f += 8)
		*(word *)t = *(const word *)f;
	if (length & 4) {
		*(half *)t = *(const half *)f;
		t += 4;
		f += 4;
	}
	if (length & 2) {
		*(quarter *)t = *(const quarter *)f;
		t += 2;
		f += 2;
	}
	if (length & 1)
		*t = *f;
}

/* Packs a string; the room's last word is cleared first so that no old byte gets out. */
static inline u8 *stapkit_put_string(u8 *at, const char *text, u32 length)
{
	u32 room = stapkit_string_room(length);

	*(u64 *)(at + room - 8) = 0;
	*(u32 *)at = length;
	stapkit_move(at + 4, text, length);
	return at + room;
}

/*
 * Bytes of memory for %m and %M. The check raises an error where they can't be read; putting them in a record reads
 * again and gives zeros where that fails after all.
 */
void stapkit_check_memory(struct stapkit_context *c, u64 address, u32 length, bool user);
u8 *stapkit_put_memory(u8 *at, u64 address, u32 length, bool user);

/* As in C, a negative precision is none: one byte. */
static inline u32 stapkit_memory_length(s64 length)
{
	return length < 0 ? 1 : length > 1024 ? 1024 : (u32)length;
}

/* Text for the output as it is. */
void stapkit_print_text(struct stapkit_context *c, const char *text, u32 length);
/* Asks for the end of the run. */
void stapkit_exit(struct stapkit_context *c);

/* -------------------------------------------------------------------------------------------------------- strings */

/* As strlen(), but quick about short ones. */
u32 stapkit_length(const char *text);
/* Copies at most STAPKIT_STRING - 1 bytes and a NUL. */
void stapkit_copy(struct stapkit_context *c, char *to, const char *from);
/* Appends; what does not fit is cut off and counted. */
void stapkit_append(struct stapkit_context *c, char *to, const char *from);
int stapkit_compare(const char *a, const char *b);

static inline bool stapkit_equal(const char *a, const char *b)
{
	return a == b || (*a == *b && stapkit_compare(a, b) == 0);
}

/* ---------------------------------------------------------------------------------------------------------- locks */

/* A reader/writer lock that is only ever tried: -1 a writer, n > 0 readers. */
struct stapkit_lock {
	int value;
	const char *name;
};

bool stapkit_lock_read_slow(struct stapkit_context *c, struct stapkit_lock *lock);
bool stapkit_lock_write_slow(struct stapkit_context *c, struct stapkit_lock *lock);

static inline bool stapkit_try_read(struct stapkit_lock *lock)
{
	int old = READ_ONCE(lock->value);

	return old >= 0 && __atomic_compare_exchange_n(&lock->value, &old, old + 1, false, __ATOMIC_ACQUIRE,
						       __ATOMIC_RELAXED);
}

static inline bool stapkit_try_write(struct stapkit_lock *lock)
{
	int old = 0;

	return __atomic_compare_exchange_n(&lock->value, &old, -1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline bool stapkit_lock_read(struct stapkit_context *c, struct stapkit_lock *lock)
{
	return likely(stapkit_try_read(lock)) || stapkit_lock_read_slow(c, lock);
}

static inline bool stapkit_lock_write(struct stapkit_context *c, struct stapkit_lock *lock)
{
	return likely(stapkit_try_write(lock)) || stapkit_lock_write_slow(c, lock);
}

static inline void stapkit_unlock_read(struct stapkit_lock *lock)
{
	__atomic_fetch_sub(&lock->value, 1, __ATOMIC_RELEASE);
}

static inline void stapkit_unlock_write(struct stapkit_lock *lock)
{
	__atomic_store_n(&lock->value, 0, __ATOMIC_RELEASE);
}

/* ----------------------------------------------------------------------------------------------------- arithmetic */

/* Signed arithmetic wraps: the module is compiled with -fno-strict-overflow, as the kernel is. */
static inline s64 stapkit_divide(s64 a, s64 b)
{
	return b == -1 ? (s64)(0 - (u64)a) : a / b;
}

static inline s64 stapkit_modulo(s64 a, s64 b)
{
	return b == -1 ? 0 : a % b;
}

/* ------------------------------------------------------------------------------------------------------------ maps */

/* One key, or a value handed in or out. */
union stapkit_value {
	s64 number;
	const char *text;
};

/*
 * Every function takes as many keys as the map has. Where an element is not there, reads give 0 and "", and only
 * writes make it. A full map is an error, or with wrap loses its oldest element.
 */
s64 stapkit_map_get(struct stapkit_context *c, struct stapkit_map *map, const union stapkit_value *keys);
const char *stapkit_map_get_string(struct stapkit_context *c, struct stapkit_map *map,
				   const union stapkit_value *keys);
/* The element's place, made where it is not there; NULL with an error where there is no room. */
s64 *stapkit_map_slot(struct stapkit_context *c, struct stapkit_map *map, const union stapkit_value *keys);
char *stapkit_map_slot_string(struct stapkit_context *c, struct stapkit_map *map, const union stapkit_value *keys);
bool stapkit_map_has(struct stapkit_map *map, const union stapkit_value *keys);
void stapkit_map_delete(struct stapkit_map *map, const union stapkit_value *keys);
void stapkit_map_clear(struct stapkit_map *map);
/* Slices: bit n of @fixed says that keys[n] must match. */
bool stapkit_map_has_slice(struct stapkit_map *map, const union stapkit_value *keys, u32 fixed);
void stapkit_map_delete_slice(struct stapkit_map *map, const union stapkit_value *keys, u32 fixed);
u32 stapkit_map_count(struct stapkit_map *map);

enum stapkit_statistic_operation {
	STAPKIT_COUNT = 0,
	STAPKIT_SUM = 1,
	STAPKIT_MIN = 2,
	STAPKIT_MAX = 3,
	STAPKIT_AVG = 4,
	STAPKIT_VARIANCE = 5,
};

/* An element. Its value and its keys follow; strings have fixed room. Number 0 is no node. */
struct stapkit_node {
	u32 chain;			/* next in its bucket, or in the free list */
	u32 hash;
	u32 previous, next;		/* in the order of insertion */
	u64 sequence;			/* counts insertions: never the same for two elements; 0: free */
};

/* An array. Scripts see it for the sake of foreach, and change nothing in it. */
struct stapkit_map {
	u32 capacity;
	u32 count;
	u32 used;			/* nodes that were ever used; later ones are still zero */
	u32 free;
	u32 first, last;
	u32 mask;
	u32 seed;
	int insert_lock;		/* held while an element is made: `<<<` does so with the array's lock shared */
	u8 keys, type, wrap, string_keys;
	u8 key_types[STAPKIT_KEYS_MAX];
	u32 key_at[STAPKIT_KEYS_MAX];	/* offsets in a node */
	u32 node_size;
	u32 string_size;
	u64 sequence;
	u32 *buckets;
	u8 *nodes;
	u8 **cells;			/* statistics: each CPU's, by node */
	u32 cell_size;
	const struct stapkit_statistic_kind *statistic;
	const struct stapkit_global *global;
	u32 order_count;
	struct stapkit_order *orders;
};

/*
 * A foreach in the order of insertion is a loop in the script's own C: from map->first by node->next. Where keys and value
 * are all numbers, their places are known when it is compiled: @values is 1, or 0 for statistics, which lie elsewhere.
 */
#define STAPKIT_VALUE_AT sizeof(struct stapkit_node)
#define STAPKIT_KEY_AT(values, key) (STAPKIT_VALUE_AT + 8 * ((values) + (key)))
#define STAPKIT_NODE_SIZE(values, keys) STAPKIT_KEY_AT(values, keys)

static inline struct stapkit_node *stapkit_node_at(u8 *nodes, u32 number, size_t size)
{
	return (struct stapkit_node *)(nodes + number * size);
}

static inline s64 stapkit_node_number(const struct stapkit_node *node, size_t at)
{
	return *(const s64 *)((const u8 *)node + at);
}

static inline const char *stapkit_node_text(const struct stapkit_node *node, size_t at)
{
	return (const char *)node + at;
}

/* A slice: true where the element's keys are those that @fixed asks for. */
bool stapkit_node_matches(const struct stapkit_map *map, u32 number, const union stapkit_value *keys, u32 fixed);

/*
 * A sorted foreach. @column: 0 by value, n by the n-th key; @operation: which statistic a value is sorted by; @slice: keys
 * that must match where @fixed says so; @slot: which of the map's orders it uses, one for each sorted foreach of the
 * script. What stapkit_sort() returns tells stapkit_sorted_next() whether the order is still this walk's.
 */
u32 stapkit_sort(struct stapkit_context *c, struct stapkit_map *map, u32 column, bool descending, u32 operation,
		 const union stapkit_value *slice, u32 fixed, u32 slot);
/* The next element, and its number; NULL at the end. */
struct stapkit_node *stapkit_sorted_next(const struct stapkit_map *map, u32 slot, u32 generation, u32 *number);

/* ------------------------------------------------------------------------------------------------------ statistics */

void stapkit_statistic_add(struct stapkit_context *c, struct stapkit_statistic *statistic, s64 value);
void stapkit_map_add(struct stapkit_context *c, struct stapkit_map *map, const union stapkit_value *keys, s64 value);
void stapkit_statistic_clear(struct stapkit_statistic *statistic);

/* A statistic merged over all CPUs (and over a slice). */
struct stapkit_merged {
	s64 count, sum, min, max;
	s64 square_sum;			/* Welford's sum of squares of differences, scaled by 2 * variance_shift bits */
	const struct stapkit_statistic_kind *kind;
	s64 buckets[];
};

/* Merges into this context's room for it; NULL where nothing was ever added. */
const struct stapkit_merged *stapkit_statistic_merge(struct stapkit_context *c, struct stapkit_statistic *statistic);
const struct stapkit_merged *stapkit_map_merge(struct stapkit_context *c, struct stapkit_map *map,
					       const union stapkit_value *keys, u32 fixed);
const struct stapkit_merged *stapkit_node_merge(struct stapkit_context *c, struct stapkit_map *map, u32 number);
/* The value of one operation; raises "empty aggregate" where SystemTap does. */
s64 stapkit_merged_value(struct stapkit_context *c, const struct stapkit_merged *merged, u32 operation);
s64 stapkit_merged_bucket(struct stapkit_context *c, const struct stapkit_merged *merged, s64 index);
void stapkit_print_histogram(struct stapkit_context *c, u32 site, const struct stapkit_merged *merged);
/* How many buckets a foreach visits; their numbers start at 0. */
u32 stapkit_merged_buckets(const struct stapkit_merged *merged);

/* ---------------------------------------------------------------------------------------------------------- memory */

s64 stapkit_load(struct stapkit_context *c, u64 address, u32 size, bool is_signed, bool user);
void stapkit_store(struct stapkit_context *c, u64 address, u32 size, s64 value, bool user);
/* Reads a NUL-terminated string, at most @length bytes where that is not negative. */
void stapkit_load_string(struct stapkit_context *c, char *to, u64 address, s64 length, bool user);

static inline s64 stapkit_bits(u64 word, u32 offset, u32 width, bool is_signed)
{
	word <<= 64 - offset - width;
	return is_signed ? (s64)word >> (64 - width) : (s64)(word >> (64 - width));
}

static inline u64 stapkit_set_bits(u64 word, u32 offset, u32 width, u64 value)
{
	u64 mask = (width == 64 ? ~0ull : (1ull << width) - 1) << offset;

	return (word & ~mask) | ((value << offset) & mask);
}

/* ---------------------------------------------------------------------------------------------------- probe context */

s64 stapkit_parameter(struct stapkit_context *c, u32 index);
s64 stapkit_return_value(struct stapkit_context *c);
/* What the probed function goes on with; guru mode only. */
void stapkit_set_parameter(struct stapkit_context *c, u32 index, s64 value);
void stapkit_set_return_value(struct stapkit_context *c, s64 value);
s64 stapkit_register(struct stapkit_context *c, u32 number, bool user);
void stapkit_set_register(struct stapkit_context *c, u32 number, s64 value);

/* Symbols whose addresses a script takes, looked up when it is loaded; those of a module also when that is. */
struct stapkit_script_symbol {
	const char *name;
	const char *module;		/* NULL: the kernel's */
	u64 address;
	bool known;
};

/* The script's own table, and what its hooks `start` and `stop` are where it has one. */
extern struct stapkit_script_symbol stapkit_script_symbols[];
extern const u32 stapkit_script_symbol_count;
int stapkit_script_symbols_start(void);
void stapkit_script_symbols_stop(void);
s64 stapkit_script_symbol_address(struct stapkit_context *c, u32 index);
/* How far this CPU's copies of per-CPU variables lie from their own addresses. */
s64 stapkit_per_cpu_base(void);
s64 stapkit_perf_counter(struct stapkit_context *c, u32 probe);
const char *stapkit_procfs_value(struct stapkit_context *c);
void stapkit_procfs_set(struct stapkit_context *c, const char *text, bool append);

static inline s64 stapkit_extend(s64 value, u32 size, bool is_signed)
{
	switch (size) {
	case 1:
		return is_signed ? (s64)(s8)value : (s64)(u8)value;
	case 2:
		return is_signed ? (s64)(s16)value : (s64)(u16)value;
	case 4:
		return is_signed ? (s64)(s32)value : (s64)(u32)value;
	default:
		return value;
	}
}

/* ------------------------------------------------------------------------------------------------ formats in place */

/* One piece of a format that is printed in the kernel: sprintf, error texts. */
struct stapkit_piece {
	const char *text;		/* literal text, or NULL for a directive */
	u32 length;
	char conversion;
	u8 flags;
	u8 size;			/* bytes of %b, %m, %M; 0 the default */
	s32 width;			/* -1 none, -2 an argument */
	s32 precision;
};

#define STAPKIT_FLAG_LEFT 1
#define STAPKIT_FLAG_PLUS 2
#define STAPKIT_FLAG_SPACE 4
#define STAPKIT_FLAG_ALTERNATE 8
#define STAPKIT_FLAG_ZERO 16

/* Formats into @to, cut at STAPKIT_STRING. */
void stapkit_format(struct stapkit_context *c, char *to, const struct stapkit_piece *pieces, u32 count,
		    const union stapkit_value *arguments);

/* ------------------------------------------------------------------------------------------- regular expressions */

struct stapkit_regex_transition {
	u8 from, to;
	u16 target;
	u16 tags;			/* index of its first tag operation; the list ends with register 0xff */
};

struct stapkit_regex_tag {
	u8 target;			/* 0xff ends the list */
	u8 source;			/* 0xff: the current position; 0xfe: -1 */
};

struct stapkit_regex_state {
	u32 first;			/* transitions first … first + count - 1, in order of `from` */
	u16 count;
	u16 finish;			/* tag operations on acceptance */
	bool accepting;
};

struct stapkit_regex {
	const struct stapkit_regex_state *states;
	const struct stapkit_regex_transition *transitions;
	const struct stapkit_regex_tag *tags;
	u32 groups;
	u32 registers;
	bool tagged;
};

bool stapkit_regex_match(struct stapkit_context *c, const struct stapkit_regex *regex, const char *text);

#endif
