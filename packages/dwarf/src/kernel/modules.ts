// Kernel modules: where their files are, and the names in their split BTF.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { globSource } from '@stapkit/pass';
import { type Btf, BtfKind, parseBtf } from '../btf/btf.js';
import { compressionFormat, unpackSync } from '../decompress/decompress.js';
import { STB_LOCAL, STT_FUNC } from '../elf/constants.js';
import { type ElfFile, isElf, openElf } from '../elf/elf-file.js';
import { openFileSource } from '../io/byte-source.js';
import { toKey } from '../io/parts-file.js';

/** What one module's BTF says. Ids are of its `btf`. */
export interface ModuleFacts {
  readonly name: string;
  readonly btf: Btf;
  /** False where the module has no BTF: only its functions' names are known, and their ids are 0. */
  readonly typed: boolean;
  /** The module's own functions that match a pattern, in order. */
  functions(pattern: string): readonly { readonly name: string; readonly id: number }[];
  /** Whether other files can call a function; undefined where nobody knows. */
  isExternal?(name: string): boolean | undefined;
  /** The symbols that the compiler made of functions whose names match a pattern: `foo.isra.0`. */
  variants?(pattern: string): readonly string[];
  /** The module's own types of a name, the preferred one first. */
  types(name: string): readonly number[];
  /** The enumeration that has an enumerator of a name. */
  enumerators(name: string): number | undefined;
  /** The module's own tracepoints that match a pattern, in order. */
  tracepoints(pattern: string): readonly { readonly name: string; readonly id: number }[];
}

const MODULE_FILE = /\.ko(?:\.(?:gz|xz|zst))?$/;

/** The module's name that a file has: `snd-hda-intel.ko.xz` holds snd_hda_intel. */
export function moduleNameOf(path: string): string {
  return basename(path).replace(MODULE_FILE, '').replaceAll('-', '_');
}

/**
 * Lists the files of a kernel's modules, from modules.dep or modules.order where there is one, else by looking.
 *
 * @param folder as /lib/modules/RELEASE
 * @returns module name → path; empty where the folder is not there
 */
export function listModuleFiles(folder: string): Map<string, string> {
  const files = new Map<string, string>();
  const add = (path: string) => {
    const name = moduleNameOf(path);
    if (!files.has(name)) files.set(name, join(folder, path));
  };
  for (const list of ['modules.dep', 'modules.order']) {
    let text: string;
    try {
      text = readFileSync(join(folder, list), 'utf8');
    } catch {
      continue;
    }
    for (const line of text.split('\n')) {
      const path = (line.split(':', 1)[0] ?? '').trim();
      if (MODULE_FILE.test(path)) add(path);
    }
    if (files.size > 0) break;
  }
  if (files.size > 0) return files;
  const walk = (relative: string, depth: number) => {
    if (depth > 12) return;
    let entries: import('node:fs').Dirent[];
    try {
      entries = readdirSync(join(folder, relative), { withFileTypes: true });
    } catch {
      return;
    }
    for (const entry of entries) {
      const path = relative ? `${relative}/${entry.name}` : entry.name;
      // `build` and `source` are links to headers.
      if (entry.isDirectory()) walk(path, depth + 1);
      else if (MODULE_FILE.test(entry.name)) add(path);
    }
  };
  walk('', 0);
  return files;
}

/**
 * Finds one module's file without listing all of them.
 *
 * @param folder as /lib/modules/RELEASE
 * @param name with `_` for `-`
 * @returns a path as the list has it (see {@link resolveModuleFile}); undefined where the list has none or is missing
 */
export function findModuleFile(folder: string, name: string): string | undefined {
  const source = globSource(name).replaceAll('_', '[-_]');
  const expression = new RegExp(`(?:^|/)${source}\\.ko(?:\\.(?:gz|xz|zst))?(?=:|\\s*$)`, 'gm');
  for (const list of ['modules.dep', 'modules.order']) {
    let text: string;
    try {
      text = readFileSync(join(folder, list), 'latin1');
    } catch {
      continue;
    }
    for (let hit = expression.exec(text); hit; hit = expression.exec(text)) {
      const start = text.lastIndexOf('\n', hit.index) + 1;
      const path = text.slice(start, hit.index + hit[0].length);
      // Behind a colon stand the modules that one depends on.
      if (!path.includes(':')) return join(folder, path);
    }
  }
  return undefined;
}

/**
 * The file that a listed module really has: modules.order names .ko files even where they have been packed since.
 *
 * @returns undefined where there is none
 */
export function resolveModuleFile(path: string): string | undefined {
  const plain = path.replace(/\.(?:gz|xz|zst)$/, '');
  return [path, plain, `${plain}.xz`, `${plain}.zst`, `${plain}.gz`].find((candidate) => existsSync(candidate));
}

/**
 * Opens a module's file, unpacked where need be.
 *
 * @throws BinaryFault where it is damaged; the system's error where it can't be read
 */
export function openModuleFile(path: string): ElfFile {
  const source = openFileSource(path);
  let packed: Uint8Array;
  try {
    const start = source.read(0, Math.min(16, source.size));
    const format = isElf(start) ? undefined : compressionFormat(start);
    if (!format) return openElf(source);
    packed = source.read(0, source.size);
    source.close();
    return openElf(unpackSync(packed, format, path), path);
  } catch (error) {
    source.close();
    throw error;
  }
}

/**
 * Reads what a module's file says: its split BTF, or, where it has none (before Linux 5.11, or built apart from its
 * kernel), the names of its functions alone.
 *
 * @param path the module's file
 * @param base the kernel's BTF
 */
export function readModuleFacts(name: string, path: string, base: Btf): ModuleFacts {
  const elf = openModuleFile(path);
  try {
    const functions = new Map<string, boolean>();
    const symbols = elf.symbols();
    for (let index = 1; index < symbols.count; index++) {
      if (symbols.typeOf(index) !== STT_FUNC || symbols.sectionOf(index) === 0) continue;
      const own = symbols.nameOf(index);
      functions.set(own, functions.get(own) === true || symbols.bindingOf(index) !== STB_LOCAL);
    }
    const section = elf.section('.BTF');
    const facts = section
      ? moduleFacts(name, parseBtf(elf.sectionBytes(section), path, base))
      : moduleFacts(name, base, [...functions.keys()]);
    const variants = [...functions.keys()].filter((own) => own.includes('.')).sort();
    return {
      ...facts,
      isExternal: (own) => functions.get(own),
      variants: (pattern) => {
        const expression = new RegExp(`^${globSource(toKey(`${pattern}.*`))}$`);
        return variants.filter((own) => expression.test(toKey(own)));
      },
    };
  } finally {
    elf.close();
  }
}

/** Reads a module's raw BTF blob, as /sys/kernel/btf/NAME of the running kernel. */
export function readRawModuleFacts(name: string, path: string, base: Btf): ModuleFacts {
  return moduleFacts(name, parseBtf(readFileSync(path), path, base));
}

/**
 * Makes the name tables of a module's BTF.
 *
 * @param bare the names of functions of a module without BTF; `btf` is then the kernel's, and nothing of it counts
 */
export function moduleFacts(name: string, btf: Btf, bare?: readonly string[]): ModuleFacts {
  const functions: { name: string; id: number }[] = (bare ?? []).map((own) => ({ name: own, id: 0 }));
  const types = new Map<string, number[]>();
  const enumerators = new Map<string, number>();
  for (const id of bare ? [] : btf.ids()) {
    switch (btf.kindOf(id)) {
      case BtfKind.FUNC:
        functions.push({ name: btf.nameOf(id), id });
        break;
      case BtfKind.ENUM:
      case BtfKind.ENUM64: {
        const type = btf.type(id);
        if (type?.kind === 'enum') {
          for (const value of type.values) if (!enumerators.has(value.name)) enumerators.set(value.name, id);
        }
        addType(types, btf.nameOf(id), id, false);
        break;
      }
      case BtfKind.STRUCT:
      case BtfKind.UNION:
        addType(types, btf.nameOf(id), id, true);
        break;
      case BtfKind.TYPEDEF:
      case BtfKind.INT:
      case BtfKind.FLOAT:
      case BtfKind.FWD:
        addType(types, btf.nameOf(id), id, false);
        break;
    }
  }
  functions.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.id - b.id));
  const match = (prefix: string) => (pattern: string) => {
    const expression = new RegExp(`^${prefix}${globSource(toKey(pattern))}$`);
    return functions
      .filter((f, index) => expression.test(toKey(f.name)) && functions[index - 1]?.name !== f.name)
      .map((f) => ({ name: f.name.slice(prefix.length), id: f.id }));
  };
  return {
    name,
    btf,
    typed: bare === undefined,
    functions: match(''),
    tracepoints: match('__traceiter_'),
    types: (wanted) => types.get(wanted) ?? [],
    enumerators: (wanted) => enumerators.get(wanted),
  };
}

function addType(types: Map<string, number[]>, name: string, id: number, first: boolean): void {
  if (name === '') return;
  const list = types.get(name);
  if (!list) types.set(name, [id]);
  else if (first) list.unshift(id);
  else list.push(id);
}
