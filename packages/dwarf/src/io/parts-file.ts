// A cache file of named parts: tables and blobs that are looked into here and there. Opening one costs one small read;
// what is asked for is paged in.
//
// Layout (numbers are little-endian): a header with a table of parts and a hash of every page, padded to a page; then
// the parts. Beside the file lies a stamp with its size, times and inode: where they still hold, nobody has written to
// the file since it was checked whole, and pages are taken as they are; where they don't, every page's hash is checked
// once more, which takes some 10 ms for 8 MB, and a damaged file is refused.
import { closeSync, fstatSync, openSync, readFileSync, type Stats, writeFileSync } from 'node:fs';
import { globSource } from '@stapkit/pass';
import { readFully } from './byte-source.js';
import { BinaryFault } from './fault.js';

const MAGIC = 0x4b505453; // "STPK"
const PAGE = 4096;
const FIXED_HEADER = 40;
const HOST_IS_LITTLE = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** What a kind of cache file holds. */
export interface PartsFormat<Name extends string> {
  /** Tells the kinds of cache files apart. */
  readonly kind: number;
  /** Counts up with every change of what the parts hold. */
  readonly version: number;
  /** The parts, in their order. */
  readonly parts: readonly Name[];
}

/** Hashes 32-bit words; good enough to notice damage, and fast before the compiler has warmed up. */
export function hashWords(words: Int32Array, from = 0, to = words.length): number {
  let hash = 0x811c9dc5 | 0;
  for (let index = from; index < to; index++) {
    hash = Math.imul(((hash << 5) | (hash >>> 27)) ^ words[index]!, 0x9e3779b1);
  }
  return hash >>> 0;
}

/** Text that changes whenever a file is written to or replaced. */
export function stampOf(stat: Stats): string {
  return `${stat.size} ${stat.mtimeMs} ${stat.ctimeMs} ${stat.ino}`;
}

/** A cache file that is open. */
export class PartsFile<Name extends string> {
  readonly path: string;
  private readonly descriptor: number;
  private readonly dataStart: number;
  private readonly dataSize: number;
  private readonly hashes: Uint32Array;
  private readonly parts: ReadonlyMap<Name, { readonly offset: number; readonly size: number }>;
  private verified = false;
  private readonly pages = new Map<number, { bytes: Buffer; view: DataView }>();

  /**
   * Opens a cache file.
   *
   * @param path the file; its stamp is `path` + `.stamp`
   * @throws BinaryFault where the file is damaged or of another version; the system's error where there is none
   */
  constructor(path: string, format: PartsFormat<Name>) {
    this.path = path;
    this.descriptor = openSync(path, 'r');
    try {
      const stat = fstatSync(this.descriptor);
      // One read holds the whole header of an ordinary kernel's facts.
      let header = this.readRange(0, Math.min(stat.size, 4 * PAGE));
      if (header.length < FIXED_HEADER || header.readUInt32LE(0) !== MAGIC) this.fail(0, 'this is no cache file');
      if (header.readUInt32LE(4) !== format.version || header.readUInt32LE(20) !== format.kind) {
        this.fail(4, 'the cache file is of another version');
      }
      this.dataStart = header.readUInt32LE(8);
      const pageCount = header.readUInt32LE(12);
      this.dataSize = pageCount * PAGE;
      const least = FIXED_HEADER + format.parts.length * 8 + pageCount * 4;
      if (stat.size !== this.dataStart + this.dataSize || this.dataStart < least || this.dataStart % PAGE !== 0) {
        this.fail(8, 'the cache file is cut off');
      }
      if (header.length < this.dataStart) header = this.readRange(0, this.dataStart);
      const words = new Int32Array(header.buffer, header.byteOffset, this.dataStart / 4);
      // The hash covers everything behind it.
      if (hashWords(words, 5) !== header.readUInt32LE(16)) this.fail(16, 'the header is damaged');
      const parts = new Map<Name, { offset: number; size: number }>();
      format.parts.forEach((name, index) => {
        const at = FIXED_HEADER + index * 8;
        parts.set(name, { offset: header.readUInt32LE(at) * 16, size: header.readUInt32LE(at + 4) });
      });
      this.parts = parts;
      const hashesAt = header.byteOffset + FIXED_HEADER + format.parts.length * 8;
      this.hashes = new Uint32Array(header.buffer, hashesAt, pageCount);
      const stamp = stampOf(stat);
      if (readStamp(path) !== stamp) this.verifyAll(stamp);
      this.verified = true;
    } catch (error) {
      closeSync(this.descriptor);
      throw error;
    }
  }

  close(): void {
    closeSync(this.descriptor);
  }

  protected fail(offset: number, problem: string): never {
    throw new BinaryFault({ file: this.path, offset }, problem);
  }

  private readRange(offset: number, length: number): Buffer {
    // Buffers of our own start at offset 0 of their memory, so that they can be seen as 32-bit words.
    const bytes = Buffer.from(new ArrayBuffer(length));
    readFully(this.descriptor, bytes, offset, this.path);
    return bytes;
  }

  private verifyAll(stamp: string): void {
    const step = 64;
    const count = this.dataSize / PAGE;
    for (let page = 0; page < count; page += step) this.readPages(page, Math.min(step, count - page));
    try {
      writeFileSync(`${this.path}.stamp`, stamp);
    } catch {
      // A cache that can't be written to is checked each time.
    }
  }

  private readPages(first: number, count: number): Buffer {
    const bytes = this.readRange(this.dataStart + first * PAGE, count * PAGE);
    if (this.verified) return bytes;
    const words = new Int32Array(bytes.buffer, 0, (count * PAGE) / 4);
    for (let index = 0; index < count; index++) {
      if (hashWords(words, index * (PAGE / 4), (index + 1) * (PAGE / 4)) !== this.hashes[first + index]) {
        this.fail(this.dataStart + (first + index) * PAGE, 'the page is damaged');
      }
    }
    return bytes;
  }

  private page(index: number): { bytes: Buffer; view: DataView } {
    let page = this.pages.get(index);
    if (!page) {
      const bytes = this.readPages(index, 1);
      page = { bytes, view: new DataView(bytes.buffer) };
      this.pages.set(index, page);
    }
    return page;
  }

  partSize(name: Name): number {
    return this.parts.get(name)!.size;
  }

  /** Reads a range of a part. */
  bytes(part: Name, offset: number, length: number): Buffer {
    const { offset: start, size } = this.parts.get(part)!;
    if (!(offset >= 0 && length >= 0 && offset + length <= size)) this.fail(0, `${part} has no offset ${offset}`);
    const from = start + offset;
    const first = Math.floor(from / PAGE);
    const last = Math.floor((from + Math.max(length, 1) - 1) / PAGE);
    if (first === last) return this.page(first).bytes.subarray(from - first * PAGE, from - first * PAGE + length);
    // Small ranges over a page's end come from the kept pages; large ones are read at once and not kept.
    if (last === first + 1) {
      const split = last * PAGE;
      return Buffer.concat([
        this.page(first).bytes.subarray(from - first * PAGE),
        this.page(last).bytes.subarray(0, from + length - split),
      ]);
    }
    const bytes = this.readPages(first, last - first + 1);
    return bytes.subarray(from - first * PAGE, from - first * PAGE + length);
  }

  u32(part: Name, offset: number, littleEndian = true): number {
    const { offset: start, size } = this.parts.get(part)!;
    if (!(offset >= 0 && offset + 4 <= size)) this.fail(0, `${part} has no offset ${offset}`);
    const from = start + offset;
    const index = Math.floor(from / PAGE);
    const at = from - index * PAGE;
    if (at + 4 <= PAGE) return this.page(index).view.getUint32(at, littleEndian);
    const bytes = this.bytes(part, offset, 4);
    return littleEndian ? bytes.readUInt32LE(0) : bytes.readUInt32BE(0);
  }

  /** A whole part as text. */
  text(part: Name): string {
    return this.bytes(part, 0, this.partSize(part)).toString('utf8');
  }

  /** A whole part as 32-bit numbers. */
  words(part: Name): Uint32Array {
    const bytes = this.bytes(part, 0, this.partSize(part));
    if (HOST_IS_LITTLE && bytes.byteOffset % 4 === 0) {
      return new Uint32Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.length / 4));
    }
    const words = new Uint32Array(bytes.length / 4);
    for (let index = 0; index < words.length; index++) words[index] = bytes.readUInt32LE(index * 4);
    return words;
  }
}

function readStamp(path: string): string | undefined {
  try {
    return readFileSync(`${path}.stamp`, 'latin1');
  } catch {
    return undefined;
  }
}

/**
 * A sorted table from names to numbers (ids, offsets). Names are kept as one text, a line each, in the order of their bytes; equal
 * names are neighbours, the preferred one first.
 */
export class NameTable<Name extends string = string> {
  readonly count: number;
  private readonly file: PartsFile<Name>;
  private readonly names: Name;
  private readonly starts: Name;
  private readonly ids: Name;

  /** @param prefix the table's parts are PREFIXNames, PREFIXStarts and PREFIXIds */
  constructor(file: PartsFile<Name>, prefix: string) {
    this.file = file;
    this.names = `${prefix}Names` as Name;
    this.starts = `${prefix}Starts` as Name;
    this.ids = `${prefix}Ids` as Name;
    this.count = file.partSize(this.ids) / 4;
  }

  nameAt(index: number): string {
    const start = this.file.u32(this.starts, index * 4);
    const end = this.file.u32(this.starts, index * 4 + 4) - 1;
    return this.file.bytes(this.names, start, end - start).toString('latin1');
  }

  idAt(index: number): number {
    return this.file.u32(this.ids, index * 4);
  }

  /** The first index whose name is not before another in order. */
  lowerBound(name: string): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.nameAt(middle) < name) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The places of a name, the preferred one first. */
  indexesOf(name: string): number[] {
    const key = toKey(name);
    const found: number[] = [];
    for (let index = this.lowerBound(key); index < this.count && this.nameAt(index) === key; index++) found.push(index);
    return found;
  }

  /** The ids of a name, the preferred one first. */
  find(name: string): number[] {
    return this.indexesOf(name).map((index) => this.idAt(index));
  }

  /** The places whose names match a pattern of `*`, `?` and `[…]`, in order. */
  matchingIndexes(pattern: string): number[] {
    const key = toKey(pattern);
    const fixed = /^[^*?[]*/.exec(key)![0];
    if (fixed === key) return this.indexesOf(pattern);
    const from = fixed === '' ? 0 : this.lowerBound(fixed);
    const to = fixed === '' ? this.count : this.lowerBound(`${fixed}\u00ff`);
    if (from >= to) return [];
    const startBytes = this.file.bytes(this.starts, from * 4, (to - from + 1) * 4);
    const start = (index: number) => startBytes.readUInt32LE(index * 4);
    const base = start(0);
    const text = this.file.bytes(this.names, base, start(to - from) - 1 - base).toString('latin1');
    const expression = new RegExp(`^${globSource(key)}$`, 'gm');
    const found: number[] = [];
    let index = 0;
    for (let hit = expression.exec(text); hit; hit = expression.exec(text)) {
      while (start(index) - base < hit.index) index += 1;
      found.push(from + index);
      // A pattern may match a name of no characters, where exec would stay.
      if (hit[0] === '') expression.lastIndex += 1;
    }
    return found;
  }

  /** The entries whose names match a pattern, in order; of equal names the first. */
  match(pattern: string): { readonly name: string; readonly id: number }[] {
    const indexes = this.matchingIndexes(pattern);
    const [first] = indexes;
    if (first === undefined) return [];
    if (indexes.length === 1) return [{ name: fromKey(this.nameAt(first)), id: this.idAt(first) }];
    // Many names lie close together: they are read at once.
    const last = indexes.at(-1)!;
    const base = this.file.u32(this.starts, first * 4);
    const end = this.file.u32(this.starts, last * 4 + 4) - 1;
    const names = this.file
      .bytes(this.names, base, end - base)
      .toString('latin1')
      .split('\n');
    const ids = this.file.bytes(this.ids, first * 4, (last - first + 1) * 4);
    const found: { name: string; id: number }[] = [];
    for (const index of indexes) {
      const name = fromKey(names[index - first]!);
      if (found.at(-1)?.name !== name) found.push({ name, id: ids.readUInt32LE((index - first) * 4) });
    }
    return found;
  }

  /** All names, in order; equal ones once. */
  all(): string[] {
    return this.everyName()
      .filter((name, index, names) => name !== names[index - 1])
      .map(fromKey);
  }

  /** All names with their ids, in order. */
  allEntries(): { readonly name: string; readonly id: number }[] {
    const ids = this.file.words(this.ids);
    return this.everyName().map((name, index) => ({ name: fromKey(name), id: ids[index]! }));
  }

  private everyName(): string[] {
    if (this.count === 0) return [];
    const names = this.file.bytes(this.names, 0, this.file.partSize(this.names)).toString('latin1').split('\n');
    names.length = this.count;
    return names;
  }
}

/** Names are kept and compared byte by byte; a character is a byte of UTF-8. */
export function toKey(name: string): string {
  return /^[\x00-\x7f]*$/.test(name) ? name : Buffer.from(name, 'utf8').toString('latin1');
}

/** The name that a key stands for. */
export function fromKey(key: string): string {
  return /^[\x00-\x7f]*$/.test(key) ? key : Buffer.from(key, 'latin1').toString('utf8');
}
