// Files that are never half-written: everything goes to a temporary name first and is renamed into place.
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Writes a file so that readers see the old one, the new one, or none, but never a part.
 *
 * @throws Node's error; nothing is left behind then
 */
export function writeAtomically(path: string, content: string | Uint8Array, mode = 0o644): void {
  const temporary = join(dirname(path), `.tmp-${process.pid}-${randomBytes(6).toString('hex')}`);
  try {
    writeFileSync(temporary, content, { mode, flag: 'wx' });
    renameSync(temporary, path);
  } catch (error) {
    if (existsSync(temporary)) rmSync(temporary, { force: true });
    throw error;
  }
}

/**
 * Makes a temporary folder whose path holds neither blanks nor characters that make(1) or a shell would read as theirs:
 * Kbuild can't build below such a path.
 */
export function makeTemporaryFolder(prefix: string): string {
  const base = /^[\w/.+-]+$/.test(tmpdir()) ? tmpdir() : '/tmp';
  return mkdtempSync(join(base, prefix));
}

/** Removes a folder with everything in it; one that is already gone is fine. */
export function removeFolder(path: string): void {
  if (existsSync(path)) rmSync(path, { recursive: true, force: true, maxRetries: 3 });
}

/**
 * Holds a lock file while something is done, so that of several builders of one thing only one works and the others
 * wait. A lock whose owner is dead is taken over. It saves work; it isn't what keeps files whole.
 *
 * @param path the lock file
 * @param done says that waiting is over because somebody else has finished the work
 * @param work is run while the lock is held
 * @returns what `work` gave, or undefined where `done` became true first
 */
export async function withLock<T>(
  path: string,
  done: () => boolean,
  work: () => Promise<T>,
  signal: AbortSignal,
): Promise<T | undefined> {
  mkdirSync(dirname(path), { recursive: true });
  const mark = `${process.pid} ${bootTicks(process.pid) ?? ''} ${randomBytes(6).toString('hex')}`;
  for (;;) {
    signal.throwIfAborted();
    if (tryCreate(path, mark)) break;
    if (done()) return undefined;
    if (isStale(path)) {
      // Two waiters may both see the stale lock; the worst is that both build, and the last rename wins.
      rmSync(path, { force: true });
      continue;
    }
    await sleep(50, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
  try {
    return done() ? undefined : await work();
  } finally {
    try {
      if (readFileSync(path, 'utf8') === mark) unlinkSync(path);
    } catch {
      // Somebody took it for stale, or cleaned the cache.
    }
  }
}

function tryCreate(path: string, mark: string): boolean {
  try {
    const file = openSync(path, 'wx', 0o644);
    writeFileSync(file, mark);
    closeSync(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function isStale(path: string): boolean {
  try {
    const [pid, ticks] = readFileSync(path, 'utf8').split(' ');
    // An empty file is a lock that is being written just now.
    return pid !== undefined && pid !== '' && ticks !== undefined && bootTicks(Number(pid)) !== ticks;
  } catch {
    return false;
  }
}

/** When a process was started, in clock ticks since boot (proc(5), field 22): tells a reused pid from its predecessor. */
function bootTicks(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
