// The debug information of one file: its units, and the sections that entries refer to. Nothing is read whole: a unit's
// bytes are read when one of its entries is asked for, strings and lists as they are touched.
import type { ElfFile, ElfSection } from '../elf/elf-file.js';
import { Cursor } from '../io/cursor.js';
import { BinaryFault } from '../io/fault.js';
import type { PagedSection } from '../io/paged.js';
import { type AbbreviationTable, readAbbreviations } from './abbrev.js';
import { type AddressRanges, readAranges } from './aranges.js';
import { DW_AT, DW_TAG, DW_UT } from './constants.js';
import type { Die } from './die.js';
import type { FormContext } from './form.js';
import type { DebugAbbrevOffset, DebugInfoOffset, DebugTypesOffset } from './offsets.js';
import { Unit, type UnitHeader } from './unit.js';

/** How many units' bytes are kept. */
const KEPT_UNITS = 24;
/** How many abbreviation tables are kept; partial units share few, compile units of gcc have one each. */
const KEPT_TABLES = 64;

/** The debug information of one ELF file. */
export class Dwarf {
  readonly elf: ElfFile;
  /** The supplementary file that dwz moved shared entries to (DW_FORM_ref_sup4 and the like). */
  supplementary: Dwarf | undefined;
  private readonly tables = new Map<string, AbbreviationTable>();
  private readonly loaded = new Map<Unit, Uint8Array>();
  private readonly windows = new Map<string, PagedSection | null>();
  private unitList: readonly Unit[] | undefined;
  private readonly unitsByOffset = new Map<number, Unit>();
  private typesByName: Map<string, Die[]> | undefined;
  private typeUnits: ReadonlyMap<bigint, Unit> | undefined;
  private ranges: AddressRanges | undefined;

  /**
   * @param elf the file with the debug sections; closing it closes this
   */
  constructor(elf: ElfFile, supplementary?: Dwarf) {
    this.elf = elf;
    this.supplementary = supplementary;
  }

  /** Whether the file has debug information at all. */
  get present(): boolean {
    return this.elf.section('.debug_info') !== undefined;
  }

  /** Bytes and place of a section for scattered reads; undefined where the file has none. */
  window(name: string): PagedSection | undefined {
    let window = this.windows.get(name);
    if (window === undefined) {
      const section = this.elf.section(name);
      window = section ? this.elf.window(section) : null;
      this.windows.set(name, window);
    }
    return window ?? undefined;
  }

  /** A section that something refers to, and so must be there. */
  expectWindow(name: string, why: string): PagedSection {
    const window = this.window(name);
    if (!window) throw new BinaryFault({ file: this.elf.name, offset: 0 }, `${why}, but there is no ${name}`);
    return window;
  }

  /** A cursor over a part of a section. */
  cursor(name: string, offset: number, length: number): Cursor {
    const window = this.expectWindow(name, `offset 0x${offset.toString(16)} is wanted`);
    return new Cursor(
      window.bytes(offset, length),
      { file: this.elf.name, section: name, base: offset },
      this.elf.littleEndian,
    );
  }

  /**
   * Reads something whose length only reading it tells, e.g. a list: from a small window first, from a larger one where
   * that ends too early.
   *
   * @param read may be called again, with a cursor over more bytes
   */
  readGrowing<T>(name: string, offset: number, read: (c: Cursor) => T, first = 1 << 11, most = 1 << 20): T {
    const { size } = this.expectWindow(name, `offset 0x${offset.toString(16)} is wanted`);
    for (let length = first; ; length *= 8) {
      const c = this.cursorFrom(name, offset, length);
      try {
        return read(c);
      } catch (error) {
        if (!(error instanceof BinaryFault) || offset + length >= size || length >= most) throw error;
      }
    }
  }

  /** A cursor over the rest of a section from an offset on, read at most `most` bytes far. */
  cursorFrom(name: string, offset: number, most = 1 << 20): Cursor {
    const window = this.expectWindow(name, `offset 0x${offset.toString(16)} is wanted`);
    if (!(offset >= 0 && offset <= window.size))
      window.fail(Math.max(0, offset), 'the offset lies outside the section');
    return this.cursor(name, offset, Math.min(most, window.size - offset));
  }

  /** The string at an offset of a string section. */
  string(name: '.debug_str' | '.debug_line_str', offset: number): string {
    return this.expectWindow(name, 'a string is wanted').string(offset);
  }

  /** The abbreviation table at an offset, for units of one kind. */
  abbreviations(offset: DebugAbbrevOffset, context: FormContext): AbbreviationTable {
    const key = `${offset} ${context.offsetSize} ${context.addressSize} ${context.version <= 2}`;
    let table = this.tables.get(key);
    if (!table) {
      // Most tables are short; a long one is read again in a larger window.
      table = this.readGrowing('.debug_abbrev', offset, (c) => readAbbreviations(c, context), 1 << 13, 1 << 26);
      if (this.tables.size >= KEPT_TABLES) this.tables.delete(this.tables.keys().next().value!);
      this.tables.set(key, table);
    }
    return table;
  }

  /** A unit's bytes, header included; the last few are kept. */
  unitBytes(unit: Unit): Uint8Array {
    let bytes = this.loaded.get(unit);
    if (bytes) {
      // The one used last goes to the end of the queue.
      this.loaded.delete(unit);
    } else {
      const window = this.expectWindow(unit.section, 'a unit is wanted');
      bytes = window.bytes(unit.offset, unit.length);
      if (this.loaded.size >= KEPT_UNITS) this.loaded.delete(this.loaded.keys().next().value!);
    }
    this.loaded.set(unit, bytes);
    return bytes;
  }

  /** All units, those of .debug_types last. Only their headers are read. */
  units(): readonly Unit[] {
    if (!this.unitList) {
      const units: Unit[] = [];
      for (const name of ['.debug_info', '.debug_types'] as const) {
        const section = this.elf.section(name);
        if (section) this.readHeaders(section, name, units);
      }
      this.unitList = units;
    }
    return this.unitList;
  }

  /** Takes a list of unit headers that was read before, e.g. from an index. */
  adoptUnits(headers: readonly UnitHeader[]): void {
    const units = headers.map((header) => this.unitOf(header));
    // Type units of DWARF 4 lie in a section of their own, which the list says nothing of.
    const section = this.elf.section('.debug_types');
    if (section && !headers.some((header) => header.section === '.debug_types')) {
      this.readHeaders(section, '.debug_types', units);
    }
    this.unitList = units;
  }

  private readHeaders(section: ElfSection, name: '.debug_info' | '.debug_types', into: Unit[]): void {
    const size = this.elf.sectionSize(section);
    const window = this.elf.window(section);
    for (let at = 0; at < size; ) {
      const header = readUnitHeader(this, window, name, at);
      at += header.length;
      into.push(this.unitOf(header));
    }
  }

  /** One object a unit, however it was come by. */
  private unitOf(header: UnitHeader): Unit {
    if (header.section !== '.debug_info') return new Unit(this, header);
    let unit = this.unitsByOffset.get(header.offset);
    if (!unit) {
      unit = new Unit(this, header);
      this.unitsByOffset.set(header.offset, unit);
    }
    return unit;
  }

  /**
   * The unit whose header starts at an offset of .debug_info. Only that header is read.
   *
   * @throws BinaryFault where no header can be there
   */
  unitAt(offset: DebugInfoOffset): Unit {
    const known = this.unitsByOffset.get(offset);
    if (known) return known;
    const window = this.expectWindow('.debug_info', `a unit at 0x${offset.toString(16)} is wanted`);
    if (!(offset >= 0 && offset < window.size)) window.fail(Math.max(0, offset), 'the unit lies outside the section');
    return this.unitOf(readUnitHeader(this, window, '.debug_info', offset));
  }

  /** The unit of .debug_info that an offset lies in. */
  unitContaining(offset: DebugInfoOffset): Unit | undefined {
    const units = this.units();
    let low = 0;
    let high = units.length;
    // Units of .debug_types come last, and their offsets start again at 0.
    while (low < high) {
      const middle = (low + high) >>> 1;
      const unit = units[middle]!;
      if (unit.section === '.debug_info' && unit.offset <= offset) low = middle + 1;
      else high = middle;
    }
    const unit = units[low - 1];
    return unit && offset < unit.offset + unit.length ? unit : undefined;
  }

  /**
   * The entry at an offset of .debug_info.
   *
   * @throws BinaryFault where no unit holds the offset
   */
  dieAt(offset: DebugInfoOffset): Die {
    const unit = this.unitContaining(offset);
    if (!unit) {
      throw new BinaryFault({ file: this.elf.name, section: '.debug_info', offset }, 'no unit holds this offset');
    }
    return unit.dieAt(offset);
  }

  /**
   * The entry at an offset of .debug_types (DWARF 4).
   *
   * @throws BinaryFault where no unit holds the offset
   */
  typesDieAt(offset: DebugTypesOffset): Die {
    const unit = this.units().find(
      (own) => own.section === '.debug_types' && own.header.offset <= offset && offset < own.header.offset + own.length,
    );
    if (!unit) {
      throw new BinaryFault({ file: this.elf.name, section: '.debug_types', offset }, 'no unit holds this offset');
    }
    return unit.dieAt(offset as number as DebugInfoOffset);
  }

  /** The type unit of a signature (DW_FORM_ref_sig8). */
  typeUnit(signature: bigint): Unit | undefined {
    if (!this.typeUnits) {
      const found = new Map<bigint, Unit>();
      for (const unit of this.units()) if (unit.header.signature !== undefined) found.set(unit.header.signature, unit);
      this.typeUnits = found;
    }
    return this.typeUnits.get(signature);
  }

  /**
   * The types of a name, and the enumerations that have an enumerator of it, that type units of DWARF 4 (.debug_types)
   * define; those of DWARF 5 lie among the other units.
   */
  typesNamed(name: string): readonly Die[] {
    if (!this.typesByName) {
      this.typesByName = new Map();
      for (const unit of this.units()) {
        if (unit.section !== '.debug_types' || unit.header.typeOffset === undefined) continue;
        const die = unit.dieAt((unit.header.offset + unit.header.typeOffset) as DebugInfoOffset);
        const own = die.name;
        const names = own === undefined || die.flag(DW_AT.declaration) ? [] : [own];
        if (die.tag === DW_TAG.enumeration_type) {
          for (const entry of die.children()) if (entry.name !== undefined) names.push(entry.name);
        }
        for (const one of names) {
          const known = this.typesByName.get(one);
          if (known) known.push(die);
          else this.typesByName.set(one, [die]);
        }
      }
    }
    return this.typesByName.get(name) ?? [];
  }

  /** The address ranges of .debug_aranges; empty where there is no such section. */
  addressRanges(): AddressRanges {
    this.ranges ??= readAranges(this);
    return this.ranges;
  }

  /**
   * The compile unit whose code holds an address: by .debug_aranges, else by looking at each unit's own ranges.
   *
   * @returns undefined where no unit claims the address
   */
  unitForAddress(address: bigint): Unit | undefined {
    const offset = this.addressRanges().find(address);
    if (offset !== undefined) return this.unitAt(offset);
    // gcc writes .debug_aranges for every unit with code; clang writes none at all.
    const listed = this.addressRanges().units;
    for (const unit of this.units()) {
      if (unit.section !== '.debug_info' || listed.has(unit.offset) || unit.header.unitType !== DW_UT.compile) continue;
      if (unit.ranges().some((range) => range.start <= address && address < range.end)) return unit;
    }
    return undefined;
  }
}

/**
 * Reads the header of a unit (DWARF 5, section 7.5.1; DWARF 4, sections 7.5.1.1 and 7.5.1.2).
 *
 * @param at where it starts in the section
 * @throws BinaryFault where the unit does not fit in the section or is of an unknown version or kind
 */
export function readUnitHeader(
  dwarf: Dwarf,
  window: PagedSection,
  section: '.debug_info' | '.debug_types',
  at: number,
): UnitHeader {
  const most = Math.min(48, window.size - at);
  // Headers lie far apart: reading whole pages for each would read most of the section.
  const bytes = window.source.read(window.start + at, most);
  const c = new Cursor(bytes, { file: dwarf.elf.name, section, base: at }, dwarf.elf.littleEndian);
  let length = c.u32();
  let offsetSize: 4 | 8 = 4;
  if (length === 0xffff_ffff) {
    length = c.offset64();
    offsetSize = 8;
  } else if (length >= 0xffff_fff0) c.fail(`the unit length 0x${length.toString(16)} is reserved`, 0);
  const total = c.position + length;
  if (at + total > window.size) c.fail(`the unit has ${total} bytes, but the section ends before`, 0);
  const end = Math.min(c.end, total);
  c.end = end;
  const version = c.u16();
  if (version < 2 || version > 5) c.fail(`DWARF version ${version} is not supported`, c.position - 2);
  const offset = () => (offsetSize === 8 ? c.offset64() : c.u32());
  let unitType: number = section === '.debug_types' ? DW_UT.type : DW_UT.compile;
  let abbreviations: number;
  let addressSize: number;
  let signature: bigint | undefined;
  let typeOffset: number | undefined;
  if (version >= 5) {
    unitType = c.u8();
    addressSize = c.u8();
    abbreviations = offset();
    if (unitType === DW_UT.skeleton || unitType === DW_UT.split_compile) c.u64();
    else if (unitType === DW_UT.type || unitType === DW_UT.split_type) {
      signature = c.u64();
      typeOffset = offset();
    } else if (unitType !== DW_UT.compile && unitType !== DW_UT.partial) {
      c.fail(`unknown unit type ${unitType}`, c.position);
    }
  } else {
    abbreviations = offset();
    addressSize = c.u8();
    if (section === '.debug_types') {
      signature = c.u64();
      typeOffset = offset();
    }
  }
  if (addressSize !== 4 && addressSize !== 8 && addressSize !== 2 && addressSize !== 1) {
    c.fail(`addresses of ${addressSize} bytes are not supported`, 0);
  }
  return {
    section,
    offset: at,
    length: total,
    headerSize: c.position,
    version,
    unitType,
    addressSize,
    offsetSize,
    abbreviations: abbreviations as DebugAbbrevOffset,
    ...(signature === undefined ? {} : { signature }),
    ...(typeOffset === undefined ? {} : { typeOffset }),
  };
}
