// Debian's package manager. Questions go to apt-cache; packages are installed by apt-get without its asking anything, or
// only fetched and unpacked, so that a kernel for the guest never becomes the host's.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ToolResult } from '@stapkit/kbuild';
import { type Diagnostic, DiagnosticError, type PassContext, systemWords } from '@stapkit/pass';
import type { Machine } from './machine.js';

const ENVIRONMENT = { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' };

/** Options that point apt at other lists than the machine's own. */
export type AptOptions = readonly string[];

/** Fetches the package lists anew. */
export async function updateLists(machine: Machine, ctx: PassContext, options: AptOptions = []): Promise<void> {
  ctx.progress.update('fetching the package lists');
  const result = await machine.run('apt-get', [...options, 'update'], { env: ENVIRONMENT, signal: ctx.signal });
  ctx.log(2, result.stdout + result.stderr);
  // A repository that fails is told only if a package is missing in the end: it may have nothing to do with us.
}

/** True where a package can be installed or fetched. */
export async function isAvailable(machine: Machine, name: string, ctx: PassContext, options: AptOptions = []) {
  const result = await machine.run('apt-cache', [...options, 'policy', name], { env: ENVIRONMENT, signal: ctx.signal });
  const candidate = /^\s*Candidate:\s*(\S+)/m.exec(result.stdout)?.[1];
  return candidate !== undefined && candidate !== '(none)';
}

/** The packages that a package depends on, by name. */
export async function dependencies(
  machine: Machine,
  name: string,
  ctx: PassContext,
  options: AptOptions = [],
): Promise<string[]> {
  const args = [...options, 'depends', '--no-recommends', '--no-suggests', name];
  const result = await machine.run('apt-cache', args, { env: ENVIRONMENT, signal: ctx.signal });
  return [...result.stdout.matchAll(/^\s*\|?(?:Pre)?Depends:\s*(\S+)/gm)].map((match) => match[1]!);
}

/** The names of all packages that start with a prefix. */
export async function packageNames(machine: Machine, prefix: string, ctx: PassContext, options: AptOptions = []) {
  const result = await machine.run('apt-cache', [...options, 'pkgnames', prefix], {
    env: ENVIRONMENT,
    signal: ctx.signal,
  });
  return result.stdout.split('\n').filter((line) => line !== '');
}

/**
 * Installs packages.
 *
 * @throws DiagnosticError with apt's words
 */
export async function installPackages(machine: Machine, packages: readonly string[], ctx: PassContext): Promise<void> {
  const step = `installing ${packages.join(' ')}`;
  ctx.progress.update(step);
  let total = 0;
  let done = 0;
  const wait = (): void => ctx.report(installingNote());
  ctx.signal.addEventListener('abort', wait, { once: true });
  const result = await machine.run(
    'apt-get',
    [
      ...['-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=300', '-o', 'Dpkg::Use-Pty=0'],
      'install',
      ...packages,
    ],
    {
      // No signal: a dpkg that is killed half-way leaves a system that the user has to repair.
      env: ENVIRONMENT,
      onOutput(text) {
        total = Number(/(\d+) newly installed/.exec(text)?.[1] ?? total);
        // Each package is fetched, unpacked and set up.
        done += (text.match(/^(Get:\d+ |Unpacking |Setting up )/gm) ?? []).length;
        ctx.progress.update(step, total > 0 ? Math.min(1, done / (3 * total)) : undefined);
      },
    },
  );
  ctx.signal.removeEventListener('abort', wait);
  ctx.log(2, result.stdout + result.stderr);
  ctx.progress.finish();
  if (result.code !== 0) throw new DiagnosticError(aptFault(`cannot install ${packages.join(' ')}`, result));
  ctx.signal.throwIfAborted();
}

/**
 * Fetches packages and unpacks them into one folder, without installing them. The folder appears whole or not at all;
 * one that is there already is replaced.
 *
 * @param settle puts the unpacked files in order before the folder is moved to its place
 */
export async function unpackPackages(
  machine: Machine,
  packages: readonly string[],
  into: string,
  ctx: PassContext,
  settle: (folder: string) => Promise<void> = async () => {},
  options: AptOptions = [],
): Promise<void> {
  const fetched = mkdtempSync(join(tmpdir(), 'stap-prep-'));
  const beside = join(dirname(into), `.tmp-${process.pid}-${Date.now()}`);
  try {
    ctx.progress.update(`fetching ${packages.join(' ')}`);
    // The sandbox user _apt may not write into a folder of ours, and apt warns of that for each package.
    const args = [...options, '-o', 'APT::Sandbox::User=root', 'download', ...packages];
    const result = await machine.run('apt-get', args, { cwd: fetched, env: ENVIRONMENT, signal: ctx.signal });
    if (result.code !== 0) throw new DiagnosticError(aptFault(`cannot fetch ${packages.join(' ')}`, result));
    mkdirSync(beside, { recursive: true });
    ctx.progress.update(`unpacking ${packages.join(' ')}`);
    const files = readdirSync(fetched).filter((name) => name.endsWith('.deb'));
    for (const [index, file] of files.entries()) {
      ctx.progress.update(`unpacking ${packages.join(' ')}`, index / files.length);
      const unpacked = await machine.run('dpkg-deb', ['-x', join(fetched, file), beside], {
        env: ENVIRONMENT,
        signal: ctx.signal,
      });
      if (unpacked.code !== 0) throw new DiagnosticError(aptFault(`cannot unpack ${file}`, unpacked));
    }
    await settle(beside);
    if (existsSync(into)) renameSync(into, `${beside}.old`);
    renameSync(beside, into);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined || error instanceof DiagnosticError) throw error;
    throw new DiagnosticError(prepFault('unwritable', `cannot write ${into}: ${systemWords(error)}`));
  } finally {
    for (const folder of [fetched, beside, `${beside}.old`]) {
      if (existsSync(folder)) rmSync(folder, { recursive: true, force: true });
    }
    ctx.progress.finish();
  }
}

/** Makes an error of stap-prep's. */
export function prepFault(code: string, message: string, extra: Pick<Diagnostic, 'hints' | 'detail'> = {}): Diagnostic {
  return { code: `prep/${code}`, severity: 'error', class: 'run', message, ...extra };
}

function installingNote(): Diagnostic {
  const message = 'stopping once the packages are installed: breaking off would leave the package manager in disorder';
  return { code: 'prep/finishing', severity: 'note', class: 'run', message };
}

function aptFault(message: string, result: ToolResult): Diagnostic {
  if (result.missing) return prepFault('apt-missing', `${message}: ${result.stderr.trim()}`);
  const words = `${result.stderr}\n${result.stdout}`
    .split('\n')
    .filter((line) => /^(E:|Err:|dpkg|W: Failed)/.test(line));
  return prepFault('apt-failed', message, {
    detail: words.length > 0 ? words.slice(0, 8) : result.stderr.trim().split('\n').slice(-8),
    hints: /Could not get lock|is another process using it/.test(result.stderr)
      ? ['another package manager is running: wait for it']
      : [],
  });
}
