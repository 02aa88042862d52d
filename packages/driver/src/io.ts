// What a command line writes to and reads from. Commands get it as a value, so that tests run them in-process.
import type { Readable } from 'node:stream';

/** The surroundings of one command. */
export interface CommandIo {
  /** Writes bytes or text to standard output; resolves when more may be written. */
  stdout(chunk: Uint8Array | string): void | Promise<void>;
  /** Why nothing more can be written to standard output, where that is so. */
  readonly outputFault?: () => Error | undefined;
  /** Writes text to standard error. */
  stderr(text: string): void;
  readonly stdin: Readable;
  readonly stdoutIsTerminal: boolean;
  readonly stderrIsTerminal: boolean;
  /** The size of the terminal on standard output, where that is one. */
  readonly terminalSize?: () => { readonly columns: number; readonly rows: number };
  /** The width of the terminal on standard error, where that is one. */
  readonly stderrColumns?: () => number | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** First abort: end in good order (Ctrl-C). */
  readonly signal: AbortSignal;
  /** Second abort: end at once. */
  readonly forceSignal: AbortSignal;
}
