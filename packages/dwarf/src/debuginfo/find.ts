// Finds the debug information that belongs to a program: in the file itself, in a separate file named by build id or by
// .gnu_debuglink, the supplementary file that dwz made (.gnu_debugaltlink, or .debug_sup of DWARF 5), and the small symbol
// table that distributions leave in a stripped file (.gnu_debugdata). The places are those of GDB ("Separate Debug Files").
import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { compressionFormat, unpackSync } from '../decompress/decompress.js';
import { Dwarf } from '../dwarf/dwarf.js';
import { type ElfFile, openElf } from '../elf/elf-file.js';
import { Cursor } from '../io/cursor.js';
import { BinaryFault } from '../io/fault.js';

/** Where distributions keep separate debug files. */
export const DEBUG_FOLDERS: readonly string[] = ['/usr/lib/debug'];

/** What `.gnu_debuglink` says. */
export interface DebugLink {
  /** A file's name, without a folder. */
  readonly name: string;
  /** CRC-32 of that file's contents. */
  readonly crc: number;
}

/** What `.gnu_debugaltlink` or `.debug_sup` says. */
export interface AlternateLink {
  /** A path, relative to the file that names it where it is not absolute. */
  readonly name: string;
  /** The other file's build id, or what stands for it in its own `.debug_sup`; in hexadecimal. */
  readonly buildId: string;
}

/** Reads `.gnu_debuglink`: a name, padding to 4 bytes, a checksum. */
export function debugLink(elf: ElfFile): DebugLink | undefined {
  const section = elf.section('.gnu_debuglink');
  if (!section) return undefined;
  const c = new Cursor(elf.sectionBytes(section), { file: elf.name, section: section.name, base: 0 }, elf.littleEndian);
  const name = c.cstring();
  c.seek(Math.min(c.end, Math.ceil(c.position / 4) * 4));
  return { name, crc: c.u32() };
}

/** Reads where dwz moved entries to: `.gnu_debugaltlink`, a name and the build id's bytes, or `.debug_sup`. */
export function alternateLink(elf: ElfFile): AlternateLink | undefined {
  const section = elf.section('.gnu_debugaltlink');
  if (!section) {
    const { isSupplementary, name, checksum } = supplementarySection(elf) ?? { isSupplementary: true };
    return isSupplementary ? undefined : { name, buildId: checksum };
  }
  const c = new Cursor(elf.sectionBytes(section), { file: elf.name, section: section.name, base: 0 }, elf.littleEndian);
  const name = c.cstring();
  return { name, buildId: Buffer.from(c.run(c.end - c.position)).toString('hex') };
}

/** Reads `.debug_sup`, which stands in both files (DWARF 5, 7.3.6). */
function supplementarySection(elf: ElfFile) {
  const section = elf.section('.debug_sup');
  if (!section) return undefined;
  const c = new Cursor(elf.sectionBytes(section), { file: elf.name, section: section.name, base: 0 }, elf.littleEndian);
  const version = c.u16();
  if (version !== 5) c.fail(`version ${version} is unknown`, 0);
  const isSupplementary = c.u8() !== 0;
  const name = c.cstring();
  return { isSupplementary, name, checksum: Buffer.from(c.run(c.uleb())).toString('hex') };
}

/** The path of a build id's debug file below a debug folder: `.build-id/ab/cdef….debug`. */
export function buildIdPath(folder: string, buildId: string): string {
  return join(folder, '.build-id', buildId.slice(0, 2), `${buildId.slice(2)}.debug`);
}

/**
 * Where a program's separate debug file may lie, the surest first.
 *
 * @param path the program's own path
 */
export function debugFileCandidates(
  elf: ElfFile,
  path: string,
  folders: readonly string[] = DEBUG_FOLDERS,
): { path: string; crc?: number }[] {
  const found: { path: string; crc?: number }[] = [];
  const buildId = elf.buildId();
  if (buildId) for (const folder of folders) found.push({ path: buildIdPath(folder, buildId) });
  const link = debugLink(elf);
  // The name must be a plain one: a path in it could lead anywhere.
  if (link && basename(link.name) === link.name) {
    const own = dirname(resolve(path));
    const { crc } = link;
    found.push({ path: join(own, link.name), crc }, { path: join(own, '.debug', link.name), crc });
    for (const folder of folders) found.push({ path: join(folder, own, link.name), crc });
  }
  return found;
}

/** A program's debug information, from wherever it was found. */
export interface DebugInfo {
  /** The program itself. */
  readonly elf: ElfFile;
  /** The file with the debug sections: the program's own where it has them. */
  readonly debugElf: ElfFile;
  readonly dwarf: Dwarf;
  /** Closes all files. */
  close(): void;
}

export interface FindOptions {
  /** Folders with separate debug files; the distributions' by default. */
  readonly folders?: readonly string[];
}

/**
 * Opens a program with its debug information, looked for on this machine.
 *
 * @param path a program, library, module or debug file
 * @returns undefined for `dwarf` of a program that has none here
 * @throws BinaryFault where a file is damaged; the system's error where the program can't be read
 */
export function openDebugInfo(path: string, options: FindOptions = {}): DebugInfo | undefined {
  const elf = openElf(path);
  try {
    const debugElf = elf.section('.debug_info') ? elf : findDebugFile(elf, path, options.folders);
    if (!debugElf) {
      elf.close();
      return undefined;
    }
    const dwarf = new Dwarf(debugElf, openSupplementary(debugElf, options.folders));
    return {
      elf,
      debugElf,
      dwarf,
      close() {
        elf.close();
        debugElf.close();
        dwarf.supplementary?.elf.close();
      },
    };
  } catch (error) {
    elf.close();
    throw error;
  }
}

/** Opens the separate debug file of a program; undefined where there is none that fits. */
export function findDebugFile(elf: ElfFile, path: string, folders?: readonly string[]): ElfFile | undefined {
  const buildId = elf.buildId();
  for (const candidate of debugFileCandidates(elf, path, folders)) {
    if (!existsSync(candidate.path) || resolve(candidate.path) === resolve(path)) continue;
    const debug = openElf(candidate.path);
    // A build id is proof enough; a file found only by its name must have the checksum.
    const fits =
      buildId !== undefined && debug.buildId() !== undefined
        ? debug.buildId() === buildId
        : candidate.crc === undefined || fileCrc(candidate.path) === candidate.crc;
    if (fits && debug.section('.debug_info')) return debug;
    debug.close();
  }
  return undefined;
}

/** Opens the file that dwz moved entries to; undefined where none is named or it is not there. */
export function openSupplementary(elf: ElfFile, folders: readonly string[] = DEBUG_FOLDERS): Dwarf | undefined {
  const link = alternateLink(elf);
  if (!link) return undefined;
  const named = isAbsolute(link.name) ? link.name : join(dirname(elf.name), link.name);
  for (const path of [named, ...folders.map((folder) => buildIdPath(folder, link.buildId))]) {
    if (!existsSync(path)) continue;
    const alternate = openElf(path);
    if (alternate.buildId() === link.buildId || supplementarySection(alternate)?.checksum === link.buildId)
      return new Dwarf(alternate);
    alternate.close();
  }
  return undefined;
}

/**
 * Opens the symbol table that is packed into a stripped file as .gnu_debugdata (an ELF file of its own, xz).
 *
 * @returns undefined where there is none
 */
export function miniDebugInfo(elf: ElfFile): ElfFile | undefined {
  const section = elf.section('.gnu_debugdata');
  if (!section) return undefined;
  const packed = elf.sectionBytes(section);
  const format = compressionFormat(packed);
  if (!format) {
    throw new BinaryFault(
      { file: elf.name, section: section.name, offset: 0 },
      'the data are packed in an unknown way',
    );
  }
  return openElf(unpackSync(packed, format, elf.name), `${elf.name} (.gnu_debugdata)`);
}

let crcTable: Uint32Array | undefined;

/** CRC-32 as .gnu_debuglink uses it, of a whole file read in pieces. */
export function fileCrc(path: string): number {
  if (!crcTable) {
    crcTable = new Uint32Array(256);
    for (let byte = 0; byte < 256; byte++) {
      let value = byte;
      for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
      crcTable[byte] = value;
    }
  }
  const descriptor = openSync(path, 'r');
  try {
    const piece = Buffer.allocUnsafe(1 << 20);
    let crc = 0xffff_ffff;
    for (;;) {
      const got = readSync(descriptor, piece, 0, piece.length, null);
      if (got === 0) return (crc ^ 0xffff_ffff) >>> 0;
      for (let at = 0; at < got; at++) crc = crcTable[(crc ^ piece[at]!) & 0xff]! ^ (crc >>> 8);
    }
  } finally {
    closeSync(descriptor);
  }
}
