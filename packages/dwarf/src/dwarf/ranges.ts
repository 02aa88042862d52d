// Address ranges of entries: low_pc/high_pc, .debug_ranges (to DWARF 4, section 2.17.3) and .debug_rnglists (DWARF 5,
// section 7.25).
import { DW_AT, DW_FORM } from './constants.js';
import type { Die } from './die.js';
import type { DebugRangesOffset, DebugRngListsOffset } from './offsets.js';
import type { Unit } from './unit.js';

/** From `start` up to but without `end`. */
export interface AddressRange {
  readonly start: bigint;
  readonly end: bigint;
}

/** More entries than this no list has; a damaged one may seem to. */
const MOST_ENTRIES = 1 << 20;

/** The ranges of an entry's code; empty where it has none (an abstract instance, a declaration). */
export function rangesOf(die: Die): AddressRange[] {
  const attribute = die.attribute(DW_AT.ranges);
  if (attribute) {
    const { form, value } = attribute;
    if (typeof value !== 'number') return die.fail('DW_AT_ranges is no offset');
    if (form === DW_FORM.rnglistx) return readRngList(die.unit, indexedList(die.unit, value, '.debug_rnglists'));
    return die.unit.version >= 5
      ? readRngList(die.unit, value as DebugRngListsOffset)
      : readRanges(die.unit, (value + (die.unit.root.number(DW_AT.GNU_ranges_base) ?? 0)) as DebugRangesOffset);
  }
  const start = die.address(DW_AT.low_pc);
  if (start === undefined) return [];
  // High_pc is an address, or, from DWARF 4 on, a length.
  const end = die.address(DW_AT.high_pc);
  if (end !== undefined) return end > start ? [{ start, end }] : [];
  const length = die.constant(DW_AT.high_pc);
  return length !== undefined && length > 0n ? [{ start, end: start + length }] : [];
}

/** The first address of an entry's code: DW_AT_entry_pc, else low_pc, else its first range's start. */
export function entryAddress(die: Die): bigint | undefined {
  const entry = die.address(DW_AT.entry_pc);
  if (entry !== undefined) return entry;
  const low = die.address(DW_AT.low_pc) ?? rangesOf(die)[0]?.start;
  // As a constant it counts from the base address of the entry, which is its low_pc or its first range's start.
  const offset = die.constant(DW_AT.entry_pc);
  return offset === undefined || low === undefined ? low : low + offset;
}

/** Where a list of an indexed form (rnglistx, loclistx) starts. */
export function indexedList<T extends number>(
  unit: Unit,
  index: number,
  section: '.debug_rnglists' | '.debug_loclists',
): T {
  const { offsetSize } = unit.header;
  const base = section === '.debug_rnglists' ? unit.rnglistsBase : unit.loclistsBase;
  if (base === undefined) return unit.root.fail(`the unit has no base in ${section}`);
  const c = unit.dwarf.cursor(section, base + index * offsetSize, offsetSize);
  return (base + (offsetSize === 8 ? c.offset64() : c.u32())) as T;
}

function readRanges(unit: Unit, offset: DebugRangesOffset): AddressRange[] {
  const { addressSize } = unit.header;
  const most = (1n << BigInt(addressSize * 8)) - 1n;
  return unit.dwarf.readGrowing('.debug_ranges', offset, (c) => {
    let base = unit.baseAddress;
    const ranges: AddressRange[] = [];
    for (let count = 0; count < MOST_ENTRIES; count++) {
      const start = c.unsigned(addressSize);
      const end = c.unsigned(addressSize);
      if (start === 0n && end === 0n) return ranges;
      if (start === most) base = end;
      else if (end > start) ranges.push({ start: base + start, end: base + end });
    }
    return c.fail('the list of ranges does not end');
  });
}

function readRngList(unit: Unit, offset: DebugRngListsOffset): AddressRange[] {
  const { addressSize } = unit.header;
  return unit.dwarf.readGrowing('.debug_rnglists', offset, (c) => {
    let base = unit.baseAddress;
    const ranges: AddressRange[] = [];
    const add = (start: bigint, end: bigint) => {
      if (end > start) ranges.push({ start, end });
    };
    for (let count = 0; count < MOST_ENTRIES; count++) {
      const kind = c.u8();
      switch (kind) {
        case 0x00: // DW_RLE_end_of_list
          return ranges;
        case 0x01: // DW_RLE_base_addressx
          base = unit.indexedAddress(c.uleb());
          break;
        case 0x02: // DW_RLE_startx_endx
          add(unit.indexedAddress(c.uleb()), unit.indexedAddress(c.uleb()));
          break;
        case 0x03: {
          // DW_RLE_startx_length
          const start = unit.indexedAddress(c.uleb());
          add(start, start + c.uleb64());
          break;
        }
        case 0x04: {
          // DW_RLE_offset_pair
          const start = base + c.uleb64();
          add(start, base + c.uleb64());
          break;
        }
        case 0x05: // DW_RLE_base_address
          base = c.unsigned(addressSize);
          break;
        case 0x06: {
          // DW_RLE_start_end
          const start = c.unsigned(addressSize);
          add(start, c.unsigned(addressSize));
          break;
        }
        case 0x07: {
          // DW_RLE_start_length
          const start = c.unsigned(addressSize);
          add(start, start + c.uleb64());
          break;
        }
        default:
          c.fail(`unknown kind ${kind} in a list of ranges`, c.position - 1);
      }
    }
    return c.fail('the list of ranges does not end');
  });
}
