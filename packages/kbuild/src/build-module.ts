// Pass 4, the fast path: the script's C is compiled alone, goes through objtool, and is linked with what it needs of the
// runtime archive. No make, no kernel header, three short-lived programs.
//
// With a module in the script cache none of that runs: the file is read, checked and, where another name is wanted,
// written out under it.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Diagnostic, DiagnosticError, hasErrors, type Outcome, type PassContext } from '@stapkit/pass';
import type { CModule, EmbeddedUnit } from '@stapkit/translator';
import type { BuiltModule } from './built-module.js';
import { compileDiagnostics } from './compiler-messages.js';
import { buildError, buildWarning, diskFull, errnoText, fileError, saysDiskFull, toolMissing } from './diagnostics.js';
import { objectSymbols, readObject, writeSectionObject } from './elf-object.js';
import type { FeatureInput } from './features.js';
import { makeTemporaryFolder, removeFolder, writeAtomically } from './files.js';
import type { KernelBuild } from './kernel-build.js';
import { findNamePlaces, isModuleName, MAX_MODULE_NAME, writeModuleName } from './module-name.js';
import { settleEach } from './parallel.js';
import { runTool, type ToolResult } from './run-tool.js';
import { expectTrusted, openRuntime, type RuntimeArchive, runtimeKey } from './runtime-archive.js';
import { cleanCache, entryPath, readEntry, writeEntry } from './script-cache.js';
import { type ModuleSigning, signModule } from './sign-module.js';
import { openExports, writeVersions } from './symbol-versions.js';

/** How to build. */
export interface BuildOptions {
  readonly kernel: KernelBuild;
  /** The runtime package's folder. */
  readonly runtimeFolder: string;
  /** Holds `runtime/`, `modules/` and `units/`. */
  readonly cacheFolder: string;
  /** The kernel's type information, asked for only when the runtime must be compiled. */
  readonly features?: FeatureInput;
  /** The module's name (`-m`); without it the name comes from the module's content. */
  readonly name?: string;
  /**
   * Set apart from other runs of the same script: the name ends in it. Without it and without `name` the module keeps
   * the name that it has in the cache, and the cached file itself is the result.
   */
  readonly instance?: string | number;
  /** Where the .ko goes; needed with `name` and `instance`, else the temporary folder takes it. */
  readonly outputFolder?: string;
  /** Where the C and the objects go, and stay: the caller removes it. Without it they are removed at the end. */
  readonly temporaryFolder?: string;
  /** `use` by default; `poison` reads nothing from the script cache but writes to it; `off` leaves it alone. */
  readonly cache?: 'use' | 'poison' | 'off';
  readonly signing?: ModuleSigning;
  /** Directives for the kernel's make, `NAME=VALUE` (`-B`). */
  readonly makeOptions?: readonly string[];
  /**
   * Gives files with the lines of the kernel's code, and of some modules', for a script that asks for lines. Their names
   * say what is in them.
   */
  readonly lineImages?: (modules: readonly string[]) => Promise<readonly string[]>;
  /** More entries of the module's information, as modinfo(8) shows them: `NAME=VALUE` (`--modinfo`). */
  readonly modinfo?: readonly string[];
}

/**
 * Builds a module.
 *
 * @param module pass 3's output
 * @returns the module's name and path; on a fault undefined and at least one error, and nothing half-written
 * @throws the signal's reason when aborted, after every child is dead and the temporary files are gone
 */
export async function buildModule(
  module: CModule,
  options: BuildOptions,
  ctx: PassContext,
): Promise<Outcome<BuiltModule | undefined>> {
  const diagnostics: Diagnostic[] = [];
  try {
    checkOptions(module, options);
    const value = await new Build(module, options, ctx, diagnostics).run();
    return { value, diagnostics };
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    return { value: undefined, diagnostics: [...diagnostics, ...error.diagnostics] };
  }
}

/** The architectures whose objects this package reads and writes. */
const BITS_64 = new Set(['x86_64', 'arm64', 'powerpc', 'riscv']);

/** What the kernel or staprun goes by. */
const OWN_ENTRIES = /^(name|vermagic|stapkit_\w+)=/;

function checkOptions(module: CModule, { kernel, name, instance, modinfo }: BuildOptions): void {
  const bad = modinfo?.find((entry) => !/^[A-Za-z_]\w*=[^\0]*$/.test(entry) || OWN_ENTRIES.test(entry));
  if (bad !== undefined) {
    const why = OWN_ENTRIES.test(bad) ? 'the module makes that one itself' : 'write NAME=VALUE';
    throw new DiagnosticError(buildError('bad-modinfo', `"${bad}" is no entry for a module's information: ${why}`));
  }
  if (name !== undefined && !isModuleName(name)) {
    throw new DiagnosticError(
      buildError('bad-name', `"${name}" cannot be a module's name`, {
        hints: [
          `a name is made of letters, digits and "_", starts with no digit, and has at most ${MAX_MODULE_NAME} characters`,
        ],
      }),
    );
  }
  if (instance !== undefined && !/^\w{1,16}$/.test(String(instance))) {
    throw new Error(`stapkit bug: "${instance}" cannot end a module's name`);
  }
  if (!BITS_64.has(kernel.architecture)) {
    throw new DiagnosticError(
      buildError(
        'wrong-kernel',
        `modules for ${kernel.architecture} kernels cannot be built: only 64-bit, little-endian ones`,
      ),
    );
  }
  if (module.release !== kernel.release || module.architecture !== kernel.architecture) {
    throw new DiagnosticError(
      buildError(
        'wrong-kernel',
        `the script was translated for kernel ${module.release} (${module.architecture}), not for ${kernel.release} (${kernel.architecture})`,
      ),
    );
  }
}

/**
 * The name of a module in the cache, as SystemTap forms it: a hash over everything that makes the module what it is,
 * and the size of its C.
 */
export function moduleKey(module: CModule, runtime: string): { readonly key: string; readonly name: string } {
  const hash = createHash('sha256').update(`${runtime}\0${module.source}\0`);
  for (const [name, value] of Object.entries(module.defines).sort(byName)) hash.update(`D ${name}=${value}\0`);
  for (const unit of module.units) hash.update(`U ${unit.name}\0${unit.source}\0`);
  const key = hash.digest('hex').slice(0, 32);
  return { key, name: `stap_${key}_${module.source.length % 10_000_000}` };
}

function byName([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The values of promises that are all settled; the diagnostics of those that failed are thrown together. */
function fulfilled<T>(results: readonly PromiseSettledResult<T>[]): T[] {
  const failed = results.filter((result) => result.status === 'rejected').map(({ reason }) => reason as unknown);
  const other = failed.find((reason) => !(reason instanceof DiagnosticError));
  if (other !== undefined) throw other;
  const told = failed.flatMap((reason) => (reason as DiagnosticError).diagnostics);
  if (told.length > 0) throw new DiagnosticError(...told);
  return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
}

/** The runtime's functions that look lines up. */
const LINE_FUNCTION = /\bstapkit_fn_sym(?:file|line|fileline)\b/;

/** One build: what its steps share. */
class Build {
  private folder = '';
  /** For a script that asks for lines; undefined for others. */
  private lineImages: readonly string[] | undefined;

  constructor(
    private readonly module: CModule,
    private readonly options: BuildOptions,
    private readonly ctx: PassContext,
    private readonly diagnostics: Diagnostic[],
  ) {}

  async run(): Promise<BuiltModule> {
    const { options } = this;
    const runtime = runtimeKey(options);
    if (LINE_FUNCTION.test(this.module.source)) {
      this.lineImages = (await options.lineImages?.(this.module.modules ?? [])) ?? [];
    }
    const { key, name } = moduleKey(this.module, [runtime, ...this.modinfo(), ...(this.lineImages ?? [])].join('\0'));
    if (options.cache !== 'off') expectTrusted(options.cacheFolder);
    const cachePath = entryPath(options.cacheFolder, key, name);
    const cached = (options.cache ?? 'use') === 'use' ? readEntry(cachePath) : undefined;
    const wanted = options.name ?? (options.instance === undefined ? name : `stap_${key}_${options.instance}`);
    // A cached module serves as it is where nothing about it has to change.
    const inPlace = wanted === name && options.outputFolder === undefined && options.signing === undefined;
    if (cached && inPlace) return this.result(name, cachePath, true);

    const ownFolder = options.temporaryFolder === undefined;
    this.folder = options.temporaryFolder ?? makeTemporaryFolder('stapkit-build-');
    try {
      let bytes = cached;
      if (!bytes) {
        bytes = await this.compile(name);
        const kept = options.cache !== 'off' && this.keep(cachePath, bytes);
        if (kept && inPlace) return this.result(name, cachePath, false);
        // The cache was the only place that it could have gone to.
        if (!kept && ownFolder && options.outputFolder === undefined) throw this.nowhere();
      }
      const built = this.result(wanted, await this.writeOut(bytes, wanted), cached !== undefined);
      return cached ? { ...built, cachePath } : built;
    } finally {
      if (ownFolder) removeFolder(this.folder);
    }
  }

  private result(name: string, path: string, cached: boolean): BuiltModule {
    const { release, architecture } = this.options.kernel;
    return { kind: 'built-module', name, path, release, architecture, cached };
  }

  private nowhere(): DiagnosticError {
    const unkept = this.diagnostics.splice(0);
    if (unkept.length === 0) throw new Error('stapkit bug: a module that is not cached needs an output folder');
    return new DiagnosticError(...unkept.map((diagnostic) => ({ ...diagnostic, severity: 'error' as const })));
  }

  /** Keeps a module in the cache; false where it can't be, which is no fault of the script's. */
  private keep(path: string, bytes: Buffer): boolean {
    try {
      writeEntry(path, bytes);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      this.diagnostics.push(
        buildWarning('cache-unwritable', `the module is not kept in the cache: ${path}: ${errnoText(code)}`, {
          hints: ['name another folder with SYSTEMTAP_DIR, or work without one: stap --disable-cache'],
        }),
      );
      return false;
    }
    cleanCache(this.options.cacheFolder);
    return true;
  }

  private async writeOut(bytes: Buffer, name: string): Promise<string> {
    const folder = this.options.outputFolder ?? this.options.temporaryFolder;
    if (folder === undefined) throw new Error('stapkit bug: a module of its own name needs an output folder');
    const path = join(folder, `${name}.ko`);
    const archive = await this.openArchive();
    let named: Buffer = Buffer.from(bytes);
    writeModuleName(named, findNamePlaces(named, archive.nameOffset, path), name);
    if (this.options.signing) named = await this.sign(named, this.options.signing);
    try {
      mkdirSync(folder, { recursive: true });
      writeAtomically(path, named);
    } catch (error) {
      throw new DiagnosticError(fileError('write the module', path, error));
    }
    return path;
  }

  /** The signature covers the name, so it comes last. */
  private async sign(bytes: Buffer, signing: ModuleSigning): Promise<Buffer> {
    const path = join(this.folder, 'to-sign.ko');
    this.write(path, bytes);
    await signModule(path, signing, this.options.kernel, this.ctx.signal);
    const signed = readFileSync(path);
    rmSync(path);
    return signed;
  }

  private archive: Promise<RuntimeArchive> | undefined;

  private openArchive(): Promise<RuntimeArchive> {
    this.archive ??= openRuntime(
      { ...this.options, ...(this.options.cache === 'off' ? { privateFolder: this.folder } : {}) },
      this.ctx,
    );
    return this.archive;
  }

  private async compile(name: string): Promise<Buffer> {
    const { module, ctx } = this;
    const archive = await this.openArchive();
    const source = join(this.folder, `${name}.c`);
    this.write(source, module.source);
    const compiled = await settleEach([undefined, ...module.units], (unit) =>
      unit ? this.compileUnit(archive, unit) : this.compileScript(archive, source, join(this.folder, `${name}.o`)),
    );
    // Every error is told, and no compiler is at work any more when the folder is removed.
    const objects = fulfilled(compiled);
    const extra = [
      ...this.addVersions(archive, objects),
      ...this.addModinfo(objects[0]!),
      ...(await this.addLines(archive)),
    ];
    const output = join(this.folder, `${name}.ko`);
    await this.link(archive, [...objects, ...extra], output);
    ctx.signal.throwIfAborted();
    const bytes = readFileSync(output);
    this.checkUndefined(bytes, output);
    writeModuleName(bytes, findNamePlaces(bytes, archive.nameOffset, output), name);
    return bytes;
  }

  private async compileScript(archive: RuntimeArchive, source: string, object: string): Promise<string> {
    const { recipe } = archive;
    const args = [
      ...recipe.plainFlags,
      ...archive.includes.map((folder) => `-I${folder}`),
      ...this.defines(),
      '-fno-diagnostics-show-caret',
      '-fdiagnostics-color=never',
      '-c',
      '-o',
      object,
      source,
    ];
    await this.runCompiler(recipe.compiler, args, this.folder, 'the generated C');
    await this.objtool(archive, object);
    return object;
  }

  /** Embedded C of the user's: compiled with the kernel's headers, kept by its text. */
  private async compileUnit(archive: RuntimeArchive, unit: EmbeddedUnit): Promise<string> {
    const { recipe } = archive;
    const flags = [
      ...recipe.kernelFlags,
      ...archive.includes.map((folder) => `-I${folder}`),
      ...this.defines(),
      '-fno-diagnostics-show-caret',
      '-fdiagnostics-color=never',
      '-g0',
    ];
    const key = createHash('sha256')
      .update(JSON.stringify([archive.key, flags, unit.source]))
      .digest('hex')
      .slice(0, 32);
    const object = join(this.folder, `${unit.name}.o`);
    const cachePath = join(this.options.cacheFolder, 'units', key.slice(0, 2), `${key}.o`);
    const cached = (this.options.cache ?? 'use') === 'use' ? readEntry(cachePath) : undefined;
    if (cached) {
      this.write(object, cached);
      return object;
    }
    const source = join(this.folder, `${unit.name}.c`);
    this.write(source, unit.source);
    await this.runCompiler(recipe.compiler, [...flags, '-c', '-o', object, source], recipe.folder, 'the embedded C');
    await this.objtool(archive, object);
    if (this.options.cache !== 'off') this.keep(cachePath, readFileSync(object));
    return object;
  }

  private defines(): string[] {
    return Object.entries(this.module.defines).map(([name, value]) =>
      value === '' ? `-D${name}` : `-D${name}=${value}`,
    );
  }

  private async runCompiler(compiler: string, args: readonly string[], cwd: string, what: string): Promise<void> {
    const env = { LC_ALL: 'C', TMPDIR: this.folder };
    this.ctx.log(2, `running ${compiler} ${args.join(' ')}`);
    const result = await runTool(compiler, args, { cwd, env, signal: this.ctx.signal });
    if (result.stderr !== '') this.ctx.log(3, result.stderr.trimEnd());
    if (result.code === 0) return;
    if (result.missing) throw new DiagnosticError(toolMissing(compiler, this.options.kernel.release));
    if (saysDiskFull(result)) throw new DiagnosticError(diskFull(this.folder));
    const found = compileDiagnostics(result.stderr, this.module.sources, what);
    if (hasErrors(found)) throw new DiagnosticError(...found);
  }

  private async objtool(archive: RuntimeArchive, object: string, afterLink = false): Promise<void> {
    const { objtool, objtoolAfterLink, environment } = archive.recipe;
    if (objtool === undefined || objtoolAfterLink !== afterLink) return;
    const [tool, ...args] = objtool;
    const { signal } = this.ctx;
    this.ctx.log(2, `running ${objtool.join(' ')} ${object}`);
    const result = await runTool(tool!, [...args, object], { cwd: this.folder, env: environment, signal });
    if (result.stderr !== '') this.ctx.log(3, result.stderr.trimEnd());
    if (result.code !== 0)
      throw new DiagnosticError(this.toolFault('objtool-failed', 'objtool refuses the module', result));
  }

  private async link(archive: RuntimeArchive, objects: readonly string[], output: string): Promise<void> {
    const { recipe } = archive;
    let inputs: readonly string[] = [...objects, ...archive.objects, archive.archive];
    if (recipe.objtoolAfterLink) {
      // The template goes in here too: it is what asks the archive for the module's init function.
      const whole = output.replace(/\.ko$/, '.linked.o');
      await this.runLinker(recipe.partialLink, inputs, whole);
      await this.objtool(archive, whole, true);
      inputs = [whole];
    }
    await this.runLinker(recipe.finalLink, inputs, output);
  }

  private async runLinker(command: readonly string[], inputs: readonly string[], output: string): Promise<void> {
    const [linker, ...flags] = command;
    this.ctx.log(2, `running ${command.join(' ')} -o ${output} ${inputs.join(' ')}`);
    const result = await runTool(linker!, [...flags, '-o', output, ...inputs], {
      cwd: this.folder,
      signal: this.ctx.signal,
    });
    if (result.code === 0) return;
    throw new DiagnosticError(this.toolFault('link-failed', 'the module cannot be linked', result));
  }

  private toolFault(code: 'link-failed' | 'objtool-failed', message: string, result: ToolResult): Diagnostic {
    if (result.missing) return toolMissing(code === 'link-failed' ? 'ld' : 'objtool', this.options.kernel.release);
    if (saysDiskFull(result)) return diskFull(this.folder);
    const words =
      result.stderr.trim() || (result.signal ? `it was ended by ${result.signal}` : `exit status ${result.code}`);
    return buildError(code, message, { detail: words.split('\n').slice(0, 12) });
  }

  /** Adds checksums for kernel symbols that only this script uses. */
  private addVersions(archive: RuntimeArchive, objects: readonly string[]): string[] {
    const { symversFile } = this.options.kernel;
    if (archive.versioned === undefined || symversFile === undefined) return [];
    const known = new Set([...archive.versioned, ...archive.defined]);
    const parsed = objects.map((file) => readObject(readFileSync(file), file));
    const symbols = parsed.map(objectSymbols);
    for (const { defined } of symbols) for (const symbol of defined) known.add(symbol);
    const open = [...new Set(symbols.flatMap((entry) => entry.undefined))].filter((symbol) => !known.has(symbol));
    if (open.length === 0) return [];
    const path = join(this.folder, 'script-versions.o');
    this.write(path, writeVersions(parsed[0]!, openExports(symversFile), open));
    return [path];
  }

  /**
   * What the module's information says beside the template's own: the build id of the kernel that it is for, by which
   * staprun tells a kernel of the same release from this very one, and `--modinfo`.
   */
  private modinfo(): readonly string[] {
    const { buildId } = this.module;
    const known = buildId !== undefined && /^[0-9a-f]+$/.test(buildId);
    return [...(known ? [`kernel_build_id=${buildId}`] : []), ...(this.options.modinfo ?? [])];
  }

  /** Entries are texts with a NUL behind each, in a section that the linker joins with the template's. */
  private addModinfo(like: string): string[] {
    const modinfo = this.modinfo();
    if (modinfo.length === 0) return [];
    const path = join(this.folder, 'modinfo.o');
    const text = Buffer.from(modinfo.map((entry) => `${entry}\0`).join(''));
    this.write(path, writeSectionObject(readObject(readFileSync(like), like), '.modinfo', text));
    return [path];
  }

  /** The tables of lines, and the list by which the runtime knows them. */
  private async addLines(archive: RuntimeArchive): Promise<string[]> {
    const images = this.lineImages;
    if (images === undefined) return [];
    const source = join(this.folder, 'lines.S');
    const lines = [
      '.section .rodata, "a"',
      '.balign 8',
      '.globl stapkit_line_images',
      'stapkit_line_images:',
      ...images.map((_, index) => `.quad stapkit_line_image_${index}`),
      '.quad 0',
      ...images.flatMap((path, index) => [
        '.balign 8',
        `stapkit_line_image_${index}:`,
        `.incbin "${path.replace(/["\\]/g, '\\$&')}"`,
      ]),
      '.section .note.GNU-stack, "", %progbits',
    ];
    this.write(source, `${lines.join('\n')}\n`);
    const object = join(this.folder, 'lines.o');
    await this.runCompiler(archive.recipe.compiler, ['-c', '-o', object, source], this.folder, 'the table of lines');
    return [object];
  }

  /** What a module leaves open must be exported by the kernel: said here rather than when it is loaded. */
  private checkUndefined(bytes: Buffer, file: string): void {
    const { symversFile, release } = this.options.kernel;
    if (symversFile === undefined) return;
    const open = objectSymbols(readObject(bytes, file)).undefined;
    const exports = openExports(symversFile);
    // _GLOBAL_OFFSET_TABLE_ is the linker's own; the kernel's loader ignores it.
    const missing = open.filter((symbol) => symbol !== '_GLOBAL_OFFSET_TABLE_' && !exports.has(symbol));
    if (missing.length === 0) return;
    const names = missing.map((symbol) => `"${symbol}"`).join(', ');
    throw new DiagnosticError(
      buildError('undefined-symbol', `kernel ${release} exports no ${names}, which the module uses`, {
        hints: ['embedded C can use only what the kernel exports to modules'],
      }),
    );
  }

  private write(path: string, content: string | Uint8Array): void {
    try {
      writeFileSync(path, content);
    } catch (error) {
      throw new DiagnosticError(fileError('write', path, error));
    }
  }
}
