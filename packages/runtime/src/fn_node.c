// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Functions of the tapset: memory nodes. */
#include <linux/mm.h>
#include <linux/mmzone.h>

#include "fn_memory.h"

/* By the ranges of page frames that each node spans, which needs no page structure to be there. */
s64 stapkit_fn_addr_to_node(struct stapkit_context *c, s64 address)
{
#ifdef CONFIG_NUMA
	unsigned long frame = __pa(address) >> PAGE_SHIFT;
	int node;

	if ((u64)address < PAGE_OFFSET)
		return -1;
	for (node = 0; node < MAX_NUMNODES; node++) {
		pg_data_t *data;

		if (!node_state(node, N_ONLINE))
			continue;
		data = NODE_DATA(node);
		if (data && frame >= data->node_start_pfn && frame < data->node_start_pfn + data->node_spanned_pages)
			return node;
	}
	return -1;
#else
	return (u64)address < PAGE_OFFSET ? -1 : 0;
#endif
}
