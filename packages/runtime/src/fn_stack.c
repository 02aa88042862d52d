// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Functions of the tapset: the kernel's call stack, as the kernel's own unwinder tells it. The walk starts in the
 * handler; what lies above the probed code is the probe's own and is left out.
 */
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/rcupdate.h>
#include <linux/sched/task_stack.h>
#include <linux/stacktrace.h>
#ifdef CONFIG_X86_64
#include <asm/unwind.h>
#endif

#include "context.h"
#include "fn_symbol.h"

struct stack {
	unsigned long *entries;
	u32 first, count;
	unsigned long few[STAPKIT_STACK_FEW + STAPKIT_STACK_MACHINERY];
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

static noinline void walk(struct stapkit_context *c, struct stack *stack)
{
	u32 most = stapkit_stack_most();

	stack->entries = c->stack_room ? c->stack_room : stack->few;
	stack->count = stack_trace_save(stack->entries, most + STAPKIT_STACK_MACHINERY, 0);
	skip_machinery(c, stack);
	stack->count = min(stack->count, stack->first + most);
}

/* Hexadecimal addresses with blanks between; @most of them, -1 for all. */
static void give_addresses(const struct stack *stack, char *result, u32 skip, s64 most)
{
	u32 room = stapkit_string_size();
	u32 used = 0;
	u32 at;

	result[0] = '\0';
	for (at = stack->first + skip; at < stack->count && most != 0; at++, most--) {
		/* An address is given whole or not at all. */
		if (used + 20 > room)
			break;
		used += scnprintf(result + used, room - used, "%s0x%lx", used ? " " : "", stack->entries[at]);
	}
}

void stapkit_fn_backtrace(struct stapkit_context *c, char *result)
{
	struct stack stack;

	walk(c, &stack);
	give_addresses(&stack, result, 0, -1);
}

void stapkit_fn_callers(struct stapkit_context *c, char *result, s64 count)
{
	struct stack stack;

	walk(c, &stack);
	give_addresses(&stack, result, 1, count);
}

/*
 * The stack of a task that does not run, by the kernel's unwinder. A task's stack is freed when it has ended, after a
 * grace period of RCU: one that has not begun to end when we look keeps it while we walk. Kernels that free it at once
 * have no such walk, nor those whose unwinder is not for modules. A task that runs elsewhere the unwinder refuses.
 */
#if defined(CONFIG_X86_64) && defined(STAPKIT_HAVE_STACK_FREED_BY_RCU) && defined(STAPKIT_HAVE_UNWIND_START)

/* The task at an address that a script gave, which may be stale or wrong; NULL where none is there. Under RCU. */
static struct task_struct *expect_task(s64 number)
{
	struct task_struct *task = (struct task_struct *)(unsigned long)number;
	pid_t pid;

	if (!stapkit_peek(&pid, &task->pid, sizeof(pid)) || pid <= 0)
		return NULL;
	return pid_task(find_pid_ns(pid, &init_pid_ns), PIDTYPE_PID) == task ? task : NULL;
}

static noinline void walk_task(struct stapkit_context *c, struct stack *stack, s64 number)
{
	u32 most = stapkit_stack_most();
	struct unwind_state state;
	struct task_struct *task;

	stack->entries = c->stack_room ? c->stack_room : stack->few;
	stack->first = 0;
	stack->count = 0;
	rcu_read_lock();
	task = expect_task(number);
	if (task && !READ_ONCE(task->exit_state)) {
		/* Behind the look at the state, which is set before the stack is given up. */
		smp_rmb();
		for (unwind_start(&state, task, NULL, NULL); !unwind_done(&state) && stack->count < most;
		     unwind_next_frame(&state)) {
			unsigned long address = unwind_get_return_address(&state);

			if (!address)
				break;
			stack->entries[stack->count++] = address;
		}
	}
	rcu_read_unlock();
}

#else

static void walk_task(struct stapkit_context *c, struct stack *stack, s64 number)
{
	stack->first = 0;
	stack->count = 0;
}

#endif

void stapkit_fn_task_backtrace(struct stapkit_context *c, char *result, s64 task)
{
	struct stack stack;

	if (task == (s64)(unsigned long)current)
		walk(c, &stack);
	else
		walk_task(c, &stack, task);
	give_addresses(&stack, result, 0, -1);
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
