// The process's own surroundings as a CommandIo: streams, terminal, and signals turned into abort signals.
import { constants } from 'node:os';
import type { CommandIo } from './io.js';

/** The reason that an aborted signal of a command carries: which signal came in. */
export class Interrupted extends Error {
  readonly signalName: NodeJS.Signals;

  constructor(signalName: NodeJS.Signals) {
    super(`interrupted by ${signalName}`);
    this.name = 'Interrupted';
    this.signalName = signalName;
  }
}

/** The exit status of a command that a signal ended: 128 and the signal's number; undefined where none did. */
export function interruptedStatus(signal: AbortSignal): number | undefined {
  const reason: unknown = signal.aborted ? signal.reason : undefined;
  return reason instanceof Interrupted ? 128 + constants.signals[reason.signalName] : undefined;
}

/**
 * Builds the surroundings of a command from the current process. SIGINT, SIGTERM and SIGHUP abort `signal`; a second
 * one aborts `forceSignal`. A reader of standard output that has gone away counts as a SIGPIPE: it aborts `signal`.
 */
export function processIo(): CommandIo {
  const graceful = new AbortController();
  const forced = new AbortController();
  const interrupt = (signalName: NodeJS.Signals): void => {
    if (graceful.signal.aborted) forced.abort(new Interrupted(signalName));
    else graceful.abort(new Interrupted(signalName));
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => interrupt(name));
  let outputFault: Error | undefined;
  process.stdout.on('error', (error) => {
    outputFault ??= error;
    if (!graceful.signal.aborted) interrupt('SIGPIPE');
  });
  process.stderr.on('error', () => {});
  return {
    stdout: (chunk) => {
      if (process.stdout.destroyed || process.stdout.write(chunk)) return undefined;
      return new Promise((resolve) => {
        const done = (): void => {
          process.stdout.off('drain', done);
          process.stdout.off('close', done);
          process.stdout.off('error', done);
          resolve();
        };
        process.stdout.on('drain', done);
        process.stdout.on('close', done);
        process.stdout.on('error', done);
      });
    },
    outputFault: () => outputFault,
    stderr: (text) => {
      process.stderr.write(text);
    },
    stdin: process.stdin,
    stdoutIsTerminal: process.stdout.isTTY === true,
    stderrIsTerminal: process.stderr.isTTY === true,
    terminalSize: () => ({ columns: process.stdout.columns, rows: process.stdout.rows }),
    stderrColumns: () => process.stderr.columns,
    env: process.env,
    cwd: process.cwd(),
    signal: graceful.signal,
    forceSignal: forced.signal,
  };
}
