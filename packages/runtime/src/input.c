// SPDX-License-Identifier: GPL-2.0 OR MIT
/* input.char and input.line: what staprun read from its standard input, through the control file. */
#include <linux/mutex.h>

#include "context.h"
#include "input.h"
#include "procfs.h"
#include "session.h"

static DEFINE_MUTEX(input_mutex);
static char line[STAPKIT_STRING_MOST];
static u32 line_length;

static bool by_line(const struct stapkit_probe *p)
{
	return ((const struct stapkit_input_point *)p->point)->line;
}

static void run(struct stapkit_probe *p, char *bytes, u32 length)
{
	struct stapkit_procfs_text text = { .bytes = bytes, .size = length + 1, .length = length };
	struct stapkit_context *c;
	unsigned long flags;

	if (!READ_ONCE(p->armed))
		return;
	local_irq_save(flags);
	c = stapkit_context_enter(p);
	if (c) {
		c->family_data = &text;
		p->handler(c);
		stapkit_context_leave(c);
	}
	local_irq_restore(flags);
}

static void receive_byte(char byte)
{
	char one[2] = { byte, '\0' };
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_input)
		if (!by_line(p))
			run(p, one, 1);
	/* stapprobes(3stap): "no more than MAXSTRINGLEN characters will be buffered", the rest of the line is dropped. */
	if (line_length < stapkit_script.string_size - 1)
		line[line_length++] = byte;
	if (byte != '\n')
		return;
	line[line_length] = '\0';
	stapkit_for_each_probe(p, &stapkit_family_input)
		if (by_line(p))
			run(p, line, line_length);
	line_length = 0;
}

static void receive(const char *bytes, size_t length)
{
	size_t i;

	mutex_lock(&input_mutex);
	for (i = 0; i < length; i++)
		receive_byte(bytes[i]);
	mutex_unlock(&input_mutex);
}

static int input_arm(void)
{
	WRITE_ONCE(stapkit_input_receive, receive);
	return 0;
}

static void input_disarm(void)
{
	WRITE_ONCE(stapkit_input_receive, NULL);
	/* Whoever is still in receive() holds this. */
	mutex_lock(&input_mutex);
	mutex_unlock(&input_mutex);
}

const struct stapkit_family stapkit_family_input = {
	.name = "input",
	.arm = input_arm,
	.disarm = input_disarm,
};
