// Runs one child process: a compiler, a linker, make. Every tool of this package goes through here, so that an abort
// kills the tool with all its children, and so that what it cost can be told.
import { spawn } from 'node:child_process';
import { setMaxListeners } from 'node:events';
import { readFileSync } from 'node:fs';

/** How to run a tool. */
export interface ToolOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Text for its standard input; without it the input is /dev/null. */
  readonly input?: string;
  /** Aborting kills the tool's whole process group; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Sees the standard output as it comes. */
  readonly onOutput?: (text: string) => void;
}

/** What came of a tool. */
export interface ToolResult {
  /** The exit status, or null where a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Wall clock, milliseconds. */
  readonly milliseconds: number;
  /** True where the program could not be started because it isn't there. */
  readonly missing: boolean;
}

/**
 * Runs a program to its end.
 *
 * @param command the program, looked up in PATH
 * @param args its arguments
 * @returns what came of it; a program that fails or is missing is a result, not an exception
 * @throws the signal's reason when aborted, after the process group is dead
 */
export function runTool(command: string, args: readonly string[], options: ToolOptions = {}): Promise<ToolResult> {
  options.signal?.throwIfAborted();
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ? { ...process.env, ...options.env } : process.env,
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      // A group of its own: make's and gcc's children die with it, and a Ctrl-C on the terminal reaches only us.
      detached: true,
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let missing = false;
    child.stdout?.on('data', (chunk: Buffer) => {
      stdout.push(chunk);
      options.onOutput?.(chunk.toString());
    });
    child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
    if (options.input !== undefined) {
      // A tool that dies before it has read everything is judged by its exit status.
      child.stdin?.on('error', () => {});
      child.stdin?.end(options.input);
    }
    const abort = (): void => {
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has ended meanwhile.
      }
    };
    // As many tools as there are CPUs listen at the same time; Node would take more than ten for a leak.
    if (options.signal) setMaxListeners(0, options.signal);
    options.signal?.addEventListener('abort', abort, { once: true });
    child.on('error', (error: NodeJS.ErrnoException) => {
      missing = error.code === 'ENOENT';
      stderr.push(Buffer.from(`${command}: ${error.message}\n`));
      if (child.pid === undefined) finish(127, null);
    });
    child.on('close', finish);

    let finished = false;
    function finish(code: number | null, signal: NodeJS.Signals | null): void {
      if (finished) return;
      finished = true;
      options.signal?.removeEventListener('abort', abort);
      if (options.signal?.aborted) {
        reject(options.signal.reason);
        return;
      }
      resolve({
        code,
        signal,
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString(),
        milliseconds: performance.now() - started,
        missing,
      });
    }
  });
}

/** CPU time of children that have ended and were waited for, milliseconds. */
export interface ChildTimes {
  readonly user: number;
  readonly system: number;
}

/**
 * Reads what this process's ended children cost so far. Node has no wait4(2), but the kernel adds the times of every
 * child that was waited for to its parent (proc(5), /proc/self/stat fields 16 and 17), and theirs before.
 *
 * @returns user and system time in milliseconds, in steps of a clock tick (10 ms)
 */
export function childTimes(): ChildTimes {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  // The second field is the command in parentheses and may hold spaces; the third starts after the last ")".
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // USER_HZ is 100 on every architecture that Linux still supports.
  return { user: Number(fields[13]) * 10, system: Number(fields[14]) * 10 };
}
