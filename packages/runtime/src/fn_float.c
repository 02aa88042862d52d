// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Functions of the tapset: floating point numbers. A script holds an IEEE 754 binary64 in a number, bit by bit; the
 * kernel may not use the processor's floating point in a probe, so everything here is done with integers.
 *
 * A finite number other than zero is worked on as (-1)^sign * fraction * 2^(exponent - 63), where the fraction's
 * highest bit, number 63, is set; what falls off its low end is kept as one sticky bit, so that rounding at the end
 * sees on which side of the middle the exact result lies. Rounding is to nearest, ties to even, but for fp_to_long().
 */
#include <linux/bitops.h>
#include <linux/math64.h>

#include "fn_memory.h"

#define SIGN (1ull << 63)
#define EXPONENT_MASK 0x7ff
#define BIAS 1023
#define FRACTION_BITS 52
#define FRACTION_MASK ((1ull << FRACTION_BITS) - 1)
#define INFINITY_BITS ((u64)EXPONENT_MASK << FRACTION_BITS)
#define NOT_A_NUMBER (INFINITY_BITS | 1ull << (FRACTION_BITS - 1))

enum kind { ZERO, FINITE, INFINITE, NAN };

struct number {
	enum kind kind;
	bool sign;
	s32 exponent;
	u64 fraction;
};

static struct number unpack(u64 bits)
{
	struct number n = { .sign = bits >> 63 };
	u32 exponent = bits >> FRACTION_BITS & EXPONENT_MASK;
	u64 fraction = bits & FRACTION_MASK;
	int shift;

	if (exponent == EXPONENT_MASK) {
		n.kind = fraction ? NAN : INFINITE;
	} else if (exponent) {
		n.kind = FINITE;
		n.fraction = (fraction | 1ull << FRACTION_BITS) << (63 - FRACTION_BITS);
		n.exponent = (s32)exponent - BIAS;
	} else if (fraction) {
		n.kind = FINITE;
		shift = 63 - fls64(fraction) + 1;
		n.fraction = fraction << shift;
		n.exponent = 1 - BIAS - (shift - (63 - FRACTION_BITS));
	}
	return n;
}

/* Shifts right; what falls off sets the lowest bit. */
static u64 shift_out(u64 value, u32 count)
{
	if (count == 0)
		return value;
	if (count > 63)
		return value != 0;
	return value >> count | ((value & ((1ull << count) - 1)) != 0);
}

static u64 pack(struct number n)
{
	u64 sign = n.sign ? SIGN : 0;
	s32 exponent;
	u64 rest;

	if (n.kind == NAN)
		return NOT_A_NUMBER;
	if (n.kind == INFINITE)
		return sign | INFINITY_BITS;
	if (n.kind == ZERO || !n.fraction)
		return sign;
	exponent = n.exponent + BIAS;
	if (exponent >= EXPONENT_MASK)
		return sign | INFINITY_BITS;
	if (exponent < 1) {
		/* Subnormal: the exponent stays at its least and the fraction loses bits. */
		n.fraction = shift_out(n.fraction, 1 - exponent);
		exponent = 0;
	}
	rest = n.fraction & ((1ull << (63 - FRACTION_BITS)) - 1);
	n.fraction >>= 63 - FRACTION_BITS;
	if (rest > 1ull << (62 - FRACTION_BITS) || (rest == 1ull << (62 - FRACTION_BITS) && (n.fraction & 1)))
		n.fraction++;
	/* The hidden bit, and a carry out of rounding, are added to the exponent's field: up to infinity, as it should. */
	return sign + n.fraction + (exponent ? (u64)(exponent - 1) << FRACTION_BITS : 0);
}

static struct number normalized(bool sign, s32 exponent, u64 fraction)
{
	struct number n = { .kind = fraction ? FINITE : ZERO, .sign = sign };
	int shift;

	if (fraction) {
		shift = 64 - fls64(fraction);
		n.fraction = fraction << shift;
		n.exponent = exponent - shift;
	}
	return n;
}

static struct number not_a_number(void)
{
	return (struct number){ .kind = NAN };
}

static struct number from_integer(s64 value)
{
	return normalized(value < 0, 63, value < 0 ? 0 - (u64)value : value);
}

static struct number sum(struct number a, struct number b)
{
	struct number n;
	u64 total;

	if (a.kind == NAN || b.kind == NAN)
		return not_a_number();
	if (a.kind == INFINITE || b.kind == INFINITE) {
		if (a.kind == b.kind && a.sign != b.sign)
			return not_a_number();
		return a.kind == INFINITE ? a : b;
	}
	if (a.kind == ZERO && b.kind == ZERO) {
		a.sign = a.sign && b.sign;
		return a;
	}
	if (a.kind == ZERO)
		return b;
	if (b.kind == ZERO)
		return a;
	if (a.exponent < b.exponent || (a.exponent == b.exponent && a.fraction < b.fraction)) {
		n = a;
		a = b;
		b = n;
	}
	/* One bit of head room, so that the sum fits; the fractions have 11 bits to spare for what is shifted out. */
	a.fraction >>= 1;
	b.fraction = shift_out(b.fraction >> 1, a.exponent - b.exponent);
	total = a.sign == b.sign ? a.fraction + b.fraction : a.fraction - b.fraction;
	n = normalized(a.sign, a.exponent + 1, total);
	if (n.kind == ZERO)
		n.sign = false;
	return n;
}

static struct number multiply(struct number a, struct number b)
{
	struct number n = { .kind = FINITE, .sign = a.sign != b.sign };
	u64 high, low, middle1, middle2, carry;
	u32 ah = a.fraction >> 32, al = a.fraction, bh = b.fraction >> 32, bl = b.fraction;

	if (a.kind == NAN || b.kind == NAN)
		return not_a_number();
	if (a.kind == INFINITE || b.kind == INFINITE) {
		if (a.kind == ZERO || b.kind == ZERO)
			return not_a_number();
		n.kind = INFINITE;
		return n;
	}
	if (a.kind == ZERO || b.kind == ZERO) {
		n.kind = ZERO;
		return n;
	}
	middle1 = (u64)ah * bl;
	middle2 = (u64)al * bh;
	low = (u64)al * bl;
	carry = ((low >> 32) + (u32)middle1 + (u32)middle2) >> 32;
	high = (u64)ah * bh + (middle1 >> 32) + (middle2 >> 32) + carry;
	low += (middle1 << 32) + (middle2 << 32);
	if (high & SIGN) {
		n.fraction = high | (low != 0);
		n.exponent = a.exponent + b.exponent + 1;
	} else {
		n.fraction = high << 1 | low >> 63 | (low << 1 != 0);
		n.exponent = a.exponent + b.exponent;
	}
	return n;
}

static struct number divide(struct number a, struct number b)
{
	struct number n = { .kind = FINITE, .sign = a.sign != b.sign };
	u64 rest, quotient = 0;
	u32 bit;

	if (a.kind == NAN || b.kind == NAN || (a.kind == INFINITE && b.kind == INFINITE) ||
	    (a.kind == ZERO && b.kind == ZERO))
		return not_a_number();
	if (a.kind == INFINITE || b.kind == ZERO) {
		n.kind = INFINITE;
		return n;
	}
	if (a.kind == ZERO || b.kind == INFINITE) {
		n.kind = ZERO;
		return n;
	}
	n.exponent = a.exponent - b.exponent;
	rest = a.fraction;
	if (rest < b.fraction) {
		n.exponent--;
		/* Now the dividend is twice as much, and its first bit is one in any case. */
		rest = (rest << 1) - b.fraction;
	} else {
		rest -= b.fraction;
	}
	quotient = 1;
	/* 58 bits, and a sticky one: more than rounding needs. */
	for (bit = 0; bit < 57; bit++) {
		bool carry = rest >> 63;

		rest <<= 1;
		quotient <<= 1;
		if (carry || rest >= b.fraction) {
			rest -= b.fraction;
			quotient |= 1;
		}
	}
	n.fraction = quotient << 6 | (rest != 0);
	return n;
}

/* As fmod(): the result has the dividend's sign, and is exact. */
static struct number modulo(struct number a, struct number b)
{
	u64 rest;
	s32 steps;

	if (a.kind == NAN || b.kind == NAN || a.kind == INFINITE || b.kind == ZERO)
		return not_a_number();
	if (a.kind == ZERO || b.kind == INFINITE || a.exponent < b.exponent)
		return a;
	rest = a.fraction >= b.fraction ? a.fraction - b.fraction : a.fraction;
	if (a.exponent == b.exponent)
		return normalized(a.sign, b.exponent, rest);
	for (steps = a.exponent - b.exponent; steps > 0; steps--) {
		bool carry = rest >> 63;

		rest <<= 1;
		if (carry || rest >= b.fraction)
			rest -= b.fraction;
	}
	return normalized(a.sign, b.exponent, rest);
}

static struct number square_root(struct number a)
{
	struct number n = { .kind = FINITE };
	u64 root = 0, rest = 0, source;
	u32 bit;

	if (a.kind == NAN || (a.sign && a.kind != ZERO))
		return not_a_number();
	if (a.kind != FINITE)
		return a;
	/* The exponent is made even, the fraction a fixed-point number of 2 bits before the point. */
	n.exponent = a.exponent >> 1;
	source = a.exponent & 1 ? a.fraction : a.fraction >> 1;
	/* The dropped bit is none of the number's 53. Two bits of the source give one of the root, 60 in all. */
	for (bit = 0; bit < 60; bit++) {
		u64 trial = root << 2 | 1;

		rest = rest << 2 | source >> 62;
		source <<= 2;
		root <<= 1;
		if (rest >= trial) {
			rest -= trial;
			root |= 1;
		}
	}
	n.fraction = root << 4 | (rest != 0);
	return n;
}

/* -1, 0, 1; 2 where one is not a number. */
static int compare(struct number a, struct number b)
{
	struct number difference;

	if (a.kind == NAN || b.kind == NAN)
		return 2;
	if (a.kind == INFINITE && b.kind == INFINITE)
		return (int)b.sign - (int)a.sign;
	difference = b;
	difference.sign = !b.sign;
	difference = sum(a, difference);
	return difference.kind == ZERO ? 0 : difference.sign ? -1 : 1;
}

enum rounding { NEAR_EVEN, TO_ZERO, DOWN, UP, NEAR_AWAY, ODD = 6 };

/* Rounds to an integer; what is out of range becomes the nearest there is, not a number the largest. */
static s64 to_integer(struct number a, s64 mode)
{
	u64 whole, part;
	bool up;

	if (a.kind == NAN)
		return S64_MAX;
	if (a.kind == ZERO)
		return 0;
	if (a.kind == INFINITE || a.exponent >= 63)
		return a.sign ? S64_MIN : S64_MAX;
	/* `part` is the fraction behind the point, in 2^-64. */
	if (a.exponent < -1) {
		whole = 0;
		part = 1;
	} else if (a.exponent == -1) {
		whole = 0;
		part = a.fraction;
	} else {
		whole = a.fraction >> (63 - a.exponent);
		part = a.fraction << (a.exponent + 1);
	}
	switch (mode) {
	case TO_ZERO:
		up = false;
		break;
	case DOWN:
		up = part && a.sign;
		break;
	case UP:
		up = part && !a.sign;
		break;
	case NEAR_AWAY:
		up = part >= SIGN;
		break;
	case ODD:
		up = part && !(whole & 1);
		break;
	default:
		up = part > SIGN || (part == SIGN && (whole & 1));
	}
	whole += up;
	if (whole >= SIGN)
		return a.sign ? S64_MIN : S64_MAX;
	return a.sign ? -(s64)whole : (s64)whole;
}

#define BINARY(name, function)								\
	s64 stapkit_fn_fp_##name(struct stapkit_context *c, s64 a, s64 b)		\
	{										\
		return pack(function(unpack(a), unpack(b)));				\
	}

BINARY(add, sum)
BINARY(mul, multiply)
BINARY(div, divide)
BINARY(rem, modulo)

s64 stapkit_fn_fp_sub(struct stapkit_context *c, s64 a, s64 b)
{
	return pack(sum(unpack(a), unpack((u64)b ^ SIGN)));
}

s64 stapkit_fn_fp_sqrt(struct stapkit_context *c, s64 a)
{
	return pack(square_root(unpack(a)));
}

s64 stapkit_fn_fp_eq(struct stapkit_context *c, s64 a, s64 b)
{
	return compare(unpack(a), unpack(b)) == 0;
}

s64 stapkit_fn_fp_lt(struct stapkit_context *c, s64 a, s64 b)
{
	return compare(unpack(a), unpack(b)) == -1;
}

s64 stapkit_fn_fp_le(struct stapkit_context *c, s64 a, s64 b)
{
	return compare(unpack(a), unpack(b)) <= 0;
}

s64 stapkit_fn_long_to_fp(struct stapkit_context *c, s64 value)
{
	return pack(from_integer(value));
}

s64 stapkit_fn_fp_to_long(struct stapkit_context *c, s64 value, s64 rounding, s64 exact)
{
	return to_integer(unpack(value), rounding);
}

/* A binary32 has 8 bits of exponent and 23 of fraction; every one of them is a binary64 too. */
s64 stapkit_fn_fp32_to_fp64(struct stapkit_context *c, s64 value)
{
	u32 exponent = value >> 23 & 0xff;
	u64 fraction = value & 0x7fffff;
	struct number n = { .sign = value >> 31 & 1 };

	if (exponent == 0xff) {
		n.kind = fraction ? NAN : INFINITE;
		return pack(n);
	}
	if (exponent)
		return pack(normalized(n.sign, (s32)exponent - 127 + 63 - 23, fraction | 1 << 23));
	return pack(normalized(n.sign, 1 - 127 + 63 - 23, fraction));
}

/*
 * Decimal digits: an optional sign, digits, and where there is a point, more digits, then an optional exponent. Up to
 * 19 significant digits are used, the rest only scales.
 */
s64 stapkit_fn_string_to_fp(struct stapkit_context *c, const char *text)
{
	bool negative = false, point = false, any = false;
	struct number result, ten = from_integer(10), power = from_integer(1);
	s32 scale = 0, exponent = 0;
	u64 digits = 0;

	while (*text == ' ' || *text == '\t')
		text++;
	if (*text == '-' || *text == '+')
		negative = *text++ == '-';
	for (;; text++) {
		if (*text == '.' && !point) {
			point = true;
			continue;
		}
		if (*text < '0' || *text > '9')
			break;
		any = true;
		if (digits <= (U64_MAX - 9) / 10) {
			digits = digits * 10 + (*text - '0');
			scale -= point;
		} else {
			scale += !point;
		}
	}
	if (any && (*text == 'e' || *text == 'E')) {
		bool down = text[1] == '-';

		text += text[1] == '-' || text[1] == '+' ? 2 : 1;
		for (; *text >= '0' && *text <= '9' && exponent < 10000; text++)
			exponent = exponent * 10 + (*text - '0');
		scale += down ? -exponent : exponent;
	}
	result = normalized(negative, 63, digits);
	scale = clamp(scale, -400, 400);
	/* One rounding where the power is exact (up to 10^22), which is what common numbers need. */
	for (exponent = abs(scale); exponent > 0; exponent--) {
		power = multiply(power, ten);
		if (exponent > 1 && power.exponent > 900) {
			result = scale < 0 ? divide(result, power) : multiply(result, power);
			power = from_integer(1);
		}
	}
	result = scale < 0 ? divide(result, power) : multiply(result, power);
	return pack(result);
}

/* With @precision digits behind the point, rounded to nearest. */
void stapkit_fn_fp_to_string(struct stapkit_context *c, char *result, s64 value, s64 precision)
{
	struct number n = unpack(value);
	u32 room = stapkit_string_size();
	u64 whole, part = 0, scale = 1;
	u32 digits = clamp_t(s64, precision, 0, 18);
	u32 at;
	char sign[2] = { n.sign ? '-' : '\0', '\0' };

	if (n.kind == NAN) {
		strscpy(result, "nan", room);
		return;
	}
	if (n.kind == INFINITE || (n.kind == FINITE && n.exponent > 63)) {
		/* Beyond 2^64 there is no room for the digits; such numbers are given in hexadecimal, exactly. */
		if (n.kind == INFINITE)
			scnprintf(result, room, "%sinf", sign);
		else
			scnprintf(result, room, "%s0x%llxp%d", sign, n.fraction, n.exponent - 63);
		return;
	}
	for (at = 0; at < digits; at++)
		scale *= 10;
	if (n.kind == ZERO) {
		whole = 0;
	} else if (n.exponent < 0) {
		whole = 0;
		part = n.exponent < -64 ? 0 : shift_out(n.fraction, -1 - n.exponent);
	} else {
		whole = n.fraction >> (63 - n.exponent);
		part = n.exponent == 63 ? 0 : n.fraction << (n.exponent + 1);
	}
	/* `part` is in 2^-64: its product with the scale has the digits in the upper word. */
	{
		u64 low = (part & U32_MAX) * (scale & U32_MAX);
		u64 middle1 = (part >> 32) * (scale & U32_MAX);
		u64 middle2 = (part & U32_MAX) * (scale >> 32);
		u64 carry = ((low >> 32) + (u32)middle1 + (u32)middle2) >> 32;
		u64 high = (part >> 32) * (scale >> 32) + (middle1 >> 32) + (middle2 >> 32) + carry;
		u64 rest = low + (middle1 << 32) + (middle2 << 32);
		u64 odd = digits ? high & 1 : whole & 1;

		high += rest > SIGN || (rest == SIGN && odd);
		if (high >= scale) {
			whole++;
			high -= scale;
		}
		part = high;
	}
	if (digits)
		scnprintf(result, room, "%s%llu.%0*llu", sign, whole, digits, part);
	else
		scnprintf(result, room, "%s%llu", sign, whole);
}
