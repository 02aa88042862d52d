// A growing run of bytes that the formatter writes into. Output is bytes, never text: a script's strings hold whatever
// the kernel held, and go out as they came.

/** Bytes up to this length are copied one by one; a native copy costs more than it saves below it. */
const SHORT_COPY = 48;

/** As SHORT_COPY, where no view must be made for the native copy. */
const SHORT_WHOLE = 20;

/** Collects output. `bytes` is replaced when it grows, so read it anew after every call that writes. */
export class ByteWriter {
  bytes: Buffer;
  length = 0;

  /** @param size the first size in bytes; it doubles as needed */
  constructor(size = 64 * 1024) {
    this.bytes = Buffer.allocUnsafeSlow(size);
  }

  /** Makes room for `count` more bytes; callers may then write into `bytes` from `length` on. */
  ensure(count: number): void {
    const needed = this.length + count;
    if (needed <= this.bytes.length) return;
    let size = this.bytes.length * 2;
    while (size < needed) size *= 2;
    const grown = Buffer.allocUnsafeSlow(size);
    this.bytes.copy(grown, 0, 0, this.length);
    this.bytes = grown;
  }

  /** Appends one byte. */
  byte(value: number): void {
    if (this.length === this.bytes.length) this.ensure(1);
    this.bytes[this.length++] = value;
  }

  /** Appends `source[start, end)`. */
  copy(source: Uint8Array, start: number, end: number): void {
    const count = end - start;
    this.ensure(count);
    const { bytes, length } = this;
    if (count <= SHORT_COPY) {
      for (let index = 0; index < count; index++) bytes[length + index] = source[start + index]!;
    } else {
      bytes.set(source.subarray(start, end), length);
    }
    this.length = length + count;
  }

  /** Appends all of `source`, which is best an array made for this: no view of a part of it must be made. */
  whole(source: Uint8Array): void {
    const count = source.length;
    this.ensure(count);
    const { bytes, length } = this;
    if (count <= SHORT_WHOLE) {
      for (let index = 0; index < count; index++) bytes[length + index] = source[index]!;
    } else {
      bytes.set(source, length);
    }
    this.length = length + count;
  }

  /** Appends one byte `count` times; a count below 1 appends nothing. */
  fill(value: number, count: number): void {
    if (count <= 0) return;
    this.ensure(count);
    this.bytes.fill(value, this.length, this.length + count);
    this.length += count;
  }

  /** Appends text whose characters are bytes (U+0000 to U+00FF). */
  latin1(text: string): void {
    this.ensure(text.length);
    this.length += this.bytes.write(text, this.length, 'latin1');
  }

  /** Returns what was written, without copying it; it is overwritten by what is written after `reset`. */
  view(): Buffer {
    return this.bytes.subarray(0, this.length);
  }

  /** Starts over in the same memory. */
  reset(): void {
    this.length = 0;
  }
}
