// What a user names to have its symbols known though no probe is in it (`-d kernel`, `-d ext4`, `-d /usr/bin/ls`): the
// kernel, one of its modules or a program, with the best table of symbols and the debug information that are here.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Dwarf } from '../dwarf/dwarf.js';
import { type ElfFile, openElf } from '../elf/elf-file.js';
import type { ElfSymbols } from '../elf/symbols.js';
import { listModuleFiles, moduleNameOf, openModuleFile, resolveModuleFile } from '../kernel/modules.js';
import { kernelDebugCandidates } from '../kernel/open-kernel-debug.js';
import { DEBUG_FOLDERS, findDebugFile, miniDebugInfo, openSupplementary } from './find.js';

export interface NamedObjectOptions {
  /** The kernel that `kernel` and modules' names are of. */
  readonly release: string;
  /** Folders with separate debug files; the distributions' by default. */
  readonly folders?: readonly string[];
  /** The kernel's modules; /lib/modules/RELEASE by default. */
  readonly modulesFolder?: string;
}

/** A kernel, module or program that is open. */
export interface NamedObject {
  readonly kind: 'kernel' | 'module' | 'program';
  /** `kernel`, the module's name as the kernel has it, or the program's path. */
  readonly name: string;
  /** The file that runs; of a kernel, and of a module that is not installed, the debug file. */
  readonly elf: ElfFile;
  readonly buildId: string | undefined;
  /** Of all tables there are, the one with the most names. */
  readonly symbols: ElfSymbols;
  /** Undefined where no debug information is here. */
  readonly dwarf: Dwarf | undefined;
  /** Closes all files. */
  close(): void;
}

/**
 * Opens what a name stands for.
 *
 * @param name `kernel`, a module's name, or a path (of a program, a library or a .ko file)
 * @returns undefined where there is nothing of that name
 * @throws BinaryFault where a file is damaged
 */
export function openNamedObject(name: string, options: NamedObjectOptions): NamedObject | undefined {
  const { release, folders = DEBUG_FOLDERS } = options;
  if (name === 'kernel') {
    const path = kernelDebugCandidates(release, undefined, folders).find((candidate) => existsSync(candidate));
    return path === undefined ? undefined : describe('kernel', 'kernel', openElf(path), undefined, folders);
  }
  if (name.includes('/')) {
    if (!existsSync(name)) return undefined;
    const isModule = /\.ko(?:\.\w+)?$/.test(name);
    const elf = isModule ? openModuleFile(name) : openElf(name);
    const own = isModule ? moduleNameOf(name) : name;
    return describe(isModule ? 'module' : 'program', own, elf, findDebugFile(elf, name, folders), folders);
  }
  const module = moduleNameOf(name);
  const path = moduleFile(options.modulesFolder ?? `/lib/modules/${release}`, module);
  if (path !== undefined) {
    const elf = openModuleFile(path);
    const debug = findDebugFile(elf, path, folders) ?? debugModule(module, release, folders, elf.buildId());
    return describe('module', module, elf, debug, folders);
  }
  const debug = debugModule(module, release, folders);
  return debug && describe('module', module, debug, undefined, folders);
}

function moduleFile(folder: string, module: string): string | undefined {
  const listed = listModuleFiles(folder).get(module);
  return listed === undefined ? undefined : resolveModuleFile(listed);
}

/** A module's debug file by its name; of another build id it is none. */
function debugModule(
  module: string,
  release: string,
  folders: readonly string[],
  buildId?: string,
): ElfFile | undefined {
  for (const folder of folders) {
    for (const prefix of ['', 'usr']) {
      const path = moduleFile(join(folder, prefix, 'lib/modules', release), module);
      if (path === undefined) continue;
      const elf = openModuleFile(path);
      if (buildId === undefined || elf.buildId() === buildId) return elf;
      elf.close();
    }
  }
  return undefined;
}

function describe(
  kind: NamedObject['kind'],
  name: string,
  elf: ElfFile,
  debug: ElfFile | undefined,
  folders: readonly string[],
): NamedObject {
  const holder = elf.section('.debug_info') ? elf : debug?.section('.debug_info') ? debug : undefined;
  const dwarf = holder && new Dwarf(holder, openSupplementary(holder, folders));
  const packed = elf.section('.symtab') ? undefined : miniDebugInfo(elf);
  const tables = [elf, debug, packed].flatMap((file) => (file ? [file.symbols()] : []));
  return {
    kind,
    name,
    elf,
    buildId: elf.buildId(),
    symbols: tables.reduce((best, table) => (table.count > best.count ? table : best)),
    dwarf,
    close() {
      for (const file of [elf, debug, packed, dwarf?.supplementary?.elf]) file?.close();
    },
  };
}
