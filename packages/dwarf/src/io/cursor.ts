// A position in a run of bytes that moves as values are read. Every read is checked against the end; a fault names the
// file, the section and the offset in it.
import { BinaryFault } from './fault.js';

/** Which section of which file bytes come from, and where the first one lies in it. */
export interface Origin {
  readonly file: string;
  readonly section?: string;
  /** The offset of the window's first byte in the section (or file). */
  readonly base: number;
}

/** Reads numbers and strings one after another. Multi-byte values follow the byte order given. */
export class Cursor {
  /** Offset of the next byte in `bytes`. */
  position = 0;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly origin: Origin;
  readonly littleEndian: boolean;
  /** Exclusive end; at most `bytes.length`. */
  end: number;

  constructor(bytes: Uint8Array, origin: Origin, littleEndian = true) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.origin = origin;
    this.littleEndian = littleEndian;
    this.end = bytes.length;
  }

  /** Offset of the next byte in the section. */
  get offset(): number {
    return this.origin.base + this.position;
  }

  get atEnd(): boolean {
    return this.position >= this.end;
  }

  /** Fails at an offset of the window; the default is the position. */
  fail(problem: string, position = this.position): never {
    throw new BinaryFault(
      { file: this.origin.file, section: this.origin.section, offset: this.origin.base + position },
      problem,
    );
  }

  /** Takes `count` bytes and returns where they start. */
  private take(count: number): number {
    const start = this.position;
    if (!(count >= 0) || start + count > this.end) this.fail(`${count} bytes wanted, ${this.end - start} left`);
    this.position = start + count;
    return start;
  }

  /** Moves to an offset of the window. */
  seek(position: number): void {
    if (!(position >= 0 && position <= this.end)) this.fail(`offset 0x${position.toString(16)} is outside`);
    this.position = position;
  }

  skip(count: number): void {
    this.take(count);
  }

  u8(): number {
    const position = this.position;
    if (position >= this.end) this.take(1);
    this.position = position + 1;
    return this.bytes[position]!;
  }

  i8(): number {
    return (this.u8() << 24) >> 24;
  }

  u16(): number {
    return this.view.getUint16(this.take(2), this.littleEndian);
  }

  i16(): number {
    return this.view.getInt16(this.take(2), this.littleEndian);
  }

  u24(): number {
    const at = this.take(3);
    const [a, b, c] = [this.bytes[at]!, this.bytes[at + 1]!, this.bytes[at + 2]!];
    return this.littleEndian ? a | (b << 8) | (c << 16) : c | (b << 8) | (a << 16);
  }

  u32(): number {
    return this.view.getUint32(this.take(4), this.littleEndian);
  }

  i32(): number {
    return this.view.getInt32(this.take(4), this.littleEndian);
  }

  u64(): bigint {
    return this.view.getBigUint64(this.take(8), this.littleEndian);
  }

  i64(): bigint {
    return this.view.getBigInt64(this.take(8), this.littleEndian);
  }

  /** An unsigned 64-bit value that must be a possible offset or size: below 2^53. */
  offset64(): number {
    const at = this.take(8);
    const low = this.view.getUint32(this.littleEndian ? at : at + 4, this.littleEndian);
    const high = this.view.getUint32(this.littleEndian ? at + 4 : at, this.littleEndian);
    if (high > 0x1fffff) this.fail(`0x${high.toString(16)}${low.toString(16).padStart(8, '0')} is no offset`, at);
    return high * 0x1_0000_0000 + low;
  }

  /** An unsigned value of 1, 2, 4 or 8 bytes. */
  unsigned(size: number): bigint {
    switch (size) {
      case 1:
        return BigInt(this.u8());
      case 2:
        return BigInt(this.u16());
      case 4:
        return BigInt(this.u32());
      case 8:
        return this.u64();
      default:
        return this.fail(`numbers of ${size} bytes are not supported`);
    }
  }

  /** An unsigned LEB128 below 2^53 (DWARF 5, section 7.6). */
  uleb(): number {
    const start = this.position;
    let value = 0;
    let scale = 1;
    for (let count = 0; ; count++) {
      const byte = this.u8();
      if (count < 7) {
        value += (byte & 0x7f) * scale;
        scale *= 128;
      } else if ((byte & 0x7f) !== 0 && (count > 7 || (byte & 0x7f) > 15)) {
        this.fail('the LEB128 number is too great', start);
      } else {
        value += (byte & 0x7f) * scale;
        scale *= 128;
      }
      if (byte < 0x80) return value;
      // A number may be padded, but not without end.
      if (count >= 20) this.fail('the LEB128 number does not end', start);
    }
  }

  /** An unsigned LEB128 of up to 64 bits. */
  uleb64(): bigint {
    const start = this.position;
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.u8();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
      if (shift >= 140n) this.fail('the LEB128 number does not end', start);
    }
  }

  /** A signed LEB128 of up to 64 bits. */
  sleb64(): bigint {
    const start = this.position;
    let value = 0n;
    for (let shift = 0n; ; ) {
      const byte = this.u8();
      value |= BigInt(byte & 0x7f) << shift;
      shift += 7n;
      if (byte < 0x80) return BigInt.asIntN(64, byte & 0x40 ? value - (1n << shift) : value);
      if (shift >= 140n) this.fail('the LEB128 number does not end', start);
    }
  }

  /** A signed LEB128 within ±2^53. */
  sleb(): number {
    const start = this.position;
    const first = this.u8();
    if (first < 0x80) return first & 0x40 ? first - 0x80 : first;
    this.position = start;
    const value = this.sleb64();
    const number = Number(value);
    if (!Number.isSafeInteger(number)) this.fail('the LEB128 number is too great', start);
    return number;
  }

  /** Passes over a LEB128 number. */
  skipLeb(): void {
    const start = this.position;
    while (this.u8() >= 0x80) if (this.position - start > 20) this.fail('the LEB128 number does not end', start);
  }

  /** A run of bytes; a view, not a copy. */
  run(count: number): Uint8Array {
    const at = this.take(count);
    return this.bytes.subarray(at, at + count);
  }

  /** A string up to its NUL, as UTF-8. */
  cstring(): string {
    const start = this.position;
    const nul = this.bytes.indexOf(0, start);
    if (nul < 0 || nul >= this.end) this.fail('the string has no end', start);
    this.position = nul + 1;
    return decodeString(this.bytes, start, nul);
  }

  /** Passes over a string. */
  skipString(): void {
    const nul = this.bytes.indexOf(0, this.position);
    if (nul < 0 || nul >= this.end) this.fail('the string has no end');
    this.position = nul + 1;
  }
}

/** Decodes UTF-8; bytes that are none become U+FFFD. */
export function decodeString(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
}
