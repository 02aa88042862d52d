// A module carries its name twice: as `name=` in .modinfo, and in `struct module` in .gnu.linkonce.this_module. The
// template that modules are linked with was built under a name of the greatest length, so any other name fits in its
// place, and can be replaced again later.
import { findSection, MalformedObject, readObject } from './elf-object.js';

/** MODULE_NAME_LEN of a 64-bit kernel is 64 - sizeof(unsigned long), with the final NUL (include/linux/moduleparam.h). */
export const MAX_MODULE_NAME = 55;

/** The name that the template is built under: as long as a name may be, and like no other text in an object. */
export const TEMPLATE_NAME = 'stapkit_template_'.padEnd(MAX_MODULE_NAME, 'x');

/** True for a name that a module may have: a C identifier that fits. */
export function isModuleName(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && name.length <= MAX_MODULE_NAME;
}

/** Where a module's name is in its file. */
export interface NamePlaces {
  /** Of the bytes after `name=`. */
  readonly modinfo: number;
  /** Of `struct module`'s member `name`. */
  readonly structure: number;
}

/**
 * Finds the name's two places in a module.
 *
 * @param bytes the .ko or .mod.o
 * @param structOffset offset of `name` in `struct module`, from `findNameOffset`
 * @throws MalformedObject where the file has no such places
 */
export function findNamePlaces(bytes: Buffer, structOffset: number, file: string): NamePlaces {
  const object = readObject(bytes, file);
  const modinfo = findSection(object, '.modinfo');
  const structure = findSection(object, '.gnu.linkonce.this_module');
  if (modinfo === undefined || structure === undefined) throw new MalformedObject(`${file}: not a kernel module`);
  const text = bytes.toString('latin1', modinfo.offset, modinfo.offset + modinfo.size);
  const at = text.startsWith('name=') ? 0 : text.indexOf('\0name=') + 1;
  if (!text.startsWith('name=', at)) throw new MalformedObject(`${file}: .modinfo has no name`);
  return { modinfo: modinfo.offset + at + 'name='.length, structure: structure.offset + structOffset };
}

/**
 * Finds where `struct module` keeps the name, in a template that is called TEMPLATE_NAME.
 *
 * @returns the offset within the structure, bytes
 */
export function findNameOffset(template: Buffer, file: string): number {
  const structure = findSection(readObject(template, file), '.gnu.linkonce.this_module');
  const content = structure && template.subarray(structure.offset, structure.offset + structure.size);
  const offset = content?.indexOf(TEMPLATE_NAME, 0, 'latin1') ?? -1;
  if (offset === -1) throw new MalformedObject(`${file}: struct module does not hold its name`);
  return offset;
}

/**
 * Gives a module another name, in place. What the name leaves free is filled with zeros: the kernel skips them when it
 * walks .modinfo (next_string in kernel/module/main.c).
 */
export function writeModuleName(bytes: Buffer, places: NamePlaces, name: string): void {
  const field = Buffer.alloc(MAX_MODULE_NAME + 1);
  field.write(name, 'latin1');
  field.copy(bytes, places.modinfo);
  field.copy(bytes, places.structure);
}
