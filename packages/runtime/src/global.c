// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Global variables: allocation before the run, automatic printing after it. */
#include "context.h"
#include "global.h"

int stapkit_global_create(void)
{
	struct stapkit_global *g;

	for (g = stapkit_script.globals; g < stapkit_script.globals + stapkit_script.global_count; g++) {
		int err;

		if (!g->kind)
			continue;
		err = g->kind->create(g);
		if (err) {
			pr_err("stapkit: %s: no memory for global %s\n", THIS_MODULE->name, g->name);
			stapkit_global_destroy();
			return err;
		}
	}
	return 0;
}

void stapkit_global_destroy(void)
{
	struct stapkit_global *g;

	for (g = stapkit_script.globals; g < stapkit_script.globals + stapkit_script.global_count; g++) {
		if (g->kind && *(void **)g->storage)
			g->kind->destroy(g);
	}
}

void stapkit_global_print_all(void)
{
	static struct stapkit_probe printer = { .name = "end", .written = "end", .place = "", .id = ~0u };
	struct stapkit_context *c;

	if (!stapkit_script.print_globals)
		return;
	c = stapkit_context_enter_sequence(&printer);
	/* The printing is ours: as long as the arrays are. */
	c->actions = S64_MAX;
	stapkit_script.print_globals(c);
	stapkit_context_leave_sequence(c);
}
