// The runtime, compiled once per kernel. The kernel's own Kbuild makes a module that does nothing, under a name of the
// greatest length: it leaves the module's template (`.mod.o`) behind, and the recipe by which objects are made for this
// kernel. By that recipe the runtime's sources are compiled into an archive. Only Kbuild knows the recipe, but it would
// compile each source from scratch: with the headers compiled once, 30 sources take a third of the time.
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { type Diagnostic, DiagnosticError, type PassContext } from '@stapkit/pass';
import { buildError, diskFull, errnoText, isUnwritable, saysDiskFull, toolMissing } from './diagnostics.js';
import { objectSymbols, readObject } from './elf-object.js';
import { type FeatureInput, featureHeader, resolveFeatures } from './features.js';
import { makeTemporaryFolder, removeFolder, withLock } from './files.js';
import { type KbuildRecipe, linkedObjects, readCompileFlags, readRecipe } from './kbuild-commands.js';
import { type KernelBuild, kernelConfig } from './kernel-build.js';
import { runMake } from './make.js';
import { findNameOffset, TEMPLATE_NAME } from './module-name.js';
import { together } from './parallel.js';
import { type PrecompiledHeader, precompileHeaders, setsUpHeaders } from './precompiled-header.js';
import { runTool, type ToolResult } from './run-tool.js';
import { openExports, versionedSymbols, writeVersions } from './symbol-versions.js';

/** Changes whenever the content of a cached archive changes its meaning. */
const FORMAT = 3;

/** A runtime that is ready to be linked. */
export interface RuntimeArchive {
  readonly folder: string;
  readonly key: string;
  readonly recipe: KbuildRecipe;
  /** Offset of the name in `struct module`. */
  readonly nameOffset: number;
  /** Objects that every module is linked with: the template, the versions of compiler support symbols. */
  readonly objects: readonly string[];
  readonly archive: string;
  /** Folders for `-I` of the script's C: the ABI header's, the features header's. */
  readonly includes: readonly string[];
  /** Symbols that the archive defines. */
  readonly defined: readonly string[];
  /** Exported symbols that the template's `__versions` covers; undefined where the kernel has no CONFIG_MODVERSIONS. */
  readonly versioned?: readonly string[];
}

/** Where the archive comes from and goes to. */
export interface RuntimeOptions {
  readonly kernel: KernelBuild;
  /** The runtime package's folder, with `include`, `src` and `features.json`. */
  readonly runtimeFolder: string;
  readonly cacheFolder: string;
  readonly features?: FeatureInput;
  /** Directives for the kernel's make, `NAME=VALUE` (`-B`). */
  readonly makeOptions?: readonly string[];
  /** Build even where the cache has one, and keep nothing: the archive then lives in this folder. */
  readonly privateFolder?: string;
}

/**
 * Tells which archive a kernel and a runtime need: a hash over the kernel build, the compiler and every runtime source.
 */
export function runtimeKey(options: Pick<RuntimeOptions, 'kernel' | 'runtimeFolder' | 'makeOptions'>): string {
  const hash = createHash('sha256').update(`${FORMAT}\0${options.kernel.identity}\0`);
  for (const option of options.makeOptions ?? []) hash.update(`B ${option}\0`);
  for (const file of runtimeFiles(options.runtimeFolder)) {
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(options.runtimeFolder, file)))
      .update('\0');
  }
  return hash.digest('hex').slice(0, 32);
}

/** The runtime's files, in a settled order, relative to its folder. */
function runtimeFiles(folder: string): string[] {
  const files: string[] = [];
  for (const part of ['include', 'src']) {
    for (const entry of readdirSync(join(folder, part), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !/\.[chS]$/.test(entry.name)) continue;
      files.push(
        join(entry.parentPath ?? entry.path, entry.name)
          .slice(folder.length)
          .replace(/^\/+/, ''),
      );
    }
  }
  if (existsSync(join(folder, 'features.json'))) files.push('features.json');
  return files.sort();
}

/**
 * Returns the runtime for a kernel, from the cache or built now.
 *
 * @throws DiagnosticError where it can't be built or kept; the signal's reason when aborted
 */
export async function openRuntime(options: RuntimeOptions, ctx: PassContext): Promise<RuntimeArchive> {
  const key = runtimeKey(options);
  if (options.privateFolder !== undefined) {
    const folder = join(options.privateFolder, 'runtime');
    await buildInto(folder, key, options, ctx);
    return readArchive(folder, options.runtimeFolder)!;
  }
  expectTrusted(options.cacheFolder);
  const folder = join(options.cacheFolder, 'runtime', `${options.kernel.release}-${key}`);
  const present = readArchive(folder, options.runtimeFolder);
  if (present) {
    noteUse(folder);
    return present;
  }
  try {
    await withLock(
      `${folder}.lock`,
      () => readArchive(folder, options.runtimeFolder) !== undefined,
      () => buildInto(folder, key, options, ctx),
      ctx.signal,
    );
  } catch (error) {
    throw cacheFault(error, options.cacheFolder);
  }
  const built = readArchive(folder, options.runtimeFolder);
  if (!built)
    throw new DiagnosticError(buildError('cache-unwritable', `the cache folder ${folder} vanished while it was used`));
  return built;
}

/**
 * Refuses a cache folder that somebody else could put modules into: what is read from it is loaded into the kernel. The
 * folders above count too, since whoever may write to one of them can put another in the place of what lies below.
 *
 * @throws DiagnosticError where the folder is there and belongs to another user, or anybody may write to it
 */
export function expectTrusted(cacheFolder: string): void {
  let folder: string;
  try {
    folder = realpathSync(cacheFolder);
  } catch {
    // It isn't there yet, or can't be reached, which is found out where it is used.
    return;
  }
  const uid = process.getuid?.() ?? 0;
  for (let at = folder; ; at = dirname(at)) {
    const { uid: owner, mode } = statSync(at);
    // In a folder with the sticky bit, as /tmp has it, nobody can move what belongs to others.
    const open = (mode & 0o002) !== 0 && (at === folder || (mode & 0o1000) === 0);
    const name = at === folder ? 'it' : at;
    const why =
      at === folder && owner !== uid && owner !== 0
        ? `it belongs to user ${owner}`
        : open
          ? `anybody may write to ${name}`
          : '';
    if (why !== '') {
      throw new DiagnosticError(
        buildError(
          'cache-untrusted',
          `the cache folder ${cacheFolder} is not safe to take kernel modules from: ${why}`,
          { hints: ['name another folder with SYSTEMTAP_DIR, or work without one: stap --disable-cache'] },
        ),
      );
    }
    if (at === dirname(at)) return;
  }
}

/** Puts a failure to write below the cache folder in the user's words; anything else stays what it is. */
export function cacheFault(error: unknown, cacheFolder: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') return new DiagnosticError(diskFull(cacheFolder));
  if (!isUnwritable(error) && code !== 'ENOENT') return error;
  return new DiagnosticError(
    buildError('cache-unwritable', `the cache folder ${cacheFolder} cannot be written: ${errnoText(code)}`, {
      hints: ['name another folder with SYSTEMTAP_DIR, or work without one: stap --disable-cache'],
    }),
  );
}

interface ArchiveFile {
  readonly format: number;
  readonly key: string;
  readonly recipe: KbuildRecipe;
  readonly nameOffset: number;
  readonly objects: readonly string[];
  readonly defined: readonly string[];
  readonly versioned?: readonly string[];
  /** Sizes of the folder's files, so that one that was cut short is noticed. */
  readonly sizes: Readonly<Record<string, number>>;
}

function readArchive(folder: string, runtimeFolder: string): RuntimeArchive | undefined {
  try {
    const file = JSON.parse(readFileSync(join(folder, 'archive.json'), 'utf8')) as ArchiveFile;
    if (file.format !== FORMAT) return undefined;
    for (const [name, size] of Object.entries(file.sizes)) {
      if (statSync(join(folder, name)).size !== size) return undefined;
    }
    return {
      folder,
      key: file.key,
      recipe: file.recipe,
      nameOffset: file.nameOffset,
      objects: file.objects.map((name) => join(folder, name)),
      archive: join(folder, 'runtime.a'),
      includes: [join(runtimeFolder, 'include'), folder],
      defined: file.defined,
      ...(file.versioned ? { versioned: file.versioned } : {}),
    };
  } catch {
    // Not there, or damaged: either way it is built anew.
    return undefined;
  }
}

/** Cleaning goes by the time of the last use; to the day is enough. */
function noteUse(folder: string): void {
  try {
    const path = join(folder, 'archive.json');
    const now = new Date();
    if (now.getTime() - statSync(path).mtimeMs > 86_400_000) utimesSync(path, now, now);
  } catch {
    // A cache that can only be read still serves.
  }
}

async function buildInto(folder: string, key: string, options: RuntimeOptions, ctx: PassContext): Promise<void> {
  const { kernel } = options;
  ctx.progress.update(stepOf(kernel));
  const work = makeTemporaryFolder('stapkit-runtime-');
  try {
    const result = join(work, 'result');
    try {
      mkdirSync(result);
      await compileRuntime(work, result, key, options, ctx);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw code === 'ENOSPC' || code === 'EDQUOT' ? new DiagnosticError(diskFull(dirname(work))) : error;
    }
    ctx.signal.throwIfAborted();
    keepFolder(result, folder);
  } finally {
    removeFolder(work);
    ctx.progress.finish();
  }
}

/** Copies a finished folder to its place: to a temporary name beside it first, then by a rename. */
function keepFolder(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  const beside = join(dirname(to), `.tmp-${process.pid}-${basename(to)}`);
  try {
    removeFolder(beside);
    cpSync(from, beside, { recursive: true });
    // What is in the way is damaged, or somebody else's of the same content: moving it aside keeps its readers' files.
    if (existsSync(to)) renameSync(to, `${beside}.old`);
    renameSync(beside, to);
  } finally {
    removeFolder(beside);
    removeFolder(`${beside}.old`);
  }
}

/** Symbols that a compiler may call for by itself in any object, beyond what the runtime's own objects use. */
const COMPILER_SUPPORT =
  /^(__x86_indirect_thunk_|__x86_return_thunk$|mem(cpy|set|move|cmp)$|__mem(cpy|set|move)$|str(len|cmp|ncmp|cpy)$|__stack_chk_|__fentry__$|__(asan|ubsan|kasan|kcsan|tsan|msan|sanitizer)_|__(u?div|u?mod)[ds]i3$)/;

async function compileRuntime(
  work: string,
  result: string,
  key: string,
  options: RuntimeOptions,
  ctx: PassContext,
): Promise<void> {
  const { kernel, runtimeFolder } = options;
  const sources = copySources(runtimeFolder, work);
  const [features, template] = await together(ctx.signal, (signal) => [
    resolveFeatures({ kernel, runtimeFolder, source: options.features, work, signal }, ctx),
    makeTemplate(work, result, options, signal, ctx),
  ]);
  writeFileSync(join(work, 'kernel_features.h'), featureHeader(features, kernel.release));
  const objects = await compileSources(work, sources, template, kernel, ctx);
  await expectTool(kernel, 'ar', ['rcsD', join(result, 'runtime.a'), ...objects], ctx.signal);

  const symbols = objects.map((file) => objectSymbols(readObject(readFileSync(file), file)));
  const defined = new Set(symbols.flatMap((entry) => entry.defined));
  const names = [...template.objects];
  let versioned: string[] | undefined;
  if (kernelConfig(kernel)('CONFIG_MODVERSIONS') === 'y' && kernel.symversFile !== undefined) {
    const object = readObject(template.bytes, 'the module template');
    const exports = openExports(kernel.symversFile);
    versioned = versionedSymbols(object);
    const covered = new Set([...versioned, ...defined]);
    const imported = symbols.flatMap((entry) => entry.undefined).filter((name) => exports.has(name));
    const wanted = new Set([...imported, ...exports.matching(COMPILER_SUPPORT)].filter((name) => !covered.has(name)));
    writeFileSync(join(result, 'versions.o'), writeVersions(object, exports, [...wanted]));
    names.push('versions.o');
    versioned.push(...wanted);
  }
  writeFileSync(join(result, 'kernel_features.h'), featureHeader(features, kernel.release));

  const sizes: Record<string, number> = {};
  for (const name of readdirSync(result)) sizes[name] = statSync(join(result, name)).size;
  const file: ArchiveFile = {
    format: FORMAT,
    key,
    recipe: template.recipe,
    nameOffset: findNameOffset(template.bytes, 'the module template'),
    objects: names,
    defined: [...defined],
    ...(versioned ? { versioned } : {}),
    sizes,
  };
  writeFileSync(join(result, 'archive.json'), JSON.stringify(file));
}

/** What Kbuild made of a module with nothing in it. */
interface Template {
  readonly recipe: KbuildRecipe;
  /** Names of the objects that every module is linked with, in the result's folder. */
  readonly objects: readonly string[];
  /** The one of them that holds `struct module`. */
  readonly bytes: Buffer;
  readonly precompiled: PrecompiledHeader | undefined;
}

/**
 * Lets Kbuild make a module that does nothing: what it links beside the module's own object is the template, and its
 * commands are the recipe. The headers of the runtime's sources are compiled meanwhile, as soon as make has shown how.
 */
async function makeTemplate(
  work: string,
  result: string,
  { kernel, makeOptions }: RuntimeOptions,
  outer: AbortSignal,
  ctx: PassContext,
): Promise<Template> {
  const folder = join(work, 'template');
  mkdirSync(folder);
  writeFileSync(join(folder, `${STUB}.c`), STUB_SOURCE);
  writeFileSync(join(folder, 'Kbuild'), KBUILD_FILE);
  const stop = new AbortController();
  const signal = AbortSignal.any([outer, stop.signal]);
  let precompiling: Promise<PrecompiledHeader | undefined> | undefined;
  let printed = '';
  try {
    const watch = (text: string): void => {
      printed += text;
      const compile = precompiling ? undefined : readCompileFlags(printed, `${STUB}.c`);
      if (!compile) return;
      const recipe = { compiler: compile.compiler, folder: kernel.buildFolder };
      const files = runtimeFiles(work).filter((file) => /\.[ch]$/.test(file) && !file.startsWith('include/'));
      precompiling = precompileHeaders(work, files, recipe, [...compile.flags, ...sourceFlags(work)], signal);
      // A failure of make's is the one that is reported.
      precompiling.catch(() => {});
    };
    const output = await runMake(kernel, folder, signal, watch, makeOptions);
    ctx.log(3, output.stdout);
    const module = join(folder, `${TEMPLATE_NAME}.ko`);
    if (output.code !== 0 || !existsSync(module))
      throw new DiagnosticError(runtimeFault(kernel, output, folder, makeOptions));

    const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
    const moduleCommand = read(`.${TEMPLATE_NAME}.ko.cmd`);
    const recipe = readRecipe({
      folder: kernel.buildFolder,
      compile: read(`.${STUB}.o.cmd`),
      link: read(`.${TEMPLATE_NAME}.o.cmd`),
      module: moduleCommand,
      output: output.stdout,
    });
    // The last link step takes in .mod.o, and since 6.13 .module-common.o.
    const objects: string[] = [];
    for (const file of linkedObjects(moduleCommand)) {
      if (basename(file) === `${TEMPLATE_NAME}.o`) continue;
      const name = `template-${objects.length}.o`;
      await expectTool(kernel, 'objcopy', ['--strip-debug', join(folder, basename(file)), join(result, name)], signal);
      objects.push(name);
    }
    const bytes = objects
      .map((name) => readFileSync(join(result, name)))
      .find((content) => content.includes(TEMPLATE_NAME, 0, 'latin1'));
    if (bytes === undefined) throw new Error('stapkit bug: Kbuild linked no module template');
    ctx.progress.update(stepOf(kernel), 0.2);
    return { recipe, objects, bytes, precompiled: await precompiling };
  } finally {
    stop.abort();
    await precompiling?.catch(() => {});
  }
}

/** Compiles the runtime's sources as Kbuild would, several at a time, and gives the objects in the sources' order. */
async function compileSources(
  work: string,
  sources: readonly string[],
  template: Template,
  kernel: KernelBuild,
  ctx: PassContext,
): Promise<string[]> {
  const { recipe, precompiled } = template;
  const flags = [...recipe.kernelFlags, ...sourceFlags(work)];
  const failed: string[] = [];
  let next = 0;
  let done = 0;
  const objectOf = (source: string): string => join(work, source.replace(/\.c$/, '.o'));
  const worker = async (signal: AbortSignal): Promise<void> => {
    for (let source = sources[next++]; source !== undefined; source = sources[next++]) {
      const path = join(work, source);
      const usual = precompiled && !setsUpHeaders(readFileSync(path, 'utf8')) ? precompiled.flags : flags;
      const compiled = await runTool(recipe.compiler, [...usual, '-c', '-o', objectOf(source), path], {
        cwd: recipe.folder,
        env: { LC_ALL: 'C', TMPDIR: work },
        signal,
      });
      if (compiled.stderr !== '') ctx.log(3, compiled.stderr.trimEnd());
      if (compiled.missing) throw new DiagnosticError(toolMissing(recipe.compiler, kernel.release));
      if (saysDiskFull(compiled)) throw new DiagnosticError(diskFull(dirname(work)));
      if (compiled.code !== 0) failed.push(compiled.stderr);
      else if (recipe.objtool && !recipe.objtoolAfterLink) {
        const [tool, ...args] = recipe.objtool;
        const checked = await runTool(tool!, [...args, objectOf(source)], { env: recipe.environment, signal });
        if (checked.code !== 0) failed.push(`${source}: error: ${checked.stderr}`);
      }
      done += 1;
      ctx.progress.update(stepOf(kernel), 0.2 + (0.8 * done) / sources.length);
    }
  };
  await together(ctx.signal, (signal) => Array.from({ length: availableParallelism() }, () => worker(signal)));
  if (failed.length > 0) throw new DiagnosticError(runtimeFault(kernel, { stderr: failed.join('\n') }, work));
  return sources.map(objectOf);
}

function stepOf(kernel: KernelBuild): string {
  return `building the runtime for kernel ${kernel.release}`;
}

/** What the runtime's sources are compiled with beyond Kbuild's own flags: their headers, no debug information. */
function sourceFlags(work: string): string[] {
  return [`-I${work}/include`, `-I${work}/src`, `-I${work}`, `-fmacro-prefix-map=${work}/=`];
}

/** The name that KBUILD_BASENAME and KBUILD_MODNAME give to everything of ours. */
const STUB = 'stapkit';

const STUB_SOURCE = `#include <linux/module.h>
static int __init stub_init(void) { return 0; }
static void __exit stub_exit(void) { }
module_init(stub_init);
module_exit(stub_exit);
MODULE_LICENSE("Dual MIT/GPL");
`;

const KBUILD_FILE = `obj-m := ${TEMPLATE_NAME}.o
${TEMPLATE_NAME}-y := ${STUB}.o
# Debug information would double the time and the size. Handlers must not be traced by ftrace: they may run inside it.
ccflags-y := -g0
ccflags-remove-y := $(CC_FLAGS_FTRACE)
# Read back from what make prints.
$(info stapkit: SRCARCH=$(SRCARCH))
`;

/**
 * Copies the runtime below the work folder: Kbuild wants its sources beside the objects, and no blanks in paths.
 *
 * @returns the C files, relative to the work folder
 */
function copySources(runtimeFolder: string, work: string): string[] {
  const sources: string[] = [];
  for (const file of runtimeFiles(runtimeFolder)) {
    mkdirSync(dirname(join(work, file)), { recursive: true });
    copyFileSync(join(runtimeFolder, file), join(work, file));
    if (file.endsWith('.c')) sources.push(file);
  }
  return sources;
}

function runtimeFault(
  kernel: KernelBuild,
  result: Partial<ToolResult> & Pick<ToolResult, 'stderr'>,
  work: string,
  makeOptions: readonly string[] = [],
): Diagnostic {
  if (result.missing) return toolMissing('make', kernel.release);
  if (saysDiskFull(result)) return diskFull(tmpdir());
  const lines = result.stderr.split('\n').map((line) => line.replaceAll(`${work}/`, ''));
  const telling = lines.filter((line) => /error:|Error \d|\*\*\*|not found|cannot|ERROR/.test(line));
  return buildError('runtime-failed', `the runtime cannot be compiled for kernel ${kernel.release}`, {
    detail: (telling.length > 0 ? telling : lines.filter((line) => line !== '')).slice(0, 12),
    hints: [
      ...(makeOptions.length > 0 ? [`make was given ${makeOptions.join(' ')} (-B)`] : []),
      kernel.compiler.matches
        ? `see whether the headers are whole: stap-prep --check ${kernel.release}`
        : `the kernel was built with ${kernel.compiler.wanted}: install that compiler`,
    ],
  });
}

async function expectTool(kernel: KernelBuild, command: string, args: readonly string[], signal: AbortSignal) {
  const result = await runTool(command, args, { signal });
  if (result.missing) throw new DiagnosticError(toolMissing(command, kernel.release));
  if (result.code === 0) return;
  if (saysDiskFull(result)) throw new DiagnosticError(diskFull(args.at(-1)!));
  throw new DiagnosticError(
    buildError('runtime-failed', `"${command}" failed for kernel ${kernel.release}`, {
      detail: result.stderr.trim().split('\n'),
    }),
  );
}
