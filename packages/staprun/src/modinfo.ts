// What a .ko says about itself: the `name=value` strings of its .modinfo section, and where its name lies.
import { readFile } from 'node:fs/promises';

/** Facts from a module's ELF file. */
export interface ModuleInfo {
  /** The kernel's name of the module, from `struct module` in .gnu.linkonce.this_module. */
  readonly name: string;
  /** E.g. `6.1.0-56-amd64 SMP preempt mod_unload modversions`. */
  readonly vermagic: string;
  /** Every entry of .modinfo, in order. */
  readonly entries: readonly (readonly [name: string, value: string])[];
}

/** The offset of the name in `struct module` on 64-bit kernels: after `state` and `list` (include/linux/module.h). */
const NAME_OFFSET = 24;

/** MODULE_NAME_LEN of a 64-bit kernel: 64 less the size of a long. */
const NAME_LENGTH = 56;

/**
 * Reads a module's own words.
 *
 * @param path the .ko
 * @returns undefined where it is no 64-bit little-endian ELF file with the sections of a module
 * @throws NodeJS.ErrnoException where it can't be read
 */
export async function readModuleInfo(path: string): Promise<ModuleInfo | undefined> {
  return moduleInfo(await readFile(path));
}

/** As readModuleInfo, of a file in memory. */
export function moduleInfo(file: Buffer): ModuleInfo | undefined {
  const info = findSection(file, '.modinfo');
  const self = findSection(file, '.gnu.linkonce.this_module');
  if (!info || !self || self.length < NAME_OFFSET + NAME_LENGTH) return undefined;
  const entries = info
    .toString('latin1')
    .split('\0')
    .filter((entry) => entry.includes('='))
    .map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)] as const);
  const nameField = self.subarray(NAME_OFFSET, NAME_OFFSET + NAME_LENGTH);
  const end = nameField.indexOf(0);
  return {
    name: nameField.toString('latin1', 0, end === -1 ? undefined : end),
    vermagic: entries.find(([name]) => name === 'vermagic')?.[1] ?? '',
    entries,
  };
}

/** What ends a module file that carries a signature (include/linux/module_signature.h). */
const SIGNATURE_MARK = Buffer.from('~Module signature appended~\n');

/** True where a signature is appended to a module, whether it holds or not. */
export function isSigned(file: Buffer): boolean {
  return file.subarray(-SIGNATURE_MARK.length).equals(SIGNATURE_MARK);
}

/**
 * Returns a copy of a module that goes by another name. A signature on it no longer holds.
 *
 * @param file the .ko
 * @param name the new name, at most 55 bytes
 * @returns undefined where the file is no module
 */
export function renameModule(file: Buffer, name: string): Buffer | undefined {
  if (!moduleInfo(file) || name.length >= NAME_LENGTH) return undefined;
  const renamed = Buffer.from(file);
  const field = findSection(renamed, '.gnu.linkonce.this_module')!.subarray(NAME_OFFSET, NAME_OFFSET + NAME_LENGTH);
  field.fill(0);
  field.write(name, 'latin1');
  return renamed;
}

/** Finds a section's bytes by name, or undefined; nothing outside the file is believed. */
function findSection(file: Buffer, wanted: string): Buffer | undefined {
  // \x7fELF, 64 bits, little-endian.
  if (file.length < 64 || file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1) return undefined;
  const table = Number(file.readBigUInt64LE(0x28));
  const entrySize = file.readUInt16LE(0x3a);
  const count = file.readUInt16LE(0x3c);
  const namesIndex = file.readUInt16LE(0x3e);
  if (entrySize < 64 || namesIndex >= count || table + entrySize * count > file.length) return undefined;
  const bytesOf = (index: number): Buffer | undefined => {
    const header = table + index * entrySize;
    const start = Number(file.readBigUInt64LE(header + 0x18));
    const size = Number(file.readBigUInt64LE(header + 0x20));
    return start + size <= file.length ? file.subarray(start, start + size) : undefined;
  };
  const names = bytesOf(namesIndex);
  if (!names) return undefined;
  for (let index = 0; index < count; index++) {
    const start = file.readUInt32LE(table + index * entrySize);
    if (names.toString('latin1', start, start + wanted.length + 1) === `${wanted}\0`) return bytesOf(index);
  }
  return undefined;
}
