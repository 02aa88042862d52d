// Where stapkit keeps things: the cache, the data folders of its packages, temporary folders.
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DiagnosticError, systemWords } from '@stapkit/pass';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The cache folder: `$SYSTEMTAP_DIR/cache` where that is set (stap(1)), else `stapkit` in the XDG cache folder.
 *
 * @param env the environment
 */
export function cacheFolder(env: Environment): string {
  if (env['SYSTEMTAP_DIR']) return join(env['SYSTEMTAP_DIR'], 'cache');
  return join(env['XDG_CACHE_HOME'] || join(env['HOME'] || homedir(), '.cache'), 'stapkit');
}

/**
 * Makes sure that there is a cache folder. One that can only be read serves as far as it goes: what can't be written to
 * it is said where it happens.
 *
 * @throws DiagnosticError where there is none and none can be made, or where others could put things into it
 */
export function ensureCacheFolder(folder: string): void {
  makeFolder(folder);
  expectNobodyElse(realpathSync(folder));
}

function makeFolder(folder: string): void {
  try {
    // Step by step: in a file system that takes no folders at all, such as /proc, Node's own recursion never ends.
    if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return;
    const parent = dirname(folder);
    if (parent !== folder) makeFolder(parent);
    mkdirSync(folder, 0o755);
  } catch (error) {
    if (error instanceof DiagnosticError || (error as NodeJS.ErrnoException).code === 'EEXIST') {
      if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return;
      if (error instanceof DiagnosticError) throw error;
    }
    throw new DiagnosticError({
      code: 'driver/cache',
      severity: 'error',
      class: 'usage',
      message: `the cache folder ${folder} can't be made: ${systemWords(error)}`,
      hints: ['$XDG_CACHE_HOME or $SYSTEMTAP_DIR names another place'],
    });
  }
}

/**
 * Refuses a cache folder that another user could put things into or exchange: what lies in it is loaded into the kernel.
 *
 * @param folder without symbolic links
 */
function expectNobodyElse(folder: string): void {
  for (let part = folder; ; part = dirname(part)) {
    const { uid, mode } = statSync(part);
    const foreign = uid !== 0 && uid !== process.getuid?.();
    // In a sticky folder others can make things, but not exchange what is there.
    const open = (mode & 0o002) !== 0 && ((mode & 0o1000) === 0 || part === folder);
    if (foreign || open) {
      throw new DiagnosticError({
        code: 'driver/cache-of-others',
        severity: 'error',
        class: 'usage',
        message: `the cache folder ${folder} can't be trusted: ${part} ${foreign ? 'belongs to another user' : 'can be written by everybody'}`,
        hints: [
          '$XDG_CACHE_HOME or $SYSTEMTAP_DIR names another place',
          'with sudo -E, $HOME is still the user’s: use sudo -H',
        ],
      });
    }
    if (part === dirname(part)) return;
  }
}

/**
 * The folder of one of stapkit's packages, found from where the running program lies: beside it in a checkout, or as a
 * dependency in `node_modules`.
 *
 * @param name the package's name without its scope, e.g. `runtime`
 * @param program the running program's own file
 */
export function packageFolder(name: string, program: string = realpathSync(process.argv[1]!)): string {
  for (let folder = dirname(program); ; folder = dirname(folder)) {
    const beside = join(folder, 'packages', name, 'package.json');
    if (existsSync(beside)) return dirname(beside);
    const dependency = join(folder, 'node_modules', '@stapkit', name, 'package.json');
    if (existsSync(dependency)) return dirname(realpathSync(dependency));
    const sibling = join(folder, '@stapkit', name, 'package.json');
    if (existsSync(sibling)) return dirname(sibling);
    if (folder === dirname(folder)) break;
  }
  throw new DiagnosticError({
    code: 'driver/package-missing',
    severity: 'error',
    class: 'usage',
    message: `the package @stapkit/${name} is missing beside ${program}`,
    hints: ['install stapkit again'],
  });
}

/** In a temporary folder: who made it, so that what a killed run has left can be told from what is in use. */
const OWNER_FILE = '.owner';

/**
 * Makes a temporary folder, named as SystemTap names its own. What killed runs have left beside it goes.
 *
 * @param parent `--tmpdir`, or undefined for the system's
 */
export async function makeTemporaryFolder(parent: string | undefined): Promise<string> {
  const base = parent ?? tmpdir();
  try {
    sweepTemporaryFolders(base);
    const folder = await mkdtemp(join(base, 'stap'));
    writeFileSync(join(folder, OWNER_FILE), processIdentity(process.pid) ?? '');
    return folder;
  } catch (error) {
    throw new DiagnosticError({
      code: 'driver/temporary',
      severity: 'error',
      class: 'usage',
      message: `cannot make a temporary folder in ${base}: ${systemWords(error)}`,
      hints: ['--tmpdir=DIR or $TMPDIR names another place'],
    });
  }
}

/** Lets a temporary folder stay: `-k`. */
export async function keepTemporaryFolder(folder: string): Promise<void> {
  await rm(join(folder, OWNER_FILE), { force: true });
}

/** A process, told from a later one of the same number by when it was started (field 22 of proc(5)'s stat). */
function processIdentity(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return `${pid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
  } catch {
    return undefined;
  }
}

function sweepTemporaryFolders(base: string): void {
  for (const name of readdirSync(base)) {
    if (!/^stap[A-Za-z0-9]{6}$/.test(name)) continue;
    const folder = join(base, name);
    try {
      // Another user's, and one whose maker did not get as far as to sign it, are left alone.
      if (lstatSync(folder).uid !== process.getuid?.()) continue;
      const owner = readFileSync(join(folder, OWNER_FILE), 'latin1');
      if (owner !== '' && processIdentity(Number.parseInt(owner, 10)) !== owner) {
        rmSync(folder, { recursive: true, force: true });
      }
    } catch {
      // It has gone meanwhile, or is not ours to read.
    }
  }
}

/** Removes a temporary folder and all that is in it. */
export async function removeTemporaryFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}
