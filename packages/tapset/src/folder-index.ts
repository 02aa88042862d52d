// The index of one tapset folder: each file with the names it defines. The shipped folder's index is made when the
// package is built; other folders' indexes are made on first use and kept in the cache. An index is good as long as
// every file has the size that was seen and none is younger than the index. Where whoever opens the tapset has built the
// index together with the files, as the command line has, it is taken as it is: looking at hundreds of files takes longer
// than everything else that is done with the index.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DefinedNames, scanNames } from './scan-names.js';

/** Raised when the scan or the layout below changes, so that old cache entries are not read. */
const INDEX_VERSION = 2;

export interface IndexedFile extends DefinedNames {
  /** Relative to the folder, with `/`. */
  readonly path: string;
  /** In bytes. */
  readonly size: number;
}

export interface FolderIndex {
  readonly version: number;
  readonly files: readonly IndexedFile[];
}

interface SeenFile {
  readonly path: string;
  readonly size: number;
  readonly modified: number;
}

/**
 * Lists the script and macro files of a folder, sorted by path.
 *
 * @throws the file system's error where the folder can't be read
 */
function listFiles(folder: string): SeenFile[] {
  const files: SeenFile[] = [];
  const visit = (relative: string, depth: number): void => {
    for (const entry of readdirSync(join(folder, relative), { withFileTypes: true })) {
      const path = relative === '' ? entry.name : `${relative}/${entry.name}`;
      // Tapset folders nest by version and architecture only; deeper trees are somebody's sources.
      if (entry.isDirectory()) {
        if (depth < 4 && !entry.name.startsWith('.')) visit(path, depth + 1);
        continue;
      }
      if (!entry.name.endsWith('.stp') && !entry.name.endsWith('.stpm')) continue;
      const facts = statSync(join(folder, path), { throwIfNoEntry: false });
      if (facts?.isFile()) files.push({ path, size: facts.size, modified: facts.mtimeMs });
    }
  };
  visit('', 0);
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/**
 * Makes a folder's index by scanning every file.
 *
 * @throws the file system's error where the folder can't be read
 */
export function buildFolderIndex(folder: string, files: readonly { path: string; size: number }[] = listFiles(folder)) {
  const indexed: IndexedFile[] = files.map(({ path, size }) => ({
    path,
    size,
    ...scanNames(readFileSync(join(folder, path), 'latin1')),
  }));
  return { version: INDEX_VERSION, files: indexed } satisfies FolderIndex;
}

/**
 * Gives a folder's index: the prebuilt one or the cached one where it is still good, else a new one, which is then
 * written to the cache. A cache that can't be written costs time, nothing else.
 *
 * @param folder the tapset folder
 * @param places `prebuilt` is the index file that ships with the folder, `trusted` where the two belong together for
 *   sure; `cacheFolder` takes the others
 * @throws the file system's error where the folder can't be read
 */
export function folderIndex(
  folder: string,
  places: { prebuilt?: string; trusted?: boolean; cacheFolder?: string },
): FolderIndex {
  if (places.prebuilt !== undefined && places.trusted) {
    const index = readIndex(places.prebuilt, undefined);
    if (index) return index;
  }
  const files = listFiles(folder);
  const cached =
    places.cacheFolder === undefined
      ? undefined
      : join(places.cacheFolder, 'tapset', `${createHash('sha256').update(folder).digest('hex').slice(0, 32)}.json`);
  for (const candidate of [places.prebuilt, cached]) {
    const index = candidate === undefined ? undefined : readIndex(candidate, files);
    if (index) return index;
  }
  const index = buildFolderIndex(folder, files);
  if (cached !== undefined) writeIndex(cached, index);
  return index;
}

function readIndex(path: string, files: readonly SeenFile[] | undefined): FolderIndex | undefined {
  try {
    const index = JSON.parse(readFileSync(path, 'utf8')) as FolderIndex;
    if (index.version !== INDEX_VERSION) return undefined;
    if (files === undefined) return index;
    const { mtimeMs } = statSync(path);
    if (index.files.length !== files.length) return undefined;
    for (const [at, file] of files.entries()) {
      const known = index.files[at]!;
      if (known.path !== file.path || known.size !== file.size || file.modified > mtimeMs) return undefined;
    }
    return index;
  } catch {
    // Missing or damaged: it is made anew.
    return undefined;
  }
}

/** Writes an index so that a reader sees the old one or the new one, never half of it. Faults are ignored. */
function writeIndex(path: string, index: FolderIndex): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(temporary, JSON.stringify(index));
    renameSync(temporary, path);
  } catch {
    try {
      rmSync(temporary, { force: true });
    } catch {
      // The folder itself is unwritable; there is nothing to clean up.
    }
  }
}
