// Abbreviation tables (DWARF 5, section 7.5.3): which tag and attributes an entry's code stands for.
import type { Cursor } from '../io/cursor.js';
import { DW_AT, DW_FORM } from './constants.js';
import type { FormContext } from './form.js';

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
  /** Bytes of all attributes where that is the same in every entry; else -1. */
  readonly fixedSize: number;
}

/** The abbreviations of a unit by their codes. */
export class AbbreviationTable {
  /** Compilers count codes up from 1, so nearly all are places in an array. */
  private readonly dense: (Abbreviation | undefined)[] = [undefined];
  private readonly sparse = new Map<number, Abbreviation>();

  get(code: number): Abbreviation | undefined {
    return code < this.dense.length ? this.dense[code] : this.sparse.get(code);
  }

  /** @returns false where the code is taken */
  add(abbreviation: Abbreviation): boolean {
    const { code } = abbreviation;
    if (this.get(code)) return false;
    if (code === this.dense.length) this.dense.push(abbreviation);
    else this.sparse.set(code, abbreviation);
    return true;
  }

  *[Symbol.iterator](): Generator<Abbreviation> {
    for (const abbreviation of this.dense) if (abbreviation) yield abbreviation;
    yield* this.sparse.values();
  }
}

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

/** Bytes of a form in units of one kind; undefined where they depend on the entry. */
function fixedFormSize(form: number, context: FormContext): number | undefined {
  switch (form) {
    case DW_FORM.addr:
      return context.addressSize;
    case DW_FORM.strp:
    case DW_FORM.line_strp:
    case DW_FORM.sec_offset:
    case DW_FORM.strp_sup:
    case DW_FORM.GNU_ref_alt:
    case DW_FORM.GNU_strp_alt:
      return context.offsetSize;
    case DW_FORM.ref_addr:
      return context.version <= 2 ? context.addressSize : context.offsetSize;
    default:
      return FIXED[form];
  }
}

/**
 * Reads one table.
 *
 * @param c at the table's start; left behind its end
 * @param context of the units that it is for
 * @throws BinaryFault where the table runs over the section's end or gives a code twice
 */
export function readAbbreviations(c: Cursor, context: FormContext): AbbreviationTable {
  const table = new AbbreviationTable();
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
      const size = fixedFormSize(form, context);
      fixedSize = size === undefined || fixedSize < 0 ? -1 : fixedSize + size;
    }
    const fresh = table.add({ code, tag, hasChildren, attributes, forms, constants, sibling, fixedSize });
    if (!fresh) c.fail(`abbreviation code ${code} is given twice`, at);
  }
}
