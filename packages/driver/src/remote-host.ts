// One machine that `--remote` names: how commands get there, and what it is.
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
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
    const isUrl = url.startsWith('ssh://') || /[^:]:\d+$/.test(name);
    return { name, target: isUrl ? `ssh://${name}` : name, uri: url };
  }
  throw usage('bad-remote', `'${url}' is no machine that --remote can reach`, [
    'use [USER@]HOST, ssh://[USER@]HOST[:PORT] or direct://',
  ]);
}

/** How a command over there ended. */
export interface RemoteResult {
  readonly status: number;
  /** What it answered: lines that begin with `ANSWER`. A login shell's own set-up may print others. */
  readonly answers: readonly string[];
  readonly stderr: string;
}

/** Begins a line that is meant for us. */
export const ANSWER = 'stapkit-answer ';

/** ssh's own exit status where it could not connect, or the connection broke (ssh(1)). */
export const SSH_FAILED = 255;

/**
 * Starts a shell script on a machine. All connections of a run to one machine share the first: only that one may ask for a
 * password, and the others don't need the terminal, whose Ctrl-C is ours to hear.
 *
 * @param script one line: not every login shell lets a quoted text go over several
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
  // The login shell over there may be any.
  const command = `exec /bin/sh -c '${script.replaceAll("'", "'\\''")}'`;
  return spawn('ssh', [...sharing(host, controlFolder), host.target, command], { stdio: [...stdio], ...options });
}

/**
 * Runs a script to its end.
 *
 * @param signal ends it; the reason is then thrown
 * @param input writes its standard input, which is empty else
 */
export async function runRemote(
  host: RemoteHost,
  script: string,
  controlFolder: string,
  signal: AbortSignal,
  input?: (child: ChildProcess) => void,
): Promise<RemoteResult> {
  signal.throwIfAborted();
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
  const abort = (): void => void child.kill('SIGTERM');
  signal.addEventListener('abort', abort, { once: true });
  try {
    const status = await new Promise<number>((resolve, reject) => {
      child.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') return reject(error);
        const missing = remoteFault(host, 'ssh is not installed', ['apt-get install openssh-client']);
        return reject(new DiagnosticError(missing));
      });
      child.on('close', (code) => resolve(code ?? 1));
    });
    signal.throwIfAborted();
    const lines = stdout.split('\n').filter((line) => line.startsWith(ANSWER));
    return { status, answers: lines.map((line) => line.slice(ANSWER.length)), stderr };
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/**
 * Keeps the shared connection for as long as this process is there: what it runs over there ends with its input.
 *
 * @returns what lets it go
 */
export function holdRemote(host: RemoteHost, controlFolder: string): () => void {
  if (host.target === undefined) return () => {};
  const child = startRemote(host, 'exec cat >/dev/null', controlFolder, { detached: true });
  child.on('error', () => {});
  child.stdin!.on('error', () => {});
  child.stdout!.resume();
  child.stderr!.resume();
  return () => void child.stdin!.end();
}

/** Ends the shared connection. */
export async function closeRemote(host: RemoteHost, controlFolder: string): Promise<void> {
  if (host.target === undefined) return;
  const child = spawn('ssh', [...sharing(host, controlFolder), '-O', 'exit', host.target], { stdio: 'ignore' });
  await new Promise<void>((resolve) => {
    child.on('error', () => resolve());
    child.on('close', () => resolve());
  });
}

/** What fits into a socket's address (unix(7)), less what ssh appends to the name while it makes the socket. */
const SOCKET_PATH_MOST = 107 - 17;

function sharing({ name }: RemoteHost, controlFolder: string): string[] {
  const path = join(controlFolder, createHash('sha256').update(name).digest('hex').slice(0, 8));
  const shared =
    path.length > SOCKET_PATH_MOST
      ? []
      : // When we are killed, the connection goes too, some seconds after its last use.
        ['-o', 'ControlMaster=auto', '-o', `ControlPath=${path.replaceAll('%', '%%')}`, '-o', 'ControlPersist=10'];
  // A machine that has gone away must not hold the run for ever.
  return [...shared, '-o', 'ServerAliveInterval=15', '-o', 'ServerAliveCountMax=4', '-T'];
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
