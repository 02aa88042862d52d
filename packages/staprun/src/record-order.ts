// Puts records into their one true order. A batch holds one CPU's records after the other's, each CPU's in the order of
// their stamps, and ends with a watermark: everything stamped below it has been delivered. So the records below the
// watermark are merged and handed on, and the few above it are held back for the next batch.
//
// The work per record is a few typed-array stores; a batch that is in order already (one CPU was busy, or the script
// prints from one place at a time) is handed on without a merge.
import { type Diagnostic, DiagnosticError } from '@stapkit/pass';
import type { RecordBytes } from './format-site.js';
import { RECORD, RECORD_HEADER } from './protocol.js';

/** Padding may be shorter than a header: it fills what is left of a buffer. */
const PAD_LEAST = 8;

/** Turns an unsigned 32-bit number into a signed one that compares alike. */
const SIGN_BIT = -0x80000000;

/** Halves of a stamp before and after all others; a real one's upper half is never negative. */
const NEVER = -0x80000000;
const EVER = 0x7fffffff;

const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
const STAMP_LOW = LITTLE_ENDIAN ? 4 : 5;
const STAMP_HIGH = LITTLE_ENDIAN ? 5 : 4;

/**
 * Gets the records in order.
 *
 * @param records the memory that the record lies in, good only during the call
 * @param offset where its header begins, a multiple of 8
 */
export type RecordVisitor = (records: RecordBytes, offset: number) => void;

/** Views memory as bytes and words. Its address must be a multiple of 8; Buffer.allocUnsafeSlow gives such memory. */
export function recordBytes(size: number): RecordBytes {
  const bytes = Buffer.allocUnsafeSlow((size + 7) & ~7);
  return { bytes, words: new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2) };
}

/** The kind of a record. */
export function recordKind(records: RecordBytes, offset: number): number {
  const word = records.words[(offset >> 2) + 1]!;
  return LITTLE_ENDIAN ? word & 0xffff : word >>> 16;
}

/** The CPU that wrote a record. */
export function recordCpu(records: RecordBytes, offset: number): number {
  const word = records.words[(offset >> 2) + 1]!;
  return LITTLE_ENDIAN ? word >>> 16 : word & 0xffff;
}

/** The site of a record: a print site, a probe, or NO_SITE. */
export function recordSite(records: RecordBytes, offset: number): number {
  return records.words[(offset >> 2) + 2]! >>> 0;
}

/** Bytes of a record with its header. */
export function recordLength(records: RecordBytes, offset: number): number {
  return records.words[offset >> 2]! >>> 0;
}

/** The stamp of a record in nanoseconds since boot, exact. */
export function recordStamp(records: RecordBytes, offset: number): bigint {
  const { words } = records;
  return (BigInt(words[(offset >> 2) + STAMP_HIGH]! >>> 0) << 32n) | BigInt(words[(offset >> 2) + STAMP_LOW]! >>> 0);
}

/** Merges the records of successive batches. */
export class RecordOrder {
  #held = recordBytes(64 * 1024);
  #spare = recordBytes(64 * 1024);
  #heldLength = 0;

  // One entry a record. An offset below #heldLength is one in #held; others are in the batch, moved up by #heldLength.
  // The stamp's upper half, and its lower half with the sign bit turned so that it compares as an unsigned number does.
  #highs: Int32Array<ArrayBuffer> = new Int32Array(8192);
  #lows: Int32Array<ArrayBuffer> = new Int32Array(8192);
  #cpus = new Uint16Array(8192);
  #offsets = new Int32Array(8192);
  #runs: Int32Array<ArrayBuffer> = new Int32Array(64);
  #order = new Int32Array(8192);
  #orderSpare = new Int32Array(8192);
  #watermarkHigh = NEVER;
  #watermarkLow = NEVER;

  /** Bytes that wait for a later watermark. */
  get heldLength(): number {
    return this.#heldLength;
  }

  /**
   * Takes one batch and hands on what is in order.
   *
   * @param batch the memory of the batch; it may be used again when this returns
   * @param length its length in bytes
   * @param visit gets every record but padding and watermarks, in order
   * @param urgent gets EXIT records at once: the answer to them must not wait for the order
   * @throws DiagnosticError where the batch is not a run of whole records
   */
  accept(batch: RecordBytes, length: number, visit: RecordVisitor, urgent?: RecordVisitor): void {
    const shift = this.#heldLength;
    this.#watermarkHigh = NEVER;
    this.#watermarkLow = NEVER;
    const held = this.#scan(this.#held, shift, 0, 0, undefined);
    const count = this.#scan(batch, length, shift, held, urgent);
    this.#emit(batch, length, count, visit);
  }

  /** Hands on everything that is held: the run is over, and nothing older can come. */
  finish(visit: RecordVisitor): void {
    const count = this.#scan(this.#held, this.#heldLength, 0, 0, undefined);
    this.#watermarkHigh = EVER;
    this.#watermarkLow = EVER;
    this.#emit(this.#held, 0, count, visit);
  }

  /** Enters the records of `records[0, end)` and returns how many entries there are then. */
  #scan(
    records: RecordBytes,
    end: number,
    shift: number,
    firstCount: number,
    urgent: RecordVisitor | undefined,
  ): number {
    const { words } = records;
    let count = firstCount;
    let offset = 0;
    while (offset < end) {
      const word = offset >> 2;
      const length = end - offset < PAD_LEAST ? 0 : words[word]!;
      const header = words[word + 1]!;
      const kind = LITTLE_ENDIAN ? header & 0xffff : header >>> 16;
      const least = kind === RECORD.PAD ? PAD_LEAST : RECORD_HEADER;
      if (length < least || (length & 7) !== 0 || offset + length > end) {
        throw new DiagnosticError(damagedBatch(offset, length, end));
      }
      if (kind !== RECORD.PAD) {
        const high = words[word + STAMP_HIGH]!;
        const low = words[word + STAMP_LOW]! ^ SIGN_BIT;
        if (kind === RECORD.WATERMARK) {
          if (high > this.#watermarkHigh || (high === this.#watermarkHigh && low > this.#watermarkLow)) {
            this.#watermarkHigh = high;
            this.#watermarkLow = low;
          }
        } else {
          if (kind === RECORD.EXIT && urgent) urgent(records, offset);
          if (count === this.#highs.length) this.#grow();
          this.#highs[count] = high;
          this.#lows[count] = low;
          this.#cpus[count] = LITTLE_ENDIAN ? header >>> 16 : header & 0xffff;
          this.#offsets[count] = offset + shift;
          count++;
        }
      }
      offset += length;
    }
    return count;
  }

  #emit(batch: RecordBytes, length: number, count: number, visit: RecordVisitor): void {
    const order = this.#sort(count);
    const held = this.#held;
    const shift = this.#heldLength;
    const offsets = this.#offsets;
    const watermarkHigh = this.#watermarkHigh;
    const watermarkLow = this.#watermarkLow;
    let keptLength = 0;
    for (let index = 0; index < count; index++) {
      const entry = order ? order[index]! : index;
      const offset = offsets[entry]!;
      const isHeld = offset < shift;
      const records = isHeld ? held : batch;
      const at = isHeld ? offset : offset - shift;
      const high = this.#highs[entry]!;
      if (high < watermarkHigh || (high === watermarkHigh && this.#lows[entry]! < watermarkLow)) {
        visit(records, at);
        continue;
      }
      if (order) {
        keptLength = this.#keep(records, at, recordLength(records, at), keptLength);
        continue;
      }
      // All that follows waits too, and lies in order: it is kept as it lies.
      if (isHeld) keptLength = this.#keep(held, at, shift - at, keptLength);
      keptLength = isHeld ? this.#keep(batch, 0, length, keptLength) : this.#keep(batch, at, length - at, keptLength);
      break;
    }
    this.#held = this.#spare;
    this.#spare = held;
    this.#heldLength = keptLength;
  }

  /** Copies records to the memory that holds what waits, in the order in which they will be wanted. */
  #keep(records: RecordBytes, offset: number, length: number, at: number): number {
    if (at + length > this.#spare.bytes.length) {
      const grown = recordBytes(Math.max(this.#spare.bytes.length * 2, at + length));
      this.#spare.bytes.copy(grown.bytes, 0, 0, at);
      this.#spare = grown;
    }
    records.bytes.copy(this.#spare.bytes, at, offset, offset + length);
    return at + length;
  }

  /** Returns the entries in order, or undefined where they are in order as they are. A natural merge sort, stable. */
  #sort(count: number): Int32Array | undefined {
    let runs = 1;
    for (let index = 1; index < count; index++) {
      if (this.#precedes(index, index - 1)) {
        if (runs + 1 >= this.#runs.length) this.#runs = grownInt32(this.#runs);
        this.#runs[runs++] = index;
      }
    }
    if (runs === 1) return undefined;
    if (this.#order.length < count) {
      this.#order = new Int32Array(this.#highs.length);
      this.#orderSpare = new Int32Array(this.#highs.length);
    }
    this.#runs[0] = 0;
    this.#runs[runs] = count;
    for (let index = 0; index < count; index++) this.#order[index] = index;
    while (runs > 1) {
      let merged = 0;
      for (let run = 0; run < runs; run += 2) {
        const start = this.#runs[run]!;
        const middle = this.#runs[Math.min(run + 1, runs)]!;
        const end = this.#runs[Math.min(run + 2, runs)]!;
        this.#merge(start, middle, end);
        this.#runs[merged++] = start;
      }
      this.#runs[merged] = count;
      runs = merged;
      const order = this.#order;
      this.#order = this.#orderSpare;
      this.#orderSpare = order;
    }
    return this.#order;
  }

  /** True where entry `a` is stamped before `b`, or at once with it on a CPU with a smaller number. */
  #precedes(a: number, b: number): boolean {
    const high = this.#highs[a]! - this.#highs[b]!;
    if (high !== 0) return high < 0;
    const low = this.#lows[a]!;
    const other = this.#lows[b]!;
    return low < other || (low === other && this.#cpus[a]! < this.#cpus[b]!);
  }

  #merge(start: number, middle: number, end: number): void {
    const from = this.#order;
    const to = this.#orderSpare;
    let left = start;
    let right = middle;
    for (let at = start; at < end; at++) {
      let takeLeft = right >= end;
      if (!takeLeft && left < middle) {
        takeLeft = !this.#precedes(from[right]!, from[left]!);
      }
      to[at] = takeLeft ? from[left++]! : from[right++]!;
    }
  }

  #grow(): void {
    const cpus = new Uint16Array(this.#cpus.length * 2);
    cpus.set(this.#cpus);
    this.#cpus = cpus;
    this.#highs = grownInt32(this.#highs);
    this.#lows = grownInt32(this.#lows);
    this.#offsets = grownInt32(this.#offsets);
  }
}

function grownInt32(array: Int32Array): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(array.length * 2);
  grown.set(array);
  return grown;
}

function damagedBatch(offset: number, length: number, end: number): Diagnostic {
  return {
    code: 'staprun/damaged-record',
    severity: 'error',
    class: 'run',
    message: `the module sent a damaged record: length ${length} at byte ${offset} of a batch of ${end}`,
    hints: ['the module and staprun may be of different versions: build the module again'],
  };
}
