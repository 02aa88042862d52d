// Lists of address ranges, with or without an expression to each: .debug_ranges and .debug_loc (to DWARF 4, sections 2.17.3
// and 2.6.2), .debug_rnglists and .debug_loclists (DWARF 5, sections 7.25 and 7.29). The two of a version are read alike;
// what stands behind a range is its reader's.
import type { Cursor } from '../io/cursor.js';
import type { Unit } from './unit.js';

/** More entries than this no list has; a damaged one may seem to. */
const MOST_ENTRIES = 1 << 20;

/** Makes an item of one range; the cursor stands behind it. Undefined where the range is of no use. */
export type TakeRange<T> = (start: bigint, end: bigint, c: Cursor, isDefault?: boolean) => T | undefined;

type EntryKind =
  | 'end'
  | 'base index'
  | 'index, index'
  | 'index, length'
  | 'offset, offset'
  | 'default'
  | 'base'
  | 'start, end'
  | 'start, length'
  | 'views';

const COMMON = ['end', 'base index', 'index, index', 'index, length', 'offset, offset'] as const;

/** By the numbers of DW_RLE_… and DW_LLE_…; the last is GNU's. */
const KINDS: Readonly<Record<string, readonly EntryKind[]>> = {
  '.debug_rnglists': [...COMMON, 'base', 'start, end', 'start, length'],
  '.debug_loclists': [...COMMON, 'default', 'base', 'start, end', 'start, length', 'views'],
};

/** Reads a list of DWARF 5. */
export function readAddressList<T>(
  unit: Unit,
  section: '.debug_rnglists' | '.debug_loclists',
  offset: number,
  item: TakeRange<T>,
): T[] {
  const { addressSize } = unit.header;
  const kinds = KINDS[section]!;
  return unit.dwarf.readGrowing(section, offset, (c) => {
    const { items, take } = collect(item, c);
    let base = unit.baseAddress;
    for (let count = 0; count < MOST_ENTRIES; count++) {
      const kind = c.u8();
      switch (kinds[kind]) {
        case 'end':
          return items;
        case 'base index':
          base = unit.indexedAddress(c.uleb());
          break;
        case 'index, index': {
          const start = unit.indexedAddress(c.uleb());
          take(start, unit.indexedAddress(c.uleb()));
          break;
        }
        case 'index, length': {
          const start = unit.indexedAddress(c.uleb());
          take(start, start + c.uleb64());
          break;
        }
        case 'offset, offset': {
          const start = base + c.uleb64();
          take(start, base + c.uleb64());
          break;
        }
        case 'default':
          take(0n, 0n, true);
          break;
        case 'base':
          base = c.unsigned(addressSize);
          break;
        case 'start, end': {
          const start = c.unsigned(addressSize);
          take(start, c.unsigned(addressSize));
          break;
        }
        case 'start, length': {
          const start = c.unsigned(addressSize);
          take(start, start + c.uleb64());
          break;
        }
        case 'views':
          c.skipLeb();
          c.skipLeb();
          break;
        default:
          c.fail(`unknown kind ${kind} in ${what(section)}`, c.position - 1);
      }
    }
    return c.fail(`the ${what(section)} does not end`);
  });
}

/** Reads a list of older versions: pairs of addresses, the largest address before a new base. */
export function readOldAddressList<T>(
  unit: Unit,
  section: '.debug_ranges' | '.debug_loc',
  offset: number,
  item: TakeRange<T>,
): T[] {
  const { addressSize } = unit.header;
  const most = (1n << BigInt(addressSize * 8)) - 1n;
  return unit.dwarf.readGrowing(section, offset, (c) => {
    const { items, take } = collect(item, c);
    let base = unit.baseAddress;
    for (let count = 0; count < MOST_ENTRIES; count++) {
      const start = c.unsigned(addressSize);
      const end = c.unsigned(addressSize);
      if (start === 0n && end === 0n) return items;
      if (start === most) base = end;
      else take(base + start, base + end);
    }
    return c.fail(`the ${what(section)} does not end`);
  });
}

/** A list, and what adds to it the items that are any. */
function collect<T>(item: TakeRange<T>, c: Cursor) {
  const items: T[] = [];
  const take = (start: bigint, end: bigint, isDefault?: boolean): void => {
    const one = item(start, end, c, isDefault);
    if (one !== undefined) items.push(one);
  };
  return { items, take };
}

const what = (section: string) => (section.startsWith('.debug_loc') ? 'location list' : 'list of ranges');
