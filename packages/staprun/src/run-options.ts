// What a caller can say about a run.

import type { StdioOptions } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { ModuleDescription } from './description.js';
import type { RunEvent } from './events.js';
import type { ModulePort } from './module-port.js';
import type { TimeZone } from './time-zone.js';

/** Options of runModule. */
export interface RunOptions {
  /**
   * Takes the script's output in order. The chunk's memory is used again once the returned promise settles, or at once
   * where none is returned; while the promise is pending, no more is read from the module.
   */
  output(chunk: Uint8Array): void | Promise<void>;
  /** In bulk mode takes each CPU's output by itself, in frames (bulk-frame.ts), in place of `output`. */
  bulkOutput?(cpu: number, frames: Uint8Array): void | Promise<void>;
  /** Takes one line for the standard error, without its newline: `WARNING: …`, `ERROR: …`. */
  errors(line: string): void;
  /** What target() is (`-x`). */
  targetPid?: number;
  /** Runs this command once all probes are armed; target() is its pid, and its end ends the run (`-c`). */
  command?: string;
  /** Who runs the `-c` and system() commands; undefined: whoever runs us. */
  commandUser?: { readonly uid: number; readonly gid: number };
  /** Where the `-c` and system() commands read and write; standard input, output and error of ours by default. */
  commandStdio?: () => StdioOptions;
  /** The user for whom the module runs: whose processes count as their own. */
  owner?: number;
  /** The process whose namespaces ns_pid() and the like go by (`-N`); our own by default. */
  namespacesPid?: number;
  /** What remote_id() and remote_uri() give (`-r`). */
  remote?: { readonly id: number; readonly uri: string };
  /** Globals and limits to set when the module is loaded, `name=value` each (`-G`). */
  moduleParameters?: readonly string[];
  /** Size of each CPU's buffer in the kernel, in bytes; the module's own by default. */
  bufferBytes?: number;
  /** `run` (default); `launch` loads, starts and detaches (`-L`); `attach` takes up a module that is loaded (`-A`). */
  mode?: 'run' | 'launch' | 'attach';
  /** What input probes get to read: standard input by default, looked at only where the script has such a probe. */
  typed?: Readable;
  /** Called when the begin probes have run and all others are armed. */
  onStarted?(module: string, description: ModuleDescription): void;
  /** Aborted to leave the module running and go (Ctrl-\). */
  detach?: AbortSignal;
  /** Aborted where the user does not want to wait for the rest of the output (second Ctrl-C). */
  force?: AbortSignal;
  /** What tz_gmtoff() and tz_name() give; the local time zone by default. */
  timeZone?: TimeZone;
  /** Drops warnings of the script (`-w`). */
  suppressWarnings?: boolean;
  /** A loss of any kind makes the exit status 1. */
  strict?: boolean;
  /** Ends the run after so many milliseconds (stap's `-T`). */
  timeLimit?: number;
  /** Waits so many milliseconds for more output after a small batch: fewer wake-ups (staprun's `-T`). */
  readPause?: number;
  /** Takes typed rows and events in place of `output` and `errors` (`--json`). */
  events?(event: RunEvent): void | Promise<void>;
  /** How modules are reached; this machine's kernel by default. */
  port?: ModulePort;
}
