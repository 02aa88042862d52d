// .debug_aranges (DWARF 5, section 6.1.2): which compile unit holds the code of an address.
import { ET_REL } from '../elf/constants.js';
import { Cursor } from '../io/cursor.js';
import type { Dwarf } from './dwarf.js';
import type { DebugInfoOffset } from './offsets.js';

/** All ranges of a file. */
export interface AddressRanges {
  /** Sorted. */
  readonly starts: BigUint64Array;
  readonly ends: BigUint64Array;
  readonly offsets: readonly DebugInfoOffset[];
  /** The units that have a set of ranges, even an empty one. */
  readonly units: ReadonlySet<number>;
  /** The unit that an address belongs to. */
  find(address: bigint): DebugInfoOffset | undefined;
}

interface Sorted {
  readonly starts: BigUint64Array;
  readonly ends: BigUint64Array;
  readonly offsets: readonly DebugInfoOffset[];
}

/** Questions that are answered from the section as it lies, before a sorted table is made: each takes a millisecond. */
const UNSORTED_QUESTIONS = 16;

/**
 * Answers from .debug_aranges. One function of a kernel is asked for more often than thousands, so nothing is sorted
 * before it pays.
 */
export function readAranges(dwarf: Dwarf): AddressRanges {
  const { elf } = dwarf;
  const section = elf.section('.debug_aranges');
  const bytes = section ? elf.sectionBytes(section) : new Uint8Array(0);
  const origin = { file: elf.name, section: section?.name, base: 0 };
  let table: (Sorted & { units: ReadonlySet<number> }) | undefined;
  const sorted = () => {
    table ??= sortAll(new Cursor(bytes, origin, elf.littleEndian));
    return table;
  };
  // In a relocatable file ranges of several sections may overlap, and the nearest start counts.
  const words = elf.type === ET_REL || !elf.littleEndian ? undefined : wordsOf(bytes);
  let questions = 0;
  return {
    get starts() {
      return sorted().starts;
    },
    get ends() {
      return sorted().ends;
    },
    get offsets() {
      return sorted().offsets;
    },
    get units() {
      return sorted().units;
    },
    find(address) {
      if (!table && words && questions++ < UNSORTED_QUESTIONS) {
        const offset = scanWords(words, Number(address >> 32n), Number(address & 0xffff_ffffn));
        if (offset !== undefined) return offset >= 0 ? (offset as DebugInfoOffset) : undefined;
      }
      const { starts, ends, offsets } = sorted();
      let low = 0;
      let high = starts.length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (starts[middle]! <= address) low = middle + 1;
        else high = middle;
      }
      return low > 0 && address < ends[low - 1]! ? offsets[low - 1] : undefined;
    },
  };
}

/** The bytes as this machine's 32-bit numbers, where it can see them so. */
function wordsOf(bytes: Uint8Array): Uint32Array | undefined {
  const little = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
  if (!little || bytes.byteOffset % 4 !== 0 || bytes.length % 4 !== 0) return undefined;
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

/**
 * Looks for an address in sets as they come from every 64-bit compiler: version 2, 32-bit format, 8-byte addresses.
 *
 * @returns the unit's offset, -1 where no set has the address, undefined where a set is of another form
 */
function scanWords(words: Uint32Array, high: number, low: number): number | undefined {
  for (let at = 0; at < words.length; ) {
    const length = words[at]!;
    const end = at + (length + 4) / 4;
    // Version 2 in the low half of the second word; sizes of 8 and 0 in the upper half of the third.
    const plain = length < 0xffff_fff0 && length % 4 === 0 && end <= words.length && length >= 12;
    if (!plain || (words[at + 1]! & 0xffff) !== 2 || words[at + 2]! >>> 16 !== 8) return undefined;
    for (let pair = at + 4; pair + 4 <= end; pair += 4) {
      if (words[pair + 1] !== high || words[pair]! > low) {
        if (words[pair] === 0 && words[pair + 1] === 0 && words[pair + 2] === 0 && words[pair + 3] === 0) break;
        continue;
      }
      // A range that reaches over 4 GB is no code's.
      if (low - words[pair]! < words[pair + 2]!) return ((words[at + 1]! >>> 16) | (words[at + 2]! << 16)) >>> 0;
    }
    at = end;
  }
  return -1;
}

/** Reads all sets. */
function sortAll(c: Cursor): Sorted & { units: ReadonlySet<number> } {
  const found: { start: bigint; end: bigint; offset: number }[] = [];
  const units = new Set<number>();
  while (!c.atEnd) {
    const start = c.position;
    let length = c.u32();
    const wide = length === 0xffff_ffff;
    if (wide) length = c.offset64();
    const end = c.position + length;
    if (end > c.bytes.length) c.fail('a set of ranges runs over the end', start);
    const version = c.u16();
    if (version !== 2) c.fail(`.debug_aranges version ${version} is not supported`, c.position - 2);
    const offset = wide ? c.offset64() : c.u32();
    const addressSize = c.u8();
    const segmentSize = c.u8();
    units.add(offset);
    if (segmentSize !== 0) c.fail('segmented addresses are not supported', c.position - 1);
    if (addressSize !== 4 && addressSize !== 8) c.fail(`addresses of ${addressSize} bytes are not supported`);
    // The pairs start at a multiple of a pair's size from the set's start.
    const pair = addressSize * 2;
    c.position = Math.min(end, start + Math.ceil((c.position - start) / pair) * pair);
    while (c.position + pair <= end) {
      const from = c.unsigned(addressSize);
      const size = c.unsigned(addressSize);
      if (size === 0n) {
        // A pair of zeros ends the set; a range of no bytes is passed over (gcc writes them for empty sections).
        if (from === 0n) break;
        continue;
      }
      found.push({ start: from, end: from + size, offset });
    }
    c.position = end;
  }
  found.sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
  return {
    starts: BigUint64Array.from(found, (range) => range.start),
    ends: BigUint64Array.from(found, (range) => range.end),
    offsets: found.map((range) => range.offset as DebugInfoOffset),
    units,
  };
}
