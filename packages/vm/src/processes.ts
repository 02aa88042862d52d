// Small facts about processes and files that several parts need: who holds a lock, where a command lies.

import { readFileSync } from 'node:fs';
import { access, constants, link, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** How long breaking a stale lock can take at most. */
const BREAK_LIMIT_MS = 5000;

/** A process, told apart from a later one with the same number by the time it started. */
export interface ProcessIdentity {
  readonly pid: number;
  /** In clock ticks since boot: field 22 of /proc/PID/stat (proc(5)). */
  readonly startTime: string;
}

/** Reads when a process started; undefined where there is no such process, or only its remains (a zombie). */
export function startTimeOf(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // The second field, the command in parentheses, may hold spaces and parentheses itself.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
}

/** The identity of a running process. */
export function identify(pid: number): ProcessIdentity | undefined {
  const startTime = startTimeOf(pid);
  return startTime === undefined ? undefined : { pid, startTime };
}

/** True while that very process runs. */
export function isAlive(identity: ProcessIdentity): boolean {
  return startTimeOf(identity.pid) === identity.startTime;
}

/** Sends a signal to that very process; does nothing where it has ended. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isAlive(identity)) return;
  try {
    process.kill(identity.pid, signal);
  } catch {
    // It ended between the two lines.
  }
}

/** Finds a command in a search path; undefined where there is none. */
export async function findCommand(name: string, searchPath: string | undefined): Promise<string | undefined> {
  const folders = (searchPath || '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin').split(delimiter);
  const candidates = name.includes('/') ? [name] : folders.filter(Boolean).map((folder) => join(folder, name));
  for (const candidate of candidates) {
    try {
      await access(candidate, constants.X_OK);
      return candidate;
    } catch {
      // Not here.
    }
  }
  return undefined;
}

/** A lock that was taken. */
export interface FileLock {
  release(): Promise<void>;
}

/**
 * Takes a lock file for this process. A lock whose process has ended is taken over.
 *
 * @returns the lock, or the identity of the process that holds it
 */
export async function takeLock(path: string): Promise<FileLock | ProcessIdentity> {
  const self = identify(process.pid)!;
  const unique = `${path}.${self.pid}.${Math.random().toString(36).slice(2)}`;
  await writeFile(unique, `${self.pid} ${self.startTime}\n`, { mode: 0o600 });
  try {
    for (;;) {
      try {
        // A link appears with its content and fails where there is one: no moment with an empty lock.
        await link(unique, path);
        return { release: () => rm(path, { force: true }) };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const holder = await readLock(path);
      if (holder && isAlive(holder)) return holder;
      await breakLock(path, unique);
    }
  } finally {
    await rm(unique, { force: true });
  }
}

/** Tells a lock that was taken from the holder that has it instead. */
export function isLock(result: FileLock | ProcessIdentity): result is FileLock {
  return 'release' in result;
}

async function readLock(path: string): Promise<ProcessIdentity | undefined> {
  try {
    const [pid, startTime] = (await readFile(path, 'latin1')).trim().split(' ');
    return pid && startTime ? { pid: Number(pid), startTime } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Removes a lock whose process has ended. Only one process at a time may do so, or a slow one would remove the lock that
 * a quick one has taken meanwhile; so it takes a lock of its own, for a moment that nothing can make long.
 */
async function breakLock(path: string, unique: string): Promise<void> {
  const breaker = `${path}.break`;
  try {
    await link(unique, breaker);
  } catch {
    // Another breaks it. One that was killed meanwhile is known by its age.
    const age = await stat(breaker)
      .then((facts) => Date.now() - facts.ctimeMs)
      .catch(() => 0);
    if (age > BREAK_LIMIT_MS) await rm(breaker, { force: true });
    await new Promise((again) => setTimeout(again, 5));
    return;
  }
  try {
    const holder = await readLock(path);
    if (!holder || !isAlive(holder)) await rm(path, { force: true });
  } finally {
    await rm(breaker, { force: true });
  }
}
