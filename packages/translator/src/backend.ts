// What a translator is: kernel C today, an interpreter and a BPF runtime later. A backend takes an elaborated script,
// which says nothing of C, and gives what its own later passes take.
import type { Elaborated } from '@stapkit/elaborator';
import type { Outcome } from '@stapkit/pass';
import type { CModule } from './c-module.js';

export interface TranslateOptions {
  /** `-D NAME=VALUE`: limits, and definitions for the C compiler. */
  readonly defines?: Readonly<Record<string, string>>;
  /** `--suppress-handler-errors`: errors are counted and handlers ended, but the run goes on. */
  readonly suppressHandlerErrors?: boolean;
  /** `--suppress-time-limits`: no overload control; MAXACTION and MAXTRYLOCK are no limits. */
  readonly suppressTimeLimits?: boolean;
  /** `-t`: handlers are measured, and a report is printed at the end. */
  readonly timing?: boolean;
  /** `--monitor`: handlers are measured, and files below /proc tell of them and of the globals, and switch probes. */
  readonly monitor?: boolean;
  /** `--skip-badvars`: memory that can't be read is 0 instead of an error. */
  readonly skipBadVariables?: boolean;
  /** `-s MB`: size of each CPU's ring buffer, in mebibytes. */
  readonly bufferMegabytes?: number;
}

/** One way to run scripts. */
export interface Backend {
  readonly name: string;
  /**
   * @param script what the script means
   * @param options the command line's part in it
   * @returns the module; with an error among the diagnostics it must not be used
   */
  translate(script: Elaborated, options: TranslateOptions): Outcome<CModule>;
}
