/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef STAPKIT_STATISTIC_H
#define STAPKIT_STATISTIC_H

#include "stapkit.h"

/* What one CPU has gathered of a statistic. All zero is the empty one. */
struct stapkit_cell {
	s64 count, sum, min, max;
	s64 mean;			/* scaled by variance_shift bits */
	s64 square_sum;			/* scaled by twice that */
	s64 buckets[];
};

u32 stapkit_cell_size(const struct stapkit_statistic_kind *kind);
/* The part of adding a value that is for variances and histograms. */
void stapkit_cell_refine(struct stapkit_cell *cell, const struct stapkit_statistic_kind *kind, s64 value);

/* Adds a value on this cell's own CPU. Any context. */
static inline void stapkit_cell_add(struct stapkit_cell *cell, const struct stapkit_statistic_kind *kind, s64 value)
{
	s64 count = cell->count++;

	cell->sum += value;
	if (value < cell->min || !count)
		cell->min = value;
	if (value > cell->max || !count)
		cell->max = value;
	if (kind->variance || kind->histogram)
		stapkit_cell_refine(cell, kind, value);
}

/*
 * Merging: start, then every cell; where the variance is wanted, every cell once more by stapkit_merge_cell_variance(),
 * which needs the mean of all.
 */
void stapkit_merge_start(struct stapkit_merged *merged, const struct stapkit_statistic_kind *kind);
void stapkit_merge_cell(struct stapkit_merged *merged, const struct stapkit_cell *cell);
void stapkit_merge_cell_variance(struct stapkit_merged *merged, const struct stapkit_cell *cell);

#endif
