// Who may load what. staprun(8), "SAFETY AND SECURITY": root and members of stapdev and stapsys load any module, members
// of stapusr alone only those that the administrator put into /lib/modules/VERSION/systemtap, and nobody else any.
//
// Others than root come in one of two ways: by the executable of `staprun:executable`, installed set-user-id root as
// SystemTap's own is (`chown root:stapusr staprun && chmod 4754 staprun`), or through sudo, which says who asked.
import { readFile, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Diagnostic, DiagnosticError } from '@stapkit/pass';
import type { Invoker } from './as-root.js';
import { type LocatedModule, moduleName, systemFolder } from './locate-module.js';

/** Groups as /etc/group lists them. */
export interface Group {
  readonly name: string;
  readonly id: number;
  readonly members: readonly string[];
}

/** Somebody whom root's rights were lent to. */
export interface LentTo extends Invoker {
  /** May load only what the administrator has put into the system's folder. */
  readonly onlySystemModules: boolean;
}

/**
 * Finds out who asked.
 *
 * @returns undefined for root, and for whoever is root by sudo without being one of SystemTap's groups
 * @throws DiagnosticError where whoever asked may load no module
 */
export async function findLentTo(
  environment: Readonly<Record<string, string | undefined>>,
): Promise<LentTo | undefined> {
  if (process.geteuid?.() !== 0) throw new DiagnosticError(notRoot());
  const uid = process.getuid!();
  const groups = parseGroups(await readFile('/etc/group', 'utf8').catch(() => ''));
  if (uid !== 0) {
    const gid = process.getgid!();
    const own = new Set([gid, ...process.getgroups!()]);
    const isIn = (name: string): boolean => groups.some((group) => group.name === name && own.has(group.id));
    if (isIn('stapdev') || isIn('stapsys')) return { uid, gid, onlySystemModules: false };
    if (isIn('stapusr')) return { uid, gid, onlySystemModules: true };
    throw new DiagnosticError(notInGroups());
  }
  const { SUDO_USER, SUDO_UID, SUDO_GID, SUDO_COMMAND } = environment;
  if (!SUDO_USER || SUDO_USER === 'root') return undefined;
  // Only where sudo was set up for staprun itself; someone who may run anything as root needs no group.
  if (!/^\S*\/staprun(\.cjs)?(\s|$)/.test(SUDO_COMMAND ?? '')) return undefined;
  if (!isOnlyUser(groups, SUDO_USER, Number(SUDO_GID))) return undefined;
  return { uid: Number(SUDO_UID), gid: Number(SUDO_GID), onlySystemModules: true };
}

/** True for a member of stapusr who is in neither stapdev nor stapsys. */
export function isOnlyUser(groups: readonly Group[], user: string, primaryGroup: number): boolean {
  const isIn = (name: string): boolean =>
    groups.some((group) => group.name === name && (group.members.includes(user) || group.id === primaryGroup));
  return isIn('stapusr') && !isIn('stapdev') && !isIn('stapsys');
}

/** Reads the text of /etc/group. */
export function parseGroups(text: string): Group[] {
  return text
    .split('\n')
    .map((line) => line.split(':'))
    .filter((fields) => fields.length >= 4)
    .map(([name, , id, members]) => ({
      name: name!,
      id: Number(id),
      members: members!.split(',').filter((member) => member !== ''),
    }));
}

/** Checks that a module is one of the administrator's. @throws DiagnosticError where not */
export async function expectSystemModule(file: NonNullable<LocatedModule['file']>): Promise<void> {
  // /lib may be a link to /usr/lib.
  const folder = await realpath(systemFolder()).catch(() => systemFolder());
  if (dirname(file.path) !== folder) throw new DiagnosticError(onlySystemModules(file.path, folder));
  const of = await stat(folder);
  if (of.uid !== 0 || (of.mode & 0o002) !== 0) throw new DiagnosticError(looseOwnership(folder));
  if (file.uid !== 0 || (file.mode & 0o022) !== 0) throw new DiagnosticError(looseOwnership(file.path));
}

/** The same for a module that is loaded: it must go by the name of one of the administrator's. */
export async function expectSystemName(given: string): Promise<void> {
  const folder = systemFolder();
  const path = join(folder, `${moduleName(given)}.ko`);
  const known = given !== '*' && (await stat(path).catch(() => undefined));
  if (!known) throw new DiagnosticError(onlySystemModules(given, folder));
}

function notRoot(): Diagnostic {
  return {
    code: 'staprun/not-root',
    severity: 'error',
    class: 'run',
    message: 'you must be root to load kernel modules',
    hints: ['run it with sudo; members of stapdev or stapusr can be given that right for staprun alone (sudoers)'],
  };
}

function notInGroups(): Diagnostic {
  return {
    code: 'staprun/not-in-group',
    severity: 'error',
    class: 'run',
    message: 'you must be root or a member of the group stapdev, stapsys or stapusr to load modules',
    hints: ['ask the administrator to add you to one: usermod -a -G stapusr USER; then log in anew'],
  };
}

function onlySystemModules(path: string, folder: string): Diagnostic {
  return {
    code: 'staprun/not-allowed',
    severity: 'error',
    class: 'run',
    message: `members of stapusr may only load modules from ${folder}, not "${path}"`,
    hints: ['ask the administrator to put the module there, or to add you to stapdev'],
  };
}

function looseOwnership(path: string): Diagnostic {
  return {
    code: 'staprun/loose-ownership',
    severity: 'error',
    class: 'run',
    message: `"${path}" must belong to root and must not be writable by others`,
    hints: [`chown root "${path}" && chmod go-w "${path}"`],
  };
}
