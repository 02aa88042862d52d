// The kernel's exported symbols and their checksums. With CONFIG_MODVERSIONS a module lists, for each symbol it takes
// from the kernel, the checksum of the symbol's type as it was compiled; `struct modversion_info` is a long and a name
// that fill 64 bytes together (include/linux/module.h).
import { readFileSync } from 'node:fs';
import { type ElfObject, findSection, writeSectionObject } from './elf-object.js';

const ENTRY_SIZE = 64;
const NAME_OFFSET = 8;

/** The exported symbols of one kernel. */
export interface ExportTable {
  has(name: string): boolean;
  /** The checksum, or undefined where the symbol isn't exported. */
  checksum(name: string): number | undefined;
  /** Every exported name that matches. */
  matching(pattern: RegExp): string[];
}

/**
 * Opens a Module.symvers file: lines of checksum, name, module, export type, each parted by a tab. A name is found by a
 * text search, which for the few names of a module beats parsing 20,000 lines.
 */
export function openExports(file: string): ExportTable {
  const text = `\n${readFileSync(file, 'latin1')}`;
  const find = (name: string): number => text.indexOf(`\t${name}\t`);
  return {
    // A module can have a symbol's name too, but it stands in the third column, before an EXPORT_….
    has: (name) => find(name) !== -1 && lineOf(text, find(name)).split('\t')[1] === name,
    checksum(name) {
      const at = find(name);
      if (at === -1) return undefined;
      const [checksum, symbol] = lineOf(text, at).split('\t');
      return symbol === name ? Number(checksum) : undefined;
    },
    matching: (pattern) =>
      text
        .split('\n')
        .map((line) => line.split('\t')[1] ?? '')
        .filter((name) => name !== '' && pattern.test(name)),
  };
}

function lineOf(text: string, at: number): string {
  const start = text.lastIndexOf('\n', at) + 1;
  const end = text.indexOf('\n', at);
  return text.slice(start, end === -1 ? text.length : end);
}

/** Lists the symbols that an object's `__versions` covers. */
export function versionedSymbols(object: ElfObject): string[] {
  const section = findSection(object, '__versions');
  if (section === undefined) return [];
  const names: string[] = [];
  for (let at = section.offset; at + ENTRY_SIZE <= section.offset + section.size; at += ENTRY_SIZE) {
    const end = object.bytes.indexOf(0, at + NAME_OFFSET);
    names.push(object.bytes.toString('latin1', at + NAME_OFFSET, end));
  }
  return names;
}

/**
 * Writes an object that adds symbols to a module's `__versions`.
 *
 * @param like any object of the module
 * @param names exported symbols; one that has no checksum, or a name too long for an entry, is left out, and the kernel
 *   then loads the module without checking that symbol
 */
export function writeVersions(like: ElfObject, exports: ExportTable, names: readonly string[]): Buffer {
  const entries: Buffer[] = [];
  for (const name of names) {
    const checksum = exports.checksum(name);
    if (checksum === undefined || name.length >= ENTRY_SIZE - NAME_OFFSET) continue;
    const entry = Buffer.alloc(ENTRY_SIZE);
    entry.writeUInt32LE(checksum, 0);
    entry.write(name, NAME_OFFSET, 'latin1');
    entries.push(entry);
  }
  return writeSectionObject(like, '__versions', Buffer.concat(entries));
}
