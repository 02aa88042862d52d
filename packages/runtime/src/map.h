/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef STAPKIT_MAP_H
#define STAPKIT_MAP_H

#include "stapkit.h"
#include "statistic.h"

/* An element. Its value and its keys follow; strings have fixed room. Number 0 is no node. */
struct stapkit_node {
	u32 chain;			/* next in its bucket, or in the free list */
	u32 hash;
	u32 previous, next;		/* in the order of insertion */
	u64 sequence;			/* counts insertions: never the same for two elements; 0: free */
};

/* What a sorted walk goes by: a heap, from which each step takes the top. */
struct stapkit_order {
	u32 generation;
	u32 count;
	s32 column;
	bool descending;
	struct {
		s64 value;
		u32 node;
		u32 unused;
	} *entries;
};

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

#endif
