// Digits of 64-bit numbers. A record holds a number as two 32-bit halves; BigInt would make garbage for each of them,
// so the digits are taken with exact double arithmetic.
import type { ByteWriter } from './byte-writer.js';

const TWO_32 = 4294967296;
const MILLION = 1_000_000;
const BILLION = 1_000_000_000;
const ZERO = 0x30;

/** Where digits are put: from `DIGITS_END` backwards, as many as the functions below return. 64 bits in octal take 22. */
export const digits = new Uint8Array(24);

/** One past the last digit in `digits`. */
export const DIGITS_END = 24;

/** `00` to `99`: two digits at a time halve the divisions. */
const PAIRS = new Uint8Array(200);
for (let value = 0; value < 100; value++) {
  PAIRS[value * 2] = ZERO + Math.floor(value / 10);
  PAIRS[value * 2 + 1] = ZERO + (value % 10);
}

/**
 * Puts the decimal digits of an unsigned number into `digits`.
 *
 * Floating point is used only to cut the number into parts of nine or six digits; it is slow where it is emulated.
 *
 * @param high its upper 32 bits, as an unsigned number
 * @param low its lower 32 bits, as an unsigned number
 * @returns how many digits there are, at least 1
 */
export function decimalDigits(high: number, low: number): number {
  let at = DIGITS_END;
  let rest: number;
  if (high === 0) {
    rest = low;
  } else if (high < 0x200000) {
    rest = high * TWO_32 + low;
  } else {
    // (high mod 10^6) * 2^32 + low stays below 2^53, so each step is exact.
    const upper = Math.floor(high / MILLION);
    const middle = (high - upper * MILLION) * TWO_32 + low;
    const quotient = Math.floor(middle / MILLION);
    at = fixedDigits(middle - quotient * MILLION, at, 6);
    rest = upper * TWO_32 + quotient;
  }
  while (rest >= BILLION) {
    const quotient = Math.floor(rest / BILLION);
    at = fixedDigits(rest - quotient * BILLION, at, 9);
    rest = quotient;
  }
  let small = rest | 0;
  while (small >= 100) {
    const next = (small / 100) | 0;
    const pair = (small - next * 100) << 1;
    digits[--at] = PAIRS[pair + 1]!;
    digits[--at] = PAIRS[pair]!;
    small = next;
  }
  if (small >= 10) {
    digits[--at] = PAIRS[(small << 1) + 1]!;
    digits[--at] = PAIRS[small << 1]!;
  } else {
    digits[--at] = ZERO + small;
  }
  return DIGITS_END - at;
}

/** Puts exactly `count` digits of a number below 10^9 before `end`; returns where they begin. */
function fixedDigits(value: number, end: number, count: number): number {
  let rest = value | 0;
  for (let at = end - 1; at >= end - count; at--) {
    const next = (rest / 10) | 0;
    digits[at] = ZERO + rest - next * 10;
    rest = next;
  }
  return end - count;
}

/**
 * Puts the hexadecimal digits of a number into `digits`.
 *
 * @param letters 0x57 for `abcdef`, 0x37 for `ABCDEF`: what is added to a digit above 9
 * @returns how many digits there are, at least 1
 */
export function hexDigits(high: number, low: number, letters: number): number {
  let at = DIGITS_END;
  let half = low >>> 0;
  const least = high === 0 ? 1 : 8;
  for (let count = 0; count < 8 && (half !== 0 || count < least); count++) {
    const digit = half & 15;
    digits[--at] = digit < 10 ? ZERO + digit : letters + digit;
    half >>>= 4;
  }
  for (half = high >>> 0; half !== 0; half >>>= 4) {
    const digit = half & 15;
    digits[--at] = digit < 10 ? ZERO + digit : letters + digit;
  }
  return DIGITS_END - at;
}

/**
 * Puts the octal digits of a number into `digits`.
 *
 * @returns how many digits there are, at least 1
 */
export function octalDigits(high: number, low: number): number {
  let at = DIGITS_END;
  // 22 digits: ten from the low 30 bits, then 2 + 28 bits, then the last 4.
  let part = low & 0x3fffffff;
  let rest = ((high & 0x0fffffff) << 2) | (low >>> 30);
  rest &= 0x3fffffff;
  const top = high >>> 28;
  const places = top !== 0 ? 20 : rest !== 0 ? 10 : 0;
  for (let count = 0; part !== 0 || count < Math.min(places, 10); count++) {
    digits[--at] = ZERO + (part & 7);
    part >>>= 3;
  }
  for (let count = 0; rest !== 0 || count < places - 10; count++) {
    digits[--at] = ZERO + (rest & 7);
    rest >>>= 3;
  }
  for (let last = top; last !== 0; last >>>= 3) digits[--at] = ZERO + (last & 7);
  if (at === DIGITS_END) digits[--at] = ZERO;
  return DIGITS_END - at;
}

/**
 * Appends a number in decimal, without padding.
 *
 * @param high its upper 32 bits, as they lie in an Int32Array
 * @param low its lower 32 bits, likewise
 * @param signed true where bit 63 is a sign
 */
export function writeDecimal(out: ByteWriter, high: number, low: number, signed: boolean): void {
  if (high === 0 && low >= 0 && low < 10) {
    out.byte(ZERO + low);
    return;
  }
  let upper = high >>> 0;
  let lower = low >>> 0;
  if (signed && high < 0) {
    out.byte(0x2d);
    lower = (~low + 1) >>> 0;
    upper = (lower === 0 ? ~high + 1 : ~high) >>> 0;
  }
  writeDigits(out, decimalDigits(upper, lower));
}

/** Appends the last `count` digits that one of the functions above made. */
export function writeDigits(out: ByteWriter, count: number): void {
  out.ensure(count);
  const { bytes, length } = out;
  const start = DIGITS_END - count;
  for (let index = 0; index < count; index++) bytes[length + index] = digits[start + index]!;
  out.length = length + count;
}
