// The program `staprun`: the command line in this process, with its streams and signals.
import { spawn } from 'node:child_process';
import { fstatSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { isatty } from 'node:tty';
import { type CommandIo, staprunCommand } from './cli.js';
import { isOutputPending, writeErrors, writeOutput } from './streams.js';

/** Set for a process that `-D` has made: descriptor 3 takes the word that it is ready. */
const DAEMON_VARIABLE = 'STAPRUN_DAEMON';
const READY_DESCRIPTOR = 3;

/** Runs this program again, detached, and waits for its word on descriptor 3. */
function runInBackground(argv: readonly string[]): Promise<{ pid: number } | { exitStatus: number }> {
  const program = isSingleExecutable() ? [] : [...process.execArgv, process.argv[1]!];
  const child = spawn(process.execPath, [...program, ...argv], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    env: { ...process.env, [DAEMON_VARIABLE]: '1' },
  });
  child.stderr!.on('data', (chunk: Buffer) => writeErrors(chunk.toString('latin1')));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.stdio[READY_DESCRIPTOR]!.on('data', () => resolve({ pid: child.pid! }));
    child.on('exit', (code) => resolve({ exitStatus: code ?? 1 }));
  });
}

/** True where Node and this program are one executable file. */
function isSingleExecutable(): boolean {
  try {
    return (createRequire(process.execPath)('node:sea') as { isSea(): boolean }).isSea();
  } catch {
    // Node before 20.12 has no such module, and makes no such files.
    return false;
  }
}

async function main(): Promise<void> {
  const isDaemon = process.env[DAEMON_VARIABLE] !== undefined;
  delete process.env[DAEMON_VARIABLE];
  let ending: NodeJS.Signals | undefined;
  let signals = 0;
  const io: CommandIo = {
    output: writeOutput,
    errors: writeErrors,
    environment: process.env,
    errorsAreTerminal: isatty(2),
    onSignal(signal, act) {
      let heard: (() => void) | undefined = act;
      const listener = (): void => {
        if (ENDING.has(signal)) {
          ending = signal;
          if (++signals > PATIENCE) die(signal);
        }
        heard?.();
      };
      process.on(signal, listener);
      return () => {
        heard = undefined;
        // A Ctrl-C that comes when all is done must not make a failure of the run.
        if (!ENDING.has(signal)) process.off(signal, listener);
      };
    },
    ...(isDaemon ? { ready } : { background: runInBackground }),
  };
  const exitStatus = await staprunCommand(process.argv.slice(2), io);
  // The module is gone by now. A thread that hangs in a write would keep us from leaving in the ordinary way.
  if (isOutputPending()) die(ending ?? 'SIGTERM');
  process.exit(exitStatus);
}

/** Tells the process that made us that all is well. */
function ready(): void {
  try {
    if (fstatSync(READY_DESCRIPTOR).isFIFO() || fstatSync(READY_DESCRIPTOR).isSocket()) {
      writeSync(READY_DESCRIPTOR, 'ready\n');
    }
  } catch {
    // It did not wait for it.
  }
}

/** The signals that end a run: the first in good order, the second without waiting for the output to be taken. */
const ENDING: ReadonlySet<NodeJS.Signals> = new Set(['SIGINT', 'SIGTERM', 'SIGHUP']);

/** So many signals are heard; after one more there is nothing to wait for. The module then goes by itself. */
const PATIENCE = 4;

/** Ends this process by a signal. */
function die(signal: NodeJS.Signals): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

void main();
