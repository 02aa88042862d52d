// .debug_names (DWARF 5, section 6.1.1): an index from names to entries that compilers may write. gcc 12 does not; clang
// and gcc from 14 on may (-gpubnames, -gdwarf-5 -gsplit-dwarf).
import { Cursor } from '../io/cursor.js';
import { AbbreviationTable } from './abbrev.js';
import { DW_FORM } from './constants.js';
import type { Dwarf } from './dwarf.js';
import { readForm } from './form.js';
import type { DebugInfoOffset } from './offsets.js';

const DW_IDX_COMPILE_UNIT = 1;
const DW_IDX_TYPE_UNIT = 2;
const DW_IDX_DIE_OFFSET = 3;

/** One entry of the index. */
export interface NamedEntry {
  /** DW_TAG_… */
  readonly tag: number;
  /** Of the unit's header; undefined for a type unit of another file. */
  readonly unit: DebugInfoOffset;
  readonly die: DebugInfoOffset;
}

/** The hash function of the standard (6.1.1.4.5, as DJB's, over the case-folded name). */
export function nameHash(name: string): number {
  let hash = 5381;
  for (const byte of Buffer.from(name.toLowerCase(), 'utf8')) hash = (Math.imul(hash, 33) + byte) >>> 0;
  return hash;
}

/**
 * Looks a name up in .debug_names.
 *
 * @returns undefined where the file has no such section; empty where the name is not in it
 */
export function findByName(dwarf: Dwarf, name: string): NamedEntry[] | undefined {
  const section = dwarf.elf.section('.debug_names');
  if (!section) return undefined;
  const bytes = dwarf.elf.sectionBytes(section);
  const found: NamedEntry[] = [];
  const hash = nameHash(name);
  const c = new Cursor(bytes, { file: dwarf.elf.name, section: section.name, base: 0 }, dwarf.elf.littleEndian);
  while (!c.atEnd) {
    const start = c.position;
    let length = c.u32();
    const offsetSize: 4 | 8 = length === 0xffff_ffff ? 8 : 4;
    if (offsetSize === 8) length = c.offset64();
    const end = c.position + length;
    if (end > c.bytes.length) c.fail('the index runs over the end', start);
    const version = c.u16();
    if (version !== 5) c.fail(`.debug_names version ${version} is not supported`, c.position - 2);
    c.u16();
    const compileUnits = c.u32();
    const localTypeUnits = c.u32();
    const foreignTypeUnits = c.u32();
    const buckets = c.u32();
    const names = c.u32();
    const abbreviationSize = c.u32();
    const augmentation = c.u32();
    c.skip(Math.ceil(augmentation / 4) * 4);
    const unitsAt = c.position;
    const bucketsAt = unitsAt + (compileUnits + localTypeUnits) * offsetSize + foreignTypeUnits * 8;
    const hashesAt = bucketsAt + buckets * 4;
    const stringsAt = hashesAt + (buckets > 0 ? names * 4 : 0);
    const offsetsAt = stringsAt + names * offsetSize;
    const abbreviationsAt = offsetsAt + names * offsetSize;
    const poolAt = abbreviationsAt + abbreviationSize;
    if (poolAt > end) c.fail('the index is shorter than its tables', start);
    const offsetAt = (at: number): number => {
      c.seek(at);
      return offsetSize === 8 ? c.offset64() : c.u32();
    };
    const u32At = (at: number): number => {
      c.seek(at);
      return c.u32();
    };
    let abbreviations: AbbreviationTable | undefined;
    const take = (index: number) => {
      if (dwarf.string('.debug_str', offsetAt(stringsAt + index * offsetSize)) !== name) return;
      abbreviations ??= readIndexAbbreviations(c, abbreviationsAt);
      c.seek(poolAt + offsetAt(offsetsAt + index * offsetSize));
      for (;;) {
        const at = c.position;
        const code = c.uleb();
        if (code === 0) return;
        const abbreviation = abbreviations.get(code) ?? (c.fail(`unknown abbreviation code ${code}`, at) as never);
        let unit: number | undefined = compileUnits === 1 ? 0 : undefined;
        let isType = false;
        let offset: number | undefined;
        abbreviation.attributes.forEach((attribute, which) => {
          const form = abbreviation.forms[which]!;
          const context = { version: 5, addressSize: 8, offsetSize };
          const value = readForm(c, form, context, abbreviation.constants[which]);
          if (typeof value !== 'number') return;
          if (attribute === DW_IDX_COMPILE_UNIT) unit = value;
          else if (attribute === DW_IDX_TYPE_UNIT) {
            unit = value;
            isType = true;
          } else if (attribute === DW_IDX_DIE_OFFSET) offset = value;
        });
        const count = isType ? localTypeUnits : compileUnits;
        if (offset === undefined || unit === undefined || unit >= count) continue;
        const back = c.position;
        const header = offsetAt(unitsAt + ((isType ? compileUnits : 0) + unit) * offsetSize);
        c.seek(back);
        found.push({
          tag: abbreviation.tag,
          unit: header as DebugInfoOffset,
          die: (header + offset) as DebugInfoOffset,
        });
      }
    };
    if (buckets === 0) {
      for (let index = 0; index < names; index++) take(index);
    } else {
      const bucket = hash % buckets;
      const first = u32At(bucketsAt + bucket * 4);
      // Indexes in buckets start at 1; 0 is an empty one.
      for (let index = first - 1; first !== 0 && index < names; index++) {
        const other = u32At(hashesAt + index * 4);
        if (other % buckets !== bucket) break;
        if (other === hash) take(index);
      }
    }
    c.seek(end);
  }
  return found;
}

/** Abbreviations of the index: like those of .debug_abbrev, but without the byte that tells of children. */
function readIndexAbbreviations(c: Cursor, at: number): AbbreviationTable {
  c.seek(at);
  const table = new AbbreviationTable();
  for (let code = c.uleb(); code !== 0; code = c.uleb()) {
    const tag = c.uleb();
    const attributes: number[] = [];
    const forms: number[] = [];
    const constants: (bigint | undefined)[] = [];
    for (;;) {
      const attribute = c.uleb();
      const form = c.uleb();
      const constant = form === DW_FORM.implicit_const ? c.sleb64() : undefined;
      if (attribute === 0 && form === 0) break;
      attributes.push(attribute);
      forms.push(form);
      constants.push(constant);
    }
    table.add({ code, tag, hasChildren: false, attributes, forms, constants, sibling: -1, fixedSize: -1 });
  }
  return table;
}
