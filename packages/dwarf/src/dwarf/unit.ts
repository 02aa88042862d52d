// A unit: its header, its root entry and the bases that its other entries' indexed forms count from.
import { Cursor } from '../io/cursor.js';
import type { Abbreviation, AbbreviationTable } from './abbrev.js';
import { DW_AT, DW_FORM, DW_TAG } from './constants.js';
import { Die } from './die.js';
import type { Dwarf } from './dwarf.js';
import { skipForm } from './form.js';
import { type LineTable, readLineTable } from './line.js';
import type { DebugAbbrevOffset, DebugInfoOffset, DebugLineOffset } from './offsets.js';
import { type AddressRange, rangesOf } from './ranges.js';

/** What a unit's header says. */
export interface UnitHeader {
  readonly section: '.debug_info' | '.debug_types';
  /** Of the header, in the section. */
  readonly offset: number;
  /** Of header and entries together. */
  readonly length: number;
  /** Where the root entry starts, from the header's start. */
  readonly headerSize: number;
  readonly version: number;
  /** DW_UT_… */
  readonly unitType: number;
  readonly addressSize: number;
  /** 4 in the 32-bit, 8 in the 64-bit DWARF format. */
  readonly offsetSize: 4 | 8;
  readonly abbreviations: DebugAbbrevOffset;
  /** Of a type unit. */
  readonly signature?: bigint;
  /** Where a type unit's type is, from the header's start. */
  readonly typeOffset?: number;
}

/** A unit of .debug_info or .debug_types. */
export class Unit {
  readonly dwarf: Dwarf;
  readonly header: UnitHeader;
  private rootDie: Die | undefined;
  private table: AbbreviationTable | undefined;
  private ownRanges: readonly AddressRange[] | undefined;
  private lineTable: LineTable | null | undefined;

  constructor(dwarf: Dwarf, header: UnitHeader) {
    this.dwarf = dwarf;
    this.header = header;
  }

  get section(): '.debug_info' | '.debug_types' {
    return this.header.section;
  }

  get offset(): DebugInfoOffset {
    return this.header.offset as DebugInfoOffset;
  }

  get length(): number {
    return this.header.length;
  }

  get version(): number {
    return this.header.version;
  }

  /** A cursor over the unit's bytes; position 0 is its header. */
  cursor(position: number): Cursor {
    const c = new Cursor(
      this.dwarf.unitBytes(this),
      { file: this.dwarf.elf.name, section: this.section, base: this.header.offset },
      this.dwarf.elf.littleEndian,
    );
    c.seek(position);
    return c;
  }

  get abbreviations(): AbbreviationTable {
    this.table ??= this.dwarf.abbreviations(this.header.abbreviations, this.header);
    return this.table;
  }

  /** Reads an entry's code at a cursor; undefined for the null entry that ends a list of children. */
  abbreviationAt(c: Cursor): Abbreviation | undefined {
    const at = c.position;
    const code = c.uleb();
    if (code === 0) return undefined;
    const table = this.table ?? this.abbreviations;
    return table.get(code) ?? c.fail(`unknown abbreviation code ${code}`, at);
  }

  /** The unit's own entry: DW_TAG_compile_unit as a rule. */
  get root(): Die {
    this.rootDie ??= this.dieAt((this.header.offset + this.header.headerSize) as DebugInfoOffset);
    return this.rootDie;
  }

  /** The entry at an offset of the section. */
  dieAt(offset: DebugInfoOffset): Die {
    const position = offset - this.header.offset;
    const c = this.cursor(0);
    if (position < this.header.headerSize || position >= c.end)
      c.fail('no entry starts here', Math.max(0, Math.min(position, c.end)));
    c.seek(position);
    const abbreviation = this.abbreviationAt(c);
    if (!abbreviation) return c.fail('a null entry is referred to', position) as never;
    return new Die(this, position, abbreviation, c.position, undefined);
  }

  get name(): string | undefined {
    return this.root.string(DW_AT.name);
  }

  get compilationFolder(): string | undefined {
    return this.root.string(DW_AT.comp_dir);
  }

  /** DW_LANG_… of the unit. */
  get language(): number | undefined {
    return this.root.number(DW_AT.language);
  }

  get isCompileUnit(): boolean {
    return this.root.tag === DW_TAG.compile_unit;
  }

  /** What indexed strings count from; the default is behind the header of the only contribution. */
  get strOffsetsBase(): number {
    return this.root.number(DW_AT.str_offsets_base) ?? (this.header.offsetSize === 8 ? 16 : 8);
  }

  get addrBase(): number {
    return this.root.number(DW_AT.addr_base) ?? this.root.number(DW_AT.GNU_addr_base) ?? (this.version >= 5 ? 8 : 0);
  }

  get rnglistsBase(): number | undefined {
    return this.root.number(DW_AT.rnglists_base);
  }

  get loclistsBase(): number | undefined {
    return this.root.number(DW_AT.loclists_base);
  }

  /** What addresses of range and location lists count from: the unit's low_pc. */
  get baseAddress(): bigint {
    return this.root.address(DW_AT.low_pc) ?? 0n;
  }

  /** An address by its index in .debug_addr. */
  indexedAddress(index: number): bigint {
    const { addressSize } = this.header;
    return this.dwarf.cursor('.debug_addr', this.addrBase + index * addressSize, addressSize).unsigned(addressSize);
  }

  /** A string by its index in .debug_str_offsets. */
  indexedString(index: number): string {
    const { offsetSize } = this.header;
    const c = this.dwarf.cursor('.debug_str_offsets', this.strOffsetsBase + index * offsetSize, offsetSize);
    return this.dwarf.string('.debug_str', offsetSize === 8 ? c.offset64() : c.u32());
  }

  /** The addresses that the unit's code has. */
  ranges(): readonly AddressRange[] {
    this.ownRanges ??= rangesOf(this.root);
    return this.ownRanges;
  }

  /** The unit's line table; undefined where it has none. */
  lines(): LineTable | undefined {
    if (this.lineTable === undefined) {
      const offset = this.root.number(DW_AT.stmt_list);
      this.lineTable = offset === undefined ? null : readLineTable(this, offset as DebugLineOffset);
    }
    return this.lineTable ?? undefined;
  }

  /**
   * Lets go of what was read of the unit. It is read again when asked for: whoever goes through all units of a large
   * file needs each but once.
   */
  release(): void {
    this.rootDie = undefined;
    this.table = undefined;
    this.ownRanges = undefined;
    this.lineTable = undefined;
  }

  /** Passes over the attributes of an entry, the cursor behind its code. */
  skipAttributes(c: Cursor, abbreviation: Abbreviation): void {
    if (abbreviation.fixedSize >= 0) {
      c.skip(abbreviation.fixedSize);
      return;
    }
    const { forms } = abbreviation;
    for (let index = 0; index < forms.length; index++) skipForm(c, forms[index]!, this.header);
  }

  /**
   * Passes over an entry's attributes and all that is below it; the cursor is behind its code, and ends at its next
   * sibling.
   */
  skipEntry(c: Cursor, abbreviation: Abbreviation): void {
    if (!abbreviation.hasChildren) {
      this.skipAttributes(c, abbreviation);
      return;
    }
    const sibling = this.siblingOf(c, abbreviation);
    if (sibling !== undefined) {
      c.seek(sibling);
      return;
    }
    this.skipChildren(c);
  }

  /** Passes over a list of children up to and with its null entry. */
  skipChildren(c: Cursor): void {
    for (let depth = 1; depth > 0; ) {
      // The last null entries of a unit may be left out.
      if (c.atEnd) return;
      const child = this.abbreviationAt(c);
      if (!child) {
        depth -= 1;
        continue;
      }
      if (!child.hasChildren) {
        this.skipAttributes(c, child);
        continue;
      }
      const sibling = this.siblingOf(c, child);
      if (sibling === undefined) depth += 1;
      else c.seek(sibling);
    }
  }

  /** Passes over attributes and returns the position that DW_AT_sibling names, if there is one and it lies ahead. */
  private siblingOf(c: Cursor, abbreviation: Abbreviation): number | undefined {
    const at = abbreviation.sibling;
    if (at < 0) {
      this.skipAttributes(c, abbreviation);
      return undefined;
    }
    let position: number | undefined;
    const { forms } = abbreviation;
    for (let index = 0; index < forms.length; index++) {
      const form = forms[index]!;
      if (index !== at) skipForm(c, form, this.header);
      else if (form === DW_FORM.ref4) position = c.u32();
      else if (form === DW_FORM.ref2) position = c.u16();
      else if (form === DW_FORM.ref1) position = c.u8();
      else if (form === DW_FORM.ref_udata) position = c.uleb();
      else if (form === DW_FORM.ref8) position = c.offset64();
      else skipForm(c, form, this.header);
    }
    // A sibling behind us would make the walk go round in circles.
    if (position !== undefined && (position < c.position || position > c.end)) c.fail('DW_AT_sibling points astray');
    return position;
  }
}
