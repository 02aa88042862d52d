// Opens the tapset: the `-I` folders and the shipped one as one library, from which a script takes only the files whose
// names it uses. Nothing but the indexes is read until then.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type Dotted,
  DottedTree,
  decodeScript,
  dotted,
  type LibraryFile,
  mayReach,
  type ReferencedNames,
  type ScriptLibrary,
} from '@stapkit/parser';
import { type Diagnostic, editDistance, type Outcome } from '@stapkit/pass';
import { cannotReadFolder } from './diagnostics.js';
import { folderIndex, type IndexedFile } from './folder-index.js';
import { searchFolders } from './search-path.js';

/** The shipped `.stp` files. */
export const tapsetFolder: string = fileURLToPath(new URL('../stp', import.meta.url));

/** The shipped folder's index, made when the package is built. */
export const tapsetIndexFile: string = fileURLToPath(new URL('../dist/index.json', import.meta.url));

export interface TapsetOptions {
  /** `-I` folders first, in their order; the shipped one last. */
  readonly folders: readonly string[];
  /** As `uname -r` prints it. */
  readonly kernelRelease: string;
  /** SystemTap's name: `x86_64`, `arm64`, … */
  readonly architecture: string;
  /** Where indexes of folders other than the shipped one are kept; without it they are made on every run. */
  readonly cacheFolder?: string;
  /**
   * The shipped folder and its index where they are not beside this file, as in a bundle. `trusted` says that the index
   * was made of the very files that are there: they are not looked at then.
   */
  readonly shipped?: { readonly folder: string; readonly index: string; readonly trusted?: boolean };
}

/** A library that can also be listed whole, for `--dump-functions`, `--dump-probe-aliases` and the reference docs. */
export interface Tapset extends ScriptLibrary {
  /** Every script file in force for the kernel, with its text. */
  allFiles(): LibraryFile[];
  /** Every name of one kind, sorted. */
  names(kind: 'function' | 'variable' | 'probe' | 'macro'): readonly string[];
  /** The alias names that match a probe point of dotted names with `*` and `**`. */
  matchingProbes(pattern: string): readonly string[];
}

interface TapsetFile {
  /** The index's number in the search path, and its folder. */
  readonly number: number;
  /** The subfolder's number, over all folders: less is more specific. */
  readonly rank: number;
  readonly folder: string;
  readonly names: IndexedFile;
}

/**
 * Opens the tapset folders for one kernel. In each folder the version and architecture subfolders are searched too:
 * a function, global or macro of a more specific one overrides a less specific one, an alias has points of all of them.
 *
 * @returns the library; a folder that can't be read is a warning and counts as empty
 */
export async function openTapset(options: TapsetOptions): Promise<Outcome<Tapset>> {
  const diagnostics: Diagnostic[] = [];
  const files: TapsetFile[] = [];
  const shipped: NonNullable<TapsetOptions['shipped']> = options.shipped ?? {
    folder: tapsetFolder,
    index: tapsetIndexFile,
  };
  const subfolders = searchFolders(options.kernelRelease, options.architecture);
  for (const [number, folder] of options.folders.entries()) {
    try {
      const index = folderIndex(folder, {
        cacheFolder: options.cacheFolder,
        ...(folder === shipped.folder ? { prebuilt: shipped.index, trusted: shipped.trusted === true } : {}),
      });
      const bySubfolder = groupBy(index.files, (file) => folderOf(file.path));
      for (const [at, subfolder] of subfolders.entries()) {
        const rank = number * subfolders.length + at;
        for (const file of bySubfolder.get(subfolder) ?? []) files.push({ number, rank, folder, names: file });
      }
    } catch (error) {
      diagnostics.push(cannotReadFolder(folder, error));
    }
  }
  const overrides = options.folders.some((folder) => folder !== shipped.folder);
  return { value: libraryOf(files, overrides), diagnostics };
}

function folderOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '' : path.slice(0, slash);
}

function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const name = key(item);
    const group = groups.get(name);
    if (group) group.push(item);
    else groups.set(name, [item]);
  }
  return groups;
}

function libraryOf(files: readonly TapsetFile[], hasOverrides: boolean): Tapset {
  const scripts = files.filter((file) => file.names.path.endsWith('.stp'));
  const macroFiles = files.filter((file) => file.names.path.endsWith('.stpm'));
  // Made when they are first asked for: a script without library macros needs no table of macros.
  const functions = once(() => definers(scripts, (names) => names.functions));
  const globals = once(() => definers(scripts, (names) => names.globals));
  const probes = once(() => definers(scripts, (names) => names.probes, 'number'));
  const macros = once(() => definers(macroFiles, (names) => names.macros));
  const points = once(() => {
    const table = new DottedTree<Dotted>();
    for (const name of probes().keys()) {
      const point = dotted(name);
      table.add(point, point);
    }
    return table;
  });
  const overriddenIn = (file: TapsetFile): NonNullable<LibraryFile['overridden']> => ({
    functions: file.names.functions.filter((name) => !functions().get(name)?.includes(file)),
    probes: file.names.probes.filter((name) => !probes().get(name)?.includes(file)),
  });
  const texts = new Map<TapsetFile, LibraryFile>();
  const read = (file: TapsetFile): LibraryFile => {
    let known = texts.get(file);
    if (!known) {
      const path = join(file.folder, file.names.path);
      const text = decodeScript(readFileSync(path));
      // What is shipped overrides nothing of its own; the tables take time.
      known = { name: path, text, ...(hasOverrides ? { overridden: overriddenIn(file) } : {}) };
      texts.set(file, known);
    }
    return known;
  };
  const tables = { function: functions, variable: globals, probe: probes, macro: macros };
  const matchingProbes = (pattern: string): string[] => {
    const found: string[] = [];
    if (!pattern.includes('*')) {
      // Without wildcards only the prefixes of the name can match, which saves a walk over thousands of aliases.
      for (let dot = pattern.indexOf('.'); ; dot = pattern.indexOf('.', dot + 1)) {
        const prefix = dot === -1 ? pattern : pattern.slice(0, dot);
        if (probes().has(prefix)) found.push(prefix);
        if (dot === -1) return found;
      }
    }
    const wanted = dotted(pattern);
    for (const name of points().near(wanted)) if (mayReach(wanted, name)) found.push(name.text);
    return found;
  };
  return {
    filesFor(names: ReferencedNames): readonly LibraryFile[] {
      const found = new Set<TapsetFile>();
      for (const name of names.functions) for (const file of functions().get(name) ?? []) found.add(file);
      for (const name of names.variables) for (const file of globals().get(name) ?? []) found.add(file);
      for (const pattern of names.probes) {
        for (const name of matchingProbes(pattern)) for (const file of probes().get(name) ?? []) found.add(file);
      }
      return [...found].map(read);
    },
    macro(name: string): LibraryFile | undefined {
      const file = macros().get(name)?.[0];
      return file && read(file);
    },
    nearest(kind, name) {
      return similarNames(name, tables[kind]().keys());
    },
    allFiles: () => scripts.map(read),
    names: (kind) => [...tables[kind]().keys()].sort(),
    matchingProbes,
  };
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/**
 * Names → the files that define them: of the first folder that does, so that `-I` folders override what is shipped, and
 * of its most specific subfolder, where that makes a difference.
 */
function definers(
  files: readonly TapsetFile[],
  select: (names: IndexedFile) => readonly string[],
  within: 'rank' | 'number' = 'rank',
): Map<string, TapsetFile[]> {
  const table = new Map<string, TapsetFile[]>();
  for (const file of files) {
    for (const name of select(file.names)) {
      const known = table.get(name);
      if (!known) table.set(name, [file]);
      else if (known[0]![within] === file[within]) known.push(file);
    }
  }
  return table;
}

/** The five nearest names; two swapped letters are a distance of 2, so even short names get that much. */
function similarNames(name: string, candidates: Iterable<string>): string[] {
  const limit = Math.max(2, Math.floor(name.length / 3));
  const scored: { readonly candidate: string; readonly distance: number }[] = [];
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - name.length) > limit) continue;
    const distance = editDistance(name, candidate, limit);
    if (distance <= limit) scored.push({ candidate, distance });
  }
  scored.sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1));
  return scored.slice(0, 5).map((entry) => entry.candidate);
}
