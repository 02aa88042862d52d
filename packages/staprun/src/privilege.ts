// Who may load what. staprun(8), "SAFETY AND SECURITY": root and members of stapdev and stapsys load any module, members
// of stapusr alone only those that the administrator put into /lib/modules/VERSION/systemtap. A JavaScript program can't
// be set-user-id, so the others come through sudo, which says who asked.
import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Diagnostic, DiagnosticError } from '@stapkit/pass';
import { type LocatedModule, systemFolder } from './locate-module.js';

/** Groups as /etc/group lists them. */
export interface Group {
  readonly name: string;
  readonly id: number;
  readonly members: readonly string[];
}

/**
 * Checks that whoever asked may load this module.
 *
 * @throws DiagnosticError where not
 */
export async function checkPrivilege(
  located: LocatedModule,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  if (process.geteuid?.() !== 0) throw new DiagnosticError(notRoot());
  const { SUDO_USER, SUDO_GID, SUDO_COMMAND } = environment;
  if (!SUDO_USER || SUDO_USER === 'root') return;
  const groups = parseGroups(await readFile('/etc/group', 'utf8').catch(() => ''));
  // Only where sudo was set up for staprun itself; someone who may run anything as root needs no group.
  if (!/^\S*\/staprun(\.cjs)?(\s|$)/.test(SUDO_COMMAND ?? '')) return;
  if (!isOnlyUser(groups, SUDO_USER, Number(SUDO_GID))) return;
  await checkSystemModule(located.file!);
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

async function checkSystemModule(file: NonNullable<LocatedModule['file']>): Promise<void> {
  const folder = systemFolder();
  if (dirname(file.path) !== folder) throw new DiagnosticError(onlySystemModules(file.path, folder));
  const of = await stat(folder);
  if (of.uid !== 0 || (of.mode & 0o002) !== 0) throw new DiagnosticError(looseOwnership(folder));
  if (file.uid !== 0 || (file.mode & 0o022) !== 0) throw new DiagnosticError(looseOwnership(file.path));
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
