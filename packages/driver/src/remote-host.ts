// One machine that `--remote` names: how commands get there, and what it is.
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { type Diagnostic, DiagnosticError } from '@stapkit/pass';
import { usage } from './usage.js';

/** A machine to run on. */
export interface RemoteHost {
  /** As the user wrote it, less the scheme: `user@host`, or `direct`. */
  readonly name: string;
  /** What ssh takes for it; undefined for this machine. */
  readonly target: string | undefined;
  /** As the user wrote it: remote_uri(). */
  readonly uri: string;
}

/**
 * Reads what `--remote` was given: `[USER@]HOST`, `ssh://[USER@]HOST[:PORT]` or `direct://` (stap(1)).
 *
 * @throws DiagnosticError for anything else
 */
export function parseRemote(url: string): RemoteHost {
  const scheme = /^([a-z]+):/.exec(url)?.[1];
  if (url === 'direct://' || url === 'direct:') return { name: 'direct', target: undefined, uri: url };
  const ssh = /^(?:ssh:\/\/)?((?:[\w.+-]+@)?(?:[\w.-]+|\[[\da-fA-F:.%\w]+\])(?::\d+)?)\/?$/.exec(url);
  // A name that begins with a dash would be an option of ssh's.
  if (ssh && !ssh[1]!.startsWith('-') && (scheme === undefined || scheme === 'ssh' || !url.includes('://'))) {
    const name = ssh[1]!;
    // ssh takes a port only in its own URLs.
    return { name, target: url.startsWith('ssh://') ? `ssh://${name}` : name, uri: url };
  }
  throw usage('bad-remote', `'${url}' is no machine that --remote can reach`, [
    'use [USER@]HOST, ssh://[USER@]HOST[:PORT] or direct://',
  ]);
}

/** How a command over there ended. */
export interface RemoteResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Starts a shell script on a machine. All connections of a run to one machine share the first: only that one may ask for a
 * password, and the others don't need the terminal, whose Ctrl-C is ours to hear.
 *
 * @param controlFolder holds the shared connections' sockets
 */
export function startRemote(
  host: RemoteHost,
  script: string,
  controlFolder: string,
  options: { readonly detached: boolean },
): ChildProcess {
  const stdio = ['pipe', 'pipe', 'pipe'] as const;
  if (host.target === undefined) return spawn('/bin/sh', ['-c', script], { stdio: [...stdio], ...options });
  const argv = [...sharing(controlFolder), host.target, script];
  return spawn('ssh', argv, { stdio: [...stdio], ...options });
}

/** Runs a script to its end. */
export async function runRemote(
  host: RemoteHost,
  script: string,
  controlFolder: string,
  input?: (child: ChildProcess) => void,
): Promise<RemoteResult> {
  const child = startRemote(host, script, controlFolder, { detached: false });
  let stdout = '';
  let stderr = '';
  child.stdout!.on('data', (chunk: Buffer) => {
    stdout += chunk.toString('utf8');
  });
  child.stderr!.on('data', (chunk: Buffer) => {
    stderr += chunk.toString('utf8');
  });
  child.stdin!.on('error', () => {});
  if (input) input(child);
  else child.stdin!.end();
  return await new Promise((resolve, reject) => {
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') return reject(error);
      const missing = remoteFault(host, 'ssh is not installed', ['apt-get install openssh-client']);
      return reject(new DiagnosticError(missing));
    });
    child.on('close', (code) => resolve({ status: code ?? 1, stdout, stderr }));
  });
}

/** Ends the shared connection. */
export async function closeRemote(host: RemoteHost, controlFolder: string): Promise<void> {
  if (host.target === undefined) return;
  const child = spawn('ssh', [...sharing(controlFolder), '-O', 'exit', host.target], { stdio: 'ignore' });
  await new Promise<void>((resolve) => {
    child.on('error', () => resolve());
    child.on('close', () => resolve());
  });
}

function sharing(controlFolder: string): string[] {
  return [
    ...['-o', 'ControlMaster=auto', '-o', `ControlPath=${join(controlFolder, '%C')}`, '-o', 'ControlPersist=yes'],
    // A machine that has gone away must not hold the run for ever.
    ...['-o', 'ServerAliveInterval=15', '-o', 'ServerAliveCountMax=4', '-T'],
  ];
}

/** A message about a machine, with its own words. */
export function remoteFault(host: RemoteHost, message: string, hints: readonly string[] = []): Diagnostic {
  return {
    code: 'driver/remote',
    severity: 'error',
    class: 'run',
    message: `${host.name}: ${message}`,
    hints: [...hints],
  };
}
