// Finds a kernel's BTF, keeps what was made of it in the cache, and opens it from there. A second opening of the same
// kernel reads a few pages of the cache file and nothing of the kernel's image.
import { readFileSync, rmSync, statSync } from 'node:fs';
import { release as runningRelease, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Diagnostic, DiagnosticError, type Outcome, type Progress } from '@stapkit/pass';
import { BinaryFault } from '../io/fault.js';
import { stampOf } from '../io/parts-file.js';
import type { GivenSymbols } from './build-facts.js';
import { FACTS_NAME, FactsFile } from './facts-file.js';
import { type KernelSymbols, kernelSymbols } from './kernel-symbols.js';

export interface OpenKernelOptions {
  /** As `uname -r` prints it. */
  readonly release: string;
  /** A vmlinuz, vmlinux, debug file or raw BTF blob; found by the release where not given. */
  readonly image?: string;
  /** As /lib/modules/RELEASE; found by the release where not given. */
  readonly modulesFolder?: string;
  /** The files of modules that are elsewhere, by name; asked each time. */
  readonly moduleFiles?: ReadonlyMap<string, string>;
  /** Facts are kept below `symbols/` in it. */
  readonly cacheFolder: string;
}

/** What `openKernel` needs of a pass's context; both may be left out. */
export interface OpenKernelContext {
  readonly signal?: AbortSignal;
  readonly progress?: Progress;
}

const RUNNING_BTF = '/sys/kernel/btf/vmlinux';
const RUNNING_NOTES = '/sys/kernel/notes';

/**
 * Where a kernel's image may lie, the likeliest first.
 *
 * @param cacheFolder images that were fetched for the embedded guest lie in `guest/RELEASE` of it
 */
export function kernelImageCandidates(release: string, cacheFolder: string): string[] {
  return [
    `/boot/vmlinuz-${release}`,
    join(cacheFolder, 'guest', release, 'boot', `vmlinuz-${release}`),
    `/lib/modules/${release}/vmlinuz`,
    `/lib/modules/${release}/build/vmlinux`,
    `/usr/lib/debug/boot/vmlinux-${release}`,
    `/usr/lib/debug/lib/modules/${release}/vmlinux`,
    `/boot/vmlinux-${release}`,
  ];
}

/**
 * Opens what is known of a kernel by its BTF: functions, tracepoints, types and enumerators.
 *
 * The running kernel's BTF is read from /sys/kernel/btf; another's comes out of its image. The first time takes as long
 * as unpacking the image (half a second for 8 MB of xz); afterwards the facts come from the cache.
 *
 * @param options which kernel
 * @param context lets a long first time be aborted and be shown
 * @returns the facts; where they can't be had, a source that knows nothing, and an error that says what was looked for
 * @throws with `signal.reason` when aborted
 */
export async function openKernel(
  options: OpenKernelOptions,
  context: OpenKernelContext = {},
): Promise<Outcome<KernelSymbols>> {
  const { release, cacheFolder } = options;
  const tried: string[] = [];
  const diagnostics: Diagnostic[] = [];
  const places: { path: string; running: boolean }[] = [];
  if (options.image !== undefined) places.push({ path: options.image, running: options.image === RUNNING_BTF });
  else {
    if (release === runningRelease()) places.push({ path: RUNNING_BTF, running: true });
    for (const path of kernelImageCandidates(release, cacheFolder)) places.push({ path, running: false });
  }
  for (const { path, running } of places) {
    let stamp: string;
    try {
      const stat = statSync(path);
      // The file in sysfs has no lasting times; its build id tells whether it is the same kernel.
      stamp = running ? '' : stampOf(stat);
    } catch {
      tried.push(path);
      continue;
    }
    try {
      const facts = await openFacts(path, running, stamp, options, context, diagnostics);
      return { value: await symbolsOf(facts, path, running, options), diagnostics };
    } catch (error) {
      context.signal?.throwIfAborted();
      if (error instanceof BinaryFault) {
        // A kernel without BTF, or a damaged image: another place may have a better one.
        diagnostics.push({
          code: 'dwarf/kernel-unusable',
          severity: options.image === undefined ? 'warning' : 'error',
          class: 'semantic',
          message: error.message,
        });
        if (options.image !== undefined) return { value: await emptySymbols(release), diagnostics };
        continue;
      }
      if (isSystemError(error)) {
        tried.push(`${path} (${error.code})`);
        continue;
      }
      throw error;
    }
  }
  diagnostics.push({
    code: 'dwarf/no-kernel',
    severity: 'error',
    class: 'semantic',
    message: `no type information of kernel ${release} was found`,
    detail: tried.map((path) => `looked for ${path}`),
    hints: [`install the kernel's image (Debian: linux-image-${release}), run stap-prep, or name the image's file`],
  });
  return { value: await emptySymbols(release), diagnostics };
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string';
}

/** Opens the facts of an image from the cache, making them first where need be. */
async function openFacts(
  path: string,
  running: boolean,
  stamp: string,
  options: OpenKernelOptions,
  context: OpenKernelContext,
  diagnostics: Diagnostic[],
): Promise<FactsFile> {
  const folder = join(options.cacheFolder, 'symbols');
  const imageNote = join(folder, 'images', encodeURIComponent(path).slice(-200));
  let buildId = running ? runningBuildId() : readImageNote(imageNote, stamp);
  if (buildId !== undefined) {
    const facts = tryFacts(join(folder, buildId, FACTS_NAME));
    if (facts) return facts;
  }
  const { layoutFacts } = await import('./build-facts.js');
  const { writeAtomically } = await import('../io/write-parts.js');
  const { readKernelImage } = await import('./kernel-image.js');
  context.progress?.update(`reading the types of kernel ${options.release}`);
  try {
    const image = await readKernelImage(path, context.signal);
    buildId ??= image.buildId ?? `btf-${await contentHash(image.btf)}`;
    const file = join(folder, buildId, FACTS_NAME);
    const about = {
      release: options.release,
      architecture: image.architecture ?? architectureHere(),
      buildId,
      pointerSize: image.pointerSize ?? 8,
    };
    const symbols = image.symbols
      ? { list: image.symbols, linkTime: true }
      : running
        ? await runningSymbols()
        : undefined;
    const contents = layoutFacts(image.btf, path, about, symbols);
    context.signal?.throwIfAborted();
    try {
      writeAtomically(file, contents, true);
      if (!running) writeAtomically(imageNote, `${stamp}\n${buildId}\n`);
      return new FactsFile(file);
    } catch (error) {
      if (!isSystemError(error)) throw error;
      diagnostics.push({
        code: 'dwarf/cache-unwritable',
        severity: 'warning',
        class: 'semantic',
        message: `the facts of kernel ${options.release} can't be kept in ${folder}: ${error.message}`,
      });
      const temporary = join(tmpdir(), `stapkit-facts-${process.pid}-${Math.random().toString(36).slice(2)}`);
      try {
        writeAtomically(temporary, contents);
        return new FactsFile(temporary);
      } finally {
        // The open file lives on without its name.
        rmSync(temporary, { force: true });
        rmSync(`${temporary}.stamp`, { force: true });
      }
    }
  } finally {
    context.progress?.finish();
  }
}

/** The running kernel's symbols, where this user may see their addresses. */
async function runningSymbols(): Promise<GivenSymbols | undefined> {
  const { readKallsyms } = await import('./kallsyms.js');
  try {
    const list = readKallsyms();
    return list.hasAddresses ? { list: [...list], linkTime: false } : undefined;
  } catch (error) {
    if (error instanceof BinaryFault || isSystemError(error)) return undefined;
    throw error;
  }
}

function tryFacts(path: string): FactsFile | undefined {
  try {
    return new FactsFile(path);
  } catch (error) {
    // Not there, damaged, or of another version: it is made anew.
    if (error instanceof DiagnosticError || isSystemError(error) || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function readImageNote(file: string, stamp: string): string | undefined {
  try {
    const [known, buildId] = readFileSync(file, 'utf8').split('\n');
    return known === stamp && buildId && /^[\w-]+$/.test(buildId) ? buildId : undefined;
  } catch {
    return undefined;
  }
}

/** The build id in /sys/kernel/notes: the GNU note of type 3. */
function runningBuildId(): string | undefined {
  let notes: Buffer;
  try {
    notes = readFileSync(RUNNING_NOTES);
  } catch {
    return undefined;
  }
  for (let at = 0; at + 12 <= notes.length; ) {
    const nameSize = notes.readUInt32LE(at);
    const descriptionSize = notes.readUInt32LE(at + 4);
    const type = notes.readUInt32LE(at + 8);
    const description = at + 12 + Math.ceil(nameSize / 4) * 4;
    if (type === 3 && notes.toString('latin1', at + 12, at + 16) === 'GNU\0' && descriptionSize > 0) {
      return notes.toString('hex', description, description + descriptionSize);
    }
    at = description + Math.ceil(descriptionSize / 4) * 4;
  }
  return undefined;
}

async function contentHash(bytes: Uint8Array): Promise<string> {
  const { createHash } = await import('node:crypto');
  return createHash('sha256').update(bytes).digest('hex').slice(0, 40);
}

/** SystemTap's name of the machine's own architecture. */
function architectureHere(): string {
  const names: Partial<Record<NodeJS.Architecture, string>> = {
    x64: 'x86_64',
    ia32: 'i386',
    ppc64: 'powerpc',
    s390x: 's390',
  };
  return names[process.arch] ?? process.arch;
}

/** Where a kernel's modules may lie, the likeliest first. */
function modulesFolders(path: string, options: OpenKernelOptions): string[] {
  if (options.modulesFolder !== undefined) return [options.modulesFolder];
  const { release, cacheFolder } = options;
  // Beside an image that was unpacked from a package.
  const root = dirname(dirname(path));
  return [
    `/lib/modules/${release}`,
    join(root, 'lib/modules', release),
    join(root, 'usr/lib/modules', release),
    join(cacheFolder, 'guest', release, 'lib/modules', release),
    join(cacheFolder, 'guest', release, 'usr/lib/modules', release),
  ];
}

async function symbolsOf(
  facts: FactsFile,
  path: string,
  running: boolean,
  options: OpenKernelOptions,
): Promise<KernelSymbols> {
  const modules = await import('./modules.js');
  const systems = await import('./tracepoint-systems.js');
  const { about } = facts;
  const folders = modulesFolders(path, options);
  let files: Map<string, string> | undefined;
  const moduleFiles = () => {
    if (!files) {
      files = new Map();
      for (const folder of folders) {
        const found = modules.listModuleFiles(folder);
        if (found.size > 0) {
          files = found;
          break;
        }
      }
    }
    return files;
  };
  let known: ReadonlyMap<string, string> | undefined;
  return kernelSymbols({
    kernel: { release: options.release, architecture: about.architecture, buildId: about.buildId },
    pointerSize: about.pointerSize,
    btf: facts.btf,
    functions: facts.functions,
    symbolOf: (index) => facts.symbolOf(index),
    variants: facts.variants,
    types: facts.types,
    enumerators: facts.enumerators,
    variables: facts.variables,
    tracepoints: facts.tracepoints,
    module(name) {
      if (!/^\w+$/.test(name)) return undefined;
      const own = options.moduleFiles?.get(name);
      if (own !== undefined) return modules.readModuleFacts(name, own, facts.btf);
      if (running && name !== 'vmlinux') {
        try {
          return modules.readRawModuleFacts(name, `/sys/kernel/btf/${name}`, facts.btf);
        } catch (error) {
          if (!isSystemError(error)) throw error;
          // Not loaded: its file may be there.
        }
      }
      const listed =
        folders.map((folder) => modules.findModuleFile(folder, name)).find((found) => found !== undefined) ??
        moduleFiles().get(name);
      const file = listed === undefined ? undefined : modules.resolveModuleFile(listed);
      return file === undefined ? undefined : modules.readModuleFacts(name, file, facts.btf);
    },
    moduleNames: () => [...moduleFiles().keys()].sort(),
    systemOf(tracepoint) {
      known ??= systems.tracepointSystems(
        running,
        [`/lib/modules/${options.release}/build`, `/lib/modules/${options.release}/source`],
        join(options.cacheFolder, 'symbols', about.buildId, 'tracepoint-systems.2'),
      );
      return known.get(tracepoint);
    },
    close: () => facts.close(),
  });
}

/** A source that knows nothing, for the outcome of a kernel that was not found. */
async function emptySymbols(release: string): Promise<KernelSymbols> {
  const { parseBtf } = await import('../btf/btf.js');
  const header = Buffer.alloc(25);
  header.writeUInt16LE(0xeb9f, 0);
  header[2] = 1;
  header.writeUInt32LE(24, 4);
  header.writeUInt32LE(1, 20);
  const none = {
    match: () => [],
    find: () => [],
    all: () => [],
    matchingIndexes: () => [],
    nameAt: () => '',
    idAt: () => 0,
  };
  return kernelSymbols({
    kernel: { release, architecture: architectureHere() },
    pointerSize: 8,
    btf: parseBtf(header, 'nothing'),
    functions: none,
    symbolOf: () => ({}),
    variants: none,
    types: none,
    enumerators: none,
    variables: none,
    tracepoints: none,
    module: () => undefined,
    moduleNames: () => [],
    systemOf: () => undefined,
    close() {},
  });
}
