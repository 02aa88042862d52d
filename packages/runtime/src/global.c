// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Global variables: allocation before the run, automatic printing after it. */
#include "context.h"
#include "global.h"

/*
 * Arrays and statistics are archive members of their own. The script refers to their functions and so has them linked;
 * these weak references must not.
 */
extern const struct stapkit_global_kind stapkit_map_kind __attribute__((weak));
extern const struct stapkit_global_kind stapkit_statistic_kind __attribute__((weak));

static const struct stapkit_global_kind *kind_of(const struct stapkit_global *g)
{
	if (g->keys)
		return &stapkit_map_kind;
	if (g->type == STAPKIT_STATISTIC)
		return &stapkit_statistic_kind;
	return NULL;
}

int stapkit_global_create(void)
{
	struct stapkit_global *g;

	for (g = stapkit_script.globals; g < stapkit_script.globals + stapkit_script.global_count; g++) {
		const struct stapkit_global_kind *kind = kind_of(g);
		int err;

		if (!kind)
			continue;
		err = kind->create(g);
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
		const struct stapkit_global_kind *kind = kind_of(g);

		if (kind && *(void **)g->storage)
			kind->destroy(g);
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
