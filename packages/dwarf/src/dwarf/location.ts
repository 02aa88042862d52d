// Where an entry's value is: one expression, or a list of expressions each for a range of addresses, from .debug_loc (to
// DWARF 4, section 2.6.2) or .debug_loclists (DWARF 5, section 7.29).
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

const MOST_ENTRIES = 1 << 20;

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
  const { addressSize } = unit.header;
  const most = (1n << BigInt(addressSize * 8)) - 1n;
  return unit.dwarf.readGrowing('.debug_loc', offset, (c) => {
    const entries: LocationEntry[] = [];
    let base = unit.baseAddress;
    for (let count = 0; count < MOST_ENTRIES; count++) {
      const start = c.unsigned(addressSize);
      const end = c.unsigned(addressSize);
      if (start === 0n && end === 0n) return entries;
      if (start === most) {
        base = end;
        continue;
      }
      const at = c.position + 2;
      const bytes = c.run(c.u16());
      entries.push({ start: base + start, end: base + end, bytes, offset: offset + at, section: '.debug_loc' });
    }
    return c.fail('the location list does not end');
  });
}

function readLocList(unit: Unit, offset: DebugLocListsOffset): LocationEntry[] {
  const { addressSize } = unit.header;
  return unit.dwarf.readGrowing('.debug_loclists', offset, (c) => {
    const entries: LocationEntry[] = [];
    let base = unit.baseAddress;
    const add = (start: bigint, end: bigint, isDefault?: boolean) => {
      const length = c.uleb();
      const at = c.position;
      const bytes = c.run(length);
      entries.push({
        start,
        end,
        ...(isDefault ? { isDefault } : {}),
        bytes,
        offset: offset + at,
        section: '.debug_loclists',
      });
    };
    for (let count = 0; count < MOST_ENTRIES; count++) {
      const kind = c.u8();
      switch (kind) {
        case 0x00: // DW_LLE_end_of_list
          return entries;
        case 0x01: // DW_LLE_base_addressx
          base = unit.indexedAddress(c.uleb());
          break;
        case 0x02: {
          // DW_LLE_startx_endx
          const start = unit.indexedAddress(c.uleb());
          add(start, unit.indexedAddress(c.uleb()));
          break;
        }
        case 0x03: {
          // DW_LLE_startx_length
          const start = unit.indexedAddress(c.uleb());
          add(start, start + c.uleb64());
          break;
        }
        case 0x04: {
          // DW_LLE_offset_pair
          const start = base + c.uleb64();
          add(start, base + c.uleb64());
          break;
        }
        case 0x05: // DW_LLE_default_location
          add(0n, 0n, true);
          break;
        case 0x06: // DW_LLE_base_address
          base = c.unsigned(addressSize);
          break;
        case 0x07: {
          // DW_LLE_start_end
          const start = c.unsigned(addressSize);
          add(start, c.unsigned(addressSize));
          break;
        }
        case 0x08: {
          // DW_LLE_start_length
          const start = c.unsigned(addressSize);
          add(start, start + c.uleb64());
          break;
        }
        case 0x09: // DW_LLE_view_pair (GNU)
          c.skipLeb();
          c.skipLeb();
          break;
        default:
          c.fail(`unknown kind ${kind} in a location list`, c.position - 1);
      }
    }
    return c.fail('the location list does not end');
  });
}
