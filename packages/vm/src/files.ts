// Files written whole or not at all, and programs run to their end.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { faults } from './diagnostics.js';

/**
 * Writes a file by way of a temporary name, so that nobody ever sees half of it. Makes the folders above it.
 *
 * @throws DiagnosticError where it can't be written
 */
export async function writeWhole(path: string, data: Uint8Array | string, mode = 0o644): Promise<void> {
  const temporary = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}~`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(temporary, data, { mode });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw faults.unwritable(path, error);
  }
}

/** The first 16 hexadecimal digits of the SHA-256 of all parts: a cache key. */
export function contentKey(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) {
    hash.update(`${part.length}:`);
    hash.update(part);
  }
  return hash.digest('hex').slice(0, 16);
}

/** What a program printed and how it ended. */
export interface ToolResult {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/**
 * Runs a program, feeds it its input and collects its output.
 *
 * @throws Error where it can't be started; the signal's reason when aborted
 */
export function runTool(
  command: string,
  args: readonly string[],
  options: { readonly input?: Uint8Array; readonly signal?: AbortSignal } = {},
): Promise<ToolResult> {
  return new Promise((resolve, reject) => {
    options.signal?.throwIfAborted();
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    const abort = (): void => void child.kill('SIGKILL');
    options.signal?.addEventListener('abort', abort, { once: true });
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    // A tool that stops reading early says why by its exit status.
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
    child.on('error', reject);
    child.on('close', (code) => {
      options.signal?.removeEventListener('abort', abort);
      if (options.signal?.aborted) reject(options.signal.reason);
      else resolve({ code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString('utf8') });
    });
  });
}
