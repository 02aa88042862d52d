// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Functions of the tapset: the registers of the probed code, and function arguments by the calling convention. Where a
 * probe has no registers there is nothing to give: 0, or an error for what can only be asked in vain.
 */
#include <linux/kallsyms.h>
#include <linux/ptrace.h>
#include <linux/sched/task_stack.h>

#include "fn_memory.h"

static struct pt_regs *registers(struct stapkit_context *c)
{
	return c->registers;
}

static bool in_user_mode(struct stapkit_context *c)
{
	return c->user_mode || (c->registers && user_mode(registers(c)));
}

s64 stapkit_fn_registers_valid(struct stapkit_context *c)
{
	return c->registers != NULL;
}

s64 stapkit_fn_user_mode(struct stapkit_context *c)
{
	return in_user_mode(c);
}

s64 stapkit_fn_addr(struct stapkit_context *c)
{
	return stapkit_probe_address(c);
}

s64 stapkit_fn_uaddr(struct stapkit_context *c)
{
	if (in_user_mode(c) && c->registers)
		return instruction_pointer(registers(c));
	if (!current->mm || (current->flags & PF_KTHREAD))
		return 0;
	return instruction_pointer(task_pt_regs(current));
}

s64 stapkit_fn_returnval(struct stapkit_context *c)
{
	return c->registers ? (s64)regs_return_value(registers(c)) : 0;
}

#ifdef CONFIG_X86_64

struct named_register {
	const char *name;
	u16 offset;
	u8 size;
};

#define REGISTER(name, field, size) { name, offsetof(struct pt_regs, field), size }
#define PAIR(short_name, field) REGISTER("r" short_name, field, 8), REGISTER(short_name, field, 8), \
	REGISTER("e" short_name, field, 4)

static const struct named_register names[] = {
	PAIR("ax", ax), PAIR("bx", bx), PAIR("cx", cx), PAIR("dx", dx), PAIR("si", si), PAIR("di", di), PAIR("bp", bp),
	PAIR("sp", sp), PAIR("ip", ip),
	REGISTER("r8", r8, 8), REGISTER("r9", r9, 8), REGISTER("r10", r10, 8), REGISTER("r11", r11, 8),
	REGISTER("r12", r12, 8), REGISTER("r13", r13, 8), REGISTER("r14", r14, 8), REGISTER("r15", r15, 8),
	REGISTER("flags", flags, 4), REGISTER("eflags", flags, 4), REGISTER("rflags", flags, 8),
	REGISTER("orig_ax", orig_ax, 8), REGISTER("orig_rax", orig_ax, 8), REGISTER("orig_eax", orig_ax, 4),
	REGISTER("cs", cs, 2), REGISTER("xcs", cs, 2), REGISTER("ss", ss, 2), REGISTER("xss", ss, 2),
};

static s64 find_register(struct stapkit_context *c, const char *name, bool is_signed)
{
	u32 at;

	if (!c->registers) {
		stapkit_error(c, "cannot access CPU registers in this context");
		return 0;
	}
	for (at = 0; at < ARRAY_SIZE(names); at++) {
		u64 value;

		if (strcmp(names[at].name, name) != 0)
			continue;
		value = *(u64 *)((u8 *)c->registers + names[at].offset);
		if (names[at].size == 8)
			return value;
		/* Segment registers are 16 bits that have no sign. */
		return names[at].size == 2 ? (u16)value : is_signed ? (s64)(s32)value : (s64)(u32)value;
	}
	stapkit_error(c, "unknown register: %s", name);
	return 0;
}

#else

static s64 find_register(struct stapkit_context *c, const char *name, bool is_signed)
{
	u32 number;

	if (!c->registers) {
		stapkit_error(c, "cannot access CPU registers in this context");
		return 0;
	}
#ifdef CONFIG_ARM64
	if (strcmp(name, "sp") == 0)
		return registers(c)->sp;
	if (strcmp(name, "pc") == 0)
		return registers(c)->pc;
	if (strcmp(name, "orig_x0") == 0)
		return registers(c)->orig_x0;
	if (strcmp(name, "fp") == 0)
		return registers(c)->regs[29];
	if (strcmp(name, "lr") == 0)
		return registers(c)->regs[30];
	if (name[0] == 'x' && kstrtouint(name + 1, 10, &number) == 0 && number <= 30)
		return registers(c)->regs[number];
#endif
	stapkit_error(c, "unknown register: %s", name);
	return 0;
}

#endif

s64 stapkit_fn_register(struct stapkit_context *c, const char *name)
{
	return find_register(c, name, true);
}

s64 stapkit_fn_u_register(struct stapkit_context *c, const char *name)
{
	return find_register(c, name, false);
}

void stapkit_fn_print_regs(struct stapkit_context *c)
{
#ifdef CONFIG_X86_64
	struct pt_regs *r = c->registers;
	char line[160];

	if (!r)
		return;
#define LINE(...) stapkit_print_text(c, line, scnprintf(line, sizeof(line), __VA_ARGS__))
	LINE("RIP: %016lx\nRSP: %016lx  EFLAGS: %08lx\n", r->ip, r->sp, r->flags);
	LINE("RAX: %016lx RBX: %016lx RCX: %016lx\n", r->ax, r->bx, r->cx);
	LINE("RDX: %016lx RSI: %016lx RDI: %016lx\n", r->dx, r->si, r->di);
	LINE("RBP: %016lx R08: %016lx R09: %016lx\n", r->bp, r->r8, r->r9);
	LINE("R10: %016lx R11: %016lx R12: %016lx\n", r->r10, r->r11, r->r12);
	LINE("R13: %016lx R14: %016lx R15: %016lx\n", r->r13, r->r14, r->r15);
#undef LINE
#endif
}
