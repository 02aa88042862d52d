// .debug_aranges (DWARF 5, section 6.1.2): which compile unit holds the code of an address.
import { Cursor } from '../io/cursor.js';
import type { Dwarf } from './dwarf.js';
import type { DebugInfoOffset } from './offsets.js';

/** All ranges of a file, sorted by address. */
export interface AddressRanges {
  readonly starts: BigUint64Array;
  readonly ends: BigUint64Array;
  readonly offsets: readonly DebugInfoOffset[];
  /** The units that have a set of ranges, even an empty one. */
  readonly units: ReadonlySet<number>;
  /** The unit that an address belongs to. */
  find(address: bigint): DebugInfoOffset | undefined;
}

/** Reads .debug_aranges whole: it has 16 bytes a range. */
export function readAranges(dwarf: Dwarf): AddressRanges {
  const section = dwarf.elf.section('.debug_aranges');
  const found: { start: bigint; end: bigint; offset: number }[] = [];
  const units = new Set<number>();
  if (section) {
    const bytes = dwarf.elf.sectionBytes(section);
    const c = new Cursor(bytes, { file: dwarf.elf.name, section: section.name, base: 0 }, dwarf.elf.littleEndian);
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
  }
  found.sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
  const starts = BigUint64Array.from(found, (range) => range.start);
  const ends = BigUint64Array.from(found, (range) => range.end);
  const offsets = found.map((range) => range.offset as DebugInfoOffset);
  return {
    starts,
    ends,
    offsets,
    units,
    find(address) {
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
