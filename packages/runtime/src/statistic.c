// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Statistics: gathered by each CPU for itself, merged when they are read.
 *
 * The variance is Welford's, in integers: each CPU keeps the running mean m and the sum q of (x - m_before) *
 * (x - m_after). Over several CPUs the sum of squares is Σ q + Σ n (m - M)², with M the mean of all. stap(1) shows
 * what comes of it for 1 … 5: 12 without scaling, 2 with a shift of one bit.
 */
#include <linux/bitops.h>
#include <linux/cpumask.h>

#include "ring.h"
#include "statistic.h"

/* Bucket 64 of a log histogram counts zeros. */
#define LOG_ZERO 64

struct stapkit_statistic {
	const struct stapkit_statistic_kind *kind;
	u32 stride;
	u8 *cells;
};

static inline struct stapkit_cell *cell_of(struct stapkit_statistic *statistic, u32 cpu)
{
	return (struct stapkit_cell *)(statistic->cells + (size_t)cpu * statistic->stride);
}

u32 stapkit_cell_size(const struct stapkit_statistic_kind *kind)
{
	return sizeof(struct stapkit_cell) + kind->buckets * sizeof(s64);
}

static u32 bucket_of(const struct stapkit_statistic_kind *kind, s64 value)
{
	if (kind->histogram == 2) {
		if (value == 0)
			return LOG_ZERO;
		return value > 0 ? LOG_ZERO + fls64(value) : LOG_ZERO - fls64(0 - (u64)value);
	}
	if (value < kind->low)
		return 0;
	if (value > kind->high)
		return kind->buckets - 1;
	return min_t(u64, ((u64)value - (u64)kind->low) / kind->interval + 1, kind->buckets - 1);
}

void stapkit_cell_refine(struct stapkit_cell *cell, const struct stapkit_statistic_kind *kind, s64 value)
{
	if (kind->variance) {
		s64 scaled = (s64)((u64)value << kind->variance_shift);
		s64 delta = scaled - cell->mean;

		cell->mean += delta / cell->count;
		cell->square_sum += delta * (scaled - cell->mean);
	}
	if (kind->histogram)
		cell->buckets[bucket_of(kind, value)]++;
}

void stapkit_statistic_add(struct stapkit_context *c, struct stapkit_statistic *statistic, s64 value)
{
	stapkit_cell_add(cell_of(statistic, c->cpu), statistic->kind, value);
}

void stapkit_statistic_clear(struct stapkit_statistic *statistic)
{
	memset(statistic->cells, 0, (size_t)statistic->stride * nr_cpu_ids);
}

void stapkit_merge_start(struct stapkit_merged *merged, const struct stapkit_statistic_kind *kind)
{
	memset(merged, 0, sizeof(*merged) + kind->buckets * sizeof(s64));
	merged->kind = kind;
}

void stapkit_merge_cell(struct stapkit_merged *merged, const struct stapkit_cell *cell)
{
	u32 i;

	if (!cell->count)
		return;
	if (!merged->count || cell->min < merged->min)
		merged->min = cell->min;
	if (!merged->count || cell->max > merged->max)
		merged->max = cell->max;
	merged->count += cell->count;
	merged->sum += cell->sum;
	merged->square_sum += cell->square_sum;
	for (i = 0; i < merged->kind->buckets; i++)
		merged->buckets[i] += cell->buckets[i];
}

void stapkit_merge_cell_variance(struct stapkit_merged *merged, const struct stapkit_cell *cell)
{
	s64 difference;

	if (!cell->count)
		return;
	difference = cell->mean - (s64)((u64)merged->sum << merged->kind->variance_shift) / merged->count;
	merged->square_sum += cell->count * difference * difference;
}

const struct stapkit_merged *stapkit_statistic_merge(struct stapkit_context *c, struct stapkit_statistic *statistic)
{
	struct stapkit_merged *merged = c->merged;
	int cpu;

	stapkit_merge_start(merged, statistic->kind);
	for_each_possible_cpu(cpu)
		stapkit_merge_cell(merged, cell_of(statistic, cpu));
	if (statistic->kind->variance)
		for_each_possible_cpu(cpu)
			stapkit_merge_cell_variance(merged, cell_of(statistic, cpu));
	return merged;
}

s64 stapkit_merged_value(struct stapkit_context *c, const struct stapkit_merged *merged, u32 operation)
{
	if (operation == STAPKIT_COUNT)
		return merged->count;
	if (operation == STAPKIT_SUM)
		return merged->sum;
	if (!merged->count) {
		stapkit_fail(c, "empty aggregate", NULL);
		return 0;
	}
	switch (operation) {
	case STAPKIT_MIN:
		return merged->min;
	case STAPKIT_MAX:
		return merged->max;
	case STAPKIT_AVG:
		return merged->sum / merged->count;
	default:
		if (merged->count < 2)
			return 0;
		return (merged->square_sum / (merged->count - 1)) >> (2 * merged->kind->variance_shift);
	}
}

u32 stapkit_merged_buckets(const struct stapkit_merged *merged)
{
	return merged->kind->buckets;
}

s64 stapkit_merged_bucket(struct stapkit_context *c, const struct stapkit_merged *merged, s64 index)
{
	if (index < 0 || index >= merged->kind->buckets) {
		stapkit_fail(c, "Histogram index out of range", NULL);
		return 0;
	}
	return merged->buckets[index];
}

void stapkit_print_histogram(struct stapkit_context *c, u32 site, const struct stapkit_merged *merged)
{
	const struct stapkit_statistic_kind *kind = merged->kind;
	struct stapkit_histogram head = {
		.kind = kind->histogram, .elision = stapkit_script.limits.hist_elision,
		.low = kind->low, .interval = kind->interval,
	};
	u32 size = kind->buckets * sizeof(s64);
	struct stapkit_record *record;

	if (!merged->count) {
		stapkit_fail(c, "empty aggregate", NULL);
		return;
	}
	record = stapkit_ring_reserve(c->ring, STAPKIT_RECORD_HISTOGRAM, site, sizeof(head) + size, false);
	if (!record) {
		atomic64_inc((atomic64_t *)&c->probe->losses[STAPKIT_LOSS_RING_FULL]);
		return;
	}
	memcpy(record + 1, &head, sizeof(head));
	memcpy((u8 *)(record + 1) + sizeof(head), merged->buckets, size);
	stapkit_ring_commit(c->ring);
}

static void statistic_destroy(struct stapkit_global *global)
{
	struct stapkit_statistic *statistic = *(struct stapkit_statistic **)global->storage;

	vfree(statistic->cells);
	kfree(statistic);
	*(struct stapkit_statistic **)global->storage = NULL;
}

static int statistic_create(struct stapkit_global *global)
{
	struct stapkit_statistic *statistic = kzalloc(sizeof(*statistic), GFP_KERNEL);

	if (!statistic)
		return -ENOMEM;
	statistic->kind = global->statistic;
	statistic->stride = ALIGN(stapkit_cell_size(statistic->kind), L1_CACHE_BYTES);
	statistic->cells = vzalloc(array_size(nr_cpu_ids, statistic->stride));
	if (!statistic->cells) {
		kfree(statistic);
		return -ENOMEM;
	}
	*(struct stapkit_statistic **)global->storage = statistic;
	return 0;
}

const struct stapkit_global_kind stapkit_statistic_kind = {
	.create = statistic_create,
	.destroy = statistic_destroy,
};
