// Built modules, and what pass 3 gave for them, kept by their content: the same script for the same kernel and runtime is not compiled twice. An entry
// is a .ko and, beside it, a checksum; a pair that doesn't fit together is as good as none. The cache's size is bounded
// as stap(1), "CACHING", says: `cache_mb_limit` and `cache_clean_interval_s` in the cache folder hold plain integers.
import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { writeAtomically } from './files.js';

/** SystemTap's defaults. */
const DEFAULT_LIMIT_MIB = 256;
const DEFAULT_INTERVAL_SECONDS = 300;

/** Where an entry's module lies. */
export function entryPath(cacheFolder: string, key: string, name: string): string {
  return join(cacheFolder, 'modules', key.slice(0, 2), `${name}.ko`);
}

/**
 * Reads an entry.
 *
 * @returns the module's bytes, or undefined where there is no entry or it is damaged
 */
export function readEntry(path: string): Buffer | undefined {
  try {
    const bytes = readOwn(path);
    if (bytes === undefined || readFileSync(`${path}.sum`, 'latin1') !== checksum(bytes)) return undefined;
    // The time of the last use is what cleaning goes by.
    const now = new Date();
    try {
      utimesSync(path, now, now);
    } catch {
      // A cache that can only be read still serves.
    }
    return bytes;
  } catch {
    return undefined;
  }
}

/**
 * Reads a file that belongs to us or to root. The folder has been looked at, but in another user's home that user can put
 * another in its place afterwards; a file of root's or of ours can't be made by anybody else.
 */
function readOwn(path: string): Buffer | undefined {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const { uid, mode } = fstatSync(fd);
    return (uid === 0 || uid === process.getuid?.()) && (mode & 0o002) === 0 ? readFileSync(fd) : undefined;
  } finally {
    closeSync(fd);
  }
}

/**
 * Keeps a module.
 *
 * @throws Node's error where the folder can't be written; no half of a file is left then
 */
export function writeEntry(path: string, bytes: Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  writeAtomically(path, bytes);
  try {
    writeAtomically(`${path}.sum`, checksum(bytes));
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  }
}

function checksum(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** What cleaning did. */
export interface CleanResult {
  readonly removed: number;
  /** Bytes that are left. */
  readonly bytes: number;
}

/**
 * Removes the entries that were not used for longest until the cache keeps its limit; also temporary files that a
 * killed run left behind.
 *
 * @param force clean even where the last cleaning is younger than the interval
 * @returns what was done, or undefined where it wasn't time yet
 */
export function cleanCache(cacheFolder: string, force = false): CleanResult | undefined {
  const limit = readSetting(join(cacheFolder, 'cache_mb_limit'), DEFAULT_LIMIT_MIB) * 1024 * 1024;
  const interval = readSetting(join(cacheFolder, 'cache_clean_interval_s'), DEFAULT_INTERVAL_SECONDS) * 1000;
  const mark = join(cacheFolder, 'cache_last_cleaned');
  const last = modified(mark);
  if (!force && last !== undefined && Date.now() - last < interval) return undefined;
  try {
    writeFileSync(mark, '');
    utimesSync(mark, new Date(), new Date());
  } catch {
    return undefined;
  }
  const entries: { paths: string[]; bytes: number; used: number }[] = [];
  for (const { folder, name } of filesBelow(['modules', 'units', 'sources'].map((part) => join(cacheFolder, part)))) {
    const path = join(folder, name);
    try {
      const { size, mtimeMs } = statSync(path);
      if (name.startsWith('.tmp-')) {
        // Nobody writes a file for an hour.
        if (Date.now() - mtimeMs > HOUR) rmSync(path, { force: true });
      } else if (!name.endsWith('.sum')) entries.push({ paths: [path, `${path}.sum`], bytes: size, used: mtimeMs });
    } catch {
      // Another run is cleaning too.
    }
  }
  sweepRuntimes(join(cacheFolder, 'runtime'));
  entries.sort((a, b) => a.used - b.used);
  let bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  let removed = 0;
  for (const entry of entries) {
    if (bytes <= limit) break;
    for (const path of entry.paths) rmSync(path, { force: true });
    bytes -= entry.bytes;
    removed += 1;
  }
  return { removed, bytes };
}

const HOUR = 3_600_000;
/** Runtimes of kernels, and of versions of ours, that nobody has used for so long are gone for good. */
const RUNTIME_LIFE = 30 * 24 * HOUR;

/** Removes runtimes that were not used for a month, and what killed builds left behind. */
function sweepRuntimes(folder: string): void {
  for (const name of list(folder)) {
    const path = join(folder, name);
    const isRest = name.startsWith('.tmp-') || name.endsWith('.lock');
    const used = modified(isRest ? path : join(path, 'archive.json')) ?? modified(path);
    if (used === undefined || Date.now() - used < (isRest ? HOUR : RUNTIME_LIFE)) continue;
    rmSync(path, { recursive: true, force: true });
  }
}

function* filesBelow(folders: readonly string[]): Generator<{ folder: string; name: string }> {
  for (const top of folders) {
    for (const sub of list(top)) {
      const folder = join(top, sub);
      for (const name of list(folder)) yield { folder, name };
    }
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Reads a setting; one that is missing is written with its default, as SystemTap does. */
function readSetting(path: string, byDefault: number): number {
  try {
    const value = Number.parseInt(readFileSync(path, 'latin1'), 10);
    return Number.isFinite(value) && value >= 0 ? value : byDefault;
  } catch {
    try {
      writeAtomically(path, `${byDefault}\n`);
    } catch {
      // The default holds without the file.
    }
    return byDefault;
  }
}

function modified(path: string): number | undefined {
  try {
    return statSync(path).mtimeMs;
  } catch {
    return undefined;
  }
}
