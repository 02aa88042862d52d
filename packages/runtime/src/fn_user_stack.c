// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Functions of the tapset: the call stack of the current process, as its frame pointers tell it. A program that was
 * compiled without them gives its topmost address, and what its registers happen to point to is left alone: the walk
 * ends at the first frame that does not lie above the one before.
 */
#include <linux/ptrace.h>
#include <linux/sched/task_stack.h>

#include "fn_memory.h"

struct user_frame {
	u64 pc, fp;
	u32 depth;
};

/* The registers that the process has, or had when it entered the kernel; NULL for the kernel's own threads. */
static struct pt_regs *user_registers(struct stapkit_context *c)
{
	struct pt_regs *regs = c->registers;

	if (regs && user_mode(regs))
		return regs;
	if (!current->mm || (current->flags & PF_KTHREAD))
		return NULL;
	return task_pt_regs(current);
}

static bool first_frame(struct stapkit_context *c, struct user_frame *frame)
{
	struct pt_regs *regs = user_registers(c);

	if (!regs)
		return false;
	frame->pc = instruction_pointer(regs);
	frame->depth = 0;
#ifdef CONFIG_X86_64
	frame->fp = regs->bp;
#elif defined(CONFIG_ARM64)
	frame->fp = regs->regs[29];
#else
	frame->fp = 0;
#endif
	return true;
}

/* On x86-64 as on arm64 a frame begins with the caller's frame pointer and the return address. */
static bool next_frame(struct user_frame *frame)
{
	u64 saved[2];

	if (!frame->fp || frame->fp & 7 || ++frame->depth >= 64 ||
	    !stapkit_peek_user(saved, frame->fp, sizeof(saved)) || !saved[1])
		return false;
	frame->pc = saved[1];
	frame->fp = saved[0] > frame->fp ? saved[0] : 0;
	return true;
}

s64 stapkit_fn_ustack(struct stapkit_context *c, s64 depth)
{
	struct user_frame frame;

	if (depth < 0 || !first_frame(c, &frame))
		return 0;
	while (depth-- > 0)
		if (!next_frame(&frame))
			return 0;
	return frame.pc;
}

static void give_addresses(char *result, struct user_frame *frame, bool more, u32 skip, s64 most)
{
	u32 room = stapkit_string_size();
	u32 used = 0;

	result[0] = '\0';
	for (; more && most != 0; more = next_frame(frame)) {
		if (skip > 0) {
			skip--;
			continue;
		}
		if (used + 20 > room)
			break;
		used += scnprintf(result + used, room - used, "%s0x%llx", used ? " " : "", frame->pc);
		most--;
	}
}

/* At most @count addresses from the @skip-th on, -1 for all. */
void stapkit_fn_ucallers(struct stapkit_context *c, char *result, s64 skip, s64 count)
{
	struct user_frame frame;
	bool more = first_frame(c, &frame);

	give_addresses(result, &frame, more, skip, count);
}

/* From a program counter and frame pointer of the script's own. */
void stapkit_fn_ubacktrace_from(struct stapkit_context *c, char *result, s64 pc, s64 fp)
{
	struct user_frame frame = { .pc = pc, .fp = fp };

	give_addresses(result, &frame, pc != 0, 0, -1);
}
