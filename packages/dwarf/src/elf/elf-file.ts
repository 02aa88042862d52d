// An ELF file of either word size and byte order: header, sections, segments, symbols, notes. Opening reads the headers
// only; a section is read when asked for, in ranges where it can be (uncompressed and without relocations to apply).
import { type ByteSource, bufferSource, openFileSource } from '../io/byte-source.js';
import { Cursor } from '../io/cursor.js';
import { BinaryFault } from '../io/fault.js';
import { PagedSection } from '../io/paged.js';
import { compressedSize, inflateSection } from './compressed.js';
import {
  ET_REL,
  MACHINES,
  NT_GNU_BUILD_ID,
  PT_NOTE,
  SHF_ALLOC,
  SHF_COMPRESSED,
  SHN_XINDEX,
  SHT_DYNSYM,
  SHT_NOBITS,
  SHT_NOTE,
  SHT_REL,
  SHT_RELA,
  SHT_STRTAB,
  SHT_SYMTAB,
  SHT_SYMTAB_SHNDX,
} from './constants.js';
import { applyRelocations } from './relocations.js';
import { ElfSymbols } from './symbols.js';

export interface ElfSection {
  readonly index: number;
  readonly name: string;
  /** SHT_… */
  readonly type: number;
  /** SHF_… */
  readonly flags: number;
  readonly address: bigint;
  /** In the file, bytes. */
  readonly offset: number;
  /** In the file, bytes; of compressed data where compressed. */
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly alignment: number;
  readonly entrySize: number;
}

export interface ElfSegment {
  /** PT_… */
  readonly type: number;
  /** PF_X 1, PF_W 2, PF_R 4. */
  readonly flags: number;
  readonly offset: number;
  readonly address: bigint;
  readonly fileSize: number;
  readonly memorySize: bigint;
}

export interface ElfNote {
  /** `GNU`, `stapsdt`, … without the NUL. */
  readonly owner: string;
  readonly type: number;
  readonly description: Uint8Array;
}

export interface ElfOptions {
  /**
   * Gives the sections of a relocatable file (ET_REL) addresses, which its headers leave at 0: those at which a module
   * was loaded, or any that keep them apart (see {@link spreadSections}). Debug information then speaks of these.
   * Without it functions of different sections share addresses.
   */
  readonly sectionAddress?: (section: ElfSection) => bigint | undefined;
}

/**
 * Lays the loaded sections of a relocatable file out one after another, for {@link ElfOptions.sectionAddress}.
 *
 * @param start the first address
 */
export function spreadSections(start = 0n): (section: ElfSection) => bigint | undefined {
  let next = start;
  return (section) => {
    if ((section.flags & SHF_ALLOC) === 0) return undefined;
    const alignment = BigInt(Math.max(1, section.alignment));
    const address = ((next + alignment - 1n) / alignment) * alignment;
    next = address + BigInt(section.size);
    return address;
  };
}

/** Kinds of sections that are tables about others. */
const TABLES = new Set<number>([SHT_SYMTAB, SHT_STRTAB, SHT_RELA, SHT_REL, SHT_DYNSYM, SHT_SYMTAB_SHNDX]);

/** The longest section that is inflated into memory. */
const LONGEST_INFLATED = 0x7fff_0000;

/** An opened ELF file. Close it after use. */
export class ElfFile {
  readonly source: ByteSource;
  readonly is64: boolean;
  readonly littleEndian: boolean;
  /** ET_… */
  readonly type: number;
  /** EM_… */
  readonly machine: number;
  readonly entry: bigint;
  readonly sections: readonly ElfSection[];
  readonly segments: readonly ElfSegment[];
  private readonly byName = new Map<string, ElfSection>();
  private readonly contents = new Map<number, Uint8Array>();
  private readonly windows = new Map<number, PagedSection>();
  private symbolTable: ElfSymbols | undefined;
  private dynamicTable: ElfSymbols | undefined;
  private id: string | null | undefined;

  /**
   * @param source the file's bytes; the ElfFile closes it
   * @throws BinaryFault where it is no well-formed ELF file
   */
  constructor(source: ByteSource, options: ElfOptions = {}) {
    this.source = source;
    const ident = source.size >= 16 ? source.read(0, 16) : new Uint8Array(16);
    if (!isElf(ident)) throw new BinaryFault({ file: source.name, offset: 0 }, 'this is no ELF file');
    if (ident[4] !== 1 && ident[4] !== 2) this.fail(4, `unknown ELF class ${ident[4]}`);
    if (ident[5] !== 1 && ident[5] !== 2) this.fail(5, `unknown ELF byte order ${ident[5]}`);
    this.is64 = ident[4] === 2;
    this.littleEndian = ident[5] === 1;
    const header = this.cursor(16, this.is64 ? 48 : 36);
    this.type = header.u16();
    this.machine = header.u16();
    header.u32();
    this.entry = this.is64 ? header.u64() : BigInt(header.u32());
    const programOffset = this.word(header);
    const sectionOffset = this.word(header);
    header.u32();
    header.u16();
    const programEntry = header.u16();
    let programCount = header.u16();
    const sectionEntry = header.u16();
    let sectionCount = header.u16();
    let namesIndex = header.u16();

    if (sectionOffset !== 0) {
      const wanted = this.is64 ? 64 : 40;
      if (sectionEntry < wanted && sectionCount !== 0) this.fail(sectionOffset, 'section headers are too short');
      // Counts that do not fit are in the first section header (gABI, chapter 4).
      if (sectionCount === 0 || namesIndex === SHN_XINDEX || programCount === 0xffff) {
        const first = this.sectionHeader(sectionOffset);
        if (sectionCount === 0) sectionCount = first.size;
        if (namesIndex === SHN_XINDEX) namesIndex = first.link;
        if (programCount === 0xffff) programCount = first.info;
      }
      const step = Math.max(sectionEntry, wanted);
      if (sectionCount * step > source.size) this.fail(sectionOffset, `${sectionCount} section headers do not fit`);
      // One read for all of them; where the table runs over the file's end, the first header that does is the fault.
      const fits = sectionOffset + sectionCount * step <= source.size;
      const table = fits ? this.cursor(sectionOffset, sectionCount * step) : undefined;
      const raw = Array.from({ length: sectionCount }, (_, index) => {
        table?.seek(index * step);
        return this.sectionHeader(sectionOffset + index * step, table);
      });
      const names = raw[namesIndex];
      const namesWindow =
        names && names.type !== SHT_NOBITS && names.offset + names.size <= source.size
          ? new PagedSection(source, names.offset, names.size, '.shstrtab')
          : undefined;
      this.sections = raw.map((section, index) => ({
        ...section,
        index,
        name: namesWindow && section.nameOffset < namesWindow.size ? namesWindow.string(section.nameOffset) : '',
      }));
      if (this.type === ET_REL && options.sectionAddress) {
        const { sectionAddress } = options;
        this.sections = this.sections.map((s) => ({ ...s, address: sectionAddress(s) ?? s.address }));
      }
      for (const section of this.sections) if (!this.byName.has(section.name)) this.byName.set(section.name, section);
    } else {
      this.sections = [];
    }

    const segments: ElfSegment[] = [];
    if (programOffset !== 0 && programCount > 0) {
      const wanted = this.is64 ? 56 : 32;
      const step = Math.max(programEntry, wanted);
      if (programCount * step > source.size) this.fail(programOffset, `${programCount} program headers do not fit`);
      for (let index = 0; index < programCount; index++) {
        const c = this.cursor(programOffset + index * step, wanted);
        const type = c.u32();
        let flags = 0;
        if (this.is64) flags = c.u32();
        const offset = this.word(c);
        const address = this.is64 ? c.u64() : BigInt(c.u32());
        this.is64 ? c.u64() : c.u32();
        const fileSize = this.word(c);
        const memorySize = this.is64 ? c.u64() : BigInt(c.u32());
        if (!this.is64) flags = c.u32();
        segments.push({ type, flags, offset, address, fileSize, memorySize });
      }
    }
    this.segments = segments;
  }

  get name(): string {
    return this.source.name;
  }

  /** Bytes of an address: 4 or 8. */
  get addressSize(): 4 | 8 {
    return this.is64 ? 8 : 4;
  }

  /** SystemTap's name of the architecture, or `machine N`. */
  get architecture(): string {
    return this.machine === 243 && !this.is64 ? 'riscv32' : (MACHINES[this.machine] ?? `machine ${this.machine}`);
  }

  close(): void {
    this.contents.clear();
    this.windows.clear();
    this.source.close();
  }

  private fail(offset: number, problem: string): never {
    throw new BinaryFault({ file: this.source.name, offset }, problem);
  }

  private cursor(offset: number, length: number): Cursor {
    return new Cursor(this.source.read(offset, length), { file: this.source.name, base: offset }, this.littleEndian);
  }

  private word(c: Cursor): number {
    return this.is64 ? c.offset64() : c.u32();
  }

  private sectionHeader(
    at: number,
    c = this.cursor(at, this.is64 ? 64 : 40),
  ): Omit<ElfSection, 'index' | 'name'> & { nameOffset: number } {
    const nameOffset = c.u32();
    const type = c.u32();
    // Flags above 2^32 are OS-specific ones that nothing here asks for.
    const flags = this.is64 ? Number(c.u64() & 0xffff_ffffn) : c.u32();
    const address = this.is64 ? c.u64() : BigInt(c.u32());
    const offset = this.word(c);
    const size = this.word(c);
    const link = c.u32();
    const info = c.u32();
    const alignment = this.word(c);
    const entrySize = this.word(c);
    return { nameOffset, type, flags, address, offset, size, link, info, alignment, entrySize };
  }

  /**
   * Finds a section by name; `.debug_x` also finds the old `.zdebug_x`.
   *
   * @returns undefined where there is none or it has no bytes in this file
   */
  section(name: string): ElfSection | undefined {
    const section =
      this.byName.get(name) ?? (name.startsWith('.debug_') ? this.byName.get(`.z${name.slice(1)}`) : undefined);
    return section && section.type !== SHT_NOBITS ? section : undefined;
  }

  /** Whether a section's bytes are other than they lie in the file. */
  private needsWork(section: ElfSection): boolean {
    return (
      (section.flags & SHF_COMPRESSED) !== 0 ||
      section.name.startsWith('.zdebug_') ||
      (this.type === ET_REL && this.relocationsOf(section).length > 0)
    );
  }

  /** The REL and RELA sections that apply to a section. */
  relocationsOf(section: ElfSection): ElfSection[] {
    // What relocating itself reads is never relocated; a damaged file may say so.
    if (TABLES.has(section.type)) return [];
    return this.sections.filter((s) => (s.type === 4 || s.type === 9) && s.info === section.index && s.size > 0);
  }

  /** The length of a section's contents, uncompressed. */
  sectionSize(section: ElfSection): number {
    if ((section.flags & SHF_COMPRESSED) !== 0 || section.name.startsWith('.zdebug_')) {
      return compressedSize(this, section);
    }
    return section.size;
  }

  /**
   * Reads a section's contents whole: inflated and, in a relocatable file, with its relocations applied.
   *
   * @throws BinaryFault where the section lies outside the file or is damaged
   */
  sectionBytes(section: ElfSection): Uint8Array {
    const known = this.contents.get(section.index);
    if (known) return known;
    if (section.type === SHT_NOBITS) return new Uint8Array(0);
    if (!this.needsWork(section)) return this.rawBytes(section);
    let bytes = this.rawBytes(section);
    if ((section.flags & SHF_COMPRESSED) !== 0 || section.name.startsWith('.zdebug_')) {
      if (this.sectionSize(section) > LONGEST_INFLATED) {
        throw new BinaryFault({ file: this.name, section: section.name, offset: 0 }, 'the section is too large');
      }
      bytes = inflateSection(this, section, bytes);
    }
    if (this.type === ET_REL) {
      const relocations = this.relocationsOf(section);
      if (relocations.length > 0) {
        bytes = Uint8Array.from(bytes);
        for (const relocation of relocations) applyRelocations(this, section, relocation, bytes);
      }
    }
    this.contents.set(section.index, bytes);
    return bytes;
  }

  /** A section's bytes as they lie in the file. */
  rawBytes(section: ElfSection): Uint8Array {
    if (section.offset + section.size > this.source.size) {
      throw new BinaryFault(
        { file: this.name, section: section.name, offset: 0 },
        `the section ends at 0x${(section.offset + section.size).toString(16)}, behind the file's end`,
      );
    }
    return this.source.read(section.offset, section.size);
  }

  /** A section for scattered reads: straight from the file where that can be. */
  window(section: ElfSection): PagedSection {
    let window = this.windows.get(section.index);
    if (!window) {
      if (section.type !== SHT_NOBITS && this.needsWork(section)) {
        const bytes = this.sectionBytes(section);
        window = new PagedSection(bufferSource(bytes, this.name), 0, bytes.length, section.name);
      } else {
        const size = section.type === SHT_NOBITS ? 0 : section.size;
        if (section.offset + size > this.source.size) this.rawBytes(section);
        window = new PagedSection(this.source, section.offset, size, section.name);
      }
      this.windows.set(section.index, window);
    }
    return window;
  }

  /** The symbols of .symtab, else of .dynsym; empty where there is neither. */
  symbols(): ElfSymbols {
    this.symbolTable ??= new ElfSymbols(
      this,
      this.sections.find((s) => s.type === SHT_SYMTAB) ?? this.sections.find((s) => s.type === SHT_DYNSYM),
    );
    return this.symbolTable;
  }

  /** The symbols of .dynsym; empty where there is none. */
  dynamicSymbols(): ElfSymbols {
    this.dynamicTable ??= new ElfSymbols(
      this,
      this.sections.find((s) => s.type === SHT_DYNSYM),
    );
    return this.dynamicTable;
  }

  /** Reads all notes, from note sections or, where there are none, from note segments. */
  notes(): ElfNote[] {
    const notes: ElfNote[] = [];
    const sections = this.sections.filter((s) => s.type === SHT_NOTE);
    if (sections.length > 0) {
      for (const section of sections) {
        readNotes(this.rawBytes(section), section.alignment, this.littleEndian, this.name, section.name, notes);
      }
    } else {
      for (const segment of this.segments.filter((s) => s.type === PT_NOTE)) {
        const bytes = this.source.read(segment.offset, segment.fileSize);
        readNotes(bytes, 4, this.littleEndian, this.name, 'PT_NOTE', notes);
      }
    }
    return notes;
  }

  /** The GNU build id in hexadecimal; undefined where the file has none. */
  buildId(): string | undefined {
    if (this.id === undefined) {
      const note = this.notes().find((n) => n.owner === 'GNU' && n.type === NT_GNU_BUILD_ID);
      this.id = note && note.description.length > 0 ? Buffer.from(note.description).toString('hex') : null;
    }
    return this.id ?? undefined;
  }
}

/** True where bytes start with the ELF magic. */
export function isElf(bytes: Uint8Array): boolean {
  return bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
}

/**
 * Reads the notes of one section or segment (gABI, chapter 5, "Note Section").
 *
 * @param alignment of the section: GNU property notes are padded to 8, all others to 4
 */
export function readNotes(
  bytes: Uint8Array,
  alignment: number,
  littleEndian: boolean,
  file: string,
  section: string,
  into: ElfNote[],
): void {
  const pad = alignment === 8 ? 8 : 4;
  const c = new Cursor(bytes, { file, section, base: 0 }, littleEndian);
  while (c.end - c.position >= 12) {
    const nameSize = c.u32();
    const descriptionSize = c.u32();
    const type = c.u32();
    const name = c.run(nameSize);
    c.position = Math.min(c.end, Math.ceil(c.position / pad) * pad);
    const description = c.run(descriptionSize);
    c.position = Math.min(c.end, Math.ceil(c.position / pad) * pad);
    let end = name.indexOf(0);
    if (end < 0) end = name.length;
    into.push({ owner: Buffer.from(name.subarray(0, end)).toString('latin1'), type, description });
  }
}

/**
 * Opens an ELF file.
 *
 * @param input a path, or bytes with an optional name for messages
 * @param options where a relocatable file's sections are
 * @throws BinaryFault where it is no well-formed ELF file; the system's error where it can't be read
 */
export function openElf(input: string | Uint8Array | ByteSource, name?: string, options?: ElfOptions): ElfFile {
  const source =
    typeof input === 'string' ? openFileSource(input) : input instanceof Uint8Array ? bufferSource(input, name) : input;
  try {
    return new ElfFile(source, options);
  } catch (error) {
    source.close();
    throw error;
  }
}
