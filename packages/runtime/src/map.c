// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Arrays. All memory is taken when the module is loaded. Elements are found by a hash over the bytes of their keys and
 * keep the order of their insertion. The script's locks guard an array: readers share it, writers have it to
 * themselves. One thing happens under a shared lock: `<<<` may make an element. So new elements are put at the head of
 * their bucket only when they are whole, and makers exclude one another by a lock of their own.
 */
#include <linux/cpumask.h>
#include <linux/log2.h>
#include <linux/random.h>

#include "lock.h"
#include "map.h"
#include "words.h"

static inline struct stapkit_node *node_at(const struct stapkit_map *map, u32 number)
{
	return stapkit_node_at(map->nodes, number, map->node_size);
}

static inline s64 *number_of(const struct stapkit_map *map, u32 number)
{
	return (s64 *)((u8 *)node_at(map, number) + STAPKIT_VALUE_AT);
}

static inline char *text_of(const struct stapkit_map *map, u32 number)
{
	return (char *)node_at(map, number) + STAPKIT_VALUE_AT;
}

static inline s64 key_number(const struct stapkit_map *map, u32 number, u32 key)
{
	return *(s64 *)((u8 *)node_at(map, number) + map->key_at[key]);
}

static inline const char *key_text(const struct stapkit_map *map, u32 number, u32 key)
{
	return (const char *)node_at(map, number) + map->key_at[key];
}

/* ------------------------------------------------------------------------------------------------------- finding */

static inline u64 mix(u64 hash, u64 word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
	return hash ^ (hash >> 29);
}

/*
 * Strings are hashed and compared by words, the last of them with zeros from the NUL on; a key's room is a multiple of
 * eight bytes and has zeros there too. Keys longer than a string's room are the same as what fits of them.
 */
static inline u64 key_word(const char *text, u32 left, bool *last)
{
	u64 word = stapkit_word(text);
	u64 zero = stapkit_zero_byte(word);

	if (likely(zero)) {
		*last = true;
		word = stapkit_before_zero(word, zero);
	}
	if (unlikely(left < 8)) {
		*last = true;
		word &= (1ull << (8 * left)) - 1;
	}
	return word;
}

static inline u64 mix_text(u64 hash, const char *text, u32 size)
{
	bool last = false;
	u32 left = size - 1;

	for (; !last; text += 8, left -= 8)
		hash = mix(hash, key_word(text, left, &last));
	return hash;
}

static inline u32 hash_keys(const struct stapkit_map *map, const union stapkit_value *keys)
{
	u64 hash = map->seed;
	u32 i = 0;

	do {
		hash = map->key_types[i] == STAPKIT_LONG ? mix(hash, keys[i].number) :
							   mix_text(hash, keys[i].text, map->string_size);
	} while (unlikely(++i < map->keys));
	return hash ^ (hash >> 32);
}

static inline bool text_matches(const struct stapkit_map *map, const char *key, const char *text)
{
	bool last = false;
	u32 left = map->string_size - 1;

	for (; !last; text += 8, key += 8, left -= 8)
		if (key_word(text, left, &last) != *(const u64 *)key)
			return false;
	return true;
}

static inline bool node_matches(const struct stapkit_map *map, const struct stapkit_node *node,
				const union stapkit_value *keys)
{
	u32 i = 0;

	do {
		const u8 *key = (const u8 *)node + map->key_at[i];

		if (map->key_types[i] == STAPKIT_LONG) {
			if (*(const s64 *)key != keys[i].number)
				return false;
		} else if (!text_matches(map, (const char *)key, keys[i].text)) {
			return false;
		}
	} while (unlikely(++i < map->keys));
	return true;
}

bool stapkit_node_matches(const struct stapkit_map *map, u32 number, const union stapkit_value *keys, u32 fixed)
{
	u32 i;

	for (i = 0; i < map->keys; i++) {
		if (!(fixed & (1u << i)))
			continue;
		if (map->key_types[i] == STAPKIT_LONG ? key_number(map, number, i) != keys[i].number :
							!text_matches(map, key_text(map, number, i), keys[i].text))
			return false;
	}
	return true;
}

static __always_inline u32 find(const struct stapkit_map *map, const union stapkit_value *keys, u32 hash)
{
	u32 number = smp_load_acquire(&map->buckets[hash & map->mask]);

	while (number) {
		const struct stapkit_node *node = node_at(map, number);

		if (node->hash == hash && node_matches(map, node, keys))
			return number;
		number = node->chain;
	}
	return 0;
}

/* ----------------------------------------------------------------------------------------- making and forgetting */

static void forget(struct stapkit_map *map, u32 number)
{
	struct stapkit_node *node = node_at(map, number);
	u32 *link = &map->buckets[node->hash & map->mask];

	while (*link != number)
		link = &node_at(map, *link)->chain;
	*link = node->chain;
	if (node->previous)
		node_at(map, node->previous)->next = node->next;
	else
		map->first = node->next;
	if (node->next)
		node_at(map, node->next)->previous = node->previous;
	else
		map->last = node->previous;
	node->sequence = 0;
	node->chain = map->free;
	map->free = number;
	map->count--;
}

/* Takes an unused node and clears its value; 0 where the array is full. */
static u32 take_node(struct stapkit_map *map)
{
	struct stapkit_node *node;
	u32 number;
	int cpu;

	if (!map->free && map->used == map->capacity && map->wrap && map->first)
		forget(map, map->first);
	if (!map->free)
		return map->used < map->capacity ? ++map->used : 0;
	number = map->free;
	node = node_at(map, number);
	map->free = node->chain;
	if (map->type == STAPKIT_LONG)
		*number_of(map, number) = 0;
	else if (map->type == STAPKIT_STRING_TYPE)
		text_of(map, number)[0] = '\0';
	else
		for_each_possible_cpu(cpu)
			memset(map->cells[cpu] + (size_t)number * map->cell_size, 0, map->cell_size);
	return number;
}

static u32 make_locked(struct stapkit_map *map, const union stapkit_value *keys, u32 hash)
{
	struct stapkit_node *node;
	u32 number, i;

	/* Another maker may have been here first. */
	number = find(map, keys, hash);
	if (number)
		return number;
	number = take_node(map);
	if (!number)
		return 0;
	node = node_at(map, number);
	node->hash = hash;
	node->sequence = ++map->sequence;
	for (i = 0; i < map->keys; i++) {
		u8 *at = (u8 *)node + map->key_at[i];

		if (map->key_types[i] == STAPKIT_LONG) {
			*(s64 *)at = keys[i].number;
		} else {
			const char *text = keys[i].text;
			u32 left = map->string_size - 1;
			bool last = false;

			for (; !last; text += 8, at += 8, left -= 8)
				*(u64 *)at = key_word(text, left, &last);
		}
	}
	node->next = 0;
	node->previous = map->last;
	if (map->last)
		node_at(map, map->last)->next = number;
	else
		map->first = number;
	map->last = number;
	map->count++;
	node->chain = map->buckets[hash & map->mask];
	/* Pairs with the load in find(): whoever sees the number sees the keys. */
	smp_store_release(&map->buckets[hash & map->mask], number);
	return number;
}

static noinline u32 make_slow(struct stapkit_context *c, struct stapkit_map *map, const union stapkit_value *keys,
			      u32 hash)
{
	u32 attempts = 100000;
	u32 number;

	while (cmpxchg_acquire(&map->insert_lock, 0, 1) != 0) {
		/* In an NMI the maker may be the code below. */
		if (c->level > 0 || --attempts == 0) {
			atomic64_inc((atomic64_t *)&c->probe->losses[STAPKIT_LOSS_LOCK_TIMEOUT]);
			stapkit_lock_blocked(c->probe, &map->global->name);
			return 0;
		}
		cpu_relax();
	}
	number = make_locked(map, keys, hash);
	smp_store_release(&map->insert_lock, 0);
	if (unlikely(!number)) {
		atomic64_inc((atomic64_t *)&c->probe->losses[STAPKIT_LOSS_MAP_FULL]);
		if (map->global->size)
			stapkit_error(c, "Array overflow, check size limit (%u)", map->global->size);
		else
			stapkit_error(c, "Array overflow, check MAXMAPENTRIES");
	}
	return number;
}

/* The element's number, made where it is not there; 0 with an error, or a counted loss, where that failed. */
static __always_inline u32 make(struct stapkit_context *c, struct stapkit_map *map, const union stapkit_value *keys)
{
	u32 hash = hash_keys(map, keys);
	u32 number = find(map, keys, hash);

	return likely(number) ? number : make_slow(c, map, keys, hash);
}

/* ----------------------------------------------------------------------------------------------------- the script's */

s64 stapkit_map_get(struct stapkit_context *c, struct stapkit_map *map, const union stapkit_value *keys)
{
	u32 number = find(map, keys, hash_keys(map, keys));

	return number ? *number_of(map, number) : 0;
}

const char *stapkit_map_get_string(struct stapkit_context *c, struct stapkit_map *map,
				   const union stapkit_value *keys)
{
	u32 number = find(map, keys, hash_keys(map, keys));

	return number ? text_of(map, number) : "";
}

s64 *stapkit_map_slot(struct stapkit_context *c, struct stapkit_map *map, const union stapkit_value *keys)
{
	u32 number = make(c, map, keys);

	return number ? number_of(map, number) : NULL;
}

char *stapkit_map_slot_string(struct stapkit_context *c, struct stapkit_map *map, const union stapkit_value *keys)
{
	u32 number = make(c, map, keys);

	return number ? text_of(map, number) : NULL;
}

void stapkit_map_add(struct stapkit_context *c, struct stapkit_map *map, const union stapkit_value *keys, s64 value)
{
	u32 number = make(c, map, keys);

	if (number)
		stapkit_cell_add((struct stapkit_cell *)(map->cells[c->cpu] + (size_t)number * map->cell_size),
				 map->statistic, value);
}

bool stapkit_map_has(struct stapkit_map *map, const union stapkit_value *keys)
{
	return find(map, keys, hash_keys(map, keys)) != 0;
}

void stapkit_map_delete(struct stapkit_map *map, const union stapkit_value *keys)
{
	u32 number = find(map, keys, hash_keys(map, keys));

	if (number)
		forget(map, number);
}

void stapkit_map_clear(struct stapkit_map *map)
{
	while (map->first)
		forget(map, map->first);
}

bool stapkit_map_has_slice(struct stapkit_map *map, const union stapkit_value *keys, u32 fixed)
{
	u32 number;

	for (number = map->first; number; number = node_at(map, number)->next)
		if (stapkit_node_matches(map, number, keys, fixed))
			return true;
	return false;
}

void stapkit_map_delete_slice(struct stapkit_map *map, const union stapkit_value *keys, u32 fixed)
{
	u32 number = map->first;

	while (number) {
		u32 next = node_at(map, number)->next;

		if (stapkit_node_matches(map, number, keys, fixed))
			forget(map, number);
		number = next;
	}
}

u32 stapkit_map_count(struct stapkit_map *map)
{
	return map->count;
}

static void merge_node(struct stapkit_map *map, u32 number, struct stapkit_merged *merged)
{
	int cpu;

	for_each_possible_cpu(cpu)
		stapkit_merge_cell(merged,
				   (struct stapkit_cell *)(map->cells[cpu] + (size_t)number * map->cell_size));
}

static void merge_variance_node(struct stapkit_map *map, u32 number, struct stapkit_merged *merged)
{
	int cpu;

	for_each_possible_cpu(cpu)
		stapkit_merge_cell_variance(merged, (struct stapkit_cell *)(map->cells[cpu] +
									    (size_t)number * map->cell_size));
}

const struct stapkit_merged *stapkit_node_merge(struct stapkit_context *c, struct stapkit_map *map, u32 number)
{
	struct stapkit_merged *merged = c->merged;

	stapkit_merge_start(merged, map->statistic);
	if (number) {
		merge_node(map, number, merged);
		if (map->statistic->variance)
			merge_variance_node(map, number, merged);
	}
	return merged;
}

const struct stapkit_merged *stapkit_map_merge(struct stapkit_context *c, struct stapkit_map *map,
					       const union stapkit_value *keys, u32 fixed)
{
	struct stapkit_merged *merged = c->merged;
	u32 number;

	if (fixed == (1u << map->keys) - 1)
		return stapkit_node_merge(c, map, find(map, keys, hash_keys(map, keys)));
	stapkit_merge_start(merged, map->statistic);
	for (number = map->first; number; number = node_at(map, number)->next)
		if (stapkit_node_matches(map, number, keys, fixed))
			merge_node(map, number, merged);
	if (map->statistic->variance)
		for (number = map->first; number; number = node_at(map, number)->next)
			if (stapkit_node_matches(map, number, keys, fixed))
				merge_variance_node(map, number, merged);
	return merged;
}

/* ------------------------------------------------------------------------------------------------------- walking */

/* True where @a comes before @b. Ties go by the order of insertion. */
static bool comes_before(const struct stapkit_map *map, const struct stapkit_order *order, u32 a, u32 b)
{
	u32 left = order->entries[a].node;
	u32 right = order->entries[b].node;
	int sign = 0;

	if (order->column > 0 && map->key_types[order->column - 1] == STAPKIT_STRING_TYPE)
		sign = stapkit_compare(key_text(map, left, order->column - 1), key_text(map, right, order->column - 1));
	else if (order->column == 0 && map->type == STAPKIT_STRING_TYPE)
		sign = stapkit_compare(text_of(map, left), text_of(map, right));
	else if (order->entries[a].value != order->entries[b].value)
		sign = order->entries[a].value < order->entries[b].value ? -1 : 1;
	if (sign)
		return order->descending ? sign > 0 : sign < 0;
	return node_at(map, left)->sequence < node_at(map, right)->sequence;
}

static void sift_down(const struct stapkit_map *map, struct stapkit_order *order, u32 at)
{
	for (;;) {
		u32 child = 2 * at + 1;

		if (child >= order->count)
			return;
		if (child + 1 < order->count && comes_before(map, order, child + 1, child))
			child++;
		if (!comes_before(map, order, child, at))
			return;
		swap(order->entries[at], order->entries[child]);
		at = child;
	}
}

static u32 take_top(const struct stapkit_map *map, struct stapkit_order *order)
{
	u32 number;

	if (!order->count)
		return 0;
	number = order->entries[0].node;
	order->entries[0] = order->entries[--order->count];
	sift_down(map, order, 0);
	return number;
}

u32 stapkit_sort(struct stapkit_context *c, struct stapkit_map *map, u32 column, bool descending, u32 operation,
		 const union stapkit_value *slice, u32 fixed, u32 slot)
{
	struct stapkit_order *order = &map->orders[slot];
	u32 number, at;

	order->generation++;
	order->column = column;
	order->descending = descending;
	order->count = 0;
	for (number = map->first; number; number = node_at(map, number)->next) {
		s64 value = 0;

		if (fixed && !stapkit_node_matches(map, number, slice, fixed))
			continue;
		if (column > 0 && map->key_types[column - 1] == STAPKIT_LONG) {
			value = key_number(map, number, column - 1);
		} else if (column == 0 && map->type == STAPKIT_LONG) {
			value = *number_of(map, number);
		} else if (column == 0 && map->type == STAPKIT_STATISTIC) {
			stapkit_merge_start(c->merged, map->statistic);
			merge_node(map, number, c->merged);
			if (operation == STAPKIT_VARIANCE)
				merge_variance_node(map, number, c->merged);
			value = c->merged->count ? stapkit_merged_value(c, c->merged, operation) : 0;
		}
		order->entries[order->count].value = value;
		order->entries[order->count].node = number;
		order->count++;
	}
	/* A heap costs a step a node; only the elements that are visited cost more. */
	for (at = order->count / 2; at-- > 0;)
		sift_down(map, order, at);
	return order->generation;
}

struct stapkit_node *stapkit_sorted_next(const struct stapkit_map *map, u32 slot, u32 generation, u32 *number)
{
	struct stapkit_order *order = &map->orders[slot];

	/* Where it isn't this walk's, another one of the same foreach, by recursion, has taken the order away. */
	while (order->generation == generation) {
		*number = take_top(map, order);
		if (!*number)
			return NULL;
		if (node_at(map, *number)->sequence)
			return node_at(map, *number);
	}
	return NULL;
}

/* ---------------------------------------------------------------------------------------------------- allocation */

static void map_destroy(struct stapkit_global *global)
{
	struct stapkit_map *map = *(struct stapkit_map **)global->storage;
	u32 i;
	int cpu;

	if (!map)
		return;
	if (map->cells)
		for_each_possible_cpu(cpu)
			vfree(map->cells[cpu]);
	kvfree(map->cells);
	for (i = 0; i < map->order_count; i++)
		vfree(map->orders[i].entries);
	kvfree(map->orders);
	vfree(map->nodes);
	vfree(map->buckets);
	kfree(map);
	*(struct stapkit_map **)global->storage = NULL;
}

static int map_create(struct stapkit_global *global)
{
	s64 wanted = global->size ? global->size : stapkit_script.limits.maxmapentries;
	struct stapkit_map *map = kzalloc(sizeof(*map), GFP_KERNEL);
	u32 at = STAPKIT_VALUE_AT;
	u32 i;
	int cpu;

	if (!map)
		return -ENOMEM;
	*(struct stapkit_map **)global->storage = map;
	map->capacity = clamp_t(s64, wanted, 1, 1 << 28);
	map->keys = global->keys;
	map->type = global->type;
	map->wrap = global->wrap;
	map->string_size = stapkit_script.string_size;
	map->global = global;
	map->statistic = global->statistic;
	map->seed = get_random_u32();
	if (map->type == STAPKIT_LONG)
		at += sizeof(s64);
	else if (map->type == STAPKIT_STRING_TYPE)
		at += ALIGN(map->string_size, 8);
	for (i = 0; i < map->keys; i++) {
		map->key_types[i] = global->key_types[i];
		map->key_at[i] = at;
		at += map->key_types[i] == STAPKIT_LONG ? sizeof(s64) : ALIGN(map->string_size, 8);
	}
	map->node_size = at;
	map->mask = roundup_pow_of_two(map->capacity) - 1;
	map->buckets = vzalloc(array_size((size_t)map->mask + 1, sizeof(u32)));
	map->nodes = vzalloc(array_size((size_t)map->capacity + 1, map->node_size));
	if (!map->buckets || !map->nodes)
		goto fail;
	map->order_count = global->orders;
	map->orders = kvcalloc(map->order_count, sizeof(*map->orders), GFP_KERNEL);
	if (map->order_count && !map->orders)
		goto fail;
	for (i = 0; i < map->order_count; i++) {
		map->orders[i].entries = vzalloc(array_size(map->capacity, sizeof(*map->orders[i].entries)));
		if (!map->orders[i].entries)
			goto fail;
	}
	if (map->type != STAPKIT_STATISTIC)
		return 0;
	map->cell_size = stapkit_cell_size(map->statistic);
	map->cells = kvcalloc(nr_cpu_ids, sizeof(*map->cells), GFP_KERNEL);
	if (!map->cells)
		goto fail;
	for_each_possible_cpu(cpu) {
		map->cells[cpu] = vzalloc_node(array_size((size_t)map->capacity + 1, map->cell_size),
					       cpu_to_node(cpu));
		if (!map->cells[cpu])
			goto fail;
	}
	return 0;
fail:
	map_destroy(global);
	return -ENOMEM;
}

const struct stapkit_global_kind stapkit_map_kind = {
	.create = map_create,
	.destroy = map_destroy,
};
