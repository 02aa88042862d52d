// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Functions of the tapset: source lines of kernel addresses, from tables that are linked into a module whose script asks
 * for lines. packages/dwarf/src/kernel/line-image.ts describes their form. Nothing here sleeps, locks or allocates.
 */
#include <linux/kallsyms.h>
#include <linux/sched/task.h>

#include "fn_symbol.h"

#define LINE_IMAGE_MAGIC 0x6e6c6b73
#define LINE_IMAGE_VERSION 1

struct line_image {
	u32 magic, version;
	u32 module;			/* 0 for the kernel itself */
	u32 anchor_low, anchor_high;	/* where init_task lies from the kernel's first address */
	u32 files, file_count;
	u32 blocks, block_count;
	u32 stream;
	u32 symbols, symbol_count;
};

struct line_block {
	u32 address, stream, file, line;
};

struct line_symbol {
	u32 name, address, size;
};

/* Ends with NULL; the object that build-module.ts makes defines it. */
extern const struct line_image *const stapkit_line_images[];

static const void *part(const struct line_image *image, u32 offset)
{
	return (const char *)image + offset;
}

static u32 next_number(const u8 **at)
{
	u32 value = 0;
	u32 shift;
	u8 byte;

	for (shift = 0; shift < 35; shift += 7) {
		byte = *(*at)++;
		value |= (u32)(byte & 127) << shift;
		if (byte < 128)
			break;
	}
	return value;
}

/* Finds the last row at or below @address. False where the code there belongs to no line. */
static bool look_up(const struct line_image *image, u32 address, const char **file, u32 *line)
{
	const struct line_block *blocks = part(image, image->blocks);
	const u32 *files = part(image, image->files);
	const u8 *stream = part(image, image->stream);
	u32 low = 0, high = image->block_count;
	const u8 *at, *end;
	u32 place, number;

	while (low < high) {
		u32 middle = low + (high - low) / 2;

		if (blocks[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return false;
	at = stream + blocks[low - 1].stream;
	/* The names follow the stream. */
	end = low < image->block_count ? stream + blocks[low].stream : part(image, files[0]);
	place = blocks[low - 1].address;
	number = blocks[low - 1].file;
	*line = blocks[low - 1].line;
	while (at < end) {
		u32 change, other = number;

		place += next_number(&at);
		change = next_number(&at);
		if (change & 1)
			other = next_number(&at);
		if (place > address)
			break;
		change >>= 1;
		*line += change & 1 ? -((change + 1) >> 1) : change >> 1;
		number = other;
	}
	if (!number)
		return false;
	*file = part(image, files[number]);
	return true;
}

/* A module's own address of a symbol that the kernel found, where there is one of it. */
static bool symbol_address(const struct line_image *image, const struct stapkit_symbol *symbol, u32 *address)
{
	const struct line_symbol *symbols = part(image, image->symbols);
	u32 low = 0, high = image->symbol_count;
	bool found = false;

	while (low < high) {
		u32 middle = low + (high - low) / 2;
		const char *name = part(image, symbols[middle].name);
		int order = strncmp(name, symbol->name, symbol->name_length);

		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < image->symbol_count; low++) {
		const char *name = part(image, symbols[low].name);

		if (strncmp(name, symbol->name, symbol->name_length) || name[symbol->name_length])
			break;
		/* The kernel counts what pads a function as part of it. */
		if (symbol->offset >= symbols[low].size)
			continue;
		if (found)
			return false;
		found = true;
		*address = symbols[low].address + symbol->offset;
	}
	return found;
}

static bool find_line(u64 address, const char **file, u32 *line)
{
	const struct line_image *const *images = stapkit_line_images;
	char text[STAPKIT_SYMBOL_TEXT];
	struct stapkit_symbol symbol;

	stapkit_symbol_find(&symbol, text, address);
	if (!symbol.name)
		return false;
	for (; *images; images++) {
		const struct line_image *image = *images;
		bool is_kernel = !image->module;
		const char *name = is_kernel ? "kernel" : part(image, image->module);
		u32 inside;

		if (image->magic != LINE_IMAGE_MAGIC || image->version != LINE_IMAGE_VERSION)
			continue;
		if (strlen(name) != symbol.module_length || strncmp(name, symbol.module, symbol.module_length))
			continue;
		if (is_kernel) {
			u64 anchor = (u64)image->anchor_high << 32 | image->anchor_low;
			u64 offset = address - ((u64)(unsigned long)&init_task - anchor);

			if (offset >> 32)
				return false;
			inside = offset;
		} else if (!symbol_address(image, &symbol, &inside)) {
			return false;
		}
		return look_up(image, inside, file, line);
	}
	return false;
}

/* Either part may be left out; what is not known is said by the address. */
static void give_line(char *result, s64 address, bool with_file, bool with_line)
{
	u32 size = stapkit_string_size();
	const char *file;
	u32 line;

	if (!find_line(address, &file, &line))
		scnprintf(result, size, "0x%llx", address);
	else if (!with_line)
		strscpy(result, file, size);
	else
		scnprintf(result, size, "%s%s%u", with_file ? file : "", with_file ? ":" : "", line);
}

void stapkit_fn_symfile(struct stapkit_context *c, char *result, s64 address)
{
	give_line(result, address, true, false);
}

void stapkit_fn_symline(struct stapkit_context *c, char *result, s64 address)
{
	give_line(result, address, false, true);
}

void stapkit_fn_symfileline(struct stapkit_context *c, char *result, s64 address)
{
	give_line(result, address, true, true);
}
