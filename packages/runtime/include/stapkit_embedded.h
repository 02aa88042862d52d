/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What embedded C of a script's own is compiled with: the kernel's headers, and the macros that stap(1) documents under
 * EMBEDDED C. Those that depend on the function (STAP_ARG_x, STAP_RETVALUE, STAP_RETURN, STAP_GLOBAL_GET_x) are defined
 * around each text by the translator.
 */
#ifndef STAPKIT_EMBEDDED_H
#define STAPKIT_EMBEDDED_H

#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/types.h>
#include <linux/string.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/cred.h>
#include <linux/ktime.h>
#include <linux/uaccess.h>
#include <linux/version.h>

#include "kernel_features.h"
#include "stapkit_abi.h"

/* Embedded C defines functions as it pleases. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wmissing-declarations"
#pragma GCC diagnostic ignored "-Wunused-label"
#pragma GCC diagnostic ignored "-Wdeclaration-after-statement"

#define CONTEXT c
#define STAPKIT_EMBEDDED_TEXT 1024

/* Text for the output, formatted here. */
void stapkit_embedded_printf(struct stapkit_context *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
void stapkit_embedded_warn(struct stapkit_context *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define STAP_PRINTF(...) stapkit_embedded_printf(c, __VA_ARGS__)
#define STAP_PRINT(text) stapkit_embedded_printf(c, "%s", (text))
#define STAP_WARN(...) stapkit_embedded_warn(c, __VA_ARGS__)
/* Ends the function and the handler. */
#define STAP_ERROR(...)                                                                                                \
	do {                                                                                                           \
		stapkit_error(c, __VA_ARGS__);                                                                         \
		goto stapkit_out;                                                                                      \
	} while (0)
#define STAP_NOP() do { } while (0)

/* Reads of any address: one that can't be read ends the function and the handler with an error. */
#define stapkit_embedded_deref(size, address, user)                                                                    \
	({                                                                                                             \
		s64 value_ = stapkit_load(c, (u64)(unsigned long)(address), (size), false, (user));                    \
		if (c->error)                                                                                          \
			goto stapkit_out;                                                                              \
		value_;                                                                                                \
	})
#define kderef(size, address) stapkit_embedded_deref(size, address, false)
#define uderef(size, address) stapkit_embedded_deref(size, address, true)
#define kread(pointer) ((typeof(*(pointer)))stapkit_embedded_deref(sizeof(*(pointer)), pointer, false))
#define uread(pointer) ((typeof(*(pointer)))stapkit_embedded_deref(sizeof(*(pointer)), pointer, true))
/* Where the reads above leave to in SystemTap. */
#define CATCH_DEREF_FAULT() do { } while (0)

/*
 * Old spellings: strlcpy() left the kernel in 6.8 (commit d26270061ae6, "string: Remove strlcpy()"), and scripts still
 * use it.
 */
static inline size_t stapkit_strlcpy(char *to, const char *from, size_t size)
{
	size_t length = strlen(from);

	if (size) {
		size_t copied = min(length, size - 1);

		memcpy(to, from, copied);
		to[copied] = '\0';
	}
	return length;
}

#undef strlcpy
#define strlcpy(to, from, size) stapkit_strlcpy(to, from, size)

#endif
