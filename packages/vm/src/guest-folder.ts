// A guest's folder: its sockets, console and, for a guest that is kept, the state by which others find it. All of it is
// for its owner alone (0700): whoever reaches the sockets is root in the guest and reads the host's files as the owner.
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { faults } from './diagnostics.js';
import { writeWhole } from './files.js';
import { type FileLock, isAlive, isLock, type ProcessIdentity, takeLock } from './processes.js';

/** What is known of a guest that runs; `state.json` in its folder. */
export interface GuestState {
  readonly version: 1;
  readonly release: string;
  /** QEMU's process. */
  readonly process: ProcessIdentity;
  readonly ports: number;
  /** Holds the sockets `0`, `1`, …; the guest's folder itself, unless its path is too long for a socket. */
  readonly socketFolder: string;
  readonly memoryMb: number;
  readonly cpus: number;
  readonly accelerator: 'tcg' | 'kvm';
  /** Switches itself off after so long without a client; 0 for never. */
  readonly idleSeconds: number;
  readonly writableFolders: readonly string[];
  /** ISO 8601. */
  readonly startedAt: string;
}

const TEMPORARY_PREFIX = 'stapkit-vm-';
/** sockaddr_un holds 107 bytes and a NUL; a socket's name takes three. */
const MAX_SOCKET_FOLDER = 100;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The folder that kept guests live below: `$XDG_RUNTIME_DIR/stapkit/vm`, or `vm/guests` in the cache where there is no
 * runtime folder.
 */
export function guestsFolder(cacheFolder: string, env: Environment): string {
  const runtime = env['XDG_RUNTIME_DIR'];
  return runtime ? join(runtime, 'stapkit', 'vm') : join(cacheFolder, 'vm', 'guests');
}

/** Makes a folder that only its owner may enter. */
export async function makePrivateFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const facts = await stat(folder);
    if (process.getuid && facts.uid !== process.getuid()) throw new Error('it belongs to somebody else');
    if (facts.mode & 0o077) throw new Error('others may enter it; chmod 700 it');
  } catch (error) {
    throw faults.unwritable(folder, error);
  }
}

/** Makes a folder for a guest that ends with this process. Its name tells whose it is, for `sweepTemporaryFolders`. */
export async function makeTemporaryFolder(owner: ProcessIdentity): Promise<string> {
  const prefix = join(shortTemporaryFolder(), `${TEMPORARY_PREFIX}${owner.pid}-${owner.startTime}-`);
  try {
    return await mkdtemp(prefix);
  } catch (error) {
    throw faults.unwritable(prefix, error);
  }
}

function shortTemporaryFolder(): string {
  const folder = tmpdir();
  return folder.length > 60 ? '/tmp' : folder;
}

/** Removes the folders of guests whose owner was killed before it could. */
export async function sweepTemporaryFolders(): Promise<void> {
  const parent = shortTemporaryFolder();
  for (const name of await readdir(parent).catch(() => [])) {
    const match = /^stapkit-vm-(\d+)-(\d+)-/.exec(name);
    if (!match || isAlive({ pid: Number(match[1]), startTime: match[2]! })) continue;
    // Somebody else's folder can't be removed, and need not be.
    await rm(join(parent, name), { recursive: true, force: true }).catch(() => {});
  }
}

/** Where the sockets of a kept guest go: its folder, or where that path is too long a short one of their own. */
export async function makeSocketFolder(folder: string): Promise<string> {
  const path = resolve(folder);
  if (Buffer.byteLength(path) <= MAX_SOCKET_FOLDER) return path;
  // Not swept by its name: it goes with the guest's folder, in cleanFolder.
  return mkdtemp(join(shortTemporaryFolder(), 'stapkit-sockets-'));
}

/**
 * Reads the state of a guest that runs.
 *
 * @returns undefined where none runs there
 */
export async function readState(folder: string): Promise<GuestState | undefined> {
  try {
    const state = JSON.parse(await readFile(join(folder, 'state.json'), 'utf8')) as GuestState;
    return state.version === 1 && isAlive(state.process) ? state : undefined;
  } catch {
    return undefined;
  }
}

/** Writes the state. */
export function writeState(folder: string, state: GuestState): Promise<void> {
  return writeWhole(join(folder, 'state.json'), `${JSON.stringify(state, null, 2)}\n`, 0o600);
}

/** Removes what a guest that has ended left in its folder; keeps its console, for reading. */
export async function cleanFolder(folder: string): Promise<void> {
  const text = await readFile(join(folder, 'state.json'), 'utf8').catch(() => '');
  const sockets = /"socketFolder": "([^"]+)"/.exec(text)?.[1];
  if (sockets && sockets !== resolve(folder)) await rm(sockets, { recursive: true, force: true });
  for (const name of await readdir(folder).catch(() => [])) {
    if (/^(?:\d+(?:\.lock)?|state\.json|initramfs)$/.test(name)) await rm(join(folder, name), { force: true });
  }
}

/**
 * Takes a free port of a guest.
 *
 * @returns its number and lock, or undefined where all are in use
 */
export async function takePort(
  socketFolder: string,
  ports: number,
): Promise<{ readonly port: number; readonly lock: FileLock } | undefined> {
  for (let port = 0; port < ports; port++) {
    const lock = await takeLock(join(socketFolder, `${port}.lock`));
    if (isLock(lock)) return { port, lock };
  }
  return undefined;
}
