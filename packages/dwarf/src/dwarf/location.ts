// Where an entry's value is: one expression, or a list of expressions each for a range of addresses, from .debug_loc (to
// DWARF 4, section 2.6.2) or .debug_loclists (DWARF 5, section 7.29).
import { readAddressList, readOldAddressList } from './address-lists.js';
import { DW_AT, DW_FORM } from './constants.js';
import type { Die } from './die.js';
import { decodeExpression, expressionContext, type Operation } from './expression.js';
import type { DebugLocListsOffset, DebugLocOffset } from './offsets.js';
import { indexedList } from './ranges.js';
import type { Unit } from './unit.js';

/** An expression and the addresses at which it holds. */
export interface LocationEntry {
  readonly start: bigint;
  readonly end: bigint;
  /** Holds wherever no other entry does (DW_LLE_default_location). */
  readonly isDefault?: boolean;
  readonly bytes: Uint8Array;
  /** In the section, for messages. */
  readonly offset: number;
  readonly section: string;
}

/** An attribute of a location's class. */
export type LocationDescription =
  | { readonly kind: 'expression'; readonly bytes: Uint8Array; readonly offset: number; readonly section: string }
  | { readonly kind: 'list'; readonly entries: readonly LocationEntry[] };

/**
 * Reads where an entry's value is.
 *
 * @param attribute DW_AT_location as a rule; DW_AT_frame_base and others are of the same class
 * @returns undefined where the entry has no such attribute, or it is a constant
 */
export function locationOf(die: Die, attribute: number = DW_AT.location): LocationDescription | undefined {
  const found = die.attribute(attribute);
  if (!found) return undefined;
  const { form, value } = found;
  if (value instanceof Uint8Array) {
    return { kind: 'expression', bytes: value, offset: die.offset, section: die.unit.section };
  }
  if (typeof value !== 'number') return undefined;
  if (form === DW_FORM.loclistx) {
    return { kind: 'list', entries: readLocList(die.unit, indexedList(die.unit, value, '.debug_loclists')) };
  }
  // Before DWARF 4 an offset had the forms of constants.
  const offset =
    form === DW_FORM.sec_offset || (die.unit.version < 4 && (form === DW_FORM.data4 || form === DW_FORM.data8));
  if (!offset) return undefined;
  return {
    kind: 'list',
    entries:
      die.unit.version >= 5
        ? readLocList(die.unit, value as DebugLocListsOffset)
        : readLoc(die.unit, value as DebugLocOffset),
  };
}

/**
 * The decoded expression that holds at an address.
 *
 * @returns undefined where the value is not available there
 */
export function expressionAt(die: Die, address: bigint, attribute: number = DW_AT.location): Operation[] | undefined {
  const location = locationOf(die, attribute);
  if (!location) return undefined;
  const unit = die.unit;
  if (location.kind === 'expression') {
    return decodeExpression(location.bytes, expressionContext(unit, location.section, location.offset));
  }
  const entry =
    location.entries.find((e) => !e.isDefault && e.start <= address && address < e.end) ??
    location.entries.find((e) => e.isDefault);
  return entry && decodeExpression(entry.bytes, expressionContext(unit, entry.section, entry.offset));
}

function readLoc(unit: Unit, offset: DebugLocOffset): LocationEntry[] {
  const section = '.debug_loc';
  return readOldAddressList(unit, section, offset, (start, end, c) => {
    const at = c.position + 2;
    return { start, end, bytes: c.run(c.u16()), offset: offset + at, section };
  });
}

function readLocList(unit: Unit, offset: DebugLocListsOffset): LocationEntry[] {
  const section = '.debug_loclists';
  return readAddressList(unit, section, offset, (start, end, c, isDefault) => {
    const length = c.uleb();
    const at = c.position;
    const bytes = c.run(length);
    return { start, end, ...(isDefault ? { isDefault } : {}), bytes, offset: offset + at, section };
  });
}
