/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef STAPKIT_MAP_H
#define STAPKIT_MAP_H

#include "stapkit.h"
#include "statistic.h"

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

#endif
