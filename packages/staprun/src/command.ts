// The command of `-c`: its process exists before the probes are armed, because the script must know its pid, but it
// begins only afterwards.
import { type ChildProcess, type StdioOptions, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { DiagnosticError } from '@stapkit/pass';
import { asRoot } from './as-root.js';
import { commandFailed } from './diagnostics.js';
import type { CommandStatus } from './session.js';

/** A command that waits to begin. */
export interface PreparedCommand {
  readonly pid: number;
  /** Lets it begin. */
  begin(): void;
  /** Settles when it has ended. */
  readonly ended: Promise<CommandStatus>;
  /** Sends it a signal; one that has ended is left alone. */
  kill(signal: NodeJS.Signals): void;
}

/** Who runs a command. */
export interface CommandUser {
  readonly uid: number;
  readonly gid: number;
}

// Waits on descriptor 3 for the word, then becomes the command, so that the pid stays the same. Without the word (we
// are gone) it just ends.
const WAIT_THEN_RUN = 'read -r go <&3 && exec 3<&- && eval "$1"';

/** Characters that make a command line more than a program and its arguments. */
const SHELL_SYNTAX = /[;&|<>(){}`$\n]/;

/** First words that a shell must see itself: its keywords and builtins, and variables for the command. */
const SHELL_WORDS =
  /^\s*(?:(?:if|for|while|until|case|exec|cd|eval|exit|export|read|set|time|trap|ulimit|umask|wait|:|\.|!)(?=\s|$)|[A-Za-z_]\w*=)/;

/**
 * Starts a process that will become the command.
 *
 * @param command as the user wrote it; a shell reads it
 * @param stdio its standard streams
 * @throws DiagnosticError where no process can be made
 */
export async function prepareCommand(
  command: string,
  user: CommandUser | undefined,
  stdio: StdioOptions = 'inherit',
): Promise<PreparedCommand> {
  // A plain command replaces the shell, so that target() is its own pid and not a shell's.
  const plain = !SHELL_SYNTAX.test(command) && !SHELL_WORDS.test(command);
  const text = plain ? `exec ${command}` : command;
  const streams = Array.isArray(stdio) ? stdio.slice(0, 3) : [stdio, stdio, stdio];
  const child = spawnAs(['/bin/sh', '-c', WAIT_THEN_RUN, 'sh', text], user, [...streams, 'pipe'] as StdioOptions);
  const ended = new Promise<CommandStatus>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ? { signal } : { exitStatus: code ?? 0 }));
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) => reject(new DiagnosticError(commandFailed(command, error.message))));
  });
  const gate = child.stdio[3] as NodeJS.WritableStream & { destroy(): void };
  // A command that was killed while it waited has closed the pipe.
  gate.on('error', () => {});
  let running = true;
  void ended.then(() => {
    running = false;
    gate.destroy();
  });
  return {
    pid: child.pid!,
    begin: () => void gate.end('go\n'),
    ended,
    kill(signal) {
      if (running) child.kill(signal);
    },
  };
}

/**
 * Runs a system() command in the background.
 *
 * @returns its process; it is nobody's business when it ends
 */
export function runInBackground(command: string, user: CommandUser | undefined, stdio: StdioOptions): ChildProcess {
  const child = spawnAs(['/bin/sh', '-c', command], user, stdio);
  child.on('error', () => {});
  return child;
}

/**
 * Spawns a process as a user. setpriv gives it the user's groups too and keeps the pid; without setpriv it has only the
 * user's own group.
 */
function spawnAs(argv: readonly string[], user: CommandUser | undefined, stdio: StdioOptions): ChildProcess {
  const us = process.getuid?.();
  if (!user || user.uid === us || us !== 0) return spawn(argv[0]!, argv.slice(1), { stdio });
  const setpriv = ['/usr/bin/setpriv', '/bin/setpriv'].find((path) => existsSync(path));
  if (setpriv) {
    // setpriv refuses --init-groups for a number that has no name; such a user is in no groups either.
    const groups = hasName(user.uid) ? '--init-groups' : '--clear-groups';
    const identity = [`--reuid=${user.uid}`, `--regid=${user.gid}`, groups, '--'];
    return asRoot(() => spawn(setpriv, [...identity, ...argv], { stdio }));
  }
  return asRoot(() => spawn(argv[0]!, argv.slice(1), { stdio, uid: user.uid, gid: user.gid }));
}

/** True for a user that this machine knows by name: in /etc/passwd, or in what else the C library asks (LDAP, …). */
function hasName(uid: number): boolean {
  try {
    const lines = readFileSync('/etc/passwd', 'latin1').split('\n');
    if (lines.some((line) => line.split(':')[2] === String(uid))) return true;
  } catch {
    // Then only getent(1) can tell.
  }
  return spawnSync('getent', ['passwd', String(uid)], { stdio: 'ignore' }).status === 0;
}
