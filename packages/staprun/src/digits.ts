// Digits of 64-bit numbers. A record holds a number as two 32-bit halves; BigInt would make garbage for each of them.
import type { ByteWriter } from './byte-writer.js';

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
 * A number of more than 31 bits is divided by 10^4, as on paper, in parts of 16 bits: all of it in 32-bit integers, since
 * floating point is slow where the processor is emulated.
 *
 * @param high its upper 32 bits
 * @param low its lower 32 bits
 * @returns how many digits there are, at least 1
 */
export function decimalDigits(high: number, low: number): number {
  let at = DIGITS_END;
  let small = low | 0;
  if (high !== 0 || small < 0) {
    let a = high >>> 16;
    let b = high & 0xffff;
    let c = low >>> 16;
    let d = low & 0xffff;
    do {
      let part = a;
      a = (part / 10000) | 0;
      part = ((part - a * 10000) << 16) | b;
      b = (part / 10000) | 0;
      part = ((part - b * 10000) << 16) | c;
      c = (part / 10000) | 0;
      part = ((part - c * 10000) << 16) | d;
      d = (part / 10000) | 0;
      part -= d * 10000;
      const upper = (part / 100) | 0;
      const lower = (part - upper * 100) << 1;
      at -= 4;
      digits[at] = PAIRS[upper << 1]!;
      digits[at + 1] = PAIRS[(upper << 1) + 1]!;
      digits[at + 2] = PAIRS[lower]!;
      digits[at + 3] = PAIRS[lower + 1]!;
    } while (a !== 0 || b !== 0 || c > 0x7fff);
    small = (c << 16) | d;
  }
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
  let upper = high;
  let lower = low;
  if (signed && high < 0) {
    out.byte(0x2d);
    lower = -low | 0;
    upper = lower === 0 ? -high | 0 : ~high;
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
