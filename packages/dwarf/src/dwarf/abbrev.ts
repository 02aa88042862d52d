// Abbreviation tables (DWARF 5, section 7.5.3): which tag and attributes an entry's code stands for.
import type { Cursor } from '../io/cursor.js';
import { DW_AT, DW_FORM } from './constants.js';

/** One abbreviation. Attributes are parallel arrays, for the sake of speed. */
export interface Abbreviation {
  readonly code: number;
  /** DW_TAG_… */
  readonly tag: number;
  readonly hasChildren: boolean;
  /** DW_AT_… */
  readonly attributes: readonly number[];
  /** DW_FORM_… */
  readonly forms: readonly number[];
  /** Values of DW_FORM_implicit_const, at their attributes' places. */
  readonly constants: readonly (bigint | undefined)[];
  /** Where DW_AT_sibling is among the attributes; -1 where it is not. */
  readonly sibling: number;
  /** Bytes of all attributes where that is the same in every entry and unit; else -1. */
  readonly fixedSize: number;
}

export type AbbreviationTable = ReadonlyMap<number, Abbreviation>;

/** Sizes of forms that depend neither on the unit nor on the entry. */
const FIXED: Readonly<Record<number, number>> = {
  [DW_FORM.data1]: 1,
  [DW_FORM.data2]: 2,
  [DW_FORM.data4]: 4,
  [DW_FORM.data8]: 8,
  [DW_FORM.data16]: 16,
  [DW_FORM.flag]: 1,
  [DW_FORM.flag_present]: 0,
  [DW_FORM.implicit_const]: 0,
  [DW_FORM.ref1]: 1,
  [DW_FORM.ref2]: 2,
  [DW_FORM.ref4]: 4,
  [DW_FORM.ref8]: 8,
  [DW_FORM.ref_sig8]: 8,
  [DW_FORM.ref_sup4]: 4,
  [DW_FORM.ref_sup8]: 8,
  [DW_FORM.strx1]: 1,
  [DW_FORM.strx2]: 2,
  [DW_FORM.strx3]: 3,
  [DW_FORM.strx4]: 4,
  [DW_FORM.addrx1]: 1,
  [DW_FORM.addrx2]: 2,
  [DW_FORM.addrx3]: 3,
  [DW_FORM.addrx4]: 4,
};

/**
 * Reads one table.
 *
 * @param c at the table's start; left behind its end
 * @throws BinaryFault where the table runs over the section's end or gives a code twice
 */
export function readAbbreviations(c: Cursor): AbbreviationTable {
  const table = new Map<number, Abbreviation>();
  for (;;) {
    const at = c.position;
    const code = c.uleb();
    // Code 0 ends the table.
    if (code === 0) return table;
    const tag = c.uleb();
    const hasChildren = c.u8() !== 0;
    const attributes: number[] = [];
    const forms: number[] = [];
    const constants: (bigint | undefined)[] = [];
    let fixedSize = 0;
    let sibling = -1;
    for (;;) {
      const attribute = c.uleb();
      const form = c.uleb();
      const constant = form === DW_FORM.implicit_const ? c.sleb64() : undefined;
      if (attribute === 0 && form === 0) break;
      if (attribute === DW_AT.sibling) sibling = attributes.length;
      attributes.push(attribute);
      forms.push(form);
      constants.push(constant);
      const size = FIXED[form];
      fixedSize = size === undefined || fixedSize < 0 ? -1 : fixedSize + size;
    }
    if (table.has(code)) c.fail(`abbreviation code ${code} is given twice`, at);
    table.set(code, { code, tag, hasChildren, attributes, forms, constants, sibling, fixedSize });
  }
}
