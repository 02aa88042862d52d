// Writes .debug_abbrev and .debug_info from entries in the test's own words.
import { Dwarf, openElf } from '../../src/index.js';
import { ByteWriter, type SectionSpec, writeElf } from './bytes.js';

/** An attribute: its number, its form, and how its value is written. */
export type AttributeSpec = [attribute: number, form: number, write: (w: ByteWriter) => void];

export interface EntrySpec {
  readonly tag: number;
  readonly attributes?: readonly AttributeSpec[];
  readonly children?: readonly EntrySpec[];
}

export interface UnitOptions {
  readonly version?: number;
  readonly little?: boolean;
  readonly addressSize?: 4 | 8;
  readonly offsetSize?: 4 | 8;
  readonly unitType?: number;
}

/** Makes the debug information of one unit and opens it. */
export function dwarfOf(root: EntrySpec, sections: readonly SectionSpec[] = [], options: UnitOptions = {}): Dwarf {
  return new Dwarf(openElf(writeDwarf(root, sections, options), 'made'));
}

/** Writes an ELF file with the debug information of one unit. */
export function writeDwarf(root: EntrySpec, sections: readonly SectionSpec[] = [], options: UnitOptions = {}): Buffer {
  const { version = 5, little = true, addressSize = 8, offsetSize = 4, unitType = 1 } = options;
  const abbreviations = new ByteWriter(little);
  const entries = new ByteWriter(little);
  let code = 0;
  const write = (entry: EntrySpec) => {
    code += 1;
    abbreviations
      .uleb(code)
      .uleb(entry.tag)
      .u8(entry.children ? 1 : 0);
    entries.uleb(code);
    for (const [attribute, form, value] of entry.attributes ?? []) {
      abbreviations.uleb(attribute).uleb(form);
      // The value of an implicit constant is the abbreviation's.
      if (form === 0x21) value(abbreviations);
      else value(entries);
    }
    abbreviations.uleb(0).uleb(0);
    for (const child of entry.children ?? []) write(child);
    if (entry.children) entries.uleb(0);
  };
  write(root);
  abbreviations.uleb(0);
  const header = new ByteWriter(little).u16(version);
  const offset = (value: number) => (offsetSize === 8 ? header.u64(value) : header.u32(value));
  if (version >= 5) {
    header.u8(unitType, addressSize);
    offset(0);
  } else {
    offset(0);
    header.u8(addressSize);
  }
  const length = header.length + entries.length;
  const info = new ByteWriter(little);
  if (offsetSize === 8) info.u32(0xffff_ffff).u64(length);
  else info.u32(length);
  info.bytes(header.finish()).bytes(entries.finish());
  return writeElf(
    [
      { name: '.debug_info', bytes: info.finish() },
      { name: '.debug_abbrev', bytes: abbreviations.finish() },
      ...sections,
    ],
    { little, is64: addressSize === 8 },
  );
}
