// As much of ELF as building a module needs: the sections and symbols of a relocatable 64-bit object, and writing a tiny
// object that holds one section. The full reader is packages/dwarf's; this one is on the path of every build and reads
// only files that our own compiler wrote a moment ago, yet it checks its bounds all the same.
import { invariant } from '@stapkit/pass';

/** One section of an object. */
export interface ObjectSection {
  readonly name: string;
  readonly type: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
}

/** A relocatable object that was read into memory. */
export interface ElfObject {
  readonly bytes: Buffer;
  readonly sections: readonly ObjectSection[];
}

const SHT_SYMTAB = 2;
const SHT_NOBITS = 8;
const HEADER_SIZE = 64;
const SECTION_HEADER_SIZE = 64;
const SYMBOL_SIZE = 24;

/** Thrown for a file that is no 64-bit ELF object in the machine's byte order, or is cut short. */
export class MalformedObject extends Error {}

/**
 * Reads an object's section table.
 *
 * @param name what to call the file in messages
 * @throws MalformedObject
 */
export function readObject(bytes: Buffer, name: string): ElfObject {
  const check = (good: boolean, what: string): void => {
    if (!good) throw new MalformedObject(`${name}: ${what}`);
  };
  check(bytes.length >= HEADER_SIZE && bytes.readUInt32BE(0) === 0x7f454c46, 'not an ELF file');
  check(bytes[4] === 2 && bytes[5] === 1, 'not a 64-bit little-endian ELF file');
  const tableOffset = Number(bytes.readBigUInt64LE(40));
  const count = bytes.readUInt16LE(60);
  const namesIndex = bytes.readUInt16LE(62);
  check(tableOffset + count * SECTION_HEADER_SIZE <= bytes.length, 'the section table lies past the end of the file');
  check(namesIndex < count, 'the section names are missing');
  const raw = Array.from({ length: count }, (_, index) => {
    const at = tableOffset + index * SECTION_HEADER_SIZE;
    return {
      nameOffset: bytes.readUInt32LE(at),
      type: bytes.readUInt32LE(at + 4),
      offset: Number(bytes.readBigUInt64LE(at + 24)),
      size: Number(bytes.readBigUInt64LE(at + 32)),
      link: bytes.readUInt32LE(at + 40),
    };
  });
  for (const section of raw) {
    check(
      section.type === 0 || section.type === SHT_NOBITS || section.offset + section.size <= bytes.length,
      'a section lies past the end of the file',
    );
  }
  const names = raw[namesIndex]!;
  const sections = raw.map(({ nameOffset, ...section }) => ({
    ...section,
    name: stringAt(bytes, names.offset + nameOffset, names.offset + names.size),
  }));
  return { bytes, sections };
}

/** Finds a section by its name. */
export function findSection(object: ElfObject, name: string): ObjectSection | undefined {
  return object.sections.find((section) => section.name === name);
}

/** The global symbols of an object, by what it does with them. */
export interface ObjectSymbols {
  readonly defined: readonly string[];
  /** Needed from elsewhere; weak ones, which may stay open, are left out. */
  readonly undefined: readonly string[];
}

/** Lists an object's global symbols. */
export function objectSymbols(object: ElfObject): ObjectSymbols {
  const defined: string[] = [];
  const missing: string[] = [];
  const { bytes } = object;
  for (const table of object.sections) {
    if (table.type !== SHT_SYMTAB) continue;
    const strings = object.sections[table.link];
    if (strings === undefined) continue;
    const end = strings.offset + strings.size;
    for (let at = table.offset + SYMBOL_SIZE; at + SYMBOL_SIZE <= table.offset + table.size; at += SYMBOL_SIZE) {
      const binding = bytes[at + 4]! >> 4;
      // STB_GLOBAL is 1 and STB_WEAK is 2 (ELF specification, "Symbol Table").
      if (binding !== 1 && binding !== 2) continue;
      const section = bytes.readUInt16LE(at + 6);
      if (section !== 0) defined.push(stringAt(bytes, strings.offset + bytes.readUInt32LE(at), end));
      else if (binding === 1) missing.push(stringAt(bytes, strings.offset + bytes.readUInt32LE(at), end));
    }
  }
  return { defined, undefined: missing };
}

function stringAt(bytes: Buffer, start: number, limit: number): string {
  const end = bytes.indexOf(0, start);
  return end === -1 || end >= limit || start >= limit ? '' : bytes.toString('latin1', start, end);
}

/**
 * Writes a relocatable object with one allocated, read-only data section, to be linked into a module.
 *
 * @param like an object of the same target: its machine and flags are taken over
 * @param name the section's name
 * @param content the section's bytes
 */
export function writeSectionObject(like: ElfObject, name: string, content: Uint8Array): Buffer {
  const names = Buffer.from(`\0${name}\0.shstrtab\0.symtab\0.strtab\0`, 'latin1');
  const nameOf = (section: string): number => names.indexOf(`\0${section}\0`, 0, 'latin1') + 1;
  const parts: Buffer[] = [];
  let offset = 0;
  const place = (bytes: Uint8Array): number => {
    const padding = (8 - (offset % 8)) % 8;
    parts.push(Buffer.alloc(padding), Buffer.from(bytes));
    offset += padding;
    const at = offset;
    offset += bytes.length;
    return at;
  };
  place(new Uint8Array(HEADER_SIZE));
  const contentAt = place(content);
  const symbolsAt = place(new Uint8Array(SYMBOL_SIZE));
  const stringsAt = place(new Uint8Array(1));
  const namesAt = place(names);
  const table = Buffer.alloc(5 * SECTION_HEADER_SIZE);
  const describe = (
    index: number,
    section: {
      name: number;
      type: number;
      flags?: number;
      at: number;
      size: number;
      link?: number;
      info?: number;
      entry?: number;
    },
  ) => {
    const at = index * SECTION_HEADER_SIZE;
    table.writeUInt32LE(section.name, at);
    table.writeUInt32LE(section.type, at + 4);
    table.writeBigUInt64LE(BigInt(section.flags ?? 0), at + 8);
    table.writeBigUInt64LE(BigInt(section.at), at + 24);
    table.writeBigUInt64LE(BigInt(section.size), at + 32);
    table.writeUInt32LE(section.link ?? 0, at + 40);
    table.writeUInt32LE(section.info ?? 0, at + 44);
    table.writeBigUInt64LE(8n, at + 48);
    table.writeBigUInt64LE(BigInt(section.entry ?? 0), at + 56);
  };
  // SHT_PROGBITS with SHF_ALLOC; SHT_SYMTAB, whose first global symbol would be number 1; two SHT_STRTAB.
  describe(1, { name: nameOf(name), type: 1, flags: 2, at: contentAt, size: content.length });
  describe(2, {
    name: nameOf('.symtab'),
    type: SHT_SYMTAB,
    at: symbolsAt,
    size: SYMBOL_SIZE,
    link: 3,
    info: 1,
    entry: SYMBOL_SIZE,
  });
  describe(3, { name: nameOf('.strtab'), type: 3, at: stringsAt, size: 1 });
  describe(4, { name: nameOf('.shstrtab'), type: 3, at: namesAt, size: names.length });
  const tableAt = place(table);
  const file = Buffer.concat(parts);
  invariant(file.length === offset, 'an ELF object has the size that was planned');
  like.bytes.copy(file, 0, 0, HEADER_SIZE);
  file.writeUInt16LE(1, 16); // ET_REL
  file.writeBigUInt64LE(0n, 24);
  file.writeBigUInt64LE(0n, 32);
  file.writeBigUInt64LE(BigInt(tableAt), 40);
  file.writeUInt16LE(0, 54);
  file.writeUInt16LE(0, 56);
  file.writeUInt16LE(SECTION_HEADER_SIZE, 58);
  file.writeUInt16LE(5, 60);
  file.writeUInt16LE(4, 62);
  return file;
}
