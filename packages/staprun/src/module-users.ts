// Which processes hold a module's files open.
import { readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { PROC_FOLDER } from './kernel-port.js';

/**
 * Finds the processes that have the control or trace file of a module open, ourselves left out.
 *
 * @param name the module's name
 * @returns their pids; those we may not look into are not found
 */
export async function moduleUsers(name: string): Promise<number[]> {
  const folder = `${join(PROC_FOLDER, name)}/`;
  const users: number[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const descriptor of descriptors) {
      const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '');
      if (target.startsWith(folder)) {
        users.push(Number(pid));
        break;
      }
    }
  }
  return users;
}
