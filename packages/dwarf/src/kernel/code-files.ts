// The files with debug information of one kernel and its modules, opened as they are wanted: the kernel's debug vmlinux,
// a module's debug .ko. Type ids of all of them, and of the kernel's BTF, share one space of numbers.
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type Diagnostic, globSource } from '@stapkit/pass';
import { openDebugIndex, openKnownDebugIndex } from '../debug-index/build-index.js';
import { BARRED_PARTS, CODE_START, type CodeMarks, readCodeMarks } from '../debug-index/code-marks.js';
import type { DebugIndex } from '../debug-index/debug-index.js';
import { type DebugSymbols, debugSymbols } from '../debug-index/debug-symbols.js';
import { buildIdPath, DEBUG_FOLDERS, openSupplementary } from '../debuginfo/find.js';
import { Dwarf } from '../dwarf/dwarf.js';
import { STB_GLOBAL, STB_WEAK, STT_FUNC } from '../elf/constants.js';
import { type ElfFile, openElf, spreadSections } from '../elf/elf-file.js';
import { openFileSource } from '../io/byte-source.js';
import { BinaryFault } from '../io/fault.js';
import { toKey } from '../io/parts-file.js';
import { findModuleFile, listModuleFiles, openModuleFile, resolveModuleFile } from './modules.js';
import type { OpenKernelContext } from './open-kernel.js';
import { debugWarning, fetchDebugFile, findKernelElf, type OpenKernelDebugOptions } from './open-kernel-debug.js';

/** Ids of a file's types start at a multiple of this; those of BTF are below it. */
export const FILE_STEP = 2 ** 40;
/** Within a file, ids of .debug_types and of the supplementary file are this far above those of .debug_info. */
const SECTION_STEP = 2 ** 38;
/** The same distance in the ids of `typeIdOf`. */
const INNER_SECTION_STEP = 2 ** 48;

/** The number of the file that a type id is of; 0 for those of BTF. */
export function typeOrdinal(id: number): number {
  return Math.floor(id / FILE_STEP);
}

/** An id for the outside, of one of a file's (see `typeIdOf`). */
export function outerTypeId(ordinal: number, id: number): number {
  if (id === 0) return 0;
  const section = Math.floor(id / INNER_SECTION_STEP);
  return ordinal * FILE_STEP + section * SECTION_STEP + (id - section * INNER_SECTION_STEP);
}

/** A file's own id of an outer one. */
export function innerTypeId(ordinal: number, id: number): number {
  const inside = id - ordinal * FILE_STEP;
  const section = Math.floor(inside / SECTION_STEP);
  return section * INNER_SECTION_STEP + (inside - section * SECTION_STEP);
}

/** How an address is named so that the kernel finds it wherever it was loaded. */
export interface NamedAddress {
  readonly symbol: string;
  readonly offset: number;
}

/** One open file. */
export class CodeFile {
  /** Counts from 1; type ids tell by it which file they are of. */
  readonly ordinal: number;
  /** The module's name; undefined for the kernel itself. */
  readonly module: string | undefined;
  readonly elf: ElfFile;
  readonly dwarf: Dwarf;
  private known: { readonly index: DebugIndex; readonly symbols: DebugSymbols } | undefined;
  private base: { readonly stext: bigint; readonly ranges: readonly UnprobeableRange[] } | undefined;
  private anchors: readonly Anchor[] | undefined;
  private marks: CodeMarks | undefined;
  private blacklist: ReadonlySet<string> | undefined;

  constructor(ordinal: number, module: string | undefined, elf: ElfFile, folders: readonly string[] | undefined) {
    this.ordinal = ordinal;
    this.module = module;
    this.elf = elf;
    this.dwarf = new Dwarf(elf, openSupplementary(elf, folders));
  }

  /** The index, once there is one. */
  get index(): DebugIndex | undefined {
    return this.known?.index;
  }

  get symbols(): DebugSymbols | undefined {
    return this.known?.symbols;
  }

  setIndex(index: DebugIndex): void {
    this.known = { index, symbols: debugSymbols(this.dwarf, index) };
  }

  /** An id for the outside, of one of this file's (see `typeIdOf`). */
  outerType(id: number): number {
    return outerTypeId(this.ordinal, id);
  }

  /** This file's own id of an outer one. */
  innerType(id: number): number {
    return innerTypeId(this.ordinal, id);
  }

  /** Names an address by a symbol that there is only one of. Undefined where no symbol's section holds it. */
  nameOf(address: bigint): NamedAddress | undefined {
    if (this.module === undefined) {
      // The whole kernel is moved in one piece, so its start will do for all of it.
      return { symbol: CODE_START, offset: Number(address - this.kernelBase().stext) };
    }
    this.anchors ??= moduleAnchors(this.elf);
    const anchors = this.anchors;
    let low = 0;
    let high = anchors.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (anchors[middle]!.address <= address) low = middle + 1;
      else high = middle;
    }
    const section = this.elf.sections.find(
      (s) => (s.flags & 4) !== 0 && s.address <= address && address < s.address + BigInt(s.size),
    );
    if (!section) return undefined;
    const anchor = [anchors[low - 1], anchors[low]].find((one) => one?.section === section.index);
    return anchor && { symbol: anchor.name, offset: Number(address - anchor.address) };
  }

  /** Why no probe can be placed at an address, by the part of the kernel it lies in. */
  unprobeable(address: bigint): string | undefined {
    if (this.module !== undefined) return undefined;
    return this.kernelBase().ranges.find((range) => range.start <= address && address < range.end)?.why;
  }

  /** Whether a function was marked as out of bounds to probes (NOKPROBE_SYMBOL). */
  isBlacklisted(name: string): boolean {
    this.blacklist ??= new Set(this.codeMarks().blacklist);
    return this.blacklist.has(name);
  }

  private codeMarks(): CodeMarks {
    this.marks ??= this.index ? this.index.marks() : readCodeMarks(this.elf);
    return this.marks;
  }

  /** The symbol of the function that begins at an address: its name, or what the compiler made of it. */
  symbolOf(address: bigint, name: string): string | undefined {
    return this.index ? (this.index.variantAt(address) ?? name) : this.elf.symbols().functionAt(address)?.name;
  }

  private kernelBase() {
    if (!this.base) {
      const { addresses } = this.codeMarks();
      const at = (name: string) => (addresses[name] === undefined ? undefined : BigInt(addresses[name]));
      const stext = at(CODE_START);
      if (stext === undefined) {
        throw new BinaryFault({ file: this.elf.name, offset: 0 }, `there is no symbol ${CODE_START}`);
      }
      this.base = {
        stext,
        ranges: [
          ...BARRED_PARTS.flatMap(({ start, end, why }) => {
            const [from, to] = [at(start), at(end)];
            return from === undefined || to === undefined ? [] : [{ start: from, end: to, why }];
          }),
          // What is built into the kernel never exits.
          ...this.elf.sections
            .filter((section) => section.name === '.exit.text')
            .map(({ address, size }) => ({ start: address, end: address + BigInt(size), why: 'it is never called' })),
        ],
      };
    }
    return this.base;
  }

  close(): void {
    this.known?.index.close();
    this.elf.close();
    this.dwarf.supplementary?.elf.close();
  }
}

interface UnprobeableRange {
  readonly start: bigint;
  readonly end: bigint;
  readonly why: string;
}

interface Anchor {
  readonly name: string;
  readonly address: bigint;
  readonly section: number;
}

/** A module's function symbols that there is one of, by address. */
function moduleAnchors(elf: ElfFile): Anchor[] {
  const counts = new Map<string, number>();
  const all: (Anchor & { readonly global: boolean })[] = [];
  for (const symbol of elf.symbols()) {
    if (symbol.name === '' || symbol.section === 0) continue;
    counts.set(symbol.name, (counts.get(symbol.name) ?? 0) + 1);
    if (symbol.type !== STT_FUNC) continue;
    const global = symbol.binding === STB_GLOBAL || symbol.binding === STB_WEAK;
    all.push({ name: symbol.name, address: symbol.address, section: symbol.section, global });
  }
  return all
    .filter(({ name }) => counts.get(name) === 1)
    .sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : Number(a.global) - Number(b.global)));
}

export interface CodeFilesOptions extends OpenKernelDebugOptions {
  /** Where the kernel's modules are, the likeliest first: as /lib/modules/RELEASE. */
  readonly modulesFolders?: readonly string[];
  /** The files of modules that are not there, by name; asked each time. */
  readonly moduleFiles?: ReadonlyMap<string, string>;
}

function buildIdOf(path: string): string | undefined {
  const elf = openModuleFile(path);
  const buildId = elf.buildId();
  elf.close();
  return buildId;
}

/** Opens a module's debug file; undefined where it has no debug information. */
function openDebugModule(path: string, diagnostics: Diagnostic[]): ElfFile | undefined {
  try {
    const elf = openElf(openFileSource(path), undefined, { sectionAddress: spreadSections() });
    if (elf.section('.debug_info')) return elf;
    elf.close();
  } catch (error) {
    if (!(error instanceof BinaryFault)) throw error;
    diagnostics.push(debugWarning(error.message));
  }
  return undefined;
}

/** The debug files of one kernel, each opened when it is first wanted. */
export class CodeFiles {
  private readonly options: CodeFilesOptions;
  private readonly files: CodeFile[] = [];
  /** By the module's name, '' for the kernel; null where it was looked for in vain. */
  private readonly byModule = new Map<string, CodeFile | null>();
  private readonly wantedIndexes = new Set<CodeFile>();
  private readonly wantedFiles = new Set<string>();
  private names: readonly string[] | undefined;

  constructor(options: CodeFilesOptions) {
    this.options = options;
  }

  /** Notes that a file is wanted; {@link supply} opens it. */
  want(module: string | undefined): void {
    for (const name of module === undefined ? [''] : this.moduleNames(module)) {
      if (!this.byModule.has(name)) this.wantedFiles.add(name);
    }
  }

  /** Notes that a file's index is wanted. */
  wantIndex(file: CodeFile): void {
    if (!file.index) this.wantedIndexes.add(file);
  }

  /** The file of a module, or of the kernel for undefined, if it is open. */
  file(module: string | undefined): CodeFile | undefined {
    return this.byModule.get(module === undefined ? '' : module.replaceAll('-', '_')) ?? undefined;
  }

  /** The open files that a pattern of modules fits. */
  filesLike(module: string | undefined): CodeFile[] {
    const names = module === undefined ? [''] : this.moduleNames(module);
    return names.flatMap((name) => this.byModule.get(name) ?? []);
  }

  fileOfType(id: number): CodeFile | undefined {
    return this.files[typeOrdinal(id) - 1];
  }

  /** The names of modules that fit a name or pattern. */
  moduleNames(pattern: string): readonly string[] {
    const plain = pattern.replaceAll('-', '_');
    if (!/[*?[]/.test(pattern)) return [plain];
    this.names ??= this.listModules();
    const expression = new RegExp(`^${globSource(toKey(plain))}$`);
    return this.names.filter((name) => expression.test(toKey(name)));
  }

  private listModules(): string[] {
    for (const folder of this.moduleFolders()) {
      const found = listModuleFiles(folder);
      if (found.size > 0) return [...found.keys()].sort();
    }
    return [];
  }

  private moduleFolders(): string[] {
    const { release, folders = DEBUG_FOLDERS, modulesFolders = [] } = this.options;
    return [...modulesFolders, ...folders.map((folder) => join(folder, 'lib/modules', release))];
  }

  /** Whether something was wanted and is not there yet. */
  get wanting(): boolean {
    return this.wantedFiles.size > 0 || this.wantedIndexes.size > 0;
  }

  /**
   * Opens what was wanted since the last time.
   *
   * @returns whether there is more than before, and what stood in the way
   * @throws with `signal.reason` when aborted
   */
  async supply(context: OpenKernelContext = {}): Promise<{ more: boolean; diagnostics: Diagnostic[] }> {
    const diagnostics: Diagnostic[] = [];
    let more = false;
    for (const name of this.wantedFiles) {
      const file = await this.open(name, context, diagnostics);
      this.byModule.set(name, file ?? null);
      if (file) more = true;
    }
    this.wantedFiles.clear();
    for (const file of this.wantedIndexes) {
      file.setIndex(await openDebugIndex(file.dwarf, this.indexOptions(context)));
      more = true;
    }
    this.wantedIndexes.clear();
    return { more, diagnostics };
  }

  private indexOptions(context: OpenKernelContext) {
    const { cacheFolder, workerFile } = this.options;
    return {
      cacheFolder,
      ...(workerFile === undefined ? {} : { workerFile }),
      ...(context.signal === undefined ? {} : { signal: context.signal }),
      ...(context.progress === undefined ? {} : { progress: context.progress }),
    };
  }

  private async open(
    name: string,
    context: OpenKernelContext,
    diagnostics: Diagnostic[],
  ): Promise<CodeFile | undefined> {
    const elf =
      name === ''
        ? await findKernelElf(this.options, context, diagnostics)
        : (this.findModule(name, diagnostics) ?? (await this.fetchModule(name, context, diagnostics)));
    if (!elf) return undefined;
    try {
      const file = new CodeFile(this.files.length + 1, name === '' ? undefined : name, elf, this.options.folders);
      // A module is small enough that looking for one function costs as much as indexing all.
      const index =
        name === ''
          ? openKnownDebugIndex(file.dwarf, this.options.cacheFolder)
          : await openDebugIndex(file.dwarf, this.indexOptions(context));
      if (index) file.setIndex(index);
      this.files.push(file);
      return file;
    } catch (error) {
      elf.close();
      context.signal?.throwIfAborted();
      if (!(error instanceof BinaryFault)) throw error;
      diagnostics.push(debugWarning(error.message));
      return undefined;
    }
  }

  private findModule(name: string, diagnostics: Diagnostic[]): ElfFile | undefined {
    for (const path of this.debugModulePaths(name)) {
      const elf = existsSync(path) ? openDebugModule(path, diagnostics) : undefined;
      if (elf) return elf;
    }
    return undefined;
  }

  /** A module's debug file from the servers, by the build id of the module that is here. */
  private async fetchModule(
    name: string,
    context: OpenKernelContext,
    diagnostics: Diagnostic[],
  ): Promise<ElfFile | undefined> {
    const file = this.options.debuginfodUrls ? this.moduleFile(name) : undefined;
    const buildId = file === undefined ? undefined : buildIdOf(file);
    const path = await fetchDebugFile(buildId, this.options, context, diagnostics);
    return path === undefined ? undefined : openDebugModule(path, diagnostics);
  }

  /** The file of a module as it is loaded. */
  private moduleFile(name: string): string | undefined {
    const own = this.options.moduleFiles?.get(name);
    if (own !== undefined) return own;
    for (const folder of this.options.modulesFolders ?? []) {
      const listed = findModuleFile(folder, name);
      const file = listed === undefined ? undefined : resolveModuleFile(listed);
      if (file !== undefined) return file;
    }
    return undefined;
  }

  /** Where a module's debug file may be: debug packages keep the modules' own tree below theirs. */
  private *debugModulePaths(name: string): Generator<string> {
    const { folders = DEBUG_FOLDERS, modulesFolders = [], release } = this.options;
    const own = this.options.moduleFiles?.get(name);
    if (own !== undefined) {
      // A module that was named by its path has its debug information in it, beside it, or by its build id.
      yield own;
      yield* this.byBuildId(own);
      return;
    }
    for (const folder of modulesFolders) {
      const listed = findModuleFile(folder, name);
      if (listed === undefined) continue;
      const inside = relative(folder, listed).replace(/\.(?:gz|xz|zst)$/, '');
      for (const debug of folders) yield join(debug, 'lib/modules', release, inside);
      const file = resolveModuleFile(listed);
      if (file !== undefined) yield* this.byBuildId(file);
      // A module of one's own is built with its debug information in it.
      yield listed;
    }
    for (const debug of folders) {
      const found = listModuleFiles(join(debug, 'lib/modules', release)).get(name);
      if (found !== undefined) yield found;
    }
  }

  private *byBuildId(path: string): Generator<string> {
    const buildId = buildIdOf(path);
    if (buildId === undefined) return;
    for (const folder of this.options.folders ?? DEBUG_FOLDERS) yield buildIdPath(folder, buildId);
  }

  /** Closes all files. */
  close(): void {
    for (const file of this.files) file.close();
  }
}
