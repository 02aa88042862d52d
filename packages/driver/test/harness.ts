// Runs the command lines as a user would, as processes of their own, and makes scratch folders that go away.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

export const root = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');

/** How a command ended. */
export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Record<string, string>;
  readonly cwd?: string;
  readonly stdin?: string;
  /** Called with the process as soon as it runs, e.g. to send it a signal. */
  readonly started?: (child: { pid: number; kill(signal: NodeJS.Signals): void }) => void;
  /** Called with all standard output so far, whenever there is more. */
  readonly onStdout?: (text: string, child: { kill(signal: NodeJS.Signals): void }) => void;
  /** Called with all standard error so far, whenever there is more. */
  readonly onStderr?: (text: string, child: { kill(signal: NodeJS.Signals): void }) => void;
}

/**
 * Limits of time that no test is about: none must fail because the machine stood still while a handler ran, or held a lock.
 * What the command line says comes later, and counts.
 */
export const PATIENT = ['-DMAXTRYLOCK=1000000', '-DSTP_OVERLOAD_THRESHOLD=1000000000000'];

/** Runs `./stap` of the checkout; what runs in a guest is patient. */
export function stap(argv: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const words = argv[0] === '--vm' ? ['--vm', ...PATIENT, ...argv.slice(1)] : argv;
  return command([join(root, 'stap'), ...words], options);
}

/** Runs any command. */
export function command(argv: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(argv[0]!, argv.slice(1), {
      env: { ...process.env, ...options.env },
      cwd: options.cwd ?? tmpdir(),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
      options.onStdout?.(stdout, { kill: (signal) => child.kill(signal) });
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
      options.onStderr?.(stderr, { kill: (signal) => child.kill(signal) });
    });
    child.stdin.on('error', () => {});
    child.stdin.end(options.stdin ?? '');
    child.on('error', reject);
    child.on('spawn', () => options.started?.({ pid: child.pid!, kill: (signal) => child.kill(signal) }));
    child.on('close', (status, signal) => resolve({ status, signal, stdout, stderr }));
  });
}

/** A folder that is removed when the test is over. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'stapkit-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The script of the documentation's first command, and its output: once more for a hit that was under way elsewhere. */
export const ONE_LINER = 'probe vfs.read {printf("read performed\\n"); exit()}';
export const READ_PERFORMED = /^(?:read performed\n)+$/;
