// Which processes hold a module's files open.
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { asRoot } from './as-root.js';
import { PROC_FOLDER } from './kernel-port.js';

/**
 * Finds the processes that have the control or trace file of a module open, ourselves left out.
 *
 * @param name the module's name
 * @returns their pids; those we may not look into are not found
 */
export function moduleUsers(name: string): number[] {
  const folder = `${join(PROC_FOLDER, name)}/`;
  return asRoot(() =>
    readdirSync('/proc')
      .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid && holdsFileIn(folder, pid))
      .map(Number),
  );
}

function holdsFileIn(folder: string, pid: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((descriptor) =>
      linkOf(`/proc/${pid}/fd/${descriptor}`).startsWith(folder),
    );
  } catch {
    // It has ended, or is not ours to look into.
    return false;
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
