// Finds the debug information of a kernel (its debug package's vmlinux), and opens it with its index.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Diagnostic, Outcome } from '@stapkit/pass';
import { openDebugIndex } from '../debug-index/build-index.js';
import { type DebugSymbols, debugSymbols } from '../debug-index/debug-symbols.js';
import type { DebuginfodOptions } from '../debuginfo/debuginfod.js';
import { buildIdPath, DEBUG_FOLDERS, openSupplementary } from '../debuginfo/find.js';
import { Dwarf } from '../dwarf/dwarf.js';
import { type ElfFile, openElf } from '../elf/elf-file.js';
import { BinaryFault } from '../io/fault.js';
import type { OpenKernelContext } from './open-kernel.js';

export interface OpenKernelDebugOptions {
  /** As `uname -r` prints it. */
  readonly release: string;
  /** The kernel's build id; a debug file of another is refused. */
  readonly buildId?: string;
  /** The debug file, where it is known. */
  readonly file?: string;
  /** The index is kept below `symbols/` in it, fetched files below `debuginfod/`. */
  readonly cacheFolder: string;
  /** Folders with separate debug files; the distributions' by default. */
  readonly folders?: readonly string[];
  /** Servers to ask where the file is not here, as DEBUGINFOD_URLS lists them; needs `buildId`. */
  readonly debuginfodUrls?: string;
  /** How files are fetched from the servers: whether at all, and how long it may take. */
  readonly download?: Pick<DebuginfodOptions, 'allow' | 'longest' | 'timeout'>;
  /** See `openDebugIndex`. */
  readonly workerFile?: string;
}

/** Where a kernel's debug file may lie, the surest first. */
export function kernelDebugCandidates(
  release: string,
  buildId: string | undefined,
  folders: readonly string[] = DEBUG_FOLDERS,
): string[] {
  return [
    ...(buildId === undefined ? [] : folders.map((folder) => buildIdPath(folder, buildId))),
    ...folders.flatMap((folder) => [
      join(folder, 'boot', `vmlinux-${release}`),
      join(folder, 'lib/modules', release, 'vmlinux'),
      join(folder, 'usr/lib/modules', release, 'vmlinux'),
    ]),
    `/boot/vmlinux-${release}`,
    `/lib/modules/${release}/vmlinux`,
    `/lib/modules/${release}/build/vmlinux`,
  ];
}

/**
 * Opens the debug information of a kernel.
 *
 * The first time its index is made: 174 MB of .debug_info take some seconds on two processors, with progress.
 *
 * @returns undefined, with a warning that says how to get it, where there is none; close it with `close()`
 * @throws with `signal.reason` when aborted
 */
export async function openKernelDebug(
  options: OpenKernelDebugOptions,
  context: OpenKernelContext = {},
): Promise<Outcome<(DebugSymbols & { close(): void }) | undefined>> {
  const { release, buildId, cacheFolder } = options;
  const diagnostics: Diagnostic[] = [];
  const elf = await findKernelElf(options, context, diagnostics);
  if (!elf) {
    diagnostics.push({
      code: 'dwarf/no-debuginfo',
      severity: 'warning',
      class: 'semantic',
      message: `no debug information of kernel ${release}${buildId ? ` (build id ${buildId})` : ''} was found`,
      hints: [`install the package linux-image-${release}-dbg, or set DEBUGINFOD_URLS`],
    });
    return { value: undefined, diagnostics };
  }
  try {
    const dwarf = new Dwarf(elf, openSupplementary(elf, options.folders));
    const index = await openDebugIndex(dwarf, {
      cacheFolder,
      ...(options.workerFile === undefined ? {} : { workerFile: options.workerFile }),
      ...(context.signal === undefined ? {} : { signal: context.signal }),
      ...(context.progress === undefined ? {} : { progress: context.progress }),
    });
    const symbols = debugSymbols(dwarf, index);
    const close = () => {
      index.close();
      elf.close();
      dwarf.supplementary?.elf.close();
    };
    return { value: { ...symbols, close }, diagnostics };
  } catch (error) {
    elf.close();
    context.signal?.throwIfAborted();
    if (!(error instanceof BinaryFault)) throw error;
    return { value: undefined, diagnostics: [...diagnostics, debugWarning(error.message)] };
  }
}

/** A warning about debug information that is there but can't be used. */
export function debugWarning(message: string): Diagnostic {
  return { code: 'dwarf/debuginfo-unusable', severity: 'warning', class: 'semantic', message };
}

/** Opens a kernel's debug file: one that is here, else one fetched from a debuginfod server. */
export async function findKernelElf(
  options: OpenKernelDebugOptions,
  context: OpenKernelContext,
  diagnostics: Diagnostic[],
): Promise<ElfFile | undefined> {
  return findElf(options, diagnostics) ?? (await fetchElf(options, context, diagnostics));
}

function findElf(options: OpenKernelDebugOptions, diagnostics: Diagnostic[]): ElfFile | undefined {
  const { release, buildId, folders } = options;
  const paths = options.file === undefined ? kernelDebugCandidates(release, buildId, folders) : [options.file];
  for (const path of paths) {
    if (!existsSync(path)) continue;
    try {
      const elf = openElf(path);
      const own = elf.buildId();
      if (elf.section('.debug_info') && (buildId === undefined || own === buildId)) return elf;
      elf.close();
      if (buildId !== undefined && own !== buildId) {
        diagnostics.push(
          debugWarning(`${path} is of build id ${own ?? 'none'}, but kernel ${release} is of ${buildId}`),
        );
      }
    } catch (error) {
      const unreadable = typeof (error as NodeJS.ErrnoException).syscall === 'string';
      if (!(error instanceof BinaryFault) && !unreadable) throw error;
      diagnostics.push(debugWarning((error as Error).message));
    }
  }
  return undefined;
}

async function fetchElf(
  options: OpenKernelDebugOptions,
  context: OpenKernelContext,
  diagnostics: Diagnostic[],
): Promise<ElfFile | undefined> {
  if (options.file !== undefined) return undefined;
  const path = await fetchDebugFile(options.buildId, options, context, diagnostics);
  return path === undefined ? undefined : openElf(path);
}

/** Fetches the debug file of a build id from the servers; undefined where none has it, or none is to be asked. */
export async function fetchDebugFile(
  buildId: string | undefined,
  { debuginfodUrls, cacheFolder, download }: OpenKernelDebugOptions,
  context: OpenKernelContext,
  diagnostics: Diagnostic[],
): Promise<string | undefined> {
  if (buildId === undefined || !debuginfodUrls) return undefined;
  const { fetchByBuildId } = await import('../debuginfo/debuginfod.js');
  const fetched = await fetchByBuildId(buildId, 'debuginfo', {
    urls: debuginfodUrls,
    cacheFolder,
    ...download,
    ...context,
  });
  diagnostics.push(...fetched.diagnostics);
  return fetched.path;
}
