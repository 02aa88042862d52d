// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Runs a regular expression's automaton over a string, and keeps what its groups matched for matched(). */
#include "stapkit.h"

#define REGISTERS_MAX 64

static void do_tags(const struct stapkit_regex *regex, s32 *registers, u32 at, s32 position)
{
	const struct stapkit_regex_tag *tag;

	for (tag = &regex->tags[at]; tag->target != 0xff; tag++) {
		if (tag->target >= REGISTERS_MAX)
			continue;
		if (tag->source == 0xff)
			registers[tag->target] = position;
		else if (tag->source == 0xfe)
			registers[tag->target] = -1;
		else if (tag->source < REGISTERS_MAX)
			registers[tag->target] = registers[tag->source];
	}
}

/* The transition that takes @byte; NULL where none does. They are in order, so this halves. */
static const struct stapkit_regex_transition *find(const struct stapkit_regex *regex,
						   const struct stapkit_regex_state *state, u8 byte)
{
	u32 low = state->first;
	u32 high = state->first + state->count;

	while (low < high) {
		u32 middle = (low + high) / 2;
		const struct stapkit_regex_transition *t = &regex->transitions[middle];

		if (byte < t->from)
			high = middle;
		else if (byte > t->to)
			low = middle + 1;
		else
			return t;
	}
	return NULL;
}

bool stapkit_regex_match(struct stapkit_context *c, const struct stapkit_regex *regex, const char *text)
{
	const struct stapkit_regex_state *state = regex->states;
	s32 length = strnlen(text, stapkit_script.string_size - 1);
	s32 registers[REGISTERS_MAX];
	bool matched = false;
	s32 position = 0;
	u32 i;

	if (regex->tagged)
		for (i = 0; i < min_t(u32, regex->registers, REGISTERS_MAX); i++)
			registers[i] = -1;
	for (;; position++) {
		const struct stapkit_regex_transition *t;

		if (state->accepting) {
			matched = true;
			if (!regex->tagged)
				break;
			do_tags(regex, registers, state->finish, min(position, length));
			/* Later passes overwrite: the last one counts. */
			c->matched_groups = min_t(u32, regex->groups + 1, ARRAY_SIZE(c->matched) / 2);
			for (i = 0; i < 2 * c->matched_groups; i++)
				c->matched[i] = registers[i];
		}
		/* The end is read as one byte 0. */
		if (position > length)
			break;
		t = find(regex, state, position < length ? text[position] : 0);
		if (!t)
			break;
		do_tags(regex, registers, t->tags, position);
		state = &regex->states[t->target];
	}
	if (matched && regex->tagged) {
		memcpy(c->matched_copy, text, length);
		c->matched_copy[length] = '\0';
		c->matched_text = c->matched_copy;
	} else if (!matched) {
		/* matched() is an error after a failed match. */
		c->matched_text = NULL;
	}
	return matched;
}
