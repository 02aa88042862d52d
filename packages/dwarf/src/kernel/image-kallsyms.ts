// The symbol table that a kernel carries in itself for /proc/kallsyms (kernel/kallsyms.c, scripts/kallsyms.c), found in
// an image that has no other: vmlinuz is stripped.
//
// Names are packed with a table of 256 tokens. A symbol is a length, its token numbers, and the letter of its type is the
// first character that they unpack to. Addresses are offsets from a base. The tables stand side by side in read-only
// data, in an order that changed with 6.4, and nothing points to them from outside, so they are found by their looks:
// the token table holds the digits "0" to "9" as tokens of their own, and is followed by an index that must fit it.
import type { KernelSymbol } from './kallsyms.js';

/** Where the tables lie in the bytes given. */
interface Tables {
  readonly tokens: readonly string[];
  /** Behind the token index. */
  readonly end: number;
  /** Of the token table. */
  readonly start: number;
}

/** More symbols than this no kernel has. */
const MOST_SYMBOLS = 2_000_000;

const DIGITS = Buffer.from('0\0' + '1\0' + '2\0' + '3\0' + '4\0' + '5\0' + '6\0' + '7\0' + '8\0' + '9\0', 'latin1');

/**
 * Decodes the symbol table in a part of a kernel image.
 *
 * @param bytes the image's read-only data, or a part that has the tables whole; it must start at a multiple of 8
 * @param little the byte order
 * @param address where the first byte is in the kernel's memory, by the image's headers; kernels from 7.0 on need it
 * @returns the symbols in the table's order; undefined where none is found or it does not make sense
 */
export function decodeImageKallsyms(
  bytes: Buffer,
  little = true,
  address?: bigint,
): readonly KernelSymbol[] | undefined {
  for (let at = bytes.indexOf(DIGITS); at >= 0; at = bytes.indexOf(DIGITS, at + 1)) {
    try {
      const tables = tokenTable(bytes, at, little);
      const names = tables && findNames(bytes, tables, little);
      const symbols = names && unpack(bytes, tables, names, little, address);
      if (symbols) return symbols;
    } catch (error) {
      // What only looks like the tables may lead out of the bytes.
      if (!(error instanceof RangeError)) throw error;
    }
  }
  return undefined;
}

/** Checks that a token table is around the digits: 256 strings, then offsets of each of them. */
function tokenTable(bytes: Buffer, digits: number, little: boolean): Tables | undefined {
  // "0" is token 0x30: there are that many strings before it. The byte before the first is the end of something else.
  let start = digits;
  for (let count = 0; count < 0x30; count++) {
    const before = bytes.lastIndexOf(0, start - 2);
    if (before < 0 || start - before > 512) return undefined;
    start = before + 1;
  }
  // The first string may have been preceded by padding, which looks like empty strings; tables start at a multiple of 4.
  const tokens: string[] = [];
  const offsets: number[] = [];
  let at = start;
  for (let count = 0; count < 256; count++) {
    const end = bytes.indexOf(0, at);
    if (end < 0 || end - at > 512) return undefined;
    offsets.push(at - start);
    tokens.push(bytes.toString('latin1', at, end));
    at = end + 1;
  }
  for (let index = Math.ceil(at / 2) * 2; index < at + 16; index += 2) {
    if (index + 512 > bytes.length) return undefined;
    let fits = true;
    for (let token = 0; token < 256 && fits; token++) fits = u16(bytes, index + token * 2, little) === offsets[token];
    if (fits) return { tokens, start, end: index + 512 };
  }
  return undefined;
}

interface Names {
  readonly count: number;
  readonly start: number;
  /** Where num_syms is. */
  readonly countAt: number;
}

/**
 * Finds the packed names: they are preceded by their number and followed by markers, the offset of every 256th name,
 * which stand before the token table.
 */
function findNames(bytes: Buffer, tables: Tables, little: boolean): Names | undefined {
  // Markers are ascending offsets that start at 0. From 6.2 to 6.3 three bytes a symbol stand between them and the
  // tokens, so the search goes further back where nothing fits at once.
  for (let end = Math.floor(tables.start / 4) * 4; end > Math.max(0, tables.start - (6 << 20)); end -= 4) {
    const last = u32(bytes, end - 4, little);
    if (last === 0 || last > 64 << 20) continue;
    let at = end - 4;
    while (at >= 4) {
      const here = u32(bytes, at, little);
      const before = u32(bytes, at - 4, little);
      const step = here - before;
      // 256 names have from two to some hundred bytes each.
      if (step < 512 || step > 256 * 200) break;
      at -= 4;
    }
    const markers = (end - at) / 4;
    if (markers < 16 || u32(bytes, at, little) !== 0) continue;
    const found = namesBefore(bytes, at, end, last, markers, little);
    if (found) return found;
    end = at;
  }
  return undefined;
}

function namesBefore(
  bytes: Buffer,
  markersAt: number,
  markersEnd: number,
  last: number,
  markers: number,
  little: boolean,
): Names | undefined {
  const second = u32(bytes, markersAt + 4, little);
  const latest = markersAt - last;
  for (let start = Math.floor(latest / 4) * 4; start > Math.max(8, latest - 256 * 200); start -= 4) {
    for (const countAt of [start - 8, start - 4]) {
      const count = u32(bytes, countAt, little);
      if (Math.ceil(count / 256) !== markers || count > MOST_SYMBOLS) continue;
      if (walk(bytes, start, 256, markersAt) !== start + second) continue;
      const end = walk(bytes, start, count, markersEnd);
      if (end !== undefined && end <= markersAt && markersAt - end < 16) return { count, start, countAt };
    }
  }
  return undefined;
}

/** Passes over names; a length of 128 or more has two bytes (from 6.1 on). */
function walk(bytes: Buffer, start: number, count: number, limit: number): number | undefined {
  let at = start;
  for (let index = 0; index < count; index++) {
    if (at + 1 >= limit || at + 1 >= bytes.length) return undefined;
    const first = bytes[at]!;
    at += first & 0x80 ? 2 + ((first & 0x7f) | (bytes[at + 1]! << 7)) : 1 + first;
  }
  return at;
}

function unpack(
  bytes: Buffer,
  tables: Tables,
  names: Names,
  little: boolean,
  address: bigint | undefined,
): KernelSymbol[] | undefined {
  const { count } = names;
  const addresses = findAddresses(bytes, tables, names, little, address);
  if (!addresses) return undefined;
  const symbols: KernelSymbol[] = [];
  // Names are put together in one buffer: joined strings would keep all their parts.
  const tokens = tables.tokens.map((token) => Buffer.from(token, 'latin1'));
  const scratch = Buffer.alloc(4096);
  let at = names.start;
  for (let index = 0; index < count; index++) {
    const first = bytes[at]!;
    const wide = (first & 0x80) !== 0;
    const length = wide ? (first & 0x7f) | (bytes[at + 1]! << 7) : first;
    at += wide ? 2 : 1;
    let size = 0;
    for (const end = at + length; at < end; at++) {
      const token = tokens[bytes[at]!]!;
      if (size + token.length > scratch.length) return undefined;
      size += token.copy(scratch, size);
    }
    if (size === 0) continue;
    const type = String.fromCharCode(scratch[0]!);
    symbols.push({ name: scratch.toString('latin1', 1, size), type, address: addresses(index) });
  }
  return symbols;
}

/** Finds the offsets and their base, before the number of symbols or, from 6.4 on, behind the token index. */
function findAddresses(
  bytes: Buffer,
  tables: Tables,
  names: Names,
  little: boolean,
  address: bigint | undefined,
): ((index: number) => bigint) | undefined {
  const { count, countAt } = names;
  const size = Math.ceil((count * 4) / 8) * 8;
  const candidates: [offsets: number, base: number][] = [];
  const behind = Math.ceil(tables.end / 8) * 8;
  candidates.push([behind, behind + size]);
  for (const base of [countAt - 8, Math.floor((countAt - 8) / 8) * 8]) candidates.push([base - size, base]);
  for (const [offsetsAt, baseAt] of candidates) {
    if (offsetsAt < 0 || baseAt < 0 || baseAt + 8 > bytes.length || offsetsAt + count * 4 > bytes.length) continue;
    const base = little ? bytes.readBigUInt64LE(baseAt) : bytes.readBigUInt64BE(baseAt);
    // Kernels live in the upper half; where relocation is left to the boot code, the base is not in the image.
    if (base < 0x8000_0000_0000_0000n) continue;
    const offset = (index: number) => u32(bytes, offsetsAt + index * 4, little);
    let negative = 0;
    for (let index = 0; index < count; index++) if (offset(index) > 0x7fff_ffff) negative += 1;
    // With per-CPU symbols kept absolute (x86 to 6.14), offsets from the base are stored as -1 - offset.
    const absolutePerCpu = negative > count / 2;
    if (absolutePerCpu) {
      if (!isAscending(count, (index) => ~offset(index))) continue;
      return (index) => {
        const own = offset(index) | 0;
        return own >= 0 ? BigInt(own) : base + BigInt(-1 - own);
      };
    }
    if (isAscending(count, offset)) return (index) => base + BigInt(offset(index));
  }
  // The newest kernels have no base: each offset counts from its own place.
  if (address !== undefined && behind + count * 4 <= bytes.length) {
    const relative = (index: number) => behind + index * 4 + (u32(bytes, behind + index * 4, little) | 0);
    if (isAscending(count, relative)) return (index) => BigInt.asUintN(64, address + BigInt(relative(index)));
  }
  return undefined;
}

/** Symbols are sorted by address, but for the few that are absolute. */
function isAscending(count: number, value: (index: number) => number): boolean {
  let ascending = 0;
  let before = value(0);
  for (let index = 1; index < count; index++) {
    const here = value(index);
    if (here >= before) ascending += 1;
    before = here;
  }
  return ascending > count * 0.95;
}

function u16(bytes: Buffer, at: number, little: boolean): number {
  return little ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at);
}

function u32(bytes: Buffer, at: number, little: boolean): number {
  return little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
}
