// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Functions of the tapset: the current process's arguments and environment, from its own memory. */
#include <linux/mm_types.h>
#include <linux/sched/mm.h>

#include "fn_memory.h"

/* Gives the length of the word at @at, without its NUL, and copies as much as fits; -1 where it can't be read. */
static s64 take_word(char *to, u32 room, u64 at, u64 end)
{
	s64 length = 0;
	u32 used = 0;

	while (at < end) {
		u32 step = min_t(u64, 64 - (at & 63), end - at);
		char piece[64];
		u32 part, fits;

		if (!stapkit_peek_user(piece, at, step))
			return -1;
		part = strnlen(piece, step);
		fits = used < room ? min(part, room - used) : 0;
		memcpy(to + used, piece, fits);
		used += fits;
		length += part;
		at += step;
		if (part < step)
			break;
	}
	return length;
}

/* Arguments @first … @last with @delimiter between; all from @first on where @last is smaller. */
void stapkit_fn_cmdline_args(struct stapkit_context *c, char *result, s64 first, s64 last, const char *delimiter)
{
	u32 room = stapkit_string_size() - 1;
	struct mm_struct *mm = current->mm;
	u32 used = 0;
	u64 at, end;
	s64 number;

	result[0] = '\0';
	if (!mm || first < 0)
		return;
	at = READ_ONCE(mm->arg_start);
	end = READ_ONCE(mm->arg_end);
	for (number = 0; at < end && (last < first || number <= last); number++) {
		bool wanted = number >= first;
		s64 length;

		if (wanted && number > first) {
			u32 part = min_t(u32, strlen(delimiter), room - used);

			memcpy(result + used, delimiter, part);
			used += part;
		}
		length = take_word(result + used, wanted ? room - used : 0, at, end);
		if (length < 0) {
			result[0] = '\0';
			return;
		}
		if (wanted)
			used += min_t(s64, length, room - used);
		at += length + 1;
		if (wanted && used == room)
			break;
	}
	result[used] = '\0';
}

void stapkit_fn_cmdline_str(struct stapkit_context *c, char *result)
{
	stapkit_fn_cmdline_args(c, result, 0, -1, " ");
}

void stapkit_fn_env_var(struct stapkit_context *c, char *result, const char *name)
{
	u32 room = stapkit_string_size() - 1;
	struct mm_struct *mm = current->mm;
	u32 name_length = strlen(name);
	u64 at, end;

	result[0] = '\0';
	if (!mm || !name_length)
		return;
	at = READ_ONCE(mm->env_start);
	end = READ_ONCE(mm->env_end);
	while (at < end) {
		s64 length = take_word(c->scratch, room, at, end);

		if (length < 0)
			return;
		if (length > name_length && name_length < room && strncmp(c->scratch, name, name_length) == 0 &&
		    c->scratch[name_length] == '=') {
			s64 value = take_word(result, room, at + name_length + 1, end);

			result[max_t(s64, 0, min_t(s64, value, room))] = '\0';
			return;
		}
		at += length + 1;
	}
}
