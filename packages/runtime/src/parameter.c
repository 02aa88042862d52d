// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The module parameter `set`: limits and globals (-G) that are changed when the module is loaded.
 *
 *   insmod x.ko set="MAXACTION=5000,count=3,name=value of a string"
 *
 * A backslash takes away the meaning of a comma, an equals sign or a backslash after it; `\xHH` is a byte. Names of
 * limits are tried first; a global of the same name is reached with `global.NAME`.
 */
#include <linux/ctype.h>
#include <linux/moduleparam.h>

#include "parameter.h"

static char *set;
module_param(set, charp, 0);
MODULE_PARM_DESC(set, "limits and globals: NAME=VALUE,…");

static const struct {
	const char *name;
	size_t offset;
} limits[] = {
#define LIMIT(name, field) { name, offsetof(struct stapkit_limits, field) }
	LIMIT("MAXACTION", maxaction),
	LIMIT("MAXACTION_INTERRUPTIBLE", maxaction_interruptible),
	LIMIT("MAXNESTING", maxnesting),
	LIMIT("MAXMAPENTRIES", maxmapentries),
	LIMIT("MAXERRORS", maxerrors),
	LIMIT("MAXSKIPPED", maxskipped),
	LIMIT("INTERRUPTIBLE", interruptible),
	LIMIT("MAXTRYLOCK", maxtrylock),
	LIMIT("TRYLOCKDELAY", trylockdelay),
	LIMIT("MAXBACKTRACE", maxbacktrace),
	LIMIT("MINSTACKSPACE", minstackspace),
	LIMIT("STP_OVERLOAD_INTERVAL", overload_interval),
	LIMIT("STP_OVERLOAD_THRESHOLD", overload_threshold),
	LIMIT("STP_PROCFS_BUFSIZE", procfs_bufsize),
	LIMIT("HIST_ELISION", hist_elision),
	LIMIT("STAPKIT_BUFFER", buffer_size),
	LIMIT("STAPKIT_SUPPRESS_ERRORS", suppress_errors),
	LIMIT("STAPKIT_SUPPRESS_TIME_LIMITS", suppress_time_limits),
#undef LIMIT
};

static int set_limit(const char *name, const char *value)
{
	s64 number;
	u32 i;
	int err;

	for (i = 0; i < ARRAY_SIZE(limits); i++) {
		if (strcmp(limits[i].name, name) != 0)
			continue;
		err = kstrtos64(value, 0, &number);
		/* "A negative <num> disables removal" of empty buckets. */
		if (!err && number < 0 && limits[i].offset != offsetof(struct stapkit_limits, hist_elision))
			err = -ERANGE;
		if (!err)
			*(s64 *)((u8 *)&stapkit_script.limits + limits[i].offset) = number;
		return err;
	}
	return -ENOENT;
}

static int set_string_size(const char *value)
{
	u32 size;
	int err = kstrtou32(value, 0, &size);

	if (err)
		return err;
	if (size < STAPKIT_STRING_LEAST || size > STAPKIT_STRING_MOST)
		return -ERANGE;
	stapkit_script.string_size = size;
	return 0;
}

static int set_global(const char *name, const char *value)
{
	struct stapkit_global *g;
	u64 number;
	int err;

	for (g = stapkit_script.globals; g < stapkit_script.globals + stapkit_script.global_count; g++) {
		if (g->library || g->keys || strcmp(g->name, name) != 0)
			continue;
		if (g->type == STAPKIT_LONG) {
			err = kstrtos64(value, 0, g->storage);
			if (err && kstrtou64(value, 0, &number) == 0) {
				*(u64 *)g->storage = number;
				err = 0;
			}
			return err;
		}
		if (g->type == STAPKIT_STRING_TYPE) {
			/* Its storage is made later; the text of `set` stays as long as the module. */
			g->initial = value;
			return 0;
		}
		return -EINVAL;
	}
	return -ENOENT;
}

/* Takes one word up to @stop or the end off *@text, in place. */
static char *take_word(char **text, char stop, bool *stopped)
{
	char *word = *text;
	char *to = word;
	char *from = word;

	*stopped = false;
	while (*from) {
		int length = 0;
		u8 byte;

		if (sscanf(from, "\\x%2hhx%n", &byte, &length) == 1 && length == 4) {
			*to++ = byte;
			from += length;
			continue;
		}
		if (*from == '\\' && from[1]) {
			from++;
		} else if (*from == stop) {
			*stopped = true;
			from++;
			break;
		}
		*to++ = *from++;
	}
	*text = from;
	*to = '\0';
	return word;
}

int stapkit_parameter_apply(void)
{
	const struct stapkit_limits built = stapkit_script.limits;
	char *text = set;
	u32 compiled = stapkit_script.string_size;
	int err;

	while (text && *text) {
		bool has_value, more;
		char *name = take_word(&text, '=', &has_value);
		char *value = take_word(&text, ',', &more);

		err = has_value ? -ENOENT : -EINVAL;
		if (has_value && strncmp(name, "global.", 7) == 0)
			err = set_global(name + 7, value);
		else if (has_value && strcmp(name, "MAXSTRINGLEN") == 0)
			err = set_string_size(value);
		else if (has_value)
			err = set_limit(name, value);
		if (err == -ENOENT)
			err = set_global(name, value);
		if (err) {
			pr_err("stapkit: %s: can't set \"%s\" to \"%s\"\n", THIS_MODULE->name, name, value);
			return -EINVAL;
		}
	}
	/* stap(1): "default (MAXACTION * 10)", which follows a MAXACTION that is given. */
	if (stapkit_script.limits.maxaction != built.maxaction &&
	    stapkit_script.limits.maxaction_interruptible == built.maxaction_interruptible &&
	    built.maxaction_interruptible == 10 * built.maxaction)
		stapkit_script.limits.maxaction_interruptible = 10 * stapkit_script.limits.maxaction;
	/* stap(1): --suppress-time-limits disables "-DMAXACTION and -DMAXTRYLOCK" too; that of locks is lock.c's affair. */
	if (stapkit_script.limits.suppress_time_limits)
		stapkit_script.limits.maxaction = stapkit_script.limits.maxaction_interruptible = S64_MAX;
	/* Embedded C may go by the size that it was compiled with. */
	stapkit_script.string_room = ALIGN(max(stapkit_script.string_size, compiled), 16);
	return 0;
}
