// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Formatting in the kernel, for sprintf and its kin. What goes out by printf is formatted by staprun; the two must agree
 * byte for byte.
 */
#include "memory.h"
#include "words.h"

struct output {
	char *at, *end;			/* end: where the NUL goes at the latest */
	bool cut;
};

static void put(struct output *out, const char *text, size_t length)
{
	size_t room = out->end - out->at;

	if (length > room) {
		length = room;
		out->cut = true;
	}
	stapkit_move(out->at, text, length);
	out->at += length;
}

static void pad(struct output *out, char byte, s64 count)
{
	while (count-- > 0) {
		if (out->at == out->end) {
			out->cut = true;
			return;
		}
		*out->at++ = byte;
	}
}

/* Text in a field: left or right in @width. */
static void put_field(struct output *out, const char *text, size_t length, s64 width, bool left)
{
	if (!left)
		pad(out, ' ', width - (s64)length);
	put(out, text, length);
	if (left)
		pad(out, ' ', width - (s64)length);
}

/*
 * Digits of @value, from @end down; returns how many, none for 0. Each base by itself: the compiler knows better ways of
 * dividing by a constant than the machine's division.
 */
static u32 digits_of(u64 value, u32 base, bool upper, char *end)
{
	const char *set = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char *at = end;

	switch (base) {
	case 8:
		for (; value; value >>= 3)
			*--at = '0' + (value & 7);
		break;
	case 16:
		for (; value; value >>= 4)
			*--at = set[value & 15];
		break;
	default:
		for (; value; value /= 10)
			*--at = '0' + value % 10;
		break;
	}
	return end - at;
}

/* %d as it is most often written. */
static void put_decimal(struct output *out, s64 number)
{
	char buffer[24];
	char *end = buffer + sizeof(buffer);
	u32 digits = digits_of(number < 0 ? 0 - (u64)number : number, 10, false, end);

	if (!digits)
		end[-(s32)++digits] = '0';
	if (number < 0)
		end[-(s32)++digits] = '-';
	put(out, end - digits, digits);
}

static void put_number(struct output *out, const struct stapkit_piece *piece, s64 number, s64 width, s64 precision,
		       u8 flags)
{
	char buffer[24];
	char prefix[3];
	u32 prefix_length = 0;
	u64 value = number;
	u32 base = 10, digits;
	s64 zeros, total;

	switch (piece->conversion) {
	case 'd':
	case 'i':
		if (number < 0) {
			value = 0 - (u64)number;
			prefix[prefix_length++] = '-';
		} else if (flags & STAPKIT_FLAG_PLUS) {
			prefix[prefix_length++] = '+';
		} else if (flags & STAPKIT_FLAG_SPACE) {
			prefix[prefix_length++] = ' ';
		}
		break;
	case 'o':
		base = 8;
		break;
	case 'x':
	case 'X':
		base = 16;
		break;
	}
	digits = digits_of(value, base, piece->conversion == 'X', buffer + sizeof(buffer));
	if (precision < 0 && !digits)
		buffer[sizeof(buffer) - ++digits] = '0';
	zeros = precision > (s64)digits ? precision - digits : 0;
	if (flags & STAPKIT_FLAG_ALTERNATE) {
		if (base == 16 && value) {
			prefix[prefix_length++] = '0';
			prefix[prefix_length++] = piece->conversion == 'X' ? 'X' : 'x';
		} else if (base == 8 && !zeros && (!digits || buffer[sizeof(buffer) - digits] != '0')) {
			zeros = 1;
		}
	}
	total = prefix_length + zeros + digits;
	if ((flags & STAPKIT_FLAG_ZERO) && !(flags & STAPKIT_FLAG_LEFT) && precision < 0 && width > total) {
		zeros += width - total;
		total = width;
	}
	if (!(flags & STAPKIT_FLAG_LEFT))
		pad(out, ' ', width - total);
	put(out, prefix, prefix_length);
	pad(out, '0', zeros);
	put(out, buffer + sizeof(buffer) - digits, digits);
	if (flags & STAPKIT_FLAG_LEFT)
		pad(out, ' ', width - total);
}

static const char digits[] = "0123456789abcdef";

/* %p: all sixteen digits. */
static void put_pointer(struct output *out, u64 value, s64 width, bool left)
{
	char text[18] = "0x";
	u32 i;

	for (i = 0; i < 16; i++)
		text[2 + i] = digits[value >> (60 - 4 * i) & 15];
	put_field(out, text, sizeof(text), width, left);
}

/* %#s: special characters as in a C string. */
static u32 escape(char *to, u8 byte)
{
	static const char plain[] = "\a\b\f\n\r\t\v\"\\";
	static const char named[] = "abfnrtv\"\\";
	const char *found = byte ? strchr(plain, byte) : NULL;

	to[0] = '\\';
	if (found) {
		to[1] = named[found - plain];
		return 2;
	}
	if (byte >= 0x20 && byte < 0x7f) {
		to[0] = byte;
		return 1;
	}
	to[1] = '0' + (byte >> 6);
	to[2] = '0' + (byte >> 3 & 7);
	to[3] = '0' + (byte & 7);
	return 4;
}

static void put_string(struct output *out, const char *text, s64 width, s64 precision, u8 flags)
{
	size_t length = stapkit_length_within(text, precision >= 0 ? min_t(s64, precision, S32_MAX) : S32_MAX);
	bool left = flags & STAPKIT_FLAG_LEFT;
	s64 total = 0;
	char piece[4];
	size_t i;

	if (!(flags & STAPKIT_FLAG_ALTERNATE)) {
		put_field(out, text, length, width, left);
		return;
	}
	for (i = 0; i < length; i++)
		total += escape(piece, text[i]);
	if (!left)
		pad(out, ' ', width - total);
	for (i = 0; i < length; i++)
		put(out, piece, escape(piece, text[i]));
	if (left)
		pad(out, ' ', width - total);
}

static bool put_memory(struct stapkit_context *c, struct output *out, const struct stapkit_piece *piece, u64 address,
		       s64 width, s64 precision, u8 flags)
{
	u32 length = stapkit_memory_length(precision);
	bool user = flags & STAPKIT_FLAG_ALTERNATE;
	bool left = flags & STAPKIT_FLAG_LEFT;
	bool hexadecimal = piece->conversion == 'M';
	s64 total = hexadecimal ? 2 * length : length;
	u32 i;

	if (!left)
		pad(out, ' ', width - total);
	for (i = 0; i < length; i++) {
		u8 byte;

		if (stapkit_memory_read(&byte, address + i, 1, user)) {
			stapkit_error(c, "%s string copy fault at 0x%016llx [man error::fault]", user ? "user" : "kernel", address + i);
			return false;
		}
		if (hexadecimal) {
			char text[2] = { digits[byte >> 4], digits[byte & 15] };

			put(out, text, 2);
		} else {
			put(out, (char *)&byte, 1);
		}
	}
	if (left)
		pad(out, ' ', width - total);
	return true;
}

static void put_binary(struct output *out, const struct stapkit_piece *piece, u64 value, s64 width)
{
	u32 size = piece->size ? piece->size : width > 0 ? width : 8;

#ifdef __BIG_ENDIAN
	value = (u64)value << (64 - 8 * min_t(u32, size, 8));
#endif
	put(out, (const char *)&value, min_t(u32, size, 8));
}

void stapkit_format(struct stapkit_context *c, char *to, const struct stapkit_piece *pieces, u32 count,
		    const union stapkit_value *arguments)
{
	struct output out = { .at = to, .end = to + stapkit_script.string_size - 1 };
	u32 i;

	for (i = 0; i < count; i++) {
		const struct stapkit_piece *piece = &pieces[i];
		s64 width = piece->width;
		s64 precision = piece->precision;
		u8 flags = piece->flags;

		if (piece->text) {
			put(&out, piece->text, piece->length);
			continue;
		}
		if (width == -2) {
			width = (arguments++)->number;
			/* As in C: a negative width is a left-justified one. */
			if (width < 0) {
				flags |= STAPKIT_FLAG_LEFT;
				width = width == S64_MIN ? 0 : -width;
			}
		}
		if (precision == -2)
			precision = max_t(s64, (arguments++)->number, -1);
		width = min_t(s64, width, stapkit_script.string_size);
		switch (piece->conversion) {
		case 's':
			put_string(&out, (arguments++)->text, width, precision, flags);
			break;
		case 'c': {
			char text[4] = { (arguments++)->number };
			u32 length = 1;

			if ((flags & STAPKIT_FLAG_ALTERNATE) && text[0] != '"' && text[0] != '\\')
				length = escape(text, text[0]);
			put_field(&out, text, length, width, flags & STAPKIT_FLAG_LEFT);
			break;
		}
		case 'b':
			put_binary(&out, piece, (arguments++)->number, width);
			break;
		case 'm':
		case 'M':
			if (!put_memory(c, &out, piece, (arguments++)->number, width, precision, flags)) {
				*out.at = '\0';
				return;
			}
			break;
		case 'p':
			put_pointer(&out, (arguments++)->number, width, flags & STAPKIT_FLAG_LEFT);
			break;
		default:
			if (piece->conversion == 'd' && !flags && width <= 0 && precision < 0)
				put_decimal(&out, (arguments++)->number);
			else
				put_number(&out, piece, (arguments++)->number, width, precision, flags);
			break;
		}
	}
	*out.at = '\0';
	if (out.cut && c->probe)
		atomic64_inc((atomic64_t *)&c->probe->losses[STAPKIT_LOSS_STRING_CUT]);
}
