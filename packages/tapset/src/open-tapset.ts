// Opens the tapset: the `-I` folders and the shipped one as one library, from which a script takes only the files whose
// names it uses. Nothing but the indexes is read until then.
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodeScript, type LibraryFile, type ReferencedNames, type ScriptLibrary } from '@stapkit/parser';
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
  /** The shipped folder and its index where they are not beside this file, as in a bundle. */
  readonly shipped?: { readonly folder: string; readonly index: string };
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
  readonly path: string;
  readonly folder: number;
  readonly names: IndexedFile;
}

/**
 * Opens the tapset folders for one kernel. In each folder the version and architecture subfolders are searched too, and
 * a more specific file stands in for a less specific one of the same name.
 *
 * @returns the library; a folder that can't be read is a warning and counts as empty
 */
export async function openTapset(options: TapsetOptions): Promise<Outcome<Tapset>> {
  const diagnostics: Diagnostic[] = [];
  const files: TapsetFile[] = [];
  const shipped = options.shipped ?? { folder: tapsetFolder, index: tapsetIndexFile };
  const subfolders = searchFolders(options.kernelRelease, options.architecture);
  for (const [number, folder] of options.folders.entries()) {
    try {
      const index = folderIndex(folder, {
        cacheFolder: options.cacheFolder,
        ...(folder === shipped.folder ? { prebuilt: shipped.index } : {}),
      });
      const seen = new Set<string>();
      const byFolder = groupBy(index.files, (file) => folderOf(file.path));
      for (const subfolder of subfolders) {
        for (const file of byFolder.get(subfolder) ?? []) {
          const name = basename(file.path);
          if (seen.has(name)) continue;
          seen.add(name);
          files.push({ path: join(folder, file.path), folder: number, names: file });
        }
      }
    } catch (error) {
      diagnostics.push(cannotReadFolder(folder, error));
    }
  }
  return { value: libraryOf(files), diagnostics };
}

function folderOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '' : path.slice(0, slash);
}

function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group) group.push(item);
    else groups.set(key(item), [item]);
  }
  return groups;
}

function libraryOf(files: readonly TapsetFile[]): Tapset {
  const scripts = files.filter((file) => file.path.endsWith('.stp'));
  const functions = definers(scripts, (names) => names.functions);
  const globals = definers(scripts, (names) => names.globals);
  const probes = definers(scripts, (names) => names.probes);
  const macros = definers(
    files.filter((file) => file.path.endsWith('.stpm')),
    (names) => names.macros,
  );
  const texts = new Map<string, LibraryFile>();
  const read = (file: TapsetFile): LibraryFile => {
    let known = texts.get(file.path);
    if (!known) {
      known = { name: file.path, text: decodeScript(readFileSync(file.path)) };
      texts.set(file.path, known);
    }
    return known;
  };
  const tables = { function: functions, variable: globals, probe: probes, macro: macros };
  const matchingProbes = (pattern: string): string[] => {
    if (!pattern.includes('*')) {
      // Without wildcards only the prefixes of the name can match, which saves a walk over thousands of aliases.
      const parts = pattern.split('.');
      const found: string[] = [];
      for (let count = 1; count <= parts.length; count++) {
        const prefix = parts.slice(0, count).join('.');
        if (probes.has(prefix)) found.push(prefix);
      }
      return found;
    }
    const parts = pattern.split('.').map(globOf);
    return [...probes.keys()].filter((name) => matchesAlias(name.split('.'), parts));
  };
  return {
    filesFor(names: ReferencedNames): readonly LibraryFile[] {
      const found = new Set<TapsetFile>();
      for (const name of names.functions) for (const file of functions.get(name) ?? []) found.add(file);
      for (const name of names.variables) for (const file of globals.get(name) ?? []) found.add(file);
      for (const pattern of names.probes) {
        for (const name of matchingProbes(pattern)) for (const file of probes.get(name) ?? []) found.add(file);
      }
      return [...found].map(read);
    },
    macro(name: string): LibraryFile | undefined {
      const file = macros.get(name)?.[0];
      return file && read(file);
    },
    nearest(kind, name) {
      return similarNames(name, tables[kind].keys());
    },
    allFiles: () => scripts.map(read),
    names: (kind) => [...tables[kind].keys()].sort(),
    matchingProbes,
  };
}

/** Names → the files that define them, of the first folder that does: `-I` folders override what is shipped. */
function definers(
  files: readonly TapsetFile[],
  select: (names: IndexedFile) => readonly string[],
): Map<string, TapsetFile[]> {
  const table = new Map<string, TapsetFile[]>();
  for (const file of files) {
    for (const name of select(file.names)) {
      const known = table.get(name);
      if (!known) table.set(name, [file]);
      else if (known[0]!.folder === file.folder) known.push(file);
    }
  }
  return table;
}

function globOf(part: string): RegExp | '**' {
  if (part.includes('**')) return '**';
  return new RegExp(`^${part.replace(/[.+^${}()|[\]\\?]/g, '\\$&').replace(/\*/g, '.*')}$`);
}

/** An alias matches where all its parts do; what is left of the pattern is a suffix for the points behind the alias. */
function matchesAlias(name: readonly string[], pattern: readonly (RegExp | '**')[]): boolean {
  for (const [index, part] of name.entries()) {
    const glob = pattern[index];
    if (glob === '**') return true;
    if (!glob?.test(part)) return false;
  }
  return true;
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
