// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Global variables: allocation before the run, automatic printing after it. */
#include "context.h"
#include "global.h"

static int string_create(struct stapkit_global *global)
{
	char *text = kvzalloc(stapkit_script.string_room, GFP_KERNEL);

	if (!text)
		return -ENOMEM;
	if (global->initial)
		strscpy(text, global->initial, stapkit_script.string_size);
	*(char **)global->storage = text;
	return 0;
}

static void string_destroy(struct stapkit_global *global)
{
	kvfree(*(char **)global->storage);
	*(char **)global->storage = NULL;
}

const struct stapkit_global_kind stapkit_string_kind = {
	.create = string_create,
	.destroy = string_destroy,
};

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

static void print(void (*function)(struct stapkit_context *c))
{
	static struct stapkit_probe printer = { .name = "end", .written = "end", .place = "", .id = ~0u };
	struct stapkit_context *c;

	if (!function)
		return;
	c = stapkit_context_enter_sequence(&printer);
	/* The printing is ours: as long as the arrays are. */
	c->actions = S64_MAX;
	function(c);
	stapkit_context_leave_sequence(c);
}

void stapkit_global_print_all(void)
{
	print(stapkit_script.print_globals);
}

void stapkit_global_report(void)
{
	print(stapkit_script.report);
}
