// Address ranges of entries: low_pc/high_pc, .debug_ranges (to DWARF 4, section 2.17.3) and .debug_rnglists (DWARF 5,
// section 7.25).
import { readAddressList, readOldAddressList, type TakeRange } from './address-lists.js';
import { DW_AT, DW_FORM } from './constants.js';
import type { Die } from './die.js';
import type { Unit } from './unit.js';

/** From `start` up to but without `end`. */
export interface AddressRange {
  readonly start: bigint;
  readonly end: bigint;
}

/** The ranges of an entry's code; empty where it has none (an abstract instance, a declaration). */
export function rangesOf(die: Die): AddressRange[] {
  const attribute = die.attribute(DW_AT.ranges);
  if (attribute) {
    const { form, value } = attribute;
    if (typeof value !== 'number') return die.fail('DW_AT_ranges is no offset');
    if (form === DW_FORM.rnglistx)
      return readAddressList(die.unit, '.debug_rnglists', indexedList(die.unit, value, '.debug_rnglists'), rangeOf);
    return die.unit.version >= 5
      ? readAddressList(die.unit, '.debug_rnglists', value, rangeOf)
      : readOldAddressList(
          die.unit,
          '.debug_ranges',
          value + (die.unit.root.number(DW_AT.GNU_ranges_base) ?? 0),
          rangeOf,
        );
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

const rangeOf: TakeRange<AddressRange> = (start, end) => (end > start ? { start, end } : undefined);
