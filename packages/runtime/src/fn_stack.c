// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Functions of the tapset: the kernel's call stack, as the kernel's own unwinder tells it. The walk starts in the
 * handler; what lies above the probed code is the probe's own and is left out.
 */
#include <linux/sched/task_stack.h>
#include <linux/stacktrace.h>

#include "fn_symbol.h"

/* How far a walk goes; MAXBACKTRACE may make it shorter. */
#define STACK_ENTRIES 64
/* The probe's own frames are fewer than these. */
#define MACHINERY_FRAMES 16

struct stack {
	unsigned long entries[STACK_ENTRIES];
	u32 first, count;
};

/* Frames that are the probe's machinery: our module and what the kernel puts between the probe and us. */
static bool is_machinery(unsigned long address)
{
	static const char *const prefixes[] = {
		"kprobe_", "kretprobe_", "aggr_pre_handler", "opt_pre_handler", "optimized_callback", "ftrace_",
		"arch_kprobe", "exc_int3", "asm_exc_int3", "do_int3", "__kretprobe", "arch_rethook", "rethook_",
		"pre_handler_kretprobe", "__kprobes_text", "stack_trace_save", "0x",
	};
	char text[STAPKIT_SYMBOL_TEXT];
	struct stapkit_symbol s;
	u32 at;

	stapkit_symbol_find(&s, text, address);
	if (!s.name)
		return true;
	if (s.module_length == strlen(THIS_MODULE->name) && strncmp(s.module, THIS_MODULE->name, s.module_length) == 0)
		return true;
	for (at = 0; at < ARRAY_SIZE(prefixes); at++)
		if (strncmp(s.name, prefixes[at], strlen(prefixes[at])) == 0)
			return true;
	return false;
}

/* Finds where the probed code's own frames begin. */
static void skip_machinery(struct stapkit_context *c, struct stack *stack)
{
	u64 address = stapkit_probe_address(c);
	u32 at;

	stack->first = 0;
	/* The unwinder gives the probed instruction's own address where it sees the registers of the trap. */
	for (at = 0; address && at < stack->count; at++) {
		if (stack->entries[at] >= address && stack->entries[at] <= address + 5) {
			stack->entries[at] = address;
			stack->first = at;
			return;
		}
	}
	for (at = 0; at < stack->count && is_machinery(stack->entries[at]); at++)
		;
	if (at == stack->count) {
		stack->first = at;
	} else if (address && !user_mode((struct pt_regs *)c->registers) && at > 0) {
		/* Not seen, so it is put before its caller. */
		stack->entries[at - 1] = address;
		stack->first = at - 1;
	} else {
		stack->first = at;
	}
}

/* At most MAXBACKTRACE frames, the probed place's own included (stap(1)). */
static noinline void walk(struct stapkit_context *c, struct stack *stack)
{
	u32 most = clamp_t(s64, stapkit_script.limits.maxbacktrace, 1, STACK_ENTRIES - MACHINERY_FRAMES);

	stack->count = stack_trace_save(stack->entries, most + MACHINERY_FRAMES, 0);
	skip_machinery(c, stack);
	stack->count = min(stack->count, stack->first + most);
}

/* Hexadecimal addresses with blanks between; @most of them, -1 for all. */
static void give_addresses(struct stapkit_context *c, char *result, u32 skip, s64 most)
{
	u32 room = stapkit_string_size();
	struct stack stack;
	u32 used = 0;
	u32 at;

	result[0] = '\0';
	walk(c, &stack);
	for (at = stack.first + skip; at < stack.count && most != 0; at++, most--) {
		/* An address is given whole or not at all. */
		if (used + 20 > room)
			break;
		used += scnprintf(result + used, room - used, "%s0x%lx", used ? " " : "", stack.entries[at]);
	}
}

void stapkit_fn_backtrace(struct stapkit_context *c, char *result)
{
	give_addresses(c, result, 0, -1);
}

void stapkit_fn_callers(struct stapkit_context *c, char *result, s64 count)
{
	give_addresses(c, result, 1, count);
}

s64 stapkit_fn_stack(struct stapkit_context *c, s64 depth)
{
	struct stack stack;

	walk(c, &stack);
	if (depth < 0 || depth >= stack.count - stack.first)
		return 0;
	return stack.entries[stack.first + depth];
}

void stapkit_fn_sprint_backtrace(struct stapkit_context *c, char *result)
{
	u32 room = stapkit_string_size();
	struct stack stack;
	u32 used = 0;
	u32 at;

	result[0] = '\0';
	walk(c, &stack);
	for (at = stack.first; at < stack.count && used + 1 < room; at++) {
		used += stapkit_symbol_print(result + used, room - used - 1, stack.entries[at]);
		used += scnprintf(result + used, room - used, "\n");
	}
}

void stapkit_fn_print_backtrace(struct stapkit_context *c)
{
	char line[STAPKIT_SYMBOL_TEXT];
	struct stack stack;
	u32 at;

	walk(c, &stack);
	for (at = stack.first; at < stack.count; at++) {
		u32 used = scnprintf(line, sizeof(line), " 0x%lx : ", stack.entries[at]);

		used += stapkit_symbol_print(line + used, sizeof(line) - used - 1, stack.entries[at]);
		line[used++] = '\n';
		stapkit_print_text(c, line, used);
	}
}
