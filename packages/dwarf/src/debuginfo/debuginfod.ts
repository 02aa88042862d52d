// A client of debuginfod servers (debuginfod(8), "WEBAPI"): debug files by build id over HTTP, kept in the cache.
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Diagnostic, Progress } from '@stapkit/pass';
import { openElf } from '../elf/elf-file.js';
import { BinaryFault } from '../io/fault.js';

export interface DebuginfodOptions {
  /** Servers as DEBUGINFOD_URLS lists them, separated by spaces; `process.env.DEBUGINFOD_URLS` is the caller's to pass. */
  readonly urls: string;
  /** Files are kept in `debuginfod/BUILDID/` of it. */
  readonly cacheFolder: string;
  /** Of one server's first answer, in milliseconds; 90 seconds as the man page has it. */
  readonly timeout?: number;
  /** Of a whole download, in milliseconds; none where not given. */
  readonly longest?: number;
  /** Asked before anything is fetched; false leaves it. */
  readonly allow?: () => boolean | Promise<boolean>;
  readonly signal?: AbortSignal;
  readonly progress?: Progress;
  /** In place of the global fetch. */
  readonly fetch?: typeof fetch;
}

export interface Fetched {
  /** The file in the cache; undefined where no server has it. */
  readonly path?: string;
  readonly diagnostics: readonly Diagnostic[];
}

/** How long the answer "no server has it" holds, in milliseconds: ten minutes, as libdebuginfod has it. */
const MISS_LIFETIME = 600_000;

/**
 * Fetches the debug file or the executable of a build id.
 *
 * @param buildId in hexadecimal
 * @param kind what to ask for
 * @returns the file's path; warnings tell of servers that failed
 * @throws with `signal.reason` when aborted; nothing half-written is left
 */
export async function fetchByBuildId(
  buildId: string,
  kind: 'debuginfo' | 'executable',
  options: DebuginfodOptions,
): Promise<Fetched> {
  const diagnostics: Diagnostic[] = [];
  if (!/^[0-9a-f]{4,128}$/.test(buildId)) return { diagnostics };
  const folder = join(options.cacheFolder, 'debuginfod', buildId);
  const path = join(folder, kind);
  if (existsSync(path)) return { path, diagnostics };
  const miss = `${path}.miss`;
  try {
    if (Date.now() - statSync(miss).mtimeMs < MISS_LIFETIME) return { diagnostics };
  } catch {
    // Nobody was asked lately.
  }
  const urls = options.urls.split(/\s+/).filter((url) => /^https?:\/\//.test(url));
  if (urls.length > 0 && options.allow && !(await options.allow())) return { diagnostics };
  let refused = 0;
  for (const url of urls) {
    options.signal?.throwIfAborted();
    try {
      const found = await download(`${url.replace(/\/+$/, '')}/buildid/${buildId}/${kind}`, path, buildId, options);
      if (found) return { path, diagnostics };
      refused += 1;
    } catch (error) {
      options.signal?.throwIfAborted();
      diagnostics.push({
        code: 'dwarf/debuginfod-failed',
        severity: 'warning',
        class: 'semantic',
        message: `debuginfod server ${url}: ${describe(error)}`,
      });
    } finally {
      options.progress?.finish();
    }
  }
  // Only where every server said so: one that could not be reached may have it.
  if (urls.length > 0 && refused === urls.length) {
    try {
      mkdirSync(folder, { recursive: true });
      writeFileSync(miss, '');
    } catch {
      // Asked again next time.
    }
  }
  return { diagnostics };
}

function describe(error: unknown): string {
  const cause = (error as { cause?: unknown }).cause;
  return cause instanceof Error ? cause.message : (error as Error).message;
}

/** Downloads into a temporary file, checks that it is the right one, and moves it to its place. */
async function download(url: string, path: string, buildId: string, options: DebuginfodOptions): Promise<boolean> {
  const timer = new AbortController();
  const timeout = setTimeout(() => timer.abort(new Error('the server does not answer')), options.timeout ?? 90_000);
  const onAbort = () => timer.abort(options.signal?.reason);
  options.signal?.addEventListener('abort', onAbort, { once: true });
  const { longest } = options;
  const limit =
    longest === undefined
      ? undefined
      : setTimeout(() => timer.abort(new Error(`not there within ${longest / 1000} s`)), longest);
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  let descriptor: number | undefined;
  try {
    const response = await (options.fetch ?? fetch)(url, { signal: timer.signal });
    clearTimeout(timeout);
    if (response.status === 404) return false;
    if (!response.ok || !response.body) throw new Error(`status ${response.status}`);
    const total = Number(response.headers.get('x-debuginfod-size') ?? response.headers.get('content-length') ?? 0);
    mkdirSync(join(path, '..'), { recursive: true });
    descriptor = openSync(temporary, 'wx', 0o644);
    let done = 0;
    for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) {
      for (let at = 0; at < piece.length; ) at += writeSync(descriptor, piece, at, piece.length - at);
      done += piece.length;
      options.progress?.update(
        `downloading debug information ${buildId.slice(0, 12)}`,
        total ? done / total : undefined,
      );
    }
    closeSync(descriptor);
    descriptor = undefined;
    checkBuildId(temporary, buildId, url);
    renameSync(temporary, path);
    return true;
  } finally {
    clearTimeout(timeout);
    clearTimeout(limit);
    options.signal?.removeEventListener('abort', onAbort);
    if (descriptor !== undefined) closeSync(descriptor);
    rmSync(temporary, { force: true });
  }
}

function checkBuildId(file: string, buildId: string, url: string): void {
  const elf = openElf(file);
  try {
    if (elf.buildId() !== buildId) {
      throw new BinaryFault({ file: url, offset: 0 }, `the file is of build id ${elf.buildId() ?? 'none'}`);
    }
  } finally {
    elf.close();
  }
}
